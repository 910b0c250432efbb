"""When a repeat happens: cron text as cron reads it, in a time zone whose clock is put forward and back.

The text means what crontab(5) says: five fields, names, lists, ranges and steps, 0 and 7 both Sunday, a day of the
month *or* a day of the week when both are restricted. Three forms are added, since a federation's life needs them:
`L` as a day is the last of the month, `30L` the 30th or the last of a month that is shorter; `5L` and `5#2` as a
weekday are the last and the second Friday of the month. APScheduler computes the wall times, told everything by lists
of numbers and names: its own reading of cron text differs (0 is Monday, day and weekday must both match).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from delivery.model import Schedule

__all__ = [
    "LAST",
    "Occurrence",
    "Recurrence",
    "RecurrenceCode",
    "RecurrenceError",
    "daily",
    "in_zone",
    "monthly",
    "next_after",
    "on_wall",
    "passed",
    "wall",
    "weekly",
]

LAST = -1
"""The week of `5L`: the last one of the month that has a Friday."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKS = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 5: "5th", LAST: "last"}
_LONGEST = dict(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1))
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class RecurrenceCode(StrEnum):
    """What is wrong with a cron text."""

    FIELD_COUNT = "field_count"  # not five fields
    UNKNOWN_MACRO = "unknown_macro"  # @reboot, @dayly
    BAD_VALUE = "bad_value"  # neither a number nor a name of this field
    OUT_OF_RANGE = "out_of_range"
    BACKWARD_RANGE = "backward_range"  # 5-1
    BAD_STEP = "bad_step"  # */0, or a step longer than the whole field: */90 would not be every 90 minutes
    NOT_TOGETHER = "not_together"  # steps of days with the n-th weekday of a month


class RecurrenceError(ValueError):
    """Not a cron text. `field` is minute, hour, day, month or weekday, or empty; `value` is the piece at fault."""

    def __init__(self, code: RecurrenceCode, field: str, value: str) -> None:
        super().__init__(f"{code}: {field} {value}".strip())
        self.code = code
        self.field = field
        self.value = value


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A cron text understood. Weekdays count from 0, Sunday; empty `days` or `weekdays` mean any.

    `days_or_last` are days that fall on the last of a shorter month. `nth_weekdays` are pairs of weekday and week of
    the month, 1 to 5 or LAST. With `both`, a day must match on either side, else one side is enough.
    """

    cron: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    days_or_last: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    nth_weekdays: tuple[tuple[int, int], ...]
    both: bool

    @classmethod
    def parse(cls, cron: str) -> "Recurrence":
        """Read a cron text of five fields or a name such as @daily. Raises RecurrenceError."""
        cron = " ".join(cron.split())
        text = _MACROS.get(cron.lower(), cron)
        if text.startswith("@"):
            raise RecurrenceError(RecurrenceCode.UNKNOWN_MACRO, "", cron)
        fields = text.split()
        if len(fields) != len(_FIELDS):
            raise RecurrenceError(RecurrenceCode.FIELD_COUNT, "", cron)
        minutes, hours, days, months, weekdays = (
            _parsed(field, text) for field, text in zip(_FIELDS, fields, strict=True)
        )
        # crontab(5): "restricted" means that the field does not begin with a star; so */2 is not.
        both = fields[2].startswith("*") or fields[4].startswith("*")
        if both and (days.numbers or days.nth) and weekdays.nth:
            raise RecurrenceError(RecurrenceCode.NOT_TOGETHER, "weekday", fields[4])
        return cls(
            cron=cron,
            minutes=minutes.numbers or tuple(range(60)),
            hours=hours.numbers or tuple(range(24)),
            days=days.numbers,
            days_or_last=tuple(number for number, _ in days.nth),
            months=months.numbers or tuple(range(1, 13)),
            weekdays=tuple(sorted({number % 7 for number in weekdays.numbers})),
            nth_weekdays=tuple((number % 7, week) for number, week in weekdays.nth),
            both=both,
        )

    @property
    def never(self) -> bool:
        """True when no year has such a day: 30 February."""
        if self.days_or_last or self.weekdays or self.nth_weekdays or not self.days:
            return False
        return all(day > _LONGEST[month] for day in self.days for month in self.months)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a repeat happens. `local` is the wall time that was asked for, naive; unique within a repeat.

    `at` is the instant, UTC. The two differ by more than the zone's offset where the clock was put forward over
    `local`: then it happens as much later as the clock jumped.
    """

    local: datetime
    at: datetime


