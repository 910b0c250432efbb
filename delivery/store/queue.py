"""The rows are the queue: claim a delivery, start an attempt, record what came of it, rescue what a dead worker left.

A claim is a lease and nothing else. An attempt's row is committed before the wire is touched; its result counts only
while it names the attempt in hand, so that a late worker cannot overwrite what another one recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, literal_column, or_, select, update

from channels.contract import Recipient
from delivery.database import Tx
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.pace import Limit
from delivery.store import limits as counting
from delivery.store.broadcasts import settle
from delivery.store.deliveries import hold_back, read_delivery
from delivery.store.dialect import in_json, moment, statement
from delivery.tables import broadcast, delivery

__all__ = ["Result", "claim", "due", "expired", "give_back", "record", "release_expired", "renew", "start"]

# Literals, not parameters: the partial indexes answer only to them (on Postgres even in a generic plan).
_QUEUED: ColumnElement[bool] = delivery.c.state == literal_column("'queued'")
_SENDING: ColumnElement[bool] = delivery.c.state == literal_column("'sending'")


# Claim


_before = delivery.alias("before")
_ITS_TURN = or_(
    delivery.c.part == 1,
    exists().where(
        _before.c.broadcast_id == delivery.c.broadcast_id,
        _before.c.channel == delivery.c.channel,
        _before.c.address == delivery.c.address,
        _before.c.part == delivery.c.part - 1,
        _before.c.state == DeliveryState.SENT,
    ),
)


def _elsewhere(without: Collection[str]) -> ColumnElement[bool]:
    """Leave out the addresses of some destinations."""
    return and_(*(~delivery.c.address.endswith(f"@{one}", autoescape=True) for one in sorted(without)))


async def due(tx: Tx, channel: str, now: datetime, *, after: int = 0, without: Collection[str] = ()) -> int | None:
    """Return the broadcast whose turn it is among those with something due in a channel; None when nothing is.

    Urgent ones first; the others take turns, beginning with the one that follows `after`.
    """
    ready = exists().where(
        delivery.c.broadcast_id == broadcast.c.id,
        delivery.c.channel == channel,
        _QUEUED,
        delivery.c.due_at <= now,
        _ITS_TURN,
        *([_elsewhere(without)] if without else []),
    )
    turn = (
        select(broadcast.c.id)
        .where(broadcast.c.state == literal_column("'running'"), ready)
        .order_by(broadcast.c.urgent.desc(), broadcast.c.id <= after, broadcast.c.id)
        .limit(1)
    )
    found: int | None = (await tx.execute(turn)).scalar_one_or_none()
    return found


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

    A part is due only when the part before it was sent. Addresses of the destinations `without` are left alone.
    """
    chosen = await due(tx, channel, now, after=after, without=without)
    if chosen is None:
        return []
    free = (
        select(delivery.c.id)
        .where(delivery.c.broadcast_id == chosen, delivery.c.channel == channel, _QUEUED, delivery.c.due_at <= now)
        .where(_ITS_TURN, *([_elsewhere(without)] if without else []))
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=delivery)
    )
    its = (
        await tx.execute(select(broadcast.c.announcement_id, broadcast.c.resumed_at).where(broadcast.c.id == chosen))
    ).one()
    taken = (
        update(delivery)
        .where(delivery.c.id.in_(free), _QUEUED)
        .values(state=DeliveryState.SENDING, lease=lease, lease_until=until, attempt_id=None, updated_at=now)
        .returning(
            delivery.c.id,
            delivery.c.revision,
            delivery.c.part,
            delivery.c.address,
            delivery.c.name,
            delivery.c.organisation,
            delivery.c.list_key,
            delivery.c.list_name,
            delivery.c.key,
            delivery.c.attempts,
            delivery.c.due_at,
            delivery.c.key_since,
            delivery.c.doubtful,
            delivery.c.queued_at,
        )
    )
    claimed = [
        Delivery(
            id=row[0],
            broadcast_id=chosen,
            announcement_id=its.announcement_id,
            revision=row[1],
            channel=channel,
            part=row[2],
            recipient=Recipient(row[3], row[4], row[5], row[6], row[7]),
            state=DeliveryState.SENDING,
            key=row[8],
            attempts=row[9],
            due_at=row[10],
            key_since=row[11],
            doubtful=row[12],
            queued_at=row[13] if its.resumed_at is None else max(row[13], its.resumed_at),
            updated_at=now,
        )
        for row in await tx.execute(taken)
    ]
    return sorted(claimed, key=lambda one: (one.due_at, one.id))


