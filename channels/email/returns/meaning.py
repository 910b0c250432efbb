"""What a server's words about a letter that came back say of its address: tables, and the few rules over them.

`channels.email.answers` reads the very answers that a relay gives at once. Words that come back hours later are of more
hands, so what they say plainly goes before the codes: Yandex writes 5.7.1 before "No such user!", and Exchange Online
5.4.1 before "Recipient address rejected". Sources: RFC 3463 and RFC 5248 (codes), the providers' own bounces.
"""

import re
from collections.abc import Mapping

from channels.contract import Deferred, Reason, Rejected
from channels.email.answers import Phase, refusal
from channels.returns import ReturnKind

__all__ = ["meaning", "said_in"]

# A sentence that can mean nothing else, whatever code stands before it. Seen at Yandex, Mail.ru, Gmail, Exchange
# Online, Yahoo, qmail and Postfix.
_GONE = re.compile(
    r"no such user|user (?:is )?unknown|unknown user|user not found|no such mailbox|no mailbox here by that name"
    r"|invalid mailbox|mailbox (?:does not exist|not found|is disabled|unavailable or access denied)"
    r"|(?<!your )(?:account|user|recipient|address)[^.\n]{0,60}(?:does(?: not|n't) exist|is (?:disabled|inactive))"
    r"|(?<!your )account (?:has been |is )?(?:disabled|deleted)|recipient ?not ?found|resolver\.adr\.\w*notfound"
    r"|user (?:was )?not found|host or domain name not found|domain (?:name )?(?:does not exist|not found)"
    r"|пользователь не найден|ящик\w* (?:не (?:найден|существует)|заблокирован|отключ[её]н)"
    r"|адрес не (?:найден|существует)|получател\w+ не (?:найден|существует)",
    re.IGNORECASE,
)
_GONE_AT_EXCHANGE = re.compile(r"5\.4\.1\b.{0,20}recipient address rejected: access denied", re.IGNORECASE)
# Words about the one who sends: who repeats them does not speak of the address that was written to.
_ABOUT_US = re.compile(r"sender (?:address |domain )?(?:denied|rejected|verif)|from domain|mail from", re.IGNORECASE)
_UNWANTED = re.compile(
    r"\bspam|spamhaus|black ?list|block ?list|\bdnsbl|\brbl\b|\bpolicy\b|\bdmarc\b|\bdkim\b|\bspf\b|reputation|спам",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"<?[^\s<>@;:]{1,128}@[^\s<>@;:]{1,255}>?")
_FULL = re.compile(
    r"over ?quota|quota exceeded|out of storage|mailbox (?:is )?full|insufficient (?:disk )?storage|storefull"
    r"|ящик\w* (?:переполнен|заполнен)|не хватает места",
    re.IGNORECASE,
)
# Of a domain that cannot be looked up: so it may be, or our relay's resolver is ill; nobody is taken off for that.
_NOT_RESOLVED = re.compile(r"temporary|try again|servfail|timed? ?out", re.IGNORECASE)

_EXPIRED = frozenset({"4.1", "4.2", "4.5", "4.6", "4.7", "2.0", "3.0", "0.0"})
"""Temporary codes of a relay that has given up: nobody answers there, or not in time."""

