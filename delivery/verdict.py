"""What an attempt's end means for its delivery. Pure: the delivery, the channel's promises and the error go in.

A delivery may be doubtful: an earlier attempt under the same key went out unheard. Then nothing that comes later can
say "not sent" any more, only the channel's promise that one key shows once allows another try, and only in time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from channels.contract import (
    Channel,
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Reason,
    Receipt,
    Rejected,
    Unconfirmed,
)
from delivery.model import CLOCK_SLACK, Act, Delivery, DeliveryState, Outcome, Result
from delivery.retry import GiveUp, Policy, RetryAt, decide, repeat_at

__all__ = ["Terms", "before_sending", "changes_what_stands", "in_doubt", "judge", "sent", "terms_of"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a channel promises and asks for. `patient`: what a limit keeps waiting for hours is not late.

    `jitter`, which the functions take, is drawn from 0..1 for each decision.
    """

    policy: Policy
    repeatable_for: timedelta
    patient: bool


_FOR_EVER = timedelta(days=365)


def terms_of(way: Channel, act: Act = Act.SEND) -> Terms:
    """Read the terms of a channel for an act."""
    patient = bool(way.pace.per_hour or way.pace.per_day)
    repeatable_for = _FOR_EVER if changes_what_stands(way, act) else way.repeatable_for
    return Terms(Policy(way.retry_pauses, way.stale_after), repeatable_for, patient)


def changes_what_stands(way: Channel, act: Act) -> bool:
    """Tell whether an act adds nothing new, so that it may be repeated: what is changed twice is changed once."""
    return act is Act.WITHDRAW or (act is Act.CORRECT and way.corrects is Correction.IN_PLACE)


def before_sending(one: Delivery, attempt: int, terms: Terms, now: datetime, jitter: float = 0.0) -> Result | None:
    """Return the verdict on a delivery that must not go out any more; None: let it go."""
    if one.doubtful:
        since = one.key_since
        forgotten = since is None or since > now + CLOCK_SLACK or now >= since + terms.repeatable_for
        doubt = Unconfirmed("the key may be forgotten by now")
        return in_doubt(one, attempt, doubt, terms, now, jitter) if forgotten else None
    if not terms.patient and now > one.queued_at + terms.policy.stale_after:
        return _failed(one, attempt, Rejected("the channel was out of reach for too long", Reason.TOO_LATE))
    return None


def sent(one: Delivery, attempt: int, receipt: Receipt) -> Result:
    """The other side took it."""
    return Result(one, attempt, Outcome.SENT, DeliveryState.SENT, detail=receipt.detail, receipt=receipt)


def judge(one: Delivery, attempt: int, error: ChannelError, terms: Terms, now: datetime, jitter: float = 0.0) -> Result:
    """It was not taken, or that is not known."""
    match error:
        case Deferred():
            return _deferred(one, attempt, error, terms, now, jitter)
        case ChannelClosed():
            return Result(
                one,
                attempt,
                Outcome.CLOSED,
                DeliveryState.QUEUED,
                detail=error.detail,
                reason=error.reason,
                due_at=now,
                counts=False,
            )
        case Unconfirmed():
            return in_doubt(one, attempt, error, terms, now, jitter)
        case _ if one.doubtful:
            # A refusal now says nothing of the attempt before it, which may be public.
            return Result(one, attempt, Outcome.REJECTED, DeliveryState.UNCONFIRMED, error.detail, error.reason)
        case _:
            return _failed(one, attempt, error)


def in_doubt(
    one: Delivery,
    attempt: int,
    error: Unconfirmed,
    terms: Terms | None,
    now: datetime,
    jitter: float = 0.0,
    tries: int | None = None,
) -> Result:
    """Repeat or put to a person. `tries` counts this attempt too; by default `one` was read before it began.

    Without `terms` (the channel is gone from the configuration), or where a repeat would not be the same
    (Reason.FILE_LOST), a person decides, or a look.
    """
    again = None
    if terms is not None and error.reason is not Reason.FILE_LOST:
        again = repeat_at(
            one.attempts + 1 if tries is None else tries,
            one.key_since or now,
            terms.repeatable_for,
            now=now,
            jitter=jitter,
        )
    state = DeliveryState.UNCONFIRMED if again is None else DeliveryState.QUEUED
    return Result(one, attempt, Outcome.UNCONFIRMED, state, error.detail, error.reason, due_at=again)


def _deferred(one: Delivery, attempt: int, error: Deferred, terms: Terms, now: datetime, jitter: float = 0.0) -> Result:
    # What a limit kept waiting for a day has not been tried for a day.
    since = (one.key_since or now) if terms.patient else one.queued_at
    decision = decide(error, one.attempts + 1, now - since, terms.policy, now=now, jitter=jitter)
    match decision:
        case RetryAt():
            return Result(
                one,
                attempt,
                Outcome.DEFERRED,
                DeliveryState.QUEUED,
                detail=error.detail,
                reason=error.reason,
                due_at=decision.moment,
                counts=error.counts,
            )
        case GiveUp() if one.doubtful:
            return Result(one, attempt, Outcome.DEFERRED, DeliveryState.UNCONFIRMED, error.detail, error.reason)
        case GiveUp():
            return _failed(one, attempt, Rejected(error.detail, Reason.TOO_LATE))
        case _:
            assert_never(decision)


def _failed(one: Delivery, attempt: int, error: ChannelError) -> Result:
    return Result(one, attempt, Outcome.REJECTED, DeliveryState.FAILED, detail=error.detail, reason=error.reason)