async def renew(tx: Tx, lease: str, ids: Collection[int], until: datetime) -> None:
    """Prolong this worker's hold on the deliveries that it has in hand."""
    mine = (delivery.c.id.in_(ids)) & (delivery.c.lease == lease)
    await tx.execute(update(delivery).where(_SENDING, mine).values(lease_until=until))


# Start


_OPEN = """
INSERT INTO attempt (delivery_id, channel, number, started_at, detail, actor)
SELECT d.id, d.channel, d.attempts + 1, :now, '', :actor
  FROM {rows} JOIN delivery d ON d.id = r.id JOIN broadcast b ON b.id = d.broadcast_id
 WHERE d.state = 'sending' AND d.lease = :lease AND d.attempt_id IS NULL AND d.lease_until > :now
   AND b.state = 'running'
 {lock_d}
RETURNING delivery_id, id
"""
_MARK = """
UPDATE delivery SET attempt_id = r.attempt, attempts = attempts + 1, key_since = r.since, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.id
"""
_OPENED_BEFORE = """
SELECT d.id, d.attempt_id FROM {rows} JOIN delivery d ON d.id = r.id
 WHERE d.state = 'sending' AND d.lease = :lease AND d.attempt_id IS NOT NULL
"""


async def start(
    tx: Tx,
    deliveries: Sequence[Delivery],
    *,
    lease: str,
    actor: str,
    windows: Mapping[str, timedelta],
    now: datetime,
    limits: Sequence[Limit] = (),
) -> dict[int, int]:
    """Open an attempt for each delivery that may go out now. Returns delivery id -> attempt id.

    Left out, and let go, is what this lease no longer holds, what was paused or cancelled meanwhile, and what is
    beyond the channel's `limits` (the deliveries are then all of one channel). Asked twice (a COMMIT whose answer was
    lost), it finds the attempt that is open already. A key whose window (`windows` by channel) has long passed starts
    a new one: the other side has forgotten it.
    """
    wanted = deliveries
    if limits:
        await counting.stand_in_line(tx, deliveries[0].channel)
        there = await counting.room(tx, deliveries[0].channel, limits, len(deliveries), now)
        wanted = deliveries[: max(0, there.count)]
    opened: dict[int, int] = {}
    if wanted:
        rows = in_json([[one.id] for one in wanted])
        values = {"rows": rows, "lease": lease, "actor": actor, "now": now}
        opened = {row[0]: row[1] for row in await tx.execute(statement(tx, _OPEN, {"id": "bigint"}), values)}
    if opened:
        marks = [
            [one.id, opened[one.id], moment(tx, _window_start(one, windows.get(one.channel, timedelta(0)), now))]
            for one in wanted
            if one.id in opened
        ]
        columns = {"id": "bigint", "attempt": "bigint", "since": "timestamptz"}
        await tx.execute(statement(tx, _MARK, columns), {"rows": in_json(marks), "now": now})
    if len(opened) < len(deliveries):
        rest = [one for one in deliveries if one.id not in opened]
        values = {"rows": in_json([[one.id] for one in rest]), "lease": lease}
        found = await tx.execute(statement(tx, _OPENED_BEFORE, {"id": "bigint"}), values)
        opened |= {row[0]: row[1] for row in found}
        await _let_go(tx, [one for one in rest if one.id not in opened], now, lease=lease)
    return opened


