"""What a relay's answer means for a letter: literal tables, and the few rules over them.

Sources: RFC 5321 §4.2.2 and §4.2.3 (codes), RFC 3463 and the registry of RFC 5248 (enhanced codes x.y.z),
RFC 7505 (5.1.10), RFC 4954 (AUTH).
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected, Unconfirmed

__all__ = ["Phase", "lost", "refusal"]


class Phase(StrEnum):
    """How far a dialogue has come. Only after the final dot may a letter be on its way."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    TEXT = "text"
    FINAL_DOT = "final dot"
    RESET = "reset"
    QUIT = "quit"


_CONNECTION_ENDS = 421
_LOGIN_CODES = frozenset({454, 530, 534, 535, 538})

# Enhanced code without its class -> reason. "7" stands for every x.7.y that is not listed.
_DETAILS: Mapping[str, Reason] = {
    "1.0": Reason.NO_SUCH_MAILBOX,
    "1.1": Reason.NO_SUCH_MAILBOX,
    "1.2": Reason.NO_SUCH_MAILBOX,
    "1.3": Reason.ADDRESS_INVALID,
    "1.6": Reason.NO_SUCH_MAILBOX,
    "1.7": Reason.SENDER_REFUSED,
    "1.8": Reason.SENDER_REFUSED,
    "1.10": Reason.NO_SUCH_MAILBOX,
    "2.1": Reason.NO_SUCH_MAILBOX,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.LETTER_TOO_LARGE,
    "3.4": Reason.LETTER_TOO_LARGE,
    "5.3": Reason.LIMIT_REACHED,
    "6": Reason.BAD_CONTENT,
    "7": Reason.REFUSED_AS_SPAM,
}
# Temporary refusals read differently in two places: 4.2.1 is a busy mailbox, 4.7.x mostly greylisting (RFC 6647).
_TEMPORARY_DETAILS: Mapping[str, Reason] = {
    "2.2": Reason.MAILBOX_FULL,
    "5.3": Reason.LIMIT_REACHED,
    "7.28": Reason.LIMIT_REACHED,
}
# For relays without enhanced codes: words in the answer, in the order of trust.
_PHRASES: tuple[tuple[str, Reason], ...] = (
    ("spam", Reason.REFUSED_AS_SPAM),
    ("blacklist", Reason.REFUSED_AS_SPAM),
    ("blocklist", Reason.REFUSED_AS_SPAM),
    ("black list", Reason.REFUSED_AS_SPAM),
    ("blocked", Reason.REFUSED_AS_SPAM),
    ("policy", Reason.REFUSED_AS_SPAM),
    ("dmarc", Reason.REFUSED_AS_SPAM),
    ("dkim", Reason.REFUSED_AS_SPAM),
    ("too many", Reason.LIMIT_REACHED),
    ("rate limit", Reason.LIMIT_REACHED),
    ("quota", Reason.MAILBOX_FULL),
    ("mailbox full", Reason.MAILBOX_FULL),
    ("mailbox is full", Reason.MAILBOX_FULL),
    ("user unknown", Reason.NO_SUCH_MAILBOX),
    ("unknown user", Reason.NO_SUCH_MAILBOX),
    ("no such user", Reason.NO_SUCH_MAILBOX),
    ("no such mailbox", Reason.NO_SUCH_MAILBOX),
    ("mailbox unavailable", Reason.NO_SUCH_MAILBOX),
    ("does not exist", Reason.NO_SUCH_MAILBOX),
    ("not found", Reason.NO_SUCH_MAILBOX),
    ("invalid mailbox", Reason.NO_SUCH_MAILBOX),
    ("user not local", Reason.NO_SUCH_MAILBOX),
)
# Without an enhanced code and without a known phrase.
_BARE_CODES: Mapping[int, Reason] = {
    501: Reason.ADDRESS_INVALID,
    551: Reason.NO_SUCH_MAILBOX,
    552: Reason.LETTER_TOO_LARGE,
    553: Reason.ADDRESS_INVALID,
}

