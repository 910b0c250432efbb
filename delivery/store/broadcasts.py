"""Broadcasts with their deliveries: written together, counted, cancelled, settled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, or_, select, update

from channels.contract import Reason, Receipt, Recipient
from delivery.database import Tx
from delivery.model import Broadcast, BroadcastState, Delivery, DeliveryState
from delivery.store.dialect import upsert
from delivery.tables import broadcast, delivery

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery about to be queued."""

    channel: str
    recipient: Recipient
    part: int
    key: str


async def insert(
    tx: Tx,
    *,
    announcement_id: int,
    revision: int,
    release_key: str,
    urgent: bool,
    by: str,
    now: datetime,
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
    }
    statement = upsert(tx, broadcast).values(values).on_conflict_do_nothing().returning(broadcast.c.id)
    new_id = (await tx.execute(statement)).scalar_one_or_none()
    if new_id is not None:
        return int(new_id), True
    found = await tx.execute(select(broadcast.c.id).where(broadcast.c.release_key == release_key))
    return int(found.scalar_one()), False


async def by_release_key(tx: Tx, release_key: str) -> int | None:
    """Return the broadcast that this release made, if it did."""
    found = await tx.execute(select(broadcast.c.id).where(broadcast.c.release_key == release_key))
    return found.scalar_one_or_none()


async def insert_deliveries(
    tx: Tx, broadcast_id: int, revision: int, deliveries: Iterable[NewDelivery], *, due_at: datetime, now: datetime
) -> int:
    """Queue deliveries and return how many."""
    rows = [
        {
            "broadcast_id": broadcast_id,
            "revision": revision,
            "channel": new.channel,
            "address": new.recipient.address,
            "part": new.part,
            "name": new.recipient.name,
            "organisation": new.recipient.organisation,
            "list_key": new.recipient.list_key,
            "list_name": new.recipient.list_name,
            "state": DeliveryState.QUEUED,
            "key": new.key,
            "doubtful": False,
            "due_at": due_at,
            "attempts": 0,
            "detail": "",
            "queued_at": now,
            "updated_at": now,
        }
        for new in deliveries
    ]
    for start in range(0, len(rows), PAGE):
        await tx.execute(delivery.insert(), rows[start : start + PAGE])
    return len(rows)


async def get(tx: Tx, broadcast_id: int) -> Broadcast | None:
    """Return one broadcast."""
    row = (await tx.execute(select(broadcast).where(broadcast.c.id == broadcast_id))).one_or_none()
    return None if row is None else _broadcast(row)


async def of_announcements(tx: Tx, announcement_ids: Sequence[int]) -> list[Broadcast]:
    """Return the broadcasts of these announcements, oldest first."""
    chosen = select(broadcast).where(broadcast.c.announcement_id.in_(announcement_ids)).order_by(broadcast.c.id)
    return [_broadcast(row) for row in await tx.execute(chosen)]


async def counts(tx: Tx, broadcast_ids: Sequence[int]) -> list[tuple[int, str, DeliveryState, int]]:
    """Count deliveries as (broadcast, channel, state, how many)."""
    grouped = (
        select(delivery.c.broadcast_id, delivery.c.channel, delivery.c.state, func.count())
        .where(delivery.c.broadcast_id.in_(broadcast_ids))
        .group_by(delivery.c.broadcast_id, delivery.c.channel, delivery.c.state)
        .order_by(delivery.c.broadcast_id, func.min(delivery.c.id))
    )
    return [(row[0], row[1], DeliveryState(row[2]), row[3]) for row in await tx.execute(grouped)]