# Texts that people's choices become


def daily(hour: int, minute: int) -> str:
    """Cron text of every day at a time."""
    return f"{minute} {hour} * * *"


def weekly(weekday: int, hour: int, minute: int) -> str:
    """Cron text of every week on a day: 1 is Monday, 7 Sunday (ISO 8601)."""
    return f"{minute} {hour} * * {weekday}"


def monthly(day: int, hour: int, minute: int) -> str:
    """Cron text of every month on a day; the last day where the month is shorter.

    Bare cron would pass over the short months: nobody who says "on the 31st of each month" means seven times a year.
    """
    days = {29: "29L", 30: "30L", 31: "L"}
    return f"{minute} {hour} {days.get(day, day)} * *"


# Reading cron text


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Values:
    """`numbers` is empty for a bare star. `nth` are the added forms, as pairs of number and week."""

    numbers: tuple[int, ...]
    nth: tuple[tuple[int, int], ...]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("weekday", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_NTH = {
    "day": re.compile(r"(?P<number>\d*)(?P<last>l)"),
    "weekday": re.compile(r"(?P<number>\w+?)(?:(?P<last>l)|#(?P<week>[1-5]))"),
}
_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<end>\w+))?)(?:/(?P<step>[0-9]{1,3}))?")


def _parsed(field: _Field, text: str) -> _Values:
    numbers: set[int] = set()
    nth: dict[tuple[int, int], None] = {}
    for item in text.lower().split(","):
        if pair := _nth(field, item):
            nth[pair] = None
        else:
            numbers.update(_range(field, item))
    if text == "*":
        numbers.clear()
    return _Values(tuple(sorted(numbers)), tuple(nth))


def _nth(field: _Field, item: str) -> tuple[int, int] | None:
    pattern = _NTH.get(field.name)
    match = pattern.fullmatch(item) if pattern else None
    if match is None or item in field.names:
        return None
    number = _number(field, match["number"]) if match["number"] else field.high
    return number, LAST if match["last"] else int(match["week"])


def _range(field: _Field, item: str) -> range:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise RecurrenceError(RecurrenceCode.BAD_VALUE, field.name, item)
    step = 1 if match["step"] is None else int(match["step"])
    if not 1 <= step <= field.high - field.low + 1:
        raise RecurrenceError(RecurrenceCode.BAD_STEP, field.name, item)
    first, end = _ends(field, match)
    if first > end:
        raise RecurrenceError(RecurrenceCode.BACKWARD_RANGE, field.name, item)
    return range(first, end + 1, step)


def _ends(field: _Field, match: re.Match[str]) -> tuple[int, int]:
    if match["first"] is None:
        return field.low, 6 if field.name == "weekday" else field.high  # Sunday once, for the steps' sake
    first = _number(field, match["first"])
    if match["end"] is not None:
        return first, 7 if match["end"] == "sun" and first else _number(field, match["end"])
    return first, field.high if match["step"] else first


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names[text]
    if not text.isascii() or not text.isdigit():
        raise RecurrenceError(RecurrenceCode.BAD_VALUE, field.name, text)
    number = int(text[:4])
    if not field.low <= number <= field.high:
        raise RecurrenceError(RecurrenceCode.OUT_OF_RANGE, field.name, text)
    return number


# Computing moments


def next_after(recurrence: Recurrence, moment: datetime, zone: ZoneInfo) -> Occurrence | None:
    """Return the first occurrence later than a moment (aware), None when there is none.

    A wall time that the clock jumps over happens once, as much later as the clock jumped, unless the repeat happens
    there anyway; one that comes twice happens the first time only.
    """
    if recurrence.never:
        return None
    calendar = _calendar(recurrence)
    moment = moment.astimezone(UTC)
    soonest: Occurrence | None = None
    for local in _walls(calendar, _earliest_wall(moment, zone)):
        if soonest is not None and local > wall(soonest.at, zone):
            break  # whatever follows comes later, also where the clock jumped
        at = on_wall(local, zone)
        moved_to = wall(at, zone)
        if at <= moment or (moved_to != local and next(_walls(calendar, moved_to)) == moved_to):
            continue
        if soonest is None or at < soonest.at:
            soonest = Occurrence(local, at)
    return soonest


