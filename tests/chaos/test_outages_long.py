"""The database goes away again and again while two workers deliver mixed broadcasts: restarts, a network that drops,
stalls and cuts, a file that another process has locked, a disk that is full for a while.

One outage at a time stands in tests/delivery/test_outages.py.
"""

import asyncio
import gc
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from delivery import database as module
from delivery import schema
from delivery.desk import Desk
from tests.chaos.counting import a_desk, a_world, at_work, counted, over
from tests.chaos.outside import Outside, a_post, announced, lists_stored
from tests.chaos.unsteady import Unsteady
from tests.support import postgres
from tests.support.databases import SQLITE, Databases
from tests.support.disks import a_disk, no_file_longer_than, root_only
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("quick"),
    # A connection that breaks while SQLAlchemy makes it ready is left to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SPEED = 10  # the world's minute is six seconds here
LEASE = timedelta(minutes=30)
LETTERS = 40
MEMBERS = {"all": tuple(f"a{number}@d{number % 7}.example" for number in range(LETTERS))}
DELIVERIES = 1 + 1 + LETTERS
SENDERS = 2 * (1 + 1 + 4)  # of two workers: what may be on the wire at once
Trouble = Callable[[], Awaitable[object]]


@asynccontextmanager
async def two_workers(
    folder: Path, url: str, *, through: str = "", speed: float = SPEED, lease: timedelta = LEASE
) -> AsyncIterator[tuple[Outside, Desk]]:
    """Two workers on databases of their own, and a desk beside them that nothing troubles."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(a_world(folder, speed=speed))
        quiet, one, two = [
            await stack.enter_async_context(a_desk(world, each)) for each in (url, through or url, through or url)
        ]
        await lists_stored(quiet, MEMBERS)
        await stack.enter_async_context(at_work(one, two, lease=lease))
        yield world, quiet
    gc.collect()


async def troubled(world: Outside, desk: Desk, rounds: int, trouble: Trouble, *, pause: float = 0.5) -> dict[int, int]:
    """Announce something in each round, and let trouble come when a part of it has left."""
    expected: dict[int, int] = {}
    drawn = random.Random(rounds)
    for number in range(rounds):
        before = world.mail.accepted
        targets = ["tg", "vk", "mail:all"]
        expected[await announced(desk, a_post(f"Весть {number}"), targets, key=f"post {number}")] = DELIVERIES
        some = drawn.randrange(1, LETTERS * 3 // 4)
        await eventually(lambda: world.mail.accepted >= before + some)  # noqa: B023 - awaited here
        await trouble()
        await asyncio.sleep(drawn.random() * pause)
    await over(desk, within=300)
    return expected


# Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of this file's own, which keeps what it has committed also when it crashes."""
    with postgres.Server(postgres.choose()[0], synchronous_commit="on") as server:
        yield server


