"""What came back: the letters of a mailbox that were dealt with, what they said of deliveries, how far it is read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, not_, select, update

from channels.contract import Reason
from channels.returns import Bookmark, Return, ReturnKind
from delivery.database import Tx
from delivery.model import Delivery, DeliveryState, Outcome
from delivery.store.deliveries import get
from delivery.store.dialect import upsert
from delivery.tables import attempt, broadcast, delivery, return_box, returned, returned_letter

__all__ = [
    "Noted",
    "Tally",
    "bookmark",
    "by_key",
    "count",
    "is_fresh",
    "last_word",
    "lying",
    "mark_put_away",
    "move",
    "note",
    "note_attempt",
    "resolve",
    "set_bookmark",
    "tally",
    "waiting",
    "write_off",
]


# The mailbox


async def bookmark(tx: Tx, channel: str) -> Bookmark | None:
    """Return how far the mailbox of a channel has been read."""
    row = (await tx.execute(select(return_box).where(return_box.c.channel == channel))).one_or_none()
    return None if row is None else Bookmark(row.validity, row.uid)


async def set_bookmark(tx: Tx, channel: str, at: Bookmark, *, forged: int, strange: int, now: datetime) -> None:
    """Remember how far a mailbox has been read, and count what in it was forged or nobody's."""
    first = upsert(tx, return_box).values(
        channel=channel, validity=at.validity, uid=at.uid, read_at=now, forged=forged, strange=strange
    )
    again = {
        "validity": at.validity,
        "uid": at.uid,
        "read_at": now,
        "forged": return_box.c.forged + forged,
        "strange": return_box.c.strange + strange,
    }
    await tx.execute(first.on_conflict_do_update(index_elements=["channel"], set_=again))


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of a mailbox: when it was last read, and how much of it was forged or without a proof."""

    read_at: datetime
    forged: int
    strange: int


async def tally(tx: Tx, channel: str) -> Tally | None:
    """Return what is known of the mailbox of a channel; None when it was never read."""
    row = (await tx.execute(select(return_box).where(return_box.c.channel == channel))).one_or_none()
    return None if row is None else Tally(row.read_at, row.forged, row.strange)


async def is_fresh(tx: Tx, channel: str, digest: str, *, validity: int, uid: int, now: datetime) -> bool:
    """Note that a letter is being dealt with. False when it was before: it lies there again, to be put away."""
    values = {"channel": channel, "digest": digest, "validity": validity, "uid": uid, "at": now, "put_away": False}
    new = upsert(tx, returned_letter).values(values).on_conflict_do_nothing()
    if (await tx.execute(new)).rowcount == 1:
        return True
    its = (returned_letter.c.channel == channel) & (returned_letter.c.digest == digest)
    await tx.execute(update(returned_letter).where(its).values(validity=validity, uid=uid, put_away=False))
    return False


async def lying(tx: Tx, channel: str, validity: int, *, most: int = 200) -> frozenset[int]:
    """Return the UIDs of letters that are on record and lie in the mailbox as if they were new."""
    its = (returned_letter.c.channel == channel, returned_letter.c.validity == validity)
    chosen = select(returned_letter.c.uid).where(*its, not_(literal_column("put_away"))).limit(most)
    return frozenset(row.uid for row in await tx.execute(chosen))


async def mark_put_away(tx: Tx, channel: str, validity: int, uids: Collection[int]) -> None:
    """Note that letters were put away."""
    its = (returned_letter.c.channel == channel, returned_letter.c.validity == validity)
    await tx.execute(update(returned_letter).where(*its, returned_letter.c.uid.in_(uids)).values(put_away=True))


# Whose it is


async def by_key(tx: Tx, channel: str, key: str, addresses: Iterable[str], *, since: datetime) -> Delivery | None:
    """Return the delivery with this key to one of these addresses, of a broadcast released since then.

    The key alone would do; but there is an index for the place of a delivery and none for its key.
    """
    recent = select(broadcast.c.id).where(broadcast.c.released_at >= since)
    chosen = select(delivery.c.id).where(
        delivery.c.broadcast_id.in_(recent),
        delivery.c.channel == channel,
        delivery.c.address.in_(set(addresses)),
        delivery.c.key == key,
    )
    found = (await tx.execute(chosen.limit(1))).scalar_one_or_none()
    return None if found is None else await get(tx, found)


async def last_word(tx: Tx, delivery_id: int) -> tuple[datetime | None, Outcome | None]:
    """Return when a delivery was last tried, and what was written last into its history."""
    rows = await tx.execute(
        select(attempt.c.started_at, attempt.c.channel, attempt.c.outcome)
        .where(attempt.c.delivery_id == delivery_id)
        .order_by(attempt.c.id)
    )
    tried, outcome = None, None
    for row in rows:
        if row.channel is not None:
            tried = row.started_at
        if row.outcome not in {Outcome.RETURNED, Outcome.COMPLAINED}:
            outcome = None if row.outcome is None else Outcome(row.outcome)
    return tried, outcome


# What it says


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that came back, on record."""

    id: int
    delivery_id: int
    kind: ReturnKind
    reason: Reason
    detail: str
    written_at: datetime | None


