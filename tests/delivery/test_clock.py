"""Everybody who works on one Postgres goes by its clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot import opening
from bot.config import load
from channels.contract import Shipment
from delivery import clock as module
from delivery.clock import DatabaseClock
from delivery.database import Database, Tx
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import wake
from tests.delivery.builders import Scripted, a_broadcast, a_worker, states
from tests.support import postgres
from tests.support.databases import POSTGRES, Databases
from tests.support.waiting import eventually

pytestmark = pytest.mark.postgres

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Server:
    """A database's clock and our counter of seconds, moved by hand. Each answer takes `way` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
        self.moment = NOON
        self.seconds = 1000.0
        self.way = 0.0
        monkeypatch.setattr(wake, "server_time", self._answer)
        self.clock = DatabaseClock(database, lambda: self.seconds)

    async def _answer(self, _tx: Tx) -> datetime:
        self.pass_by(self.way / 2)
        answer = self.moment
        self.pass_by(self.way / 2)
        return answer

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    database = Database("sqlite+aiosqlite://")  # only to have transactions
    yield Server(monkeypatch, database)
    await database.close()


async def test_time_goes_on_between_two_questions(server: Server) -> None:
    await server.clock.measure()
    server.pass_by(7)
    assert server.clock() == NOON + timedelta(seconds=7)


async def test_the_way_of_the_answer_is_allowed_for(server: Server) -> None:
    server.way = 0.5
    await server.clock.measure()
    assert abs(server.clock() - server.moment) < timedelta(milliseconds=1)


async def test_an_answer_less_exact_than_we_are_changes_nothing(server: Server) -> None:
    await server.clock.measure()
    server.way, server.moment = 4.0, server.moment + timedelta(seconds=1)
    await server.clock.measure()
    assert server.moment - server.clock() == timedelta(seconds=1)


async def test_a_clock_set_ahead_is_followed_at_once(server: Server) -> None:
    await server.clock.measure()
    server.moment += timedelta(hours=3)
    await server.clock.measure()
    assert server.clock() == server.moment


async def test_a_small_step_back_is_waited_for(server: Server) -> None:
    await server.clock.measure()
    before = server.clock()
    server.moment -= timedelta(milliseconds=300)
    await server.clock.measure()
    assert server.clock() == before
    server.pass_by(0.2)
    assert server.clock() == before
    server.pass_by(0.2)
    assert server.clock() == server.moment > before


async def test_a_clock_set_back_by_hours_is_followed_as_everybody_follows_it(server: Server) -> None:
    await server.clock.measure()
    server.clock()
    server.moment -= timedelta(hours=3)
    await server.clock.measure()
    assert server.clock() == server.moment


# On a real one


async def test_it_keeps_measuring_and_survives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ASK_EVERY", 0.02)
    with postgres.Server(postgres.choose()[0]) as server:
        database = Database(server.url())
        try:
            ahead = 0.0
            clock = await DatabaseClock.started(database, lambda: asyncio.get_running_loop().time() + ahead)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(clock.keep(stop))
                await asyncio.to_thread(server.stop)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(server.start)
                ahead = 3600.0  # as if our counter had run away
                await eventually(lambda: abs(clock() - datetime.now(UTC)) < timedelta(seconds=5))
                stop.set()
        finally:
            await database.close()


@pytest.mark.parametrize("wrong_by", [timedelta(hours=5), timedelta(hours=-5)])
async def test_a_machine_whose_clock_is_wrong_by_hours_works_rightly_beside_another(
    wrong_by: timedelta, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker five hours behind would write leases that have long ended, and another would break in."""
    kind = f"{POSTGRES}{postgres.choose()[0].major}"
    url = databases.migrated(kind, tmp_path)
    environ = {"RUPOR_DATABASE__URL": url}
    settings = load(None, environ, {})
    slow = Scripted("@wall")
    slow.hold = asyncio.Event()
    stop = asyncio.Event()
    try:
        async with opening.opened_office(settings) as right:
            monkeypatch.setattr(opening, "utc_now", lambda: datetime.now(UTC) + wrong_by)
            async with opening.opened_office(settings) as wrong:
                here = Desk(right.database, {"wall": Scripted("@wall")}, right.now, ZoneInfo("UTC"))
                there = Desk(wrong.database, {"wall": slow}, wrong.now, ZoneInfo("UTC"))
                assert abs(here.now() - there.now()) < timedelta(seconds=5)
                number = await a_broadcast(there)
                async with asyncio.TaskGroup() as group:
                    group.create_task(a_worker(there, name="wrong").run(stop))
                    await slow.on_wire.wait()
                    group.create_task(a_worker(here, name="right").run(stop))
                    await asyncio.sleep(1.5)  # time enough for the other to break in
                    assert await states(here, number) == [DeliveryState.SENDING]
                    slow.hold.set()
                    await eventually(lambda: slow.sent)
                    stop.set()
                assert await states(here, number) == [DeliveryState.SENT]
    finally:
        databases.drop(kind, url)
    assert _texts(slow.sent) == ["Заседание президиума"]


def _texts(sent: list[Shipment]) -> list[str]:
    return [shipment.part.text for shipment in sent]
