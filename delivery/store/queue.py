"""The rows are the queue: claim deliveries, keep hold of them, give them back, find what a dead worker left.

A claim is a lease and nothing else. What is sent under it, and what came of that, is written by `store.attempts`.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, select, update

from channels.contract import Recipient
from delivery.database import Tx
from delivery.model import CLOCK_SLACK, Act, BroadcastKind, Delivery, DeliveryState
from delivery.store.broadcasts import settle
from delivery.store.deliveries import read_delivery
from delivery.store.dialect import in_json, read_moment, statement
from delivery.tables import broadcast, delivery

__all__ = ["claim", "due", "expired", "forget_keys", "give_back", "keys_ahead", "let_go", "release_expired", "renew"]

# Literals, not parameters: the partial indexes answer only to them (on Postgres even in a generic plan).
_QUEUED: ColumnElement[bool] = delivery.c.state == literal_column("'queued'")
_SENDING: ColumnElement[bool] = delivery.c.state == literal_column("'sending'")


# Claim

# A new part's turn comes when the part before it was sent, whether or not that came back. Asked as a value: of an
# EXISTS, Postgres may make a table of all that was ever sent.
_ITS_TURN = """(d.part = 1 OR d.act <> 'send' OR (
         SELECT before.state FROM delivery before
          WHERE before.broadcast_id = d.broadcast_id AND before.channel = d.channel AND before.address = d.address
            AND before.part = d.part - 1) IN ('sent', 'returned'))"""
# The states stand as literals, or the partial indexes would not be used.
_READY = f"""d.channel = :channel AND d.state = 'queued' AND d.due_at <= :now AND {_ITS_TURN}"""
_DUE = f"""
SELECT b.id, b.announcement_id, b.resumed_at, b.kind FROM broadcast b
 WHERE b.state = 'running' AND EXISTS (SELECT 1 FROM delivery d WHERE d.broadcast_id = b.id AND {_READY})
 ORDER BY b.urgent DESC, b.id <= :after, b.id
 LIMIT :most
"""  # noqa: S608 - constants of ours
# Chosen apart and once: inside a plain IN, Postgres may choose anew for each row, and then takes far more than :limit.
# What is chosen is locked (on SQLite with the whole file), so its state needs no second look.
_TAKE = """
UPDATE delivery SET state = 'sending', lease = :lease, lease_until = :until, attempt_id = NULL, updated_at = :now
 WHERE id IN (SELECT id FROM chosen)
RETURNING id, revision, part, address, name, organisation, list_key, list_name, key, attempts, key_since, doubtful,
          queued_at, destination, act, about
"""
_CLAIM = f"""
WITH chosen AS MATERIALIZED (
     SELECT d.id FROM delivery d WHERE d.broadcast_id = :broadcast AND {_READY}
      ORDER BY d.due_at, d.id
      LIMIT :limit
      {{skip_locked_d}}) {_TAKE}
"""  # noqa: S608 - constants of ours
# Goes from destination to destination, a leap in the index each, and so passes by a million letters to the large one
# that has its share. The order inside a destination is that of the moments.
_OF_ONE = "broadcast_id = :broadcast AND channel = :channel AND state = 'queued' AND destination <> ''"
_CLAIM_ELSEWHERE = f"""
WITH RECURSIVE place (name) AS (
     SELECT min(destination) FROM delivery WHERE {_OF_ONE}
      UNION ALL
     SELECT (SELECT min(destination) FROM delivery WHERE {_OF_ONE} AND destination > place.name)
       FROM place WHERE place.name IS NOT NULL),
chosen AS MATERIALIZED (SELECT id FROM {{each_place}}
      WHERE place.name NOT IN (SELECT name FROM {{rows}})
      LIMIT :limit) {_TAKE}
