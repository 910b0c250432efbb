"""A service to measure: its config.toml, its database with lists in it, and its workers in processes of their own."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from bot import config
from bot.config import Settings
from channels.contract import Attachment, AttachmentKind, Post
from channels.registry import SETTINGS
from delivery import schema
from delivery.database import Database
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import broadcasts, lists, media
from delivery.store.dialect import statement
from tests.support import postgres

__all__ = [
    "CONNECTIONS",
    "LETTER",
    "Share",
    "a_list",
    "cpu_of_server",
    "given_letters",
    "load",
    "new_database",
    "running_workers",
    "until_sent",
    "with_file",
    "write_config",
]

CONNECTIONS = 10
_CONFIG = """
[database]
url = "{url}"
[web]
public_url = "https://rupor.example.org"
secret = "signs links of letters to nobody"
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "Пресс-служба профобъединения <press@example.org>"
footer = "Областное объединение организаций профсоюзов"
connections = {connections}
"""


def write_config(folder: Path, url: str, port: int) -> Path:
    """Write a config.toml with one mail relay; return its path."""
    path = folder / f"config-{port}.toml"
    path.write_text(_CONFIG.format(url=url, port=port, connections=CONNECTIONS), encoding="utf-8")
    return path


def load(path: Path) -> Settings:
    """Read a config.toml as every command does."""
    return config.load(path, {}, SETTINGS)


# Databases

# As a Postgres comes, and not as tests take it: every commit is on the disk before it is answered.
_AS_IT_COMES = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "shared_buffers": "128MB",
}


@asynccontextmanager
async def new_database(kind: str, folder: Path) -> AsyncIterator[tuple[str, postgres.Server | None]]:
    """Make a database of a kind, "sqlite" or "postgres", with its tables. Yields its URL and its server."""
    if kind == "sqlite":
        url = f"sqlite+aiosqlite:///{folder / 'rupor.db'}"
        await _upgrade(url)
        yield url, None
        return
    (installation,) = postgres.choose()
    with postgres.Server(installation, **_AS_IT_COMES) as server:
        await _upgrade(server.url())
        yield server.url(), server


async def _upgrade(url: str) -> None:
    database = Database(url)
    try:
        await schema.upgrade(database)
    finally:
        await database.close()


def cpu_of_server(server: postgres.Server | None) -> float:
    """Return the processor seconds of a Postgres so far, its ended connections included; 0 for none."""
    if server is None:
        return 0.0
    keeper = psutil.Process(server.pid)
    spent = keeper.cpu_times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for one in keeper.children():
        try:
            its = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += its.user + its.system
    return total


# Where members of a federation have their mailboxes: a few large houses, and five hundred small ones.
_PEOPLE = """
INSERT INTO member (list_key, address, shown, name, organisation, source, added_at)
SELECT :list, address, address, 'Иванова Анна ' || n, 'ППО завода', 'benchmark', :now
  FROM (SELECT n, 'a' || n || '@' || CASE WHEN n % 20 < 8 THEN 'mail.ru' WHEN n % 20 < 13 THEN 'yandex.ru'
                       WHEN n % 20 < 16 THEN 'gmail.com' ELSE 'firm' || (n / 20 % 500) || '.example.org' END AS address
          FROM ({numbers}) AS numbers) AS people
"""
_NUMBERS = {
    "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :count) SELECT n FROM c",
    "postgresql": "SELECT n FROM generate_series(1, CAST(:count AS integer)) AS c(n)",
}


async def a_list(desk: Desk, key: str, count: int) -> None:
    """Make a mailing list of so many people."""
    async with desk.database.writing() as tx:
        await lists.create(tx, key, "Членские организации", desk.now())
        people = statement(tx, _PEOPLE.replace("{numbers}", _NUMBERS[desk.database.dialect]))
        await tx.execute(people, {"list": key, "count": count, "now": desk.now()})


# Letters

_PARAGRAPH = "Президиум областного объединения организаций профсоюзов рассмотрел ход колдоговорной кампании. "
LETTER = Post((_PARAGRAPH * 18)[:1690], title="О ходе колдоговорной кампании")
_BASE64 = 78 / 57  # octets on the wire for each of a file


async def with_file(desk: Desk, post: Post, attached: int) -> Post:
    """Attach a file that takes so many octets on the wire."""
    content = bytes(range(256)) * round(attached / _BASE64 / 256)
    async with desk.database.writing() as tx:
        digest = await media.keep(tx, content, desk.now())
    file = Attachment(AttachmentKind.DOCUMENT, "Постановление.pdf", "application/pdf", len(content), digest=digest)
    return replace(post, attachments=(file,))


async def until_sent(desk: Desk, broadcast_id: int, count: int, *, look_every: float = 0.05) -> None:
    """Wait until a broadcast has sent so many. Raises RuntimeError when one failed."""
    while True:
        async with desk.database.reading() as tx:
            counted = await broadcasts.counts(tx, [broadcast_id])
        by_state = {row[2]: row[3] for row in counted}
        if by_state.get(DeliveryState.FAILED) or by_state.get(DeliveryState.UNCONFIRMED):
            raise RuntimeError(f"not all were sent: {counted}")
        if by_state.get(DeliveryState.SENT, 0) >= count:
            return
        await asyncio.sleep(look_every)


# Workers


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker's process spent while it sent: processor seconds, and the peak of its memory in MB."""

    cpu: float
    peak: float


class _Workers:
    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def begin(self) -> None:
        for one in self._processes:
            await _tell(one, b"go\n")

    async def end(self) -> list[Share]:
        for one in self._processes:
            await _tell(one, b"stop\n")
        shares = [Share(**json.loads(await _heard(one))) for one in self._processes]
        for one in self._processes:
            await one.wait()
        return shares


async def _tell(process: asyncio.subprocess.Process, word: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(word)
    await process.stdin.drain()


async def _heard(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("a worker ended too early")
    return line


@asynccontextmanager
async def running_workers(configs: Sequence[Path], *words: str) -> AsyncIterator[_Workers]:
    """Start a worker's process for each config.toml, ready to begin. `words` are further words for each of them."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.sender",
            path,
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for path in configs
    ]
    try:
        for one in processes:
            await _heard(one)
        yield _Workers(processes)
    finally:
        for one in processes:
            if one.returncode is None:
                one.kill()
            await one.wait()


async def given_letters(
    desk: Desk, broadcast_id: int, configs: Sequence[Path], *words: str
) -> tuple[float, list[Share]]:
    """Let workers send all of a released broadcast. Returns the seconds it took, and what each of them spent."""
    async with desk.database.reading() as tx:
        letters = sum(row[3] for row in await broadcasts.counts(tx, [broadcast_id]))
    async with running_workers(configs, *words) as workers:
        began = time.perf_counter()
        await workers.begin()
        await until_sent(desk, broadcast_id, letters)
        seconds = time.perf_counter() - began
        shares = await workers.end()
    return seconds, shares
