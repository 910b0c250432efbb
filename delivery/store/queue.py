"""The rows are the queue: claim a delivery, start an attempt, record what came of it, rescue what a dead worker left.

A claim is a lease and nothing else. An attempt's row is committed before the wire is touched; its result counts only
while it names the attempt in hand, so that a late worker cannot overwrite what another one recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, exists, func, literal_column, or_, select, update

from channels.contract import Reason, Receipt
from delivery.database import Tx
from delivery.model import Attempt, Delivery, DeliveryState, Outcome
from delivery.store.broadcasts import hold_back, read_delivery, settle
from delivery.tables import attempt, broadcast, channel_hold, delivery

# Literals, not parameters: the partial indexes answer only to them (on Postgres even in a generic plan).
_QUEUED: ColumnElement[bool] = delivery.c.state == literal_column("'queued'")
_SENDING: ColumnElement[bool] = delivery.c.state == literal_column("'sending'")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attempt, and the state that follows. `due_at` is for a delivery that is queued again.

    `counts` is False when the attempt was no fair try (a rate limit, a closed channel).
    """

    delivery: Delivery
    attempt_id: int
    outcome: Outcome
    state: DeliveryState
    detail: str = ""
    reason: Reason | None = None
    receipt: Receipt | None = None
    due_at: datetime | None = None
    counts: bool = True


async def claim(tx: Tx, channel: str, *, limit: int, lease: str, until: datetime, now: datetime) -> list[Delivery]:
    """Take up to `limit` due deliveries of a channel for this worker, urgent ones first.

    A part is due only when the part before it was sent. Nothing is due in a held channel or a cancelled broadcast.
    """
    before = delivery.alias("before")
    its_turn = or_(
        delivery.c.part == 1,
        exists().where(
            before.c.broadcast_id == delivery.c.broadcast_id,
            before.c.channel == delivery.c.channel,
            before.c.address == delivery.c.address,
            before.c.part == delivery.c.part - 1,
            before.c.state == DeliveryState.SENT,
        ),
    )
    due = (
        select(delivery, broadcast.c.announcement_id)
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(delivery.c.channel == channel, _QUEUED, delivery.c.due_at <= now)
        .where(broadcast.c.state == "running", its_turn)
        .order_by(broadcast.c.urgent.desc(), delivery.c.due_at, delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=delivery)
    )
    rows = (await tx.execute(due)).all()
    if rows:
        await tx.execute(
            update(delivery)
            .where(delivery.c.id.in_([row.id for row in rows]))
            .values(state=DeliveryState.SENDING, lease=lease, lease_until=until, attempt_id=None, updated_at=now)
        )
    return [read_delivery(row) for row in rows]


async def next_due(tx: Tx, channels: Collection[str]) -> datetime | None:
    """Tell when something of these channels is due next."""
    found = select(func.min(delivery.c.due_at)).where(delivery.c.channel.in_(channels), _QUEUED)
    moment: datetime | None = (await tx.execute(found)).scalar_one()
    return moment


async def start(
    tx: Tx, deliveries: Sequence[Delivery], *, lease: str, actor: str, windows: Mapping[str, timedelta], now: datetime
) -> dict[int, int]:
    """Open an attempt for each delivery that this lease still holds. Returns delivery id -> attempt id.

    Asked twice (a COMMIT whose answer was lost), it finds the attempt that is open already. A key whose window
    (`windows` by channel) has long passed starts a new one: the other side has forgotten it.
    """
    ids = [one.id for one in deliveries]
    await _cancel_claimed(tx, ids, lease, now)
    held = select(delivery.c.id, delivery.c.attempt_id).where(
        delivery.c.id.in_(ids), _SENDING, delivery.c.lease == lease
    )
    state = {row.id: row.attempt_id for row in await tx.execute(held)}
    opened = {one: number for one, number in state.items() if number is not None}
    fresh = [one for one in deliveries if one.id in state and one.id not in opened]
    if not fresh:
        return opened
    rows = [
        {
            "delivery_id": one.id,
            "number": one.attempts + 1,
            "started_at": now,
            "detail": "",
            "actor": actor,
        }
        for one in fresh
    ]
    inserted = attempt.insert().returning(attempt.c.id, attempt.c.delivery_id)
    numbers = {row.delivery_id: row.id for row in await tx.execute(inserted, rows)}
    marks = [
        {
            "which": one.id,
            "attempt_row": numbers[one.id],
            "since": _window_start(one, windows.get(one.channel, timedelta(0)), now),
        }
        for one in fresh
    ]
    marked = (
        update(delivery)
        .where(delivery.c.id == bindparam("which"))
        .values(
            attempt_id=bindparam("attempt_row"),
            attempts=delivery.c.attempts + 1,
            key_since=bindparam("since"),
            updated_at=now,
        )
    )
    await tx.execute(marked, marks)
    return opened | numbers


