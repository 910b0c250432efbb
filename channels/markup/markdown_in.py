"""Reading Markdown: CommonMark with ~~strikethrough~~, and no HTML in it.

One deviation: a line break in the source is a line break in the text. Whoever types an announcement means it so.
"""

from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from channels.contract import Entity
from channels.markup.tags import TagReader

__all__ = ["from_markdown"]


def from_markdown(markdown: str) -> tuple[str, tuple[Entity, ...]]:
    """Read Markdown: bold, italic, strikethrough, code, links, quotes, lists; headings become bold lines.

    A picture becomes a link to it. Every text is valid Markdown, so nothing is raised. The result is normalised.
    """
    reader = TagReader()
    _read(_parser().parse(markdown), reader)
    return reader.result()


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]  # keeps Cyrillic addresses readable
    return parser


def _read(tokens: Iterable[Token], reader: TagReader) -> None:
    for token in tokens:
        if token.children is not None and token.type == "inline":
            _read(token.children, reader)
        elif token.nesting > 0:
            _start(token, reader)
        elif token.nesting < 0:
            _end(token, reader)
        else:
            _leaf(token, reader)


def _start(token: Token, reader: TagReader) -> None:
    if not token.hidden:  # the paragraphs of a tight list
        reader.start(token.tag, {name: str(value) for name, value in token.attrs.items()})


def _end(token: Token, reader: TagReader) -> None:
    if not token.hidden:
        reader.end(token.tag)


def _leaf(token: Token, reader: TagReader) -> None:
    match token.type:
        case "softbreak" | "hardbreak":
            reader.start("br", {})
        case "code_inline":
            _enclosed(reader, "code", {}, token.content)
        case "fence" | "code_block":
            _block_of_code(reader, token)
        case "image":
            _enclosed(reader, "a", {"href": str(token.attrs.get("src", ""))}, token.content)
        case "hr":
            reader.start("hr", {})
        case _:
            reader.text(token.content)


def _block_of_code(reader: TagReader, token: Token) -> None:
    language = token.info.split(maxsplit=1)
    reader.start("pre", {})
    _enclosed(reader, "code", {"class": f"language-{language[0]}"} if language else {}, token.content.rstrip("\n"))
    reader.end("pre")


def _enclosed(reader: TagReader, tag: str, attributes: dict[str, str | None], text: str) -> None:
    reader.start(tag, attributes)
    reader.text(text)
    reader.end(tag)
