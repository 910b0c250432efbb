"""How the pictures of a letter stand: the first above the text, the others below it, two in a row of one height."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from channels.contract import Attachment

__all__ = ["ROOM", "Shown", "arranged"]

ROOM = 536
"""CSS pixels: the 600 of a letter less its margins."""

_TALLEST = 620  # more hides the text from whoever opens the letter on a desk
_TALLEST_BELOW = 420
_GAP = 12
_MIDDLING = 400  # between the room on a desk and that on a phone, where the gap is the same and pictures are smaller
_USUAL = 4 / 3  # of a picture whose size is not known
_STEEPEST = 3.0  # one that is longer stands in a row as if it were not


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture in a letter: the `number`th of `count`.

    `width` is its widest in CSS pixels, `percent` its share of a row, in percent.
    """

    cid: str
    number: int
    count: int
    width: int
    percent: float = 100


def arranged(pictures: Mapping[str, Attachment]) -> tuple[tuple[Shown, ...], ...]:
    """Return the rows for pictures given by cid; the first row is one picture, to stand above the text.

    A picture is never shown wider than it is.
    """
    named = [_Named(cid, number, len(pictures), picture) for number, (cid, picture) in enumerate(pictures.items(), 1)]
    first, rest = named[:1], named[1:]
    pairs = [rest[start : start + 2] for start in range(0, len(rest), 2)]
    return tuple(
        _row(row, tallest) for row, tallest in [(first, _TALLEST), *((pair, _TALLEST_BELOW) for pair in pairs)] if row
    )


@dataclass(frozen=True, slots=True)
class _Named:
    cid: str
    number: int
    count: int
    picture: Attachment


def _row(row: Sequence[_Named], tallest: int) -> tuple[Shown, ...]:
    """One picture keeps its shape; two share the width so that both come out equally high."""
    if len(row) == 1:
        [one] = row
        widest = min(ROOM, max(1, round(tallest * _shape(one.picture))))
        return (_shown(one, widest),)
    shapes = [max(1 / _STEEPEST, min(_STEEPEST, _shape(each.picture))) for each in row]
    widths = [(_MIDDLING - _GAP) * shape / sum(shapes) for shape in shapes]
    left = round(100 * (widths[0] + _GAP / 2) / _MIDDLING, 1)
    shares = (left, round(100 - left, 1))
    return tuple(
        _shown(each, int(ROOM * share / 100) - _GAP // 2, share) for each, share in zip(row, shares, strict=True)
    )


def _shown(one: _Named, widest: int, percent: float = 100) -> Shown:
    return Shown(one.cid, one.number, one.count, min(one.picture.width or widest, widest), percent)


def _shape(picture: Attachment) -> float:
    """Width by height."""
    return picture.width / picture.height if picture.width and picture.height else _USUAL
