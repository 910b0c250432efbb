"""The rows are the queue: claim a delivery, start an attempt, record what came of it, rescue what a dead worker left.

A claim is a lease and nothing else. An attempt's row is committed before the wire is touched; its result counts only
while it names the attempt in hand, so that a late worker cannot overwrite what another one recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, select, update

from channels.contract import Recipient
from delivery.database import Tx
from delivery.model import CLOCK_SLACK, Delivery, DeliveryState, Outcome, Result
from delivery.pace import Limit
from delivery.store import limits as counting
from delivery.store.broadcasts import go_on, settle
from delivery.store.deliveries import follow_up, get, hold_back, read_delivery
from delivery.store.dialect import in_json, is_postgres, moment, read_moment, statement
from delivery.tables import broadcast, delivery

__all__ = [
    "Result",
    "claim",
    "due",
    "expired",
    "forget_keys",
    "give_back",
    "keys_ahead",
    "record",
    "release_expired",
    "renew",
    "start",
]

# Literals, not parameters: the partial indexes answer only to them (on Postgres even in a generic plan).
_QUEUED: ColumnElement[bool] = delivery.c.state == literal_column("'queued'")
_SENDING: ColumnElement[bool] = delivery.c.state == literal_column("'sending'")


# Claim

# A part's turn comes when the part before it was sent. Asked as a value: of an EXISTS, Postgres may make a table of all
# that was ever sent.
_ITS_TURN = """(d.part = 1 OR 'sent' = (
         SELECT before.state FROM delivery before
          WHERE before.broadcast_id = d.broadcast_id AND before.channel = d.channel AND before.address = d.address
            AND before.part = d.part - 1))"""
# The states stand as literals, or the partial indexes would not be used.
_READY = f"""d.channel = :channel AND d.state = 'queued' AND d.due_at <= :now AND {_ITS_TURN}"""
_DUE = f"""
SELECT b.id, b.announcement_id, b.resumed_at FROM broadcast b
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
          queued_at, destination
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
    for number, announcement_id, resumed_at in await _turns(
        tx, channel, now, after=after, most=_MOST_TURNS if without else 1
    ):
        rows = list(await tx.execute(taking, values | {"broadcast": number}))
        if rows:
            since = read_moment(resumed_at) or _NEVER
            claimed = [_claimed(row, number, announcement_id, channel, since, now) for row in rows]
            return sorted(claimed, key=lambda one: one.id)
    return []


def _claimed(
    row: Sequence[Any], number: int, announcement_id: int, channel: str, resumed_at: datetime, now: datetime
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
    )


async def renew(tx: Tx, lease: str, ids: Collection[int], until: datetime) -> None:
    """Prolong this worker's hold on the deliveries that it has in hand."""
    mine = (delivery.c.id.in_(ids)) & (delivery.c.lease == lease)
    await tx.execute(update(delivery).where(_SENDING, mine).values(lease_until=until))


# Start


# What bears a lease is being sent: no other word is needed. On Postgres, "state = 'sending'" could lead the planner
# into the partial index of leases, which after a large broadcast is full of dead entries.
_OPEN = """
INSERT INTO attempt (delivery_id, channel, number, started_at, detail, actor)
SELECT d.id, d.channel, d.attempts + 1, :now, '', :actor
  FROM {rows} JOIN delivery d ON d.id = r.id JOIN broadcast b ON b.id = d.broadcast_id
 WHERE d.lease = :lease AND d.attempt_id IS NULL AND d.lease_until > :now AND b.state = 'running'
 {lock_d}
RETURNING delivery_id, id
"""
_MARK = """
UPDATE delivery SET attempt_id = r.attempt, attempts = attempts + 1, key_since = r.since, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.id
"""
# Both in one journey to the server.
_OPEN_AND_MARK = """
WITH r AS (SELECT * FROM {rows}), opened AS (
  INSERT INTO attempt (delivery_id, channel, number, started_at, detail, actor)
  SELECT d.id, d.channel, d.attempts + 1, :now, '', :actor
    FROM r JOIN delivery d ON d.id = r.id
   WHERE d.lease = :lease AND d.attempt_id IS NULL AND d.lease_until > :now
     AND 'running' = (SELECT b.state FROM broadcast b WHERE b.id = d.broadcast_id)
   {lock_d}
  RETURNING delivery_id, id)
UPDATE delivery SET attempt_id = opened.id, attempts = attempts + 1, key_since = r.since, updated_at = :now
  FROM opened JOIN r ON r.id = opened.delivery_id
 WHERE delivery.id = opened.delivery_id
RETURNING delivery.id, delivery.attempt_id
"""
_OPENED_BEFORE = """
SELECT d.id, d.attempt_id FROM {rows} JOIN delivery d ON d.id = r.id
 WHERE d.lease = :lease AND d.attempt_id IS NOT NULL
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
    since = {one.id: _window_start(one, windows.get(one.channel, timedelta(0)), now) for one in wanted}
    opened = await _open(tx, since, lease=lease, actor=actor, now=now) if since else {}
    if len(opened) < len(deliveries):
        rest = [one for one in deliveries if one.id not in opened]
        values = {"rows": in_json(tx, [[one.id] for one in rest]), "lease": lease}
        found = await tx.execute(statement(tx, _OPENED_BEFORE, {"id": "bigint"}), values)
        opened |= {row[0]: row[1] for row in found}
        await _let_go(tx, [one for one in rest if one.id not in opened], now, lease=lease)
    return opened


async def _open(tx: Tx, since: Mapping[int, datetime], *, lease: str, actor: str, now: datetime) -> dict[int, int]:
    """Write the attempts of these deliveries; `since` says when each one's key was first shown."""
    values: dict[str, Any] = {"lease": lease, "actor": actor, "now": now}
    written = {each: moment(tx, each) for each in set(since.values())}
    if is_postgres(tx):
        rows = in_json(tx, [[one, written[begin]] for one, begin in since.items()])
        both = statement(tx, _OPEN_AND_MARK, {"id": "bigint", "since": "timestamptz"})
        return {row[0]: row[1] for row in await tx.execute(both, values | {"rows": rows})}
    rows = in_json(tx, [[one] for one in since])
    opening = statement(tx, _OPEN, {"id": "bigint"})
    opened = {row[0]: row[1] for row in await tx.execute(opening, values | {"rows": rows})}
    if opened:
        marks = in_json(tx, [[one, number, written[since[one]]] for one, number in opened.items()])
        columns = {"id": "bigint", "attempt": "bigint", "since": "timestamptz"}
        await tx.execute(statement(tx, _MARK, columns), {"rows": marks, "now": now})
    return opened


