"""What is said across processes: that there is work, and what time it is. Both are Postgres' own business.

A word of work is said inside the transaction that makes the work, and heard (`delivery.wakeup`) when that commits. On
SQLite nobody hears it; the polls find the work.
"""

from datetime import UTC, datetime
from weakref import WeakSet

from sqlalchemy import RootTransaction, func, select

from delivery.database import Tx

__all__ = ["WORK", "announce", "say", "server_time"]

WORK = "rupor_work"
"""The channel of LISTEN and NOTIFY, one for each database."""

_announced: WeakSet[RootTransaction] = WeakSet()


async def announce(tx: Tx) -> None:
    """Say that there is work, once in a transaction however often it is called.

    Between NOTIFY and the end of COMMIT nobody else in the whole cluster may do the same (async.c,
    PreCommit_Notify), so this belongs into what makes or frees work, not into the record of every send.
    """
    if tx.dialect.name != "postgresql":
        return
    transaction = tx.sync_connection.get_transaction() if tx.sync_connection else None
    if transaction is not None and transaction not in _announced:
        await say(tx, WORK)
        _announced.add(transaction)


async def say(tx: Tx, channel: str) -> None:
    """Say a word without content on a channel of Postgres."""
    await tx.execute(select(func.pg_notify(channel, "")))


async def server_time(tx: Tx) -> datetime:
    """Return the present moment (aware, UTC) by the clock of Postgres, also in the midst of a transaction."""
    moment: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    return moment.astimezone(UTC)
