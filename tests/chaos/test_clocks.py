"""The machine's clock is set ahead and back by hours under running workers; and the names of all hosts are unknown for
a while. The world keeps the true time.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from delivery import broadcast, planning
from delivery.desk import Desk
from delivery.scheduler import Scheduler
from delivery.tables import broadcast as broadcasts
from delivery.tables import channel_hold
from delivery.worker import Worker
from sandbox.faults import Fault, Faults, Kind
from tests.chaos.counting import Drawn, Mishap, Stepped, a_desk, a_world, at_work, counted, left, over
from tests.chaos.outside import a_post, announced, lists_stored
from tests.support.databases import SQLITE, Databases
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("quick"), pytest.mark.sqlite]

SPEED = 30  # the world's minute is two seconds here
LETTERS = 12
MEMBERS = {"all": tuple(f"a{number}@d{number % 3}.example" for number in range(LETTERS))}
EVERYWHERE = ("tg", "vk", "mail:all")
DELIVERIES = 1 + 1 + LETTERS
LOST = (Mishap(Kind.DROPS_AFTER_REQUEST), Mishap(Kind.DROPS_BEFORE, before=True))


@pytest.mark.at_length
async def test_a_clock_that_is_stepped_by_hours(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    """With answers lost, mailboxes that ask to wait, limits, and a second worker that takes over what looks dead."""
    url, steps, drawn = databases.migrated(SQLITE, tmp_path), 40 if at_length else 2, random.Random(5)
    async with a_world(tmp_path, speed=SPEED) as world:
        clock = Stepped(world.clock)
        desks = a_desk(world, url, now=clock, seconds=2, per_minute=60), a_desk(world, url, now=clock, per_minute=60)
        async with desks[0] as desk, desks[1] as other:
            await lists_stored(desk, MEMBERS)
            faults = Drawn({"wall.post": LOST, "sendMessage": LOST}, seed=5, one_in=4, most=steps)
            world.vk.faults = world.telegram.faults = faults
            expected: dict[int, int] = {}
            async with at_work(desk, other, lease=timedelta(minutes=20)):
                for number in range(steps):
                    world.mail.faults.add("RCPT", Fault(Kind.MAKES_WAIT, match=f"a{number % LETTERS}@"))
                    tag, before = f"Весть {number}", world.mail.accepted
                    expected[await announced(desk, a_post(tag), EVERYWHERE, key=tag)] = DELIVERIES
                    await eventually(lambda: world.mail.accepted >= before + 3, within=100)  # noqa: B023
                    clock.step(timedelta(hours=drawn.choice([-5, -2, 2, 5])))
                # What waits until a moment that was set back waits for that moment, and no longer.
                clock.step(timedelta(hours=2) + max(timedelta(0), -clock.error))
                await over(desk, within=300)
            allowed = faults.happened.total() + 2 * steps * 6  # what both had on the wire at each step
            await counted(f"{steps} steps of the clock", desk, world, expected, in_flight=allowed)


@pytest.mark.parametrize("hours", [-5, 5])
async def test_what_waits_in_hand_goes_out_once_when_the_clock_is_stepped(
    databases: Databases, tmp_path: Path, hours: int
) -> None:
    """A step ahead makes leases look forgotten, while everybody who holds them is alive and has letters on the wire."""
    url = databases.migrated(SQLITE, tmp_path)
    members = {"all": [f"a{number}@d{number % 5}.example" for number in range(100)]}
    async with a_world(tmp_path) as world:
        clock = Stepped(world.clock)
        desks = a_desk(world, url, now=clock, connections=4), a_desk(world, url, now=clock, connections=4)
        async with desks[0] as desk, desks[1] as other:
            await lists_stored(desk, members)
            expected = {await announced(desk, a_post("Весть"), ["mail:all"], key="one"): 100}
            world.mail.faults.add("body", Fault(Kind.DELAYS, seconds=0.03, times=0))
            async with at_work(desk, other) as workers:
                await eventually(lambda: world.mail.accepted >= 20)
                clock.step(timedelta(hours=hours))
                while await workers[0].rescue() + await workers[1].rescue():
                    pass
                # What was due by the clock that was wrong waits until the right one says so.
                clock.step(timedelta(hours=max(0, -hours)))
                await over(desk)
            await counted(f"letters in hand, {hours:+} h", desk, world, expected, in_flight=2 * 8)


class Uneven(Faults):
    """A relay that takes its time over each letter, and never the same."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(1)

    def take(self, call: str, target: str = "") -> Fault | None:
        return Fault(Kind.DELAYS, seconds=0.2 + self._random.random() / 2) if call == "body" else None


