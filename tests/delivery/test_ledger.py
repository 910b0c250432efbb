"""Whoever writes for the others may be cut off at any moment; what they wished is written all the same."""

import asyncio
from datetime import timedelta

import pytest

from delivery.desk import Desk
from delivery.ledger import Ledger
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.store import queue
from tests.delivery.builders import a_broadcast, a_list, states

SENT = DeliveryState.SENT


@pytest.fixture
async def ledger(desk: Desk) -> Ledger:
    return Ledger(
        desk.database,
        lease="w",
        actor="w",
        windows={},
        limits=(),
        now=desk.now,
        on_settled=lambda _broadcasts: None,
        more=lambda: False,
    )


async def claimed(desk: Desk, count: int) -> tuple[int, list[Delivery]]:
    await a_list(desk, "l", *(f"a{number:03}@example.org" for number in range(count)))
    number = await a_broadcast(desk, targets=("mail:l",))
    now = desk.now()
    async with desk.database.writing() as tx:
        found = await queue.claim(tx, "mail", limit=count, lease="w", until=now + timedelta(minutes=1), now=now)
    return number, found


async def send(ledger: Ledger, one: Delivery) -> None:
    attempt = await ledger.start(one)
    assert attempt is not None
    await ledger.record(Result(one, attempt, Outcome.SENT, SENT))


async def test_many_senders_find_their_own_attempts(desk: Desk, ledger: Ledger) -> None:
    number, found = await claimed(desk, 100)
    async with asyncio.TaskGroup() as group:
        for one in found:
            group.create_task(send(ledger, one))
    assert await states(desk, number) == [SENT] * 100


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 9])
async def test_those_who_are_cut_off_leave_nobody_waiting(desk: Desk, ledger: Ledger, turns: int) -> None:
    """Half of the senders are cut off after so many turns of the loop, the leaders among them."""
    number, found = await claimed(desk, 40)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        senders = [group.create_task(send(ledger, one)) for one in found]
        for _ in range(turns):
            await asyncio.sleep(0)
        for sender in senders[: len(senders) // 2]:
            sender.cancel()
    assert (await states(desk, number)).count(SENT) >= len(found) // 2
