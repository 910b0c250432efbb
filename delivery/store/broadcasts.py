"""Broadcasts: written, counted, paused, cancelled, settled. Their deliveries are counted as they move, not here."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, exists, func, literal, select, update

from channels.contract import Recipient
from delivery.database import Tx
from delivery.model import Broadcast, BroadcastKind, BroadcastState, DeliveryState
from delivery.store.dialect import in_json, statement, upsert
from delivery.tables import UNWRITTEN, broadcast, delivery, filling, progress

__all__ = [
    "STOPPED",
    "add_delivery",
    "by_release_key",
    "cancel",
    "counts",
    "get",
    "go_on",
    "insert",
    "left_to_tidy",
    "links",
    "of_announcements",
    "run_again",
    "settle",
    "settle_finished",
    "sweep_cancelled",
    "turn",
    "unwritten",
    "waiting",
    "write_cancellation",
]

_SWEPT = 5_000
_OPEN = (BroadcastState.RUNNING, BroadcastState.PAUSED)
# What waited to be repeated may be there already, and nobody will ask again: a person must look.
STOPPED: ColumnElement[str] = case((delivery.c.doubtful, DeliveryState.UNCONFIRMED), else_=DeliveryState.CANCELLED)


async def insert(
    tx: Tx,
    *,
    announcement_id: int,
    revision: int,
    release_key: str,
    urgent: bool,
    by: str,
    now: datetime,
    kind: BroadcastKind = BroadcastKind.ANNOUNCEMENT,
    about: int | None = None,
) -> tuple[int, bool]:
    """Write a broadcast. Returns its id and True, or the id of the one with the same `release_key` and False."""
    values = {
        "announcement_id": announcement_id,
        "revision": revision,
        "release_key": release_key,
        "state": BroadcastState.RUNNING,
        "urgent": urgent,
        "released_by": by,
        "released_at": now,
        "kind": kind,
        "about": about,
    }
    new = upsert(tx, broadcast).values(values).on_conflict_do_nothing().returning(broadcast.c.id)
    new_id = (await tx.execute(new)).scalar_one_or_none()
    if new_id is not None:
        return int(new_id), True
    found = await tx.execute(select(broadcast.c.id).where(broadcast.c.release_key == release_key))
    return int(found.scalar_one()), False


_ADD_DELIVERY = """
INSERT INTO delivery (broadcast_id, revision, channel, address, part, name, organisation, list_key, list_name,
                      state, key, doubtful, due_at, attempts, detail, queued_at, updated_at)
VALUES (:broadcast, :revision, :channel, :address, :part, :name, :organisation, '', '',
        'queued', {new_key}, :no, :due, 0, '', :now, :now)
"""


async def add_delivery(
    tx: Tx,
    broadcast_id: int,
    revision: int,
    channel: str,
    recipient: Recipient,
    part: int,
    *,
    due_at: datetime,
    now: datetime,
) -> None:
    """Queue one delivery to the only recipient of a channel. Lists are `filling`'s."""
    values = {
        "broadcast": broadcast_id,
        "revision": revision,
        "channel": channel,
        "address": recipient.address,
        "part": part,
        "name": recipient.name,
        "organisation": recipient.organisation,
        "no": False,
        "due": due_at,
        "now": now,
    }
    await tx.execute(statement(tx, _ADD_DELIVERY), values)


async def by_release_key(tx: Tx, release_key: str) -> int | None:
    """Return the broadcast that this release made, if it did."""
    found = await tx.execute(select(broadcast.c.id).where(broadcast.c.release_key == release_key))
    return found.scalar_one_or_none()


async def get(tx: Tx, broadcast_id: int) -> Broadcast | None:
    """Return one broadcast."""
    row = (await tx.execute(select(broadcast).where(broadcast.c.id == broadcast_id))).one_or_none()
    return None if row is None else _broadcast(row)


async def of_announcements(tx: Tx, announcement_ids: Sequence[int]) -> list[Broadcast]:
    """Return the broadcasts of these announcements, oldest first."""
    chosen = select(broadcast).where(broadcast.c.announcement_id.in_(announcement_ids)).order_by(broadcast.c.id)
    return [_broadcast(row) for row in await tx.execute(chosen)]


# Counting


