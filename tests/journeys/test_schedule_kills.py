"""Schedulers that are killed: at every statement of a release, and at random while a hundred repeats run.

The processes are real and end by SIGKILL. They are forked from one that has everything loaded (this file, run as a
program), so that hundreds of them cost seconds.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select

from channels.contract import Channel, Post
from channels.rehearsal import RehearsalChannel, Settings
from delivery import broadcast, planning
from delivery.database import Database
from delivery.desk import Desk
from delivery.scheduler import Scheduler
from delivery.store import schedules as store
from delivery.tables import broadcast as broadcasts
from delivery.tables import delivery as deliveries
from delivery.tables import occurrence, schedule

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Europe/Moscow")
START = datetime(2026, 11, 24, 9, tzinfo=UTC)
RANDOM_KILLS = 30
SPEED = 240.0  # minutes of the schedules' time in one of ours
PLANS = 10


# The program that is killed


def a_desk(url: str, now: Any) -> Desk:
    channels: dict[str, Channel] = {"wall": RehearsalChannel("wall", Settings(address="@wall"))}
    return Desk(Database(url), channels, now, ZONE)


async def _release(job: dict[str, Any]) -> None:
    """Step until nothing is due. With `die_at`, end by SIGKILL at that event of the database's driver."""
    moment = datetime.fromisoformat(job["now"])
    desk = a_desk(job["url"], lambda: moment)
    countdown = job.get("die_at", 0)

    def pass_by(*_args: Any) -> None:
        nonlocal countdown
        countdown -= 1
        if countdown == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if countdown:
        for name in ("begin", "before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(desk.database.engine.sync_engine, name, pass_by)
    scheduler = Scheduler(desk)
    while await scheduler.step():
        pass
    await desk.database.close()


async def _go_on(job: dict[str, Any]) -> None:
    """Run as the service does, with a clock that runs fast, until killed."""
    began = time.time()
    epoch = datetime.fromisoformat(job["now"])
    desk = a_desk(job["url"], lambda: epoch + timedelta(seconds=(time.time() - began) * SPEED))
    scheduler = Scheduler(desk)
    while True:
        if not await scheduler.step():
            await asyncio.sleep(0.02)


def serve() -> None:
    """Fork a process for each line of input, and say how it ended."""
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                sys.stdout = sys.stderr  # the parent's answers go out by the other
                asyncio.run(_go_on(job) if "kill_after" in job else _release(job))
                code = 0
            finally:
                os._exit(code)
        if "kill_after" in job:
            time.sleep(job["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


# The one who kills


class Victims:
    """Starts processes one after another, through one that has everything loaded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, **job: Any) -> int:
        """Return the exit code; -9 after a SIGKILL."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Victims]:
    with subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Victims(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def victims() -> Iterator[Victims]:
    with nursery() as victims:
        yield victims


async def planned(url: str, cron: str, count: int = 1) -> None:
    desk = a_desk(url, lambda: START)
    for number in range(count):
        one = await broadcast.draft(desk, Post(f"Приём {number}"), author="editor", targets=["wall"])
        await planning.plan(desk, one, cron=cron, by="editor")
    await desk.database.close()


class Written:
    """What stands in the database."""

    def __init__(self, **rows: list[Any]) -> None:
        self.occurrences = rows["occurrences"]
        self.broadcasts = rows["broadcasts"]
        self.deliveries = rows["deliveries"]
        self.schedules = rows["schedules"]

    def contradictions(self) -> list[str]:
        """What must never be seen, whenever somebody died."""
        released = [row for row in self.occurrences if row.state == "released"]
        owners = Counter(row.broadcast_id for row in self.deliveries)
        found = []
        if any(row.broadcast_id is None for row in released):
            found.append("released without a broadcast")
        if sorted(row.broadcast_id for row in released) != sorted(row.id for row in self.broadcasts):
            found.append("broadcasts and occurrences differ")
        if any(owners[row.id] != 1 for row in self.broadcasts):
            found.append("a broadcast without its delivery, or with two")
        if any(row.broadcast_id is not None for row in self.occurrences if row.state != "released"):
            found.append("missed, and yet sent")
        latest = {row.schedule_id: row.local_moment for row in sorted(self.occurrences, key=lambda row: row.at)}
        if any(row.next_local <= latest[row.id] for row in self.schedules if row.id in latest):
            found.append("has not moved on from what is done")
        return found


async def written(url: str) -> Written:
    database = Database(url)
    async with database.reading() as tx:
        found = {
            "occurrences": list(await tx.execute(select(occurrence))),
            "broadcasts": list(await tx.execute(select(broadcasts))),
            "deliveries": list(await tx.execute(select(deliveries.c.id, deliveries.c.broadcast_id))),
            "schedules": list(await tx.execute(select(schedule))),
        }
    await database.close()
    return Written(**found)


async def test_killed_at_each_statement_of_a_release_in_turn(
    victims: Victims, migrated_url: str, record_property: Any
) -> None:
    """Three moments of a repeat: two that are missed and one that is made up for, and a kill at every turn."""
    await planned(migrated_url, "*/20 * * * *")
    now, kills, seen = START, 0, Counter[int]()
    for die_at in range(1, 500):
        now += timedelta(hours=1)
        ended = await asyncio.to_thread(victims.run, url=migrated_url, now=now.isoformat(), die_at=die_at)
        after = await written(migrated_url)
        assert after.contradictions() == []
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        kills += 1
        seen[len(after.broadcasts)] += 1
        assert await asyncio.to_thread(victims.run, url=migrated_url, now=now.isoformat()) == 0
        healed = await written(migrated_url)
        assert healed.contradictions() == []
        assert (len(healed.broadcasts), len(healed.occurrences)) == (kills, 3 * kills)
    else:
        pytest.fail("never ended clean")
    assert kills > 20
    record_property("kills", kills)


async def killed_again_and_again(victims: Victims, url: str, seed: int, *, alone: bool) -> datetime:
    """Kill a running scheduler at random moments; returns the time by its clock."""
    chance, now = random.Random(seed), START
    for _ in range(RANDOM_KILLS):
        alive = chance.uniform(0.05, 0.5)
        ended = await asyncio.to_thread(victims.run, url=url, now=now.isoformat(), kill_after=alive)
        assert ended == -signal.SIGKILL
        now += timedelta(seconds=alive * SPEED)
        if alone:
            assert (await written(url)).contradictions() == []
    return now


async def nothing_lost_doubled_or_silent(url: str) -> None:
    after = await written(url)
    assert after.contradictions() == []
    assert len(after.broadcasts) > PLANS
    for each in after.schedules:
        moments = sorted(row.local_moment for row in after.occurrences if row.schedule_id == each.id)
        assert moments == [moments[0] + n * timedelta(minutes=1) for n in range(len(moments))]
        assert each.next_local == moments[-1] + timedelta(minutes=1)
    database = Database(url)
    async with database.writing() as tx:
        told = await store.untold(tx)
    await database.close()
    assert sum(news.count for news in told) == sum(row.state == "missed" for row in after.occurrences)


@pytest.mark.one_database
async def test_killed_at_random_while_repeats_run(victims: Victims, migrated_url: str) -> None:
    await planned(migrated_url, "* * * * *", PLANS)
    now = await killed_again_and_again(victims, migrated_url, 5, alone=True)
    assert await asyncio.to_thread(victims.run, url=migrated_url, now=now.isoformat()) == 0
    await nothing_lost_doubled_or_silent(migrated_url)


async def test_two_killed_at_random_over_one_database(victims: Victims, migrated_url: str) -> None:
    await planned(migrated_url, "* * * * *", PLANS)
    with nursery() as others:
        ends = await asyncio.gather(
            killed_again_and_again(victims, migrated_url, 1, alone=False),
            killed_again_and_again(others, migrated_url, 2, alone=False),
        )
    assert await asyncio.to_thread(victims.run, url=migrated_url, now=max(ends).isoformat()) == 0
    await nothing_lost_doubled_or_silent(migrated_url)


if __name__ == "__main__":
    serve()
