"""Workers killed at random moments, again and again, while mixed broadcasts are under way.

`make chaos` kills a thousand times on each database; `make test` does it in a short form. Several workers share one
Postgres, two share one SQLite file. In the end a worker that lives goes on until nothing is left.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from delivery.desk import Desk
from delivery.model import Outcome
from delivery.tables import attempt, delivery
from sandbox.faults import Fault, Kind
from tests.chaos.nursery import Child, Nursery, a_nursery
from tests.chaos.outside import (
    GREY,
    LETTERS,
    Outside,
    a_post,
    an_outside,
    announced,
    in_flight,
    judged,
    last_words,
    lists_stored,
)
from tests.chaos.place import Place, deliver, opened_desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400), pytest.mark.usefixtures("quick")]

WORKERS = {"sqlite": 2, "postgresql": 3}
LONGEST_LIFE = 1.2  # seconds after being ready
SPEED = 10.0  # so many seconds of the workers pass in one of ours: a lease, a minute's limit, a pause
ENOUGH = 40  # deliveries that wait; then no more is announced
_UNFINISHED = select(func.count()).where(delivery.c.state.in_(["queued", "sending"]))


@dataclass
class Siege:
    """What is going on, and what has been counted."""

    outside: Outside
    desk: Desk
    nursery: Nursery
    place: Place
    kills: int
    chance: random.Random
    killed: int = 0
    flying: int = 0
    deaths: dict[str, datetime] = field(default_factory=dict)
    _alive: int = 0
    expected: dict[int, int] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def announce(self) -> None:
        """Keep broadcasts under way: long and short ones, with and without a picture, to all or to some."""
        while not self.over.is_set():
            if await self._waiting() < ENOUGH:
                number = len(self.expected) + 1
                self.outside.mail.faults.clear("RCPT")
                self.outside.mail.faults.add("RCPT", Fault(Kind.MAKES_WAIT, match=GREY))
                picture = number % 3 == 0
                long = number % 5 == 0
                post = a_post(f"Рассылка {number}", length=5000 if long else 0, picture=number + 20 if picture else 0)
                targets = ["mail:one", "mail:two", *(["tg", "vk"] if number % 2 else ["vk"])]
                found = await announced(self.desk, post, targets, key=f"siege {number}")
                parts = (2 if long else 1) + (1 if long and picture else 0)
                self.expected[found] = LETTERS + 1 + (parts if "tg" in targets else 0)
            await asyncio.sleep(0.02)

    async def _waiting(self) -> int:
        async with self.desk.database.reading() as tx:
            return int((await tx.execute(_UNFINISHED)).scalar_one())

    async def besiege(self) -> None:
        """One worker after the other, each killed at a random moment of its life."""
        while self.killed + self._alive < self.kills:
            self._alive += 1
            child = await self.nursery.start(self.place, point="")
            await self.nursery.is_ready(child)
            await asyncio.sleep(self.chance.uniform(0, LONGEST_LIFE))
            self.deaths[child.name] = self.outside.clock()
            child.kill()
            assert await child.ended() == -9, self.nursery.told()
            self._alive -= 1
            self.killed += 1
            left = await self._left_by(child)  # first: another's death may be counted while this one waits
            self.flying += left

    async def _left_by(self, child: Child) -> int:
        """Count what it had in flight: at once, before anybody picks it up, and when its last COMMIT has ended."""
        at_once = await in_flight(self.desk, child.name)
        await last_words(self.desk)
        return max(at_once, await in_flight(self.desk, child.name))

    async def lost_alive(self) -> int:
        """Count what was on the wire of a living worker when its lease ended: it had stood still for too long."""
        rescued = select(attempt.c.actor, attempt.c.ended_at).where(attempt.c.outcome == Outcome.UNCONFIRMED)
        async with self.desk.database.reading() as tx:
            return sum(at < self.deaths[name] for name, at in await tx.execute(rescued) if name in self.deaths)


async def test_killed_again_and_again(
    migrated_url: str, tmp_path: Path, at_length: bool, count: Callable[[str], None]
) -> None:
    began = time.monotonic()
    async with an_outside(tmp_path) as outside, a_nursery(tmp_path) as nursery:
        place = outside.place(migrated_url)
        async with opened_desk(place) as desk:
            await lists_stored(desk)
            siege = Siege(outside, desk, nursery, place, 1000 if at_length else 15, random.Random(20261124))
            outside.clock.go_at(SPEED)
            async with asyncio.TaskGroup() as group:
                announcing = group.create_task(siege.announce())
                async with asyncio.TaskGroup() as workers:
                    for _ in range(WORKERS[desk.database.dialect]):
                        workers.create_task(siege.besiege())
                siege.over.set()
                await announcing
            outside.clock.go_at(1)
            complaints: list[str] = []
            assert await deliver(desk, "survivor", jumps=2000, complaints=complaints)
            verdict = await judged(desk, outside, siege.expected)
            flying = siege.flying + await siege.lost_alive()
        assert outside.violations() == []
    took = time.monotonic() - began
    count(f"{siege.killed:,} kills, {verdict.line()} (in flight {flying}), {took:.0f} s")
    assert (verdict.fault, complaints) == ([], [])
    assert verdict.unconfirmed <= flying
