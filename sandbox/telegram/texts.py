"""What Telegram's server does to a text and its entities before it stores them.

Offsets and lengths of entities count UTF-16 code units; the limits of a text count code points.
Sources: Bot API, MessageEntity; TDLib, td/telegram/MessageEntity.cpp (fix_formatted_text).
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, ClassVar

from sandbox.telegram.answers import bad_request

__all__ = ["CAPTION_LIMIT", "TEXT_LIMIT", "cut_like_an_app", "formatted", "units"]

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
_RAW_LIMIT = 1 << 15  # bytes of UTF-8, before any parsing

Entity = dict[str, Any]

_DETECTED = {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"}
_QUOTES = {"blockquote", "expandable_blockquote"}
_CODE = {"pre", "code"}
_LINKS = {"text_link", "text_mention"}
_PRIORITY = ["blockquote", "expandable_blockquote", "pre", "code", "text_link", "text_mention", "bold", "italic"]
_ZONES = "ru|рф|su|com|org|net|info|me|io|gov|edu|online|site|dev"
_PATTERNS = {
    "url": re.compile(
        rf"(?:https?|ftp|tg|ton)://[^\s<>\"«»]+|(?<![\w@./-])(?:[\w-]+\.)+(?:{_ZONES})(?![\w-])(?:[/?#][^\s<>\"«»]*)?",
        re.IGNORECASE,
    ),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "mention": re.compile(r"(?<![\w@/.])@[A-Za-z]\w{3,31}(?!\w)", re.ASCII),
    "hashtag": re.compile(r"(?<![\w#&])#\d*[^\W\d]\w*"),
    "bot_command": re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@\w+)?(?![\w/])"),
}


def units(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def formatted(
    text: str, entities: Iterable[Entity], parse_mode: str = "", *, limit: int, caption: bool = False
) -> tuple[str, list[Entity]]:
    """Clean a text as the server does and check its length.

    Raises ApiError for an empty text (a caption may be empty), a text over `limit` code points or 32768 bytes, and
    entities that no text can have.
    """
    if len(text.encode()) > _RAW_LIMIT:
        raise bad_request("text is too long")
    if parse_mode:
        text, entities = _parsed(text, parse_mode)
    _refuse_impossible(entities)
    text, kept = _cleaned(text, [item for item in entities if item["type"] not in _DETECTED])
    kept = _nested_rightly(kept)
    if not text and not caption:
        raise bad_request("message text is empty")
    if len(text) > limit:
        raise bad_request("message caption is too long" if caption else "message is too long")
    return text, _sorted([*kept, *_found(text, kept)])


def cut_like_an_app(text: str, entities: Iterable[Entity], limit: int = TEXT_LIMIT) -> list[tuple[str, list[Entity]]]:
    """Cut a long text into messages as the Telegram apps do: near the limit, where there is a newline or blank."""
    pieces: list[tuple[str, list[Entity]]] = []
    start = 0
    while start < len(text):
        end = start + limit
        if end < len(text):
            window = text[start:end]
            end = start + (max(window.rfind("\n"), window.rfind(" ")) + 1 or limit)
        pieces.append((text[start:end], list(_clipped(entities, units(text[:start]), units(text[:end])))))
        start = end
    return pieces or [(text, list(entities))]


def _clipped(entities: Iterable[Entity], start: int, end: int) -> Iterator[Entity]:
    for item in entities:
        left, right = max(item["offset"], start), min(item["offset"] + item["length"], end)
        if left < right:
            yield {**item, "offset": left - start, "length": right - left}


def _refuse_impossible(entities: Iterable[Entity]) -> None:
    for item in entities:
        for name in ("offset", "length"):
            if not 0 <= item[name] <= 1_000_000:
                raise bad_request(f"receive an entity with incorrect {name} {item[name]}")


def _cleaned(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Replace and drop characters, trim both ends, and move the entities accordingly."""
    moved = [0]  # old UTF-16 offset -> new one
    written: list[str] = []
    for character in text:
        width = 2 if ord(character) > 0xFFFF else 1
        kept = _kept(character)
        written.append(kept)
        moved.extend([moved[-1]] * (width - 1))  # the middle of a surrogate pair belongs to its beginning
        moved.append(moved[-1] + (width if kept else 0) if width == 1 else moved[-1] + width)
    clean = "".join(written)
    last = len(moved) - 1
    shifted = []
    for item in entities:
        left, right = moved[min(item["offset"], last)], moved[min(item["offset"] + item["length"], last)]
        if left < right:
            shifted.append({**item, "offset": left, "length": right - left})
    first = min((item["offset"] for item in shifted), default=units(clean))
    blanks = min(len(clean) - len(clean.lstrip()), first)
    clean = clean[blanks:].rstrip()
    return clean, list(_clipped(shifted, blanks, blanks + units(clean)))


