"""A worker that runs: its lanes, and the house that it keeps beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from delivery import broadcast
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import broadcasts, filling, queue
from delivery.worker import Worker
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, states
from tests.support.clock import Clock
from tests.support.waiting import eventually

SENT = DeliveryState.SENT


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        yield
        stop.set()


async def test_a_lane_outlives_a_bug(desk: Desk, wall: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = queue.due, iter(range(1000))

    async def stumbles(tx: Tx, channel: str, now: datetime, **options: Any) -> int | None:
        if channel == "wall" and next(calls) == 0:
            raise ZeroDivisionError("a bug of ours")
        return await real(tx, channel, now, **options)

    monkeypatch.setattr(queue, "due", stumbles)
    await a_broadcast(desk)
    worker = a_worker(desk)
    async with running(worker):
        await eventually(lambda: next(calls) > 0)
        worker.poke()
        await eventually(lambda: len(wall.sent) == 1)


async def test_a_running_worker_picks_up_what_a_dead_one_left(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await a_broadcast(desk)
    now = clock()
    async with desk.database.writing() as tx:
        assert await queue.claim(tx, "wall", limit=1, lease="dead", until=now + timedelta(seconds=60), now=now)
    clock.advance(seconds=61)
    async with running(a_worker(desk)):
        await eventually(lambda: len(wall.sent) == 1)
    assert await states(desk, number) == [SENT]


async def test_a_running_worker_takes_large_lists_in_slices(
    desk: Desk, mail: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    monkeypatch.setattr(filling.take_slice, "__kwdefaults__", {"most": 2})
    await a_list(desk, "seven", *(f"a{n}@example.org" for n in range(7)))
    number = await a_broadcast(desk, targets=["mail:seven"])
    assert await states(desk, number) == []
    async with running(a_worker(desk)):
        await eventually(lambda: len(mail.sent) == 7)
    assert await states(desk, number) == [SENT] * 7


async def test_a_worker_without_channels_keeps_house_and_ends(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk)
    await broadcast.cancel(desk, number)
    idle = Desk(desk.database, {}, clock, desk.zone)
    async with running(a_worker(idle)):
        async with asyncio.timeout(30):
            while await left_to_tidy(desk):  # noqa: ASYNC110 - nobody tells us when
                await asyncio.sleep(0.01)
    assert await states(desk, number) == [DeliveryState.CANCELLED]


async def left_to_tidy(desk: Desk) -> bool:
    async with desk.database.reading() as tx:
        return any(await broadcasts.left_to_tidy(tx))
