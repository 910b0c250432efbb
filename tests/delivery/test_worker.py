import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from channels.contract import ChannelClosed, Deferred, Pace, Post, Reason, Rejected, Unconfirmed
from delivery import broadcast
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import TRANSITIONS, DeliveryState, Outcome, Result
from delivery.store import attempts, broadcasts, holds, queue
from delivery.store.deliveries import attempts_of
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says, states
from tests.support.clock import Clock
from tests.support.waiting import eventually

pytestmark = pytest.mark.every_postgres


SENT, FAILED, QUEUED = DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.QUEUED
UNCONFIRMED, SENDING = DeliveryState.UNCONFIRMED, DeliveryState.SENDING


async def history(desk: Desk, delivery_id: int) -> list[Outcome | None]:
    async with desk.database.reading() as tx:
        return [one.outcome for one in await attempts_of(tx, delivery_id)]


async def test_what_was_taken_is_sent_with_its_link(desk: Desk) -> None:
    number = await a_broadcast(desk)
    assert await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    assert one.state is SENT
    assert one.receipt is not None
    assert one.receipt.link == "https://example.org/1"
    assert await history(desk, one.id) == [Outcome.SENT]
    async with desk.database.reading() as tx:
        sent = await broadcasts.get(tx, one.broadcast_id)
    assert sent is not None
    assert sent.settled_at is not None


async def test_asks_again_when_the_other_side_said_so(desk: Desk, clock: Clock, wall: Scripted) -> None:
    says(wall, Deferred("flood", Reason.LIMIT_REACHED, retry_after=timedelta(seconds=20), counts=False))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    await worker.step("wall")
    clock.advance(seconds=19)
    assert not await worker.step("wall")
    clock.advance(seconds=1)
    assert await worker.step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.attempts) == (SENT, 1)
    assert await history(desk, one.id) == [Outcome.DEFERRED, Outcome.SENT]


async def test_gives_up_when_the_announcement_is_stale(desk: Desk, clock: Clock, wall: Scripted) -> None:
    says(wall, *(Deferred("no connection") for _ in range(40)))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    for _ in range(60):
        await worker.step("wall")
        clock.advance(seconds=300)
    (one,) = await deliveries(desk, number)
    assert (one.state, one.reason) == (FAILED, Reason.TOO_LATE)
    assert one.detail == "no connection"


async def test_a_refusal_is_final_and_hurts_nobody_else(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "one", "a@example.org", "b@example.org", "c@example.org")
    mail.pace = Pace(concurrency=1)
    says(mail, Rejected("550 5.1.1 no such user", Reason.NO_SUCH_MAILBOX))
    number = await a_broadcast(desk, targets=["mail:one"])
    await a_worker(desk).step("mail")
    assert await states(desk, number) == [FAILED, SENT, SENT]
    (bad, *_) = await deliveries(desk, number)
    assert (bad.reason, bad.detail) == (Reason.NO_SUCH_MAILBOX, "550 5.1.1 no such user")


async def test_what_is_in_doubt_is_never_repeated_by_itself(desk: Desk, clock: Clock, wall: Scripted) -> None:
    says(wall, Unconfirmed("no answer"))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    for _ in range(10):
        await worker.step("wall")
        clock.advance(hours=1)
    assert await states(desk, number) == [UNCONFIRMED]
    assert wall.calls == 1


