"""The hour in a text: «9:00», «в 9», «7 вечера», «в полдень», «половина десятого»."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.moments.errors import MomentCode, MomentError
from bot.moments.words import MONTH, WEEKDAY

__all__ = ["DAY", "MIDNIGHT", "Clock", "PartOfDay", "as_text", "clocks", "minutes_of", "parts_of_day"]

DAY = 24 * 60
MIDNIGHT = (0, DAY)
"""Where a day begins and where it ends: the word alone does not say which."""


@dataclass(frozen=True, slots=True)
class Clock:
    """An hour as it was said. `same` means that of now; `unsaid` is «в час» without a digit, at night or afternoon."""

    text: str
    hour: int = 0
    minute: int = 0
    same: bool = False
    midnight: bool = False
    unsaid: bool = False


@dataclass(frozen=True, slots=True)
class PartOfDay:
    """«утра», «вечером», …: makes sense beside an hour only. `hours` says which is which.

    `leads` is true for a form that may stand before its hour: «вечером в 7», but «7 вечера».
    """

    text: str
    hours: Mapping[int, int]
    leads: bool


_AT = r"(?P<at>(?:во?|к|на) )?(?:ровно )?(?:в )?"
_NOT_A_DATE = rf"(?![\d:./-]| ?(?:числ|дн|ден|недел|мес|год|лет|{MONTH}|{WEEKDAY}))"
_HOUR = r"(?P<hour>\d{1,2})"
_MINUTE = r"(?P<minute>\d{2})"
_PLAIN_HOUR = r"(?P<hour>[01]?\d|2[0-4])"
_HOURS = r"(?:час(?:а|ов)?|ч)(?![а-я])\.?"
_CLEAR = tuple(
    re.compile(_AT + pattern)
    for pattern in (
        rf"{_HOUR}:{_MINUTE}(?::\d{{2}})?(?![\d:])",
        rf"{_HOUR} ?{_HOURS}(?: ?(?P<minute>\d{{1,2}})(?: ?(?:минут\w*|мин|м)\b\.?|{_NOT_A_DATE}))?",
        rf"{_HOUR}(?= (?:утра|дня|вечера|ночи)\b)",
        r"(?P<half>половин\w) (?P<hour>\d{1,2}) числа",
        r"(?P<noon>полдень|полудн\w+)\b",
        r"(?P<midnight>полноч\w+|полуноч\w+)\b",
        r"(?P<same>(?:это|то|этого|того) ?же время|это время)\b",
        r"(?P<unsaid>час)\b",
        rf"{_PLAIN_HOUR}\.{_MINUTE}(?![\d.])",
        rf"{_PLAIN_HOUR}-(?P<minute>00|15|30|45)(?![\d.-])",
        rf"{_PLAIN_HOUR} {_MINUTE}{_NOT_A_DATE}",
    )
)
_BARE = re.compile(_AT + _PLAIN_HOUR + _NOT_A_DATE)
_MORNING = {hour: hour for hour in range(1, 12)}
_AFTERNOON = {11: 11, 12: 12} | {hour % 12: hour for hour in range(13, 18)} | {hour: hour for hour in range(13, 18)}
_EVENING = {hour % 12: hour for hour in range(16, 24)} | {hour: hour for hour in range(16, 24)}
_NIGHT = {0: 0, 12: 0} | {hour: hour for hour in (1, 2, 3, 4, 22, 23)} | {10: 22, 11: 23}
_PARTS: tuple[tuple[re.Pattern[str], Mapping[int, int]], ...] = (
    (re.compile(r"утр(?:а|ом)\b"), _MORNING),
    (re.compile(r"дн(?:я|ем)\b"), _AFTERNOON),
    (re.compile(r"вечер(?:а|ом)\b"), _EVENING),
    (re.compile(r"ноч(?:и|ью)\b"), _NIGHT),
)


def clocks(text: str, *, bare: bool) -> Iterator[tuple[Clock, int]]:
    """Yield the hours that a text may begin with, the likeliest first, each with where it ends.

    With `bare`, a mere number is one («завтра 9»); after a preposition it always is («в 9»).
    """
    for pattern in _CLEAR:
        if match := pattern.match(text):
            yield _clock(match), match.end()
    match = _BARE.match(text)
    if match and (bare or match["at"]):
        yield _clock(match), match.end()


def _clock(match: re.Match[str]) -> Clock:
    said = match.groupdict()
    hour, minute = int(said.get("hour") or 0), int(said.get("minute") or 0)
    if "noon" in said:
        hour = 12
    if "half" in said:
        hour, minute = hour - 1, 30
    if "unsaid" in said:
        hour = 1
    return Clock(
        match[0].removeprefix(match["at"] or ""),
        hour,
        minute,
        same="same" in said,
        midnight="midnight" in said,
        unsaid="unsaid" in said,
    )


def parts_of_day(text: str) -> Iterator[tuple[PartOfDay, int]]:
    """Yield the part of the day that a text begins with, and where it ends."""
    for pattern, hours in _PARTS:
        if match := pattern.match(text):
            yield PartOfDay(match[0], hours, match[0].endswith(("м", "ью"))), match.end()


def minutes_of(clock: Clock, part: PartOfDay | None) -> tuple[int, ...]:
    """Return the minutes after a day's midnight that an hour can mean; two when it can mean two. Raises MomentError."""
    hour = clock.hour
    if part is not None:
        hour = part.hours.get(clock.hour, -1)
    if clock.midnight or (part is not None and part.hours is _NIGHT and hour == clock.minute == 0):
        return MIDNIGHT
    if clock.unsaid and part is None:
        return 60, 13 * 60
    minutes = hour * 60 + clock.minute
    if hour < 0 or clock.minute > 59 or minutes > DAY:
        text = f"{clock.text} {part.text}" if part is not None and part.text not in clock.text else clock.text
        raise MomentError(MomentCode.NO_SUCH_HOUR, {"text": text})
    return (minutes,)


def as_text(hour: int, minute: int) -> str:
    """Return «9:00»."""
    return f"{hour}:{minute:02}"
