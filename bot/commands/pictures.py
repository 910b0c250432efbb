"""What a picture file says of itself: its type and its size in pixels. Reads headers, decodes nothing."""

import struct
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Picture", "look"]

_SIZES_OF_JPEG = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15. Source: ITU T.81, table B.1
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


class Picture(NamedTuple):
    """Width and height are pixels, None where the file does not say."""

    mime_type: str
    width: int | None = None
    height: int | None = None


def look(content: bytes) -> Picture | None:
    """Return what the bytes are, if they are a JPEG, PNG or WebP picture."""
    for matches, mime_type, size in _KINDS:
        if matches(content):
            found = size(content)
            return Picture(mime_type, *found) if found and all(found) else Picture(mime_type)
    return None


def _png(content: bytes) -> tuple[int, int] | None:
    """Source: PNG §11.2.1, IHDR."""
    return struct.unpack(">II", content[16:24]) if len(content) >= 24 else None


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """Go from marker to marker to the first frame header. Source: ITU T.81, B.1.1.2 and B.2.2."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _SIZES_OF_JPEG:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    """Source: RFC 9649 §2.7 (VP8X) and §3.4 (VP8L); RFC 6386 §9.1 (VP8)."""
    if len(content) < 30:
        return None
    match content[12:16]:
        case b"VP8X":
            return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", content[26:30])
            return width & 0x3FFF, height & 0x3FFF
    return None


_KINDS: tuple[tuple[Callable[[bytes], bool], str, Callable[[bytes], tuple[int, int] | None]], ...] = (
    (lambda content: content.startswith(b"\x89PNG\r\n\x1a\n"), "image/png", _png),
    (lambda content: content.startswith(b"\xff\xd8\xff"), "image/jpeg", _jpeg),
    (lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP", "image/webp", _webp),
)
