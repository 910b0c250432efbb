"""What every way out must offer, and the words it speaks with the delivery engine.

A channel knows nothing of announcements, schedules or the database. It turns a Post into parts without touching
the outside (`render`), takes one part to one recipient (`send`), and answers with a Receipt or one of four errors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from channels.post import (
    Attachment,
    AttachmentKind,
    Entity,
    Part,
    Post,
    Problem,
    ProblemCode,
    Rendering,
)

__all__ = [
    "LETTER_PAUSES",
    "POST_PAUSES",
    "Attachment",
    "AttachmentKind",
    "Channel",
    "ChannelClosed",
    "ChannelError",
    "Correction",
    "Deferred",
    "Entity",
    "Finding",
    "FindingCode",
    "MediaReader",
    "Pace",
    "Part",
    "Post",
    "Problem",
    "ProblemCode",
    "Reason",
    "Receipt",
    "Recipient",
    "Rejected",
    "Rendering",
    "Shipment",
    "Surroundings",
    "TelegramAccess",
    "Unconfirmed",
]


# Sending


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address on one channel: a chat, a wall, a mailbox."""

    address: str
    name: str = ""
    organisation: str = ""
    list_key: str = ""
    list_name: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side's proof: its own ids for what it took, and a link that people can open."""

    external_ids: tuple[str, ...] = ()
    link: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shipment:
    """One part on its way to one recipient.

    `key` is chosen once per delivery and is the same for every attempt (VK's guid, a letter's Message-ID).
    `previous` is the receipt of the part before this one, to answer to. `unheard`: an earlier attempt under this key
    may have gone out, and nobody has looked since. `number` is the delivery's own, 0 when it has none: what comes back
    may name it.
    """

    part: Part
    recipient: Recipient
    key: str
    previous: Receipt | None = None
    unheard: bool = False
    number: int = 0


class Reason(StrEnum):
    """Why it did not arrive. People get a sentence for each, and what to do about it."""

    NO_SUCH_CHAT = "no_such_chat"
    NO_RIGHT_TO_POST = "no_right_to_post"
    BLOCKED = "blocked"
    BAD_CONTENT = "bad_content"
    TOO_LONG = "too_long"
    FILE_TOO_LARGE = "file_too_large"
    FILE_LOST = "file_lost"
    FILE_REFUSED = "file_refused"
    LINKS_FORBIDDEN = "links_forbidden"
    NO_SUCH_MAILBOX = "no_such_mailbox"
    MAILBOX_FULL = "mailbox_full"
    LETTER_TOO_LARGE = "letter_too_large"
    REFUSED_AS_SPAM = "refused_as_spam"
    ADDRESS_INVALID = "address_invalid"
    SENDER_REFUSED = "sender_refused"
    REFUSED = "refused"
    TOO_LATE = "too_late"
    LIMIT_REACHED = "limit_reached"
    NOT_CONNECTED = "not_connected"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a code, not a secret
    LOGIN_REFUSED = "login_refused"
    CAPTCHA_NEEDED = "captcha_needed"
    WRONG_KIND_OF_TOKEN = "wrong_kind_of_token"  # noqa: S105 - a code, not a secret
    TLS_FAILED = "tls_failed"
    NO_ANSWER = "no_answer"
    PREVIOUS_PART_MISSING = "previous_part_missing"
    WORKER_DIED = "worker_died"
    PROGRAM_ERROR = "program_error"
    SETTLED_BY_PERSON = "settled_by_person"
    TOO_OLD_TO_CHANGE = "too_old_to_change"
    GONE = "gone"
    PLACE_UNKNOWN = "place_unknown"
    NOT_SENT_YET = "not_sent_yet"
    NO_RIGHT_TO_CHANGE = "no_right_to_change"
    OTHER_SHAPE = "other_shape"
    SERVER_TOO_OLD = "server_too_old"
    NOTHING_BEFORE = "nothing_before"  # for this and the next five, a look could not tell
    TOO_MUCH_SINCE = "too_much_since"
    SEEN_IN_PART = "seen_in_part"
    EDITED_SINCE = "edited_since"
    SEVERAL_ALIKE = "several_alike"
    SERVICE_CHAT_READ = "service_chat_read"
    FLOOD_CONTROL = "flood_control"
    QUOTA_REACHED = "quota_reached"
    DAILY_LIMIT = "daily_limit"
    AD_LIMIT = "ad_limit"
    SERVICE_DOWN = "service_down"
    KEY_LACKS_RIGHT = "key_lacks_right"
    KEY_OF_ANOTHER = "key_of_another"
    WALL_CLOSED = "wall_closed"
    NO_SUCH_COMMUNITY = "no_such_community"
    VK_ID_TOKEN = "vk_id_token"  # noqa: S105 - a code, not a secret
    CONFIRMATION_NEEDED = "confirmation_needed"
    TWO_FACTOR_NEEDED = "two_factor_needed"
    IP_NOT_ALLOWED = "ip_not_allowed"
    STRIKES = "strikes"
    METHOD_OFF = "method_off"