def _window_start(one: Delivery, window: timedelta, now: datetime) -> datetime:
    if one.key_since is None:
        return now
    if one.doubtful:
        return one.key_since  # what may be public under this key does not become younger by another try
    return now if now - one.key_since > 2 * window else one.key_since


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
# Both in one journey to the server.
_CLOSE_AND_MOVE = """
WITH r AS (SELECT * FROM {rows}), moved AS (
  UPDATE delivery
     SET state = r.next, reason = r.why, detail = r.said, doubtful = r.unheard,
         external_ids = coalesce(r.ids, external_ids), link = coalesce(r.shown_at, link),
         due_at = coalesce(r.due, due_at),
         attempts = attempts - r.uncounted, lease = NULL, lease_until = NULL, updated_at = :now
    FROM r
   WHERE delivery.id = r.id AND delivery.attempt_id = r.attempt AND delivery.state IN ('sending', 'unconfirmed')
), closed AS (
  UPDATE attempt SET ended_at = :now, outcome = r.word, reason = r.why, detail = r.said
    FROM r
   WHERE attempt.id = r.attempt AND attempt.ended_at IS NULL
  RETURNING attempt.id)
SELECT count(*) FROM closed
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


async def record(tx: Tx, results: Sequence[Result], now: datetime, *, more: bool = False) -> list[int]:
    """Close attempts and move their deliveries. Returns the broadcasts that are settled by it.

    With `more`, others of these broadcasts are known to be waiting, so that none can be settled now. Repeating it
    changes nothing: an attempt closes once, and a delivery that has moved on no longer answers to it.
    """
    rows = in_json(
        tx,
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
        ],
    )
    closed = await _close_and_move(tx, {"rows": rows, "now": now})
    stopped = [one.delivery.id for one in results if one.state in _FINAL_WITHOUT_SUCCESS]
    if stopped:
        await hold_back(tx, stopped, now)
    if closed < len(results):
        await _undo_lateness(tx, results, now)
    if more:
        return []
    return await settle(tx, {one.delivery.broadcast_id for one in results}, now)


async def _close_and_move(tx: Tx, values: dict[str, Any]) -> int:
    """Return how many of the attempts were still open."""
    if is_postgres(tx):
        return int((await tx.execute(statement(tx, _CLOSE_AND_MOVE, _RESULT), values)).scalar_one())
    closed = await tx.execute(statement(tx, _CLOSE, _RESULT), values)
    await tx.execute(statement(tx, _MOVE, _RESULT), values)
    return closed.rowcount


async def _undo_lateness(tx: Tx, results: Sequence[Result], now: datetime) -> None:
    """Let everything go on that was stopped by a doubt which a late result has settled."""
    settled = [one for one in results if one.state in {DeliveryState.SENT, DeliveryState.QUEUED}]
    for one in settled:
        now_there = await get(tx, one.delivery.id)
        if now_there is not None and now_there.state is one.state:
            await follow_up(tx, one.delivery, now)
    await go_on(tx, {one.delivery.broadcast_id for one in settled})


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


async def _let_go(tx: Tx, deliveries: Sequence[Delivery], now: datetime, *, lease: str) -> None:
    if deliveries:
        values = {"rows": in_json(tx, [[one.id] for one in deliveries]), "lease": lease, "now": now}
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
    await _let_go(tx, deliveries, now, lease="")
    await settle(tx, {one.broadcast_id for one in deliveries}, now)
