"""Writes attempts: a row before the wire is touched, its end together with what becomes of the delivery.

A result counts only while it names the attempt in hand, so that a late worker cannot overwrite what another one
recorded. `exchange` is the fast path of both on Postgres; `record` and `start` are its reference, and finish whatever
it leaves.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from delivery.database import Tx
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.pace import Limit
from delivery.store import limits as counting
from delivery.store.broadcasts import go_on, settle
from delivery.store.deliveries import hold_back, let_follow
from delivery.store.dialect import in_json, is_postgres, moment, statement
from delivery.store.queue import let_go

__all__ = ["exchange", "record", "start"]

# Start


# What bears a lease is being sent: no other word is needed. On Postgres, "state = 'sending'" could lead the planner
# into the partial index of leases, which after a large broadcast is full of dead entries.
_OPEN = """
INSERT INTO attempt (delivery_id, channel, number, started_at, detail, actor)
SELECT d.id, d.channel, d.attempts + 1, :now, '', :actor
  FROM {rows} JOIN delivery d ON d.id = r.following
 WHERE d.lease = :lease AND d.attempt_id IS NULL AND d.lease_until > :now AND d.revision = r.revision
   AND 'running' = (SELECT b.state FROM broadcast b WHERE b.id = d.broadcast_id)
 {lock_d}
RETURNING delivery_id, id
"""
_MARK = """
UPDATE delivery SET attempt_id = r.opened, attempts = attempts + 1, key_since = r.since, updated_at = :now
  FROM {rows}
 WHERE delivery.id = r.following
"""
# A statement can read at once what another has returned only on Postgres.
_MARK_OPENED = """
UPDATE delivery SET attempt_id = opened.id, attempts = attempts + 1, key_since = r.since, updated_at = :now
  FROM opened JOIN r ON r.following = opened.delivery_id
 WHERE delivery.id = opened.delivery_id
RETURNING delivery.id, delivery.attempt_id
"""
_FOLLOWING = {"following": "bigint", "revision": "integer", "since": "timestamptz"}
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

    Left out, and let go, is what this lease no longer holds, what was paused, cancelled or edited meanwhile, and what
    is beyond the channel's `limits` (the deliveries are then all of one channel). Asked twice (a COMMIT whose answer
    was lost), it finds the attempt that is open already. A key whose window (`windows` by channel) has long passed
    starts a new one: the other side has forgotten it.
    """
    wanted = deliveries
    if limits:
        await counting.stand_in_line(tx, deliveries[0].channel)
        there = await counting.room(tx, deliveries[0].channel, limits, len(deliveries), now)
        wanted = deliveries[: max(0, there.count)]
    opened = await _open(tx, wanted, lease=lease, actor=actor, windows=windows, now=now) if wanted else {}
    if len(opened) < len(deliveries):
        rest = [one for one in deliveries if one.id not in opened]
        values = {"rows": in_json(tx, [[one.id] for one in rest]), "lease": lease}
        found = await tx.execute(statement(tx, _OPENED_BEFORE, {"id": "bigint"}), values)
        opened |= {row[0]: row[1] for row in found}
        await let_go(tx, [one for one in rest if one.id not in opened], now, lease=lease)
    return opened


async def _open(
    tx: Tx, wanted: Sequence[Delivery], *, lease: str, actor: str, windows: Mapping[str, timedelta], now: datetime
) -> dict[int, int]:
    """Write the attempts of these deliveries."""
    values: dict[str, Any] = {"lease": lease, "actor": actor, "now": now}
    following = [_following(tx, one, windows, now) for one in wanted]
    sql = _OPEN_AND_MARK if is_postgres(tx) else _OPEN
    found = await tx.execute(statement(tx, sql, _FOLLOWING), values | {"rows": in_json(tx, following)})
    opened = {row[0]: row[1] for row in found}
    if opened and not is_postgres(tx):
        marks = in_json(tx, [[*row, opened[row[0]]] for row in following if row[0] in opened])
        await tx.execute(statement(tx, _MARK, _FOLLOWING | {"opened": "bigint"}), {"rows": marks, "now": now})
    return opened


def _following(tx: Tx, one: Delivery, windows: Mapping[str, timedelta], now: datetime) -> list[Any]:
    """Write what is to begin as a row of _FOLLOWING: the revision in hand, and since when its key has been shown."""
    return [one.id, one.revision, moment(tx, _window_start(one, windows.get(one.channel), now))]


