"""What tags mean: a table, a stack of open elements, and complaints with a place in them.

Telegram's own tags keep their meaning and their white space. Inside the block tags of ordinary HTML (`p`, `li`, `h1`
and so on) white space flows as in a browser. Elements may cross, since entities may.
Source: Bot API, "Formatting options", HTML style.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from urllib.parse import parse_qs, urlsplit

from channels.contract import Entity
from channels.markup.composing import Composer, Opening, Spacing

__all__ = ["Attributes", "MarkupError", "MarkupFault", "Place", "TagReader"]

Attributes = Mapping[str, str | None]
Place = tuple[int, int]  # line and column, both counted from 1

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_FLOWING = _HEADINGS | {"p", "li"}
_LISTS = frozenset({"ul", "ol"})
_SILENT = frozenset({"script", "style"})
_END_MAY_LACK = frozenset({"p", "li"})

# How many newlines stand between a block and its neighbours, at least.
_BLOCKS = dict.fromkeys(_HEADINGS | {"p", "hr"}, 2) | dict.fromkeys(_LISTS | {"blockquote", "div", "li", "pre"}, 1)


class MarkupFault(StrEnum):
    """What is wrong with a source."""

    UNCLOSED = "unclosed"
    UNOPENED = "unopened"
    UNFINISHED = "unfinished"


class MarkupError(ValueError):
    """A tag that leaves open which text it means. `line` and `column` count from 1."""

    def __init__(self, fault: MarkupFault, tag: str, place: Place) -> None:
        self.fault = fault
        self.tag = tag
        self.line, self.column = place
        super().__init__(f"{fault} tag <{tag}> at line {self.line}, column {self.column}")


def _style(type_: str, _attributes: Attributes) -> Entity:
    return Entity(type_, 0, 0)


def _link(attributes: Attributes) -> Entity | None:
    url = (attributes.get("href") or "").strip()
    if not url:
        return None
    user = _user_of(url)
    return Entity("text_link", 0, 0, url=url) if user is None else Entity("text_mention", 0, 0, user_id=user)


def _user_of(url: str) -> int | None:
    if not url.lower().startswith("tg://user?"):
        return None
    ids = parse_qs(urlsplit(url).query).get("id", [])
    return _number(ids[0]) if ids else None


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() else None


def _span(attributes: Attributes) -> Entity | None:
    return Entity("spoiler", 0, 0) if "tg-spoiler" in (attributes.get("class") or "").split() else None


def _quote(attributes: Attributes) -> Entity:
    return Entity("expandable_blockquote" if "expandable" in attributes else "blockquote", 0, 0)


def _emoji(attributes: Attributes) -> Entity | None:
    emoji = attributes.get("emoji-id")
    return Entity("custom_emoji", 0, 0, custom_emoji_id=emoji) if emoji else None


def _time(attributes: Attributes) -> Entity | None:
    moment = _number(attributes.get("unix"))
    if moment is None:
        return None
    return Entity("date_time", 0, 0, unix_time=moment, date_time_format=attributes.get("format"))


_MEANINGS: dict[str, Callable[[Attributes], Entity | None]] = {
    **dict.fromkeys(_HEADINGS | {"b", "strong"}, partial(_style, "bold")),
    **dict.fromkeys(("i", "em"), partial(_style, "italic")),
    **dict.fromkeys(("u", "ins"), partial(_style, "underline")),
    **dict.fromkeys(("s", "strike", "del"), partial(_style, "strikethrough")),
    "tg-spoiler": partial(_style, "spoiler"),
    "code": partial(_style, "code"),
    "pre": partial(_style, "pre"),
    "a": _link,
    "span": _span,
    "blockquote": _quote,
    "tg-emoji": _emoji,
    "tg-time": _time,
}

_KEPT = frozenset(_MEANINGS) | frozenset(_BLOCKS) | _SILENT


@dataclass(frozen=True, slots=True, eq=False)
class _Element:
    tag: str
    place: Place
    opening: Opening | None


class TagReader:
    """Takes tags and text one after the other, and makes a plain text with entities of them."""

    def __init__(self) -> None:
        self._composer = Composer()
        self._elements: list[_Element] = []
        self._next_numbers: list[int | None] = []  # per open list; None where items have bullets
        self._pre_begins = False  # a newline right behind <pre> is no part of it. Source: HTML, the pre element

    def start(self, tag: str, attributes: Attributes, place: Place = (1, 1)) -> None:
        """Take an opening tag. Unknown ones are passed over."""
        if tag == "br":
            self._line_break()
        elif tag in _KEPT:
            self._imply_ends(tag)
            self._break_at(tag)
            self._begin_list_part(tag, attributes)
            self._pre_begins = self._pre_begins or tag == "pre"
            opening = self._opening(tag, attributes)
            if tag != "hr":
                self._elements.append(_Element(tag, place, opening))

    def end(self, tag: str, place: Place = (1, 1)) -> None:
        """Take a closing tag. Raises MarkupError when it closes nothing and had a meaning."""
        found = [index for index, element in enumerate(self._elements) if element.tag == tag]
        if found:
            self._imply_ends_above(found[-1])
            self._finish(self._elements.pop(found[-1]))
        elif tag in _MEANINGS and tag != "span":
            raise MarkupError(MarkupFault.UNOPENED, tag, place)

    def text(self, text: str) -> None:
        """Take text that stands between two tags."""
        tags = self._tags()
        if tags & _SILENT:
            return
        if "pre" in tags:
            self._composer.write(text.removeprefix("\n") if self._pre_begins else text, Spacing.VERBATIM)
            self._pre_begins = False
        else:
            self._composer.write(text, Spacing.FLOWING if tags & _FLOWING else Spacing.TYPED)

    def result(self) -> tuple[str, tuple[Entity, ...]]:
        """Return the text and its entities. Raises MarkupError when a tag with a meaning was never closed."""
        for element in self._elements:
            if element.opening is not None:
                raise MarkupError(MarkupFault.UNCLOSED, element.tag, element.place)
        while self._elements:
            self._finish(self._elements.pop())
        return self._composer.result()

    def _tags(self) -> set[str]:
        return {element.tag for element in self._elements}

    def _line_break(self) -> None:
        if "pre" in self._tags():
            self._composer.write("\n", Spacing.VERBATIM)
        else:
            self._composer.newline()

    def _opening(self, tag: str, attributes: Attributes) -> Opening | None:
        if tag not in _MEANINGS:
            return None
        block = next((element.opening for element in self._elements if element.tag == "pre"), None)
        if block is not None and tag == "code":
            _name_language(block, attributes)
            return None
        entity = _MEANINGS[tag](attributes)
        return None if entity is None else self._composer.open(entity)

    def _break_at(self, tag: str) -> None:
        if tag in _BLOCKS:
            inside_item = any(element.tag == "li" for element in self._elements)
            self._composer.block(1 if inside_item else _BLOCKS[tag])

    def _begin_list_part(self, tag: str, attributes: Attributes) -> None:
        if tag in _LISTS:
            first = _number(attributes.get("start") or "1")
            self._next_numbers.append((1 if first is None else first) if tag == "ol" else None)
        elif tag == "li":
            self._composer.bullet(self._sign())

    def _sign(self) -> str:
        indent = "  " * (len(self._next_numbers) - 1)
        number = self._next_numbers[-1] if self._next_numbers else None
        if number is None:
            return f"{indent}• "
        self._next_numbers[-1] = number + 1
        return f"{indent}{number}. "

    def _imply_ends(self, tag: str) -> None:
        """A new block ends a paragraph, a new list item the one before it. Source: HTML, optional tags."""
        ended = {"p", "li"} if tag == "li" else {"p"} if tag in _BLOCKS else set()
        while self._elements and self._elements[-1].tag in ended:
            self._finish(self._elements.pop())

    def _imply_ends_above(self, index: int) -> None:
        if self._elements[index].tag not in _BLOCKS:
            return
        for element in self._elements[:index:-1]:
            if element.tag in _END_MAY_LACK:
                self._elements.remove(element)
                self._finish(element)

    def _finish(self, element: _Element) -> None:
        if element.opening is not None:
            self._composer.close(element.opening)
        if element.tag == "li":
            self._composer.end_item()
        if element.tag == "pre":
            self._pre_begins = False
        if element.tag in _LISTS:
            self._next_numbers.pop()
        self._break_at(element.tag)


def _name_language(opening: Opening, attributes: Attributes) -> None:
    for name in (attributes.get("class") or "").split():
        if name.startswith("language-"):
            opening.entity = replace(opening.entity, language=name.removeprefix("language-"))
