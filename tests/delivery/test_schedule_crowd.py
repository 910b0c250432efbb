"""Several schedulers over one database, a thousand schedules due in one second, a database that goes away."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import insert, select

from channels.contract import Post
from delivery import broadcast
from delivery.database import Database
from delivery.desk import Desk
from delivery.planning import PastError
from delivery.scheduler import Scheduler
from delivery.tables import broadcast as broadcasts
from delivery.tables import schedule as schedules
from tests.delivery.plans import a_plan, all_steps, sent_out, the_schedule
from tests.support.clock import Clock
from tests.support.waiting import eventually

THOUSAND = 1_000


async def a_thousand_plans(desk: Desk, at: datetime, count: int = THOUSAND) -> list[int]:
    """Write as many schedules as planning would, by one statement; returns their announcements."""
    first = await a_plan(desk, at=at)
    async with desk.database.writing() as tx:
        one = (await tx.execute(select(schedules).where(schedules.c.id == first.schedule))).mappings().one()
    numbers = [first.announcement]
    posts = [Post(f"Приём {number}") for number in range(1, count)]
    async with desk.database.writing() as tx:
        numbers += [
            await broadcast.draft_in(tx, desk, post, author="editor", author_id=None, targets=["wall"])
            for post in posts
        ]
        like = {name: value for name, value in one.items() if name != "id"}
        await tx.execute(insert(schedules), [like | {"announcement_id": number} for number in numbers[1:]])
    return numbers


async def releases(desk: Desk) -> list[tuple[int, str]]:
    """Announcement and key of each broadcast, in the order in which they were written."""
    chosen = select(broadcasts.c.announcement_id, broadcasts.c.release_key).order_by(broadcasts.c.id)
    async with desk.database.reading() as tx:
        return [(row[0], row[1]) for row in await tx.execute(chosen)]


@asynccontextmanager
async def another_process(desk: Desk, url: str) -> AsyncIterator[Desk]:
    """What a second process has: its own connections."""
    database = Database(url)
    try:
        yield replace(desk, database=database)
    finally:
        await database.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_due_in_one_second_go_out_once_each_by_two_processes(
    desk: Desk, clock: Clock, migrated_url: str, record_property: Callable[[str, object], None]
) -> None:
    numbers = await a_thousand_plans(desk, clock() + timedelta(minutes=1))
    clock.advance(minutes=1)
    began = time.monotonic()
    async with another_process(desk, migrated_url) as other, asyncio.TaskGroup() as group:
        group.create_task(all_steps(Scheduler(desk)))
        group.create_task(all_steps(Scheduler(other)))
    seconds = time.monotonic() - began
    await all_steps(Scheduler(desk))  # what one had in hand while the other looked
    found = Counter(number for number, _ in await releases(desk))
    assert found == Counter(numbers)
    record_property("seconds", round(seconds, 1))
    print(f"two schedulers, {THOUSAND} schedules due at once, {desk.database.dialect}: {seconds:.1f} s")  # noqa: T201


async def test_one_process_releases_in_the_order_of_moments(desk: Desk, clock: Clock) -> None:
    numbers = await a_thousand_plans(desk, clock() + timedelta(minutes=1), 150)
    earlier = await a_plan(desk, at=clock() + timedelta(seconds=30))
    clock.advance(minutes=1)
    await all_steps(Scheduler(desk))
    assert [number for number, _ in await releases(desk)] == [earlier.announcement, *numbers]


async def test_others_write_while_hundreds_are_released(desk: Desk, clock: Clock) -> None:
    await a_thousand_plans(desk, clock() + timedelta(minutes=1), 200)
    clock.advance(minutes=1)
    written: list[int] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(all_steps(Scheduler(desk)))
        await eventually(lambda: True)
        while len(await releases(desk)) < 100:
            written.append(await broadcast.draft(desk, Post("новое"), author="editor", targets=["wall"]))
    assert len(written) > 3  # they took turns


async def test_two_processes_release_a_repeat_once_each_time(desk: Desk, clock: Clock, migrated_url: str) -> None:
    plans = [await a_plan(desk, cron="*/10 * * * *") for _ in range(3)]
    async with another_process(desk, migrated_url) as other:
        both = Scheduler(desk), Scheduler(other)
        for _ in range(12):
            clock.advance(minutes=10)
            await asyncio.gather(*(all_steps(one) for one in both))
            await all_steps(both[0])
    assert [await sent_out(desk, plan) for plan in plans] == [12, 12, 12]
    keys = [key for _, key in await releases(desk)]
    assert len(keys) == len(set(keys))


async def test_the_loop_is_not_held_up_by_a_long_catch_up(desk: Desk, clock: Clock) -> None:
    await a_plan(desk, cron="* * * * *")
    clock.advance(days=30)
    gaps: list[float] = []
    done = asyncio.Event()

    async def watch() -> None:
        last = time.monotonic()
        while not done.is_set():
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await all_steps(Scheduler(desk))
        done.set()
    assert len(gaps) > 10  # a thousand moments are reckoned while others go on


# A database that goes away


class Gate:
    """A door before Postgres that can be shut: what is inside is cut, who comes is refused."""

    def __init__(self, url: str) -> None:
        self._behind = str(Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432")
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = True

    @asynccontextmanager
    async def standing(self, url: str) -> AsyncIterator[str]:
        with TemporaryDirectory(prefix="gate-", dir="/tmp") as folder:  # a socket's path is short
            server = await asyncio.start_unix_server(self._pass, str(Path(folder) / ".s.PGSQL.5432"))
            try:
                yield f"{url.partition('?')[0]}?host={folder}"
            finally:
                self.shut()
                server.close()

    def shut(self) -> None:
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def open(self) -> None:
        self._open = True

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_unix_connection(self._behind)
        self._writers |= {writer, there_writer}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._copy(reader, there_writer))
            group.create_task(self._copy(there_reader, writer))
        self._writers -= {writer, there_writer}

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Scheduler]:
    """A scheduler at work."""
    stop, scheduler = asyncio.Event(), Scheduler(desk)
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        try:
            yield scheduler
        finally:
            stop.set()
            scheduler.poke()


async def released_within(desk: Desk, number: int, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not any(announcement == number for announcement, _ in await releases(desk)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_goes_on_by_itself_when_the_database_is_back(desk: Desk, migrated_url: str) -> None:
    desk = replace(desk, now=lambda: datetime.now(UTC))
    if desk.database.dialect == "sqlite":
        await _while_a_file_is_locked(desk, Path(migrated_url.removeprefix("sqlite+aiosqlite:///")))
        return
    gate = Gate(migrated_url)
    async with gate.standing(migrated_url) as url, another_process(desk, url) as cut_off, running(cut_off):
        for _ in range(3):
            before = await a_plan(desk, at=desk.now() + timedelta(seconds=1))
            await released_within(desk, before.announcement)
            gate.shut()
            meanwhile = await a_plan(desk, at=desk.now() + timedelta(seconds=1))
            await asyncio.sleep(2)
            assert await sent_out(desk, meanwhile) == 0
            gate.open()
            await released_within(desk, meanwhile.announcement)
            assert (await the_schedule(desk, meanwhile)).next_at is None


async def _while_a_file_is_locked(desk: Desk, file: Path) -> None:
    plan = await a_plan(desk, at=desk.now() + timedelta(seconds=0.2))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with running(desk):
            await asyncio.sleep(11)  # longer than a writer waits
            other.execute("ROLLBACK")
            await released_within(desk, plan.announcement)
    assert await sent_out(desk, plan) == 1


# Waking


async def test_wakes_though_its_clock_is_not_the_machines(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, at=clock() + timedelta(hours=1))
    async with running(desk):
        await asyncio.sleep(0.2)
        clock.advance(hours=1)
        await released_within(desk, plan.announcement)
        clock.advance(hours=-3)
        later = await a_plan(desk, at=clock() + timedelta(hours=1))
        clock.advance(hours=1)
        await released_within(desk, later.announcement)


async def test_is_punctual_to_a_fraction_of_its_tick(desk: Desk) -> None:
    desk = replace(desk, now=lambda: datetime.now(UTC))
    async with running(desk) as scheduler:
        for _ in range(20):  # a busy machine may be late now and then, and not every time
            at = desk.now() + timedelta(seconds=0.5)
            try:
                plan = await a_plan(desk, at=at)
            except PastError:
                continue
            scheduler.poke()
            await released_within(desk, plan.announcement)
            if desk.now() - at < timedelta(seconds=0.3):
                return
    pytest.fail("only the tick has looked")


async def test_stops_within_its_tick(desk: Desk) -> None:
    async with running(desk):
        await asyncio.sleep(0.05)