def _window_start(one: Delivery, window: timedelta | None, now: datetime) -> datetime:
    if one.key_since is None:
        return now
    if one.doubtful:
        return one.key_since  # what may be public under this key does not become younger by another try
    return now if now - one.key_since > 2 * (window or timedelta(0)) else one.key_since


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


async def record(tx: Tx, results: Sequence[Result], now: datetime, *, more: bool = False) -> list[int]:
    """Close attempts and move their deliveries. Returns the broadcasts that are settled by it.

    With `more`, others of these broadcasts are known to be waiting, so that none can be settled now. Repeating it
    changes nothing: an attempt closes once, and a delivery that has moved on no longer answers to it.
    """
    rows = in_json(tx, [_written(tx, one) for one in results])
    closed = await _close_and_move(tx, {"rows": rows, "now": now})
    stopped = [one.delivery.id for one in results if one.state in _FINAL_WITHOUT_SUCCESS]
    if stopped:
        await hold_back(tx, stopped, now)
    if closed < len(results):
        await _undo_lateness(tx, results, now)
    if more:
        return []
    return await settle(tx, {one.delivery.broadcast_id for one in results}, now)


def _written(tx: Tx, one: Result) -> list[Any]:
    """Write a result as a row of _RESULT."""
    return [
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


async def _close_and_move(tx: Tx, values: dict[str, Any]) -> int:
    """Return how many of the attempts were still open."""
    if is_postgres(tx):
        return int((await tx.execute(statement(tx, _CLOSE_AND_MOVE, _RESULT), values)).scalar_one())
    closed = await tx.execute(statement(tx, _CLOSE, _RESULT), values)
    await tx.execute(statement(tx, _MOVE, _RESULT), values)
    return closed.rowcount


async def _undo_lateness(tx: Tx, results: Sequence[Result], now: datetime) -> None:
    """Let everything go on that was stopped by a doubt which a late result has settled."""
    settled = [one.delivery for one in results if one.state in {DeliveryState.SENT, DeliveryState.QUEUED}]
    if settled:
        await let_follow(tx, [one.id for one in settled], now)
        await go_on(tx, {one.broadcast_id for one in settled})


# Both in one journey


_TOGETHER = "WITH r AS MATERIALIZED (SELECT * FROM {rows})"
_CLOSED = f"moved AS ({_MOVE}), closed AS ({_CLOSE} RETURNING attempt.id)".replace("{rows}", "r")
_OPENED = f"opened AS ({_OPEN})".replace("{rows}", "r")
_CLOSE_AND_MOVE = f"{_TOGETHER}, {_CLOSED} SELECT count(*) FROM closed"  # noqa: S608 - constants of ours
_OPEN_AND_MARK = f"{_TOGETHER}, {_OPENED} {_MARK_OPENED}"
_EXCHANGE = f"""
{_TOGETHER}, {_CLOSED}, {_OPENED}, marked AS ({_MARK_OPENED})
SELECT closed.all_of_them, marked.id, marked.attempt_id
  FROM (SELECT count(*) AS all_of_them FROM closed) AS closed LEFT JOIN marked ON true
"""  # noqa: S608 - constants of ours
_NO_RESULT = [None] * len(_RESULT)
_NOTHING_FOLLOWS = [None] * len(_FOLLOWING)


async def exchange(
    tx: Tx,
    pairs: Sequence[tuple[Result | None, Delivery | None]],
    *,
    lease: str,
    actor: str,
    windows: Mapping[str, timedelta],
    now: datetime,
) -> dict[int, int] | None:
    """Do what `record(…, more=True)` and `start` do for a plain group, in one statement of Postgres.

    Returns delivery id -> attempt id. None when the group is not plain: a part is lost that others wait for, or a
    result came too late, or something may not be started. `record` and `start` then find what was written already.
    """
    results = [result for result, _following in pairs if result is not None]
    following = [one for _result, one in pairs if one is not None]
    if any(one.state in _FINAL_WITHOUT_SUCCESS for one in results):
        return None
    rows = [
        (_NO_RESULT if result is None else _written(tx, result))
        + (_NOTHING_FOLLOWS if one is None else _following(tx, one, windows, now))
        for result, one in pairs
    ]
    values = {"rows": in_json(tx, rows), "lease": lease, "actor": actor, "now": now}
    found = list(await tx.execute(statement(tx, _EXCHANGE, _RESULT | _FOLLOWING), values))
    opened = {row[1]: row[2] for row in found if row[1] is not None}
    return opened if found[0][0] == len(results) and len(opened) == len(following) else None