async def note(tx: Tx, one: Delivery, what: Return, *, counts: bool, waits: bool, now: datetime) -> None:
    """Write down what came back of a delivery."""
    values = {
        "delivery_id": one.id,
        "kind": what.kind,
        "reason": what.reason,
        "detail": what.detail,
        "address": one.recipient.address,
        "written_at": what.written_at,
        "at": now,
        "counts": counts,
        "waits": waits,
    }
    await tx.execute(returned.insert().values(values))


async def waiting(tx: Tx, *, after: int = 0, limit: int = 100) -> list[Noted]:
    """Return what came back of deliveries that were under way then and are no longer, oldest first."""
    chosen = (
        select(returned)
        .join(delivery, delivery.c.id == returned.c.delivery_id)
        .where(literal_column("returned.waits"), returned.c.id > after, delivery.c.state != DeliveryState.SENDING)
        .order_by(returned.c.id)
        .limit(limit)
    )
    return [
        Noted(row.id, row.delivery_id, ReturnKind(row.kind), Reason(row.reason), row.detail, row.written_at)
        for row in await tx.execute(chosen)
    ]


async def resolve(tx: Tx, noted_id: int) -> None:
    """Note that a return no longer waits for its delivery."""
    await tx.execute(update(returned).where(returned.c.id == noted_id).values(waits=False))


async def count(tx: Tx, address: str, *, since: datetime) -> int:
    """Count the deliveries to an address of which something came back that counts."""
    chosen = select(func.count(returned.c.delivery_id.distinct())).where(
        returned.c.address == address, returned.c.at >= since, literal_column("counts")
    )
    return int((await tx.execute(chosen)).scalar_one())


async def write_off(tx: Tx, address: str) -> None:
    """Begin to count anew: what came back so far has had its effect."""
    await tx.execute(update(returned).where(returned.c.address == address, returned.c.counts).values(counts=False))


async def move(tx: Tx, one: Delivery, *, reason: Reason, detail: str, now: datetime) -> bool:
    """Say that a delivery came back. False when it is no longer where that could be said of it."""
    states = (DeliveryState.SENT, DeliveryState.UNCONFIRMED)
    values = {
        "state": DeliveryState.RETURNED,
        "reason": reason,
        "detail": detail,
        "doubtful": False,
        "updated_at": now,
    }
    moved = update(delivery).where(delivery.c.id == one.id, delivery.c.state.in_(states), delivery.c.state == one.state)
    return (await tx.execute(moved.values(values))).rowcount == 1


async def note_attempt(tx: Tx, one: Delivery, outcome: Outcome, detail: str, actor: str, now: datetime) -> None:
    """Write into a delivery's history what came back of it."""
    values = {
        "delivery_id": one.id,
        "number": one.attempts,
        "started_at": now,
        "ended_at": now,
        "outcome": outcome,
        "detail": detail,
        "actor": actor,
    }
    await tx.execute(attempt.insert().values(values))
