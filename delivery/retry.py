"""When to try again. Pure: what happened and how old it is go in, a moment or "give up" comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.contract import POST_PAUSES, Deferred, Reason
from delivery.model import CLOCK_SLACK

__all__ = ["GiveUp", "Policy", "RetryAt", "decide", "hold_pause", "repeat_at"]

_HOLD_PAUSES: Sequence[timedelta] = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60))
_REPEAT_PAUSES: Sequence[timedelta] = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600))
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Policy:
    """What a channel says of retries: the pauses after the first, second, … try, and when a delivery is stale."""

    pauses: Sequence[timedelta]
    stale_after: timedelta


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again then."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It would come too late."""


def decide(
    error: Deferred, attempts: int, age: timedelta, policy: Policy, *, now: datetime, jitter: float = 0.0
) -> RetryAt | GiveUp:
    """Say when to try a deferred delivery again. `attempts` counts the one just made; `age` is since it was queued.

    Without a connection nobody has refused anything, so it is tried again as soon as a post would be, letter or not.
    What the other side asked for is never shortened. `jitter` in 0..1 spreads our own pauses by up to a fifth; they
    never become shorter.
    """
    pauses = POST_PAUSES if error.reason is Reason.NOT_CONNECTED else policy.pauses
    wait = error.retry_after if error.retry_after is not None else _spread(_pause(pauses, attempts), jitter)
    return RetryAt(now + wait) if age + wait <= policy.stale_after else GiveUp()


def repeat_at(
    attempts: int, key_since: datetime | None, window: timedelta, *, now: datetime, jitter: float = 0.0
) -> datetime | None:
    """Say when a delivery in doubt may go out once more under the same key, or None when a person must decide.

    Only a channel that shows one key once has a `window`; the repeat must begin inside it. A key that was first shown
    in the future was shown before the clock was put back, nobody knows how long ago.
    """
    if key_since is None or key_since > now + CLOCK_SLACK:
        return None
    moment = now + _spread(_pause(_REPEAT_PAUSES, attempts), jitter)
    return moment if moment < key_since + window else None


def hold_pause(reason: Reason, tries: int) -> timedelta:
    """Return how long a channel rests after so many tries: less where nobody answers than where we are refused."""
    return _pause(POST_PAUSES if reason is Reason.NOT_CONNECTED else _HOLD_PAUSES, tries)


def _pause(pauses: Sequence[timedelta], tries: int) -> timedelta:
    """Return the pause after so many tries; the last one repeats."""
    return pauses[min(max(tries, 1), len(pauses)) - 1]


def _spread(pause: timedelta, jitter: float) -> timedelta:
    return pause * (1 + _JITTER * jitter)
