"""Histories that once went wrong: late words, broadcasts revived, cancelled in the wrong moment."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from channels.contract import Post, Reason, Receipt, Rejected
from delivery import broadcast as use
from delivery import doubts, verdict
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import BroadcastState, DeliveryState, Outcome, Result, Stage
from delivery.store import announcements, attempts, broadcasts, erasure, filling, queue
from delivery.store import deliveries as store
from delivery.tables import broadcast
from tests.delivery.builders import (
    Scripted,
    a_broadcast,
    a_list,
    a_worker,
    deliveries,
    says,
    states,
    until_somebody_waits,
)
from tests.support.clock import Clock

IN_TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)
WINDOW = timedelta(minutes=55)


def lease_of(clock: Clock, seconds: float = 60) -> datetime:
    return clock() + timedelta(seconds=seconds)


async def begun(desk: Desk, clock: Clock, channel: str, lease: str, window: timedelta = timedelta(0)) -> Result:
    """Claim one delivery and begin it; returns its success, which is not yet recorded."""
    async with desk.database.writing() as tx:
        (one,) = await queue.claim(tx, channel, limit=1, lease=lease, until=lease_of(clock), now=clock())
    async with desk.database.writing() as tx:
        opened = await attempts.start(tx, [one], lease=lease, actor=lease, windows={channel: window}, now=clock())
    return verdict.sent(one, opened[one.id], Receipt(("1",), "https://x.ru/1"))


async def recorded(desk: Desk, clock: Clock, result: Result) -> None:
    async with desk.database.writing() as tx:
        await attempts.record(tx, [result], clock())


async def lost(desk: Desk, clock: Clock) -> None:
    """The worker is not heard of any more."""
    clock.advance(seconds=61)
    assert await a_worker(desk).rescue() == 1


def refused(result: Result) -> Result:
    return replace(result, outcome=Outcome.REJECTED, state=DeliveryState.FAILED, receipt=None)


def deferred(result: Result, due_at: datetime) -> Result:
    return replace(result, outcome=Outcome.DEFERRED, state=DeliveryState.QUEUED, receipt=None, due_at=due_at)


async def broadcast_state(desk: Desk, number: int) -> BroadcastState:
    async with desk.database.reading() as tx:
        (one,) = await broadcasts.of_announcements(tx, [number])
    return one.state


async def test_a_claim_takes_no_more_than_it_asked_for(desk: Desk, clock: Clock) -> None:
    await a_list(desk, "l", *(f"{number}@x.ru" for number in range(20)))
    await a_broadcast(desk, targets=("mail:l",))
    for _ in range(5):
        async with desk.database.writing() as tx:
            assert len(await queue.claim(tx, "mail", limit=3, lease="w", until=lease_of(clock), now=clock())) == 3


async def test_a_refusal_that_comes_too_late_holds_nothing_back(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk, "один|два")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await use.retry(desk, number, states=IN_TROUBLE)
    await recorded(desk, clock, await begun(desk, clock, "wall", "quick"))
    await recorded(desk, clock, refused(late))
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.QUEUED]


async def test_a_late_success_lets_the_rest_follow(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await a_broadcast(desk, "один|два|три")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED
    await recorded(desk, clock, late)
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.QUEUED]
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["два", "три"]


async def test_a_late_success_lets_nothing_follow_that_waits_for_another_part(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    wall.repeatable_for = WINDOW
    number = await a_broadcast(desk, "один|два|три")
    late = await begun(desk, clock, "wall", "slow", WINDOW)
    await lost(desk, clock)
    clock.advance(minutes=5)
    await recorded(desk, clock, await begun(desk, clock, "wall", "quick", WINDOW))
    await recorded(desk, clock, refused(await begun(desk, clock, "wall", "quick", WINDOW)))
    await recorded(desk, clock, late)
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.FAILED]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


async def test_what_surely_did_not_go_out_is_sent_although_that_is_known_late(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk, "один|два")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await recorded(desk, clock, deferred(late, clock()))
    while await a_worker(desk).step("wall"):
        pass
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.SENT]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


@pytest.mark.parametrize("whole", [False, True])
async def test_the_parts_behind_follow_when_a_person_sends_the_first_again(
    desk: Desk, clock: Clock, wall: Scripted, whole: bool
) -> None:
    number = await a_broadcast(desk, "один|два|три")
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    first = (await deliveries(desk, number))[0]
    one = None if whole else first.id
    assert len(await use.retry(desk, number, states=(DeliveryState.UNCONFIRMED,), delivery_id=one)) == 3
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["один", "два", "три"]


async def test_the_parts_behind_follow_what_a_look_did_not_find(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks = True
    number = await a_broadcast(desk, "один|два")
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    first = (await deliveries(desk, number))[0]
    assert (await doubts.look(desk, first.id, by="channel")).sight is doubts.Sight.NOT_THERE
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["один", "два"]


@pytest.mark.parametrize("there", [False, True])
async def test_a_look_sends_nothing_of_a_cancelled_broadcast(
    desk: Desk, clock: Clock, wall: Scripted, there: bool
) -> None:
    wall.looks = True
    wall.seen = Receipt(("7",), "https://x.ru/7") if there else None
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk, "один|два", targets=("wall", "mail:l"))
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await use.cancel(desk, number)
    first = (await deliveries(desk, number))[0]
    await doubts.look(desk, first.id, by="channel")
    while await a_worker(desk).step("wall") or await a_worker(desk).tidy():
        pass
    assert wall.sent == []
    assert await broadcast_state(desk, number) is BroadcastState.CANCELLED
    known = DeliveryState.SENT if there else DeliveryState.FAILED
    assert (await states(desk, number))[:2] == [known, DeliveryState.FAILED]


async def test_a_part_is_not_sent_again_behind_one_that_stays_cancelled(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk, "один|два", targets=("wall", "mail:l"))
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await use.cancel(desk, number)
    await recorded(desk, clock, deferred(late, clock()))
    await use.retry(desk, number, states=IN_TROUBLE)
    while await a_worker(desk).step("wall") or await a_worker(desk).tidy():
        pass
    assert (await states(desk, number))[:2] == [DeliveryState.CANCELLED, DeliveryState.FAILED]
    assert wall.sent == []
    assert await broadcast_state(desk, number) is BroadcastState.CANCELLED


async def test_a_cancelled_broadcast_revived_for_one_delivery_sends_that_one_alone(
    desk: Desk, clock: Clock, mail: Scripted
) -> None:
    await a_list(desk, "l", "a@x.ru", "b@x.ru", "c@x.ru")
    number = await a_broadcast(desk, targets=("mail:l",))
    await recorded(desk, clock, refused(await begun(desk, clock, "mail", "w")))
    async with desk.database.writing() as tx:
        (claimed,) = await queue.claim(tx, "mail", limit=1, lease="w", until=lease_of(clock), now=clock())
    await use.cancel(desk, number)
    assert len(await use.retry(desk, number)) == 1
    async with desk.database.writing() as tx:
        assert await attempts.start(tx, [claimed], lease="w", actor="w", windows={}, now=clock()) == {}
    while await a_worker(desk).step("mail"):
        pass
    assert [shipment.recipient.address for shipment in mail.sent] == ["a@x.ru"]
    cancelled = DeliveryState.CANCELLED
    assert await states(desk, number) == [DeliveryState.SENT, cancelled, cancelled]


async def test_a_doubtful_key_does_not_become_younger_by_another_try(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.repeatable_for = WINDOW
    number = await a_broadcast(desk)
    await begun(desk, clock, "wall", "first", WINDOW)
    await lost(desk, clock)
    assert await states(desk, number) == [DeliveryState.QUEUED]
    clock.advance(hours=3)
    await begun(desk, clock, "wall", "second", WINDOW)
    await lost(desk, clock)
    assert await states(desk, number) == [DeliveryState.UNCONFIRMED]


async def test_nothing_queued_again_is_lost_in_a_broadcast_that_settles_just_then(desk: Desk, clock: Clock) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    await a_list(desk, "l", "a@x.ru", "b@x.ru")
    number = await a_broadcast(desk, targets=("mail:l",))
    await recorded(desk, clock, refused(await begun(desk, clock, "mail", "w")))
    last = await begun(desk, clock, "mail", "w")
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        await store.requeue(tx, number, states=IN_TROUBLE, delivery_id=None, now=clock())
        group.create_task(recorded(desk, clock, last))
        await until_somebody_waits(desk)
    assert await states(desk, number) == [DeliveryState.QUEUED, DeliveryState.SENT]
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING


async def test_a_late_success_in_a_broadcast_that_settles_just_then_still_lets_the_rest_follow(
    desk: Desk, clock: Clock
) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk, "один|два", targets=("wall", "mail:l"))
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    last = await begun(desk, clock, "mail", "w")
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        await attempts.record(tx, [late], clock())
        group.create_task(recorded(desk, clock, refused(last)))
        await until_somebody_waits(desk)
    assert (await states(desk, number))[:2] == [DeliveryState.SENT, DeliveryState.QUEUED]
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING


async def test_of_a_release_and_a_cancellation_at_once_the_later_word_is_done(desk: Desk, wall: Scripted) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    number = await use.draft(desk, Post("Собрание"), author="e", targets=["wall"])
    seen = await use.preview(desk, number)
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        await announcements.hold(tx, number)
        await use.release_in(tx, desk, seen, by="e", release_key="announcement:1")
        assert await announcements.move(tx, number, to=Stage.CONFIRMED, come_from=use.RELEASABLE)
        cancelling = group.create_task(use.cancel(desk, number))
        await until_somebody_waits(desk)
    assert cancelling.result().deliveries == 1
    assert await broadcast_state(desk, number) is BroadcastState.CANCELLED
    while await a_worker(desk).step("wall"):
        pass
    assert wall.sent == []


async def test_a_part_that_is_cancelled_just_then_is_not_held_back(desk: Desk, clock: Clock) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    number = await a_broadcast(desk, "один|два")
    first = await begun(desk, clock, "wall", "w")
    await use.cancel(desk, number)
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        assert await broadcasts.sweep_cancelled(tx, clock()) == 1
        group.create_task(recorded(desk, clock, refused(first)))
        await until_somebody_waits(desk)
    assert await states(desk, number) == [DeliveryState.FAILED, DeliveryState.CANCELLED]


async def test_nothing_is_sent_again_to_whoever_was_erased(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "l", "a@x.ru", "b@x.ru")
    says(mail, *(Rejected("full", Reason.MAILBOX_FULL) for _ in range(2)))
    number = await a_broadcast(desk, targets=("mail:l",))
    await a_worker(desk).step("mail")
    async with desk.database.writing() as tx:
        await erasure.erase(tx, "a@x.ru", desk.now())
    assert len(await use.retry(desk, number)) == 1
    await a_worker(desk).step("mail")
    assert [shipment.recipient.address for shipment in mail.sent] == ["b@x.ru"]


async def test_what_may_have_reached_whoever_was_erased_is_not_told_as_stopped(
    desk: Desk, clock: Clock, mail: Scripted
) -> None:
    mail.repeatable_for = WINDOW
    await a_list(desk, "l", "a@x.ru", "b@x.ru")
    number = await a_broadcast(desk, targets=("mail:l",))
    await begun(desk, clock, "mail", "w", WINDOW)
    await lost(desk, clock)
    assert await states(desk, number) == [DeliveryState.QUEUED] * 2
    async with desk.database.writing() as tx:
        gone = [await erasure.erase(tx, address, clock()) for address in ("a@x.ru", "b@x.ru")]
    assert [one.stopped for one in gone] == [1, 1]
    assert await states(desk, number) == [DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


@pytest.mark.parametrize("deed", ["sent again", "there", "all there", "not seen"])
async def test_a_cancellation_in_the_moment_of_another_word_is_not_undone_by_it(
    desk: Desk, clock: Clock, wall: Scripted, mail: Scripted, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    wall.looks = True
    await a_list(desk, "l", "a@x.ru", "b@x.ru")
    number = await a_broadcast(desk, "один|два", targets=("wall", "mail:l"))
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    first, hold = (await deliveries(desk, number))[0], broadcasts._hold

    async def cancelled_just_before(tx: Tx, ids: Collection[int]) -> None:
        monkeypatch.setattr(broadcasts, "_hold", hold)
        await use.cancel(desk, number)
        await hold(tx, ids)

    monkeypatch.setattr(broadcasts, "_hold", cancelled_just_before)
    match deed:
        case "sent again":
            await use.retry(desk, number, states=IN_TROUBLE)
        case "there":
            await use.settle(desk, first.id, sent=True, by="e")
        case "all there":
            await use.settle_all(desk, number, sent=True, by="e")
        case _:
            await doubts.look(desk, first.id, by="channel")
    assert broadcasts._hold is hold, "nobody has cancelled"
    worker = a_worker(desk)
    while await worker.step("wall") or await worker.step("mail") or await worker.tidy():
        pass
    assert wall.sent == mail.sent == []
    assert await broadcast_state(desk, number) is BroadcastState.CANCELLED


async def test_a_cancellation_and_the_last_slice_of_a_list_do_not_block_each_other(desk: Desk, clock: Clock) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk)
    await recorded(desk, clock, await begun(desk, clock, "wall", "w"))
    async with desk.database.writing() as tx:
        (its,) = await broadcasts.of_announcements(tx, [number])
        await filling.add(tx, its.id, 1, "mail", "l", parts=0, expected=0, due_at=clock())
        await tx.execute(broadcast.update().values(state="running", settled_at=None))
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        one = await filling.unfinished(tx)
        assert one is not None
        group.create_task(use.cancel(desk, number))
        await until_somebody_waits(desk)
        left = await filling.take_slice(tx, one, clock())
        assert left is not None
        assert await filling.take_slice(tx, left, clock()) is None
        assert await broadcasts.settle(tx, [its.id], clock()) == [its.id]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


@pytest.mark.parametrize("claimed", [False, True])
async def test_what_was_cancelled_while_in_doubt_is_put_to_a_person(
    desk: Desk, clock: Clock, wall: Scripted, claimed: bool
) -> None:
    wall.repeatable_for = WINDOW
    number = await a_broadcast(desk, "один|два")
    await begun(desk, clock, "wall", "w", WINDOW)
    await lost(desk, clock)
    clock.advance(seconds=5)
    if claimed:
        async with desk.database.writing() as tx:
            await queue.claim(tx, "wall", limit=1, lease="x", until=lease_of(clock), now=clock())
    await use.cancel(desk, number)
    clock.advance(seconds=61)
    worker = a_worker(desk)
    await worker.rescue()
    while await worker.tidy():
        pass
    assert await states(desk, number) == [DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED]
    assert wall.sent == []
