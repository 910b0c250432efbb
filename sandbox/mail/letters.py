"""A letter as it came over the wire: what a reader would see of it, and which rules of the wire it breaks."""

import re
from base64 import b64encode
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.policy import default as modern
from email.utils import getaddresses, parsedate_to_datetime
from functools import cached_property

_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_FIELD = re.compile(rb"([!-9;-~]+):")
_ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=")
_CID = re.compile(r"""\bcid:([^"'\s)>]+)""")

# RFC 5322 §3.6: how often each field may stand in a letter; the least number first.
_TIMES = {
    b"from": (1, 1),
    b"date": (1, 1),
    b"message-id": (1, 1),
    b"to": (1, 1),
    b"subject": (0, 1),
    b"sender": (0, 1),
    b"reply-to": (0, 1),
    b"mime-version": (0, 1),
    b"list-id": (0, 1),
    b"list-unsubscribe": (0, 1),
    b"list-unsubscribe-post": (0, 1),
    b"bcc": (0, 0),
    b"return-path": (0, 0),
}
# RFC 5322 §2.1.1, in octets without the line's end; RFC 2047 §2, in octets.
_LONGEST_LINE = 998
_LONGEST_ENCODED_WORD = 75


@dataclass(frozen=True)
class AttachedFile:
    """A file that hangs on a letter; `size` in bytes."""

    name: str
    mime_type: str
    size: int
    inline: bool


@dataclass(frozen=True)
class StoredLetter:
    """One letter in one mailbox. `number` counts the letters of one server."""

    number: int
    sender: str
    recipient: str
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """The letter as the standard library reads it."""
        message = message_from_bytes(self.raw, policy=modern)
        assert isinstance(message, EmailMessage)
        return message

    @cached_property
    def _head(self) -> Message:
        return BytesHeaderParser(policy=compat32).parsebytes(self.raw)

    def header(self, name: str) -> str:
        """One header, decoded; an empty string where there is none.

        By the old decoder: the new one puts a blank between two encoded words of a name (RFC 2047 §6.2 says none).
        """
        value = self._head[name]
        return "" if value is None else " ".join(str(make_header(decode_header(value))).split())

    @property
    def subject(self) -> str:
        """What stands in the list of letters."""
        return self.header("Subject")

    @property
    def from_(self) -> str:
        """Who wrote it, name and address."""
        return self.header("From")

    @property
    def message_id(self) -> str:
        """The same for every copy of one letter."""
        return self.header("Message-ID")

    @cached_property
    def text(self) -> str:
        """The plain version, with line feeds only."""
        body = self.message.get_body(("plain",))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")

    @cached_property
    def bare_html(self) -> str:
        """The formatted version as it was sent."""
        body = self.message.get_body(("html",))
        return "" if body is None else str(body.get_content())

    @cached_property
    def html(self) -> str:
        """The formatted version with its inline pictures put in as data addresses, to be shown by itself."""
        pictures = {
            str(part["Content-ID"]).strip("<> "): part for part in self.message.walk() if part["Content-ID"] is not None
        }

        def shown(match: re.Match[str]) -> str:
            part = pictures.get(match[1])
            if part is None:
                return match[0]
            return f"data:{part.get_content_type()};base64,{b64encode(_content(part)).decode()}"

        return _CID.sub(shown, self.bare_html)

    @cached_property
    def attachments(self) -> tuple[AttachedFile, ...]:
        """All files, those shown inside the text included."""
        return tuple(
            AttachedFile(
                name=part.get_filename() or "",
                mime_type=part.get_content_type(),
                size=len(_content(part)),
                inline=part["Content-ID"] is not None,
            )
            for part in self.message.walk()
            if not part.is_multipart() and (part.get_filename() or part["Content-ID"] is not None)
        )

    def file(self, name: str) -> bytes:
        """The bytes of an attachment. Raises KeyError."""
        for part in self.message.walk():
            if not part.is_multipart() and part.get_filename() == name:
                return _content(part)
        raise KeyError(name)

    def summary(self) -> dict[str, object]:
        """What a list of letters shows."""
        return {
            "number": self.number,
            "subject": self.subject,
            "from": self.from_,
            "to": self.header("To"),
            "date": self.header("Date"),
            "message_id": self.message_id,
            "start": " ".join(self.text.split())[:160],
            "attachments": [
                {"name": file.name, "mime_type": file.mime_type, "size": file.size}
                for file in self.attachments
                if not file.inline
            ],
        }


