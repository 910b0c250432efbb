"""What comes back after something was sent: the words in which a mailbox for returns speaks with the delivery engine.

A letter that a relay took may still come back hours later, and a reader may complain of it. A channel whose letters can
come back has a `Postbox`; it knows no delivery, and tells of each return only what the returned letter itself proves.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from channels.contract import Reason

__all__ = ["Batch", "Bookmark", "Postbox", "PostboxCode", "PostboxError", "Return", "ReturnKind", "Sort", "Taken"]


class ReturnKind(StrEnum):
    """What a return says of the address that it came from."""

    HARD = "hard"  # there is no such mailbox
    SOFT = "soft"  # the mailbox is full, or its server could not be reached for days
    REFUSED = "refused"  # the letter was not wanted; that says nothing of the address
    COMPLAINT = "complaint"  # it arrived, and its reader called it spam


class Sort(StrEnum):
    """What a letter in the mailbox is."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    DELAY = "delay"  # a relay says that it goes on trying
    AUTOMATIC = "automatic"  # somebody is on leave, or a program has opened the letter
    OTHER = "other"  # somebody wrote it, or nobody knows what it is


@dataclass(frozen=True, slots=True)
class Return:
    """One letter that came back, or that was complained of.

    What tells which letter it was: `mark`, which its envelope sender carried, sealed; or `key`, the delivery's own, out
    of the Message-ID that the returned part of it shows. `to` is the address in its To, `about` the one that the
    report is about: another one where somebody passes letters on. All may be empty. `written_at` is the returned
    letter's Date. `detail` holds the server's own words.
    """

    kind: ReturnKind
    reason: Reason
    detail: str
    mark: str = ""
    key: str = ""
    to: str = ""
    about: str = ""
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One letter of the mailbox, read. `digest` is the SHA-256 of what was read of it, in hexadecimal."""

    uid: int
    digest: str
    sort: Sort
    returns: tuple[Return, ...] = ()


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a mailbox has been read: every UID up to `uid`, as long as its UIDVALIDITY stays (RFC 3501 §2.3.1.1)."""

    validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read in one go. `upto` is where reading goes on, `more` whether anything is left for now."""

    upto: Bookmark
    letters: tuple[Taken, ...]
    more: bool


class PostboxCode(StrEnum):
    """Why a mailbox could not be read."""

    NOT_REACHED = "not_reached"
    TLS_FAILED = "tls_failed"
    LOGIN_REFUSED = "login_refused"
    NO_SUCH_FOLDER = "no_such_folder"
    REFUSED = "refused"


class PostboxError(Exception):
    """A mailbox could not be read now. `detail` holds the server's own words and never a secret."""

    def __init__(self, code: PostboxCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Postbox(Protocol):
    """Where returns arrive. One call at a time; each has its time limits and raises PostboxError, and nothing else."""

    @property
    def every_seconds(self) -> float:
        """How often to look."""
        ...

    async def read(self, since: Bookmark | None) -> Batch:
        """Read what has come since; no letter is changed by it. None: nothing was ever read."""
        ...

    async def put_away(self, validity: int, uids: frozenset[int]) -> bool:
        """Mark letters as dealt with, or move them. False, and nothing done, when the UIDs are no longer theirs."""
        ...

    def genuine(self, mark: str, key: str) -> bool:
        """Tell whether a mark was sealed here, for the delivery with this key."""
        ...

    def number(self, mark: str) -> int | None:
        """Return the number of the delivery that a mark names, sealed or not."""
        ...

    def break_off(self) -> None:
        """End a call that is under way. May be called from any thread."""
        ...
