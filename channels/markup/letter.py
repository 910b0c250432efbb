"""The body of a letter in HTML: the few tags and inline styles that every mail program shows the same.

No backgrounds, and no colour of text but that of links: light by day and dark by night is the reader's own choice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby, takewhile

from channels.contract import Entity
from channels.markup.layers import Block, Layer, blocks, runs
from channels.markup.links import LINKS, destination, found_links, is_visible
from channels.markup.units import Span, spans_of, stripped

__all__ = ["letter_html"]

_PARAGRAPH = '<p style="margin:0 0 16px">'
_QUOTE = '<blockquote style="margin:0 0 16px;padding:2px 0 2px 14px;border-left:3px solid #8a94a6">'
_PRE = (
    '<pre style="margin:0 0 16px;padding:10px 14px;border:1px solid #8a94a6;'
    'font-family:Consolas,Menlo,monospace;white-space:pre-wrap">'
)
_STYLES = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "spoiler": ('<span style="border-bottom:1px dashed #8a94a6">', "</span>"),
    "code": ('<code style="font-family:Consolas,Menlo,monospace">', "</code>"),
}
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
# A browser would show several spaces as one, and none at the start of a line.
_LOST_SPACES = re.compile(r"(?<=\n) +| +(?= )")


def letter_html(text: str, entities: Iterable[Entity] = ()) -> str:
    """Return `text` as paragraphs, quotations and blocks of code. Everything of the editor's is escaped.

    Links lead to http, https, mailto and tel only; a mention to t.me; bare addresses become links. Spoilers are
    readable; custom emoji, dates and hashtags stay the text that they are.
    """
    spans = spans_of(text, entities)
    layers = _layers(text, [*spans, *found_links(text, spans)])
    out: list[str] = []
    for quote, group in groupby(blocks(len(text), spans), key=lambda block: block.quote):
        shown = [html for block in group for html in _block(text, block, layers)]
        out += shown if quote is None else _quoted(shown)
    return "\n".join(out)


def _quoted(shown: Sequence[str]) -> list[str]:
    if not shown:
        return []
    last = shown[-1].replace("margin:0 0 16px", "margin:0", 1)  # else the bar beside it would stand out below
    return [_QUOTE, *shown[:-1], last, "</blockquote>"]


def _layers(text: str, spans: Iterable[Span]) -> list[Layer]:
    layers: list[Layer] = []
    for span in spans:
        if span.entity.type in LINKS:
            layers += _link(text, span)
        elif span.entity.type in _STYLES:
            opening, closing = _STYLES[span.entity.type]
            layers.append(Layer(1, span.start, span.end, span.entity.type, opening, closing))
    return layers


def _link(text: str, span: Span) -> Iterator[Layer]:
    start, end = stripped(text, span.start, span.end)
    label = text[start:end]
    address = destination(span.entity, label)
    if address is not None and is_visible(label):
        opening = f'<a href="{escape(address)}" style="color:#1d6fc0">'
        yield Layer(0, start, end, "link", opening, "</a>")


def _block(text: str, block: Block, layers: Sequence[Layer]) -> list[str]:
    if block.pre is not None:
        return _pre(text, block, layers)
    paragraphs = (stripped(text, start, end) for start, end in _paragraphs(text, block))
    return [f"{_PARAGRAPH}{_inline(text, layers, start, end)}</p>" for start, end in paragraphs if start < end]


def _pre(text: str, block: Block, layers: Iterable[Layer]) -> list[str]:
    content = text[block.start : block.end]
    if not content.strip():
        return []
    start = block.start + len(content) - len(content.lstrip("\n"))
    end = start + len(content.strip("\n"))
    outside = [layer for layer in layers if layer.kind != "code"]
    return [f"{_PRE}{_inline(text, outside, start, end, as_typed=True)}</pre>"]


def _paragraphs(text: str, block: Block) -> Iterator[tuple[int, int]]:
    start = block.start
    for gap in _BLANK_LINE.finditer(text, block.start, block.end):
        yield start, gap.start()
        start = gap.end()
    yield start, block.end


def _inline(text: str, layers: Iterable[Layer], start: int, end: int, *, as_typed: bool = False) -> str:
    out: list[str] = []
    opened: tuple[Layer, ...] = ()
    for run in runs(layers, start, end):
        common = _common(opened, run.layers)
        out += [layer.closing for layer in reversed(opened[common:])]
        out += [layer.opening for layer in run.layers[common:]]
        out.append(escape(text[run.start : run.end]) if as_typed else _prose(text, run.start, run.end))
        opened = run.layers
    out += [layer.closing for layer in reversed(opened)]
    return "".join(out)


def _common(one: Sequence[Layer], other: Sequence[Layer]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _prose(text: str, start: int, end: int) -> str:
    kept = _LOST_SPACES.sub(lambda spaces: "\u00a0" * len(spaces[0]), text[start:end])
    return escape(kept, quote=False).replace("\n", "<br>\n")
