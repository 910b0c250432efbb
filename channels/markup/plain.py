"""Plain text for the places that know no formatting: the VK wall, and the text part of a letter.

Everything is a list of small edits to the original text, so nothing can be doubled or lost where entities overlap.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from channels.contract import Entity
from channels.markup.layers import blocks
from channels.markup.links import LINKS, destination, found_links, is_visible, readable, shows
from channels.markup.units import Span, spans_of, stripped

__all__ = ["letter_text", "vk_text"]

# What may stand right behind an address in brackets without becoming a part of it; "" is the end of the text.
_MAY_FOLLOW = frozenset({"", *" \t\n\u00a0.,;:!?…)]}»”\"'"})
_ZERO_WIDTH_SPACE = "\u200b"
_STRUCK = "~~"
# `@club1 (name)`, `*id1 (name)`, `[club1|name]`, `[https://vk.com/…|name]`. Source: VK API, wall.post, as practised.
_VK_SYNTAX = re.compile(r"(?<!\w)[@*](?=[A-Za-z])|\[(?=[^\s\[\]|]+\|)")


class _Order(IntEnum):
    """What comes first of several edits in one place."""

    STRUCK_ENDS = 0
    ADDRESS = 1
    AFTER_QUOTE = 2
    BEFORE_QUOTE = 3
    QUOTE_SIGN = 4
    STRUCK_BEGINS = 5
    WORDS = 6


class _Edit(NamedTuple):
    start: int
    order: _Order
    end: int
    words: str


def vk_text(text: str, entities: Iterable[Entity] = ()) -> str:
    """Return `text` for a VK wall: addresses of links in brackets behind them, nothing that VK takes for a mention.

    An @mention of Telegram becomes its t.me address, since the same name on VK is somebody else. Quotations stand
    apart by blank lines. A zero-width space keeps VK's own syntax from working.
    """
    spans = spans_of(text, entities)
    links = _links(text, spans)
    mentions = [span for span in links if span.entity.type == "mention"]
    others = [span for span in links if span.entity.type != "mention"]
    edits = [
        *_addresses(text, others, " ({})".format),
        *(_Edit(span.start, _Order.WORDS, span.start + 1, "t.me/") for span in mentions),
        *_quotes(text, spans, sign=""),
    ]
    return _defused(_edited(text, edits))


def letter_text(text: str, entities: Iterable[Entity] = ()) -> str:
    """Return `text` for the plain part of a letter: addresses in angle brackets, quoted lines behind `> `.

    What is struck out stands between `~~`, else it would be taken for what holds.
    """
    spans = spans_of(text, entities)
    links = _addresses(text, _links(text, spans), " <{}>".format)
    return _edited(text, [*links, *_quotes(text, spans, sign="> "), *_struck(text, spans)])


def _links(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return all that leads somewhere, without blanks around it, each clipped to where the one before it ends."""
    spans = list(spans)
    candidates = [span for span in spans if span.entity.type in LINKS] + found_links(text, spans)
    links: list[Span] = []
    for span in sorted(candidates, key=lambda span: (span.start, -span.end)):
        start, end = stripped(text, max(span.start, links[-1].end) if links else span.start, span.end)
        label = text[start:end]
        if is_visible(label) and destination(span.entity, label) is not None:
            links.append(Span(start, end, span.entity))
    return links


def _addresses(text: str, links: Iterable[Span], form: Callable[[str], str]) -> Iterator[_Edit]:
    for span in links:
        label = text[span.start : span.end]
        address = destination(span.entity, label)
        if address is not None and not shows(label, address):
            place = _end_of_word(text, span.end)
            apart = "" if text[place : place + 1] in _MAY_FOLLOW else " "
            yield _Edit(place, _Order.ADDRESS, place, form(readable(address)) + apart)


def _end_of_word(text: str, place: int) -> int:
    """Return where the word ends of which a link covers only a part."""
    while place < len(text) and text[place].isalnum():
        place += 1
    return place


def _defused(text: str) -> str:
    """Put a zero-width space behind each sign that VK would act upon, but never into an address."""
    addresses = bytearray(len(text))
    for span in found_links(text, ()):
        addresses[span.start : span.end] = b"\x01" * (span.end - span.start)
    signs = [sign.end() for sign in _VK_SYNTAX.finditer(text) if not addresses[sign.start()]]
    return _edited(text, [_Edit(place, _Order.WORDS, place, _ZERO_WIDTH_SPACE) for place in signs])


def _quotes(text: str, spans: Iterable[Span], sign: str) -> Iterator[_Edit]:
    """Set quotations apart by blank lines, and put the sign before each of their lines."""
    places = _quoted(text, spans)
    for (start, end), following in zip(places, [*places, None][1:], strict=True):
        yield _Edit(start, _Order.BEFORE_QUOTE, start, _gap(text[:start], text[:start].rstrip()))
        if following is None or text[end : following[0]].strip():
            yield _Edit(end, _Order.AFTER_QUOTE, end, _gap(text[end:], text[end:].lstrip()))
        for line in re.finditer(r"(?m)^(.*)$", text[start:end]):
            place = start + line.start()
            yield _Edit(place, _Order.QUOTE_SIGN, place, sign if line[1].strip() else sign.rstrip())


def _quoted(text: str, spans: Iterable[Span]) -> list[tuple[int, int]]:
    places = []
    for quote, group in groupby(blocks(len(text), spans), key=lambda block: block.quote):
        parts = list(group)
        start, end = stripped(text, parts[0].start, parts[-1].end)
        if quote is not None and start < end:
            places.append((start, end))
    return places


def _gap(beside: str, bare: str) -> str:
    """Return the newlines that are lacking to a blank line. `bare` is `beside` without the white space."""
    newlines = beside.count("\n") - bare.count("\n")
    return "\n" * max(0, 2 - newlines) if bare else ""


def _struck(text: str, spans: Iterable[Span]) -> Iterator[_Edit]:
    for first, last in {span[:2] for span in spans if span.entity.type == "strikethrough"}:
        for line in re.finditer(r"[^\n]+", text[first:last]):
            start, end = stripped(text, first + line.start(), first + line.end())
            if start < end:
                yield _Edit(start, _Order.STRUCK_BEGINS, start, _STRUCK)
                yield _Edit(end, _Order.STRUCK_ENDS, end, _STRUCK)


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    out = []
    done = 0
    for edit in sorted(edits, key=attrgetter("start", "order")):
        out += [text[done : edit.start], edit.words]
        done = max(done, edit.end)
    return "".join([*out, text[done:]])