@pytest.fixture
def base(server: postgres.Server, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The name of a database with the present schema."""
    name = server.create()
    asyncio.run(_migrated(server.url(name)))
    yield name
    server.drop(name)


async def _migrated(url: str) -> None:
    database = module.Database(url)
    try:
        await schema.upgrade(database)
    finally:
        await database.close()


@pytest.mark.postgres
async def test_restarts_of_the_server(server: postgres.Server, base: str, tmp_path: Path, at_length: bool) -> None:
    rounds, drawn = 50 if at_length else 3, random.Random(1)
    modes = iter(["fast", "immediate"] * rounds)

    async def restart() -> None:
        await asyncio.to_thread(server.stop, next(modes))
        await asyncio.sleep(drawn.choice([0.0, 0.0, 0.3, 1.0]))
        await asyncio.to_thread(server.start)

    async with two_workers(tmp_path, server.url(base)) as (world, desk):
        expected = await troubled(world, desk, rounds, restart)
        await counted(f"{rounds} restarts of Postgres", desk, world, expected, in_flight=0)


@pytest.mark.postgres
async def test_an_unsteady_network(
    server: postgres.Server, base: str, tmp_path: Path, at_length: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are cut, stall, or fall silent; some just as the answer to a COMMIT is on its way."""
    monkeypatch.setitem(module._POSTGRES, "timeout", 1.0)
    monkeypatch.setitem(module._POSTGRES, "command_timeout", 1.0)
    rounds = 40 if at_length else 1
    async with Unsteady(server, seed=7) as network:
        url, quiet = network.url(base), server.url(base)
        # What was claimed by a COMMIT whose answer is lost waits for the end of its lease.
        work = two_workers(tmp_path, quiet, through=url, speed=1, lease=timedelta(seconds=4))
        async with work as (world, desk), a_desk(world, url) as person:
            expected: dict[int, int] = {}
            for number in range(rounds):
                network.worry(one_in=60, most=6)
                tag = f"Весть {number}"
                made = await announced(person, a_post(tag), ["tg", "vk", "mail:all"], key=tag, patience=100)
                expected[made] = DELIVERIES
                await eventually(lambda: network.calm, within=100)
            await over(desk, within=300)
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(network.mishaps.items()))
            await counted(f"a network with {told}", desk, world, expected, in_flight=SENDERS)
    assert network.mishaps["commit unanswered"] > 0


@root_only
@pytest.mark.postgres
async def test_a_full_disk_of_postgres(server: postgres.Server, tmp_path: Path, at_length: bool) -> None:
    """Its tables and their indexes lie on a small disk of their own; the log of what was committed does not."""
    rounds = 5 if at_length else 1
    with a_disk(server.folder / "small", "40m", owner=postgres.UNPRIVILEGED) as disk:
        server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        name = "on_a_small_disk"
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 TABLESPACE small")
        await _migrated(server.url(name))
        try:
            async with two_workers(tmp_path, server.url(name)) as (world, desk):
                expected = await troubled(world, desk, rounds, lambda: filled_up(disk))
                await counted(f"{rounds} times a full disk of Postgres", desk, world, expected, in_flight=0)
        finally:
            server.drop(name)
            server.execute("DROP TABLESPACE small")


# SQLite

LOCK = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.sqlite
async def test_a_file_that_another_process_has_locked(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    """For a minute: longer than the driver waits, and as long as a lease lasts."""
    url, seconds = databases.migrated(SQLITE, tmp_path), 65 if at_length else 2

    async def lock() -> None:
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LOCK, str(tmp_path / "rupor.db"), str(seconds), stdout=asyncio.subprocess.PIPE
        )
        assert (await other.communicate())[0] == b"locked\n"

    async with two_workers(tmp_path, url, speed=1, lease=timedelta(seconds=60)) as (world, desk):
        expected = await troubled(world, desk, 3 if at_length else 1, lock)
        await counted(f"locked by another for {seconds} s", desk, world, expected, in_flight=SENDERS)


async def filled_up(disk: Path) -> None:
    """Leave no room for a while."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    await asyncio.sleep(1)
    ballast.unlink()


@root_only
@pytest.mark.sqlite
async def test_a_disk_that_is_full_for_a_while(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    rounds = 20 if at_length else 1
    with a_disk(tmp_path / "disk", "12m") as disk:
        url = databases.migrated(SQLITE, disk)
        async with two_workers(tmp_path, url) as (world, desk):
            expected = await troubled(world, desk, rounds, lambda: filled_up(disk))
            await counted(f"{rounds} times a full disk", desk, world, expected, in_flight=0)


@pytest.mark.sqlite
async def test_files_that_may_not_grow_for_a_while(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    """As on a disk that is full, where nobody may mount one."""
    rounds, url = 20 if at_length else 1, databases.migrated(SQLITE, tmp_path)

    async def limit() -> None:
        with no_file_longer_than((tmp_path / "rupor.db-wal").stat().st_size):
            await asyncio.sleep(1)

    async with two_workers(tmp_path, url) as (world, desk):
        expected = await troubled(world, desk, rounds, limit)
        await counted(f"{rounds} times no room for a file", desk, world, expected, in_flight=0)
