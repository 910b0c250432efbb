"""Why words about time could not be taken."""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["MomentCode", "MomentError"]


class MomentCode(StrEnum):
    """What is wrong with words about time. Dates and times among the values are ISO 8601 texts."""

    NOT_UNDERSTOOD = "not_understood"  # values: word, the first that was not; near, a known one that is like it
    NO_TIME = "no_time"  # a day without an hour
    NO_DAY = "no_day"  # «каждый месяц в 9:00»
    IN_THE_PAST = "in_the_past"  # values: moment
    TOO_FAR = "too_far"  # values: moment, years; more likely a slip than a plan
    NO_SUCH_DATE = "no_such_date"  # values: text; 31 June
    NO_SUCH_HOUR = "no_such_hour"  # values: text; 25:00, or the hour over which the clock is put forward
    AMBIGUOUS = "ambiguous"  # values: first, second
    WRONG_WEEKDAY = "wrong_weekday"  # values: date, weekday; what it really is, 1 for Monday
    CONTRADICTION = "contradiction"  # two days, or two kinds of repeat, at once
    NO_SUCH_REPEAT = "no_such_repeat"  # understood, but a calendar schedule can't say it: every other day
    NEVER = "never"  # a repeat that ends before it begins, or on 30 February
    BAD_CRON = "bad_cron"  # values: code, field, value of delivery.recurrence


class MomentError(ValueError):
    """Words about time that name no moment, or none that can be used. `values` are what the code's sentence needs."""

    def __init__(self, code: MomentCode, values: Mapping[str, int | str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.values = dict(values or {})
