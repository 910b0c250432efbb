"""A letter as bytes: built once for everybody, and cheaply finished for each recipient.

What all letters of a broadcast share is encoded once (Stationery); so are the words of each list (ListWords). A
recipient changes a few header lines and the last lines of both texts. All bodies are base64: every line is short and
7-bit, and none begins with a dot, so nothing has to be doubled on the wire. Structure: mixed(alternative(text,
related(html, pictures)), files). Sources: RFC 2045, 2046, 2387, 2392, 5322; bulk headers: RFC 2369, 2919, 8058, 3834.
"""

import re
import secrets
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from html import escape

from channels.contract import Attachment, Part
from channels.email.headers import display_name, field, file_parameter, unstructured
from channels.email.rendering import LIST_BEGINS, LIST_ENDS, inline_pictures, reason_html, reason_text
from channels.email.settings import Settings

__all__ = ["Letter", "ListWords", "Stationery", "finish", "list_words", "message_id", "stationery"]

_LINE = 57  # octets in a base64 line of 76 (RFC 2045 §6.8)
_SHORT_TAIL = 16_384  # octets: copying so few is less work than sending them apart
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WEB_ADDRESS = re.compile(r"https?://[!#-;=?-~]{1,800}")
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class _Open:
    """A base64 body of which the end is still to come: whole lines, and the octets that did not fill one."""

    lines: bytes
    rest: bytes

    def closed(self, end: bytes) -> bytes:
        return self.lines + _base64_lines(self.rest + end)


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every letter with this part has in common. `topic` tells this part from others in statistics."""

    head: bytes
    text: _Open
    between: bytes
    html: _Open
    html_end: bytes
    tail: bytes
    topic: str


@dataclass(frozen=True, slots=True)
class ListWords:
    """What every letter to one list has in common; each pair of texts stands around the unsubscribe address."""

    head: bytes
    feedback: str
    text: tuple[bytes, bytes]
    html: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter ready for the wire, without the final dot. No line of it begins with a dot.

    `tail` holds the files, which all letters of a broadcast share and nobody copies.
    """

    head: bytes
    tail: bytes
    message_id: str

    @property
    def size(self) -> int:
        """In octets."""
        return len(self.head) + len(self.tail)


def stationery(part: Part, files: Mapping[str, bytes], settings: Settings) -> Stationery:
    """Encode what is the same for everybody. `files` holds the bytes of the attachments by digest.

    Takes time in proportion to the files (about 10 ms for each MB): call it in a thread. Raises KeyError for a
    missing file.
    """
    topic = sha256(f"{part.title}\0{part.text}\0{part.html}".encode("utf-8", "replace")).hexdigest()[:12]
    html, _, after = part.html.partition(LIST_BEGINS)
    pictures = inline_pictures(part.attachments, settings.sender_domain)
    inline = list(pictures.values())
    attached = [each for each in part.attachments if each not in inline]

    mixed, alternative, related = (f"={kind}-{topic}" for kind in ("mixed", "alternative", "related"))
    shown = [_picture(cid, picture, files) for cid, picture in pictures.items()]
    kept = [_file(attachment, files) for attachment in attached]
    return Stationery(
        head=b"".join(
            [
                field("From", f"{display_name(settings.sender_name)}<{settings.sender_address}>"),
                field("Subject", unstructured(part.title)),
                field("Auto-Submitted", "auto-generated"),
                field("Precedence", "bulk"),
                field("X-Mailru-Msgtype", "announcement"),
                field("MIME-Version", "1.0"),
                _opening("mixed", mixed) if kept else b"",
                _opening("alternative", alternative),
                _body("text/plain; charset=utf-8"),
            ]
        ),
        text=_open(_octets(part.text)),
        between=b"".join(
            [
                b"--%b\r\n" % alternative.encode(),
                _opening("related", related, 'type="text/html"') if shown else b"",
                _body("text/html; charset=utf-8"),
            ]
        ),
        html=_open(_octets(html)),
        html_end=_octets(after.partition(LIST_ENDS)[2]),
        tail=b"".join([*_rest(related, shown), _closing(alternative), *_rest(mixed, kept)]),
        topic=topic,
    )


def list_words(list_key: str, list_name: str, channel_key: str, settings: Settings, *, with_link: bool) -> ListWords:
    """Encode what is the same for one list. `with_link`: its recipients have a web address to unsubscribe at."""
    label = _label(list_key or channel_key)
    domain = settings.list_domain or settings.sender_domain
    mark = f"https://{secrets.token_hex(16)}.invalid/" if with_link else ""
    return ListWords(
        head=field("List-Id", f"{display_name(list_name)}<{label}.{domain}>"),
        feedback=f"{label}:announcement:{_sender_id(settings.sender_domain)}",
        text=_around(reason_text(list_name, mark), mark),
        html=_around(reason_html(list_name, mark, settings.sender_address), mark),
    )