async def counts(tx: Tx, broadcast_ids: Sequence[int]) -> list[tuple[int, str, DeliveryState, int]]:
    """Count deliveries as (broadcast, channel, state, how many), with those that are still to be written.

    What is queued in a cancelled one is cancelled.
    """
    sums = [func.sum(progress.c[state.value]).label(state.value) for state in DeliveryState]
    summed = (
        select(progress.c.broadcast_id, progress.c.channel, broadcast.c.state, *sums)
        .join(broadcast, broadcast.c.id == progress.c.broadcast_id)
        .where(progress.c.broadcast_id.in_(broadcast_ids))
        .group_by(progress.c.broadcast_id, progress.c.channel, broadcast.c.state)
        .order_by(progress.c.broadcast_id, progress.c.channel)
    )
    numbers = {
        its: Counter({DeliveryState.QUEUED: count}) for its, count in (await _to_come(tx, broadcast_ids)).items()
    }
    for row in await tx.execute(summed):
        its = numbers.setdefault((row.broadcast_id, row.channel), Counter())
        its.update({state: int(row._mapping[state.value]) for state in DeliveryState})  # noqa: SLF001 - its public face
        if row.state == BroadcastState.CANCELLED:
            its[DeliveryState.CANCELLED] += its.pop(DeliveryState.QUEUED)
    return [
        (*its, state, number) for its in sorted(numbers) for state in DeliveryState if (number := numbers[its][state])
    ]


async def unwritten(tx: Tx, broadcast_ids: Sequence[int]) -> Mapping[tuple[int, str], int]:
    """Say by broadcast and channel how many of `counts` have no row: still to be written, or cancelled before that."""
    never = select(progress.c.broadcast_id, progress.c.channel, progress.c.cancelled).where(
        progress.c.broadcast_id.in_(broadcast_ids), progress.c.shard == UNWRITTEN
    )
    return await _to_come(tx, broadcast_ids) | {(row[0], row[1]): row[2] for row in await tx.execute(never)}


