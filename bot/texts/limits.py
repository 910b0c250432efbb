"""When a channel's limits let the last one out, in words."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.moments.words import MONTHS_OF
from bot.texts.measures import number
from bot.texts.plurals import plural
from channels.contract import Pace

__all__ = ["about", "foreseen", "running", "under", "until"]

_LETTERS = ("письмо", "письма", "писем")
_MESSAGES = ("сообщение", "сообщения", "сообщений")
_TO_THE_MINUTE = timedelta(hours=1)
"""A moment nearer than this is said to the minute, another to five: nobody looks at the clock so closely."""


def foreseen(pace: Pace, at: datetime, now: datetime, zone: ZoneInfo, *, letters: bool) -> str:
    """Say before sending when the last would leave: «При лимите 200 писем в час последнее уйдёт около 18:40.»"""
    words = f"{under(pace, letters=letters)} последнее уйдёт {about(at, now, zone)}.".strip()
    return words[0].upper() + words[1:]


def running(pace: Pace, at: datetime, now: datetime, zone: ZoneInfo, *, letters: bool) -> str:
    """Say of a broadcast under way how long it takes: «При лимите 200 писем в час — завтра до 09:10.»"""
    limits = under(pace, letters=letters)
    words = f"{limits} — {until(at, now, zone)}." if limits else f"последнее уйдёт {until(at, now, zone)}."
    return words[0].upper() + words[1:]


def under(pace: Pace, *, letters: bool) -> str:
    """Name the limits that a person knows from the settings: «при лимите 200 писем в час и 500 в сутки»."""
    table = ((pace.per_minute, "в минуту"), (pace.per_hour, "в час"), (pace.per_day, "в сутки"))
    every = [one for one in table if one[0]] or [(pace.per_second, "в секунду")]
    (first, span), *others = every
    if not first:
        return ""
    noun = plural(first, *(_LETTERS if letters else _MESSAGES))
    words = [f"{number(first)}\u00a0{noun} {span}", *(f"{number(n)}\u00a0{span}" for n, span in others)]
    return f"при лимите {' и '.join(filter(None, [', '.join(words[:-1]), words[-1]]))}"


def until(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say «до 18:40», «завтра до 09:10», «26 ноября до 09:10»: by then it is surely done."""
    return _said("до", at, now, zone)


def about(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say «около 18:40», «завтра около 09:10», «26 ноября около 09:10»."""
    return _said("около", at, now, zone)


def _said(word: str, at: datetime, now: datetime, zone: ZoneInfo) -> str:
    local = _rounded_up(at, timedelta(minutes=1 if at - now < _TO_THE_MINUTE else 5)).astimezone(zone)
    away = (local.date() - now.astimezone(zone).date()).days
    day = {0: "", 1: "завтра "}.get(away, f"{local.day}\u00a0{MONTHS_OF[local.month - 1]} ")
    return f"{day}{word}\u00a0{local:%H:%M}"


def _rounded_up(at: datetime, step: timedelta) -> datetime:
    rest = timedelta(seconds=at.timestamp() % step.total_seconds())
    return at if not rest else at - rest + step
