"""From Telegram's UTF-16 code units to Python's code points, and back.

Source: Bot API, MessageEntity: "Offset in UTF-16 code units to the start of the entity". A character outside the
basic plane (most emoji) is one code point and two units.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from channels.contract import Entity

__all__ = ["Span", "clip", "offsets", "spans_of", "stripped", "utf16_length"]

_LAST_OF_BASIC_PLANE = 0xFFFF


class Span(NamedTuple):
    """An entity with its place in code points: it covers `text[start:end]`."""

    start: int
    end: int
    entity: Entity


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text) + sum(ord(char) > _LAST_OF_BASIC_PLANE for char in text)


def offsets(text: str) -> list[int]:
    """Return the UTF-16 offset of every code point of `text`, and of its end."""
    return list(accumulate((1 + (ord(char) > _LAST_OF_BASIC_PLANE) for char in text), initial=0))


def spans_of(text: str, entities: Iterable[Entity]) -> list[Span]:
    """Return the entities in code points, in the order given.

    Clipped to the text; an end in the middle of a surrogate pair moves behind the pair; empty ones are left out.
    """
    borders = offsets(text)
    spans = (
        Span(
            min(bisect_left(borders, entity.offset), len(text)),
            min(bisect_left(borders, entity.offset + entity.length), len(text)),
            entity,
        )
        for entity in entities
    )
    return [span for span in spans if span.start < span.end]


def clip(spans: Iterable[Span], borders: Sequence[int], start: int, end: int) -> tuple[Entity, ...]:
    """Return what the spans leave of themselves in `text[start:end]`, counted from `start`.

    `borders` are the `offsets` of the whole text.
    """
    base = borders[start]
    pieces = ((max(span.start, start), min(span.end, end), span.entity) for span in spans)
    return tuple(
        replace(entity, offset=borders[left] - base, length=borders[right] - borders[left])
        for left, right, entity in pieces
        if left < right
    )


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the place of `text[start:end]` without the white space around it; an empty one where nothing is left."""
    content = text[start:end]
    return start + len(content) - len(content.lstrip()), start + len(content.rstrip())