class ChannelError(Exception):
    """A send that brought no receipt. `detail` holds the provider's own words and never a secret."""

    def __init__(self, detail: str, reason: Reason) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class Deferred(ChannelError):
    """Surely nothing went out, and the same may work later.

    `retry_after` is what the other side asked for; None leaves the pause to us. `counts` is False when waiting was
    all that happened (a rate limit), so that it does not count as an attempt.
    """

    def __init__(
        self,
        detail: str,
        reason: Reason = Reason.NOT_CONNECTED,
        *,
        retry_after: timedelta | None = None,
        counts: bool = True,
    ) -> None:
        super().__init__(detail, reason)
        self.retry_after = retry_after
        self.counts = counts


class Rejected(ChannelError):
    """This recipient, or this text, never will."""


class Unconfirmed(ChannelError):
    """The request left and the answer is missing or useless: it may be public already."""

    def __init__(self, detail: str, reason: Reason = Reason.NO_ANSWER) -> None:
        super().__init__(detail, reason)


class ChannelClosed(ChannelError):
    """Token or rights are gone; not this delivery's fault. The channel is held until somebody acts."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a channel may be asked. Zero means no limit; `gap` is the least time between two sends.

    `concurrency` sends may be under way at once, of which `per_destination` to one destination: a mail domain.
    """

    concurrency: int = 1
    per_destination: int = 0
    gap: timedelta = timedelta(0)
    per_second: int = 0
    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0


POST_PAUSES: Sequence[timedelta] = tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 300))
"""For `Channel.retry_pauses`: a post on a channel or wall is news; try soon, then every five minutes."""

LETTER_PAUSES: Sequence[timedelta] = tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120))
"""For `Channel.retry_pauses`: a mailbox that asks to wait (greylisting) passes after 1-15 minutes. RFC 6647."""


