"""How many sends a channel's limits allow now, counted from its attempts: shared by all workers, true after a restart.

An attempt's row stands in the database before the wire is touched, so counting them is counting what the other side
has been asked. Who counts and who starts do so in one transaction, one worker after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from delivery.database import Tx
from delivery.pace import Limit
from delivery.store.dialect import is_postgres
from delivery.tables import attempt

__all__ = ["Room", "last_leaves_at", "room", "stand_in_line"]


@dataclass(frozen=True, slots=True)
class Room:
    """How many may start now; `opens_at` is when the next may, if none."""

    count: int
    opens_at: datetime | None = None


async def stand_in_line(tx: Tx, channel: str) -> None:
    """Let nobody else count this channel until the transaction ends. On SQLite a writer is alone anyway."""
    if is_postgres(tx):
        await tx.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('limits'), hashtext(:channel))"), {"channel": channel}
        )


async def room(tx: Tx, channel: str, limits: Sequence[Limit], wanted: int, now: datetime) -> Room:
    """Return how many of `wanted` sends may begin now."""
    count, opens_at = wanted, None
    for limit in limits:
        within = (
            select(attempt.c.id)
            .where(attempt.c.channel == channel, attempt.c.started_at > now - limit.span)
            # A start further ahead than the span itself is the work of a clock that has been put back.
            .where(attempt.c.started_at <= now + limit.span)
            .limit(limit.most)
        )
        used = (await tx.execute(select(func.count()).select_from(within.subquery()))).scalar_one()
        count = min(count, limit.most - used)
        if used >= limit.most:
            started = await _nth_latest(tx, channel, limit, limit.most, now)
            if started is not None:
                opens_at = max(opens_at or started + limit.span, started + limit.span)
    return Room(count, opens_at if count <= 0 else None)


async def last_leaves_at(tx: Tx, channel: str, limits: Sequence[Limit], waiting: int, now: datetime) -> datetime | None:
    """Say when the last of `waiting` sends may begin, None when there are no limits. Seconds of sending not counted.

    Under a limit each start waits for the one `most` before it. Of the chains of such waits, back to a start that has
    been made, the longest decides: as many rounds as fit of the slowest limit, then of the next, and so on. Where
    limits fit each other badly another chain may be longer, by less than the longest span.
    """
    if not limits or waiting <= 0:
        return None
    moments = [now]
    slowest_first = sorted(limits, key=lambda limit: limit.span / limit.most, reverse=True)
    for first in slowest_first:
        place, waited = waiting, timedelta(0)
        for limit in (first, *(other for other in slowest_first if other is not first)):
            rounds = (place - 1) // limit.most
            place -= rounds * limit.most
            waited += rounds * limit.span
            moments.append(now + waited)
            for known in limits:
                if place <= known.most:
                    started = await _nth_latest(tx, channel, known, known.most - place + 1, now)
                    moments += [] if started is None else [started + known.span + waited]
    return max(moments)


async def _nth_latest(tx: Tx, channel: str, limit: Limit, n: int, now: datetime) -> datetime | None:
    found = (
        select(attempt.c.started_at)
        .where(attempt.c.channel == channel, attempt.c.started_at > now - limit.span)
        .where(attempt.c.started_at <= now + limit.span)
        .order_by(attempt.c.started_at.desc())
        .limit(1)
        .offset(n - 1)
    )
    moment: datetime | None = (await tx.execute(found)).scalar_one_or_none()
    return moment
