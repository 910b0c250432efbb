"""Makes of a delivery what its channel needs: the part of the right revision, and what stands there already."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from channels.contract import Channel, Deferred, Part, Reason, Receipt, Rejected, Rendering, Shipment
from delivery.desk import Desk
from delivery.model import Act, Delivery, DeliveryState
from delivery.store import announcements, deliveries
from delivery.verdict import changes_what_stands

__all__ = ["Freight", "Loader", "take"]

_KEPT_RENDERINGS = 32
# How long a correction waits for what it is to correct.
_UNDER_WAY = {
    DeliveryState.QUEUED: timedelta(seconds=5),
    DeliveryState.SENDING: timedelta(seconds=5),
    DeliveryState.UNCONFIRMED: timedelta(minutes=1),
}


@dataclass(frozen=True, slots=True)
class Freight:
    """A shipment and what is to be done with it. `there` is the receipt of what it changes, None for something new."""

    act: Act
    shipment: Shipment
    there: Receipt | None = None


async def take(way: Channel, freight: Freight) -> Receipt:
    """Let the channel do it. Raises whatever the channel raises."""
    if freight.there is None:
        return await way.send(freight.shipment)
    if freight.act is Act.CORRECT:
        return await way.correct(freight.shipment, freight.there)
    return await way.withdraw(freight.shipment, freight.there)


class Loader:
    """One for each channel of a worker. Keeps the last renderings, which a thousand letters have in common."""

    def __init__(self, desk: Desk, channel: str) -> None:
        self._database = desk.database
        self._way = desk.channels[channel]
        self._rendering = asyncio.Lock()
        self._renderings: OrderedDict[tuple[int, int], Rendering] = OrderedDict()

    async def load(self, one: Delivery) -> Freight:
        """Prepare a delivery. Raises Deferred while what it changes is under way, Rejected where nothing stands."""
        key = (one.announcement_id, one.revision)
        rendering = self._renderings.get(key)
        if rendering is None:
            async with self._rendering:  # one for all who wait for the same
                rendering = self._renderings.get(key) or await self._render(key)
        previous: Receipt | None = None
        if one.part > 1 and one.act is Act.SEND:
            async with self._database.reading() as tx:
                previous = await deliveries.previous_receipt(tx, one)
        part = _part(rendering, one)
        shipment = Shipment(part, one.recipient, one.key, previous, unheard=one.doubtful, number=one.id)
        there = None if one.about is None else await self._there(one)
        return Freight(one.act, shipment, there)

    async def _render(self, key: tuple[int, int]) -> Rendering:
        async with self._database.reading() as tx:
            post = await announcements.post_of(tx, *key)
        rendering = self._renderings[key] = self._way.render(post)
        if len(self._renderings) > _KEPT_RENDERINGS:
            self._renderings.popitem(last=False)
        return rendering

    async def _there(self, one: Delivery) -> Receipt:
        async with self._database.reading() as tx:
            state, receipt = await deliveries.standing(tx, one)
        if state in _UNDER_WAY:
            raise Deferred("it is still under way", Reason.NOT_SENT_YET, retry_after=_UNDER_WAY[state], counts=False)
        if state is not DeliveryState.SENT:
            raise Rejected("there is nothing to change", Reason.GONE)
        if changes_what_stands(self._way, one.act) and not (receipt and receipt.external_ids):
            raise Rejected("nobody knows the number of what stands there", Reason.PLACE_UNKNOWN)
        return receipt or Receipt()


def _part(rendering: Rendering, one: Delivery) -> Part:
    """Return what a delivery brings. A part that a shorter text no longer has is to go, and leaves nothing behind."""
    if one.part <= len(rendering.parts):
        return rendering.parts[one.part - 1]
    return rendering.parts[-1] if one.recalls else Part()
