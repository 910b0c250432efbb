"""The federation's own colours and logo, made fit for letters.

Mail programs darken letters as they like, so nothing here relies on the colour behind it: colours are moved until they
can be told apart from their ground, and a logo brings its own white with it.
"""

import re
from collections.abc import Iterable, Iterator
from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

__all__ = [
    "DAY",
    "NIGHT",
    "Colours",
    "Ground",
    "Logo",
    "LogoError",
    "LogoFault",
    "colours",
    "contrast",
    "is_colour",
    "read_logo",
]
TEXT, SHAPE = 4.5, 3.0
"""The least contrast of words, and of what is not words. Source: WCAG 2.2, 1.4.3 and 1.4.11."""

_LARGEST_LOGO = 1024 * 1024  # bytes; as it is sent, a logo has some tens of thousands
_STEPS = 64


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours of a letter by day or by night that no federation chooses: what is behind, and words in general."""

    page: str
    card: str
    block: str
    line: str
    words: str
    quiet: str


DAY = Ground(page="#eef1f5", card="#ffffff", block="#f3f5f8", line="#dfe4ea", words="#1d2733", quiet="#5a6472")
NIGHT = Ground(page="#111417", card="#1b2026", block="#252b33", line="#2b323a", words="#e8eaed", quiet="#a3adb9")


@dataclass(frozen=True, slots=True)
class Colours:
    """The federation's band and links, by day and by night."""

    band: str
    link: str
    band_at_night: str
    link_at_night: str


def is_colour(text: str) -> bool:
    """Tell whether this is a colour that every mail program knows: # and six hexadecimal digits."""
    return re.fullmatch(r"#[0-9A-Fa-f]{6}", text) is not None


def colours(band: str, link: str) -> Colours:
    """Choose what comes closest to the wanted colours and can still be seen.

    By day a link can also be seen where a program turns the letter over by itself, white to black.
    """
    return Colours(
        band=band.lower(),
        link=next(each for each in _mixtures(link, "#000000") if _survives(each, (DAY.card, DAY.block))),
        band_at_night=next(each for each in _mixtures(band, "#ffffff") if _apart(each, (NIGHT.card,), SHAPE)),
        link_at_night=next(
            each for each in _mixtures(link, "#ffffff") if _apart(each, (NIGHT.card, NIGHT.block), TEXT)
        ),
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21. Source: WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _survives(colour: str, grounds: tuple[str, ...]) -> bool:
    turned = tuple(_turned_over(ground) for ground in grounds)
    return _apart(colour, grounds, TEXT) and _apart(_turned_over(colour), turned, TEXT)


def _apart(colour: str, grounds: tuple[str, ...], least: float) -> bool:
    return all(contrast(colour, ground) >= least for ground in grounds)


def _turned_over(colour: str) -> str:
    """What is light becomes dark and the other way round; the hue stays."""
    hue, lightness, saturation = rgb_to_hls(*(part / 255 for part in _channels(colour)))
    return _hexadecimal(255 * part for part in hls_to_rgb(hue, 1 - lightness, saturation))


def _mixtures(colour: str, towards: str) -> Iterator[str]:
    """Mix the colour with ever more of another, until nothing else is left."""
    here, there = _channels(colour), _channels(towards)
    for step in range(_STEPS + 1):
        yield _hexadecimal(one + (other - one) * step / _STEPS for one, other in zip(here, there, strict=True))


def _hexadecimal(parts: Iterable[float]) -> str:
    return "#" + bytes(map(round, parts)).hex()


def _channels(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])


def _luminance(colour: str) -> float:
    """Source: WCAG 2.2, "relative luminance"."""
    parts = [part / 255 for part in _channels(colour)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# The logo


class LogoFault(StrEnum):
    """Why a file can't be the logo."""

    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"


class LogoError(ValueError):
    """The file can't be the logo. `values` say more: `limit`, in bytes, of one that is too large."""

    def __init__(self, fault: LogoFault, **values: int) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.values = values


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo as every letter carries it; width and height are CSS pixels, half of what the file has."""

    content: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes in hexadecimal."""
        return sha256(self.content).hexdigest()


def read_logo(path: Path) -> Logo:
    """Read a logo. Raises OSError, or LogoError when the file is no picture or has more than a megabyte."""
    about = path.stat()
    return _read(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, size: int) -> Logo:
    from channels.email import pictures  # noqa: PLC0415 - Pillow is loaded only where there is a logo

    if size > _LARGEST_LOGO:
        raise LogoError(LogoFault.TOO_LARGE, limit=_LARGEST_LOGO)
    made = pictures.logo(path.read_bytes())
    if made is None:
        raise LogoError(LogoFault.NOT_A_PICTURE)
    return Logo(made.content, made.mime_type, made.width // 2, made.height // 2)
