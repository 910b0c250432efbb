"""What is known and not yet written stays its worker's, however long the database refuses to take it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from delivery import lane, ledger
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import attempts, deliveries
from tests.delivery.builders import Scripted, a_broadcast, a_worker
from tests.delivery.builders import deliveries as rows_of
from tests.support.clock import Clock
from tests.support.waiting import eventually

LEASE = timedelta(seconds=60)


async def test_a_worker_ends_although_its_last_words_cannot_be_written(
    desk: Desk, wall: Scripted, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "_LAST_WORDS_SECONDS", 0.1)

    async def refused(*_arguments: Any, **_options: Any) -> list[int]:
        raise ConnectionRefusedError(111, "Connection refused")

    wall.hold = asyncio.Event()
    number, stop = await a_broadcast(desk), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(a_worker(desk).run(stop, finish_within=0.1))
        await wall.on_wire.wait()
        monkeypatch.setattr(attempts, "record", refused)
        stop.set()
    assert [one.state for one in await rows_of(desk, number)] == [DeliveryState.SENDING]
    monkeypatch.undo()
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert await a_worker(desk).rescue() == 1
    assert [one.state for one in await rows_of(desk, number)] == [DeliveryState.UNCONFIRMED]


async def test_nobody_takes_a_known_outcome_for_a_doubt(
    desk: Desk, wall: Scripted, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_RETRY_SECONDS", 0.01)
    record, room = attempts.record, asyncio.Event()

    async def refused(*arguments: Any, **options: Any) -> list[int]:
        if not room.is_set():
            raise ConnectionRefusedError(111, "Connection refused")
        return await record(*arguments, **options)

    number = await a_broadcast(desk)
    worker, other = a_worker(desk, "w1", LEASE), a_worker(desk, "w2", LEASE)
    async with asyncio.TaskGroup() as group:
        with monkeypatch.context() as patched:
            patched.setattr(attempts, "record", refused)
            sending = group.create_task(worker.step("wall"))
            await eventually(lambda: len(wall.sent) == 1)
            for _ in range(5):
                clock.advance(seconds=LEASE.total_seconds() / 2)
                await worker.renew()
                assert await other.rescue() == 0
            room.set()
            await sending
    (one,) = await rows_of(desk, number)
    assert (one.state, one.attempts) == (DeliveryState.SENT, 1)
    async with desk.database.reading() as tx:
        assert [each.outcome for each in await deliveries.attempts_of(tx, one.id)] == ["sent"]