"""  # noqa: S608 - constants of ours
_IN_PLACE = f"d.broadcast_id = :broadcast AND d.destination = place.name AND d.destination <> '' AND {_READY}"
# Each planner has its own way to be told that the leaps come first, and then the letters of each.
_EACH_PLACE = {
    "sqlite": f"place CROSS JOIN delivery d ON {_IN_PLACE}",
    "postgresql": f"""place CROSS JOIN LATERAL (
       SELECT d.id FROM delivery d WHERE {_IN_PLACE} ORDER BY d.due_at, d.id LIMIT :limit FOR UPDATE SKIP LOCKED) d""",  # noqa: S608
}
_MOST_TURNS = 100  # so many broadcasts are asked for something that goes elsewhere
_NEVER = datetime.min.replace(tzinfo=UTC)


async def due(tx: Tx, channel: str, now: datetime, *, after: int = 0) -> int | None:
    """Return the broadcast whose turn it is among those with something due in a channel; None when nothing is.

    Urgent ones first; the others take turns, beginning with the one that follows `after`.
    """
    turns = await _turns(tx, channel, now, after=after, most=1)
    return turns[0][0] if turns else None


async def _turns(tx: Tx, channel: str, now: datetime, *, after: int, most: int) -> list[Sequence[Any]]:
    """Return broadcasts with something due, in their order: each with its announcement, and when it was resumed."""
    values = {"channel": channel, "now": now, "after": after, "most": most}
    return list(await tx.execute(statement(tx, _DUE), values))


async def claim(
    tx: Tx,
    channel: str,
    *,
    limit: int,
    lease: str,
    until: datetime,
    now: datetime,
    after: int = 0,
    without: Collection[str] = (),
) -> list[Delivery]:
    """Take up to `limit` due deliveries of one broadcast for this worker: of the one whose turn it is (`due`).

    A part is due only when the part before it was sent. Those for the destinations `without` are left alone.
    """
    values = {"channel": channel, "limit": limit, "lease": lease, "until": until, "now": now}
    taking = statement(tx, _CLAIM)
    if without:
        elsewhere = _CLAIM_ELSEWHERE.replace("{each_place}", _EACH_PLACE[tx.dialect.name])
        taking = statement(tx, elsewhere, {"name": "text"})
        values["rows"] = in_json(tx, [[one] for one in without])
    for number, announcement_id, resumed_at, kind in await _turns(
        tx, channel, now, after=after, most=_MOST_TURNS if without else 1
    ):
        rows = list(await tx.execute(taking, values | {"broadcast": number}))
        if rows:
            since = read_moment(resumed_at) or _NEVER
            recalls = kind == BroadcastKind.RECALL
            claimed = [_claimed(row, number, announcement_id, channel, since, now, recalls=recalls) for row in rows]
            return sorted(claimed, key=lambda one: one.id)
    return []


def _claimed(
    row: Sequence[Any],
    number: int,
    announcement_id: int,
    channel: str,
    resumed_at: datetime,
    now: datetime,
    *,
    recalls: bool,
) -> Delivery:
    """Make a Delivery of what _TAKE returns."""
    return Delivery(
        id=row[0],
        broadcast_id=number,
        announcement_id=announcement_id,
        revision=row[1],
        channel=channel,
        part=row[2],
        recipient=Recipient(row[3], row[4], row[5], row[6], row[7]),
        state=DeliveryState.SENDING,
        key=row[8],
        attempts=row[9],
        due_at=now,
        key_since=read_moment(row[10]),
        doubtful=bool(row[11]),
        queued_at=max(read_moment(row[12]) or now, resumed_at),
        updated_at=now,
        destination=row[13],
        act=Act(row[14]),
        about=row[15],
        recalls=recalls,
    )


async def renew(tx: Tx, lease: str, ids: Collection[int], until: datetime) -> None:
    """Prolong this worker's hold on the deliveries that it has in hand."""
    mine = (delivery.c.id.in_(ids)) & (delivery.c.lease == lease)
    await tx.execute(update(delivery).where(_SENDING, mine).values(lease_until=until))


# Let go


_LET_GO = """
UPDATE delivery
   SET state = CASE WHEN (SELECT b.state FROM broadcast b WHERE b.id = delivery.broadcast_id) = 'cancelled'
                    THEN CASE WHEN doubtful THEN 'unconfirmed' ELSE 'cancelled' END ELSE 'queued' END,
       lease = NULL, lease_until = NULL, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.id AND delivery.state = 'sending' AND delivery.attempt_id IS NULL
   AND (delivery.lease = :lease OR delivery.lease_until < :now)
"""


async def let_go(tx: Tx, deliveries: Sequence[Delivery], now: datetime, *, lease: str) -> None:
    """Free deliveries that this lease holds, or that nobody holds any more, and that were never started."""
    if deliveries:
        values = {"rows": in_json(tx, [[one.id] for one in deliveries]), "lease": lease, "now": now}
        await tx.execute(statement(tx, _LET_GO, {"id": "bigint"}), values)


async def give_back(tx: Tx, deliveries: Sequence[Delivery], *, lease: str, now: datetime) -> None:
    """Return claimed deliveries that were never started to the queue."""
    await let_go(tx, deliveries, now, lease=lease)
    await settle(tx, {one.broadcast_id for one in deliveries}, now)


async def expired(tx: Tx, now: datetime, limit: int = 500) -> list[tuple[Delivery, int | None]]:
    """Return deliveries whose worker has not been heard of, each with the attempt that was open."""
    found = (
        select(delivery, broadcast.c.announcement_id, delivery.c.state.label("true_state"))
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(_SENDING, delivery.c.lease_until < now)
        .order_by(delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=delivery)
    )
    return [(read_delivery(row), row.attempt_id) for row in await tx.execute(found)]


async def forget_keys(tx: Tx, now: datetime) -> None:
    """Let nobody repeat by itself what was first shown in the future: our clock was put back, the other side's not.

    Such a delivery becomes due at once, and then a person or a look decides.
    """
    await tx.execute(update(delivery).where(_ahead(now)).values(key_since=None, due_at=now, updated_at=now))


async def keys_ahead(tx: Tx, now: datetime) -> bool:
    """Tell whether there are such deliveries."""
    return (await tx.execute(select(delivery.c.id).where(_ahead(now)).limit(1))).first() is not None


def _ahead(now: datetime) -> ColumnElement[bool]:
    return and_(delivery.c.doubtful, _QUEUED, delivery.c.key_since > now + CLOCK_SLACK)


async def release_expired(tx: Tx, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Queue again what was claimed by a dead worker and surely never started."""
    await let_go(tx, deliveries, now, lease="")
    await settle(tx, {one.broadcast_id for one in deliveries}, now)
