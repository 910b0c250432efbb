"""When to try again. Pure: what happened and how old it is go in, a moment or "give up" comes out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from channels.contract import POST_PAUSES, Deferred, Reason

HOLD_PAUSES: Sequence[timedelta] = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60))
"""A channel that refuses everybody is asked again this much later."""

REPEAT_PAUSES: Sequence[timedelta] = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600))
"""After a lost answer, where one key shows once."""

_JITTER = 0.2


def pause(pauses: Sequence[timedelta], tries: int) -> timedelta:
    """Return the pause after so many tries; the last one repeats."""
    return pauses[min(max(tries, 1), len(pauses)) - 1]


def retry_at(
    error: Deferred, *, attempts: int, pauses: Sequence[timedelta], now: datetime, give_up_at: datetime, jitter: float
) -> datetime | None:
    """Say when to try a deferred delivery again, or None when that would be too late.

    Without a connection nobody has refused anything, so it is tried again as soon as a post would be, letter or not.
    What the other side asked for is never shortened. `jitter` in 0..1 spreads our own pauses by up to a fifth.
    """
    if error.reason is Reason.NOT_CONNECTED:
        pauses = POST_PAUSES
    wait = error.retry_after if error.retry_after is not None else pause(pauses, attempts) * (1 + _JITTER * jitter)
    moment = now + wait
    return moment if moment <= give_up_at else None


def repeat_at(
    *, attempts: int, key_since: datetime | None, window: timedelta, now: datetime, jitter: float
) -> datetime | None:
    """Say when a delivery in doubt may go out once more under the same key, or None when a person must decide.

    Only a channel that shows one key once has a `window`; the repeat must begin inside it.
    """
    if key_since is None:
        return None
    moment = now + pause(REPEAT_PAUSES, attempts) * (1 + _JITTER * jitter)
    return moment if moment < key_since + window else None
