"""The nouns of the service, their states, and which state may follow which. No input, no output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from channels.contract import Post, Reason, Receipt, Recipient


class AnnouncementState(StrEnum):
    """Where an announcement stands, as people and programs are told. `scheduled` and below follow from its rows."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """What is stored of an announcement's state: what people decided. The rest is derived from its broadcasts."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class BroadcastState(StrEnum):
    """A broadcast runs until no delivery is left to do, until somebody pauses it, or until somebody cancels it.

    Pausing and cancelling change this word alone, however many deliveries wait: a claim looks at it first.
    """

    RUNNING = "running"
    PAUSED = "paused"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class BroadcastKind(StrEnum):
    """Whether a broadcast brings an announcement, or follows one that had a mistake or should not have gone out."""

    ANNOUNCEMENT = "announcement"
    CORRECTION = "correction"
    RECALL = "recall"


class Act(StrEnum):
    """What a delivery does: bring something new, or change or take away what another delivery brought."""

    SEND = "send"
    CORRECT = "correct"
    WITHDRAW = "withdraw"


class DeliveryState(StrEnum):
    """What is known of one delivery."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    CANCELLED = "cancelled"
    RETURNED = "returned"


_D = DeliveryState
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _D.QUEUED: frozenset({_D.SENDING, _D.CANCELLED, _D.FAILED, _D.UNCONFIRMED}),
    _D.SENDING: frozenset({_D.SENT, _D.FAILED, _D.UNCONFIRMED, _D.QUEUED, _D.CANCELLED}),
    _D.SENT: frozenset({_D.RETURNED}),
    _D.FAILED: frozenset({_D.QUEUED}),
    _D.UNCONFIRMED: frozenset({_D.SENT, _D.FAILED, _D.QUEUED, _D.RETURNED}),
    _D.CANCELLED: frozenset(),
    _D.RETURNED: frozenset({_D.QUEUED}),
}
"""The allowed steps. queued -> failed: the part before it never came. queued -> unconfirmed: cancelled while it waited
to be repeated, so nobody knows whether it is there. sending -> cancelled: claimed, not yet begun.
failed -> queued, returned -> queued and the steps out of unconfirmed are a person's word, or a late answer of the very
attempt that was in doubt. What came back (`delivery.returns`) was sent, or in doubt, and surely did not arrive."""

CLOCK_SLACK = timedelta(minutes=1)
"""So far the clocks of two workers may differ, or a clock may be corrected, without a word."""

UNFINISHED = frozenset({_D.QUEUED, _D.SENDING})


class Outcome(StrEnum):
    """How an attempt ended. A person's word about a doubtful delivery, and a return, are attempts of their own."""

    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNCONFIRMED = "unconfirmed"
    CLOSED = "closed"
    SETTLED_SENT = "settled_sent"
    SETTLED_NOT_SENT = "settled_not_sent"
    RETURNED = "returned"
    COMPLAINED = "complained"


class ScheduleState(StrEnum):
    """Whether a schedule still makes broadcasts."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    REMOVED = "removed"


class OccurrenceState(StrEnum):
    """What became of one planned moment."""

    RELEASED = "released"
    MISSED = "missed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the press secretary posted once. `targets` are channel keys, or KEY:LIST for a mailing list."""

    id: int
    stage: Stage
    author_id: int | None
    targets: tuple[str, ...]
    urgent: bool
    revision: int
    post: Post
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One sending-out of an announcement to its audience, or what follows an earlier one (`about`)."""

    id: int
    announcement_id: int
    revision: int
    state: BroadcastState
    urgent: bool
    released_at: datetime
    settled_at: datetime | None
    kind: BroadcastKind = BroadcastKind.ANNOUNCEMENT
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a broadcast on its way to one recipient: the unit of work.

    `doubtful`: an attempt under this `key` may have gone out unheard, so only the same key may be sent again, and only
    while it is sure to show once.
    """

    id: int
    broadcast_id: int
    announcement_id: int
    revision: int
    channel: str
    part: int
    recipient: Recipient
    state: DeliveryState
    key: str
    attempts: int
    due_at: datetime
    key_since: datetime | None
    doubtful: bool
    queued_at: datetime
    updated_at: datetime
    receipt: Receipt | None = None
    reason: Reason | None = None
    detail: str = ""
    act: Act = Act.SEND
    about: int | None = None
    """The delivery that this one corrects or withdraws."""
    recalls: bool = False
    """Its whole announcement is taken back: words may stand where it was."""
    destination: str = ""
    """What shares its fate with others, as all mailboxes of a domain do; empty where there is only one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery."""

    id: int
    delivery_id: int
    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    detail: str
    actor: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attempt, and the state that follows. `due_at` is for a delivery that is queued again.

    `counts` is False when the attempt was no fair try (a rate limit, a closed channel).
    """

    delivery: Delivery
    attempt_id: int
    outcome: Outcome
    state: DeliveryState
    detail: str = ""
    reason: Reason | None = None
    receipt: Receipt | None = None
    due_at: datetime | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an announcement goes out: once (`cron` empty) or again and again. `next_at` is UTC, None when over."""

    id: int
    announcement_id: int
    title: str
    cron: str
    zone: str
    state: ScheduleState
    next_local: datetime | None
    next_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A channel that refuses everybody: why, since when, and when it is asked again."""

    channel: str
    reason: Reason
    detail: str
    since: datetime
    retry_at: datetime
    tries: int
