"""Reads what says in a standard way that a letter came back, or was complained of.

Sources: RFC 3464 (delivery status), RFC 6533 (the same with addresses in UTF-8), RFC 3461 §4.2 (Original-Recipient),
RFC 5965 (complaints), RFC 6522 (multipart/report).
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from quopri import decodestring

from channels.email.addresses import on_the_wire

__all__ = [
    "Failure",
    "Original",
    "address_of",
    "complaint",
    "failures",
    "header",
    "moment_of",
    "original",
    "parts",
    "quoted_original",
]

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_COMPLAINT_TYPE = "message/feedback-report"
_ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers"}
)
_BLANK_LINE = re.compile(rb"(?:\r?\n){2,}")
_UTF8_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 §3
_STATUS_CLASS = re.compile(r"\s*([245])\.\d{1,3}\.\d{1,3}")
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,255})@([^<>@\s]{1,255})>")
_LONGEST_ADDRESS = 2_000  # with the name before it


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient's share of a report. `final` is False for a relay that goes on trying."""

    about: str
    status: str
    diagnostic: str
    final: bool


@dataclass(frozen=True, slots=True)
class Original:
    """What a return shows of the letter: the two halves of its Message-ID, its To, its Date, and all of its headers."""

    message_id: tuple[str, str]
    to: str
    date: str
    headers: str


def parts(message: Message) -> Iterator[Message]:
    """Walk through the parts of the report itself, and not into the letter that it returns."""
    if message.get_content_maintype() != "multipart" or not isinstance(message.get_payload(), list):
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from parts(part)


def failures(message: Message) -> list[Failure]:
    """Return what a delivery status says of each recipient that did not get the letter; empty when there is none."""
    found = []
    for part in parts(message):
        if part.get_content_type() in _STATUS_TYPES:
            found += [failure for block in _blocks(part) if (failure := _failure(block)) is not None]
    return found


def complaint(message: Message) -> Message | None:
    """Return the fields of a complaint (RFC 5965 §3); None when there is none, or it is not about spam (§7.3)."""
    for part in parts(message):
        if part.get_content_type() == _COMPLAINT_TYPE:
            for block in _blocks(part):
                if header(block, "Feedback-Type").lower() in ("abuse", "fraud", "virus", "other", "opt-out"):
                    return block
    return None


def original(message: Message) -> Original | None:
    """Return what stands of the returned letter behind a report."""
    for part in parts(message):
        if part.get_content_type() in _ORIGINAL_TYPES:
            headers = BytesHeaderParser(policy=compat32).parsebytes(_octets(part).lstrip(b"\r\n"))
            return _original(headers)
    return None


def quoted_original(text: str) -> Original | None:
    """Find the headers of the letter in a text that quotes it, as qmail and older servers do."""
    match = re.search(r"^[ >]*message-id:\s*<", text, re.IGNORECASE | re.MULTILINE)
    if match is None:
        return None
    before = re.split(r"\r?\n[ \t>]*\r?\n", text[: match.start()])[-1]
    after = re.split(r"\r?\n[ \t>]*\r?\n", text[match.start() :])[0]
    lines = [re.sub(r"^(?:> ?)+", "", line) for line in (before + after).splitlines()]
    first = next((n for n, line in enumerate(lines) if re.match(r"[A-Za-z-]+:", line)), 0)
    return _original(BytesHeaderParser(policy=compat32).parsebytes("\n".join(lines[first:]).encode()))


def header(message: Message, name: str) -> str:
    """Return a header as text on one line, whatever it is encoded in; empty when it is not there."""
    # As it was parsed: octets beyond ASCII are lone surrogates here, and lost in what `get` returns.
    value = next((each for known, each in message.raw_items() if known.lower() == name.lower()), "")
    try:
        text = str(make_header(decode_header(value)))
    except (ValueError, LookupError, AssertionError):
        text = str(value)
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(text.split())


def address_of(text: str) -> str:
    """Return the address of `Имя <a@x.ru>`, `rfc822;a@x.ru` or `utf-8;…` as it goes on the wire, in lower case.

    Empty where there is none; as it stands, in lower case, where it could not go on a wire.
    """
    text = text[-_LONGEST_ADDRESS:].rpartition(";")[2].strip()
    angle = re.search(r"<([^<>]*)>", text)
    bare = (angle[1] if angle else text).strip().strip("<>").rstrip(".")
    bare = _UTF8_XTEXT.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), bare)
    if "@" not in bare or any(char.isspace() for char in bare):
        return ""
    try:
        return on_the_wire(bare).lower()
    except ValueError:
        return bare.lower()


def moment_of(date: str) -> datetime | None:
    """Read a Date header; None where it says none, or no zone."""
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


# Parts


def _failure(block: Message) -> Failure | None:
    """Return what one block says; None when it is not about a recipient, or about one that was served."""
    recipients = [header(block, name) for name in ("Original-Recipient", "Final-Recipient")]
    status, action = header(block, "Status"), header(block, "Action").lower()
    if not any(recipients):
        return None
    found = _STATUS_CLASS.match(status)
    permanent = found is not None and found[1] == "5"
    final = action.startswith(("fail", "error")) or (not action and permanent)
    if not final and not action.startswith("delay") and (action or found is None):
        return None
    about = next((address for each in recipients if (address := _reported(each))), "")
    return Failure(about, status, _said(block), final)


def _said(block: Message) -> str:
    """Return the server's words, without the kind of them that stands in front."""
    words = header(block, "Diagnostic-Code") or header(block, "X-Supplementary-Info")
    kind, semicolon, rest = words.partition(";")
    return rest.strip() if semicolon and re.fullmatch(r"[\w.-]+", kind.strip()) else words


def _reported(text: str) -> str:
    kind, _, rest = text.partition(";")
    if kind.strip().lower() == "rfc822":  # some hand on what was meant for ORCPT alone (RFC 3461 §4)
        rest = rest.replace("+2B", "+").replace("+3D", "=")
    return address_of(rest or kind)


def _original(headers: Message) -> Original | None:
    match = _MESSAGE_ID.search(header(headers, "Message-ID"))
    text = "\n".join(f"{name}: {value}" for name, value in headers.items())
    if match is None and not text:
        return None
    identity = (match[1], match[2].lower()) if match else ("", "")
    return Original(identity, address_of(header(headers, "To")), header(headers, "Date"), text)


def _blocks(part: Message) -> list[Message]:
    """Return the groups of fields of a status or a complaint."""
    parse = BytesHeaderParser(policy=compat32).parsebytes
    return [parse(block) for block in _BLANK_LINE.split(_octets(part).strip()) if block.strip()]


def _octets(part: Message) -> bytes:
    """Return what stands in a part, decoded; the parser may have taken it apart already."""
    payload = part.get_payload()
    if isinstance(payload, list):
        octets = b"\n\n".join(each.as_bytes().strip(b"\r\n") for each in payload if isinstance(each, Message))
    else:
        octets = str(payload).encode("utf-8", "surrogateescape")
    match header(part, "Content-Transfer-Encoding").lower():
        case "base64":
            try:
                return b64decode(b"".join(octets.split()))
            except (Base64Error, ValueError):
                return octets
        case "quoted-printable":
            return decodestring(octets)
        case _:
            return octets
