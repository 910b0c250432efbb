"""What an announcement has left outside, and the deliveries that change it or take it away.

A follow-up is a broadcast of its own with deliveries of its own, `about` those that they change: so it is claimed,
tried again, put to a person and counted like any other. What has not gone out yet takes the new revision instead.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update

from delivery.database import Tx
from delivery.model import Act, BroadcastState, Delivery, DeliveryState
from delivery.store.deliveries import read_delivery
from delivery.store.dialect import in_json, statement
from delivery.tables import broadcast, delivery, filling

__all__ = ["OUT", "Trace", "answer_all", "cancel", "posts", "queue", "renew", "renew_all", "traces"]

OUT = frozenset({DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCONFIRMED})
"""What readers have, or may have."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one channel has of an announcement: so many deliveries are `out`, so many would still go out."""

    channel: str
    out: int
    to_come: int


_withdrawal = delivery.alias("withdrawal")
_stands: ColumnElement[bool] = delivery.c.state.in_(OUT) & ~exists().where(
    _withdrawal.c.about == delivery.c.id,
    _withdrawal.c.act == Act.WITHDRAW,
    _withdrawal.c.state == DeliveryState.SENT,
)
# What failed goes out when somebody repeats it; what was cancelled never does.
_comes: ColumnElement[bool] = and_(
    delivery.c.state.in_([DeliveryState.QUEUED, DeliveryState.FAILED]), broadcast.c.state != BroadcastState.CANCELLED
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


# What has not gone out yet


async def renew(tx: Tx, ids: Collection[int], revision: int, now: datetime) -> None:
    """Let these deliveries carry another revision, as far as they still wait."""
    waiting = delivery.c.state.in_([DeliveryState.QUEUED, DeliveryState.FAILED])
    await tx.execute(update(delivery).where(delivery.c.id.in_(ids), waiting).values(revision=revision, updated_at=now))


async def renew_all(tx: Tx, announcement_id: int, channel: str, revision: int, now: datetime) -> None:
    """Let everything that a channel's lists are still to get carry another revision."""
    its = select(broadcast.c.id).where(
        broadcast.c.announcement_id == announcement_id, broadcast.c.state != BroadcastState.CANCELLED
    )
    waiting = delivery.c.state.in_([DeliveryState.QUEUED, DeliveryState.FAILED])
    await tx.execute(
        update(delivery)
        .where(delivery.c.broadcast_id.in_(its), delivery.c.channel == channel, delivery.c.act == Act.SEND, waiting)
        .values(revision=revision, updated_at=now)
    )
    await tx.execute(
        update(filling).where(filling.c.broadcast_id.in_(its), filling.c.channel == channel).values(revision=revision)
    )


async def cancel(tx: Tx, ids: Collection[int], now: datetime) -> None:
    """Let these deliveries not go out, as far as they still wait."""
    queued = update(delivery).where(delivery.c.id.in_(ids), delivery.c.state == DeliveryState.QUEUED)
    await tx.execute(queued.values(state=DeliveryState.CANCELLED, updated_at=now))


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
   AND d.state IN ('sent', 'sending', 'unconfirmed') AND d.address NOT LIKE 'erased:%'
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
