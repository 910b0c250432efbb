"""Limits counted from attempts: the same as counting by hand, over restarts, clocks and workers that start at once."""

import asyncio
from bisect import insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from delivery.database import Database, Tx
from delivery.desk import Desk
from delivery.model import Delivery
from delivery.pace import Limit
from delivery.store import attempts, limits, queue
from delivery.store.limits import Room
from delivery.tables import attempt, delivery
from tests.delivery.builders import Scripted, a_broadcast, a_list
from tests.support.clock import START, Clock

SECOND = timedelta(seconds=1)
LIMITS = st.builds(lambda most, seconds: Limit(most, seconds * SECOND), st.integers(1, 5), st.integers(5, 60))
PASTS = st.lists(st.integers(0, 90), max_size=10)


async def remember(tx: Tx, seconds_ago: Sequence[int], channel: str = "wall", now: datetime = START) -> None:
    one = (await tx.execute(select(delivery.c.id).limit(1))).scalar_one()
    for ago in seconds_ago:
        values = {"delivery_id": one, "channel": channel, "number": 1, "detail": "", "actor": "w"}
        await tx.execute(insert(attempt).values(values | {"started_at": now - ago * SECOND}))


def may_start(starts: Sequence[datetime], rules: Sequence[Limit], at: datetime) -> bool:
    return all(sum(at - one.span < start <= at for start in starts) < one.most for one in rules)


def next_start(starts: Sequence[datetime], rules: Sequence[Limit], now: datetime) -> datetime:
    moments = sorted({now, *(start + one.span for start in starts for one in rules)})
    return next(at for at in moments if at >= now and may_start(starts, rules, at))


def played(past: Sequence[datetime], rules: Sequence[Limit], count: int, now: datetime) -> list[datetime]:
    """Start as many, each as soon as the rules let it, and return when."""
    starts, made, at = sorted(past), [], now
    for _ in range(count):
        at = next_start(starts, rules, at)
        insort(starts, at)
        made.append(at)
    return made


@given(past=PASTS, rules=st.lists(LIMITS, min_size=1, max_size=3), wanted=st.integers(1, 8), waiting=st.integers(1, 15))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def compare(runner: asyncio.Runner, desk: Desk, past: list[int], rules: list[Limit], wanted: int, waiting: int) -> None:
    async def ask() -> tuple[Room, datetime | None]:
        async with desk.database.writing() as tx:
            await tx.execute(delete(attempt))
            await remember(tx, past)
            await remember(tx, [0] * 9, channel="another")
            found = await limits.room(tx, "wall", rules, wanted, START)
            return found, await limits.last_leaves_at(tx, "wall", rules, waiting, START)

    found, last = runner.run(ask())
    starts = [START - ago * SECOND for ago in past]
    made = played(starts, rules, max(wanted, waiting), START)
    assert max(0, found.count) == sum(at == START for at in made[:wanted])
    assert found.opens_at == (None if found.count > 0 else made[0])
    assert last is not None
    assert last <= made[waiting - 1] < last + (max(one.span for one in rules) if len(rules) > 1 else SECOND)


