"""One mailbox of a mailing list, and the words for what is known of it. No input, no output."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "NO_CONSENT",
    "ChangeKind",
    "Consent",
    "Member",
    "SuppressionReason",
    "joined",
    "parted",
    "pattern",
    "selection",
    "tag_of",
]

_BAR = "|"


class Consent(StrEnum):
    """Whether a person has agreed to get letters. Who said no gets none."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class SuppressionReason(StrEnum):
    """Why an address is not written to any more."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BY_HAND = "by_hand"


NO_CONSENT = "no_consent"
"""The reason of a member who is left out because of `Consent.NO`, beside those of SuppressionReason."""


class ChangeKind(StrEnum):
    """What an import did to an address of a list."""

    ADDED = "added"
    UPDATED = "updated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """One mailbox of a list. `address` is lower-case ASCII, for envelopes and comparing; `shown` is for people.

    `tags` are lower-case and sorted; None, in a file, means that it says nothing of them. `consent_on` is a date by
    ISO 8601, empty where it is not known.
    """

    address: str
    shown: str
    name: str = ""
    organisation: str = ""
    tags: tuple[str, ...] | None = None
    consent: Consent = Consent.UNKNOWN
    consent_source: str = ""
    consent_on: str = ""


# Tags


def tag_of(word: str) -> str:
    """Return a tag as it is kept and compared: lower case, single spaces."""
    return " ".join(word.casefold().split())


def joined(tags: Iterable[str] | None) -> str:
    """Write tags as the database keeps them, so that a `pattern` finds one: |завод|профком|."""
    inner = _BAR.join(tags or ())
    return f"{_BAR}{inner}{_BAR}" if inner else ""


def parted(text: str) -> tuple[str, ...]:
    """Read what `joined` wrote."""
    return tuple(filter(None, text.split(_BAR)))


def pattern(tag: str) -> str:
    """Return what `joined` tags are LIKE (escaped by /) when this one is among them; an empty one is in all of them."""
    escaped = re.sub("[%_/]", r"/\g<0>", tag)
    return f"%{_BAR}{escaped}{_BAR}%" if tag else "%"


def selection(text: str) -> tuple[str, str]:
    """Take apart what a target says behind the channel: the list, and the tag that its members must bear, or none.

    `all#профком` are those of the list `all` who are tagged so.
    """
    key, _, tag = text.partition("#")
    return key, tag_of(tag)
