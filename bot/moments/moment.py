"""«завтра в 9:00» becomes a moment.

A text is cut into pieces (a day, a weekday, an hour, a part of the day) in every way the tables allow; the first way
that gives a moment counts. Whatever is left over, contradicts or can be read in two ways is refused, since a wrong
guess publishes at the wrong time.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.moments.clock import Clock, PartOfDay, clocks, minutes_of, parts_of_day
from bot.moments.days import Days, Weekday, days, weekday_days
from bot.moments.errors import MomentCode, MomentError
from bot.moments.words import MONTH, month_of, not_understood, plain

__all__ = ["END_OF_DAY", "YEARS_AHEAD", "parse_moment", "parse_until"]

YEARS_AHEAD = 5
"""Whoever plans further ahead has more likely mistyped the year."""

END_OF_DAY = time(23, 59)
"""«до 1 июня» ends with that day, as UNTIL of RFC 5545 §3.3.10 does; repeats are kept to the minute."""

_Piece = Days | Weekday | Clock | PartOfDay
_FILLER = re.compile(r"(?:во?|на|к)(?= |$)")
_WITH_OFFSET = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[t ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)? ?(?P<offset>z|[+-]\d{2}:?\d{2})"
)
_HOURS = r"(?:(?P<hours>\d{1,4}) ?)?(?:час(?:а|ов)?|ч)\b\.?"
_MINUTES = r"(?:(?P<minutes>\d{1,5}) ?)?(?P<unit>минут\w*|мин|м)\b\.?"
_HOURS_LATER = tuple(
    re.compile(f"через {form}")
    for form in (_MINUTES, rf"{_HOURS}(?: и)?(?: ?{_MINUTES})?", r"(?P<hours>\d{1,4})(?: , |\.)(?P<half>5) час\w*")
)
_END_OF = re.compile(rf"конца (года|месяца|недели|{MONTH})")
# Errors that another way to read the text may not paper over
_FINAL = frozenset({MomentCode.AMBIGUOUS, MomentCode.IN_THE_PAST, MomentCode.TOO_FAR})


def parse_moment(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment that Russian words or ISO 8601 name, aware, in `zone`. `now` is aware. Raises MomentError.

    Without an offset the time is the zone's. A day without a year is the next such day, an hour without a day the next
    such hour; of an hour that comes twice when clocks are put back, the first.
    """
    return _in_future(_named(text, now.astimezone(zone), zone, None), now)


