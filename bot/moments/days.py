"""The day in a text: «завтра», «в пятницу», «1 мая», «01.05.2027», «через 3 дня», «5 числа»."""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from bot.moments.words import MONTH, WEEKDAY, month_of, weekday_of

__all__ = ["Days", "Weekday", "days", "weekday_days"]


@dataclass(frozen=True, slots=True)
class Days:
    """A day as it was said: `days` are those it can be, the nearest first; none when the calendar has no such day.

    `same_time` is true where the hour of now is meant unless another is said: «через 3 дня».
    """

    text: str
    days: tuple[date, ...]
    same_time: bool = False
    two: bool = False  # either of both is meant and nobody can tell: «через день»


@dataclass(frozen=True, slots=True)
class Weekday:
    """A weekday, 0 for Monday. `week` is 0 for this week's, 1 for next week's, None for the next to come."""

    text: str
    weekday: int
    week: int | None


_Match = re.Match[str]
_RELATIVE = {"позавчера": -2, "вчера": -1, "сегодня": 0, "завтра": 1, "послезавтра": 2}
_YEAR = r"(?: ?г(?:ода|оду)?\b\.?)?"


def _in_full(match: _Match, _: date) -> tuple[date, ...]:
    year = int(match["year"])
    return _exact(year + 2000 if year < 100 else year, int(match["month"]), int(match["day"]))


def _without_year(match: _Match, today: date) -> tuple[date, ...]:
    return _next_such(int(match["month"]), int(match["day"]), today)


def _named_month(match: _Match, today: date) -> tuple[date, ...]:
    month, day = month_of(match["month"]), int(match["day"])
    return _exact(int(match["year"]), month, day) if match["year"] else _next_such(month, day, today)


def _relative_word(match: _Match, today: date) -> tuple[date, ...]:
    return (today + timedelta(days=_RELATIVE[match[0]]),)


def _later(match: _Match, today: date) -> tuple[date, ...]:
    count, unit = int(match["count"] or 1), match["unit"]
    if unit.startswith(("д", "с")):
        return _shifted(today, count)
    if unit.startswith("н"):
        return _shifted(today, 7 * count)
    return _months_later(today, count if unit.startswith("м") else 12 * count)


def _other_day(_: _Match, today: date) -> tuple[date, ...]:
    return today + timedelta(days=1), today + timedelta(days=2)


def _weeks_later_on(match: _Match, today: date) -> tuple[date, ...]:
    monday = today - timedelta(days=today.weekday())
    return _shifted(monday, 7 * int(match["count"] or 1) + weekday_of(match["weekday"]))


def _day_of_month(match: _Match, today: date) -> tuple[date, ...]:
    if match["which"]:
        first = _months(today)[1 if match["which"].startswith("след") else 0]
        return _exact(first.year, first.month, int(match["day"]))
    such = (_exact(first.year, first.month, int(match["day"])) for first in _months(today))
    return tuple(day for found in such for day in found if day >= today)[:2]


def _last_of_month(match: _Match, today: date) -> tuple[date, ...]:
    months = _months(today)[1:2] if match["which"] else _months(today)
    return tuple(date(first.year, first.month, calendar.monthrange(first.year, first.month)[1]) for first in months)[:2]


def _weekday_of_month(match: _Match, today: date) -> tuple[date, ...]:
    number, weekday = (int(match["nth"]) if match["nth"].isdigit() else -1), weekday_of(match["weekday"])
    months = _months(today)[1:2] if match["which"] else _months(today)
    found = []
    for first in months:
        length = calendar.monthrange(first.year, first.month)[1]
        such = [day for day in range(1, length + 1) if date(first.year, first.month, day).weekday() == weekday]
        if number <= len(such):
            found.append(date(first.year, first.month, such[number - 1 if number > 0 else -1]))
    return tuple(day for day in found if day >= today or match["which"])[:2]