def test_room_and_the_last_start_are_what_playing_it_through_gives(migrated_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(migrated_url)
        desk = Desk(database, {"wall": Scripted("@wall")}, Clock(), ZoneInfo("UTC"))
        try:
            runner.run(a_broadcast(desk))
            compare(runner, desk)
        finally:
            runner.run(database.close())


@pytest.mark.parametrize(
    ("rules", "waiting", "hours"),
    [
        ([Limit(200, timedelta(hours=1))], 200, 0),
        ([Limit(200, timedelta(hours=1))], 201, 1),
        ([Limit(500, timedelta(days=1))], 1_000_000, 1999 * 24),
        ([Limit(200, timedelta(hours=1)), Limit(500, timedelta(days=1))], 500, 2),
        ([Limit(200, timedelta(hours=1)), Limit(500, timedelta(days=1))], 501, 24),
        ([Limit(200, timedelta(hours=1)), Limit(500, timedelta(days=1))], 1000, 26),
    ],
)
async def test_the_last_letter_of_many_leaves_when_the_limits_let_it(
    desk: Desk, rules: list[Limit], waiting: int, hours: int
) -> None:
    async with desk.database.reading() as tx:
        last = await limits.last_leaves_at(tx, "wall", rules, waiting, START)
    assert last == START + timedelta(hours=hours)


async def test_without_limits_or_letters_nothing_is_said(desk: Desk) -> None:
    async with desk.database.reading() as tx:
        assert await limits.last_leaves_at(tx, "wall", [], 5, START) is None
        assert await limits.last_leaves_at(tx, "wall", [Limit(1, SECOND)], 0, START) is None


async def test_a_clock_put_back_a_little_does_not_open_the_gate(desk: Desk) -> None:
    await a_broadcast(desk)
    hour = [Limit(3, timedelta(hours=1))]
    async with desk.database.writing() as tx:
        await remember(tx, [0, 1, 2])
        back = await limits.room(tx, "wall", hour, 5, START - timedelta(minutes=30))
        ahead = await limits.room(tx, "wall", hour, 5, START + timedelta(minutes=61))
    assert back == Room(0, START - 2 * SECOND + timedelta(hours=1))
    assert ahead == Room(3)


async def test_a_clock_put_back_far_does_not_close_the_channel_for_years(desk: Desk) -> None:
    await a_broadcast(desk)
    async with desk.database.writing() as tx:
        await remember(tx, [0, 1, 2])
        found = await limits.room(tx, "wall", [Limit(3, timedelta(hours=1))], 5, START - timedelta(days=900))
    assert found == Room(3)


async def claimed(desk: Desk, lease: str, most: int) -> list[Delivery]:
    async with desk.database.writing() as tx:
        until = desk.now() + timedelta(minutes=1)
        return await queue.claim(tx, "mail", limit=most, lease=lease, until=until, now=desk.now())


async def start(desk: Desk, lease: str, group: Sequence[Delivery], rules: Sequence[Limit]) -> int:
    async with desk.database.writing() as tx:
        opened = await attempts.start(tx, group, lease=lease, actor=lease, windows={}, now=desk.now(), limits=rules)
        return len(opened)


async def test_workers_that_start_at_once_stay_within_the_limit_together(desk: Desk) -> None:
    await a_list(desk, "l", *(f"{number}@x.ru" for number in range(60)))
    await a_broadcast(desk, targets=("mail:l",))
    rules = [Limit(7, timedelta(hours=1)), Limit(20, timedelta(days=1))]
    hands = [(f"w{number}", await claimed(desk, f"w{number}", 10)) for number in range(6)]
    async with asyncio.TaskGroup() as group:
        begun = [group.create_task(start(desk, lease, its, rules)) for lease, its in hands]
    assert sum(each.result() for each in begun) == 7


async def test_limits_are_remembered_over_a_restart(desk: Desk, clock: Clock, migrated_url: str) -> None:
    await a_list(desk, "l", *(f"{number}@x.ru" for number in range(20)))
    await a_broadcast(desk, targets=("mail:l",))
    rules = [Limit(5, timedelta(hours=1))]
    assert await start(desk, "before", await claimed(desk, "before", 10), rules) == 5
    again = Database(migrated_url)
    try:
        later = Desk(again, desk.channels, clock, desk.zone)
        clock.advance(minutes=59)
        assert await start(later, "after", await claimed(later, "after", 10), rules) == 0
        clock.advance(minutes=1)
        assert await start(later, "after", await claimed(later, "after", 10), rules) == 5
    finally:
        await again.close()


async def test_what_is_beyond_the_limit_goes_back_and_counts_as_no_attempt(desk: Desk) -> None:
    await a_list(desk, "l", "a@x.ru", "b@x.ru", "c@x.ru")
    await a_broadcast(desk, targets=("mail:l",))
    assert await start(desk, "w", await claimed(desk, "w", 3), [Limit(1, timedelta(hours=1))]) == 1
    assert [one.attempts for one in await claimed(desk, "w", 3)] == [0, 0]
