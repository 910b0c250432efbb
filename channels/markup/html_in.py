"""Reading Telegram's HTML, and the ordinary block tags that people paste along with it."""

import re
from html.parser import HTMLParser

from channels.contract import Entity
from channels.markup.tags import MarkupError, MarkupFault, Place, TagReader

__all__ = ["from_html"]

# The parser keeps silent about a tag that the end of the source cuts off, and drops it in some versions of Python.
_UNFINISHED = re.compile(r"<(?:/?([A-Za-z][\w-]*)[^>]*|!--(?:(?!-->).)*)\Z", re.DOTALL)


def from_html(html: str) -> tuple[str, tuple[Entity, ...]]:
    """Read HTML as Telegram does (`b`, `i`, `u`, `s`, `a`, `code`, `pre`, `blockquote`, `tg-…`), plus `p`, `br`,
    lists and headings. Unknown tags are dropped and their text is kept. The result is normalised.

    Raises MarkupError, with line and column, for a tag with a meaning that is unclosed, unopened or cut off.
    """
    unfinished = _UNFINISHED.search(html)
    if unfinished:
        raise MarkupError(MarkupFault.UNFINISHED, unfinished[1] or "!--", _place_of(html, unfinished.start()))
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.reader.result()


def _place_of(html: str, index: int) -> Place:
    return html.count("\n", 0, index) + 1, index - html.rfind("\n", 0, index)


class _Parser(HTMLParser):
    """Hands everything on to a TagReader, with its place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.reader = TagReader()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.reader.start(tag, dict(attrs), self._place())

    def handle_endtag(self, tag: str) -> None:
        self.reader.end(tag, self._place())

    def handle_data(self, data: str) -> None:
        self.reader.text(data)

    def _place(self) -> Place:
        line, column = self.getpos()
        return line, column + 1
