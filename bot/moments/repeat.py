"""«каждый вторник в 10 до 1 июня» becomes cron text and an end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from bot.moments.clock import MIDNIGHT, Clock, PartOfDay, clocks, minutes_of, parts_of_day
from bot.moments.errors import MomentCode, MomentError
from bot.moments.moment import parse_until
from bot.moments.words import MONTH, WEEKDAY, month_of, not_understood, plain, weekday_of
from delivery.recurrence import Recurrence, RecurrenceError, next_after

__all__ = ["Repeat", "parse_repeat"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """When something happens again and again: cron text for delivery.recurrence, and the last moment, or None."""

    cron: str
    until: datetime | None = None


class _Kind(Enum):
    DAILY = auto()
    WEEKLY = auto()
    MONTHLY = auto()
    YEARLY = auto()
    OFTEN = auto()  # by hours or minutes


@dataclass(frozen=True, slots=True)
class _Days:
    """Cron's day, month and weekday; those of one kind are joined. A date that is not `each` year's needs a hint."""

    kind: _Kind
    each: bool = True
    day: str = "*"
    month: str = "*"
    weekday: str = "*"


@dataclass(frozen=True, slots=True)
class _Often:
    """Every so many hours or minutes, which need no time of day."""

    hour: str
    minute: str


@dataclass(frozen=True, slots=True)
class _Hint:
    """«каждую неделю», «каждого месяца»: says of what kind the rest is, and nothing more."""

    kind: _Kind


_Piece = _Days | _Often | _Hint | Clock | PartOfDay

_TIMES_AT_MOST = 6  # a day
_UNTIL = re.compile(r"[ ,]+(?:до(?= )|по(?= \d))")
_INCLUSIVE = re.compile(r"[ ,]*включительно$")
_CRON = re.compile(r"(?:по расписанию )?(?P<cron>@\S+|(?=.*\*)[^а-я]+|(?:[^\sа-я]+ ){3,}[^\sа-я]+)")

_EVERY = r"кажд\w+"
_EACH_MONTH = rf"(?: {_EVERY})? месяца?"
_NUMBERS = r"\d{1,2}(?:(?: ,| и| , и) \d{1,2})*"
_FILLER = re.compile(r"(?:во?|по|на|и|а|раз)(?= |$)")
_NOT_SAYABLE = re.compile(
    rf"через (?:день|неделю|месяц)\b|(?:{_EVERY}|раз в) (?:2|3|4|5|6|7|8|9|\d\d) ?(?:дн|ден|сут|недел|месяц|год|лет)\w*"
    rf"|{_EVERY} \d (?:день|неделю|{WEEKDAY})(?! месяца?\b| {_EVERY})|(?:раз в|{_EVERY}) квартал|ежеквартально"
)
_LATE_DAYS = {29: "29L", 30: "30L", 31: "L"}  # nobody who says «31 числа» means seven times a year
_PLAIN_DAYS: tuple[tuple[re.Pattern[str], _Piece], ...] = tuple(
    (re.compile(pattern), piece)
    for pattern, piece in (
        (rf"{_EVERY} (?:день|сутки)\b|ежедневно", _Days(_Kind.DAILY)),
        (rf"(?:{_EVERY} )?(?:будн|рабоч)\w+ д(?:ень|ням?|ни)\b|будн\w+(?! д)", _Days(_Kind.WEEKLY, weekday="1-5")),
        (rf"(?:{_EVERY} )?выходны\w+(?: дн\w+)?", _Days(_Kind.WEEKLY, weekday="6,7")),
        (rf"{_EVERY} час\b|ежечасно", _Often("*", "0")),
        (rf"{_EVERY} неделю|еженедельно|(?:раз )?в неделю", _Hint(_Kind.WEEKLY)),
        (rf"{_EVERY} месяца?\b|ежемесячно|(?:раз )?в месяц\b", _Hint(_Kind.MONTHLY)),
        (rf"{_EVERY} год\w?\b|ежегодно|раз в год\b", _Hint(_Kind.YEARLY)),
        (rf"(?:{_EVERY} )?последн\w+ (?:день|дня|числ\w+){_EACH_MONTH}\b", _Days(_Kind.MONTHLY, day="L")),
        (r"последн\w+ (?:день|числ\w+)\b", _Days(_Kind.MONTHLY, day="L")),
    )
)
_EVERY_FEW = re.compile(rf"{_EVERY} (?P<count>\d{{1,2}}) (?P<unit>час|минут)\w*")
_SPAN = re.compile(rf"с (?P<first>{WEEKDAY}) по (?P<last>{WEEKDAY})")
_NTH = re.compile(rf"(?:{_EVERY} )?(?P<nth>последн\w+|[1-5](?:(?: ,| и) [1-5])*) (?P<weekday>{WEEKDAY}){_EACH_MONTH}\b")
_WEEKDAY = re.compile(rf"(?:{_EVERY} )?(?P<weekday>{WEEKDAY})")
_YEARLY = re.compile(rf"(?P<each>{_EVERY} )?(?P<days>{_NUMBERS})(?: числа)? (?P<month>{MONTH})")
_MONTHLY = re.compile(rf"(?:{_EVERY} )?(?P<days>{_NUMBERS}) числ\w+(?: или в последний день)?(?:{_EACH_MONTH}\b)?")


def parse_repeat(text: str, now: datetime, zone: ZoneInfo) -> Repeat:
    """Return what Russian words or cron text say about a repeat and its end. `now` is aware. Raises MomentError.

    A day of the month that some months lack is their last day.
    """
    words = _INCLUSIVE.sub("", plain(text))
    failure: MomentError | None = None
    for body, end in _ways_to_end(words):
        try:
            return _happening(_repeat(body, end, now, zone), now, zone)
        except MomentError as error:
            # What can't be an end is most likely a part of the repeat: «по вторникам»
            if failure is None or failure.code is MomentCode.NOT_UNDERSTOOD:
                failure = error
    raise failure or not_understood(words)


def _ways_to_end(words: str) -> Iterator[tuple[str, str]]:
    """Cut a text in front of each «до» and «по», the last first: what stands behind may be the end of the repeat."""
    for match in reversed(list(_UNTIL.finditer(words))):
        body, end = words[: match.start()], words[match.end() :].strip()
        yield body, end
        end, preposition, time = end.rpartition(" в ")
        if preposition:  # «каждый вторник до 1 июня в 10»: the hour is the repeat's
            yield f"{body} в {time}", end
    yield words, ""


def _repeat(body: str, end: str, now: datetime, zone: ZoneInfo) -> Repeat:
    until = parse_until(end, now, zone) if end else None
    if match := _CRON.fullmatch(body.replace(" , ", ",")):
        return Repeat(re.sub(r"\b(\d*)l\b", r"\1L", match["cron"]), until)
    rests: list[str] = []
    failure: MomentError | None = None
    for pieces in _readings(body, (), rests):
        try:
            return Repeat(_cron(pieces), until)
        except MomentError as error:
            failure = failure or error
    raise failure or not_understood(min(rests, key=len))


def _readings(rest: str, pieces: tuple[_Piece, ...], rests: list[str]) -> Iterator[tuple[_Piece, ...]]:
    rest = rest.lstrip(" ,")
    rests.append(rest)
    if not rest:
        yield pieces
        return
    if _NOT_SAYABLE.match(rest):
        raise MomentError(MomentCode.NO_SUCH_REPEAT)
    hours = sum(isinstance(piece, Clock) for piece in pieces)
    times = clocks(rest, bare=bool(pieces)) if hours < _TIMES_AT_MOST else ()
    for piece, end in (*_days(rest), *times, *parts_of_day(rest)):
        if not rest[end : end + 1].isalnum():
            yield from _readings(rest[end:], (*pieces, piece), rests)
    if filler := _FILLER.match(rest):
        yield from _readings(rest[filler.end() :], pieces, rests)


def _days(text: str) -> Iterator[tuple[_Piece, int]]:
    for pattern, piece in _PLAIN_DAYS:
        if match := pattern.match(text):
            yield piece, match.end()
    if match := _EVERY_FEW.match(text):
        yield _every_few(int(match["count"]), match["unit"]), match.end()
    if match := _SPAN.match(text):
        yield _Days(_Kind.WEEKLY, weekday=_span(weekday_of(match["first"]), weekday_of(match["last"]))), match.end()
    if match := _NTH.match(text):
        number = weekday_of(match["weekday"]) + 1
        weeks = [f"#{week}" for week in re.findall(r"\d", match["nth"])] or ["L"]
        yield _Days(_Kind.MONTHLY, weekday=",".join(f"{number}{week}" for week in weeks)), match.end()
    if match := _WEEKDAY.match(text):
        yield _Days(_Kind.WEEKLY, weekday=str(weekday_of(match["weekday"]) + 1)), match.end()
    if match := _YEARLY.match(text):
        days = ",".join(map(str, _numbers(match)))
        each = match["each"] is not None
        yield _Days(_Kind.YEARLY, each, day=days, month=str(month_of(match["month"]))), match.end()
    if match := _MONTHLY.match(text):
        days = ",".join(_LATE_DAYS.get(day, str(day)) for day in _numbers(match))
        yield _Days(_Kind.MONTHLY, day=days), match.end()


def _numbers(match: re.Match[str]) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", match["days"])]


def _every_few(count: int, unit: str) -> _Often:
    whole = 24 if unit == "час" else 60
    if count == 0 or whole % count or count == whole:
        raise MomentError(MomentCode.NO_SUCH_REPEAT)
    step = "*" if count == 1 else f"*/{count}"
    return _Often(step, "0") if unit == "час" else _Often("*", step)


def _span(first: int, last: int) -> str:
    if first < last:
        return f"{first + 1}-{last + 1}"
    return ",".join(str(number % 7 + 1) for number in range(first, last + 8))


# Pieces to cron text


def _cron(pieces: tuple[_Piece, ...]) -> str:
    days = [piece for piece in pieces if isinstance(piece, _Days)]
    often = [piece for piece in pieces if isinstance(piece, _Often)]
    times = _times(pieces)
    hints = {piece.kind for piece in pieces if isinstance(piece, _Hint)}
    kinds = hints | {piece.kind for piece in days}
    if len(kinds) + len(often) > 1 or (often and times):
        raise MomentError(MomentCode.CONTRADICTION)
    if often:
        return f"{often[0].minute} {often[0].hour} * * *"
    if not pieces:
        raise not_understood("")
    if not days or not all(piece.each or piece.kind in hints for piece in days):
        raise MomentError(MomentCode.NO_DAY)
    day, month, weekday = (_joined(days, field) for field in ("day", "month", "weekday"))
    minute, hour = _time(times, daily=kinds == {_Kind.DAILY})
    return f"{minute} {hour} {day} {month} {weekday}"


def _joined(days: list[_Days], field: str) -> str:
    """Cron's field of several days; «1 мая и 12 июня» or «1 числа и в последнюю пятницу» have none."""
    values = dict.fromkeys(getattr(day, field) for day in days)
    if len(values) > 1 and ("*" in values or field == "month"):
        raise MomentError(MomentCode.NO_SUCH_REPEAT)
    return ",".join(values)