async def test_repeats_a_doubt_under_the_same_key_where_one_key_shows_once(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    wall.repeatable_for = timedelta(minutes=55)
    says(wall, Unconfirmed("no answer"), Unconfirmed("no answer"))
    number = await a_broadcast(desk)
    (before,) = await deliveries(desk, number)
    worker = a_worker(desk)
    for _ in range(3):
        await worker.step("wall")
        clock.advance(minutes=1)
    assert await states(desk, number) == [SENT]
    assert wall.sent[0].key == before.key


async def test_a_person_decides_once_the_key_may_be_forgotten(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.repeatable_for = timedelta(minutes=55)
    says(wall, *(Unconfirmed("no answer") for _ in range(100)))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    for _ in range(80):
        await worker.step("wall")
        clock.advance(minutes=1)
    assert await states(desk, number) == [UNCONFIRMED]
    calls = wall.calls
    clock.advance(hours=5)
    await worker.step("wall")
    assert wall.calls == calls


@pytest.mark.parametrize(
    "second", [Rejected("refused", Reason.REFUSED), Deferred("no connection"), ChannelClosed("x", Reason.TOKEN_REVOKED)]
)
async def test_what_comes_after_a_doubt_does_not_lift_it(
    desk: Desk, clock: Clock, wall: Scripted, second: Exception
) -> None:
    wall.repeatable_for = timedelta(minutes=55)
    number = await a_broadcast(desk)
    says(wall, Unconfirmed("no answer"), second)
    worker = a_worker(desk)
    await worker.step("wall")
    clock.advance(minutes=1)
    await worker.step("wall")
    clock.advance(minutes=56)
    while await worker.step("wall"):
        pass
    assert await states(desk, number) == [UNCONFIRMED]
    assert wall.sent == []


async def test_a_bug_leaves_a_doubt_and_the_worker_lives_on(desk: Desk, wall: Scripted) -> None:
    says(wall, RuntimeError("a bug of ours"))
    first = await a_broadcast(desk)
    second = await a_broadcast(desk)
    worker = a_worker(desk)
    await worker.step("wall")
    assert await states(desk, first) == [UNCONFIRMED]
    assert await states(desk, second) == [SENT]


async def test_a_closed_channel_keeps_its_rows_queued_and_counts_no_attempt(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    says(wall, ChannelClosed("token revoked", Reason.TOKEN_REVOKED))
    numbers = [await a_broadcast(desk) for _ in range(3)]
    worker = a_worker(desk)
    await worker.step("wall")
    for number in numbers:
        (one,) = await deliveries(desk, number)
        assert (one.state, one.attempts) == (QUEUED, 0)
    assert wall.calls == 1
    assert not await worker.step("wall")
    async with desk.database.writing() as tx:
        assert await holds.untold(tx) == ["wall"]
        assert await holds.untold(tx) == []
    clock.advance(minutes=2)
    while await worker.step("wall"):
        pass
    assert [await states(desk, number) for number in numbers] == [[SENT]] * 3
    async with desk.database.reading() as tx:
        assert await holds.holds(tx) == []


async def test_what_a_closed_channel_kept_too_long_is_no_news_any_more(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    says(wall, ChannelClosed("token revoked", Reason.TOKEN_REVOKED))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    await worker.step("wall")
    clock.advance(hours=72)
    await worker.step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.reason) == (FAILED, Reason.TOO_LATE)
    await broadcast.retry(desk, number)
    await worker.step("wall")
    assert await states(desk, number) == [SENT]


async def test_parts_go_out_in_order_each_answering_the_one_before(desk: Desk, wall: Scripted) -> None:
    number = await a_broadcast(desk, "один|два|три")
    worker = a_worker(desk)
    while await worker.step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["один", "два", "три"]
    previous = [shipment.previous.external_ids if shipment.previous else None for shipment in wall.sent]
    assert previous == [None, ("1",), ("2",)]
    assert await states(desk, number) == [SENT, SENT, SENT]


async def test_a_lost_part_holds_the_later_ones_back(desk: Desk, wall: Scripted) -> None:
    says(wall, Unconfirmed("no answer"))
    number = await a_broadcast(desk, "один|два|три")
    worker = a_worker(desk)
    while await worker.step("wall"):
        pass
    assert await states(desk, number) == [UNCONFIRMED, FAILED, FAILED]
    first, second, _third = await deliveries(desk, number)
    assert second.reason is Reason.PREVIOUS_PART_MISSING
    assert await broadcast.settle(desk, first.id, sent=True, by="editor:1")
    while await worker.step("wall"):
        pass
    assert await states(desk, number) == [SENT, SENT, SENT]
    assert [shipment.part.text for shipment in wall.sent] == ["два", "три"]
    assert (await history(desk, first.id))[-1] is Outcome.SETTLED_SENT


async def test_a_doubt_is_settled_once(desk: Desk, wall: Scripted) -> None:
    says(wall, Unconfirmed("no answer"))
    number = await a_broadcast(desk)
    await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    words = await asyncio.gather(*(broadcast.settle(desk, one.id, sent=sent, by="e") for sent in (True, False)))
    assert sorted(words) == [False, True]


async def test_sends_again_on_a_persons_word(desk: Desk, wall: Scripted) -> None:
    says(wall, Rejected("no rights", Reason.NO_RIGHT_TO_POST))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    await worker.step("wall")
    assert len(await broadcast.retry(desk, number)) == 1
    await worker.step("wall")
    assert await states(desk, number) == [SENT]


async def test_a_dead_workers_claim_without_attempt_is_queued_again(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await a_broadcast(desk)
    async with desk.database.writing() as tx:
        until = clock() + timedelta(seconds=60)
        await queue.claim(tx, "wall", limit=10, lease="dead", until=until, now=clock())
    worker = a_worker(desk)
    assert await worker.rescue() == 0
    clock.advance(seconds=61)
    assert await worker.rescue() == 1
    await worker.step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.attempts) == (SENT, 1)


async def killed_while_sending(desk: Desk, clock: Clock) -> None:
    async with desk.database.writing() as tx:
        until = clock() + timedelta(seconds=60)
        claimed = await queue.claim(tx, "wall", limit=10, lease="dead", until=until, now=clock())
        await attempts.start(tx, claimed, lease="dead", actor="dead", windows={}, now=clock())


async def test_a_dead_workers_attempt_is_in_doubt(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk)
    await killed_while_sending(desk, clock)
    clock.advance(seconds=61)
    await a_worker(desk).rescue()
    (one,) = await deliveries(desk, number)
    assert (one.state, one.reason) == (UNCONFIRMED, Reason.WORKER_DIED)


async def test_a_dead_workers_attempt_is_repeated_where_one_key_shows_once(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    wall.repeatable_for = timedelta(minutes=55)
    number = await a_broadcast(desk)
    await killed_while_sending(desk, clock)
    clock.advance(seconds=61)
    worker = a_worker(desk)
    await worker.rescue()
    clock.advance(seconds=60)
    await worker.step("wall")
    assert await states(desk, number) == [SENT]


async def test_a_late_worker_cannot_overwrite_what_another_recorded(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk)
    async with desk.database.writing() as tx:
        until = clock() + timedelta(seconds=60)
        (one,) = await queue.claim(tx, "wall", limit=1, lease="slow", until=until, now=clock())
        attempt = (await attempts.start(tx, [one], lease="slow", actor="slow", windows={}, now=clock()))[one.id]
    clock.advance(seconds=61)
    await a_worker(desk).rescue()
    await broadcast.settle(desk, one.id, sent=True, by="editor:1")
    async with desk.database.writing() as tx:
        late = Result(one, attempt, Outcome.REJECTED, FAILED, "too late", Reason.REFUSED)
        await attempts.record(tx, [late], clock())
    assert await states(desk, number) == [SENT]


async def test_a_late_answer_settles_the_doubt_it_made(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk)
    async with desk.database.writing() as tx:
        until = clock() + timedelta(seconds=60)
        (one,) = await queue.claim(tx, "wall", limit=1, lease="slow", until=until, now=clock())
        attempt = (await attempts.start(tx, [one], lease="slow", actor="slow", windows={}, now=clock()))[one.id]
    clock.advance(seconds=61)
    await a_worker(desk).rescue()
    async with desk.database.writing() as tx:
        await attempts.record(tx, [Result(one, attempt, Outcome.SENT, SENT)], clock())
    assert await states(desk, number) == [SENT]


async def test_starting_twice_opens_one_attempt(desk: Desk, clock: Clock) -> None:
    await a_broadcast(desk)
    async with desk.database.writing() as tx:
        claimed = await queue.claim(tx, "wall", limit=1, lease="w", until=clock() + timedelta(60), now=clock())
    opened = []
    for _ in range(2):
        async with desk.database.writing() as tx:
            opened.append(await attempts.start(tx, claimed, lease="w", actor="w", windows={}, now=clock()))
    assert opened[0] == opened[1]
    assert len(await history(desk, claimed[0].id)) == 1


async def test_two_workers_never_send_the_same(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "many", *(f"a{n}@example.org" for n in range(100)))
    await a_broadcast(desk, targets=["mail:many"])
    workers = [a_worker(desk, name) for name in ("w1", "w2", "w3")]

    async def drain(worker: object) -> None:
        while await worker.step("mail"):  # type: ignore[attr-defined]
            pass

    await asyncio.gather(*(drain(worker) for worker in workers))
    addresses = [shipment.recipient.address for shipment in mail.sent]
    assert len(addresses) == len(set(addresses)) == 100


async def test_what_is_on_the_wire_finishes_when_cancelled_meanwhile(desk: Desk, wall: Scripted) -> None:
    wall.hold = asyncio.Event()
    number = await a_broadcast(desk, "один|два")
    worker = a_worker(desk)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.step("wall"))
        await wall.on_wire.wait()
        await broadcast.cancel(desk, number)
        wall.hold.set()
    assert await states(desk, number) == [SENT, DeliveryState.CANCELLED]


async def test_what_was_claimed_and_not_begun_is_stopped_too(desk: Desk, mail: Scripted) -> None:
    mail.hold = asyncio.Event()
    await a_list(desk, "many", *(f"a{n}@example.org" for n in range(50)))
    number = await a_broadcast(desk, targets=["mail:many"])
    async with asyncio.TaskGroup() as group:
        group.create_task(a_worker(desk).step("mail"))
        await mail.on_wire.wait()
        await eventually(lambda: mail.calls == 5)
        await broadcast.cancel(desk, number)
        mail.hold.set()
    found = await states(desk, number)
    assert (found.count(SENT), found.count(DeliveryState.CANCELLED)) == (5, 45)


async def test_ends_gracefully_and_gives_back_what_it_did_not_start(desk: Desk, mail: Scripted) -> None:
    mail.hold = asyncio.Event()
    await a_list(desk, "many", *(f"a{n}@example.org" for n in range(20)))
    number = await a_broadcast(desk, targets=["mail:many"])
    stop = asyncio.Event()
    worker = a_worker(desk)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        await mail.on_wire.wait()
        await eventually(lambda: mail.calls == 5)
        stop.set()
        mail.hold.set()
    found = await states(desk, number)
    assert found.count(SENT) == 5
    assert found.count(QUEUED) == 15


async def test_what_does_not_finish_in_time_is_in_doubt(desk: Desk, wall: Scripted) -> None:
    wall.hold = asyncio.Event()
    number = await a_broadcast(desk)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(a_worker(desk).run(stop, finish_within=0.05))
        await wall.on_wire.wait()
        stop.set()
    assert await states(desk, number) == [UNCONFIRMED]


async def test_a_limit_per_minute_outlives_a_restart(desk: Desk, clock: Clock, mail: Scripted) -> None:
    mail.pace = Pace(concurrency=3, per_hour=4)
    await a_list(desk, "many", *(f"a{n}@example.org" for n in range(10)))
    number = await a_broadcast(desk, targets=["mail:many"])
    await a_worker(desk).step("mail")
    assert len(mail.sent) == 4
    again = a_worker(desk, "restarted")
    assert not await again.step("mail")
    clock.advance(minutes=61)
    await again.step("mail")
    assert len(mail.sent) == 8
    assert (await states(desk, number)).count(QUEUED) == 2


async def test_a_long_send_keeps_its_lease(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.hold = asyncio.Event()
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.step("wall"))
        await wall.on_wire.wait()
        for _ in range(5):
            clock.advance(seconds=30)
            await worker.renew()
            assert await a_worker(desk, "other").rescue() == 0
        wall.hold.set()
    assert await states(desk, number) == [SENT]


async def test_one_faulty_record_does_not_cut_the_others_off(
    desk: Desk, clock: Clock, mail: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_list(desk, "few", *(f"a{n}@example.org" for n in range(5)))
    number = await a_broadcast(desk, targets=["mail:few"])
    real = attempts.record

    async def fails_for_one(tx: Tx, results: Sequence[Result], now: datetime, *, more: bool) -> list[int]:
        if any(one.delivery.recipient.address == "a3@example.org" for one in results):
            raise RuntimeError("a bug of ours")
        return await real(tx, results, now, more=more)

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "record", fails_for_one)
        await a_worker(desk).step("mail")
    clock.advance(seconds=61)
    other = a_worker(desk, "other")
    await other.rescue()
    await other.step("mail")
    assert len(mail.sent) == 5
    assert await states(desk, number) == [SENT, SENT, SENT, UNCONFIRMED, SENT]


async def test_urgent_ones_go_first(desk: Desk, wall: Scripted) -> None:
    wall.pace = Pace()
    await a_broadcast(desk, "обычное")
    number = await broadcast.draft(desk, Post("срочное"), author="e", targets=["wall"], urgent=True)
    await broadcast.release(desk, number, by="e")
    await a_worker(desk).step("wall")
    assert [shipment.part.text for shipment in wall.sent] == ["срочное", "обычное"]


@pytest.mark.parametrize("state", list(DeliveryState))
def test_every_unfinished_state_has_a_way_on(state: DeliveryState) -> None:
    final = {DeliveryState.CANCELLED}  # what was sent may still come back
    assert bool(TRANSITIONS[state]) is (state not in final)
