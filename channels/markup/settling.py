"""Which entities may stand in one another, as Telegram's server has it, settled beforehand for every channel alike.

The server drops without a word what breaks its rules. Source: tdlib, td/telegram/MessageEntity.cpp, fix_entities.
The rules, told anew: styles (bold and its like) nest and cross as they please, but there are none inside code and
dates; quotations stand side by side; of everything else no two share a letter, and none crosses the edge of a
quotation. What is settled here the server leaves alone: tests/channels/test_markup_tdlib.py asks its own parser.

We differ in what the server would lose: where a link or code meets something else, the free rest of it stays, and a
link goes before all else, since a lost address can't be guessed and a lost typeface can.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from channels.contract import Entity
from channels.markup.units import Span

__all__ = ["QUOTES", "STYLES", "settled"]

STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")
QUOTES = ("blockquote", "expandable_blockquote")
_LINKS = ("text_link", "text_mention")

_CODE = ("pre", "code")
# A piece of these means what the whole does; a piece of a mention or a date would not.
_DIVISIBLE = frozenset({*_LINKS, *_CODE})
_UNSTYLED = frozenset({*_CODE, "date_time"})
# Which goes outside where two cover the same letters. What is not named stands in the middle; equals as given.
_RANKS = dict.fromkeys(QUOTES, -5) | {"pre": -4, "code": -3, "date_time": -2} | dict.fromkeys(_LINKS, -1)
_RANKS |= {type_: rank for rank, type_ in enumerate((*STYLES, "custom_emoji"), 1)}


def settled(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return the spans that can stand together, in the order of their places. None holds only white space."""
    given = sorted((span for span in spans if span.start < span.end), key=_by_place)
    quotes = _quotes(text, given)
    rest = [span for span in given if span.entity.type not in STYLES and span.entity.type not in QUOTES]
    undivided = _undivided(text, sorted(rest, key=_links_first), quotes)
    unstyled = [span for span in undivided if span.entity.type in _UNSTYLED]
    styles = [piece for style in STYLES for piece in _style(text, style, given, unstyled)]
    return sorted([*quotes, *undivided, *styles], key=_by_place)


def _by_place(span: Span) -> tuple[int, int, int]:
    """Outer ones before those inside."""
    return span.start, -span.end, _RANKS.get(span.entity.type, 0)


def _links_first(span: Span) -> bool:
    return span.entity.type not in _LINKS


def _quotes(text: str, spans: Iterable[Span]) -> list[Span]:
    quotes: list[Span] = []
    for span in spans:
        apart = not quotes or span.start >= quotes[-1].end
        if span.entity.type in QUOTES and apart and _is_visible(text, span):
            quotes.append(span)
    return quotes


def _undivided(text: str, spans: Iterable[Span], quotes: Sequence[Span]) -> list[Span]:
    """Return of the spans, in the order of their claims, what shares no letter and crosses no quotation."""
    edges = {edge for quote in quotes for edge in quote[:2]}
    taken = bytearray(len(text))
    kept: list[Span] = []
    for span in spans:
        free = [piece for piece in _pieces(span, taken, edges) if _is_visible(text, piece)]
        if span.entity.type in _DIVISIBLE or free == [span]:
            kept += free
            for piece in free:
                taken[piece.start : piece.end] = b"\x01" * (piece.end - piece.start)
    return kept


def _pieces(span: Span, taken: bytearray, edges: Iterable[int]) -> Iterator[Span]:
    """Return the parts of a span that are free, cut at the edges."""
    for left, right in _runs(taken[span.start : span.end], 0):
        start, end = span.start + left, span.start + right
        cuts = sorted({start, end, *(edge for edge in edges if start < edge < end)})
        yield from (Span(one, other, span.entity) for one, other in pairwise(cuts))


def _style(text: str, style: str, spans: Iterable[Span], unstyled: Iterable[Span]) -> Iterator[Span]:
    """Return where a style holds: everything that any of its spans covers, neighbours joined."""
    covered = bytearray(len(text))
    for span in spans:
        if span.entity.type == style:
            covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    for span in unstyled:
        covered[span.start : span.end] = bytes(span.end - span.start)
    pieces = (Span(start, end, Entity(style, 0, 0)) for start, end in _runs(covered, 1))
    return (piece for piece in pieces if _is_visible(text, piece))


def _runs(marks: bytearray, mark: int) -> Iterator[tuple[int, int]]:
    """Return the stretches of one mark, first to behind the last."""
    start = marks.find(mark)
    while start >= 0:
        end = marks.find(1 - mark, start)
        end = len(marks) if end < 0 else end
        yield start, end
        start = marks.find(mark, end)


def _is_visible(text: str, span: Span) -> bool:
    return not text[span.start : span.end].isspace()