async def test_what_a_worker_claims_a_second_time_goes_out_once(databases: Databases, tmp_path: Path) -> None:
    """Another one has put back into the queue what it still has in hand, and it takes the same once more."""
    url = databases.migrated(SQLITE, tmp_path)
    members = {"all": [f"a{number}@d{number}.example" for number in range(50)]}
    async with a_world(tmp_path) as world:
        clock = Stepped(world.clock)
        async with a_desk(world, url, now=clock, connections=4) as desk, a_desk(world, url, now=clock) as other:
            await lists_stored(desk, members)
            expected = {await announced(desk, a_post("Весть"), ["mail:all"], key="one"): 50}
            world.mail.faults = Uneven()
            async with at_work(desk):
                while world.mail.accepted < 40:
                    clock.step(timedelta(hours=1))
                    await Worker(other, name="other").rescue()
                    await asyncio.sleep(0.1)
                await over(desk)
            await counted("claimed twice by one worker", desk, world, expected, in_flight=0)


@pytest.mark.at_length
async def test_what_is_released_after_a_step_back_goes_out_at_once(databases: Databases, tmp_path: Path) -> None:
    """Whatever waits in the future that was, new words do not wait for it."""
    url = databases.migrated(SQLITE, tmp_path)
    async with a_world(tmp_path, speed=SPEED) as world:
        clock = Stepped(world.clock)
        async with a_desk(world, url, now=clock, per_minute=60, per_hour=600) as desk:
            await lists_stored(desk, MEMBERS)
            async with at_work(desk, lease=timedelta(hours=1)):
                expected = {await announced(desk, a_post("Раньше"), EVERYWHERE, key="1"): DELIVERIES}
                await over(desk)
                for hours in (-4, -7):
                    clock.step(timedelta(hours=hours))
                    tag = f"После {hours}"
                    expected[await announced(desk, a_post(tag), EVERYWHERE, key=tag)] = DELIVERIES
                    began = world.clock()
                    await over(desk)
                    assert world.clock() - began < timedelta(hours=1)
            await counted("released after a step back", desk, world, expected, in_flight=0)


async def test_a_key_that_vk_has_forgotten_is_not_repeated_by_a_clock_that_was_set_back(
    databases: Databases, tmp_path: Path
) -> None:
    """By our clock the hour has hardly begun; by VK's it has passed."""
    url = databases.migrated(SQLITE, tmp_path)
    async with a_world(tmp_path, speed=SPEED) as world:
        clock = Stepped(world.clock)
        async with a_desk(world, url, now=clock, only=("vk",)) as desk:
            world.vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST, times=1))
            expected = {await announced(desk, a_post("Весть"), ["vk"], key="1"): 1}
            async with at_work(desk, lease=timedelta(hours=1)):
                await eventually(lambda: len(world.vk.posts(101)) == 1)
                await eventually_queued(desk)
                clock.step(timedelta(hours=-3))
                await asyncio.sleep(0.5)  # the worker goes on
                world.clock.advance(timedelta(hours=3, minutes=1))
                await over(desk)
            await counted("a clock set back by three hours", desk, world, expected, in_flight=1)


async def eventually_queued(desk: Desk) -> None:
    while (await left(desk))["queued"] != 1:  # noqa: ASYNC110 - the rows tell nobody
        await asyncio.sleep(0.01)