async def links(tx: Tx, broadcast_ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """Return the links that readers can open, as (broadcast, channel, link)."""
    found = (
        select(delivery.c.broadcast_id, delivery.c.channel, delivery.c.link)
        .where(delivery.c.broadcast_id.in_(broadcast_ids), delivery.c.link.is_not(None))
        .order_by(delivery.c.id)
    )
    return [(row[0], row[1], row[2]) for row in await tx.execute(found)]


_delivery = select(delivery, broadcast.c.announcement_id).join(broadcast, broadcast.c.id == delivery.c.broadcast_id)


async def deliveries(
    tx: Tx,
    announcement_id: int,
    *,
    states: Sequence[DeliveryState] = tuple(DeliveryState),
    broadcast_id: int | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Delivery]:
    """Return deliveries in the order of their ids, starting after one of them."""
    chosen = _delivery.where(
        broadcast.c.announcement_id == announcement_id, delivery.c.state.in_(states), delivery.c.id > after
    )
    if broadcast_id is not None:
        chosen = chosen.where(delivery.c.broadcast_id == broadcast_id)
    return [read_delivery(row) for row in await tx.execute(chosen.order_by(delivery.c.id).limit(limit))]


async def one_delivery(tx: Tx, delivery_id: int) -> Delivery | None:
    """Return one delivery."""
    row = (await tx.execute(_delivery.where(delivery.c.id == delivery_id))).one_or_none()
    return None if row is None else read_delivery(row)


async def settle(tx: Tx, broadcast_ids: Iterable[int], now: datetime) -> list[int]:
    """Mark those broadcasts settled that have nothing left to do; return which."""
    unfinished = exists().where(
        delivery.c.broadcast_id == broadcast.c.id, or_(delivery.c.state == "queued", delivery.c.state == "sending")
    )
    done = (
        update(broadcast)
        .where(broadcast.c.id.in_(set(broadcast_ids)), broadcast.c.state == BroadcastState.RUNNING, ~unfinished)
        .values(state=BroadcastState.SETTLED, settled_at=now)
        .returning(broadcast.c.id)
    )
    return [row[0] for row in await tx.execute(done)]


async def cancel(tx: Tx, announcement_id: int, now: datetime) -> tuple[list[int], int]:
    """Stop what is not yet sent. Returns the broadcasts that were running, and how many deliveries were stopped."""
    stopped = (
        update(broadcast)
        .where(broadcast.c.announcement_id == announcement_id, broadcast.c.state == BroadcastState.RUNNING)
        .values(state=BroadcastState.CANCELLED, settled_at=now)
        .returning(broadcast.c.id)
    )
    ids = [row[0] for row in await tx.execute(stopped)]
    waiting = (
        update(delivery)
        .where(delivery.c.broadcast_id.in_(ids), delivery.c.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, updated_at=now)
    )
    return ids, (await tx.execute(waiting)).rowcount


async def requeue(
    tx: Tx,
    announcement_id: int,
    *,
    states: Sequence[DeliveryState],
    delivery_id: int | None,
    reasons: Sequence[Reason] | None = None,
    now: datetime,
) -> list[int]:
    """Put deliveries in the queue again on a person's word, with their broadcasts running. Returns the deliveries."""
    of_it = select(broadcast.c.id).where(broadcast.c.announcement_id == announcement_id)
    chosen = (
        update(delivery)
        .where(delivery.c.broadcast_id.in_(of_it), delivery.c.state.in_(states))
        .values(
            state=DeliveryState.QUEUED,
            due_at=now,
            queued_at=now,  # the age that makes a delivery stale counts from this word
            attempts=0,
            doubtful=False,
            lease=None,
            lease_until=None,
            attempt_id=None,
            reason=None,
            detail="",
            updated_at=now,
        )
        .returning(delivery.c.id, delivery.c.broadcast_id)
    )
    if delivery_id is not None:
        chosen = chosen.where(delivery.c.id == delivery_id)
    if reasons is not None:
        chosen = chosen.where(delivery.c.reason.in_(reasons))
    rows = (await tx.execute(chosen)).all()
    headless = await _hold_back_again(tx, announcement_id, now)
    again = [row for row in rows if row.id not in headless]
    await run_again(tx, {row.broadcast_id for row in again})
    return sorted(row.id for row in again)


async def _hold_back_again(tx: Tx, announcement_id: int, now: datetime) -> set[int]:
    """Fail the queued parts whose beginning stays undone: they would wait for it for ever. Returns which."""
    before = delivery.alias("before")
    headless = (
        select(delivery.c.id)
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(broadcast.c.announcement_id == announcement_id, delivery.c.state == "queued", delivery.c.part > 1)
        .where(
            exists().where(
                before.c.broadcast_id == delivery.c.broadcast_id,
                before.c.channel == delivery.c.channel,
                before.c.address == delivery.c.address,
                before.c.part < delivery.c.part,
                before.c.state.in_((DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED)),
            )
        )
    )
    held = (
        update(delivery)
        .where(delivery.c.id.in_(headless))
        .values(state=DeliveryState.FAILED, reason=Reason.PREVIOUS_PART_MISSING, updated_at=now)
        .returning(delivery.c.id)
    )
    return {row.id for row in await tx.execute(held)}


async def run_again(tx: Tx, broadcast_ids: Iterable[int]) -> None:
    """Let settled broadcasts run again, now that something of them is queued."""
    await tx.execute(
        update(broadcast)
        .where(broadcast.c.id.in_(set(broadcast_ids)), broadcast.c.state != BroadcastState.RUNNING)
        .values(state=BroadcastState.RUNNING, settled_at=None)
    )


async def hold_back(tx: Tx, delivery_ids: Sequence[int], now: datetime) -> None:
    """Fail the queued parts that were to follow these deliveries: they would stand in the channel without a head."""
    later = delivery.alias("later")
    lost = (
        select(later.c.id)
        .join(
            delivery,
            (delivery.c.broadcast_id == later.c.broadcast_id)
            & (delivery.c.channel == later.c.channel)
            & (delivery.c.address == later.c.address)
            & (delivery.c.part < later.c.part),
        )
        .where(delivery.c.id.in_(delivery_ids), later.c.state == DeliveryState.QUEUED)
    )
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(lost))
        .values(state=DeliveryState.FAILED, reason=Reason.PREVIOUS_PART_MISSING, updated_at=now)
    )


def read_delivery(row: Row[Any]) -> Delivery:
    """Make a Delivery of a row of the table joined with its broadcast's announcement."""
    shown = row.external_ids is not None or row.link is not None
    return Delivery(
        id=row.id,
        broadcast_id=row.broadcast_id,
        announcement_id=row.announcement_id,
        revision=row.revision,
        channel=row.channel,
        part=row.part,
        recipient=Recipient(row.address, row.name, row.organisation, row.list_key, row.list_name),
        state=DeliveryState(row.state),
        key=row.key,
        attempts=row.attempts,
        due_at=row.due_at,
        key_since=row.key_since,
        doubtful=row.doubtful,
        queued_at=row.queued_at,
        updated_at=row.updated_at,
        receipt=Receipt(tuple(row.external_ids or ()), row.link, row.detail) if shown else None,
        reason=None if row.reason is None else Reason(row.reason),
        detail=row.detail,
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
    )