_KINDS: Mapping[Reason, ReturnKind] = {
    Reason.NO_SUCH_MAILBOX: ReturnKind.HARD,
    Reason.ADDRESS_INVALID: ReturnKind.HARD,
    Reason.MAILBOX_FULL: ReturnKind.SOFT,
    Reason.TOO_LATE: ReturnKind.SOFT,
    Reason.NOT_CONNECTED: ReturnKind.SOFT,
    Reason.REFUSED: ReturnKind.SOFT,
}
"""Every other reason is the letter's or ours, and never the address's."""

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)[ -]+(?:#?([45]\.\d{1,3}\.\d{1,3})\b)?")
_LONGEST_DETAIL = 500
# Strangers write here: what takes long to read is not read. Some of these patterns take the square of a length.
_READ_OF_IT = 2_000
_READ_OF_TEXT = 20_000


def meaning(status: str, diagnostic: str) -> tuple[ReturnKind, Reason]:
    """Tell what a failed delivery's Status and Diagnostic-Code (RFC 3464 §2.3.4, §2.3.6) say; either may be empty."""
    diagnostic = diagnostic[:_READ_OF_IT]
    code, enhanced = _codes(status[:_READ_OF_IT], diagnostic)
    said = _ADDRESS.sub("", diagnostic)
    plainly = _plain_words(said, enhanced, temporary=code < 500)
    if plainly is not None:
        return plainly
    if code < 500:
        return ReturnKind.SOFT, _given_up(code, enhanced, diagnostic)
    if enhanced.partition(".")[2].startswith("4."):  # the way there: a loop, or nobody at its end
        return ReturnKind.SOFT, Reason.REFUSED
    found = refusal(Phase.RCPT, code, f"{enhanced} {_words(diagnostic)}".strip())
    reason = found.reason if isinstance(found, Rejected) else Reason.SENDER_REFUSED
    return _KINDS.get(reason, ReturnKind.REFUSED), reason


def _plain_words(said: str, enhanced: str, *, temporary: bool) -> tuple[ReturnKind, Reason] | None:
    """Return what the words mean by themselves; None where only the codes can tell."""
    if _ABOUT_US.search(said):
        return ReturnKind.REFUSED, Reason.SENDER_REFUSED
    if not temporary and (_GONE_AT_EXCHANGE.search(f"{enhanced} {said}") or _is_gone(said)):
        return ReturnKind.HARD, Reason.NO_SUCH_MAILBOX
    if _FULL.search(said):
        return ReturnKind.SOFT, Reason.MAILBOX_FULL
    if _UNWANTED.search(said):
        return ReturnKind.REFUSED, Reason.REFUSED_AS_SPAM
    return None


def said_in(text: str) -> tuple[str, str]:
    """Find a server's answer in a text for people: an enhanced status (may be empty), and the line with what it said.

    Both are empty where the text quotes no server.
    """
    text = text[:_READ_OF_TEXT]
    for line in text.splitlines():
        line = line[:_READ_OF_IT]  # noqa: PLW2901 - no server says more
        reply, status = _REPLY.search(line), _STATUS.search(line)
        if reply or (status and status[1] != "2"):
            return (status[0] if status else ""), line.strip()[:_LONGEST_DETAIL]
    gone = _GONE.search(text) or _FULL.search(text)
    return "", "" if gone is None else gone[0]


def _is_gone(diagnostic: str) -> bool:
    found = _GONE.search(diagnostic)
    about_a_name = found is not None and ("host or domain" in found[0].lower() or found[0].lower().startswith("domain"))
    return found is not None and not (about_a_name and _NOT_RESOLVED.search(diagnostic))


def _codes(status: str, diagnostic: str) -> tuple[int, str]:
    """Return the SMTP code and the enhanced one; what the last server said itself goes before what a relay made of it.

    A relay's summary may be of the other class: "4.4.7, expired" after a server's 452.
    """
    its, said = _STATUS.search(status), _REPLY.search(diagnostic)
    quoted = _STATUS.search(diagnostic)
    enhanced = (said and said[2]) or (quoted[0] if quoted and quoted[1] != "2" else "") or (its[0] if its else "")
    if its and its[1] == "4":
        return 450, its[0]
    if said:
        return int(said[1]), enhanced
    return (450 if enhanced.startswith("4") else 550), enhanced


def _given_up(code: int, enhanced: str, diagnostic: str) -> Reason:
    if enhanced.partition(".")[2] in _EXPIRED:
        return Reason.TOO_LATE
    found = refusal(Phase.RCPT, code if code not in (421, 454) else 450, f"{enhanced} {_words(diagnostic)}".strip())
    reason = found.reason if isinstance(found, Deferred) else Reason.REFUSED
    return reason if reason is not Reason.REFUSED else Reason.TOO_LATE


def _words(diagnostic: str) -> str:
    """Leave out the codes that the answer begins with: they are given apart."""
    return _REPLY.sub("", diagnostic, count=1).strip()