@pytest.mark.at_length
async def test_schedules_beside_a_clock_that_is_stepped(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    """Each moment goes out once, however often the clock passes it; what it sends arrives once."""
    url, steps, drawn = databases.migrated(SQLITE, tmp_path), 30 if at_length else 3, random.Random(6)
    async with a_world(tmp_path, speed=SPEED) as world:
        clock, stop = Stepped(world.clock), asyncio.Event()
        async with a_desk(world, url, now=clock, only=("vk", "mail")) as desk:
            await lists_stored(desk, MEMBERS)
            number = await planned(desk)
            async with at_work(desk, lease=timedelta(hours=3)), asyncio.TaskGroup() as group:
                group.create_task(Scheduler(desk).run(stop))
                for _ in range(steps):
                    seen = await moments(desk, number)
                    clock.step(timedelta(hours=drawn.choice([-3, -1, 1, 4])))
                    clock.step(max(timedelta(0), timedelta(hours=-4) - clock.error))
                    await asyncio.sleep(0.7)
                    assert set(seen) <= set(await moments(desk, number))
                clock.step(max(timedelta(0), -clock.error) + timedelta(hours=8))
                while len(await moments(desk, number)) < 2:  # noqa: ASYNC110 - the rows tell nobody
                    await asyncio.sleep(0.05)
                stop.set()
            async with at_work(desk, lease=timedelta(hours=3)):
                await over(desk)
            keys = await moments(desk, number)
            assert len(keys) == len(set(keys))
            # A repeat has the same words each time, so the wall is counted by all its broadcasts together.
            await counted(
                f"{steps} steps beside a schedule, {len(keys)} moments",
                desk,
                world,
                {number: len(keys) * (1 + LETTERS)},
                in_flight=0,
            )


async def planned(desk: Desk) -> int:
    number = await broadcast.draft(desk, a_post("Приём"), author="editor", targets=["vk", "mail:all"])
    await planning.plan(desk, number, at=None, cron="0 * * * *", until=None, by="editor")
    return number


async def moments(desk: Desk, number: int) -> list[str]:
    """The keys of what the schedule has released."""
    chosen = select(broadcasts.c.release_key).where(broadcasts.c.announcement_id == number)
    async with desk.database.reading() as tx:
        return [str(row[0]) for row in await tx.execute(chosen)]


# Names


class Names:
    """What the resolver knows: three hosts of this world, unless it is out of order."""

    HOSTS = ("telegram.world.test", "vk.world.test", "relay.world.test")

    def __init__(self) -> None:
        self.known = True
        self._real: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in self.HOSTS:
            if not self.known:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return self._real(host, *arguments, **options)


@pytest.mark.at_length
async def test_names_that_nobody_knows_for_a_while(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_length: bool
) -> None:
    """Held, told of after minutes only, and gone on with by itself; nothing is in doubt."""
    url, names = databases.migrated(SQLITE, tmp_path), Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    async with a_world(tmp_path, speed=90) as world, a_desk(world, url, hosts=Names.HOSTS) as desk:
        await lists_stored(desk, MEMBERS)
        names.known, began = False, world.clock()
        expected = {await announced(desk, a_post("Весть"), EVERYWHERE, key="1"): DELIVERIES}
        async with at_work(desk, lease=timedelta(hours=3)):
            told = await told_of(desk)
            minutes = {channel: (at - began).total_seconds() / 60 for channel, at in told.items()}
            assert set(minutes) == {"tg", "vk", "mail"}
            assert min(minutes.values()) > 1.5, minutes
            assert world.public().total() == 0
            names.known = True
            await over(desk)
        async with desk.database.reading() as tx:
            assert (await tx.execute(select(channel_hold))).all() == []
        said = ", ".join(f"{channel} {after:.1f}" for channel, after in sorted(minutes.items()))
        await counted(f"names unknown, told after minutes: {said}", desk, world, expected, in_flight=0)


async def told_of(desk: Desk) -> dict[str, Any]:
    """Wait until editors would have heard of every channel; answers when they did."""
    told: dict[str, Any] = {}
    async with asyncio.timeout(100):
        while len(told) < len(desk.channels):
            async with desk.database.reading() as tx:
                news = (await tx.execute(select(channel_hold.c.channel).where(channel_hold.c.told.is_(False)))).all()
            for (channel,) in news:
                told.setdefault(channel, desk.now())
            await asyncio.sleep(0.01)
    return told