async def _to_come(tx: Tx, broadcast_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    """Count by broadcast and channel the deliveries of large lists that are still to be written."""
    lists = select(*_LIST).where(filling.c.broadcast_id.in_(broadcast_ids))
    return await _missing(tx, map(tuple, await tx.execute(lists)))


_LIST = (filling.c.broadcast_id, filling.c.channel, filling.c.expected)


async def _missing(tx: Tx, lists: Iterable[Sequence[Any]]) -> dict[tuple[int, str], int]:
    """Subtract what is written from what these lists were to make, all lists of a channel together."""
    missing: Counter[tuple[int, str]] = Counter({(row[0], row[1]): row[2] for row in lists})
    if not missing:
        return {}
    written = func.sum(sum((progress.c[state.value] for state in DeliveryState), start=literal(0)))
    by_channel = select(progress.c.broadcast_id, progress.c.channel, written).group_by(progress.c[0], progress.c[1])
    for row in await tx.execute(by_channel.where(progress.c.broadcast_id.in_({its for its, _channel in missing}))):
        missing[row[0], row[1]] -= int(row[2])
    return dict(+missing)


async def waiting(tx: Tx, channel: str) -> int:
    """Count what a channel still has to send of broadcasts that run."""
    running = select(broadcast.c.id).where(broadcast.c.state == BroadcastState.RUNNING)
    ids = [row[0] for row in await tx.execute(running)]
    return sum(
        number
        for _id, its, state, number in await counts(tx, ids)
        if its == channel and state in {DeliveryState.QUEUED, DeliveryState.SENDING}
    )


async def links(tx: Tx, broadcast_ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """Return the links that readers can open, as (broadcast, channel, link)."""
    found = (
        select(delivery.c.broadcast_id, delivery.c.channel, delivery.c.link)
        .where(delivery.c.broadcast_id.in_(broadcast_ids), delivery.c.link.is_not(None))
        .order_by(delivery.c.id)
    )
    return [(row[0], row[1], row[2]) for row in await tx.execute(found)]


# Ends and pauses

_NOTHING_LEFT = """broadcast.id = r.id AND broadcast.state IN ('running', 'paused')
   AND NOT EXISTS (SELECT 1 FROM filling f WHERE f.broadcast_id = r.id)
   AND (SELECT coalesce(sum(p.queued + p.sending), 0) FROM progress p WHERE p.broadcast_id = r.id) <= 0"""
_DONE = f"SELECT broadcast.id FROM {{rows}} JOIN broadcast ON {_NOTHING_LEFT} ORDER BY 1"  # noqa: S608 - constants
_SETTLE = f"""
UPDATE broadcast SET state = 'settled', settled_at = :now
  FROM {{rows}}
 WHERE {_NOTHING_LEFT}
RETURNING broadcast.id
"""  # noqa: S608 - constants


def _sum_of(number: ColumnElement[int]) -> ColumnElement[int]:
    summed = select(func.coalesce(func.sum(number), 0)).where(progress.c.broadcast_id == broadcast.c.id)
    return summed.correlate(broadcast).scalar_subquery()


def _unfinished() -> ColumnElement[bool]:
    return (_sum_of(progress.c.queued + progress.c.sending) > 0) | exists().where(
        filling.c.broadcast_id == broadcast.c.id
    )


async def settle(tx: Tx, broadcast_ids: Iterable[int], now: datetime) -> list[int]:
    """Mark those broadcasts settled that have nothing left to do; return which.

    Of two workers that record the last two deliveries at once, neither sees the other's: `settle_finished` does.
    """
    rows = in_json(tx, [[one] for one in sorted(set(broadcast_ids))])
    done = [row[0] for row in await tx.execute(statement(tx, _DONE, {"id": "bigint"}), {"rows": rows})]
    if not done:
        return []
    # Whoever queues something again holds the broadcast until that can be seen (`run_again`, `go_on`): look once more.
    await _hold(tx, done)
    settled = await tx.execute(
        statement(tx, _SETTLE, {"id": "bigint"}), {"rows": in_json(tx, [[one] for one in done]), "now": now}
    )
    return [row[0] for row in settled]


async def _hold(tx: Tx, broadcast_ids: Collection[int]) -> None:
    """Let nobody else end or revive these broadcasts until the transaction ends."""
    held = select(broadcast.c.id).where(broadcast.c.id.in_(broadcast_ids)).order_by(broadcast.c.id)
    await tx.execute(held.with_for_update())


async def settle_finished(tx: Tx, now: datetime) -> list[int]:
    """Settle whatever has nothing left to do; return which."""
    open_ones = select(broadcast.c.id).where(broadcast.c.state.in_(_OPEN), ~_unfinished())
    ids = [row[0] for row in await tx.execute(open_ones)]
    return await settle(tx, ids, now) if ids else []


async def turn(tx: Tx, announcement_id: int, *, to: BroadcastState, now: datetime) -> list[int]:
    """Pause what runs of an announcement, or let what is paused run; return which broadcasts."""
    come_from = BroadcastState.PAUSED if to is BroadcastState.RUNNING else BroadcastState.RUNNING
    values: dict[str, Any] = {"state": to} | ({"resumed_at": now} if to is BroadcastState.RUNNING else {})
    turned = (
        update(broadcast)
        .where(broadcast.c.announcement_id == announcement_id, broadcast.c.state == come_from)
        .values(values)
        .returning(broadcast.c.id)
    )
    return [row[0] for row in await tx.execute(turned)]


async def cancel(
    tx: Tx, announcement_id: int, now: datetime, *, kinds: Collection[BroadcastKind] = tuple(BroadcastKind)
) -> tuple[list[int], int]:
    """Stop what is not yet sent. Returns the broadcasts that were under way, and how many deliveries were stopped.

    One word for each broadcast, however many deliveries wait; their rows follow in slices (`sweep_cancelled`). What was
    never written is counted as cancelled, and that is all there will be of it.
    """
    open_ones = select(broadcast.c.id).where(
        broadcast.c.announcement_id == announcement_id, broadcast.c.state.in_(_OPEN), broadcast.c.kind.in_(kinds)
    )
    # The lists first, as whoever takes a slice does: it has the list in hand before it settles the broadcast.
    dropped = delete(filling).where(filling.c.broadcast_id.in_(open_ones)).returning(*_LIST)
    never = await _missing(tx, map(tuple, await tx.execute(dropped)))  # counted now that nobody takes a slice any more
    waited = await counts(tx, [row[0] for row in await tx.execute(open_ones)])
    stopped = (
        update(broadcast)
        .where(broadcast.c.id.in_(open_ones))
        .values(state=BroadcastState.CANCELLED, settled_at=now)
        .returning(broadcast.c.id)
    )
    ids = [row[0] for row in await tx.execute(stopped)]
    if never:
        noted = {"shard": UNWRITTEN}
        rows = [noted | {"broadcast_id": its, "channel": way, "cancelled": n} for (its, way), n in never.items()]
        await tx.execute(progress.insert(), rows)
    queued = sum(number for its, _, state, number in waited if its in ids and state is DeliveryState.QUEUED)
    return ids, queued + sum(never.values())


async def left_to_tidy(tx: Tx) -> tuple[bool, bool]:
    """Tell whether cancelled broadcasts have rows that do not say so, and whether an open one has nothing to do."""
    swept = select(broadcast.c.id).where(broadcast.c.state == "cancelled", _sum_of(progress.c.queued) > 0).exists()
    finished = select(broadcast.c.id).where(broadcast.c.state.in_(_OPEN), ~_unfinished()).exists()
    row = (await tx.execute(select(swept, finished))).one()
    return bool(row[0]), bool(row[1])


async def sweep_cancelled(tx: Tx, now: datetime, *, most: int = _SWEPT) -> int:
    """Write into the rows what cancelling their broadcast has said already, up to `most` of them; return how many."""
    cancelled = select(broadcast.c.id).where(broadcast.c.state == "cancelled", _sum_of(progress.c.queued) > 0)
    ids = [row[0] for row in await tx.execute(cancelled)]
    if not ids:
        return 0
    rows = select(delivery.c.id).where(delivery.c.broadcast_id.in_(ids), delivery.c.state == "queued").limit(most)
    swept = update(delivery).where(delivery.c.id.in_(rows), delivery.c.state == "queued")
    return (await tx.execute(swept.values(state=STOPPED, updated_at=now))).rowcount


async def write_cancellation(tx: Tx, announcement_id: int, now: datetime) -> list[int]:
    """Write into all rows of an announcement's cancelled broadcasts what cancelling has said of them; return which.

    It concerns what is queued, and what is claimed and not yet begun. Nobody revives those broadcasts until the
    transaction ends.
    """
    its = broadcast.c.announcement_id == announcement_id, broadcast.c.state == BroadcastState.CANCELLED
    held = select(broadcast.c.id).where(*its).order_by(broadcast.c.id).with_for_update()
    cancelled = [row[0] for row in await tx.execute(held)]
    not_begun = (delivery.c.state == DeliveryState.SENDING) & delivery.c.attempt_id.is_(None)
    if cancelled:
        await tx.execute(
            update(delivery)
            .where(delivery.c.broadcast_id.in_(cancelled), (delivery.c.state == DeliveryState.QUEUED) | not_begun)
            .values(state=STOPPED, lease=None, lease_until=None, updated_at=now)
        )
    return cancelled


async def run_again(tx: Tx, broadcast_ids: Iterable[int], *, revived: Collection[int]) -> None:
    """Let ended broadcasts run again in which something was queued on a person's word.

    A cancelled one only if it is among `revived`: all its other rows say "cancelled" by now (`write_cancellation`).
    One that was cancelled just now stays so, whatever was queued before that.
    """
    ids = set(broadcast_ids)
    await _hold(tx, ids)
    await tx.execute(
        update(broadcast)
        .where(broadcast.c.id.in_(ids))
        .where((broadcast.c.state == BroadcastState.SETTLED) | broadcast.c.id.in_(ids & set(revived)))
        .values(state=BroadcastState.RUNNING, settled_at=None)
    )


async def go_on(tx: Tx, broadcast_ids: Iterable[int]) -> None:
    """Let those settled broadcasts run again that have something to do after all; what was cancelled stays so."""
    ids = set(broadcast_ids)
    await _hold(tx, ids)
    await tx.execute(
        update(broadcast)
        .where(broadcast.c.id.in_(ids), broadcast.c.state == BroadcastState.SETTLED, _unfinished())
        .values(state=BroadcastState.RUNNING, settled_at=None)
    )


def _broadcast(row: Row[Any]) -> Broadcast:
    return Broadcast(
        id=row.id,
        announcement_id=row.announcement_id,
        revision=row.revision,
        state=BroadcastState(row.state),
        urgent=row.urgent,
        released_at=row.released_at,
        settled_at=row.settled_at,
        kind=BroadcastKind(row.kind),
        about=row.about,
    )