_ENHANCED = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})(?!\d)")
# Words about the one who connects, not about the sender's address: "Client host [192.0.2.1] blocked using …". Such
# refusals have no code of their own: 5.7.1 is "delivery not authorized" (RFC 3463 §3.8), whoever it is about.
_OUR_HOST = re.compile(
    r"client host|your (?:host|ip|server)|\b(?:ip|host) (?:address )?(?:is )?(?:blocked|listed|blacklisted|banned)"
    r"|\b(?:rbl|dnsbl|spamhaus|blocklist|block list)\b|\[[0-9a-f.:]{7,45}\]|\b\d{1,3}(?:\.\d{1,3}){3}\b",
    re.IGNORECASE,
)
_LONGEST_DETAIL = 500


def refusal(phase: Phase, code: int, message: str) -> ChannelError:
    """Return the error that an answer of the classes 4 and 5 means in this phase."""
    words = _shown(f"{code} {message}")
    if code == _CONNECTION_ENDS:
        return Deferred(words, Reason.LIMIT_REACHED, counts=False)
    if code in _LOGIN_CODES or phase in (Phase.CONNECT, Phase.HELLO, Phase.TLS, Phase.LOGIN):
        return _door(phase, code, words)
    if code < 500:
        return _later(words, _detail(message))
    reason = _never(code, message)
    if phase is Phase.MAIL and reason is not Reason.LETTER_TOO_LARGE:
        # No recipient was named yet: it would hit every letter.
        return ChannelClosed(words, Reason.BLOCKED if _names_us(message) else Reason.SENDER_REFUSED)
    return Rejected(words, reason)


def lost(phase: Phase, words: str) -> ChannelError:
    """Return the error for a line that was cut, went silent, or brought nonsense in this phase."""
    detail = _shown(f"{phase}: {words}")
    if phase is Phase.FINAL_DOT:
        return Unconfirmed(detail)
    return Deferred(detail, Reason.NOT_CONNECTED, counts=False)


def _door(phase: Phase, code: int, words: str) -> ChannelError:
    """Answers to us, before any letter. 4xx passes by itself, except 454 (RFC 4954 §4.7, RFC 3207 §4)."""
    welcoming = phase in (Phase.CONNECT, Phase.HELLO)
    if code < 500 and (welcoming or code != 454):
        return Deferred(words, Reason.NOT_CONNECTED, counts=False)
    if welcoming:
        return ChannelClosed(words, Reason.BLOCKED)
    about_tls = phase is Phase.TLS or "starttls" in words.lower()
    return ChannelClosed(words, Reason.TLS_FAILED if about_tls else Reason.LOGIN_REFUSED)


def _later(words: str, detail: str) -> Deferred:
    reason = _TEMPORARY_DETAILS.get(detail) or (_phrase(words) if not detail else None) or Reason.REFUSED
    return Deferred(words, reason, counts=reason is not Reason.LIMIT_REACHED)


def _never(code: int, message: str) -> Reason:
    detail = _detail(message)
    subject = detail.partition(".")[0]
    known = _DETAILS.get(detail) or _DETAILS.get(subject)
    return known or _phrase(message) or _BARE_CODES.get(code) or Reason.REFUSED


def _names_us(message: str) -> bool:
    enhanced = _ENHANCED.match(message)
    return (enhanced is None or enhanced[1] == "7") and _OUR_HOST.search(message) is not None


def _detail(message: str) -> str:
    """Return "1.1" of "5.1.1 No such user"; empty where there is none, or where x.0.0 says nothing."""
    match = _ENHANCED.match(message)
    if match is None or match[0].endswith(".0.0"):
        return ""
    return f"{match[1]}.{match[2]}"


def _phrase(message: str) -> Reason | None:
    words = message.lower()
    return next((reason for phrase, reason in _PHRASES if phrase in words), None)


def _shown(words: str) -> str:
    """Keep an answer on one line, and short."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:_LONGEST_DETAIL]
