"""The bot's tests run on a real database; where the storage is not the point, on SQLite alone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
import structlog.testing

from tests.bot.newsroom import Newsroom, newsroom
from tests.support.databases import SQLITE, Databases


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """No pages of traceback on the way of a test that provokes one."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def url(databases: Databases, tmp_path: Path) -> str:
    """An SQLite database with the present schema."""
    return databases.migrated(SQLITE, tmp_path)


@pytest.fixture
async def room(url: str) -> AsyncIterator[Newsroom]:
    """The bot at work with two editors, one administrator, a wall and letters."""
    async with newsroom(url) as room:
        yield room