def _times(pieces: tuple[_Piece, ...]) -> list[tuple[Clock, PartOfDay | None]]:
    """Return each hour with its part of the day. Raises MomentError.

    «по вторникам в 10 и по четвергам в 12» is two repeats, not four times.
    """
    said = [at for at, piece in enumerate(pieces) if isinstance(piece, Clock)]
    if said and any(isinstance(piece, _Days) for piece in pieces[said[0] : said[-1]]):
        raise MomentError(MomentCode.NO_SUCH_REPEAT)
    parts: dict[int, PartOfDay] = {}
    for at, piece in enumerate(pieces):
        if isinstance(piece, PartOfDay) and said:
            hour = at + 1 if piece.leads and at + 1 in said else max((one for one in said if one < at), default=said[0])
            if hour in parts:
                raise MomentError(MomentCode.CONTRADICTION)
            parts[hour] = piece
    return [(clock, parts.get(at)) for at, clock in enumerate(pieces) if isinstance(clock, Clock)]


def _time(times: list[tuple[Clock, PartOfDay | None]], *, daily: bool) -> tuple[str, str]:
    """Cron's minute and hour. Several times fit one cron text when their minutes are equal, or their hours."""
    if not times:
        raise MomentError(MomentCode.NO_TIME)
    moments = {_minutes(clock, part, daily=daily) for clock, part in times}
    hours, minutes = ({one // 60 for one in moments}, {one % 60 for one in moments})
    if len(hours) * len(minutes) != len(moments):
        raise MomentError(MomentCode.NO_SUCH_REPEAT)
    return ",".join(map(str, sorted(minutes))), ",".join(map(str, sorted(hours)))


def _minutes(clock: Clock, part: PartOfDay | None, *, daily: bool) -> int:
    if clock.same:
        raise MomentError(MomentCode.NO_TIME)
    minutes = minutes_of(clock, part)
    if minutes == MIDNIGHT and daily:
        return 0
    if len(minutes) > 1:
        first, second = (f"{one // 60:02}:{one % 60:02}" for one in minutes)
        raise MomentError(MomentCode.AMBIGUOUS, {"first": first, "second": second})
    if minutes[0] == MIDNIGHT[1]:
        raise MomentError(MomentCode.NO_SUCH_HOUR, {"text": clock.text})
    return minutes[0]


def _happening(repeat: Repeat, now: datetime, zone: ZoneInfo) -> Repeat:
    """Return the repeat if it happens at all before its end. Raises MomentError."""
    try:
        first = next_after(Recurrence.parse(repeat.cron), now, zone)
    except RecurrenceError as error:
        values = {"code": error.code.value, "field": error.field, "value": error.value}
        raise MomentError(MomentCode.BAD_CRON, values) from error
    if first is None or (repeat.until is not None and first.at > repeat.until):
        raise MomentError(MomentCode.NEVER)
    return repeat
