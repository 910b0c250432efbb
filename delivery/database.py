"""Opens the database, SQLite or Postgres, and hands out transactions.

SQLite has one writer and no queue for it, so writing transactions of this process stand in line here and leave a short
rest between them for other processes (`rupor announce` beside `rupor run`). Both databases then look the same from
above: `async with db.writing() as tx` or `async with db.reading() as tx`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

Tx = AsyncConnection
"""A transaction, as the functions of `delivery.store` take it."""

_BUSY_SECONDS = 10
_REST_SECONDS = 0.002
_POSTGRES = {
    "timeout": 5,
    "command_timeout": 60,
    "server_settings": {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "60s",
    },
}
_AWAY_SQLSTATES = ("08", "57P", "53")
_AWAY_SQLITE = frozenset({"SQLITE_BUSY", "SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN"})


class Database:
    """One engine. `dialect` is "sqlite" or "postgresql"."""

    def __init__(self, url: str) -> None:
        self._engine = _sqlite(url) if make_url(url).get_backend_name() == "sqlite" else _postgres(url)
        self.dialect: str = self._engine.dialect.name
        self._line: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()
        self._readers = self._engine.execution_options(begin="BEGIN") if self.dialect == "sqlite" else self._engine
        self._rested_at = 0.0

    def __repr__(self) -> str:
        return f"Database({self._engine.url.render_as_string(hide_password=True)})"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        """Open a transaction that commits on leaving, and rolls back when an exception leaves."""
        async with self._line:
            if self.dialect == "sqlite":
                await asyncio.sleep(self._rested_at - asyncio.get_running_loop().time())
            try:
                async with self._engine.begin() as tx:
                    yield tx
            finally:
                self._rested_at = asyncio.get_running_loop().time() + _REST_SECONDS

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads, beside whoever writes."""
        async with self._readers.begin() as tx:
            yield tx

    @property
    def engine(self) -> AsyncEngine:
        """The engine itself, for migrations."""
        return self._engine

    async def close(self) -> None:
        """Give back every connection."""
        await self._engine.dispose()


def is_away(error: BaseException) -> bool:
    """Tell whether the database could not be reached or could not take the write just now: wait and try again.

    A COMMIT that ends so may have happened. Codes: PostgreSQL appendix A (classes 08, 53, 57P), SQLite result codes.
    """
    if isinstance(error, OSError | TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    name = getattr(error.orig, "sqlite_errorname", "")
    return bool(error.connection_invalidated) or state.startswith(_AWAY_SQLSTATES) or name in _AWAY_SQLITE


def is_unreachable(error: BaseException) -> bool:
    """Tell whether connecting itself failed: a wrong address, password or file."""
    return is_away(error) or isinstance(error, OperationalError | DBAPIError)


def _postgres(url: str) -> AsyncEngine:
    return create_async_engine(url, connect_args=_POSTGRES, pool_pre_ping=True)


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


def _sqlite(url: str) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_SECONDS, "async_creator_fn": _connected})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin by itself, or a SELECT stands outside
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # A deferred transaction that reads, then writes, fails at once when another committed meanwhile.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))

    return engine
