"""Sizes, lengths and lists in words."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.texts.plurals import counted

_NARROW = "\u00a0"
_KILOBYTE = 1024


def number(n: int) -> str:
    """Group the digits by three from five digits on: 4096, 50 000."""
    return str(n) if abs(n) < 10_000 else f"{n:,}".replace(",", _NARROW)


def signs(n: int) -> str:
    """Say a length of text: 1 знак, 50 000 знаков."""
    return counted(n, "знак", "знака", "знаков").replace(str(n), number(n), 1)


def size(n: int) -> str:
    """Say a size in bytes: 340 КБ, 2,5 МБ, 60 МБ."""
    if n < _KILOBYTE * _KILOBYTE:
        return f"{max(1, round(n / _KILOBYTE))}{_NARROW}КБ"
    megabytes = n / _KILOBYTE / _KILOBYTE
    shown = f"{megabytes:.1f}".rstrip("0").rstrip(".") if megabytes < 20 else str(round(megabytes))
    return f"{shown.replace('.', ',')}{_NARROW}МБ"


def listed(words: Iterable[str], *, most: int = 0) -> str:
    """Join with commas; of more than `most` (0: no limit) tell how many are left out."""
    every = list(words)
    if not most or len(every) <= most:
        return ", ".join(every)
    return f"{', '.join(every[:most])} и ещё {number(len(every) - most)}"


def clipped(text: str, limit: int) -> str:
    """Cut with an ellipsis, at the end of a word if that leaves a good half."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    if not text[limit - 1].isspace() and " " in cut[limit // 2 :]:
        cut = cut.rpartition(" ")[0]
    return cut.rstrip() + "…"


def moment(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say a moment that has passed: 14:02 today, 14:02 23.11 on another day."""
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%H:%M %d.%m}"