def _window_start(one: Delivery, window: timedelta, now: datetime) -> datetime:
    if one.key_since is None or now - one.key_since > 2 * window:
        return now
    return one.key_since


_close_attempt = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt_row"), attempt.c.ended_at.is_(None))
    .values(ended_at=bindparam("ended"), outcome=bindparam("word"), reason=bindparam("why"), detail=bindparam("said"))
)
_move = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("which"),
        delivery.c.attempt_id == bindparam("attempt_row"),
        # A result that comes after the lease may still settle the very doubt that its lateness made.
        or_(_SENDING, delivery.c.state == DeliveryState.UNCONFIRMED),
    )
    .values(
        state=bindparam("next"),
        reason=bindparam("why"),
        detail=bindparam("said"),
        external_ids=func.coalesce(bindparam("ids", type_=delivery.c.external_ids.type), delivery.c.external_ids),
        link=func.coalesce(bindparam("shown_at", type_=delivery.c.link.type), delivery.c.link),
        due_at=func.coalesce(bindparam("due", type_=delivery.c.due_at.type), delivery.c.due_at),
        attempts=delivery.c.attempts - bindparam("uncounted"),
        doubtful=bindparam("unheard"),
        lease=None,
        lease_until=None,
        updated_at=bindparam("ended"),
    )
)
_FINAL_WITHOUT_SUCCESS = frozenset({DeliveryState.FAILED, DeliveryState.UNCONFIRMED})


async def record(tx: Tx, results: Sequence[Result], now: datetime) -> list[int]:
    """Close attempts and move their deliveries. Returns the broadcasts that are settled by it.

    Repeating it changes nothing: an attempt closes once, and a delivery that has moved on no longer answers to it.
    """
    values = [
        {
            "which": one.delivery.id,
            "attempt_row": one.attempt_id,
            "ended": now,
            "word": one.outcome,
            "why": one.reason,
            "said": one.detail,
            "next": one.state,
            "ids": list(one.receipt.external_ids) if one.receipt else None,
            "shown_at": one.receipt.link if one.receipt else None,
            "due": one.due_at,
            "uncounted": 0 if one.counts else 1,
            "unheard": one.delivery.doubtful or one.outcome is Outcome.UNCONFIRMED,
        }
        for one in results
    ]
    await tx.execute(_close_attempt, values)
    await tx.execute(_move, values)
    await _cancel_requeued(tx, [one.delivery.id for one in results if one.state is DeliveryState.QUEUED], now)
    stopped = [one.delivery.id for one in results if one.state in _FINAL_WITHOUT_SUCCESS]
    if stopped:
        await hold_back(tx, stopped, now)
    return await settle(tx, {one.delivery.broadcast_id for one in results}, now)


async def give_back(tx: Tx, deliveries: Sequence[Delivery], *, lease: str, due_at: datetime, now: datetime) -> None:
    """Return claimed deliveries that were never started to the queue."""
    ids = [one.id for one in deliveries]
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), _SENDING, delivery.c.lease == lease, delivery.c.attempt_id.is_(None))
        .values(state=DeliveryState.QUEUED, lease=None, lease_until=None, due_at=due_at, updated_at=now)
    )
    await _cancel_requeued(tx, ids, now)
    await settle(tx, {one.broadcast_id for one in deliveries}, now)


async def renew(tx: Tx, lease: str, ids: Collection[int], until: datetime) -> None:
    """Prolong this worker's hold on the deliveries that it has in hand."""
    mine = (delivery.c.id.in_(ids)) & (delivery.c.lease == lease)
    await tx.execute(update(delivery).where(_SENDING, mine).values(lease_until=until))


async def expired(tx: Tx, now: datetime, limit: int = 500) -> list[tuple[Delivery, int | None]]:
    """Return deliveries whose worker has not been heard of, each with the attempt that was open."""
    found = (
        select(delivery, broadcast.c.announcement_id)
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(_SENDING, delivery.c.lease_until < now)
        .order_by(delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=delivery)
    )
    return [(read_delivery(row), row.attempt_id) for row in await tx.execute(found)]