def finish(
    paper: Stationery, words: ListWords, to: str, key: str, unsubscribe: str, date: datetime, settings: Settings
) -> Letter:
    """Finish the letter for one recipient. `to` is an address in ASCII, `unsubscribe` a web address or empty.

    Raises ValueError for an address that can't stand in a header.
    """
    if unsubscribe and not _WEB_ADDRESS.fullmatch(unsubscribe):
        raise ValueError("unsafe unsubscribe address")
    identity = message_id(key, settings)
    link = unsubscribe.encode()
    head = [
        field("Message-ID", identity),
        _date(date.replace(microsecond=0), date.utcoffset()),
        field("To", to),
        *_unsubscribing(unsubscribe, settings.sender_address),
        field("Feedback-ID", f"{paper.topic}:{words.feedback}"),
        words.head,
        paper.head,
        paper.text.closed(words.text[0] + link + words.text[1]),
        paper.between,
        paper.html.closed(words.html[0] + escape(unsubscribe).encode() + words.html[1] + paper.html_end),
    ]
    if len(paper.tail) <= _SHORT_TAIL:
        return Letter(b"".join([*head, paper.tail]), b"", identity)
    return Letter(b"".join(head), paper.tail, identity)


@lru_cache(maxsize=16)
def _date(second: datetime, _offset: timedelta | None) -> bytes:
    """Write the same for all letters of one second. Moments compare equal in every zone, so the offset is named too."""
    return field("Date", format_datetime(second))


def message_id(key: str, settings: Settings) -> str:
    """Return the same Message-ID for every attempt of one delivery (RFC 5322 §3.6.4)."""
    left = key if _TOKEN.fullmatch(key) and ".." not in key and key[-1] != "." else _digest(key)
    return f"<{left}@{settings.sender_domain}>"


def _unsubscribing(url: str, sender: str) -> list[bytes]:
    """The two headers of RFC 2369 §3.2 and RFC 8058; the second only with https, as there is no first without it."""
    by_letter = f"<mailto:{sender}?subject=unsubscribe>"
    if not url:
        return [field("List-Unsubscribe", by_letter)]
    lines = [field("List-Unsubscribe", f"<{url}>, {by_letter}")]
    if url.startswith("https://"):
        lines.append(field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return lines


# Parts of a multipart


def _opening(kind: str, boundary: str, parameters: str = "") -> bytes:
    """Write the head of a multipart and the delimiter of its first part."""
    more = f"; {parameters}" if parameters else ""
    head = field("Content-Type", f'multipart/{kind}{more};\r\n boundary="{boundary}"')
    return head + b"\r\n--%b\r\n" % boundary.encode()


def _rest(boundary: str, parts: list[bytes]) -> list[bytes]:
    """Write the parts behind the first one, and the closing delimiter; nothing when there are none."""
    if not parts:
        return []
    delimiter = b"--%b\r\n" % boundary.encode()
    return [piece for part in parts for piece in (delimiter, part)] + [_closing(boundary)]


def _closing(boundary: str) -> bytes:
    return b"--%b--\r\n" % boundary.encode()


def _body(mime_type: str, *more: bytes) -> bytes:
    return b"".join(
        [field("Content-Type", mime_type), field("Content-Transfer-Encoding", "base64"), *more, b"\r\n"],
    )


def _picture(cid: str, picture: Attachment, files: Mapping[str, bytes]) -> bytes:
    disposition = field("Content-Disposition", f"inline;\r\n {file_parameter('filename', picture.name)}")
    head = _body(_mime_type(picture), field("Content-ID", f"<{cid}>"), disposition)
    return head + _base64_lines(files[picture.digest or ""])


def _file(attachment: Attachment, files: Mapping[str, bytes]) -> bytes:
    disposition = field("Content-Disposition", f"attachment;\r\n {file_parameter('filename', attachment.name)}")
    return _body(_mime_type(attachment), disposition) + _base64_lines(files[attachment.digest or ""])


def _mime_type(attachment: Attachment) -> str:
    """Let pass what is a plain media type and may be base64 (RFC 2046 §5.2.1: a message/rfc822 may not)."""
    kind = attachment.mime_type.lower()
    plain = _MIME_TYPE.fullmatch(kind) and not kind.startswith(("multipart/", "message/"))
    return kind if plain else "application/octet-stream"


def _open(octets: bytes) -> _Open:
    border = len(octets) - len(octets) % _LINE
    return _Open(_base64_lines(octets[:border]), octets[border:])


def _octets(text: str) -> bytes:
    """Encode text with the line ends that it has inside base64 (RFC 2046 §4.1.1)."""
    return text.replace("\n", "\r\n").encode("utf-8", "replace")


def _base64_lines(octets: bytes) -> bytes:
    encoded = b2a_base64(octets, newline=False)
    return b"".join([encoded[start : start + 76] + b"\r\n" for start in range(0, len(encoded), 76)])


# Names


def _around(text: str, mark: str) -> tuple[bytes, bytes]:
    before, _, after = text.partition(mark) if mark else (text, "", "")
    return _octets(before), _octets(after)


def _label(key: str) -> str:
    """Return a host label for a list: the same for ever for the same key."""
    return key if _LABEL.fullmatch(key) else f"l{_digest(key)[:16]}"


def _sender_id(domain: str) -> str:
    """Gmail wants 5 to 15 characters that never change. Source: support.google.com/a/answer/6254652."""
    return re.sub(r"[^a-z0-9]", "", domain.lower())[:15].ljust(5, "0")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:40]
