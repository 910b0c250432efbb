"""Wires across the road: something happens at the n-th call of a database, or when a named point is passed.

Installed from outside into SQLAlchemy's dialect and around the product's functions, so that errors take the very way
through SQLAlchemy that genuine ones take.
"""

import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, NoReturn

import asyncpg
from sqlalchemy.engine.default import DefaultDialect

from channels.contract import Channel
from delivery.desk import Desk
from delivery.store import attempts, filling, holds, queue

Moment = Literal["before", "after"]
"""Before the call happens, or after it happened, with its answer lost."""


def kill() -> NoReturn:
    """End this process as the kernel would for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Tripwire:
    """Counts the calls of a database: connections, statements, commits. At number `n` it trips, once; 0 is never.

    The call fails as it would if the line broke or the disk were full; a `deadly` wire kills this process.
    """

    def __init__(self, *, deadly: bool = False) -> None:
        self._deadly = deadly
        self._counting = threading.Lock()
        self.arm(0, "before")

    def arm(self, n: int, moment: Moment) -> None:
        """Count anew."""
        self.count = 0
        self.told = ""
        self._n = n
        self._moment = moment

    @property
    def tripped(self) -> bool:
        """Whether the n-th call came."""
        return 0 < self._n <= self.count

    @contextmanager
    def laid(self) -> Iterator[None]:
        """Lie in wait on every engine of this process."""
        dialect: Any = DefaultDialect
        execute, commit, connect = dialect.do_execute, dialect.do_commit, dialect.connect

        def on_execute(self: Any, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            line = getattr(cursor, "_adapt_connection", None)
            wire._pass(statement, lambda: execute(self, cursor, statement, parameters, context), _Failure(self, line))

        def on_commit(self: Any, connection: Any) -> None:
            line = connection.dbapi_connection
            wire._pass("COMMIT", lambda: commit(self, connection), _Failure(self, line))

        def on_connect(self: Any, *arguments: Any, **options: Any) -> Any:
            failure = _Failure(self, None)
            return wire._pass("CONNECT", lambda: connect(self, *arguments, **options), failure, only_before=True)

        wire = self
        dialect.do_execute, dialect.do_commit, dialect.connect = on_execute, on_commit, on_connect
        try:
            yield
        finally:
            dialect.do_execute, dialect.do_commit, dialect.connect = execute, commit, connect

    def _pass(self, what: str, act: Callable[[], Any], failure: "_Failure", *, only_before: bool = False) -> Any:
        with self._counting:  # SQLite's statements come from several threads
            self.count += 1
            mine = self.count == self._n
        if not mine:
            return act()
        self.told = " ".join(what.split())[:60]
        if self._moment == "after" and not only_before:
            act()
        if self._deadly:
            kill()
        return failure.happen(what)


@dataclass(frozen=True)
class _Failure:
    """A genuine failure of one call: `line` is the adapted connection, None before there is one."""

    dialect: Any
    line: Any

    def happen(self, what: str) -> NoReturn:
        if self.dialect.name == "sqlite":
            _sqlite_error(what)
        if self.line is None:
            raise ConnectionRefusedError(111, "Connection refused")
        # As a crash of Postgres, or a network, would break the line.
        self.line._connection.terminate()
        words = "connection was closed in the middle of operation"
        self.line._handle_exception(asyncpg.ConnectionDoesNotExistError(words))
        raise AssertionError("unreachable")


def _sqlite_error(statement: str) -> NoReturn:
    """What SQLite says of a locked file, a full disk, a broken one."""
    word = statement.split(maxsplit=1)[0].upper()
    name, text = {
        "BEGIN": ("SQLITE_BUSY", "database is locked"),
        "SELECT": ("SQLITE_IOERR_READ", "disk I/O error"),
        "CONNECT": ("SQLITE_CANTOPEN", "unable to open database file"),
    }.get(word, ("SQLITE_FULL", "database or disk is full"))
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname, error.sqlite_errorcode = name, getattr(sqlite3, name)
    raise error


# Named points


_LABELLED: dict[str, tuple[Any, str]] = {
    "claim": (queue, "claim"),
    "start": (attempts, "start"),
    "record": (attempts, "record"),
    "give_back": (queue, "give_back"),
    "rescue": (queue, "expired"),
    "slice": (filling, "take_slice"),
    "hold": (holds, "close"),
    "reopen": (holds, "open_again"),
}


class Points:
    """Kills this process at a named point, the `nth` time that it is passed, and `said` counts how often it was.

    "claim:before" is inside the transaction that claims, before its COMMIT; "claim:after" is after it. "send:enter" and
    "send:leave" stand around a channel's send, "connecting" before a connection to the outside is made, "close:enter"
    and "close:leave" around the end of a channel.
    """

    def __init__(self, point: str, nth: int = 1) -> None:
        self._point = point
        self._left = nth

    def _reach(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                kill()

    def install(self, desk: Desk) -> None:
        """Lie in wait from now on."""
        for label, (module, name) in _LABELLED.items():
            setattr(module, name, self._labelled(label, getattr(module, name)))
        self._watch_commits()
        for channel in desk.channels.values():
            for method, label in (("send", "send"), ("close", "close")):
                self._surround(channel, method, label)
        if self._point == "connecting":
            self._watch_connections()

    def _labelled(self, label: str, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(work)
        async def watched(tx: Any, *arguments: Any, **options: Any) -> Any:
            result = await work(tx, *arguments, **options)
            if label not in ("claim", "rescue") or result:  # a claim of nothing is no claim
                _connection_of(tx).info.setdefault("passed", []).append(label)
                self._reach(f"{label}:before")
            return result

        return watched

    def _watch_commits(self) -> None:
        dialect: Any = DefaultDialect
        commit = dialect.do_commit

        def on_commit(its: Any, connection: Any) -> None:
            labels = connection.info.pop("passed", [])
            commit(its, connection)
            for label in labels:
                self._reach(f"{label}:after")

        dialect.do_commit = on_commit

    def _surround(self, channel: Channel, method: str, label: str) -> None:
        work = getattr(channel, method)

        async def watched(*arguments: Any) -> Any:
            self._reach(f"{label}:enter")
            try:
                return await work(*arguments)
            finally:
                self._reach(f"{label}:leave")

        setattr(channel, method, watched)

    def _watch_connections(self) -> None:
        connect = socket.socket.connect

        def on_connect(one: socket.socket, address: Any) -> None:
            if isinstance(address, tuple):
                self._reach("connecting")
            connect(one, address)

        socket.socket.connect = on_connect  # type: ignore[method-assign, assignment]


def _connection_of(tx: Any) -> Any:
    return getattr(tx, "sync_connection", None) or tx._connection