class FindingCode(StrEnum):
    """What asking a channel "would it work now?" can bring to light."""

    REACHED = "reached"  # values: name
    ABLE = "able"  # values: abilities, joined by commas
    NOT_REACHED = "not_reached"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a code, not a secret; values: token, the key in config.toml
    TOKEN_UNFIT = "token_unfit"  # noqa: S105 - a code, not a secret; values: token
    LOGIN_REFUSED = "login_refused"
    CHAT_NOT_FOUND = "chat_not_found"  # values: chat
    NOT_ADMINISTRATOR = "not_administrator"  # values: chat
    MAY_NOT_POST = "may_not_post"  # values: chat
    MAY_NOT_PIN = "may_not_pin"
    NO_RICH_MESSAGES = "no_rich_messages"
    TOKEN_EXPIRES = "token_expires"  # noqa: S105 - a code, not a secret; values: token, days
    RIGHT_MISSING = "right_missing"  # values: right, token
    NO_USER_TOKEN = "no_user_token"  # noqa: S105 - a code, not a secret
    NO_SERVICE_TOKEN = "no_service_token"  # noqa: S105 - a code, not a secret
    SERVICE_CHAT_IS_READ = "service_chat_is_read"  # values: chat
    TLS_FAILED = "tls_failed"
    TLS_OFF = "tls_off"
    NO_PUBLIC_URL = "no_public_url"
    LETTERS_SIGNED = "letters_signed"  # values: name
    KEY_NOT_PUBLISHED = "key_not_published"  # values: name, record, published (absent, another, unknown)
    SIGNED_FOR_ANOTHER = "signed_for_another"  # values: domain, sender
    RETURNS_READ = "returns_read"  # values: name, folder
    RETURNS_NOT_READ = "returns_not_read"  # values: name, folder, why (a channels.returns.PostboxCode)


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of `check`. `fatal` means that a broadcast would fail now."""

    code: FindingCode
    fatal: bool = False
    detail: str = ""
    values: Mapping[str, int | str] = field(default_factory=dict)


# What a channel is given, and what it is


class MediaReader(Protocol):
    """Hands out the bytes of an attachment."""

    async def read(self, digest: str) -> bytes:
        """Return the bytes whose SHA-256 is `digest`. Raises KeyError when they are not kept."""
        ...


@dataclass(frozen=True, slots=True)
class TelegramAccess:
    """How to speak as the bot: its token, the Bot API server, and the proxies to try in order."""

    token: str = field(repr=False)
    api_base: str = "https://api.telegram.org"
    proxies: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service lends to its channels.

    `unsubscribe_url` answers (address, list key) with the https address that takes it off that list, or None when
    the service has no public address. `now` is the service's clock; its answers have a zone.
    """

    media: MediaReader
    telegram: TelegramAccess
    unsubscribe_url: Callable[[str, str], str | None] = lambda _address, _list_key: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Correction(StrEnum):
    """What a channel can do about something wrong that is out already."""

    IN_PLACE = "in_place"  # what stands there is changed, and who comes later never sees the mistake
    ANOTHER = "another"  # what was sent stays; a message of its own follows it
    NONE = "none"


class Channel(Protocol):
    """One way out."""

    @property
    def pace(self) -> Pace:
        """How fast this channel may be asked."""
        ...

    @property
    def address(self) -> str | None:
        """The only recipient's address, or None when recipients come from mailing lists."""
        ...

    @property
    def repeatable_for(self) -> timedelta:
        """How long after the first attempt one key is sure to show once, however often it is sent. Zero: never."""
        ...

    @property
    def retry_pauses(self) -> Sequence[timedelta]:
        """How long to wait after the first, second, … deferred attempt; the last pause repeats."""
        ...

    @property
    def stale_after(self) -> timedelta:
        """After this long a delivery is given up rather than retried."""
        ...

    @property
    def can_look(self) -> bool:
        """Whether `look` can tell if a doubtful shipment is public."""
        ...

    @property
    def corrects(self) -> Correction:
        """What `correct` does here, with the keys that there are."""
        ...

    @property
    def withdraws(self) -> bool:
        """Whether `withdraw` can take something away here, with the keys that there are."""
        ...

    def render(self, post: Post) -> Rendering:
        """Show how the post will look here. Pure: no input, no output."""
        ...

    async def send(self, shipment: Shipment) -> Receipt:
        """Take one part to one recipient.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else.
        """
        ...

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:
        """Look whether a shipment in doubt, first sent at `since` or later, is public. None: it is not there.

        `last` is the receipt of the newest part known to have stood in the same place before `since`; nothing as old
        as that is taken for the shipment. No reader may notice the look.
        Raises Deferred, and nothing else, when it can't be told: a refused key for looking says nothing about
        sending, so it closes no channel. Never called where `can_look` is False.
        """
        ...

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Make what stands there (the receipt of when it was sent or last changed) say what this shipment says.

        IN_PLACE: doing it twice changes nothing, and what says so already counts as done. The receipt is that of what
        stands there now. ANOTHER: a message that answers to the first one.
        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else: GONE where nothing stands any more,
        TOO_OLD_TO_CHANGE, NO_RIGHT_TO_CHANGE. Never called where `corrects` is NONE.
        """
        ...

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Take away what stands there, all of it; what is gone already counts as done, so it may be repeated.

        Where the other side no longer lets it be removed but changed, it comes to say what the shipment says. The
        receipt then has the ids of what is left standing; otherwise it has none.
        Raises as `correct` does. Never called where `withdraws` is False.
        """
        ...

    async def check(self) -> Sequence[Finding]:
        """Ask the other side whether sending would work now, without sending anything."""
        ...

    async def close(self) -> None:
        """Give back connections. Called once, after the last send has returned."""
        ...
