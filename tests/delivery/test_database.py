"""The database as a place to connect to, and the failures that pass by themselves: real ones, where they can be had.

After each failure the same Database works on.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from delivery import database as module
from delivery.database import Database, Tx, is_away, is_unreachable
from delivery.tables import delivery
from tests.support import postgres
from tests.support.cable import Cable
from tests.support.clock import START
from tests.support.disks import a_disk, no_file_longer_than, remount, root_only


async def test_a_failed_connection_leaves_no_thread_that_outlives_the_loop(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/nowhere/rupor.db")
    before = set(threading.enumerate())
    with pytest.raises(OperationalError) as caught:
        async with database.reading():
            pass
    assert is_unreachable(caught.value)
    assert [thread for thread in set(threading.enumerate()) - before if "asyncio" not in thread.name] == []
    await database.close()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def run(database: Database, *statements: str) -> Any:
    """Run statements in one transaction; answers the last one's value."""
    async with database.writing() as tx:
        return await run_in(tx, *statements)


async def run_in(tx: Tx, *statements: str) -> Any:
    for statement in statements:
        result = await tx.execute(text(statement))
    return result.scalar() if result.returns_rows else None


async def failure_of(database: Database, *statements: str) -> BaseException:
    with pytest.raises((DBAPIError, OSError)) as caught:
        await run(database, *statements)
    return caught.value


async def failure_later(
    transaction: AbstractAsyncContextManager[Tx], before: list[str], meanwhile: Awaitable[object], after: str
) -> BaseException:
    """Begin with some statements, let something happen, and go on in the same transaction."""

    async def go() -> None:
        async with transaction as tx:
            await run_in(tx, *before)
            await meanwhile
            await run_in(tx, after)

    with pytest.raises((DBAPIError, OSError)) as caught:
        await go()
    return caught.value


async def goes_on(database: Database) -> bool:
    return bool(await run(database, "SELECT 1") == 1)


def code_of(error: BaseException) -> str:
    said = getattr(error, "orig", error)
    return getattr(said, "sqlstate", None) or getattr(said, "sqlite_errorname", None) or type(said).__name__


# Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of this file's own: it is stopped, crashed and kept from starting."""
    with postgres.Server(postgres.choose()[0]) as server:
        server.execute("CREATE TABLE word (id integer PRIMARY KEY, said text)")
        server.execute("INSERT INTO word VALUES (1, 'a'), (2, 'b')")
        server.execute("CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
        yield server


@pytest.fixture
async def database(server: postgres.Server) -> AsyncIterator[Database]:
    async with opened(server.url()) as database:
        yield database


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statements", "code"),
    [
        (["SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(10)"], "57014"),
        (["SELECT pg_terminate_backend(pg_backend_pid())"], "57P01"),
        (["SET TRANSACTION READ ONLY", "DELETE FROM word"], "25006"),
        (["SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)"], "57014"),
    ],
)
async def test_what_the_server_ends_by_itself(database: Database, statements: list[str], code: str) -> None:
    error = await failure_of(database, *statements)
    assert code_of(error) in {code, "08003", "ConnectionDoesNotExistError"}
    assert is_away(error)
    assert await goes_on(database)


@pytest.mark.postgres
async def test_a_row_that_another_holds(database: Database) -> None:
    async with database.writing() as tx:
        await run_in(tx, "UPDATE word SET said = 'c' WHERE id = 1")
        error = await failure_of(database, "SET LOCAL lock_timeout = '50ms'", "DELETE FROM word WHERE id = 1")
    assert (code_of(error), is_away(error)) == ("55P03", True)
    assert await goes_on(database)


@pytest.mark.postgres
async def test_two_that_wait_for_each_other(database: Database) -> None:
    async def take(first: int, second: int, both: asyncio.Barrier) -> BaseException | None:
        try:
            async with database.writing() as tx:
                await run_in(tx, "SET LOCAL deadlock_timeout = '50ms'", f"DELETE FROM word WHERE id = {first}")
                await both.wait()
                await run_in(tx, f"DELETE FROM word WHERE id = {second}", "ROLLBACK")
        except DBAPIError as error:
            return error
        return None

    both = asyncio.Barrier(2)
    found = await asyncio.gather(take(1, 2, both), take(2, 1, both))
    [error] = [each for each in found if each is not None]
    assert (code_of(error), is_away(error)) == ("40P01", True)
    assert await goes_on(database)


@pytest.mark.postgres
async def test_what_another_has_changed_meanwhile(database: Database) -> None:
    error = await failure_later(
        database.writing(),
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM word"],
        run(database, "UPDATE word SET said = 'd'"),
        "UPDATE word SET said = 'e'",
    )
    assert (code_of(error), is_away(error)) == ("40001", True)
    assert await goes_on(database)


