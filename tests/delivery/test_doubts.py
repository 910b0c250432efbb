import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from channels.contract import Deferred, Reason, Receipt, Unconfirmed
from delivery import broadcast, doubts
from delivery.broadcast import UnknownAnnouncementError
from delivery.desk import Desk
from delivery.doubts import Sight
from delivery.model import DeliveryState, Outcome
from delivery.store.deliveries import attempts_of, find, in_doubt, next_doubt, put_off
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says, states
from tests.support.clock import Clock

SENT, FAILED, UNCONFIRMED = DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCONFIRMED


async def a_doubt(desk: Desk, wall: Scripted, text: str = "Заседание президиума") -> int:
    says(wall, Unconfirmed("no answer"))
    number = await a_broadcast(desk, text)
    await a_worker(desk).step("wall")
    assert (await states(desk, number))[0] is UNCONFIRMED
    return number


async def test_a_post_that_is_found_is_sent_with_its_true_link(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks, wall.seen = True, Receipt(("77",), "https://example.org/77")
    number = await a_doubt(desk, wall)
    clock.advance(seconds=20)
    assert await doubts.look_at_next(desk)
    (one,) = await deliveries(desk, number)
    assert (one.state, one.receipt and one.receipt.link) == (SENT, "https://example.org/77")
    async with desk.database.reading() as tx:
        history = await attempts_of(tx, one.id)
    assert [(each.outcome, each.actor) for each in history][1:] == [(Outcome.SETTLED_SENT, "channel:wall")]
    assert not await doubts.look_at_next(desk)


async def test_a_post_that_is_not_there_goes_out_again(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks = True
    number = await a_doubt(desk, wall)
    clock.advance(seconds=20)
    assert await doubts.look_at_next(desk)
    assert await a_worker(desk).step("wall")
    assert await states(desk, number) == [SENT]
    assert len(wall.sent) == 1


async def test_a_look_that_brings_no_certainty_is_repeated_ever_more_rarely(
    desk: Desk, clock: Clock, wall: Scripted
) -> None:
    wall.looks, wall.blind = True, Deferred("not now")
    number = await a_doubt(desk, wall)
    looks = []
    for second in range(0, 600, 5):
        if await doubts.look_at_next(desk):
            looks.append(second)
        clock.advance(seconds=5)
    assert await states(desk, number) == [UNCONFIRMED]
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert pauses == sorted(pauses)
    assert 3 <= len(looks) <= 8
    wall.blind = None
    wall.seen = Receipt(("1",), "https://example.org/1")
    (one,) = await deliveries(desk, number)
    assert (await doubts.look(desk, one.id, by="editor:1")).sight is Sight.THERE
    assert (await doubts.look(desk, one.id, by="editor:1")).sight is Sight.SETTLED


async def test_where_nobody_can_look_a_person_is_asked(desk: Desk, wall: Scripted) -> None:
    number = await a_doubt(desk, wall)
    (one,) = await deliveries(desk, number)
    assert not await doubts.look_at_next(desk)
    assert (await doubts.look(desk, one.id, by="editor:1")).sight is Sight.NO_WAY
    assert await states(desk, number) == [UNCONFIRMED]


async def test_the_post_of_another_delivery_is_not_taken_for_it(desk: Desk, clock: Clock, wall: Scripted) -> None:
    first = await a_doubt(desk, wall)
    clock.advance(seconds=5)
    second = await a_doubt(desk, wall)
    wall.looks, wall.seen = True, Receipt(("5",), "https://example.org/5")
    (older,), (younger,) = await deliveries(desk, first), await deliveries(desk, second)
    assert (await doubts.look(desk, older.id, by="editor:1")).sight is Sight.THERE
    assert (await doubts.look(desk, younger.id, by="editor:1")).sight is Sight.UNCERTAIN
    assert await states(desk, second) == [UNCONFIRMED]


async def test_later_parts_follow_a_part_that_was_found(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks, wall.seen = True, Receipt(("9",), "https://example.org/9")
    number = await a_doubt(desk, wall, "один|два")
    clock.advance(seconds=20)
    assert await doubts.look_at_next(desk)
    assert await a_worker(desk).step("wall")
    assert await states(desk, number) == [SENT, SENT]
    assert wall.sent[0].previous == Receipt(("9",), "https://example.org/9")


async def test_two_workers_look_once(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks = True
    number = await a_doubt(desk, wall)
    clock.advance(seconds=20)
    await asyncio.gather(*(doubts.look_at_next(desk) for _ in range(3)))
    while await a_worker(desk).step("wall"):
        pass
    assert await states(desk, number) == [SENT]
    assert len(wall.sent) == 1


async def test_a_repeat_that_would_not_be_the_same_waits_for_a_look(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.repeatable_for = timedelta(minutes=55)
    says(wall, Unconfirmed("no answer"), Unconfirmed("uploads forgotten", Reason.FILE_LOST))
    number = await a_broadcast(desk)
    worker = a_worker(desk)
    await worker.step("wall")
    clock.advance(minutes=1)
    await worker.step("wall")
    (one,) = await deliveries(desk, number)
    assert (one.state, one.reason) == (UNCONFIRMED, Reason.FILE_LOST)


async def test_many_doubts_are_settled_by_one_word(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "one", *(f"a{n}@example.org" for n in range(30)))
    says(mail, *(Unconfirmed("no answer") for _ in range(30)))
    number = await a_broadcast(desk, targets=["mail:one"])
    await a_worker(desk).step("mail")
    assert await broadcast.settle_all(desk, number, sent=True, by="editor:1", channel="wall") == 0
    assert await broadcast.settle_all(desk, number, sent=True, by="editor:1", channel="mail") == 30
    assert set(await states(desk, number)) == {SENT}
    assert await broadcast.settle_all(desk, number, sent=False, by="editor:1") == 0
    async with desk.database.reading() as tx:
        history = await attempts_of(tx, (await deliveries(desk, number))[7].id)
    assert (history[-1].outcome, history[-1].actor) == (Outcome.SETTLED_SENT, "editor:1")


async def doubtful_letters(desk: Desk, mail: Scripted, count: int, key: str) -> int:
    """Letters of two parts of which the first has had no answer."""
    await a_list(desk, key, *(f"{key}{n}@example.org" for n in range(count)))
    says(mail, *(Unconfirmed("no answer") for _ in range(count)))
    number = await a_broadcast(desk, "один|два", targets=[f"mail:{key}"])
    while await a_worker(desk).step("mail"):
        pass
    return number


@pytest.mark.parametrize("sent", [True, False])
async def test_a_word_about_many_is_taken_in_slices_and_stands_in_each_history(
    desk: Desk, mail: Scripted, clock: Clock, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    monkeypatch.setattr(broadcast, "_SETTLED_AT_ONCE", 3)
    number = await doubtful_letters(desk, mail, 8, "a")
    other = await doubtful_letters(desk, mail, 1, "b")
    clock.advance(minutes=5)
    assert await broadcast.settle_all(desk, number, sent=sent, by="Анна") == 8
    first, second = (SENT, DeliveryState.QUEUED) if sent else (FAILED, FAILED)
    its = await deliveries(desk, number)
    assert [one.state for one in its if one.part == 1] == [first] * 8
    assert [one.state for one in its if one.part == 2] == [second] * 8
    assert await states(desk, other) == [UNCONFIRMED, FAILED]
    word = Outcome.SETTLED_SENT if sent else Outcome.SETTLED_NOT_SENT
    for one in its:
        async with desk.database.reading() as tx:
            history = [
                (each.outcome, each.actor, each.started_at, each.number) for each in await attempts_of(tx, one.id)
            ]
        assert history[1:] == ([(word, "Анна", clock(), 1)] if one.part == 1 else [])
    while await a_worker(desk).step("mail"):
        pass
    assert [shipment.part.text for shipment in mail.sent] == (["два"] * 8 if sent else [])


async def test_a_word_about_many_costs_as_many_statements_as_one_about_few(desk: Desk, mail: Scripted) -> None:
    asked: list[str] = []

    @event.listens_for(desk.database.engine.sync_engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    costs = []
    for count, key in ((2, "few"), (40, "many")):
        number = await doubtful_letters(desk, mail, count, key)
        asked.clear()
        assert await broadcast.settle_all(desk, number, sent=True, by="Анна") == count
        costs.append(len(asked))
        assert await a_worker(desk).step("mail")  # what follows
    assert costs[0] == costs[1]


@pytest.mark.one_database
async def test_what_is_in_doubt_is_found_without_reading_a_million_rows(desk: Desk) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(desk.database.engine.sync_engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    async with desk.database.reading() as tx:
        await find(tx, 1, states=[UNCONFIRMED], broadcast_id=1)
        await find(tx, 1, states=[FAILED])
        await in_doubt(tx, 1, channel="mail")
        for statement, parameters in [each for each in asked if "FROM delivery" in each[0]]:
            plan = [str(tuple(row)) for row in await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert any("ix_delivery_trouble" in step for step in plan), plan


async def test_nobody_looks_for_what_does_not_exist(desk: Desk) -> None:
    with pytest.raises(UnknownAnnouncementError):
        await doubts.look(desk, 99, by="channel:wall")


async def test_of_two_workers_one_looks(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks, wall.blind = True, Deferred("not now")
    await a_doubt(desk, wall)
    clock.advance(seconds=20)
    async with desk.database.reading() as tx:
        one = await next_doubt(tx, ["wall"], clock(), since=clock() - timedelta(days=1))
    assert one is not None
    async with desk.database.writing() as tx:
        assert await put_off(tx, one, clock() + timedelta(minutes=1), clock())
    async with desk.database.writing() as tx:
        assert not await put_off(tx, one, clock() + timedelta(minutes=1), clock())


async def test_a_persons_word_during_a_look_stands(desk: Desk, wall: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    wall.looks = True
    number = await a_doubt(desk, wall)
    (one,) = await deliveries(desk, number)

    async def slowly(*_args: object, **_options: object) -> None:
        assert await broadcast.settle(desk, one.id, sent=True, by="editor")

    monkeypatch.setattr(wall, "look", slowly)
    assert (await doubts.look(desk, one.id, by="channel:wall")).sight is Sight.SETTLED
    assert await states(desk, number) == [SENT]
    assert not await a_worker(desk).step("wall")