def parse_until(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the end of a repeat, like parse_moment. A day must be said; without an hour it is meant to its end.

    Raises MomentError. «конца года», «конца месяца», «конца недели» and «конца мая» are understood besides.
    """
    now = now.astimezone(zone)
    if match := _END_OF.fullmatch(plain(text)):
        text = _end_of(match[1], now.date()).isoformat()
    return _in_future(_named(text, now, zone, END_OF_DAY), now)


def _end_of(span: str, today: date) -> date:
    if span == "недели":
        return today + timedelta(days=6 - today.weekday())
    month = {"года": 12, "месяца": today.month}.get(span) or month_of(span)
    year = today.year + (month < today.month)
    return date(year, month, monthrange(year, month)[1])


def _named(text: str, now: datetime, zone: ZoneInfo, default: time | None) -> datetime:
    words = plain(text)
    if match := _WITH_OFFSET.fullmatch(words):
        return _with_offset(match).astimezone(zone)
    if (span := _hours_later(words)) is not None:
        return (now.astimezone(UTC) + span).astimezone(zone).replace(second=0, microsecond=0)
    rests: list[str] = []
    failure: MomentError | None = None
    for pieces in _readings(words, (), now.date(), rests):
        try:
            return _moment(pieces, now, zone, default)
        except MomentError as error:
            if error.code in _FINAL:
                raise
            failure = failure or error
    raise failure or not_understood(min(rests, key=len))


def _readings(rest: str, pieces: tuple[_Piece, ...], today: date, rests: list[str]) -> Iterator[tuple[_Piece, ...]]:
    """Yield every way to cut a text into pieces. `rests` collects what was still to be read at each step."""
    rest = rest.lstrip(" ,")
    rests.append(rest)
    if not rest:
        yield pieces
        return
    filler = _FILLER.match(rest)
    starts: list[tuple[_Piece, int]] = [*days(rest, today)]
    if not any(isinstance(piece, Clock) for piece in pieces):
        hours = clocks(rest, bare=any(isinstance(piece, Days | Weekday) for piece in pieces))
        # After a preposition comes an hour rather than a day: «в 9.05».
        starts = [*hours, *starts] if filler else [*starts, *hours]
    if not any(isinstance(piece, PartOfDay) for piece in pieces):
        starts += parts_of_day(rest)
    for piece, end in starts:
        if not rest[end : end + 1].isalnum():
            yield from _readings(rest[end:], (*pieces, piece), today, rests)
    if filler:
        yield from _readings(rest[filler.end() :], pieces, today, rests)


def _moment(pieces: tuple[_Piece, ...], now: datetime, zone: ZoneInfo, default: time | None) -> datetime:
    said = [piece for piece in pieces if isinstance(piece, Days | Weekday)]
    clock = next((piece for piece in pieces if isinstance(piece, Clock)), None)
    part = next((piece for piece in pieces if isinstance(piece, PartOfDay)), None)
    if default is not None and not said:
        raise MomentError(MomentCode.NO_DAY)
    candidates = _candidates(said, now.date())
    if clock is None:
        minutes = _unsaid_minutes(said, part, now, default)
    else:
        minutes = (now.hour * 60 + now.minute,) if clock.same else minutes_of(clock, part)
    return _first_ahead(candidates, minutes, now, zone, doubtful=_may_be_today(said))


def _candidates(said: list[Days | Weekday], today: date) -> tuple[date, ...]:
    """The days on which all that was said of the day agrees, the nearest first."""
    dates = [piece for piece in said if isinstance(piece, Days)]
    weekdays = [piece for piece in said if isinstance(piece, Weekday)]
    for piece in dates:
        if not piece.days:
            raise MomentError(MomentCode.NO_SUCH_DATE, {"text": piece.text})
        if piece.two:
            first, second = piece.days
            raise MomentError(MomentCode.AMBIGUOUS, {"first": first.isoformat(), "second": second.isoformat()})
    if len({piece.weekday for piece in weekdays}) > 1:
        raise MomentError(MomentCode.CONTRADICTION)
    if not said:
        return today, today + timedelta(days=1)
    if not dates:
        return weekday_days(weekdays[0], today)
    agreed = tuple(day for day in dates[0].days if all(day in piece.days for piece in dates))
    if not agreed:
        raise MomentError(MomentCode.CONTRADICTION)
    right = tuple(day for day in agreed if all(day.weekday() == piece.weekday for piece in weekdays))
    if not right:
        raise MomentError(MomentCode.WRONG_WEEKDAY, {"date": agreed[0].isoformat(), "weekday": agreed[0].isoweekday()})
    return right


def _unsaid_minutes(
    said: list[Days | Weekday], part: PartOfDay | None, now: datetime, default: time | None
) -> tuple[int, ...]:
    if part is None and default is not None:
        return (default.hour * 60 + default.minute,)
    if part is None and any(isinstance(piece, Days) and piece.same_time for piece in said):
        return (now.hour * 60 + now.minute,)
    if not said:
        raise not_understood(part.text if part else "")
    if part is None and len(said) == 1 and (hour := re.fullmatch(r"([01]?\d|2[0-3])\.([0-5]\d)", said[0].text)):
        (day, *_) = _candidates(said, now.date())
        values = {"first": f"{int(hour[1]):02}:{hour[2]}", "second": day.isoformat()}
        raise MomentError(MomentCode.AMBIGUOUS, values)
    raise MomentError(MomentCode.NO_TIME)


def _may_be_today(said: list[Days | Weekday]) -> bool:
    """«во вторник», said on a Tuesday, is today or in a week."""
    return len(said) == 1 and isinstance(said[0], Weekday) and said[0].week is None


def _first_ahead(
    candidates: tuple[date, ...], minutes: tuple[int, ...], now: datetime, zone: ZoneInfo, *, doubtful: bool
) -> datetime:
    """Take the first day on which one of the hours still lies ahead. Raises MomentError for none, or for two."""
    for day in candidates:
        walls = [datetime.combine(day, time()) + timedelta(minutes=one) for one in minutes]
        ahead = [wall for wall in walls if wall.replace(tzinfo=zone).astimezone(UTC) > now]
        if doubtful and ahead and day == now.date():
            ahead.append(ahead[0] + timedelta(days=7))
        if len(ahead) > 1:
            values = {"first": f"{ahead[0]:%Y-%m-%dT%H:%M}", "second": f"{ahead[1]:%Y-%m-%dT%H:%M}"}
            raise MomentError(MomentCode.AMBIGUOUS, values)
        if ahead:
            return _existing(ahead[0], zone)
    last = datetime.combine(candidates[-1], time()) + timedelta(minutes=minutes[-1])
    raise MomentError(MomentCode.IN_THE_PAST, {"moment": f"{last:%Y-%m-%dT%H:%M}"})


def _existing(wall: datetime, zone: ZoneInfo) -> datetime:
    moment = wall.replace(tzinfo=zone)
    if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise MomentError(MomentCode.NO_SUCH_HOUR, {"text": f"{wall:%Y-%m-%dT%H:%M}"})
    return moment


def _hours_later(words: str) -> timedelta | None:
    for pattern in _HOURS_LATER:
        if match := pattern.fullmatch(words):
            said = match.groupdict()
            hours = int(said["hours"] or 1) if "hours" in said else 0
            minutes = int(said.get("minutes") or 1) if said.get("unit") else 30 if said.get("half") else 0
            return timedelta(hours=hours, minutes=minutes)
    return None


def _with_offset(match: re.Match[str]) -> datetime:
    try:
        date.fromisoformat(match["date"])
    except ValueError:
        raise MomentError(MomentCode.NO_SUCH_DATE, {"text": match["date"]}) from None
    try:
        return datetime.fromisoformat(f"{match['date']}T{match['time']}{match['offset'].upper()}")
    except ValueError:
        raise MomentError(MomentCode.NO_SUCH_HOUR, {"text": match["time"]}) from None


def _in_future(moment: datetime, now: datetime) -> datetime:
    values = {"moment": f"{moment:%Y-%m-%dT%H:%M}"}
    if moment.astimezone(UTC) <= now:
        raise MomentError(MomentCode.IN_THE_PAST, values)
    if moment.astimezone(UTC) - now > timedelta(days=366 * YEARS_AHEAD):
        raise MomentError(MomentCode.TOO_FAR, {**values, "years": YEARS_AHEAD})
    return moment
