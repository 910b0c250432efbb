"""A letter as bytes: built once for everybody, and cheaply finished for each recipient.

What all letters of a broadcast share is encoded once (Stationery); so are the words of each list (ListWords). A
recipient changes a few header lines, the last lines of both texts, and the personal words in them. All bodies are
base64: every line is short and 7-bit, and none begins with a dot, so nothing has to be doubled on the wire. Structure:
mixed(alternative(text, related(html, pictures)), files). Sources: RFC 2045, 2046, 2387, 2392, 5322; bulk headers:
RFC 2369, 2919, 8058, 3834.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from html import escape
from itertools import chain, combinations

from channels.contract import Attachment, Part
from channels.email.bodies import Body, Gapped, base64_lines, gapped, octets, opened
from channels.email.dkim import BodyHash, Fields, relaxed, signatures
from channels.email.headers import display_name, field, file_parameter, unstructured
from channels.email.rendering import LIST_BEGINS, LIST_ENDS, inline_pictures, reason_html, reason_text
from channels.email.settings import Settings
from channels.markup.personal import mended, split_at_words

__all__ = ["Letter", "ListWords", "Stationery", "finish", "list_words", "message_id", "stationery"]

_SHORT_TAIL = 16_384  # octets: copying so few is less work than sending them apart
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WEB_ADDRESS = re.compile(r"https?://[!#-;=?-~]{1,800}")
_IDENTITY = re.compile(r"<[!-;=?-~]{1,400}@[!-;=?-~]{1,400}>")
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_NOBODY: Mapping[str, str] = {}
_NOTHING: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class _Version:
    """What is shared by the letters to all who lack the same words. `title` is empty unless it differs for each."""

    fields: bytes
    signed: Fields
    title: str
    opening: bytes
    text: Body
    html: Body
    html_end: Gapped
    begun: BodyHash | None


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every letter with this part has in common. `topic` tells this part from others in statistics.

    `bare` are the fields of personal words without a spare: whoever lacks one of them gets another version.
    """

    versions: Mapping[frozenset[str], _Version]
    between: bytes
    tail: bytes
    topic: str
    personal: bool
    bare: frozenset[str]


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

    `tail` holds the files, which all letters of a broadcast share and nobody copies. `return_path` is the address in
    its envelope, empty for the sender's own.
    """

    head: bytes
    tail: bytes
    message_id: str
    return_path: bytes = b""

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
    pictures = inline_pictures(part.attachments, settings.sender_domain)
    inline = list(pictures.values())
    attached = [each for each in part.attachments if each not in inline]

    mixed, alternative, related = (f"={kind}-{topic}" for kind in ("mixed", "alternative", "related"))
    shown = [_picture(cid, picture, files) for cid, picture in pictures.items()]
    kept = [_file(attachment, files) for attachment in attached]
    whole = _multipart("mixed", mixed) if kept else _multipart("alternative", alternative)
    opening = b"".join(
        [
            _delimiter(mixed) + _multipart("alternative", alternative) + b"\r\n" if kept else b"",
            _delimiter(alternative),
            _body("text/plain; charset=utf-8"),
        ]
    )
    words = [word for text in (part.title, part.text, part.html) for word, _after in split_at_words(text)[1]]
    bare = frozenset(word.field for word in words if not word.spare)
    return Stationery(
        versions={lacking: _version(part, lacking, whole, opening, settings) for lacking in _subsets(bare)},
        between=b"".join(
            [
                _delimiter(alternative),
                _multipart("related", related, 'type="text/html"') + b"\r\n" + _delimiter(related) if shown else b"",
                _body("text/html; charset=utf-8"),
            ]
        ),
        tail=b"".join([*_rest(related, shown), _closing(alternative), *_rest(mixed, kept)]),
        topic=topic,
        personal=bool(words),
        bare=bare,
    )


def _subsets(fields: frozenset[str]) -> Iterator[frozenset[str]]:
    return map(frozenset, chain.from_iterable(combinations(fields, size) for size in range(len(fields) + 1)))


def _version(part: Part, lacking: frozenset[str], whole: bytes, opening: bytes, settings: Settings) -> _Version:
    title, plain, html = part.title, part.text, part.html
    if lacking:
        title, plain = mended(title, lacking), mended(plain, lacking)
        html = mended(html, lacking, is_html=True)
    html, _, after = html.partition(LIST_BEGINS)
    varies = bool(split_at_words(title)[1])
    fields = b"".join(
        [
            field("From", f"{display_name(settings.sender_name)}<{settings.sender_address}>"),
            b"" if varies else field("Subject", unstructured(title)),
            field("Auto-Submitted", "auto-generated"),
            field("Precedence", "bulk"),
            field("X-Mailru-Msgtype", "announcement"),
            field("MIME-Version", "1.0"),
            whole,
        ]
    )
    text = opened(plain)
    return _Version(
        fields=fields,
        signed=relaxed(fields) if settings.signers else {},
        title=title if varies else "",
        opening=opening,
        text=text,
        html=opened(html),
        html_end=gapped(after.partition(LIST_ENDS)[2]),
        begun=BodyHash(opening + text.lines) if settings.signers else None,
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
    paper: Stationery,
    words: ListWords,
    to: str,
    key: str,
    unsubscribe: str,
    date: datetime,
    settings: Settings,
    *,
    called: Mapping[str, str] | None = None,
    answers: str = "",
) -> Letter:
    """Finish the letter for one recipient. `to` is an address in ASCII, `unsubscribe` a web address or empty.

    `called` is what the personal words become, as `channels.markup.personal.called` makes it. `answers` is the
    Message-ID of a letter that this one follows in the same thread. Raises ValueError for an address that can't stand
    in a header.
    """
    if unsubscribe and not _WEB_ADDRESS.fullmatch(unsubscribe):
        raise ValueError("unsafe unsubscribe address")
    named = called if called and paper.personal else _NOBODY
    version = paper.versions[paper.bare.difference(named)]
    plain, marked_up = _octets_of(named) if named else (_NOTHING, _NOTHING)
    identity = message_id(key, settings)
    link = unsubscribe.encode()
    own = [
        field("Message-ID", identity),
        _date(date.replace(microsecond=0), date.utcoffset()),
        field("To", to),
        *_unsubscribing(unsubscribe, settings.sender_address),
        field("Feedback-ID", f"{paper.topic}:{words.feedback}"),
        words.head,
    ]
    if version.title:
        own.append(_personal_subject(version.title, named))
    if answers:
        own.append(_thread(answers))
    rest = [
        version.text.closed(words.text[0] + link + words.text[1], plain),
        paper.between,
        version.html.lines,
        version.html.closed(
            words.html[0] + escape(unsubscribe).encode() + words.html[1] + version.html_end.filled(marked_up),
            marked_up,
        ),
    ]
    if version.begun:
        digest = version.begun.of([*rest, paper.tail])
        fields = {**version.signed, **relaxed(b"".join(own))}
        own.insert(0, signatures(settings.signers, fields, digest, int(date.timestamp())))
    head = [*own, version.fields, b"\r\n", version.opening, version.text.lines, *rest]
    if len(paper.tail) <= _SHORT_TAIL:
        return Letter(b"".join([*head, paper.tail]), b"", identity)
    return Letter(b"".join(head), paper.tail, identity)


def _octets_of(named: Mapping[str, str]) -> tuple[Mapping[str, bytes], Mapping[str, bytes]]:
    """Return what the words become in the plain text, and in HTML."""
    plain = {each: octets(value) for each, value in named.items()}
    return plain, {each: octets(escape(value)) for each, value in named.items()}


def _personal_subject(title: str, called: Mapping[str, str]) -> bytes:
    start, words = split_at_words(title)
    filled = [f"{called.get(word.field, word.spare or '')}{after}" for word, after in words]
    return field("Subject", unstructured(start + "".join(filled)))


def _thread(answers: str) -> bytes:
    """RFC 5322 §3.6.4. What is no Message-ID (a receipt from elsewhere) names no letter, and is left out."""
    if not _IDENTITY.fullmatch(answers):
        return b""
    return field("In-Reply-To", answers) + field("References", answers)


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


def _multipart(kind: str, boundary: str, parameters: str = "") -> bytes:
    more = f"; {parameters}" if parameters else ""
    return field("Content-Type", f'multipart/{kind}{more};\r\n boundary="{boundary}"')


def _delimiter(boundary: str) -> bytes:
    return b"--%b\r\n" % boundary.encode()


def _rest(boundary: str, parts: list[bytes]) -> list[bytes]:
    """Write the parts behind the first one, and the closing delimiter; nothing when there are none."""
    if not parts:
        return []
    return [piece for part in parts for piece in (_delimiter(boundary), part)] + [_closing(boundary)]


def _closing(boundary: str) -> bytes:
    return b"--%b--\r\n" % boundary.encode()


def _body(mime_type: str, *more: bytes) -> bytes:
    return b"".join(
        [field("Content-Type", mime_type), field("Content-Transfer-Encoding", "base64"), *more, b"\r\n"],
    )


def _picture(cid: str, picture: Attachment, files: Mapping[str, bytes]) -> bytes:
    disposition = field("Content-Disposition", f"inline;\r\n {file_parameter('filename', picture.name)}")
    head = _body(_mime_type(picture), field("Content-ID", f"<{cid}>"), disposition)
    return head + base64_lines(files[picture.digest or ""])


def _file(attachment: Attachment, files: Mapping[str, bytes]) -> bytes:
    disposition = field("Content-Disposition", f"attachment;\r\n {file_parameter('filename', attachment.name)}")
    return _body(_mime_type(attachment), disposition) + base64_lines(files[attachment.digest or ""])


def _mime_type(attachment: Attachment) -> str:
    """Let pass what is a plain media type and may be base64 (RFC 2046 §5.2.1: a message/rfc822 may not)."""
    kind = attachment.mime_type.lower()
    plain = _MIME_TYPE.fullmatch(kind) and not kind.startswith(("multipart/", "message/"))
    return kind if plain else "application/octet-stream"


# Names


def _around(text: str, mark: str) -> tuple[bytes, bytes]:
    before, _, after = text.partition(mark) if mark else (text, "", "")
    return octets(before), octets(after)


def _label(key: str) -> str:
    """Return a host label for a list: the same for ever for the same key."""
    return key if _LABEL.fullmatch(key) else f"l{_digest(key)[:16]}"


def _sender_id(domain: str) -> str:
    """Gmail wants 5 to 15 characters that never change. Source: support.google.com/a/answer/6254652."""
    return re.sub(r"[^a-z0-9]", "", domain.lower())[:15].ljust(5, "0")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:40]
