"""What an announcement has left outside, and the deliveries that change it or take it away.

A follow-up is a broadcast of its own with deliveries of its own, `about` those that they change: so it is claimed,
tried again, put to a person and counted like any other. What has not gone out yet takes the new revision instead.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update

from delivery.database import Tx
from delivery.model import Act, BroadcastKind, BroadcastState, Delivery, DeliveryState
from delivery.store.deliveries import read_delivery
from delivery.store.dialect import in_json, statement
from delivery.tables import broadcast, delivery, filling

__all__ = [
    "Trace",
    "answer_all",
    "cancel",
    "is_out",
    "posts",
    "queue",
    "renew",
    "renew_all",
    "renew_broadcasts",
    "take_back",
    "traces",
]

_OUT = frozenset({DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCONFIRMED})


def is_out(one: Delivery) -> bool:
    """Tell whether readers have it, or may have it: as a doubt that waits to be repeated under its key, unchanged."""
    return one.state in _OUT or (one.state is DeliveryState.QUEUED and one.doubtful)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one channel has of an announcement: so many deliveries are `out`, so many would still go out."""

    channel: str
    out: int
    to_come: int


_withdrawal = delivery.alias("withdrawal")
_waits: ColumnElement[bool] = and_(delivery.c.state == DeliveryState.QUEUED, ~delivery.c.doubtful)
_waits_in_doubt: ColumnElement[bool] = and_(delivery.c.state == DeliveryState.QUEUED, delivery.c.doubtful)
_stands: ColumnElement[bool] = or_(delivery.c.state.in_(_OUT), _waits_in_doubt) & ~exists().where(
    _withdrawal.c.about == delivery.c.id,
    _withdrawal.c.act == Act.WITHDRAW,
    _withdrawal.c.state == DeliveryState.SENT,
)
# What failed goes out when somebody repeats it; what was cancelled never does.
_comes: ColumnElement[bool] = and_(
    or_(_waits, delivery.c.state == DeliveryState.FAILED), broadcast.c.state != BroadcastState.CANCELLED
)


async def traces(tx: Tx, announcement_id: int) -> list[Trace]:
    """Count what each channel has of an announcement and what it is still to get."""
    counted = (
        select(
            delivery.c.channel,
            func.sum(case((_stands, 1), else_=0)).label("out"),
            func.sum(case((_comes, 1), else_=0)).label("to_come"),
        )
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(broadcast.c.announcement_id == announcement_id, delivery.c.act == Act.SEND)
        .group_by(delivery.c.channel)
        .order_by(func.min(delivery.c.id))
    )
    found = [Trace(row.channel, int(row.out), int(row.to_come)) for row in await tx.execute(counted)]
    return [one for one in found if one.out or one.to_come]


async def posts(tx: Tx, announcement_id: int, channels: Collection[str]) -> list[tuple[int, Delivery]]:
    """Return the parts that stand in these channels, or are to come there, in their order.

    Each with the broadcast that it belongs to: a part that a correction has added belongs to the corrected one.
    """
    root = func.coalesce(broadcast.c.about, broadcast.c.id).label("root")
    chosen = (
        select(delivery, broadcast.c.announcement_id, delivery.c.state.label("true_state"), root)
        .join(broadcast, broadcast.c.id == delivery.c.broadcast_id)
        .where(broadcast.c.announcement_id == announcement_id, delivery.c.channel.in_(channels))
        .where(delivery.c.act == Act.SEND, or_(_stands, _comes))
        .order_by(root, delivery.c.channel, delivery.c.part)
    )
    return [(row.root, read_delivery(row)) for row in await tx.execute(chosen)]


# What has not gone out yet: what waits, what failed, and what a worker has in hand and has not begun.

_in_hand: ColumnElement[bool] = and_(delivery.c.state == DeliveryState.SENDING, delivery.c.attempt_id.is_(None))
_unbegun: ColumnElement[bool] = or_(
    _waits, delivery.c.state == DeliveryState.FAILED, and_(_in_hand, ~delivery.c.doubtful)
)
_back: dict[str, Any] = {
    "state": case((delivery.c.state == DeliveryState.FAILED, DeliveryState.FAILED), else_=DeliveryState.QUEUED),
    "lease": None,
    "lease_until": None,
}


