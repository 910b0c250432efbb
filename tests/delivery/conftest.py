"""The engine's tests run on a real database with channels that do as they are told."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from delivery.database import Database
from delivery.desk import Desk
from tests.delivery.builders import Scripted
from tests.support.clock import Clock


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_url)
    yield database
    await database.close()


@pytest.fixture
def wall() -> Scripted:
    return Scripted(address="@wall")


@pytest.fixture
def mail() -> Scripted:
    return Scripted(address=None)


@pytest.fixture
def desk(database: Database, clock: Clock, wall: Scripted, mail: Scripted) -> Desk:
    return Desk(database, {"wall": wall, "mail": mail}, clock, ZoneInfo("Europe/Moscow"))
