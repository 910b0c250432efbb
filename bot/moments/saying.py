"""Moments and repeats become Russian words again, in a form that the grammars of this package understand."""

from collections.abc import Sequence
from datetime import datetime

from bot.moments.clock import as_text
from bot.moments.moment import END_OF_DAY
from bot.moments.words import MONTHS_OF, WEEKDAYS
from delivery.recurrence import LAST, Recurrence

__all__ = ["in_words", "repeat_in_words"]

_NEAR = {-1: "вчера", 1: "завтра", 2: "послезавтра"}
# Weekdays as cron counts them, Sunday first
_EVERY = (
    "каждое воскресенье", "каждый понедельник", "каждый вторник", "каждую среду", "каждый четверг", "каждую пятницу",
    "каждую субботу",
)  # fmt: skip
_ON = ("воскресеньям", "понедельникам", "вторникам", "средам", "четвергам", "пятницам", "субботам")
_WHOM = ("воскресенье", "понедельник", "вторник", "среду", "четверг", "пятницу", "субботу")
_NEUTER, _MASCULINE, _FEMININE = range(3)
_GENDERS = (_NEUTER, _MASCULINE, _MASCULINE, _FEMININE, _MASCULINE, _FEMININE, _FEMININE)
_NTH = {
    1: ("в первое", "в первый", "в первую"),
    2: ("во второе", "во второй", "во вторую"),
    3: ("в третье", "в третий", "в третью"),
    4: ("в четвертое", "в четвертый", "в четвертую"),
    5: ("в пятое", "в пятый", "в пятую"),
    LAST: ("в последнее", "в последний", "в последнюю"),
}
_WHOLE_YEAR = tuple(range(1, 13))
_TIMES_SAID = 4  # more are a rhythm, not a list


def in_words(moment: datetime, now: datetime) -> str:
    """Return «завтра, 25 ноября, среда, 9:00». `moment` is aware, in its readers' zone; `now` is aware.

    The year is said when it is not this one.
    """
    today = now.astimezone(moment.tzinfo).date()
    away = (moment.date() - today).days
    if away == 0:
        return f"сегодня в {_time(moment)}"
    near = [_NEAR[away]] if away in _NEAR else []
    return ", ".join([*near, _date(moment, today.year), WEEKDAYS[moment.weekday()], _time(moment)])


def repeat_in_words(cron: str, until: datetime | None = None, now: datetime | None = None) -> str:
    """Return «каждый вторник в 10:00 до 1 июня». `until` and `now` are aware, `until` in its readers' zone.

    The year of `until` is left out when it is that of `now`. What has no short name is shown as cron text. Raises
    RecurrenceError for a text that is none.
    """
    one = Recurrence.parse(cron)
    words = _often(one) or _on_days(one) or f"по расписанию «{one.cron}»"
    return words if until is None else f"{words} до {_end(until, now)}"


def _end(until: datetime, now: datetime | None) -> str:
    date = _date(until, now.astimezone(until.tzinfo).year if now else None)
    return date if until.time().replace(second=0, microsecond=0) == END_OF_DAY else f"{date}, {_time(until)}"


def _date(moment: datetime, this_year: int | None) -> str:
    date = f"{moment.day} {MONTHS_OF[moment.month - 1]}"
    return date if moment.year == this_year else f"{date} {moment.year} года"


def _time(moment: datetime) -> str:
    return as_text(moment.hour, moment.minute)


def _often(one: Recurrence) -> str:
    """Every so many hours or minutes of every day."""
    if not _is_daily(one):
        return ""
    if one.minutes == (0,) and (step := _step(one.hours, 24)):
        return "каждый час" if step == 1 else f"каждые {step} {'часа' if step < 5 else 'часов'}"
    if len(one.hours) == 24 and (step := _step(one.minutes, 60)) > 1:
        return f"каждые {step} {'минуты' if step < 5 else 'минут'}"
    return ""


def _step(values: Sequence[int], whole: int) -> int:
    """The even step with which values run from 0 through the whole; 0 when they do not."""
    step = whole // len(values)
    return step if len(values) > 1 and whole % step == 0 and tuple(values) == tuple(range(0, whole, step)) else 0


def _on_days(one: Recurrence) -> str:
    """Days of one kind, at a few times."""
    times = [as_text(hour, minute) for hour in one.hours for minute in one.minutes]
    if len(times) > _TIMES_SAID:
        return ""
    if _is_daily(one):
        days = "каждый день"
    elif one.weekdays and not (one.days or one.days_or_last or one.nth_weekdays):
        days = _weekly(one)
    elif one.nth_weekdays and not (one.days or one.days_or_last or one.weekdays):
        days = _nth_weekdays(one)
    elif not (one.weekdays or one.nth_weekdays):
        days = _dates(one)
    else:
        days = ""
    return f"{days} в {_listed(times)}" if days else ""


def _is_daily(one: Recurrence) -> bool:
    no_days = not (one.days or one.days_or_last or one.nth_weekdays)
    return no_days and len(one.weekdays) in {0, 7} and one.months == _WHOLE_YEAR


def _weekly(one: Recurrence) -> str:
    if one.months != _WHOLE_YEAR:
        return ""
    weekdays = sorted(one.weekdays, key=lambda weekday: (weekday - 1) % 7)
    if weekdays == [1, 2, 3, 4, 5]:
        return "по будням"
    if weekdays == [6, 0]:
        return "по выходным"
    return _EVERY[weekdays[0]] if len(weekdays) == 1 else f"по {_listed([_ON[weekday] for weekday in weekdays])}"


def _nth_weekdays(one: Recurrence) -> str:
    if one.months != _WHOLE_YEAR:
        return ""
    each = (f"{_NTH[week][_GENDERS[weekday]]} {_WHOM[weekday]} месяца" for weekday, week in one.nth_weekdays)
    return _listed(list(each))


def _dates(one: Recurrence) -> str:
    if len(one.months) == 1 and one.days and not one.days_or_last:
        return f"каждый год {_listed([str(day) for day in one.days])} {MONTHS_OF[one.months[0] - 1]}"
    if one.months != _WHOLE_YEAR or any(day > 28 for day in one.days):
        return ""
    or_last = [day for day in one.days_or_last if day < 31]
    numbers = [str(day) for day in sorted({*one.days, *or_last})]
    if not numbers:
        return "в последний день месяца"
    either = " или в последний день" if any(day > 28 for day in or_last) else ""
    last = " и в последний день" if len(or_last) < len(one.days_or_last) else ""
    return f"каждый месяц {_listed(numbers)} числа{either}{last}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} и {words[-1]}"