def _kept(character: str) -> str:
    if character == "\r" or "\u2028" <= character <= "\u202e":
        return ""
    return " " if character < " " and character != "\n" else character


def _nested_rightly(entities: list[Entity]) -> list[Entity]:
    """Drop what may not nest: code holds nothing and sits in quotes only, quotes and links do not nest."""
    kept: list[Entity] = []
    complete = [item | {"url": _link(item["url"])} if "url" in item else item for item in entities]
    for item in _sorted(complete):
        if item["type"] == "text_link" and not item.get("url"):
            continue
        if not any(_quarrel(item, other) for other in kept if _overlap(item, other)):
            kept.append(item)
    return kept


def _quarrel(item: Entity, other: Entity) -> bool:
    both = {item["type"], other["type"]}
    if both <= _QUOTES or both <= _LINKS:
        return True
    return bool(both & _CODE) and not both & _QUOTES


def _overlap(one: Entity, two: Entity) -> bool:
    return bool(one["offset"] < two["offset"] + two["length"] and two["offset"] < one["offset"] + one["length"])


def _link(url: str) -> str:
    """Return the address as Telegram stores it; empty when it is none."""
    if re.match(r"(?:https?|ftp|tg|ton|tonsite)://[^\s/]", url, re.IGNORECASE):
        return url
    return f"http://{url}" if re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?:[/:?#]\S*)?", url) else ""


def _found(text: str, entities: list[Entity]) -> Iterator[Entity]:
    """Find addresses, mentions, hashtags and commands, as the server does by itself."""
    taken = [item for item in entities if item["type"] in _CODE | _LINKS | {"custom_emoji"}]
    for name in ("url", "email", "mention", "hashtag", "bot_command"):
        for match in _PATTERNS[name].finditer(text):
            found = match[0].rstrip(".,:;!?)'…") if name == "url" else match[0]
            item = {"type": name, "offset": units(text[: match.start()]), "length": units(found)}
            if not any(_overlap(item, other) for other in taken):
                taken.append(item)
                yield item


def _sorted(entities: Iterable[Entity]) -> list[Entity]:
    def order(item: Entity) -> tuple[int, int, int]:
        kind = item["type"]
        return item["offset"], -item["length"], _PRIORITY.index(kind) if kind in _PRIORITY else len(_PRIORITY)

    return sorted(entities, key=order)


def _parsed(text: str, parse_mode: str) -> tuple[str, list[Entity]]:
    if parse_mode.lower() != "html":
        raise bad_request("unsupported parse_mode")
    if stray := re.search(r"<(?![a-zA-Z/])", text):  # Python's reader would take it for text
        raise bad_request(f'can\'t parse entities: unsupported start tag "" at byte offset {stray.start()}')
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise bad_request(
            f"can't parse entities: can't find end tag corresponding to start tag \"{reader.open[-1][0]}\""
        )
    return "".join(reader.written), reader.entities


class _HtmlReader(HTMLParser):
    """Telegram's HTML style. Source: Bot API, "HTML style"."""

    _PLAIN: ClassVar = {
        "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
        "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
        "code": "code", "pre": "pre", "blockquote": "blockquote", "a": "text_link", "tg-emoji": "custom_emoji",
        "span": "spoiler",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self.entities: list[Entity] = []
        self.open: list[tuple[str, Entity]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._PLAIN:
            raise bad_request(f'can\'t parse entities: unsupported start tag "{tag}" at byte offset {self.getpos()[1]}')
        given = dict(attrs)
        entity: Entity = {"type": self._PLAIN[tag], "offset": self._at()}
        if tag == "a":
            entity["url"] = given.get("href") or ""
        if tag == "tg-emoji":
            entity["custom_emoji_id"] = given.get("emoji-id") or ""
        if tag == "blockquote" and "expandable" in given:
            entity["type"] = "expandable_blockquote"
        language = given.get("class") or ""
        if tag == "code" and self.open and self.open[-1][0] == "pre" and language.startswith("language-"):
            self.open[-1][1]["language"] = language.removeprefix("language-")
        self.open.append((tag, entity))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            raise bad_request(f"can't parse entities: unexpected end tag at byte offset {self.getpos()[1]}")
        _, entity = self.open.pop()
        self.entities.append({**entity, "length": self._at() - entity["offset"]})

    def handle_data(self, data: str) -> None:
        self.written.append(data)

    def _at(self) -> int:
        return units("".join(self.written))