@pytest.mark.postgres
async def test_a_transaction_that_was_idle_for_too_long(database: Database) -> None:
    patience = "SET LOCAL idle_in_transaction_session_timeout = '50ms'"
    assert is_away(await failure_later(database.writing(), [patience], asyncio.sleep(0.5), "SELECT 1"))
    assert await goes_on(database)


@pytest.mark.postgres
async def test_a_session_killed_in_the_midst_of_a_statement(database: Database) -> None:
    async def kill() -> None:
        await asyncio.sleep(0.2)
        await run(
            database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)'"
        )

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        error = await failure_of(database, "SELECT pg_sleep(20)")
    assert is_away(error)
    assert await goes_on(database)


@pytest.mark.postgres
async def test_no_room_for_another_session(server: postgres.Server) -> None:
    async with opened(server.url().replace("rupor@", "crowd@")) as crowded:
        error = await failure_of(crowded, "SELECT 1")
    assert (code_of(error), is_away(error)) == ("53300", True)


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_is_down_and_comes_back(server: postgres.Server, database: Database, mode: str) -> None:
    assert await goes_on(database)
    server.stop(mode)
    assert is_away(await failure_of(database, "SELECT 1"))
    server.start()
    assert await goes_on(database)  # the pool's old connections are no failure


@pytest.mark.postgres
async def test_a_server_that_is_still_coming_up(server: postgres.Server, database: Database) -> None:
    """One that waits for orders as a copy says the same words for as long as we like."""
    signal, settings = server.folder / "data" / "standby.signal", server.folder / "data" / "postgresql.auto.conf"
    server.stop()
    before = settings.read_text()
    settings.write_text("hot_standby = off\n")
    signal.touch()
    server.start(ready=False)
    try:
        for _ in range(500):
            error = await failure_of(database, "SELECT 1")
            assert is_away(error)
            if code_of(error) == "57P03":
                break
            await asyncio.sleep(0.01)
        assert code_of(error) == "57P03"
    finally:
        server.stop("immediate")
        settings.write_text(before)
        signal.unlink()
        server.start()
    assert await goes_on(database)


@pytest.mark.postgres
async def test_a_line_that_dies_without_a_word(server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._POSTGRES, "command_timeout", 0.5)
    async with Cable(server) as cable, opened(cable.url()) as database:
        assert await goes_on(database)
        cable.pull()
        async with asyncio.timeout(20):
            for _ in range(3):  # each pooled connection may have to be found out
                if not is_away(await outcome(database)):
                    break
            assert await goes_on(database)


async def outcome(database: Database) -> BaseException:
    try:
        await goes_on(database)
    except (DBAPIError, OSError) as error:
        return error
    return LookupError("it answered")


@pytest.mark.postgres
async def test_a_wrong_statement_is_our_own_fault(database: Database) -> None:
    for statement in ("SELECT nothing", "INSERT INTO word VALUES (1)", "SELECT 1 / 0"):
        assert not is_away(await failure_of(database, statement))
    assert await goes_on(database)


@root_only
@pytest.mark.postgres
async def test_a_full_disk_of_postgres(server: postgres.Server, database: Database) -> None:
    with a_disk(server.folder / "disk", "3m", owner=postgres.UNPRIVILEGED) as disk:
        server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        try:
            server.execute("CREATE TABLE big (said text) TABLESPACE small")
            fill = "INSERT INTO big SELECT repeat(md5(n::text), 30) FROM generate_series(1, {}) n"
            error = await failure_of(database, fill.format(100_000))
            assert (code_of(error), is_away(error)) == ("53100", True)
            remount(disk, "size=40m")
            await run(database, fill.format(10))
        finally:
            server.execute("DROP TABLE big")
            server.execute("DROP TABLESPACE small")


# SQLite


