"""Where a stretch of text leads, in words that every channel understands."""

import re
import unicodedata
from collections.abc import Iterable

from channels.contract import Entity
from channels.markup.units import Span

__all__ = ["LINKS", "destination", "found_links", "is_visible", "readable", "shows"]

# The types that lead somewhere outside Telegram too.
LINKS = frozenset({"email", "mention", "phone_number", "text_link", "url"})

_CODE = frozenset({"code", "pre"})
_SAFE_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f\x7f]+\Z", re.IGNORECASE)
_UNQUOTED = re.compile(r'[ "<>]')  # RFC 3986, appendix C: what stands around an address in a text
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+(?::\d+)?(?:[/?#][^\s\x00-\x1f\x7f]*)?\Z")
_NAME = re.compile(r"@([A-Za-z]\w+)\Z", re.ASCII)

# Only the endings that our readers meet: a wider net would make links of «т.е.» and file names.
_FOUND = re.compile(
    r"""
    (?<![\w@./+-])
    (?:
        (?P<email> [\w.+-]+ @ (?:[\w-]+\.)+ [^\W\d_]{2,} )
      | (?P<url>
            https?:// [^\s<>«»„“"]+
          | (?:[\w-]+\.)+ (?:ru|su|рф|com|org|net|info|me) (?![\w-]|\.\w) (?::\d{2,5}(?!\d))? (?:/[^\s<>«»„“"]*)?
        )
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def destination(entity: Entity, label: str) -> str | None:
    """Return the http, https, mailto or tel address behind `label`, or None where there is none that is safe."""
    label = label.strip()
    match entity.type:
        case "text_link":
            return _safe(entity.url or "")
        case "url":
            return _safe(label)
        case "email":
            return _safe(f"mailto:{label}")
        case "phone_number":
            digits = re.sub(r"[^\d+]", "", label)
            return f"tel:{digits}" if digits else None
        case "mention":
            name = _NAME.match(label)
            return f"https://t.me/{name[1]}" if name else None
        case _:
            return None


def found_links(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return the web and mail addresses in `text` that no link and no code among `spans` touches.

    Telegram marks them itself; texts from elsewhere come without. Offset and length of the entities are left zero.
    """
    taken = bytearray(len(text))
    for span in spans:
        if span.entity.type in LINKS or span.entity.type in _CODE:
            taken[span.start : span.end] = b"\x01" * (span.end - span.start)
    found = []
    for match in _FOUND.finditer(text):
        end = match.start() + len(_without_tail(match[0]))
        if not any(taken[match.start() : end]):
            found.append(Span(match.start(), end, Entity(match.lastgroup or "url", 0, 0)))
    return found


def is_visible(label: str) -> bool:
    """Tell whether a reader sees anything. An invisible link only picks the picture of Telegram's preview."""
    return any(char not in _INVISIBLE and unicodedata.category(char) not in _INVISIBLE_CATEGORIES for char in label)


def readable(address: str) -> str:
    """Return an address as one would write it on paper: no `mailto:`, no `tel:`."""
    scheme, _, rest = address.partition(":")
    match scheme.lower():
        case "mailto":
            return rest.partition("?")[0]
        case "tel":
            return rest
        case _:
            return address


def shows(label: str, address: str) -> bool:
    """Tell whether the label already says where it leads, as «fnpr.ru» does for https://fnpr.ru/."""
    bare = _bare(address)
    if address.lower().startswith("tel:"):
        return re.sub(r"\D", "", bare) in re.sub(r"\D", "", label)
    return any(_bare(_without_tail(word.lstrip("(«\"'<["))) == bare for word in label.split())


def _safe(url: str) -> str | None:
    url = _UNQUOTED.sub(lambda sign: f"%{ord(sign[0]):02X}", url.strip())
    if _SAFE_SCHEME.match(url):
        return url
    # Telegram takes an address without a scheme for http.
    return f"http://{url}" if _BARE_HOST.match(url) else None


def _bare(address: str) -> str:
    return re.sub(r"^(?:https?://(?:www\.)?|www\.)", "", readable(address).casefold()).rstrip("/")


def _without_tail(address: str) -> str:
    """Cut off the signs that belong to the sentence around an address."""
    while address:
        last = address[-1]
        stray = (last == ")" and address.count(")") > address.count("(")) or (
            last == "]" and address.count("]") > address.count("[")
        )
        if not stray and last not in ".,;:!?…'*_>»\"":
            return address
        address = address[:-1]
    return address
