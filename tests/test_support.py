"""The ground that the tests stand on holds, and is swept when they are gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import postgres
from tests.support.browser import missing_scripts, opened
from tests.support.clock import Clock

LETTER = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Проба</title>
<body style="font: 24px sans-serif"><p>Съешь ещё этих мягких французских булок</p><p id="face">📣 🗓️ ✅</p>"""


async def _serve(html: str) -> tuple[web.AppRunner, str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}/"


@pytest.mark.every_postgres
async def test_a_fresh_database_is_empty_and_writable(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as tx:
        await tx.execute(text("CREATE TABLE word (id integer)"))  # fails when an earlier test left it
        await tx.execute(text("INSERT INTO word VALUES (1)"))
    await engine.dispose()


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_migrated_database_holds_the_tables_and_nothing_of_an_earlier_test(
    migrated_url: str, turn: int
) -> None:
    engine = create_async_engine(migrated_url)
    async with engine.begin() as tx:
        await tx.execute(text("CREATE TABLE left_behind (id integer)"))
        assert (await tx.execute(text("SELECT count(*) FROM alembic_version"))).scalar() == 1
    await engine.dispose()


def test_a_server_dies_with_its_parent_even_when_that_is_killed() -> None:
    program = (
        "import time\n"
        "from tests.support import postgres\n"
        "with postgres.Server(postgres.choose()[0]) as server:\n"
        "    print(server.pid, server.folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 10
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_server_starts_from_a_folder_that_its_owner_may_not_enter(tmp_path: Path) -> None:
    (wheel,) = [each for each in postgres.installations() if each.parts]
    closed = tmp_path / "закрытая папка"
    closed.mkdir(mode=0o700)
    parts = tuple(closed / part.name for part in wheel.parts)
    for link, part in zip(parts, wheel.parts, strict=True):
        link.symlink_to(part)
    programs = parts[0] / wheel.bin.relative_to(wheel.parts[0])
    with postgres.Server(postgres.Installation(wheel.major, programs, parts)) as server:
        assert (server.folder / "copy").exists()
        server.execute("SELECT 1")


def test_a_missing_version_is_named() -> None:
    with pytest.raises(LookupError, match="no Postgres 8"):
        postgres.choose("8")


async def test_a_page_shows_cyrillic_and_emoji(browser: Browser) -> None:
    assert not missing_scripts()
    runner, url = await _serve(LETTER)
    try:
        async with opened(browser, width=400, height=300) as page:
            await page.goto(url)
            picture = await page.locator("#face").screenshot()
    finally:
        await runner.cleanup()
    assert len(picture) > 2_000  # three coloured signs; three empty boxes are far smaller


async def test_a_page_that_asks_outside_is_found_out(browser: Browser) -> None:
    runner, url = await _serve(LETTER + '<img src="http://192.0.2.1/pixel.png">')
    try:
        with pytest.raises(AssertionError, match=r"asked outside: http://192\.0\.2\.1/pixel\.png"):
            async with opened(browser) as page:
                await page.goto(url)
    finally:
        await runner.cleanup()


async def test_a_failing_script_is_found_out(browser: Browser) -> None:
    runner, url = await _serve(LETTER + "<script>throw new Error('beda')</script>")
    try:
        with pytest.raises(AssertionError, match="beda"):
            async with opened(browser) as page:
                await page.goto(url)
    finally:
        await runner.cleanup()


def test_the_clock_moves_only_when_told(clock: Clock) -> None:
    assert clock().isoformat() == "2026-11-24T09:00:00+00:00"
    assert clock.advance(hours=1, seconds=-1).isoformat() == "2026-11-24T09:59:59+00:00"
    assert clock() == clock()
