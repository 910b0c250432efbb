"""Fresh databases, empty or with the present schema, on SQLite and on any Postgres that is there.

The schema is migrated once for each kind and then copied: a file, or a template database.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from delivery import schema
from delivery.database import Database
from tests.support import postgres

SQLITE = "sqlite"
POSTGRES = "postgres"  # with the major version behind it: "postgres18"


class Databases:
    """Owns the servers of one test process; each starts when it is first asked for. `folder` is for templates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: dict[str, postgres.Server] = {}
        self._templates: dict[str, str] = {}
        self._lifetime = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lifetime.close()

    def server(self, kind: str) -> postgres.Server:
        """Return the running server of a kind such as "postgres18"; LookupError when that version is not there."""
        if kind not in self._servers:
            (installation,) = postgres.choose(kind.removeprefix(POSTGRES))
            self._servers[kind] = self._lifetime.enter_context(postgres.Server(installation))
        return self._servers[kind]

    def empty(self, kind: str, folder: Path) -> str:
        """Return the URL of a database with nothing in it; the file of SQLite will appear in `folder`."""
        if kind == SQLITE:
            return _sqlite_url(folder / "rupor.db")
        server = self.server(kind)
        return server.url(server.create())

    def migrated(self, kind: str, folder: Path) -> str:
        """Return the URL of a database with the present schema and no rows."""
        if kind not in self._templates:
            self._templates[kind] = self.empty(kind, self._folder)
            _upgrade(self._templates[kind])
        template = self._templates[kind]
        if kind == SQLITE:
            copy = folder / "rupor.db"
            with closing(sqlite3.connect(_path(template))) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            return _sqlite_url(copy)
        server = self.server(kind)
        return server.url(server.create(template=_name(template)))

    def drop(self, kind: str, url: str) -> None:
        """Take a database away again, whoever is still connected to it. SQLite's goes with its folder."""
        if kind != SQLITE:
            self.server(kind).drop(_name(url))


def _upgrade(url: str) -> None:
    with ThreadPoolExecutor(1) as thread:  # the caller's thread may have a loop of its own
        thread.submit(asyncio.run, _bring_up(url)).result()


async def _bring_up(url: str) -> None:
    database = Database(url)
    try:
        await schema.upgrade(database)
    finally:
        await database.close()


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _path(url: str) -> str:
    return url.removeprefix("sqlite+aiosqlite:///")


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
