import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update

from channels.contract import Deferred, Pace, Post, Reason, Receipt, Shipment
from delivery import broadcast
from delivery.desk import Desk
from delivery.model import Delivery, DeliveryState, Result
from delivery.store import announcements, attempts, holds, queue
from delivery.tables import delivery
from delivery.worker import Worker
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says, states
from tests.support.clock import Clock
from tests.support.waiting import eventually

SENT, QUEUED, CANCELLED = DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.CANCELLED


def addresses(count: int, domain: str = "example.org", letter: str = "a") -> list[str]:
    return [f"{letter}{number:04}@{domain}" for number in range(count)]


def sent_to(channel: Scripted) -> list[str]:
    return [shipment.recipient.address for shipment in channel.sent]


class Slow(Scripted):
    """Letters to one domain stay on the wire until `released`."""

    def __init__(self, domain: str) -> None:
        super().__init__(address=None)
        self.domain = domain
        self.released = asyncio.Event()
        self.waiting = 0

    async def send(self, shipment: Shipment) -> Receipt:
        if shipment.recipient.address.endswith(self.domain):
            self.waiting += 1
            await self.released.wait()
        return await super().send(shipment)


class Patient(Scripted):
    """Every letter takes a moment, so that there is a middle of a broadcast."""

    def __init__(self) -> None:
        super().__init__(address=None)
        self.pace = Pace(concurrency=2)

    async def send(self, shipment: Shipment) -> Receipt:
        await asyncio.sleep(0.002)
        return await super().send(shipment)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()


async def test_a_slow_domain_takes_its_share_and_no_more(desk: Desk) -> None:
    mail = Slow("slow.example")
    mail.pace = Pace(concurrency=6, per_destination=2)
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    # The slow ones come first in order, and there are more of them than a lane claims at once.
    await a_list(desk, "one", *addresses(300, "slow.example"), *addresses(40, "quick.example", "z"))
    number = await a_broadcast(desk, targets=["mail:one"])
    async with working(a_worker(desk)):
        await eventually(lambda: len(mail.sent) == 40, within=30)
        assert mail.waiting == 2
        mail.released.set()
        await eventually(lambda: len(mail.sent) == 340, within=60)
    assert set(await states(desk, number)) == {SENT}


async def test_broadcasts_take_turns(desk: Desk) -> None:
    mail = Patient()
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *addresses(250))
    await a_list(desk, "two", *addresses(20, letter="b"))
    await a_broadcast(desk, targets=["mail:one"])
    await a_broadcast(desk, targets=["mail:two"])
    await a_worker(desk).step("mail")
    order = sent_to(mail)
    last_of_second = max(place for place, address in enumerate(order) if address.startswith("b"))
    assert len(order) == 270
    assert last_of_second < 200


async def test_an_urgent_broadcast_overtakes_in_the_middle(desk: Desk) -> None:
    mail = Patient()
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *addresses(1_500))
    await a_list(desk, "two", *addresses(20, letter="u"))
    await a_broadcast(desk, targets=["mail:one"])
    urgent = await broadcast.draft(desk, Post("авария"), author="e", targets=["mail:two"], urgent=True)
    async with working(a_worker(desk)):
        await eventually(lambda: len(mail.sent) > 100, within=30)
        await broadcast.release(desk, urgent, by="e")
        released_at = len(mail.sent)
        await eventually(lambda: any(address.startswith("u") for address in sent_to(mail)), within=30)
        await eventually(lambda: sum(address.startswith("u") for address in sent_to(mail)) == 20, within=30)
        done_at = len(mail.sent)
    # What was in hand goes first: half a second of sending, and never more than a claim.
    assert done_at - released_at <= 20 + 250


