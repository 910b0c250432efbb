"""The database goes away in the midst of a broadcast and comes back: the worker waits, and goes on by itself.

Whatever happens, no letter goes out twice, none is lost, and what is recorded as sent was sent.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from channels.contract import Receipt, Shipment
from delivery import database as module
from delivery import schema
from delivery.database import Database, is_away
from delivery.desk import Desk
from delivery.model import DeliveryState
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries
from tests.support import pooler, postgres
from tests.support.cable import Cable
from tests.support.disks import a_disk, no_file_longer_than, root_only
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

LETTERS = 120
BEFORE = 30  # of them have left when the trouble begins
LEASE = timedelta(seconds=5)
IN_HAND = 20  # begun by one worker at a time, at most


class Relay(Scripted):
    """Takes a letter at a time, in no hurry."""

    def __init__(self) -> None:
        super().__init__(None)

    async def send(self, shipment: Shipment) -> Receipt:
        await asyncio.sleep(0.02)
        return await super().send(shipment)

    def times(self) -> Counter[str]:
        """How often each address got the letter."""
        return Counter(shipment.recipient.address for shipment in self.sent)


@asynccontextmanager
async def a_desk(url: str, relay: Relay, *, through_pooler: bool = False) -> AsyncIterator[Desk]:
    database = Database(url, pooler=through_pooler)
    try:
        await schema.upgrade(database)
        yield Desk(database, {"mail": relay}, lambda: datetime.now(UTC), ZoneInfo("Europe/Moscow"))
    finally:
        await database.close()


async def survived(desk: Desk, relay: Relay, trouble: Callable[[], Awaitable[object]]) -> Counter[DeliveryState]:
    """Send a broadcast, with trouble in its midst; answers how its deliveries ended."""
    await a_list(desk, "all", *(f"a{number}@example.org" for number in range(LETTERS)))
    number = await a_broadcast(desk, targets=["mail:all"])
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(a_worker(desk, lease=LEASE).run(stop))
        await eventually(lambda: len(relay.sent) >= BEFORE)
        await trouble()
        assert len(relay.sent) < LETTERS, "the trouble came too late"
        async with asyncio.timeout(120):
            while not await ended(desk, number):  # noqa: ASYNC110 - the worker tells only of what it has recorded
                await asyncio.sleep(0.1)
        stop.set()
    rows = {one.recipient.address: one.state for one in await deliveries(desk, number)}
    assert len(rows) == LETTERS
    assert [address for address, times in relay.times().items() if times > 1] == []
    sent = {address for address, state in rows.items() if state is DeliveryState.SENT}
    assert sent - relay.times().keys() == set(), "recorded as sent, and was not"
    found = Counter(rows.values())
    assert found[DeliveryState.SENT] + found[DeliveryState.UNCONFIRMED] == LETTERS, found
    assert found[DeliveryState.UNCONFIRMED] <= IN_HAND
    return found


async def ended(desk: Desk, number: int) -> bool:
    unfinished = {DeliveryState.QUEUED, DeliveryState.SENDING}
    try:
        return not unfinished & {one.state for one in await deliveries(desk, number)}
    except Exception as error:
        if is_away(error):
            return False
        raise


# Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of this file's own, which keeps what it has committed also when it crashes."""
    with postgres.Server(postgres.choose()[0], synchronous_commit="on") as server:
        yield server


@pytest.fixture
def base(server: postgres.Server) -> Iterator[str]:
    """The name of an empty database."""
    name = server.create()
    yield name
    server.drop(name)


@pytest.mark.postgres
@pytest.mark.parametrize("away_for", [0.0, 3.0])
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_server(server: postgres.Server, base: str, mode: str, away_for: float) -> None:
    async def restart() -> None:
        await asyncio.to_thread(server.stop, mode)
        await asyncio.sleep(away_for)
        await asyncio.to_thread(server.start)

    relay = Relay()
    async with a_desk(server.url(base), relay) as desk:
        await survived(desk, relay, restart)


@pytest.mark.postgres
async def test_a_restart_behind_a_pooler(server: postgres.Server, base: str) -> None:
    relay = Relay()
    with pooler.pooling(server) as port:
        async with a_desk(pooler.url(port, base), relay, through_pooler=True) as desk:
            await survived(desk, relay, lambda: asyncio.to_thread(server.restart, "immediate"))


@pytest.mark.postgres
async def test_a_cable_that_is_pulled(server: postgres.Server, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer comes any more: what was asked for may have been done."""
    monkeypatch.setitem(module._POSTGRES, "command_timeout", 1.0)

    async def pull() -> None:
        cable.pull()
        await asyncio.sleep(1)

    relay = Relay()
    async with Cable(server) as cable, a_desk(cable.url(base), relay) as desk:
        await survived(desk, relay, pull)


@pytest.mark.postgres
async def test_every_session_killed_again_and_again(server: postgres.Server, base: str) -> None:
    async def kill() -> None:
        for _ in range(5):
            server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{base}'")
            await asyncio.sleep(0.05)

    relay = Relay()
    async with a_desk(server.url(base), relay) as desk:
        await survived(desk, relay, kill)


# SQLite

LOCK = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(3)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is locked for seconds is given up after moments, as one locked for minutes is after seconds."""
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
async def test_a_file_locked_by_another_process(tmp_path: Path) -> None:
    async def lock() -> None:
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LOCK, str(tmp_path / "rupor.db"), stdout=asyncio.subprocess.PIPE
        )
        assert (await other.communicate())[0] == b"locked\n"

    relay = Relay()
    async with a_desk(f"sqlite+aiosqlite:///{tmp_path}/rupor.db", relay) as desk:
        await survived(desk, relay, lock)


@root_only
async def test_a_full_disk_that_has_room_again(tmp_path: Path) -> None:
    async def fill() -> None:
        ballast = disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        await asyncio.sleep(3)
        ballast.unlink()

    relay = Relay()
    with a_disk(tmp_path / "disk", "8m") as disk:
        async with a_desk(f"sqlite+aiosqlite:///{disk}/rupor.db", relay) as desk:
            await survived(desk, relay, fill)


async def test_a_file_that_may_not_grow_for_a_while(tmp_path: Path) -> None:
    async def limit() -> None:
        with no_file_longer_than((tmp_path / "rupor.db-wal").stat().st_size):
            await asyncio.sleep(3)

    relay = Relay()
    async with a_desk(f"sqlite+aiosqlite:///{tmp_path}/rupor.db", relay) as desk:
        await survived(desk, relay, limit)
