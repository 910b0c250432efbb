"""Six announcements, each as it looks in the channel, on the wall and in a letter: pictures for docs/samples.md."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator

from tests.browser.camera import IMAGES, Camera
from tests.browser.sandbox import ROOT, running
from tests.browser.test_day import all_pictures_are_there
from tests.browser.visitor import Visitor, expect, visiting
from tests.support.announcements import ANNOUNCEMENTS, sample

# The pictures are of all six; to see that nothing is amiss the two largest will do.
NAMES = tuple(ANNOUNCEMENTS) if os.environ.get("RUPOR_SCREENSHOTS") == "1" else ("congratulation", "release")
READER = "Профком завода «Кристалл»"
ON_THE_PHONE, AT_THE_DESK = 360, 1000  # CSS pixels

pytestmark = pytest.mark.timeout(400)


@asynccontextmanager
async def settings_of(anna: Visitor, address: str, folder: Path) -> AsyncIterator[Path]:
    answer = await anna.page.request.get(f"{address}/config")
    file = folder / "config.toml"
    file.write_bytes(await answer.body())
    yield file


async def announced(settings: Path, name: str, folder: Path) -> dict[str, Any]:
    """Send a sample to every channel, by the command line; what `status` says of it afterwards."""
    text, media = await asyncio.to_thread(laid_out, name, folder)
    words = [word for path in media for word in ("--media", str(path))]
    content = ("--text-file", str(text), "--format", "html", *words)
    made = await said(settings, "announce", *content, "--to", "tg,vk,mail", "--wait", "--json")
    return await said(settings, "status", str(made["announcement"]), "--json")


def laid_out(name: str, folder: Path) -> tuple[Path, list[Path]]:
    """Write a sample, with its title in bold as people send it to the bot, and its files into a new folder."""
    folder.mkdir()
    text = folder / "text.html"
    title, body, _media = ANNOUNCEMENTS[name]
    text.write_text(f"<b>{title}</b>\n\n{body}", encoding="utf-8")
    made, media = sample(name), []
    for place, one in enumerate(made.post.attachments, 1):
        media.append(folder / f"{place} {one.name}" if len(made.post.attachments) > 1 else folder / one.name)
        media[-1].write_bytes(made.files[one.digest or ""])
    return text, media


async def said(settings: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bot", "--config", str(settings), *words]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    found: dict[str, Any] = json.loads(out)
    return found


async def test_every_sample_arrives_and_looks_at_home(browser: Browser, tmp_path: Path) -> None:
    camera = Camera(tmp_path, folder=IMAGES / "samples")
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=1440, height=2400) as anna,
        settings_of(anna, address, tmp_path) as settings,
    ):
        for name in NAMES:
            whole = await announced(settings, name, tmp_path / name)
            counts = whole["broadcasts"][0]["counts"]
            assert counts["sent"] == sum(counts.values()), name
            await stands_in(anna.channel, name)
            await stands_in(anna.wall, name)
            await camera.takes(f"{name}-telegram", anna.page, part=anna.page.get_by_test_id("pane-channel"))
            await camera.takes(f"{name}-vk", anna.page, part=anna.page.get_by_test_id("pane-wall"))
            await reads(anna, address, name, camera)


async def stands_in(place: Locator, name: str) -> None:
    """The sample is there, and its beginning is in sight."""
    first = place.get_by_role("article").filter(has_text=ANNOUNCEMENTS[name][0]).first
    await expect(first).to_be_visible()
    await all_pictures_are_there(place)
    await first.evaluate("post => post.scrollIntoView({block: 'start'})")


async def reads(anna: Visitor, address: str, name: str, camera: Camera) -> None:
    """Open the letter at a desk and on a telephone."""
    window = await anna.opens_letter(READER)
    await expect(window.get_by_role("heading", level=2).first).to_contain_text(ANNOUNCEMENTS[name][0][:40])
    source = await anna.page.locator("iframe").get_attribute("src")
    await window.get_by_role("button", name="Закрыть письмо").click()
    await anna.page.get_by_role("button", name="Ко всем ящикам").click()
    for where, width in (("phone", ON_THE_PHONE), ("desk", AT_THE_DESK)):
        letter = await anna.page.context.new_page()
        await letter.set_viewport_size({"width": width, "height": 900})
        await letter.goto(f"{address}{source}", wait_until="load")
        assert await letter.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        await camera.takes(f"{name}-letter-{where}", letter)
        await letter.close()
