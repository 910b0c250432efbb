"""From entities that may overlap in any way to text in which every tag closes before its parent does."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from channels.contract import Entity
from channels.markup.settling import QUOTES
from channels.markup.units import Span

__all__ = ["Block", "Layer", "Run", "blocks", "runs"]


class Block(NamedTuple):
    """`text[start:end]`, inside one quotation or none and one piece of code or none."""

    start: int
    end: int
    quote: Entity | None
    pre: Entity | None


class Layer(NamedTuple):
    """One tag around `text[start:end]`. Of each kind only the outermost counts; lower ranks go outside."""

    rank: int
    start: int
    end: int
    kind: str
    opening: str
    closing: str


class Run(NamedTuple):
    """`text[start:end]` with the layers around all of it, outermost first."""

    start: int
    end: int
    layers: tuple[Layer, ...]


def blocks(length: int, spans: Iterable[Span]) -> list[Block]:
    """Cut a text of `length` code points at the edges of quotations and blocks of code. Quotations do not nest."""
    quotes, codes = [], []
    for span in spans:
        if span.entity.type in QUOTES:
            quotes.append(span)
        elif span.entity.type == "pre":
            codes.append(span)
    edges = sorted({0, length} | {edge for span in (*quotes, *codes) for edge in span[:2]})
    pieces = [Block(left, right, _at(quotes, left), _at(codes, left)) for left, right in pairwise(edges)]
    return [_joined(list(group)) for _, group in groupby(pieces, key=lambda block: block[2:])]


def runs(layers: Iterable[Layer], start: int, end: int) -> Iterator[Run]:
    """Cut `text[start:end]` wherever a layer begins or ends."""
    inside = sorted(
        (layer for layer in layers if layer.start < end and layer.end > start),
        key=lambda layer: (layer.start, -layer.end),
    )
    edges = {start, end} | {edge for layer in inside for edge in layer[1:3] if start < edge < end}
    active: list[Layer] = []
    following = 0
    for left, right in pairwise(sorted(edges)):
        while following < len(inside) and inside[following].start <= left:
            active.append(inside[following])
            following += 1
        active = [layer for layer in active if layer.end > left]
        yield Run(left, right, _nested(active))


def _at(spans: Sequence[Span], place: int) -> Entity | None:
    return next((span.entity for span in spans if span.start <= place < span.end), None)


def _joined(group: Sequence[Block]) -> Block:
    return group[0]._replace(end=group[-1].end)


def _nested(active: Iterable[Layer]) -> tuple[Layer, ...]:
    outermost: dict[str, Layer] = {}
    for layer in sorted(active, key=lambda layer: (layer.rank, layer.start, -layer.end)):
        outermost.setdefault(layer.kind, layer)
    return tuple(outermost.values())
