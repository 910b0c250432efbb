"""Short ways to say what a test is about, and a channel that does as it is told."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from channels.contract import (
    LETTER_PAUSES,
    ChannelError,
    Correction,
    Finding,
    Pace,
    Part,
    Post,
    Reason,
    Receipt,
    Rejected,
    Rendering,
    Shipment,
)
from delivery import broadcast
from delivery.desk import Desk
from delivery.member import Member
from delivery.model import Delivery, DeliveryState
from delivery.store import lists
from delivery.store.deliveries import find as find_deliveries
from delivery.worker import Worker


class Scripted:
    """A channel that answers with the next word of its script, then with receipts.

    The text is cut at "|" into parts. `sent` holds what reached the outside; `hold`, when set, keeps every send on
    the wire until the event is set.
    """

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.pace = Pace(concurrency=1 if address else 5)
        self.repeatable_for = timedelta(0)
        self.retry_pauses: Sequence[timedelta] = LETTER_PAUSES
        self.stale_after = timedelta(hours=2)
        self.script: deque[Exception] = deque()
        self.sent: list[Shipment] = []
        self.calls = 0
        self.looks = False
        self.seen: Receipt | None = None
        self.blind: ChannelError | None = None
        self.hold: asyncio.Event | None = None
        self.on_wire = asyncio.Event()
        self.corrects = Correction.IN_PLACE if address else Correction.ANOTHER
        self.withdraws = bool(address)
        self.standing: dict[str, str] = {}  # what readers see, by its number

    @property
    def can_look(self) -> bool:
        return self.looks

    def render(self, post: Post) -> Rendering:
        return Rendering(tuple(Part(text=text) for text in post.text.split("|")))

    async def send(self, shipment: Shipment) -> Receipt:
        self.calls += 1
        self.on_wire.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.script:
            raise self.script.popleft()
        self.sent.append(shipment)
        self.standing[str(len(self.sent))] = shipment.part.text
        return Receipt((str(len(self.sent)),), f"https://example.org/{len(self.sent)}")

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        self.calls += 1
        if self.corrects is Correction.ANOTHER:
            return await self.send(shipment)
        if self.script:
            raise self.script.popleft()
        (number,) = there.external_ids
        if number not in self.standing:
            raise Rejected("nothing stands there", Reason.GONE)
        self.standing[number] = shipment.part.text
        return there

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:
        self.calls += 1
        if self.script:
            raise self.script.popleft()
        for number in there.external_ids:
            self.standing.pop(number, None)
        return Receipt()

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:
        if self.blind is not None:
            raise self.blind
        return self.seen

    async def check(self) -> Sequence[Finding]:
        return ()

    async def close(self) -> None:
        return


def says(channel: Scripted, *errors: ChannelError | Exception) -> None:
    channel.script.extend(errors)


async def a_list(desk: Desk, key: str, *addresses: str) -> None:
    async with desk.database.writing() as tx:
        await lists.create(tx, key, key.title(), desk.now())
        people = [Member(address, address, "", "") for address in addresses]
        await lists.put_members(tx, key, people, source="test", now=desk.now())


async def a_broadcast(desk: Desk, text: str = "Заседание президиума", targets: Sequence[str] = ("wall",)) -> int:
    """Draft and release; returns the announcement's id."""
    number = await broadcast.draft(desk, Post(text), author="editor", targets=targets)
    await broadcast.release(desk, number, by="editor")
    return number


def a_worker(desk: Desk, name: str = "w1", lease: timedelta = timedelta(seconds=60)) -> Worker:
    return Worker(desk, name=name, lease=lease, jitter=lambda: 0.0)


async def deliveries(desk: Desk, announcement_id: int) -> list[Delivery]:
    async with desk.database.reading() as tx:
        return await find_deliveries(tx, announcement_id)


async def states(desk: Desk, announcement_id: int) -> list[DeliveryState]:
    return [one.state for one in await deliveries(desk, announcement_id)]


async def until_somebody_waits(desk: Desk) -> None:
    """Wait until another transaction stands at a lock of Postgres."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(30):
        while True:
            async with desk.database.reading() as tx:
                if (await tx.execute(waits)).scalar_one():
                    return
            await asyncio.sleep(0.01)
