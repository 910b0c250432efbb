"""Doubts that a channel can settle by looking: is the post there, whose answer was lost?

There: it is sent, with its true link. Not there: it goes out again, since nobody has seen it. Where a look brings no
certainty the doubt stays, is looked at again after a while, and a person may decide at any time.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import structlog

from channels.contract import Channel, ChannelError, Deferred, Reason, Receipt, Shipment
from delivery.broadcast import UnknownAnnouncementError, let_follow
from delivery.desk import Desk
from delivery.model import Act, Delivery, DeliveryState
from delivery.store import announcements, deliveries, talks, wake

__all__ = ["Seen", "Sight", "look", "look_at_next"]

_log = structlog.get_logger()

_SHORTEST_PAUSE = timedelta(seconds=30)
_LOOKED_FOR = timedelta(days=1)
_TWINS = 5  # posts of the same words that may have to be passed over


class Sight(StrEnum):
    """What a look has shown."""

    THERE = "there"
    NOT_THERE = "not_there"
    UNCERTAIN = "uncertain"
    NO_WAY = "no_way"  # this channel cannot look
    SETTLED = "settled"  # it was no longer in doubt


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a look; of an uncertain one also why."""

    sight: Sight
    reason: Reason | None = None


async def look(desk: Desk, delivery_id: int, *, by: str) -> Seen:
    """Look for a doubtful delivery and act on what is seen. Raises UnknownAnnouncementError."""
    async with desk.database.reading() as tx:
        one = await deliveries.get(tx, delivery_id)
    if one is None:
        raise UnknownAnnouncementError(delivery_id)
    if one.state is not DeliveryState.UNCONFIRMED:
        return Seen(Sight.SETTLED)
    way = desk.channels.get(one.channel)
    if way is None or not way.can_look or one.act is not Act.SEND:
        return Seen(Sight.NO_WAY)
    try:
        receipt = await _search(desk, way, one)
    except ChannelError as error:
        _log.info("doubt.not_settled", delivery=one.id, reason=error.reason, detail=error.detail)
        return Seen(Sight.UNCERTAIN, error.reason)
    return Seen(await _act(desk, one, receipt, by))


async def look_at_next(desk: Desk) -> bool:
    """Look at one doubtful delivery that has not been looked at for a while. Tells whether there was one."""
    ways = [key for key, way in desk.channels.items() if way.can_look]
    now = desk.now()
    async with desk.database.reading() as tx:
        waiting = ways and await deliveries.next_doubt(tx, ways, now, since=now - _LOOKED_FOR)
    if not waiting:
        return False
    async with desk.database.writing() as tx:
        pause = max(_SHORTEST_PAUSE, now - (waiting.key_since or now))
        if not await deliveries.put_off(tx, waiting, now + pause, now):
            return True  # another worker looks
    await look(desk, waiting.id, by=f"channel:{waiting.channel}")
    return True


async def _search(desk: Desk, way: Channel, one: Delivery) -> Receipt | None:
    """Look behind the last post known to stand before it, and pass over what is another delivery's."""
    since = one.key_since or one.queued_at
    async with desk.database.reading() as tx:
        post = await announcements.post_of(tx, one.announcement_id, one.revision)
        previous = await deliveries.previous_receipt(tx, one) if one.part > 1 else None
        last = await deliveries.newest_receipt(tx, one, since=since)
    part = way.render(post).parts[one.part - 1]
    shipment = Shipment(part, one.recipient, one.key, previous, unheard=True)
    for _ in range(_TWINS):
        found = await way.look(shipment, since=since, last=last)
        if found is None:
            return None
        async with desk.database.reading() as tx:
            if not await deliveries.is_known(tx, one.channel, found):
                return found
        last = found
    raise Deferred("too many posts of the same words", Reason.SEVERAL_ALIKE)


async def _act(desk: Desk, one: Delivery, receipt: Receipt | None, by: str) -> Sight:
    now = desk.now()
    async with desk.database.writing() as tx:
        if receipt is not None:
            moved = await deliveries.settle_by_person(tx, one, sent=True, actor=by, now=now, receipt=receipt)
        else:
            moved = await deliveries.undo_doubt(tx, one, actor=by, now=now)
        if not moved:
            return Sight.SETTLED
        if receipt is not None:
            await let_follow(tx, [one.id], now)
        else:
            await wake.announce(tx)
        await talks.reopen_boards(tx, one.announcement_id)
    _log.info("doubt.settled", delivery=one.id, there=receipt is not None)
    return Sight.NOT_THERE if receipt is None else Sight.THERE