def _content(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def broken_rules(raw: bytes, recipients: list[str], *, eight_bit: bool) -> list[str]:
    """Say what a strict receiver would object to. `eight_bit`: the sender announced BODY=8BITMIME (RFC 6152).

    Sources: RFC 5321 §2.3.8 and §4.5.3, RFC 5322 §2.1.1 and §3.6, RFC 2045 §4, RFC 2047 §2, RFC 8058 §2.
    """
    head, _, _ = raw.partition(b"\r\n\r\n")
    return [*_broken_bytes(raw, eight_bit=eight_bit), *_broken_head(head), *_broken_meaning(raw, head, recipients)]


def _broken_bytes(raw: bytes, *, eight_bit: bool) -> list[str]:
    longest = max(map(len, raw.split(b"\r\n")))
    found = {
        "a bare CR or LF": _BARE_LINE_END.search(raw) is not None,
        f"a line of {longest} octets": longest > _LONGEST_LINE,
        "a NUL": b"\0" in raw,
        "8-bit text without BODY=8BITMIME": not eight_bit and not raw.isascii(),
        "does not end with CRLF": not raw.endswith(b"\r\n"),
    }
    return [text for text, broken in found.items() if broken]


def _broken_head(head: bytes) -> list[str]:
    broken = [] if head.isascii() else ["a header that is not ASCII"]
    seen: dict[bytes, int] = {}
    for line in head.split(b"\r\n"):
        if line.startswith((b" ", b"\t")):
            if not line.strip():
                broken.append("a folded line of nothing but white space")
            continue
        match = _FIELD.match(line)
        if match is None:
            broken.append(f"not a header line: {line[:60]!r}")
            continue
        name = match[1].lower()
        seen[name] = seen.get(name, 0) + 1
    for name, (least, most) in _TIMES.items():
        times = seen.get(name, 0)
        if not least <= times <= most:
            broken.append(f"{name.decode()} stands {times} times")
    if any(name.startswith(b"content-") for name in seen) and b"mime-version" not in seen:
        broken.append("Content-* without MIME-Version")
    broken += [
        f"an encoded word of {len(word)} octets"
        for word in _ENCODED_WORD.findall(head)
        if len(word) > _LONGEST_ENCODED_WORD
    ]
    return broken


def _broken_meaning(raw: bytes, head: bytes, recipients: list[str]) -> list[str]:
    message = message_from_bytes(raw, policy=modern)
    broken = [f"{part.get_content_type()}: {defect!r}" for part in message.walk() for defect in part.defects]
    broken += [f"{name}: {defect!r}" for name, value in message.items() for defect in getattr(value, "defects", ())]
    shown = {address.lower() for _, address in getaddresses([str(message["To"] or "")])}
    if shown != {address.lower() for address in recipients}:
        broken.append(f"To names {sorted(shown)}, the envelope {sorted(recipients)}")
    if not re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", str(message["Message-ID"] or "")):
        broken.append("Message-ID is not <…@…>")
    try:
        parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        broken.append("Date is not a date")
    unsubscribe = [line for line in head.split(b"\r\n") if line.lower().startswith(b"list-unsubscribe:")]
    if any(b"=?" in line for line in unsubscribe):
        broken.append("List-Unsubscribe holds an encoded word")
    if message["List-Unsubscribe-Post"] is not None and not any(b"<https://" in line for line in unsubscribe):
        broken.append("List-Unsubscribe-Post without an https address")
    return broken