def _window_start(one: Delivery, window: timedelta, now: datetime) -> datetime:
    if one.key_since is None or now - one.key_since > 2 * window:
        return now
    return one.key_since


# Record


_CLOSE = """
UPDATE attempt SET ended_at = :now, outcome = r.word, reason = r.why, detail = r.said
  FROM {rows}
 WHERE attempt.id = r.attempt AND attempt.ended_at IS NULL
"""
# A result that comes after the lease may still settle the very doubt that its lateness made.
_MOVE = """
UPDATE delivery
   SET state = r.next, reason = r.why, detail = r.said, doubtful = r.unheard,
       external_ids = coalesce(r.ids, external_ids), link = coalesce(r.shown_at, link),
       due_at = coalesce(r.due, due_at),
       attempts = attempts - r.uncounted, lease = NULL, lease_until = NULL, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.id AND delivery.attempt_id = r.attempt AND delivery.state IN ('sending', 'unconfirmed')
"""
_RESULT = {
    "id": "bigint",
    "attempt": "bigint",
    "word": "text",
    "why": "text",
    "said": "text",
    "next": "text",
    "ids": "json",
    "shown_at": "text",
    "due": "timestamptz",
    "uncounted": "integer",
    "unheard": "boolean",
}
_FINAL_WITHOUT_SUCCESS = frozenset({DeliveryState.FAILED, DeliveryState.UNCONFIRMED})


async def record(tx: Tx, results: Sequence[Result], now: datetime) -> list[int]:
    """Close attempts and move their deliveries. Returns the broadcasts that are settled by it.

    Repeating it changes nothing: an attempt closes once, and a delivery that has moved on no longer answers to it.
    """
    rows = in_json(
        [
            [
                one.delivery.id,
                one.attempt_id,
                one.outcome,
                one.reason,
                one.detail,
                one.state,
                list(one.receipt.external_ids) if one.receipt else None,
                one.receipt.link if one.receipt else None,
                moment(tx, one.due_at),
                0 if one.counts else 1,
                one.delivery.doubtful or one.outcome is Outcome.UNCONFIRMED,
            ]
            for one in results
        ]
    )
    await tx.execute(statement(tx, _CLOSE, _RESULT), {"rows": rows, "now": now})
    await tx.execute(statement(tx, _MOVE, _RESULT), {"rows": rows, "now": now})
    stopped = [one.delivery.id for one in results if one.state in _FINAL_WITHOUT_SUCCESS]
    if stopped:
        await hold_back(tx, stopped, now)
    return await settle(tx, {one.delivery.broadcast_id for one in results}, now)


# Let go


_LET_GO = """
UPDATE delivery
   SET state = CASE WHEN (SELECT b.state FROM broadcast b WHERE b.id = delivery.broadcast_id) = 'cancelled'
                    THEN 'cancelled' ELSE 'queued' END,
       lease = NULL, lease_until = NULL, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.id AND delivery.state = 'sending' AND delivery.attempt_id IS NULL
   AND (delivery.lease = :lease OR delivery.lease_until < :now)
"""


async def _let_go(tx: Tx, deliveries: Sequence[Delivery], now: datetime, *, lease: str) -> None:
    if deliveries:
        values = {"rows": in_json([[one.id] for one in deliveries]), "lease": lease, "now": now}
        await tx.execute(statement(tx, _LET_GO, {"id": "bigint"}), values)


async def give_back(tx: Tx, deliveries: Sequence[Delivery], *, lease: str, now: datetime) -> None:
    """Return claimed deliveries that were never started to the queue."""
    await _let_go(tx, deliveries, now, lease=lease)
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


async def release_expired(tx: Tx, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Queue again what was claimed by a dead worker and surely never started."""
    await _let_go(tx, deliveries, now, lease="")
    await settle(tx, {one.broadcast_id for one in deliveries}, now)
