"""A process that delivers, wired as `rupor worker` wires it, beside another that makes the work. Postgres only."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import Settings
from bot.opening import opened_desk
from bot.working import work
from channels.contract import Post
from delivery import broadcast, worker
from delivery.clock import DatabaseClock
from tests.support import pooler, postgres
from tests.support.clock import Clock
from tests.support.databases import POSTGRES, Databases
from tests.support.settings import loaded
from tests.support.waiting import eventually

pytestmark = pytest.mark.postgres

POLL = 60.0  # seconds; whoever waits for it comes too late
SOON = 20.0  # for a busy machine; some hundredths are usual


@pytest.fixture
def direct(databases: Databases, tmp_path: Path) -> Iterator[str]:
    kind = f"{POSTGRES}{postgres.choose()[0].major}"
    url = databases.migrated(kind, tmp_path)
    yield url
    databases.drop(kind, url)


@pytest.fixture
def pooled(databases: Databases, direct: str) -> Iterator[str]:
    """The same database behind a pooler."""
    with pooler.pooling(databases.server(f"{POSTGRES}{postgres.choose()[0].major}")) as port:
        yield pooler.url(port, direct.partition("?")[0].rpartition("/")[2])


def settings_for(folder: Path, url: str, more: str = "") -> Settings:
    wall = '[channels.wall]\nkind = "rehearsal"\naddress = "@wall"\njournal = "wall.jsonl"\n'
    return loaded(folder, f'{wall}[database]\nurl = "{url}"\n{more}')


async def begun_within(settings: Settings, journal: Path) -> float:
    """Announce at one desk while another process delivers; answers after how many seconds that had been done."""
    stop = asyncio.Event()
    async with opened_desk(settings) as desk, asyncio.TaskGroup() as group:
        group.create_task(work(settings, stop))
        await asyncio.sleep(1)  # it has looked at the queue, found nothing, and rests
        number = await broadcast.draft(desk, Post("Собрание"), author="editor", targets=["wall"])
        announced = time.monotonic()
        await broadcast.release(desk, number, by="editor")
        await eventually(lambda: journal.exists() and journal.read_text(encoding="utf-8"))
        passed = time.monotonic() - announced
        stop.set()
    return passed


async def test_work_is_begun_before_the_next_poll(direct: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_REST_SECONDS", POLL)
    assert await begun_within(settings_for(tmp_path, direct), tmp_path / "wall.jsonl") < SOON


async def test_behind_a_pooler_too_when_it_may_listen_past_it(
    direct: str, pooled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_REST_SECONDS", POLL)
    settings = settings_for(tmp_path, pooled, f'pooler = true\nlisten_url = "{direct}"\n')
    assert await begun_within(settings, tmp_path / "wall.jsonl") < SOON


async def test_without_any_words_the_poll_finds_it(pooled: str, tmp_path: Path) -> None:
    assert await begun_within(settings_for(tmp_path, pooled, "pooler = true\n"), tmp_path / "wall.jsonl") < SOON


async def test_a_desk_goes_by_the_clock_of_postgres_unless_it_is_given_another(direct: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, direct)
    async with opened_desk(settings) as desk:
        assert isinstance(desk.now, DatabaseClock)
    clock = Clock()
    async with opened_desk(settings, clock) as desk:
        assert desk.now is clock
        clock.advance(hours=1)
        assert desk.now() - Clock()() == timedelta(hours=1)
