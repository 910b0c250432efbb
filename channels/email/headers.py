"""Header fields, written so that nothing but what is meant can stand in them.

Sources: RFC 5322 §2.2 and §3.2.3, RFC 2047 (encoded words), RFC 2231 (names of files).
"""

import re
from binascii import b2a_base64
from urllib.parse import quote

__all__ = ["display_name", "field", "file_parameter", "unstructured"]

# Printable ASCII; a fold only where something visible follows it.
_SAFE = re.compile(r"[ -~]*(?:\r\n [!-~][ -~]*)*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*]')  # what Windows refuses
# 39 octets of UTF-8 make an encoded word of 64, so that "Subject: " and it stay within 76 (RFC 2047 §2).
_OCTETS_IN_WORD = 39
_LONGEST_PLAIN = 66


def field(name: str, value: str) -> bytes:
    """Return a header line with its end. Raises ValueError for a value with anything unsafe in it."""
    if not _SAFE.fullmatch(value):
        raise ValueError(f"unsafe value for {name}")
    return f"{name}: {value}\r\n".encode("ascii")


def unstructured(text: str) -> str:
    """Write free text, as in Subject."""
    text = _clean(text)
    plain = text.isascii() and "=?" not in text and len(text) <= _LONGEST_PLAIN
    return text if plain else _encoded(text)


def display_name(text: str) -> str:
    """Write a name that stands before an address in angle brackets; empty for an empty one."""
    text = _clean(text)
    if not text:
        return ""
    if not text.isascii() or "=?" in text or len(text) > _LONGEST_PLAIN:
        return f"{_encoded(text)} "
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}" '


def file_parameter(name: str, file_name: str) -> str:
    """Write the name of a file as a parameter, any script allowed (RFC 2231 §4), and no path in it."""
    text = _NOT_IN_FILE_NAMES.sub("_", _clean(file_name)) or "file"
    if re.fullmatch(r"[\w !#$&+.,()-]{1,60}", text, re.ASCII):
        return f'{name}="{text}"'
    encoded = quote(text, safe="")
    # RFC 2231 §3: long values in numbered sections; a section never ends inside a %XX.
    sections = re.findall(r"(?:%..|[^%]){1,18}", encoded)
    if len(sections) == 1:
        return f"{name}*=utf-8''{encoded}"
    sections[0] = f"utf-8''{sections[0]}"
    return ";\r\n ".join(f"{name}*{number}*={section}" for number, section in enumerate(sections))


def _clean(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _encoded(text: str) -> str:
    words: list[bytes] = [b""]
    for char in text:
        octets = char.encode()
        if len(words[-1]) + len(octets) > _OCTETS_IN_WORD:
            words.append(b"")
        words[-1] += octets
    return "\r\n ".join(f"=?utf-8?b?{b2a_base64(word, newline=False).decode()}?=" for word in words)