_READERS: tuple[tuple[re.Pattern[str], Callable[[_Match, date], tuple[date, ...]]], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)", _in_full),
        (rf"(?P<day>\d{{1,2}})([./-])(?P<month>\d{{1,2}})\2(?P<year>\d{{4}}|\d{{2}})(?![\d.]){_YEAR}", _in_full),
        (r"(?P<day>\d{1,2})[./](?P<month>\d{1,2})(?![\d./])", _without_year),
        (rf"(?P<day>\d{{1,2}})(?: числа)? (?P<month>{MONTH})(?: (?P<year>\d{{4}})(?!\d){_YEAR})?", _named_month),
        (r"(?:позавчера|вчера|сегодня|завтра|послезавтра)\b", _relative_word),
        (rf"через (?:(?P<count>\d{{1,3}}) )?недел\w+ во? (?P<weekday>{WEEKDAY})", _weeks_later_on),
        (r"через день\b", _other_day),
        (r"через (?:(?P<count>\d{1,4}) )?(?P<unit>день|дня|дней|сут\w+|недел\w+|месяц\w*|год\w?|лет)\b", _later),
        (r"(?P<day>\d{1,2}) числа(?: (?P<which>этого|следующего) месяца)?", _day_of_month),
        (r"последн\w+ (?:день|дня|числ\w+) (?:(?P<which>следующего) |этого )?месяца\b", _last_of_month),
        (
            rf"(?P<nth>последн\w+|[1-5]) (?P<weekday>{WEEKDAY}) (?:(?P<which>следующего) |этого )?месяца\b",
            _weekday_of_month,
        ),
    )
)
_WEEKS = ((r"эт\w+", 0), (r"следующ\w+", 1), (r"ближайш\w+", None))
_WEEKDAY_PATTERNS = (
    re.compile(rf"(?:(?P<which>эт\w+|следующ\w+|ближайш\w+) )?(?P<weekday>{WEEKDAY})(?! (?:на )?\w+ недел)"),
    re.compile(rf"(?:на )?(?P<which>эт\w+|следующ\w+) недел\w+ (?:во? )?(?P<weekday>{WEEKDAY})"),
    re.compile(rf"(?P<weekday>{WEEKDAY}) (?:на )?(?P<which>эт\w+|следующ\w+) недел\w+"),
)


def days(text: str, today: date) -> Iterator[tuple[Days | Weekday, int]]:
    """Yield the days that a text may begin with, each with where it ends."""
    for pattern, reader in _READERS:
        if match := pattern.match(text):
            yield Days(match[0], reader(match, today), reader is _later, reader is _other_day), match.end()
    for pattern in _WEEKDAY_PATTERNS:
        if match := pattern.match(text):
            which = match["which"] or ""
            week = next((week for form, week in _WEEKS if re.fullmatch(form, which)), None)
            yield Weekday(match[0], weekday_of(match["weekday"]), week), match.end()


def weekday_days(said: Weekday, today: date) -> tuple[date, ...]:
    """Return the days that a weekday can mean, the nearest first."""
    if said.week is not None:
        return _shifted(today - timedelta(days=today.weekday()), 7 * said.week + said.weekday)
    ahead = (said.weekday - today.weekday()) % 7
    return _shifted(today, ahead) + _shifted(today, ahead + 7)


# The calendar; a day that it does not have is an empty tuple


def _exact(year: int, month: int, day: int) -> tuple[date, ...]:
    try:
        return (date(year, month, day),)
    except ValueError:
        return ()


def _next_such(month: int, day: int, today: date) -> tuple[date, ...]:
    """29 February may be eight years away: 1896 to 1904, 2096 to 2104."""
    years = (_exact(today.year + more, month, day) for more in range(9))
    return next((found for found in years if found and found[0] >= today), ())


def _months(today: date) -> list[date]:
    """The first days of this month and the next ones: one of any five has a 31st, and any two of them a 30th."""
    start = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(start, start + 5)]


def _shifted(day: date, by: int) -> tuple[date, ...]:
    try:
        return (day + timedelta(days=by),)
    except OverflowError:
        return ()


def _months_later(day: date, by: int) -> tuple[date, ...]:
    """The same day of a later month, the last where the month is shorter."""
    year, month = day.year + (day.month - 1 + by) // 12, (day.month - 1 + by) % 12 + 1
    if year > date.max.year:
        return ()
    return _exact(year, month, min(day.day, calendar.monthrange(year, month)[1]))
