"""Writing a plain text and its entities side by side, with the breaks between blocks put where they are needed."""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import takewhile

from channels.contract import Entity
from channels.markup.cleaning import normalised
from channels.markup.units import offsets

__all__ = ["Composer", "Opening", "Spacing"]

# What HTML takes for white space; a non-breaking space is a character like any other.
_WHITE = " \t\n\r\f"
_WHITE_RUN = re.compile(f"[{_WHITE}]+")


class Spacing(Enum):
    """What white space in a source means."""

    TYPED = auto()  # as it stands, except around blocks
    FLOWING = auto()  # any amount is one space
    VERBATIM = auto()  # as it stands


@dataclass(slots=True, eq=False)
class Opening:
    """An entity being written: its place, in code points, and all else that is known of it."""

    entity: Entity
    start: int
    end: int = 0


class Composer:
    """Collects text and entities. A break is remembered and written only when text follows it."""

    def __init__(self) -> None:
        self._text = ""
        self._break = 0
        self._openings: list[Opening] = []
        self._open: list[Opening] = []
        self._closed: list[Opening] = []  # in the order of their ends
        self._after_bullet = False

    def open(self, entity: Entity) -> Opening:
        """Begin an entity here. Its offset and length are filled in later."""
        opening = Opening(entity, len(self._text))
        self._openings.append(opening)
        self._open.append(opening)
        return opening

    def close(self, opening: Opening) -> None:
        """End an entity behind what was written last."""
        opening.end = len(self._text)
        self._open.remove(opening)
        self._closed.append(opening)

    def write(self, text: str, spacing: Spacing) -> None:
        """Add text."""
        if spacing is Spacing.FLOWING:
            text = _WHITE_RUN.sub(" ", text)
        if spacing is not Spacing.VERBATIM:
            text = self._joined(text, spacing)
        if text:
            self._flush()
            self._text += text
            self._after_bullet = False

    def newline(self) -> None:
        """Go to a new line; twice makes a blank one."""
        self._trim()
        self._break += 1

    def block(self, lines: int) -> None:
        """Make sure that what follows stands at least `lines` lines below."""
        if self._after_bullet:
            return
        typed = self._trim()
        self._break = max(self._break, lines, typed)

    def bullet(self, sign: str) -> None:
        """Write the sign of a list item. A block that begins the item stays on its line."""
        self._flush()
        self._text += sign
        self._after_bullet = True

    def end_item(self) -> None:
        """End a list item, even an empty one."""
        self._after_bullet = False

    def result(self) -> tuple[str, tuple[Entity, ...]]:
        """Return what was written, normalised, the entities in the order of their places."""
        units = offsets(self._text)
        placed = [
            replace(opening.entity, offset=units[opening.start], length=units[opening.end] - units[opening.start])
            for opening in self._openings
            if opening.start < opening.end
        ]
        return normalised(self._text, sorted(placed, key=lambda entity: (entity.offset, -entity.length)))

    def _joined(self, text: str, spacing: Spacing) -> str:
        """Leave out leading white space where a break, a bullet or another space already stands for it."""
        bare = text.lstrip(_WHITE)
        if self._break:
            if spacing is Spacing.TYPED:
                self._break = max(self._break, text[: len(text) - len(bare)].count("\n"))
            return bare
        if spacing is Spacing.FLOWING and self._text.endswith(tuple(_WHITE)):
            return bare
        return bare if self._after_bullet or not self._text else text

    def _flush(self) -> None:
        if not self._break:
            return
        before = len(self._text)
        if self._text:
            self._text += "\n" * self._break
        for opening in self._open:
            if opening.start >= before:
                opening.start = len(self._text)
        self._break = 0

    def _trim(self) -> int:
        """Cut white space from the end; return how many newlines were in it."""
        bare = self._text.rstrip(_WHITE)
        newlines = self._text.count("\n", len(bare))
        self._text = bare
        for opening in takewhile(lambda opening: opening.end > len(bare), reversed(self._closed)):
            opening.end = len(bare)
        return newlines
