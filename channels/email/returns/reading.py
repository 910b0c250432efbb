"""Understands what arrives in a mailbox for returns: bounces, complaints, notes of absence, and letters of people.

Pure. Reports by the standards come first (`reports`), then what other servers write (`shapes`). A letter is taken for a
return only when a machine wrote it: a bounce that somebody passes on, or asks about, is a letter of theirs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

import structlog

from channels.contract import Reason
from channels.email.marks import first_in
from channels.email.returns.meaning import meaning, said_in
from channels.email.returns.reports import (
    Failure,
    Original,
    address_of,
    complaint,
    failures,
    header,
    moment_of,
    original,
    parts,
    quoted_original,
)
from channels.email.returns.shapes import failed_addresses
from channels.returns import Return, ReturnKind, Sort

__all__ = ["Reading", "read"]

_log = structlog.get_logger()

_DAEMONS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mail[-_.]?delivery|bounces?|autoreply-daemon|mdaemon|smtpd?"
    r"|microsoftexchange[0-9a-f]{8,})(?:[+-].*)?",
    re.IGNORECASE,
)
_TO_US = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
_ABSENT = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation")
_LONGEST_DETAIL = 500
_READ_OF_TEXT = 50_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a letter is, and which of ours it brings back."""

    sort: Sort
    returns: tuple[Return, ...] = ()


def read(octets: bytes, domain: str) -> Reading:
    """Read a letter, or its beginning. `domain` ends our own Message-IDs. Whatever comes in, nothing is raised."""
    try:
        return _read(message_from_bytes(octets, policy=compat32), domain.lower())
    except Exception as error:  # noqa: BLE001 - strangers write here, and the parser has its own mind about some of it
        _log.warning("returns.unreadable_letter", error=type(error).__name__)  # no trace: the letter stands in it
        return Reading(Sort.OTHER)


def _read(message: Message, domain: str) -> Reading:
    fields = complaint(message)
    if fields is not None:
        return Reading(Sort.COMPLAINT, (_complained(message, fields, domain),))
    reported = failures(message)
    if reported:
        return _bounced(message, reported, domain)
    kind = message.get_content_type()
    if kind == "multipart/report" and str(message.get_param("report-type", "")).lower() == "disposition-notification":
        return Reading(Sort.AUTOMATIC)
    from_a_daemon = _is_from_a_daemon(message)
    if not from_a_daemon and _is_automatic(message):
        return Reading(Sort.AUTOMATIC)
    if from_a_daemon or _mark_of(message):
        return _odd(message, domain)
    return Reading(Sort.OTHER)


# Kinds of return


def _bounced(message: Message, reported: Sequence[Failure], domain: str) -> Reading:
    final = [each for each in reported if each.final]
    if not final:
        return Reading(Sort.DELAY)
    letter = original(message) or quoted_original(_text(message))
    return Reading(Sort.BOUNCE, tuple(_returned(message, each, letter, domain) for each in final))


def _odd(message: Message, domain: str) -> Reading:
    """Read what is in no standard shape; what nobody recognises is left as it is."""
    text = _text(message)
    waiting, failed = failed_addresses(message, header(message, "X-Failed-Recipients"))
    if not failed:
        return Reading(Sort.DELAY if waiting else Sort.OTHER)
    status, words = said_in(_above_the_copy(text))
    letter = original(message) or quoted_original(text)
    reported = [Failure(address, status, words, final=True) for address in failed]
    return Reading(Sort.BOUNCE, tuple(_returned(message, each, letter, domain) for each in reported))


def _returned(message: Message, failure: Failure, letter: Original | None, domain: str) -> Return:
    kind, reason = meaning(failure.status, failure.diagnostic)
    detail = _detail(failure.status, failure.diagnostic)
    return _about(message, letter, domain, Return(kind, reason, detail, about=failure.about))


def _complained(message: Message, fields: Message, domain: str) -> Return:
    detail = " ".join(filter(None, (header(fields, "Feedback-Type"), header(fields, "User-Agent"))))
    about = address_of(header(fields, "Original-Rcpt-To"))
    bare = Return(ReturnKind.COMPLAINT, Reason.REFUSED_AS_SPAM, detail[:_LONGEST_DETAIL], about=about)
    told = _about(message, original(message), domain, bare)
    return replace(told, mark=first_in(header(fields, "Original-Mail-From")) or told.mark)


def _about(message: Message, letter: Original | None, domain: str, bare: Return) -> Return:
    """Add what tells which letter it was."""
    mark = _mark_of(message) or (first_in(letter.headers) if letter else "")
    ours = letter is not None and letter.message_id[1] == domain
    return replace(
        bare,
        mark=mark,
        key=letter.message_id[0] if letter and ours else "",
        to=letter.to if letter else "",
        written_at=moment_of(letter.date) if letter and letter.date else None,
    )


# Who wrote it, and to whom


def _is_from_a_daemon(message: Message) -> bool:
    sender = address_of(header(message, "From")) or header(message, "From").lower()
    name = sender.partition("@")[0].strip('"<> ')
    return bool(_DAEMONS.fullmatch(name)) or message.get("X-Failed-Recipients") is not None


def _is_automatic(message: Message) -> bool:
    """Tell a note of absence and the like (RFC 3834 §5), and what programs wrote before there was a word for it."""
    word = header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if word and word != "no":
        return True
    hurried = header(message, "Precedence").lower() in {"auto_reply", "junk"}
    return hurried or any(message.get(name) is not None for name in _ABSENT)


def _mark_of(message: Message) -> str:
    """Return the mark in the address that the letter was sent to."""
    to_us = (str(value) for name in _TO_US for value in message.get_all(name, []))
    return next((mark for each in to_us if (mark := first_in(each))), "")


# Texts


def _text(message: Message) -> str:
    """Return its plain texts, decoded, up to a limit; what it quotes of the letter that it brings back included."""
    texts = []
    for part in parts(message):
        if part.get_content_maintype() == "text" and part.get_content_type() != "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            octets = payload if isinstance(payload, bytes) else b""
            texts.append(_decoded(octets, str(part.get_param("charset", "utf-8"))))
    return "\n".join(texts)[:_READ_OF_TEXT]


def _decoded(octets: bytes, charset: str) -> str:
    for each in (charset, "utf-8"):
        try:
            return octets.decode(each)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return octets.decode("cp1251", "replace")


_COPY = re.compile(r"^.*(?:copy of (?:the|your) message|original message|message-id:).*$", re.IGNORECASE | re.MULTILINE)


def _above_the_copy(text: str) -> str:
    match = _COPY.search(text)
    return text[: match.start()] if match else text


def _detail(status: str, diagnostic: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in diagnostic).split())
    return (words or status)[:_LONGEST_DETAIL]