async def test_a_pause_keeps_the_rest_waiting_and_nothing_becomes_late_by_it(desk: Desk, clock: Clock) -> None:
    mail = Patient()
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *addresses(400))
    number = await a_broadcast(desk, targets=["mail:one"])
    worker = a_worker(desk)
    step = asyncio.ensure_future(worker.step("mail"))
    await eventually(lambda: len(mail.sent) > 20, within=30)
    assert await broadcast.pause(desk, number)
    paused_at = len(mail.sent)
    await step
    assert not await worker.step("mail")
    assert len(mail.sent) <= paused_at + 10  # what was started already
    assert (await states(desk, number)).count(QUEUED) == 400 - len(mail.sent)
    assert not await broadcast.pause(desk, number)
    clock.advance(hours=5)  # longer than the channel's patience
    assert await broadcast.resume(desk, number)
    while await worker.step("mail"):
        pass
    assert set(await states(desk, number)) == {SENT}
    assert sorted(sent_to(mail)) == addresses(400)


async def test_a_cancel_reaches_what_is_in_hand(desk: Desk) -> None:
    mail = Patient()
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *addresses(400))
    number = await a_broadcast(desk, targets=["mail:one"])
    worker = a_worker(desk)
    step = asyncio.ensure_future(worker.step("mail"))
    await eventually(lambda: len(mail.sent) > 20, within=30)
    stopped = await broadcast.cancel(desk, number)
    cancelled_at = len(mail.sent)
    await step
    assert len(mail.sent) <= cancelled_at + 10  # what was started in that moment
    found = await states(desk, number)
    assert (found.count(SENT), found.count(CANCELLED)) == (len(mail.sent), 400 - len(mail.sent))
    assert abs(stopped.deliveries - found.count(CANCELLED)) <= 210  # a claim may come between the count and the word
    while await worker.tidy():
        pass
    assert await states(desk, number) == found


async def test_a_limit_holds_for_all_workers_together_and_after_a_restart(desk: Desk, clock: Clock) -> None:
    mail = Scripted(address=None)
    mail.pace = Pace(concurrency=4, per_hour=10)
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *addresses(25))
    number = await a_broadcast(desk, targets=["mail:one"])
    first, second = a_worker(desk, "w1"), a_worker(desk, "w2")
    await asyncio.gather(first.step("mail"), second.step("mail"))
    while await first.step("mail") or await second.step("mail"):
        pass
    assert len(mail.sent) == 10
    restarted = a_worker(desk, "w3")
    assert not await restarted.step("mail")
    clock.advance(minutes=59)
    assert not await restarted.step("mail")
    clock.advance(minutes=2)
    while await restarted.step("mail") or await second.step("mail"):
        pass
    assert len(mail.sent) == 20
    clock.advance(hours=2)
    while await restarted.step("mail"):
        pass
    assert await states(desk, number) == [SENT] * 25
    assert all(one.attempts == 1 for one in await deliveries(desk, number))


async def test_where_nobody_answers_the_channel_rests_and_is_told_of_late(desk: Desk, clock: Clock) -> None:
    mail = Scripted(address=None)
    mail.pace = Pace(concurrency=3)
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    says(mail, *(Deferred("connection refused", Reason.NOT_CONNECTED, counts=False) for _ in range(12)))
    await a_list(desk, "one", *addresses(50))
    number = await a_broadcast(desk, targets=["mail:one"])
    worker = a_worker(desk)
    await worker.step("mail")
    assert mail.calls <= 6  # of fifty: what was on its way when the third came back
    assert not await worker.step("mail")
    told = []
    for _ in range(12):
        clock.advance(seconds=60)
        while await worker.step("mail"):
            pass
        async with desk.database.writing() as tx:
            told += await holds.untold(tx)
    assert told == ["mail"]  # after minutes, and once
    for _ in range(12):
        clock.advance(seconds=300)
        while await worker.step("mail"):
            pass
    assert await states(desk, number) == [SENT] * 50


async def test_a_short_outage_is_not_told(desk: Desk, clock: Clock, wall: Scripted) -> None:
    says(wall, *(Deferred("connection refused") for _ in range(3)))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    for _ in range(30):
        await worker.step("wall")
        async with desk.database.writing() as tx:
            assert await holds.untold(tx) == []
        clock.advance(seconds=5)
    assert await states(desk, number) == [SENT]