def passed(recurrence: Recurrence, first: Occurrence, now: datetime, zone: ZoneInfo, most: int) -> list[Occurrence]:
    """Return the occurrences from `first`, which has passed, up to `now`, in order.

    When there are more than `most`: so many from the beginning and, behind them, the latest of all.
    """
    found = [first]
    while len(found) < most:
        following = next_after(recurrence, found[-1].at, zone)
        if following is None or following.at > now:
            return found
        found.append(following)
    latest = _latest(recurrence, found[-1], now, zone)
    return found if latest == found[-1] else [*found, latest]


def _latest(recurrence: Recurrence, latest: Occurrence, now: datetime, zone: ZoneInfo) -> Occurrence:
    """Return the last occurrence up to `now`, by halving: a year of minutes takes twenty looks."""
    end = now
    while end - latest.at > timedelta(minutes=1):
        middle = latest.at + (end - latest.at) / 2
        following = next_after(recurrence, middle, zone)
        if following is None or following.at > now:
            end = middle
        else:
            latest = following
    following = next_after(recurrence, latest.at, zone)
    return latest if following is None or following.at > now else following


def on_wall(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which the clocks of a zone show a naive wall time.

    The first of two where it comes twice; where the clock jumps over it, as much later as the clock jumped.
    """
    return local.replace(tzinfo=zone).astimezone(UTC)


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show at an instant, naive."""
    return at.astimezone(zone).replace(tzinfo=None)


def in_zone(one: Schedule, zone: ZoneInfo) -> Schedule:
    """Return a schedule with the same wall times in another zone, or by a zone's changed rules; its end moves along.

    Of two hours that bear one name either is right: a single moment may have been meant for the second.
    """
    if one.next_local is None or one.next_at is None:
        return one
    at = one.next_at if wall(one.next_at, zone) == one.next_local else on_wall(one.next_local, zone)
    return replace(one, zone=zone.key, next_at=at, until=_end_in_zone(one, zone))


def _end_in_zone(one: Schedule, zone: ZoneInfo) -> datetime | None:
    if one.until is None or one.zone == zone.key:
        return one.until
    try:
        return on_wall(wall(one.until, ZoneInfo(one.zone)), zone)
    except (ZoneInfoNotFoundError, ValueError):  # a zone that has lost its name since
        return one.until


def _earliest_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The earliest wall time that can be later than a moment: the clock may have jumped over it the day before."""
    offsets = [(moment - timedelta(days=back)).astimezone(zone).utcoffset() or timedelta() for back in (0, 1)]
    return moment.replace(tzinfo=None) + min(offsets)


def _walls(calendar: BaseTrigger, start: datetime) -> Iterator[datetime]:
    """Wall times from `start` on, in a calendar without zones: UTC stands for the wall."""
    at = start.replace(tzinfo=UTC)
    while (found := calendar.get_next_fire_time(None, at)) is not None:
        yield found.replace(tzinfo=None)
        at = found + timedelta(minutes=1)


@lru_cache(maxsize=256)
def _calendar(recurrence: Recurrence) -> BaseTrigger:
    days = list(_day_rules(recurrence))
    weekdays = list(_weekday_rules(recurrence))
    if recurrence.both:
        rules = [{**day, **weekday} for day in days or [{}] for weekday in weekdays or [{}]]
    else:
        rules = [*days, *weekdays]
    clock = {"hour": _list(recurrence.hours), "minute": _list(recurrence.minutes), "second": "0"}
    months = _list(recurrence.months)
    return OrTrigger([CronTrigger(**({"month": months} | rule | clock), timezone=UTC) for rule in rules])


def _day_rules(recurrence: Recurrence) -> Iterator[dict[str, str]]:
    days = sorted({*recurrence.days, *recurrence.days_or_last})
    if days:
        yield {"day": _list(days)}
    for day in recurrence.days_or_last:
        shorter = [month for month in recurrence.months if _LONGEST[month] < day or month == 2]
        if shorter and day > 28:
            yield {"day": "last", "month": _list(shorter)}


def _weekday_rules(recurrence: Recurrence) -> Iterator[dict[str, str]]:
    if recurrence.weekdays:
        yield {"day_of_week": ",".join(_WEEKDAYS[number] for number in recurrence.weekdays)}
    if recurrence.nth_weekdays:
        nth = (f"{_WEEKS[week]} {_WEEKDAYS[number]}" for number, week in recurrence.nth_weekdays)
        yield {"day": ",".join(nth)}


def _list(numbers: Iterator[int] | tuple[int, ...] | list[int]) -> str:
    return ",".join(map(str, numbers))