async def take_back(tx: Tx, announcement_id: int, now: datetime) -> None:
    """Put into the queue again what workers have in hand of an announcement and have not begun.

    They find out when they would begin it: the lease is gone, and after an edit the revision is another one.
    """
    its = select(broadcast.c.id).where(broadcast.c.announcement_id == announcement_id)
    # Locked in one order, since a worker may be about to begin some of them.
    held = select(delivery.c.id).where(delivery.c.broadcast_id.in_(its), _in_hand).order_by(delivery.c.id)
    ids = [row.id for row in await tx.execute(held.with_for_update())]
    await tx.execute(update(delivery).where(delivery.c.id.in_(ids), _in_hand).values(**_back, updated_at=now))


async def renew_broadcasts(tx: Tx, announcement_id: int, revision: int) -> None:
    """Let what a person has sent again from now on carry another revision (`deliveries.requeue`)."""
    its = (broadcast.c.announcement_id == announcement_id) & (broadcast.c.kind == BroadcastKind.ANNOUNCEMENT)
    await tx.execute(update(broadcast).where(its).values(revision=revision))


async def renew(tx: Tx, ids: Collection[int], revision: int, now: datetime) -> None:
    """Let these deliveries carry another revision, as far as they have not begun."""
    its = delivery.c.id.in_(ids)
    await tx.execute(update(delivery).where(its, _unbegun).values(**_back, revision=revision, updated_at=now))


async def renew_all(tx: Tx, announcement_id: int, channel: str, revision: int, now: datetime) -> None:
    """Let everything that a channel's lists are still to get carry another revision."""
    its = select(broadcast.c.id).where(
        broadcast.c.announcement_id == announcement_id, broadcast.c.state != BroadcastState.CANCELLED
    )
    await tx.execute(
        update(delivery)
        .where(delivery.c.broadcast_id.in_(its), delivery.c.channel == channel, delivery.c.act == Act.SEND, _unbegun)
        .values(**_back, revision=revision, updated_at=now)
    )
    await tx.execute(
        update(filling).where(filling.c.broadcast_id.in_(its), filling.c.channel == channel).values(revision=revision)
    )


async def cancel(tx: Tx, ids: Collection[int], now: datetime) -> None:
    """Let these deliveries not go out, as far as they have not begun."""
    waiting = or_(_waits, and_(_in_hand, ~delivery.c.doubtful))
    gone = {"state": DeliveryState.CANCELLED, "lease": None, "lease_until": None, "updated_at": now}
    await tx.execute(update(delivery).where(delivery.c.id.in_(ids), waiting).values(gone))


# What is out

_FOLLOW = """
INSERT INTO delivery (broadcast_id, revision, channel, address, part, name, organisation, list_key, list_name,
                      destination, state, key, doubtful, due_at, attempts, detail, queued_at, updated_at, act, about)
SELECT :broadcast, :revision, d.channel, d.address, d.part, d.name, d.organisation, d.list_key, d.list_name,
       d.destination, 'queued', {{new_key}}, :no, :due, 0, '', :now, :now, {act}, d.id
  FROM {which}
ON CONFLICT (broadcast_id, channel, address, part) DO NOTHING
"""
_THESE = _FOLLOW.format(act="r.act", which="{rows} JOIN delivery d ON d.id = r.id")
_ALL = _FOLLOW.format(
    act="'correct'",
    which="""delivery d
 WHERE d.broadcast_id = :original AND d.channel = :channel AND d.act = 'send' AND d.revision < :revision
   AND (d.state IN ('sent', 'sending', 'unconfirmed') OR (d.state = 'queued' AND d.doubtful))
   AND d.address NOT LIKE 'erased:%'
   AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address = d.address AND s.list_key IN ('', d.list_key))""",
)


async def queue(
    tx: Tx, broadcast_id: int, revision: int, acts: Collection[tuple[int, Act]], *, due_at: datetime, now: datetime
) -> None:
    """Queue what is to be done about single deliveries, each with its act."""
    values = {"broadcast": broadcast_id, "revision": revision, "no": False, "due": due_at, "now": now}
    rows = in_json(tx, [[number, act] for number, act in acts])
    await tx.execute(statement(tx, _THESE, {"id": "bigint", "act": "text"}), values | {"rows": rows})


async def answer_all(
    tx: Tx, broadcast_id: int, revision: int, *, original: int, channel: str, due_at: datetime, now: datetime
) -> None:
    """Queue a correction to everybody on a channel's lists who got an older revision in the broadcast `original`."""
    values = {"broadcast": broadcast_id, "revision": revision, "no": False, "due": due_at, "now": now}
    await tx.execute(statement(tx, _ALL), values | {"original": original, "channel": channel})
