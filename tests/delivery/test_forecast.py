from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from channels.contract import Pace, Post
from delivery import broadcast, forecast, report
from delivery.desk import Desk
from tests.delivery.builders import Scripted, a_broadcast, a_list
from tests.support.clock import Clock


@pytest.fixture(autouse=True)
async def two_letters_an_hour(desk: Desk, mail: Scripted) -> None:
    mail.pace = Pace(per_hour=2)
    await a_list(desk, "five", *(f"{number}@example.org" for number in range(5)))


async def foreseen(desk: Desk, number: int) -> Mapping[str, datetime]:
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
        assert found is not None
        return await forecast.ends(tx, desk, found.broadcasts[0])


async def test_the_end_is_told_where_a_limit_keeps_letters_waiting(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk, targets=("wall", "mail:five"))
    assert await foreseen(desk, number) == {"mail": clock() + timedelta(hours=2)}


async def test_who_comes_later_waits_for_those_before_unless_it_is_urgent(desk: Desk, clock: Clock) -> None:
    await a_broadcast(desk, targets=("mail:five",))
    later = await a_broadcast(desk, targets=("mail:five",))
    urgent = await broadcast.draft(desk, Post("срочно"), author="e", targets=("mail:five",), urgent=True)
    await broadcast.release(desk, urgent, by="e")
    assert await foreseen(desk, later) == {"mail": clock() + timedelta(hours=7)}
    assert await foreseen(desk, urgent) == {"mail": clock() + timedelta(hours=2)}


async def test_nobody_knows_when_what_is_paused_will_have_left(desk: Desk) -> None:
    number = await a_broadcast(desk, targets=("mail:five",))
    await broadcast.pause(desk, number)
    assert await foreseen(desk, number) == {}


async def test_an_end_within_the_minute_is_not_worth_a_word(desk: Desk) -> None:
    async with desk.database.reading() as tx:
        assert await forecast.would_end(tx, desk, {"mail": 2, "wall": 1}) == {}
        assert list(await forecast.would_end(tx, desk, {"mail": 3, "wall": 1})) == ["mail"]
