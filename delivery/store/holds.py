"""Channels that refuse everybody: held, told about once, asked again after growing pauses."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from channels.contract import Reason
from delivery.database import Tx
from delivery.model import Hold
from delivery.store.dialect import upsert
from delivery.tables import channel_hold


async def close(
    tx: Tx, channel: str, *, reason: Reason, detail: str, retry_at: datetime, tell: bool, now: datetime
) -> None:
    """Hold a channel, or prolong its hold. With `tell`, editors are to hear of it."""
    statement = upsert(tx, channel_hold).values(
        channel=channel, reason=reason, detail=detail, since=now, retry_at=retry_at, tries=1, told=not tell
    )
    again: dict[str, Any] = {
        "reason": reason,
        "detail": detail,
        "retry_at": retry_at,
        "tries": channel_hold.c.tries + 1,
    }
    if tell:
        again["told"] = False
    await tx.execute(statement.on_conflict_do_update(index_elements=["channel"], set_=again))


async def open_again(tx: Tx, channel: str) -> bool:
    """End a hold. True when there was one."""
    return (await tx.execute(delete(channel_hold).where(channel_hold.c.channel == channel))).rowcount == 1


async def ask_now(tx: Tx, channel: str, now: datetime) -> None:
    """Let the next delivery try the channel at once."""
    await tx.execute(update(channel_hold).where(channel_hold.c.channel == channel).values(retry_at=now))


async def hold_of(tx: Tx, channel: str) -> Hold | None:
    """Return the hold on a channel, if there is one."""
    return next((one for one in await holds(tx) if one.channel == channel), None)


async def holds(tx: Tx) -> list[Hold]:
    """Return the holds in force."""
    rows = await tx.execute(select(channel_hold).order_by(channel_hold.c.since))
    return [
        Hold(
            channel=row.channel,
            reason=Reason(row.reason),
            detail=row.detail,
            since=row.since,
            retry_at=row.retry_at,
            tries=row.tries,
        )
        for row in rows
    ]


async def untold(tx: Tx) -> list[str]:
    """Return the held channels that nobody has been told of, and mark them told."""
    marked = update(channel_hold).where(channel_hold.c.told.is_(False)).values(told=True)
    return [row[0] for row in await tx.execute(marked.returning(channel_hold.c.channel))]
