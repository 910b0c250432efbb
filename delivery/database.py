"""Opens the database, SQLite or Postgres, hands out transactions, and tells which failures pass by themselves.

SQLite has one writer and no queue for it, so writing transactions of this process stand in line here and leave a short
rest now and then for other processes (`rupor announce` beside `rupor run`). Both databases then look the same from
above: `async with db.writing() as tx` or `async with db.reading() as tx`, and `await db.transact(work)` for what is
done thousands of times.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import Any, TypeVar, cast
from uuid import uuid4

import aiosqlite
from sqlalchemy import Connection, Engine, Executable, TextClause, create_engine, event, func, select
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

Tx = AsyncConnection
"""A transaction, as the functions of `delivery.store` take it."""

_BUSY_SECONDS = 10
# Another process that finds the file locked asks again after 1 to 100 ms: it must not find it locked each time.
_REST_AFTER_SECONDS = 0.025
_REST_SECONDS = 0.002
# A connection that was used so lately needs no question whether it is alive.
_TRUSTED_SECONDS = 1.0
_LIMITS = {"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
# Plan anew for each execution, some 0.2 ms. A plan that was kept since the table was almost empty would read it from
# end to end until the server looks at the table again: minutes, in which a broadcast may give it a million rows.
_PLANS = {"plan_cache_mode": "force_custom_plan"}
# But a statement that only looks up rows by their numbers has one good plan, whatever the tables hold. Kept, it saves
# more than it takes to execute; nothing else must come to the planner's mind while the tables are still empty.
_ONE_PLAN = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
_POSTGRES: dict[str, Any] = {"timeout": 5, "command_timeout": 60}  # seconds

# What passes by itself. PostgreSQL, appendix A: 08 no connection, 40 rolled back for the sake of others, 53 no room,
# 57P going down or coming up, 58 the disk; and one by one the limits of `_LIMITS`, a cancelled statement, and a server
# that only reads, as after a switch to its copy. SQLite, result codes: each with all its extended ones.
_AWAY_SQLSTATES = ("08", "40", "53", "57P", "58", "57014", "55P03", "25P03", "25006")
_AWAY_SQLITE = (
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)


T = TypeVar("T")
Work = Callable[[Tx], Coroutine[Any, Any, T]]
"""What is to be done in a transaction. It may await nothing but the transaction."""


class Database:
    """One engine. `dialect` is "sqlite" or "postgresql".

    `pooler`: between us and Postgres stands one that gives a connection for a transaction only, such as PgBouncer.
    """

    def __init__(self, url: str, *, pooler: bool = False) -> None:
        self._engine = _sqlite(url) if make_url(url).get_backend_name() == "sqlite" else _postgres(url, pooler=pooler)
        self.dialect: str = self._engine.dialect.name
        self._unlimited = {"timeout": _POSTGRES["timeout"]} | (_THROUGH_POOLER if pooler else {})
        self._line: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()
        self._readers = self._engine.execution_options(begin="BEGIN") if self.dialect == "sqlite" else self._engine
        self._direct = _Direct(url) if self.dialect == "sqlite" else None
        self._singles = _singles(url) if self.dialect == "postgresql" and not pooler else None
        self._written_for = 0.0  # seconds of writing without a rest
        self._written_at = 0.0
        self._closed = False

    def __repr__(self) -> str:
        return f"Database({self._engine.url.render_as_string(hide_password=True)})"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        """Open a transaction that commits on leaving, and rolls back when an exception leaves."""
        self._must_be_open()
        async with self._line, self._rested(), self._engine.begin() as tx:
            yield tx

    async def transact(self, work: Work[T], *, at_start: Callable[[], None] = lambda: None) -> T:
        """Do `work` in a writing transaction of its own; `at_start` is called once it is this one's turn.

        On SQLite all its statements run in one go in a thread. One by one, each would cost two changes of thread,
        some 0.1 ms: more than the statement itself. A cancellation waits for the end of the transaction.
        """
        self._must_be_open()
        if self._direct is None:
            async with self._engine.begin() as tx:
                at_start()
                return await work(tx)
        async with self._line, self._rested():
            at_start()
            return await self._direct.transact(work)

    @property
    def has_singles(self) -> bool:
        """Whether there is `single`. Behind a pooler a statement is prepared in one session and executed in another."""
        return self._singles is not None

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Tx]:
        """Lend a connection to Postgres on which a statement is a transaction: one journey there, not four.

        For statements that find rows by their numbers: see `_ONE_PLAN`. RuntimeError where `has_singles` is False.
        """
        self._must_be_open()
        if self._singles is None:
            raise RuntimeError("there are no single statements here")
        async with self._singles.connect() as tx:
            yield tx

    @asynccontextmanager
    async def _rested(self) -> AsyncIterator[None]:
        """Leave the file to others for a moment after a while of writing."""
        if self.dialect != "sqlite":
            yield
            return
        loop = asyncio.get_running_loop()
        if self._written_for >= _REST_AFTER_SECONDS:
            await asyncio.sleep(self._written_at + _REST_SECONDS - loop.time())
        if loop.time() >= self._written_at + _REST_SECONDS:
            self._written_for = 0.0
        began = loop.time()
        try:
            yield
        finally:
            self._written_at = loop.time()
            self._written_for += self._written_at - began

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads, beside whoever writes."""
        self._must_be_open()
        async with self._readers.begin() as tx:
            yield tx

    def _must_be_open(self) -> None:
        """Refuse after `close`: the engine would connect anew, and nobody would close that connection."""
        if self._closed:
            raise RuntimeError("the database is closed")

    @property
    def engine(self) -> AsyncEngine:
        """The engine itself, for what needs no transaction of ours: a backup, the user's name."""
        return self._engine

    @asynccontextmanager
    async def without_limits(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for what may take its time, as a migration of a large table does."""
        if self.dialect == "sqlite":
            async with self._engine.connect() as connection:
                yield connection
            return
        engine = create_async_engine(self._engine.url, connect_args=self._unlimited)
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Give back every connection."""
        self._closed = True
        if self._direct is not None:
            await self._direct.close()
        if self._singles is not None:
            await self._singles.dispose()
        await self._engine.dispose()


class _Direct:
    """A second way into an SQLite file: a thread with a connection of its own, for whole transactions."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: Connection | None = None

    async def transact(self, work: Work[T]) -> T:
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])  # the line must not move on before the thread has
            raise

    def _do(self, work: Work[T]) -> T:
        if self._connection is None:
            engine = create_engine(make_url(self._url).set(drivername="sqlite"), connect_args=_SQLITE)
            self._connection = _prepared(engine).connect()
        try:
            with self._connection.begin():
                return _finished(work(cast("Tx", _AtOnce(self._connection))))
        except BaseException:
            self._dispose()  # whatever happened to it: the next one begins with a new one
            raise

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._dispose)
        self._thread.shutdown()

    def _dispose(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None


class _AtOnce:
    """A transaction whose statements are done when they are called: what `work` awaits is there already.

    A statement written as text goes to the driver as it stands: SQLAlchemy's way there and back takes longer than
    SQLite needs for the rows.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = connection.connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> Any:
        if not isinstance(statement, TextClause):
            return self._connection.execute(statement, parameters)
        plain = {name: _as_stored(value) for name, value in (parameters or {}).items()}
        cursor = self._driver.cursor()
        self.dialect.do_execute(cursor, statement.text, plain)
        return _Rows(cursor)


class _Rows:
    """What came of a statement: the part of SQLAlchemy's result that `delivery.store` uses of statements in text."""

    def __init__(self, cursor: Any) -> None:
        self._rows: list[Any] = cursor.fetchall() if cursor.description else []
        self.rowcount: int = cursor.rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def scalar_one_or_none(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self._rows[0][0]


def _as_stored(value: Any) -> Any:
    """Write an instant as SQLAlchemy does (sqlalchemy.dialects.sqlite.DATETIME); the rest the driver knows."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    work.close()
    raise RuntimeError("the work of a transaction may await nothing but its statements")


def is_away(error: BaseException) -> bool:
    """Tell whether the database could not be reached or could not do it just now: wait and try again.

    A COMMIT that ends so may have happened; repeat only what is fenced or keyed. While Postgres is down, connecting
    fails with a bare OSError.
    """
    if isinstance(error, OSError | PoolTimeoutError):  # a TimeoutError is an OSError
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    said = getattr(error, "orig", None) or error
    state, name = getattr(said, "sqlstate", None) or "", getattr(said, "sqlite_errorname", None) or ""
    return state.startswith(_AWAY_SQLSTATES) or name.startswith(_AWAY_SQLITE)


def is_unreachable(error: BaseException) -> bool:
    """Tell whether connecting itself failed: a wrong address, password or file."""
    return is_away(error) or isinstance(error, DBAPIError)


async def missing_limits(tx: Tx) -> dict[str, str]:
    """Return the time limits that should hold in a session of Postgres and do not: name -> value to set.

    We ask for them when connecting, which a pooler does not pass on.
    """
    values = (await tx.execute(select(*map(func.current_setting, _LIMITS)))).one()
    return {name: limit for (name, limit), value in zip(_LIMITS.items(), values, strict=True) if value == "0"}


def driver_address(url: str) -> dict[str, Any]:
    """Return an address of Postgres as the arguments of `asyncpg.connect`, for a connection outside the pool."""
    parsed = make_url(url)
    arguments = parsed.get_dialect()().create_connect_args(parsed)[1]
    return {key: value for key, value in arguments.items() if not key.startswith("prepared_statement_")}


def _postgres(url: str, *, pooler: bool) -> AsyncEngine:
    own = _THROUGH_POOLER if pooler else {"server_settings": _LIMITS | _PLANS}
    engine = create_async_engine(url, connect_args=_POSTGRES | own)
    _try_before_use(engine.sync_engine)
    return engine


def _singles(url: str) -> AsyncEngine:
    own = {"server_settings": _LIMITS | _ONE_PLAN}
    singles = create_async_engine(url, connect_args=_POSTGRES | own, isolation_level="AUTOCOMMIT")
    _try_before_use(singles.sync_engine)
    return singles


def _try_before_use(engine: Engine) -> None:
    """Ask a connection that has rested whether it is still alive, as `pool_pre_ping` does each time.

    In the middle of a broadcast the question would be a fifth of what is said to the server.
    """

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("rests_since", inf) < _TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except (engine.dialect.loaded_dbapi.Error, OSError) as error:
            raise InvalidatePoolError from error  # the pool connects anew, and asks no other of that age


# The next transaction may meet another session of the server, where a statement prepared before is unknown, and where
# a name already given is taken. Names of our own that never come again, and no memory of either kind of statement:
# https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
_THROUGH_POOLER: dict[str, Any] = {
    "prepared_statement_name_func": lambda: f"rupor_{uuid4().hex}",
    "prepared_statement_cache_size": 0,
    "statement_cache_size": 0,
}


async def _connected(*args: Any, **options: Any) -> aiosqlite.Connection:
    """Connect. After a failure wait for the driver's thread to end: it still speaks to the loop."""
    connection = aiosqlite.connect(*args, **options)
    thread = connection._thread  # noqa: SLF001 - as SQLAlchemy does, to make it a daemon
    thread.daemon = True
    try:
        return await connection
    except BaseException:
        await asyncio.to_thread(thread.join)
        raise


_SQLITE: dict[str, Any] = {"timeout": _BUSY_SECONDS}


def _sqlite(url: str) -> AsyncEngine:
    engine = create_async_engine(url, connect_args=_SQLITE | {"async_creator_fn": _connected})
    _prepared(engine.sync_engine)
    return engine


def _prepared(engine: Engine) -> Engine:
    """Let our transactions begin and our connections behave as we want, on every supported Python."""

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin by itself, or a SELECT stands outside
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A deferred transaction that reads, then writes, fails at once when another committed meanwhile.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))

    return engine
