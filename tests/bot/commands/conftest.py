"""The command line in this process, over a database with rehearsal channels."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
import structlog

from bot.__main__ import COMMANDS
from bot.commands.root import assemble, run
from delivery.database import Database
from delivery.desk import Desk
from tests.delivery.builders import Scripted, a_list
from tests.support.clock import Clock

Result = TypeVar("Result")

CHANNELS = """
[channels.wall]
kind = "rehearsal"
address = "@wall"
journal = "wall.jsonl"
[channels.mail]
kind = "rehearsal"
address = ""
journal = "mail.jsonl"
"""


class Rupor:
    """Runs commands with one config file. `folder` is where it lies."""

    def __init__(self, capfd: pytest.CaptureFixture[str], folder: Path, database_url: str) -> None:
        self._capfd = capfd
        self.folder = folder
        self.database_url = database_url
        self.config = folder / "config.toml"
        self.configure(CHANNELS)

    def configure(self, text: str, *, url: str = "") -> None:
        self.config.write_text(f'{text}\n[database]\nurl = "{url or self.database_url}"\n', encoding="utf-8")

    def __call__(self, *args: str) -> tuple[int, str, str]:
        """Return the exit code, what went to standard output, and what went to standard error."""
        self._capfd.readouterr()
        code = run(assemble(COMMANDS), ["--config", str(self.config), *args])
        return (int(code), *self._capfd.readouterr())

    def json(self, *args: str, code: int = 0) -> Any:
        """Return the one document that the command answers."""
        got, out, err = self(*args, "--json")
        assert got == code, out + err
        return json.loads(out)

    def sent(self, channel: str) -> list[str]:
        """The texts that a rehearsal channel was given."""
        journal = self.folder / f"{channel}.jsonl"
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return [json.loads(line)["part"]["text"] for line in lines]

    def with_desk(
        self, work: Callable[[Desk], Awaitable[Result]], wall: Scripted | None = None, mail: Scripted | None = None
    ) -> Result:
        """Work on the same database, through channels that do as they are told."""
        return asyncio.run(self._with_desk(work, wall or Scripted("@wall"), mail or Scripted(None)))

    async def _with_desk(self, work: Callable[[Desk], Awaitable[Result]], wall: Scripted, mail: Scripted) -> Result:
        async with _desk(self.database_url, wall, mail) as desk:
            return await work(desk)

    def a_list(self, key: str, *addresses: str) -> None:
        self.with_desk(lambda desk: a_list(desk, key, *addresses))


@asynccontextmanager
async def _desk(url: str, wall: Scripted, mail: Scripted) -> AsyncIterator[Desk]:
    database = Database(url)
    try:
        yield Desk(database, {"wall": wall, "mail": mail}, Clock(), ZoneInfo("Europe/Moscow"))
    finally:
        await database.close()


@pytest.fixture
def rupor(capfd: pytest.CaptureFixture[str], tmp_path: Path, migrated_url: str) -> Iterator[Rupor]:
    """Commands over a database with the present schema: once on SQLite, once on Postgres."""
    yield from _ready(capfd, tmp_path, migrated_url)


@pytest.fixture
def fresh(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rupor]:
    """Commands over an SQLite database that is not there yet."""
    yield from _ready(capfd, tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'fresh.db'}")


def _ready(capfd: pytest.CaptureFixture[str], folder: Path, url: str) -> Iterator[Rupor]:
    before = logging.root.handlers[:], logging.root.level
    yield Rupor(capfd, folder, url)
    logging.root.handlers, logging.root.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
