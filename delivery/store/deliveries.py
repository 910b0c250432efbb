"""Single deliveries: read, put in the queue again, held back for the part before them, settled by a person's word."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, and_, case, exists, func, literal_column, or_, select, update

from channels.contract import Reason, Receipt, Recipient
from delivery.database import Tx
from delivery.model import Act, Attempt, BroadcastState, Delivery, DeliveryState, Outcome
from delivery.store.broadcasts import go_on, run_again, write_cancellation
from delivery.store.dialect import in_json, statement
from delivery.tables import NAMELESS, attempt, broadcast, delivery

__all__ = [
    "attempts_of",
    "find",
    "get",
    "hold_back",
    "in_doubt",
    "is_known",
    "let_follow",
    "newest_receipt",
    "next_doubt",
    "previous_receipt",
    "put_off",
    "read_delivery",
    "requeue",
    "settle_all",
    "settle_by_person",
    "standing",
    "undo_doubt",
]

_TROUBLE = frozenset({DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.RETURNED})
_LOST = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED)
# A literal, not parameters: the partial index answers only to it.
_IN_TROUBLE: ColumnElement[bool] = delivery.c.state.in_(
    [literal_column("'failed'"), literal_column("'unconfirmed'"), literal_column("'returned'")],
)

# Cancelling a broadcast is one word in its row; its queued deliveries follow in slices, and count as cancelled at once.
_state: ColumnElement[str] = case(
    (and_(delivery.c.state == "queued", broadcast.c.state == "cancelled", delivery.c.doubtful), "unconfirmed"),
    (and_(delivery.c.state == "queued", broadcast.c.state == "cancelled"), "cancelled"),
    else_=delivery.c.state,
)
_delivery = select(delivery, broadcast.c.announcement_id, _state.label("true_state")).join(
    broadcast, broadcast.c.id == delivery.c.broadcast_id
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
        state=DeliveryState(row.true_state),
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
        destination=row.destination,
        act=Act(row.act),
        about=row.about,
    )


async def find(
    tx: Tx,
    announcement_id: int,
    *,
    states: Collection[DeliveryState] = tuple(DeliveryState),
    broadcast_id: int | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Delivery]:
    """Return deliveries in the order of their ids, starting after one of them."""
    chosen = _delivery.where(broadcast.c.announcement_id == announcement_id, delivery.c.id > after)
    in_trouble = and_(_IN_TROUBLE, delivery.c.state.in_(states))  # few, and found by their index
    chosen = chosen.where(in_trouble if set(states) <= _TROUBLE else _state.in_(states))
    if broadcast_id is not None:
        chosen = chosen.where(delivery.c.broadcast_id == broadcast_id)
    return [read_delivery(row) for row in await tx.execute(chosen.order_by(delivery.c.id).limit(limit))]


async def get(tx: Tx, delivery_id: int) -> Delivery | None:
    """Return one delivery."""
    row = (await tx.execute(_delivery.where(delivery.c.id == delivery_id))).one_or_none()
    return None if row is None else read_delivery(row)


async def attempts_of(tx: Tx, delivery_id: int) -> list[Attempt]:
    """Return the history of one delivery, oldest first."""
    found = select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.id)
    return [
        Attempt(
            id=row.id,
            delivery_id=row.delivery_id,
            number=row.number,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            detail=row.detail,
            actor=row.actor,
        )
        for row in await tx.execute(found)
    ]


# Again


async def requeue(
    tx: Tx,
    announcement_id: int,
    *,
    states: Sequence[DeliveryState],
    delivery_id: int | None,
    reasons: Sequence[Reason] | None = None,
    now: datetime,
) -> list[int]:
    """Put deliveries in the queue again on a person's word, and let their broadcasts run. Returns which.

    Of a broadcast that had been cancelled nothing else is queued any more. What was in doubt when its broadcast was
    corrected goes out with the newer text.
    """
    of_it = select(broadcast.c.id).where(broadcast.c.announcement_id == announcement_id)
    cancelled = await write_cancellation(tx, announcement_id, now)  # or a part would be queued behind one that stays
    newer = select(broadcast.c.revision).where(broadcast.c.id == delivery.c.broadcast_id).scalar_subquery()
    chosen = (
        update(delivery)
        .where(delivery.c.broadcast_id.in_(of_it), _IN_TROUBLE, delivery.c.state.in_(states), ~_nameless(delivery))
        .values(
            state=DeliveryState.QUEUED,
            revision=case((newer > delivery.c.revision, newer), else_=delivery.c.revision),
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
    rows = [*(await tx.execute(chosen)), *(await _let_follow(tx, announcement_id, now))]
    headless = await _hold_back_again(tx, announcement_id, now)
    again = [row for row in rows if row.id not in headless]
    if again:
        await run_again(tx, {row.broadcast_id for row in again}, revived=cancelled)
    return sorted(row.id for row in again)


def _nameless(one: FromClause) -> ColumnElement[bool]:
    """Whoever it was for has been erased: nobody knows any more where it would go."""
    return one.c.address.startswith(NAMELESS)


async def _let_follow(tx: Tx, announcement_id: int, now: datetime) -> Sequence[Row[Any]]:
    """Queue the parts again that were held back for want of one that is in the queue now."""
    of_it = select(broadcast.c.id).where(broadcast.c.announcement_id == announcement_id)
    follow = (
        update(delivery)
        .where(delivery.c.broadcast_id.in_(of_it), _IN_TROUBLE, delivery.c.state == DeliveryState.FAILED)
        .where(delivery.c.reason == Reason.PREVIOUS_PART_MISSING, delivery.c.part > 1)
        .where(_has_before(delivery, DeliveryState.QUEUED), ~_has_before(delivery, *_LOST, first=True))
        .values(state=DeliveryState.QUEUED, due_at=now, queued_at=now, reason=None, detail="", updated_at=now)
        .returning(delivery.c.id, delivery.c.broadcast_id)
    )
    return (await tx.execute(follow)).all()


async def _hold_back_again(tx: Tx, announcement_id: int, now: datetime) -> set[int]:
    """Fail the queued parts whose beginning stays undone: they would wait for it for ever. Returns which."""
    headless = (
        select(delivery.c.id)
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(broadcast.c.announcement_id == announcement_id, delivery.c.state == "queued", delivery.c.part > 1)
        .where(_has_before(delivery, *_LOST))
    )
    held = (
        update(delivery)
        .where(delivery.c.id.in_(headless), delivery.c.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.FAILED, reason=Reason.PREVIOUS_PART_MISSING, updated_at=now)
        .returning(delivery.c.id)
    )
    return {row.id for row in await tx.execute(held)}


# Parts that follow one another


def _has_before(one: FromClause, *states: DeliveryState, first: bool = False) -> ColumnElement[bool]:
    """Tell of each row whether a part before it is in one of these states.

    `first`: those that are so only for the want of another do not count.
    """
    before = delivery.alias("before")
    its_own = before.c.reason.is_distinct_from(Reason.PREVIOUS_PART_MISSING)
    return exists().where(
        before.c.broadcast_id == one.c.broadcast_id,
        before.c.channel == one.c.channel,
        before.c.address == one.c.address,
        before.c.part < one.c.part,
        before.c.state.in_(states),
        *([its_own] if first else []),
    )


async def hold_back(tx: Tx, delivery_ids: Sequence[int], now: datetime) -> None:
    """Fail the queued parts that were to follow these deliveries: they would stand in the channel without a head.

    A delivery that is not lost, because a result about it came too late to count, holds nothing back.
    """
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
        .where(delivery.c.id.in_(delivery_ids), _IN_TROUBLE, later.c.state == DeliveryState.QUEUED)
        .where(later.c.act == Act.SEND)  # what stands is corrected by itself, whatever became of the part before
    )
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(lost), delivery.c.state == DeliveryState.QUEUED)  # still, when its row is ours
        .values(state=DeliveryState.FAILED, reason=Reason.PREVIOUS_PART_MISSING, updated_at=now)
    )


async def previous_receipt(tx: Tx, one: Delivery) -> Receipt | None:
    """Return the receipt of the part before this one."""
    found = select(delivery.c.external_ids, delivery.c.link).where(
        delivery.c.broadcast_id == one.broadcast_id,
        delivery.c.channel == one.channel,
        delivery.c.address == one.recipient.address,
        delivery.c.part == one.part - 1,
    )
    return _receipt((await tx.execute(found)).one_or_none())


async def standing(tx: Tx, one: Delivery) -> tuple[DeliveryState, Receipt | None]:
    """Return what is known of what `one` is about, as earlier follow-ups have left it: CANCELLED if it was taken away.

    SENDING while one of them is at it.
    """
    earlier = and_(
        delivery.c.about == one.about,
        delivery.c.id < one.id,
        delivery.c.state.in_([DeliveryState.SENT, DeliveryState.SENDING]),
    )
    newest = (
        select(delivery.c.act, delivery.c.state, delivery.c.external_ids, delivery.c.link)
        .where(or_(delivery.c.id == one.about, earlier))
        .order_by(delivery.c.id.desc())
        .limit(1)
    )
    row = (await tx.execute(newest)).one()
    state = DeliveryState(row.state)
    if row.act == Act.WITHDRAW and state is DeliveryState.SENT:
        return DeliveryState.CANCELLED, None
    return state, _receipt(row)


async def newest_receipt(tx: Tx, one: Delivery, *, since: datetime) -> Receipt | None:
    """Return the receipt of the last part that this place is sure to have taken before `one` was first sent (`since`).

    Attempts are numbered as they begin, whatever the clock says; so a later one is never taken for an earlier one.
    """
    first = (
        select(func.min(attempt.c.id))
        .where(attempt.c.delivery_id == one.id, attempt.c.channel.is_not(None), attempt.c.started_at >= since)
        .scalar_subquery()
    )
    found = (
        select(delivery.c.external_ids, delivery.c.link)
        .join(attempt, attempt.c.id == delivery.c.attempt_id)
        .where(delivery.c.channel == one.channel, delivery.c.address == one.recipient.address)
        .where(delivery.c.link.is_not(None), delivery.c.state == DeliveryState.SENT)
        .where(attempt.c.id < first, attempt.c.ended_at <= since)
        .order_by(attempt.c.id.desc())
        .limit(1)
    )
    return _receipt((await tx.execute(found)).one_or_none())


async def is_known(tx: Tx, channel: str, receipt: Receipt) -> bool:
    """Tell whether some delivery has this receipt already."""
    known = delivery.c.channel == channel, delivery.c.link == receipt.link, delivery.c.link.is_not(None)
    return (await tx.execute(select(delivery.c.id).where(*known).limit(1))).first() is not None


def _receipt(row: Any) -> Receipt | None:
    return None if row is None else Receipt(tuple(row.external_ids or ()), row.link)


async def let_follow(tx: Tx, delivery_ids: Sequence[int], now: datetime) -> bool:
    """Queue the later parts again that were held back while these were in doubt. Tells whether there were any.

    None behind another part that is lost, which they wait for too. None of a cancelled broadcast: whoever cancelled
    it has stopped them as well.
    """
    later = delivery.alias("later")
    held_back = (
        select(later.c.id)
        .join(
            delivery,
            (delivery.c.broadcast_id == later.c.broadcast_id)
            & (delivery.c.channel == later.c.channel)
            & (delivery.c.address == later.c.address)
            & (delivery.c.part < later.c.part),
        )
        .join(broadcast, broadcast.c.id == later.c.broadcast_id)
        .where(delivery.c.id.in_(delivery_ids), broadcast.c.state != BroadcastState.CANCELLED)
        .where(later.c.state == DeliveryState.FAILED, later.c.reason == Reason.PREVIOUS_PART_MISSING)
        .where(~_has_before(later, *_LOST, first=True), ~_nameless(later))
    )
    again = await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(held_back), delivery.c.reason == Reason.PREVIOUS_PART_MISSING)
        .values(state=DeliveryState.QUEUED, due_at=now, queued_at=now, reason=None, updated_at=now)
        .returning(delivery.c.broadcast_id)
    )
    its = {row[0] for row in again}
    if its:
        await go_on(tx, its)
    return bool(its)


def _is_cancelled(one: Delivery) -> ColumnElement[bool]:
    return exists().where(broadcast.c.id == one.broadcast_id, broadcast.c.state == BroadcastState.CANCELLED)


# Doubts


async def next_doubt(tx: Tx, channels: Collection[str], now: datetime, *, since: datetime) -> Delivery | None:
    """Return the oldest doubtful delivery of these channels whose `due_at` has come and whose key is not too old."""
    chosen = (
        _delivery.where(_IN_TROUBLE, delivery.c.state == DeliveryState.UNCONFIRMED, delivery.c.channel.in_(channels))
        .where(delivery.c.due_at <= now, delivery.c.key_since >= since, delivery.c.act == Act.SEND)
        .order_by(delivery.c.key_since, delivery.c.id)
        .limit(1)
    )
    row = (await tx.execute(chosen)).one_or_none()
    return None if row is None else read_delivery(row)


async def put_off(tx: Tx, one: Delivery, until: datetime, now: datetime) -> bool:
    """Look at a doubtful delivery no more before `until`. False when another worker has taken it, or it has moved."""
    mine = (delivery.c.id == one.id) & (delivery.c.state == DeliveryState.UNCONFIRMED) & (delivery.c.due_at <= now)
    return (await tx.execute(update(delivery).where(mine).values(due_at=until))).rowcount == 1


async def in_doubt(tx: Tx, announcement_id: int, *, channel: str | None) -> list[int]:
    """Return all doubtful deliveries of an announcement, or of one channel of it."""
    chosen = select(delivery.c.id, delivery.c.channel).join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
    chosen = chosen.where(broadcast.c.announcement_id == announcement_id, _IN_TROUBLE)
    chosen = chosen.where(delivery.c.state == DeliveryState.UNCONFIRMED).order_by(delivery.c.id)
    # The channel is not asked for: its index would be taken, and all of its rows read.
    return [row[0] for row in await tx.execute(chosen) if channel in (None, row[1])]


async def settle_all(tx: Tx, delivery_ids: Sequence[int], *, sent: bool, actor: str, now: datetime) -> list[int]:
    """Write a person's word into the history of each of these that is in doubt; return which.

    Some hundreds at once: each is a parameter.
    """
    return await _settle(tx, delivery_ids, _settled(now, sent=sent), sent=sent, actor=actor, now=now)


async def settle_by_person(
    tx: Tx, one: Delivery, *, sent: bool, actor: str, now: datetime, receipt: Receipt | None = None
) -> bool:
    """Write somebody's word about a doubtful delivery into its history. False when it is no longer in doubt.

    `actor` is a person, or the channel itself when it was looked up; then there may be a receipt.
    """
    values = _settled(now, sent=sent)
    if receipt is not None:
        values |= {"external_ids": list(receipt.external_ids), "link": receipt.link, "detail": receipt.detail}
    return bool(await _settle(tx, [one.id], values, sent=sent, actor=actor, now=now))


def _settled(now: datetime, *, sent: bool) -> dict[str, Any]:
    return {
        "state": DeliveryState.SENT if sent else DeliveryState.FAILED,
        "reason": None if sent else Reason.SETTLED_BY_PERSON,
        "attempt_id": None,
        "updated_at": now,
    }


async def _settle(
    tx: Tx, ids: Sequence[int], values: dict[str, Any], *, sent: bool, actor: str, now: datetime
) -> list[int]:
    moved = (
        update(delivery)
        .where(delivery.c.id.in_(ids), delivery.c.state == DeliveryState.UNCONFIRMED)
        .values(values)
        .returning(delivery.c.id, delivery.c.attempts)
    )
    settled = [(row[0], row[1]) for row in await tx.execute(moved)]
    await _note(tx, settled, Outcome.SETTLED_SENT if sent else Outcome.SETTLED_NOT_SENT, actor, now)
    return sorted(number for number, _attempts in settled)


async def undo_doubt(tx: Tx, one: Delivery, *, actor: str, now: datetime) -> bool:
    """Queue a doubtful delivery again, now that a look has shown that it is not there. False when it moved on.

    The parts held back for it follow. In a cancelled broadcast it fails instead: what was cancelled does not go out.
    """
    again = (
        update(delivery)
        .where(delivery.c.id == one.id, delivery.c.state == DeliveryState.UNCONFIRMED)
        .values(
            state=case((_is_cancelled(one), DeliveryState.FAILED), else_=DeliveryState.QUEUED),
            reason=case((_is_cancelled(one), Reason.NO_ANSWER), else_=None),
            due_at=now,
            doubtful=False,
            key_since=None,
            attempt_id=None,
            detail="",
            updated_at=now,
        )
    )
    if (await tx.execute(again)).rowcount == 0:
        return False
    await _note(tx, [(one.id, one.attempts)], Outcome.SETTLED_NOT_SENT, actor, now)
    await let_follow(tx, [one.id], now)
    await go_on(tx, [one.broadcast_id])
    return True


_NOTE = """
INSERT INTO attempt (delivery_id, number, started_at, ended_at, outcome, detail, actor)
SELECT r.id, r.number, :now, :now, :outcome, '', :actor FROM {rows}
"""


async def _note(tx: Tx, settled: Sequence[tuple[int, int]], outcome: Outcome, actor: str, now: datetime) -> None:
    """Write into the history of deliveries, each with the number of its last attempt, what was said of them."""
    if settled:
        values = {"rows": in_json(tx, settled), "outcome": outcome, "actor": actor, "now": now}
        await tx.execute(statement(tx, _NOTE, {"id": "bigint", "number": "integer"}), values)