async def release_expired(tx: Tx, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Queue again what was claimed by a dead worker and surely never started."""
    ids = [one.id for one in deliveries]
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), _SENDING, delivery.c.attempt_id.is_(None))
        .values(state=DeliveryState.QUEUED, lease=None, lease_until=None, updated_at=now)
    )
    await _cancel_requeued(tx, ids, now)
    await settle(tx, {one.broadcast_id for one in deliveries}, now)


async def _cancel_claimed(tx: Tx, ids: Sequence[int], lease: str, now: datetime) -> None:
    """Cancel what was claimed and not started while somebody cancelled its broadcast."""
    cancelled = select(broadcast.c.id).where(broadcast.c.state == "cancelled")
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), _SENDING, delivery.c.lease == lease, delivery.c.attempt_id.is_(None))
        .where(delivery.c.broadcast_id.in_(cancelled))
        .values(state=DeliveryState.CANCELLED, lease=None, lease_until=None, updated_at=now)
    )


async def _cancel_requeued(tx: Tx, ids: Sequence[int], now: datetime) -> None:
    """Cancel what came back to the queue of a broadcast that was cancelled meanwhile."""
    if not ids:
        return
    cancelled = select(broadcast.c.id).where(broadcast.c.state == "cancelled")
    await tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), _QUEUED, delivery.c.broadcast_id.in_(cancelled))
        .values(state=DeliveryState.CANCELLED, updated_at=now)
    )


async def previous_receipt(tx: Tx, one: Delivery) -> Receipt | None:
    """Return the receipt of the part before this one."""
    found = select(delivery.c.external_ids, delivery.c.link).where(
        delivery.c.broadcast_id == one.broadcast_id,
        delivery.c.channel == one.channel,
        delivery.c.address == one.recipient.address,
        delivery.c.part == one.part - 1,
    )
    row = (await tx.execute(found)).one_or_none()
    return None if row is None else Receipt(tuple(row.external_ids or ()), row.link)


async def settle_by_person(tx: Tx, one: Delivery, *, sent: bool, actor: str, now: datetime) -> bool:
    """Write a person's word about a doubtful delivery into its history. False when it is no longer in doubt."""
    state = DeliveryState.SENT if sent else DeliveryState.FAILED
    moved = (
        update(delivery)
        .where(delivery.c.id == one.id, delivery.c.state == DeliveryState.UNCONFIRMED)
        .values(state=state, reason=None if sent else Reason.SETTLED_BY_PERSON, attempt_id=None, updated_at=now)
    )
    if (await tx.execute(moved)).rowcount == 0:
        return False
    word = Outcome.SETTLED_SENT if sent else Outcome.SETTLED_NOT_SENT
    values = {
        "delivery_id": one.id,
        "number": one.attempts,
        "started_at": now,
        "ended_at": now,
        "outcome": word,
        "detail": "",
        "actor": actor,
    }
    await tx.execute(attempt.insert().values(values))
    return True


async def follow_up(tx: Tx, one: Delivery, now: datetime) -> None:
    """Queue the later parts again that were held back while this one was in doubt."""
    await tx.execute(
        update(delivery)
        .where(
            delivery.c.broadcast_id == one.broadcast_id,
            delivery.c.channel == one.channel,
            delivery.c.address == one.recipient.address,
            delivery.c.part > one.part,
            delivery.c.state == DeliveryState.FAILED,
            delivery.c.reason == Reason.PREVIOUS_PART_MISSING,
        )
        .values(state=DeliveryState.QUEUED, due_at=now, queued_at=now, reason=None, updated_at=now)
    )


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


async def started_times(tx: Tx, channel: str, since: datetime) -> list[datetime]:
    """Return when this channel's attempts since a moment began, so that limits per hour and day outlive a restart."""
    found = (
        select(attempt.c.started_at)
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .where(delivery.c.channel == channel, attempt.c.started_at >= since)
        .order_by(attempt.c.started_at)
    )
    return [row.started_at for row in await tx.execute(found)]


async def held_channels(tx: Tx, now: datetime) -> set[str]:
    """Return the channels that are not to be asked now."""
    return {
        row.channel for row in await tx.execute(select(channel_hold.c.channel).where(channel_hold.c.retry_at > now))
    }