async def test_a_process_that_stood_still_sends_nothing_on_a_lease_that_is_almost_over(
    desk: Desk, clock: Clock, wall: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await a_broadcast(desk)
    loop, real = asyncio.get_running_loop(), attempts.start

    async def stands_still(*args: Any, **words: Any) -> dict[int, int]:
        opened = await real(*args, **words)
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + 45)  # of a lease of 60 s
        return opened

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "start", stands_still)
        await a_worker(desk).step("wall")
    assert wall.calls == 0
    clock.advance(seconds=1)
    await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.attempts, wall.calls) == (SENT, 1, 1)


async def test_what_cannot_be_prepared_while_the_database_is_away_waits_and_counts_no_attempt(
    desk: Desk, clock: Clock, wall: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await a_broadcast(desk)
    with monkeypatch.context() as patched:
        patched.setattr(announcements, "post_of", raising(ConnectionRefusedError("nobody listens")))
        await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.attempts, wall.calls) == (QUEUED, 0, 0)
    clock.advance(seconds=6)
    await a_worker(desk).step("wall")
    assert await states(desk, number) == [SENT]


async def test_what_can_never_be_prepared_fails_and_hurts_nobody_else(
    desk: Desk, wall: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await a_broadcast(desk)
    with monkeypatch.context() as patched:
        patched.setattr(wall, "render", lambda _post: 1 // 0)
        await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.reason, wall.calls) == (DeliveryState.FAILED, Reason.PROGRAM_ERROR, 0)
    other = await a_broadcast(desk)
    await a_worker(desk).step("wall")
    assert await states(desk, other) == [SENT]


@pytest.mark.parametrize("error", [ConnectionRefusedError("nobody listens"), ZeroDivisionError("a bug")])
async def test_a_claim_that_fails_in_the_middle_cuts_nothing_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    patient = Patient()
    desk.channels["mail"] = patient  # type: ignore[index]
    await a_list(desk, "l", *addresses(30))
    number = await a_broadcast(desk, targets=("mail:l",))
    claim, claims = queue.claim, iter(range(1000))

    async def fails_once(*args: Any, **options: Any) -> list[Delivery]:
        if next(claims) == 1:
            raise error
        return await claim(*args, **options)

    monkeypatch.setattr(queue, "claim", fails_once)
    worker = a_worker(desk)
    while await worker.step("mail"):
        pass
    assert set(await states(desk, number)) == {SENT}
    assert sorted(sent_to(patient)) == addresses(30)


async def test_many_announcements_are_each_sent_in_their_own_words(desk: Desk, wall: Scripted) -> None:
    texts = [f"объявление {number}" for number in range(40)]
    for text in texts:
        await a_broadcast(desk, text)
    worker = a_worker(desk)
    while await worker.step("wall"):
        pass
    assert sorted(shipment.part.text for shipment in wall.sent) == sorted(texts)


def raising(error: Exception) -> Callable[..., Any]:
    async def fails(*_args: object, **_options: object) -> None:
        raise error

    return fails


async def test_what_is_claimed_again_while_its_start_is_refused_goes_out_at_once(
    desk: Desk, mail: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit takes back what is in hand: the sender lets it go, and the feeder may have it again before that."""
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk, targets=["mail:l"])
    worker = a_worker(desk)
    refused: list[int] = []
    lane = worker._lanes["mail"]
    write = lane._write

    async def taken_back_meanwhile(result: Result | None, following: Delivery | None) -> int | None:
        if following is None or refused:
            return await write(result, following)
        refused.append(following.id)
        async with desk.database.writing() as tx:
            await tx.execute(update(delivery).values(state="queued", lease=None, lease_until=None))
        assert await write(result, following) is None
        assert lane._hand is not None
        assert await lane._claim(lane._hand, 1)
        return None

    monkeypatch.setattr(lane, "_write", taken_back_meanwhile)
    while await worker.step("mail"):
        pass
    assert len(mail.sent) == 1
    assert await states(desk, number) == [SENT]
