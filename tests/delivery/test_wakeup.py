"""A word of work reaches whoever listens: soon, and again after every cut. Postgres only."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from delivery import wakeup
from delivery.database import Database, missing_limits
from delivery.store import wake
from delivery.wakeup import Listener, is_heard
from tests.support import pooler, postgres
from tests.support.cable import Cable
from tests.support.waiting import eventually

pytestmark = pytest.mark.postgres


class Ear:
    """Counts the words, the one at connecting too."""

    def __init__(self) -> None:
        self.words = 0
        self.last = 0.0

    def __call__(self) -> None:
        self.words += 1
        self.last = time.monotonic()


@asynccontextmanager
async def listening(url: str, *ears: Callable[[], None]) -> AsyncIterator[None]:
    """Each ear has a listener of its own."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for ear in ears:
            group.create_task(Listener(url, ear).run(stop))
        try:
            yield
        finally:
            stop.set()


@asynccontextmanager
async def opened(url: str, *, through_pooler: bool = False) -> AsyncIterator[Database]:
    database = Database(url, pooler=through_pooler)
    try:
        yield database
    finally:
        await database.close()


async def announced(database: Database, then: Callable[[], object] = lambda: None) -> float:
    """Announce work, and do something before that is committed; answers when it was."""
    async with database.writing() as tx:
        await wake.announce(tx)
        then()
    return time.monotonic()


def fails() -> None:
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of this file's own, which may be restarted."""
    with postgres.Server(postgres.choose()[0]) as server:
        yield server


@pytest.fixture(scope="module")
def pooled(server: postgres.Server) -> Iterator[str]:
    """The address of the same database behind a PgBouncer that gives connections for a transaction."""
    with pooler.pooling(server) as port:
        yield pooler.url(port, "postgres")


# Words


async def test_everybody_who_listens_hears_of_work(server: postgres.Server) -> None:
    ears = [Ear(), Ear()]
    async with opened(server.url()) as database, listening(server.url(), *ears):
        await eventually(lambda: [ear.words for ear in ears] == [1, 1])
        committed = await announced(database)
        await eventually(lambda: [ear.words for ear in ears] == [2, 2])
    assert max(ear.last for ear in ears) - committed < 1


async def test_work_that_was_taken_back_is_not_announced(server: postgres.Server) -> None:
    ear = Ear()
    async with opened(server.url()) as database, listening(server.url(), ear):
        await eventually(lambda: ear.words == 1)
        with pytest.raises(ZeroDivisionError):
            await announced(database, then=fails)
        await announced(database)
        await eventually(lambda: ear.words >= 2)
    assert ear.words == 2


async def test_a_transaction_announces_once_however_often_it_is_told_to(server: postgres.Server) -> None:
    said: list[str] = []
    async with opened(server.url()) as database:
        event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))
        for calls in (3, 1):
            async with database.writing() as tx:
                for _ in range(calls):
                    await wake.announce(tx)
    assert ["pg_notify" in statement for statement in said] == [True, True]


async def test_sqlite_is_told_nothing() -> None:
    async with opened("sqlite+aiosqlite://") as database, database.writing() as tx:
        await wake.announce(tx)  # which SQLite would not understand


# Cuts


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_after_a_restart_of_the_server_everybody_hears_again(server: postgres.Server, mode: str) -> None:
    ears = [Ear(), Ear()]
    async with opened(server.url()) as database, listening(server.url(), *ears):
        await eventually(lambda: [ear.words for ear in ears] == [1, 1])
        await asyncio.to_thread(server.restart, mode)
        # The new line is a word by itself: what was announced while there was none must not wait.
        await eventually(lambda: [ear.words for ear in ears] == [2, 2])
        await announced(database)
        await eventually(lambda: [ear.words for ear in ears] == [3, 3])


async def test_a_server_that_is_away_for_long_is_asked_again_and_again(server: postgres.Server) -> None:
    ear = Ear()
    server.stop()
    async with listening(server.url(), ear):
        await asyncio.sleep(1)  # two tries come to nothing
        assert ear.words == 0
        await asyncio.to_thread(server.start)
        await eventually(lambda: ear.words == 1)


async def test_a_line_that_dies_without_a_word_is_replaced(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a cable is pulled: nothing comes any more, not even the news that nothing comes."""
    monkeypatch.setattr(wakeup, "_ASK_EVERY", 0.1)
    monkeypatch.setattr(wakeup, "_ANSWER_WITHIN", 0.3)
    ear = Ear()
    async with Cable(server) as cable, listening(cable.url(), ear):
        await eventually(lambda: ear.words == 1)
        cable.pull()
        await eventually(lambda: ear.words == 2)
        async with opened(server.url()) as database:
            await announced(database)
        await eventually(lambda: ear.words == 3)


# A pooler in between


async def test_through_a_pooler_no_word_comes_but_past_it_one_does(server: postgres.Server, pooled: str) -> None:
    async with opened(pooled, through_pooler=True) as database:
        assert not await is_heard(database, pooled)
        assert await is_heard(database, server.url())


async def test_where_one_cannot_listen_is_told_from_where_nothing_is_heard(server: postgres.Server) -> None:
    async with opened(server.url()) as database:
        with pytest.raises(ConnectionError):
            await is_heard(database, "postgresql+asyncpg://rupor@127.0.0.1:9/rupor")


async def test_a_pooler_mixes_up_no_statements_of_many_at_once(server: postgres.Server, pooled: str) -> None:
    async def ask(database: Database) -> bool:
        async with database.writing() as tx:
            found = await wake.server_time(tx)
            await wake.announce(tx)
            return found.tzinfo is not None

    async with (
        opened(pooled, through_pooler=True) as one,
        opened(pooled, through_pooler=True) as other,
        asyncio.TaskGroup() as group,
    ):
        asked = [group.create_task(ask(database)) for _ in range(150) for database in (one, other)]
    assert all(task.result() for task in asked)


async def test_limits_that_a_pooler_keeps_back_are_named(server: postgres.Server, pooled: str) -> None:
    missing = {}
    for url, through_pooler in ((server.url(), False), (pooled, True)):
        async with opened(url, through_pooler=through_pooler) as database, database.reading() as tx:
            missing[through_pooler] = await missing_limits(tx)
    assert missing[False] == {}
    assert missing[True].keys() == {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"}