@asynccontextmanager
async def a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A file with the table `word`, and little patience with others who write."""
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.1)
    async with opened(f"sqlite+aiosqlite:///{folder}/rupor.db") as database:
        await run(database, "CREATE TABLE word (id integer PRIMARY KEY, said text)", "INSERT INTO word DEFAULT VALUES")
        yield database


FILL = (
    "INSERT INTO word (said) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    "SELECT hex(randomblob(4000)) FROM n"
)


async def test_a_file_that_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_file(tmp_path, monkeypatch) as file:
        with closing(sqlite3.connect(tmp_path / "rupor.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await failure_of(file, "SELECT 1")
            assert (code_of(error), is_away(error)) == ("SQLITE_BUSY", True)
            async with file.reading() as tx:
                assert await run_in(tx, "SELECT count(*) FROM word") == 1
        assert await goes_on(file)


async def test_a_view_of_the_file_that_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_file(tmp_path, monkeypatch) as file:
        write = "INSERT INTO word DEFAULT VALUES"
        error = await failure_later(file.reading(), ["SELECT count(*) FROM word"], run(file, write), write)
        assert (code_of(error), is_away(error)) == ("SQLITE_BUSY_SNAPSHOT", True)
        assert await goes_on(file)


async def test_a_file_that_may_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_file(tmp_path, monkeypatch) as file:
        with no_file_longer_than(100_000):
            error = await failure_of(file, FILL.format(1000))
        assert (code_of(error), is_away(error)) == ("SQLITE_IOERR_WRITE", True)
        await run(file, FILL.format(1000))
        assert await run(file, "SELECT count(*) FROM word") == 1001


@root_only
async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_disk(tmp_path / "disk", "1m") as disk:
        async with a_file(disk, monkeypatch) as file:
            error = await failure_of(file, FILL.format(1000))
            assert (code_of(error), is_away(error)) == ("SQLITE_FULL", True)
            remount(disk, "size=40m")
            await run(file, FILL.format(1000))
            assert await run(file, "SELECT count(*) FROM word") == 1001


@root_only
async def test_a_disk_that_has_become_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux makes it after an error of the disk."""
    with a_disk(tmp_path / "disk", "9m") as disk:
        async with a_file(disk, monkeypatch) as file:
            await file.engine.dispose()  # what is open for writing keeps a disk writable
            remount(disk, "ro")
            error = await failure_of(file, "INSERT INTO word DEFAULT VALUES")
            assert is_away(error), code_of(error)
            remount(disk, "rw")
            assert await goes_on(file)


async def test_a_folder_that_is_not_there_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk that is not mounted yet."""
    (tmp_path / "disk").mkdir()
    async with a_file(tmp_path / "disk", monkeypatch) as file:
        await file.engine.dispose()
        (tmp_path / "disk").rename(tmp_path / "elsewhere")
        error = await failure_of(file, "SELECT 1")
        assert (code_of(error), is_away(error)) == ("SQLITE_CANTOPEN", True)
        (tmp_path / "elsewhere").rename(tmp_path / "disk")
        assert await run(file, "SELECT count(*) FROM word") == 1


async def test_a_wrong_statement_of_sqlite_is_our_own_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_file(tmp_path, monkeypatch) as file:
        for statement in ("SELECT nothing", "INSERT INTO word (id) VALUES (1)", "SELECT * FROM nowhere"):
            assert not is_away(await failure_of(file, statement))
        assert await goes_on(file)


# All the codes there are

PASSES = {"BUSY", "CANTOPEN", "FULL", "IOERR", "LOCKED", "PROTOCOL", "READONLY"}
STAYS = {"ABORT", "AUTH", "CONSTRAINT", "CORRUPT", "ERROR", "MISMATCH", "MISUSE", "NOTADB", "RANGE", "SCHEMA", "TOOBIG"}


@pytest.mark.parametrize(("families", "passes"), [(PASSES, True), (STAYS, False)])
def test_every_code_of_sqlite(families: set[str], passes: bool) -> None:
    """Those with extensions too: SQLITE_BUSY_RECOVERY is a kind of SQLITE_BUSY."""
    codes = [name for name in dir(sqlite3) if name.startswith("SQLITE_") and name.split("_")[1] in families]
    assert len(codes) >= len(families)
    assert [name for name in codes if is_away(_saying(sqlite_errorname=name)) is not passes] == []


@pytest.mark.parametrize(
    ("passes", "states"),
    [
        (True, ["08000", "08003", "08006", "08P01", "40001", "40P01", "53100", "53200", "53300", "57P01", "57P02"]),
        (True, ["57P03", "57P05", "57014", "58030", "55P03", "25P03", "25006"]),
        (False, ["22012", "23505", "25P02", "28P01", "3D000", "42601", "42P01", "55000", "57000", "XX001"]),
    ],
)
def test_every_state_of_postgres(passes: bool, states: list[str]) -> None:
    assert [state for state in states if is_away(_saying(sqlstate=state)) is not passes] == []


def _saying(**attributes: str) -> DBAPIError:
    driver = Exception("no")
    vars(driver).update(attributes)
    return DBAPIError("SELECT 1", None, driver)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), ConnectionRefusedError(), ConnectionResetError(), TimeoutError(), PoolTimeoutError()]
)
def test_what_comes_without_a_code(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize("make", [ValueError, KeyError, LookupError, asyncio.CancelledError])
def test_what_is_no_matter_of_databases(make: Callable[[], BaseException]) -> None:
    assert not is_away(make())


async def test_a_moment_without_an_offset_never_reaches_the_database(migrated_url: str) -> None:
    async with opened(migrated_url) as database, database.reading() as tx:
        with pytest.raises(StatementError, match="needs an offset"):
            await tx.execute(select(delivery.c.id).where(delivery.c.due_at < START.replace(tzinfo=None)))
