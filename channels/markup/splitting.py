"""Cutting a long text into pieces where a careful editor would.

Seams are the stretches of white space between words, and each has a rank. Among the seams that leave the piece more
than a third full the best one is taken: the last blank line, else the last end of a line, of a sentence, of a word.
Only where there is none is the text cut between two characters, and never inside one.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter

from channels.contract import Entity
from channels.markup.graphemes import is_border
from channels.markup.units import Span, clip, offsets, spans_of

__all__ = ["split"]

# A half of these is worth nothing, or points to another place than the whole.
_WHOLE = frozenset(
    {
        "bot_command", "cashtag", "custom_emoji", "date_time", "email", "hashtag",
        "mention", "phone_number", "text_link", "text_mention", "url",
    }
)  # fmt: skip

_WHITE = re.compile(r"\s+")
_BREAKABLE = re.compile(r"[^\S\u00a0\u2007\u202f]")
# «г. Смоленск» and «А. С. Пушкин» do not end a sentence: a full stop counts after three letters or a closing sign.
_SENTENCE_END = re.compile(r"(?:[!?…]|(?:\w{3}|\d|[»”\")\]])\.)[»”\")\]]*$")
# What one would rather not see at the end of a line: «г.», «ул.», initials, «№».
_TIE = re.compile(r"(?:(?:^|\W)\w{1,2}\.|[№§])$")
_LONGEST_END = 8


class _Rank(IntEnum):
    BLANK_LINE = 0
    NEWLINE = 1
    SENTENCE = 2
    SPACE = 3
    TIE = 4


@dataclass(frozen=True, slots=True)
class _Seam:
    start: int
    end: int
    rank: _Rank


@dataclass(frozen=True, slots=True)
class _Cloth:
    """A text with all that has to be known to cut it. Places are code points; `borders` translates them to units."""

    text: str
    borders: Sequence[int]
    spans: Sequence[Span]
    seams: Sequence[_Seam]
    whole: bytes  # 1 where a cut would part something that should stay whole

    def fits(self, start: int, end: int, limit: int) -> bool:
        return self.borders[end] - self.borders[start] <= limit


def split(text: str, entities: Iterable[Entity], limit: int) -> list[tuple[str, tuple[Entity, ...]]]:
    """Cut `text` into pieces of at most `limit` UTF-16 units (at least 2), each with its own entities.

    Pieces are stripped and never empty; a blank text gives none. Links, mentions, hashtags, custom emoji and dates
    stay whole unless one of them is longer than `limit`; other entities are clipped into both pieces. A single
    character longer than `limit` (a letter under a heap of accents) is the only one that is ever cut.

    Raises ValueError when `limit` is less than 2.
    """
    if limit < 2:
        raise ValueError("limit must be at least 2 UTF-16 units")
    cloth = _measured(text, entities)
    pieces = []
    start, end = _skip_blanks(text, 0), len(text.rstrip())
    while start < end:
        cut = end if cloth.fits(start, end, limit) else _cut(cloth, start, end, limit)
        stop = start + len(text[start:cut].rstrip())
        pieces.append((text[start:stop], clip(cloth.spans, cloth.borders, start, stop)))
        start = _skip_blanks(text, cut)
    return pieces


def _measured(text: str, entities: Iterable[Entity]) -> _Cloth:
    spans = spans_of(text, entities)
    whole = bytearray(len(text) + 1)
    for span in spans:
        if span.entity.type in _WHOLE:
            whole[span.start + 1 : span.end] = b"\x01" * (span.end - span.start - 1)
    return _Cloth(text, offsets(text), spans, _seams(text), bytes(whole))


def _seams(text: str) -> list[_Seam]:
    seams = []
    for white in _WHITE.finditer(text):
        rank = _rank(text, white.start(), white[0])
        if rank is not None and is_border(text, white.start()) and is_border(text, white.end()):
            seams.append(_Seam(white.start(), white.end(), rank))
    return seams


def _rank(text: str, start: int, white: str) -> _Rank | None:
    newlines = white.count("\n")
    if newlines:
        return _Rank.BLANK_LINE if newlines > 1 else _Rank.NEWLINE
    if not _BREAKABLE.search(white):
        return None
    word = text[max(0, start - _LONGEST_END) : start]
    if _SENTENCE_END.search(word):
        return _Rank.SENTENCE
    return _Rank.TIE if _TIE.search(word) else _Rank.SPACE


def _cut(cloth: _Cloth, start: int, end: int, limit: int) -> int:
    """Return where the piece that begins at `start` ends. What is left of the text does not fit."""
    high = _reach(cloth, start, end, limit)
    low = _reach(cloth, start, end, limit // 3)
    rest = cloth.borders[end] - cloth.borders[start]
    # Two words alone in the last post look like a mistake.
    balanced = _reach(cloth, start, end, min(limit, rest - limit // 8))
    for keep_whole in (True, False):
        for left, right in ((low, balanced), (low, high), (start, high)):
            seam = _best_seam(cloth, left, right, start, keep_whole=keep_whole)
            if seam is not None:
                return seam
        border = _last_border(cloth, start, high, keep_whole=keep_whole)
        if border is not None:
            return border
    return high


def _reach(cloth: _Cloth, start: int, end: int, units: int) -> int:
    """Return the last place within `units` of `start`, at least one code point on."""
    last = bisect_right(cloth.borders, cloth.borders[start] + units) - 1
    return max(start + 1, min(last, end))


def _best_seam(cloth: _Cloth, left: int, right: int, start: int, *, keep_whole: bool) -> int | None:
    first = bisect_left(cloth.seams, max(left, start + 1), key=attrgetter("start"))
    last = bisect_right(cloth.seams, right, key=attrgetter("start"))
    usable = (seam for seam in cloth.seams[first:last] if not (keep_whole and _parts(cloth, seam)))
    best = min(usable, key=lambda seam: (seam.rank, -seam.start), default=None)
    return None if best is None else best.start


def _parts(cloth: _Cloth, seam: _Seam) -> bool:
    return bool(cloth.whole[seam.start] and cloth.whole[seam.end])


def _last_border(cloth: _Cloth, start: int, high: int, *, keep_whole: bool) -> int | None:
    for place in range(high, start, -1):
        if is_border(cloth.text, place) and not (keep_whole and cloth.whole[place]):
            return place
    return None


def _skip_blanks(text: str, start: int) -> int:
    return start + len(text[start:]) - len(text[start:].lstrip())
