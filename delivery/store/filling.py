"""Mailing lists become deliveries, inside the database: no recipient travels through the program.

A release writes down which lists are to be taken; small ones are taken at once, large ones in slices, each in a
transaction of its own that also moves the mark. One letter for each address of a broadcast, whatever lists it is on.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text, update

from delivery.database import Tx
from delivery.member import pattern, selection
from delivery.store.dialect import is_postgres, statement
from delivery.tables import broadcast, filling

__all__ = ["AT_ONCE", "SLICE", "Filling", "add", "any_left", "look_over", "of_broadcast", "take_slice", "unfinished"]

AT_ONCE = 20_000
"""An audience up to this size becomes deliveries in the very transaction of its release."""

SLICE = 5_000
"""So many members at a time otherwise: on SQLite some 50 ms in which nobody else writes."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A list of which the members behind `after_address` are still to be taken."""

    id: int
    broadcast_id: int
    revision: int
    channel: str
    list_key: str
    tag: str
    parts: int
    after_address: str
    due_at: datetime


async def add(
    tx: Tx,
    broadcast_id: int,
    revision: int,
    channel: str,
    selected: str,
    *,
    parts: int,
    expected: int,
    due_at: datetime,
) -> None:
    """Write down that a list, or what a tag selects of it, is to be taken.

    All that is taken for the channel makes `expected` deliveries.
    """
    list_key, tag = selection(selected)
    values = {
        "broadcast_id": broadcast_id,
        "revision": revision,
        "channel": channel,
        "list_key": list_key,
        "tag": tag,
        "parts": parts,
        "after_address": "",
        "due_at": due_at,
        "expected": expected,
    }
    await tx.execute(filling.insert().values(values))


async def of_broadcast(tx: Tx, broadcast_id: int) -> list[Filling]:
    """Return what is still to be taken for a broadcast."""
    return await _read(tx, select(filling).where(filling.c.broadcast_id == broadcast_id).order_by(filling.c.id))


async def any_left(tx: Tx) -> bool:
    """Tell whether some list is still to be taken."""
    return (await tx.execute(select(filling.c.id).limit(1))).first() is not None


async def unfinished(tx: Tx) -> Filling | None:
    """Return the list that is to be taken next, locked: urgent ones first, then the oldest.

    One that another worker has in hand is passed by.
    """
    chosen = select(filling).join(broadcast, broadcast.c.id == filling.c.broadcast_id)
    chosen = chosen.order_by(broadcast.c.urgent.desc(), filling.c.id).limit(1)
    found = await _read(tx, chosen.with_for_update(skip_locked=True, of=filling))
    return found[0] if found else None


async def _read(tx: Tx, chosen: object) -> list[Filling]:
    rows = await tx.execute(chosen)  # type: ignore[call-overload]
    return [
        Filling(
            id=row.id,
            broadcast_id=row.broadcast_id,
            revision=row.revision,
            channel=row.channel,
            list_key=row.list_key,
            tag=row.tag,
            parts=row.parts,
            after_address=row.after_address,
            due_at=row.due_at,
        )
        for row in rows
    ]


async def look_over(tx: Tx) -> None:
    """Let Postgres' planner see what has come: until then it takes a million new rows for none.

    Whoever is at it already does the same for us, so nobody waits.
    """
    if is_postgres(tx):
        await tx.execute(text("ANALYZE (SKIP_LOCKED) delivery"))


_LAST_OF_SLICE = """
SELECT max(address) FROM (
  SELECT address FROM member WHERE list_key = :list AND address > :after ORDER BY address LIMIT :most
) AS slice
"""
_SLICE = """
INSERT INTO delivery (broadcast_id, revision, channel, address, part, name, organisation, list_key, list_name,
                      destination, state, key, doubtful, due_at, attempts, detail, queued_at, updated_at)
SELECT :broadcast, :revision, :channel, m.address, :part, m.name, m.organisation, m.list_key, l.name,
       {domain_m}, 'queued', {new_key}, :no, :due, 0, '', :now, :now
  FROM member m JOIN mailing_list l ON l.key = m.list_key
 WHERE m.list_key = :list AND m.address > :after AND m.address <= :last
   AND m.tags LIKE :tags ESCAPE '/' AND m.consent <> 'no'
   AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address = m.address AND s.list_key IN ('', m.list_key))
 ORDER BY m.address
ON CONFLICT (broadcast_id, channel, address, part) DO NOTHING
"""


async def take_slice(tx: Tx, one: Filling, now: datetime, *, most: int = SLICE) -> Filling | None:
    """Queue deliveries for up to `most` further members. Returns what is left to do, None when that was all."""
    where = {"list": one.list_key, "after": one.after_address}
    last = (await tx.execute(statement(tx, _LAST_OF_SLICE), where | {"most": most})).scalar_one()
    if last is None:
        await tx.execute(delete(filling).where(filling.c.id == one.id))
        return None
    values = where | {
        "last": last,
        "tags": pattern(one.tag),
        "broadcast": one.broadcast_id,
        "revision": one.revision,
        "channel": one.channel,
        "no": False,
        "due": one.due_at,
        "now": now,
    }
    for part in range(1, one.parts + 1):
        await tx.execute(statement(tx, _SLICE), values | {"part": part})
    await tx.execute(update(filling).where(filling.c.id == one.id).values(after_address=last))
    return Filling(
        id=one.id,
        broadcast_id=one.broadcast_id,
        revision=one.revision,
        channel=one.channel,
        list_key=one.list_key,
        tag=one.tag,
        parts=one.parts,
        after_address=last,
        due_at=one.due_at,
    )
