"""The town is complete, and is there again after a restart."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path

from sandbox import federation
from sandbox.configuration import config_toml
from sandbox.drawer import Drawer
from sandbox.town import Town, envelope
from tests.sandbox.visiting import ANNA, MAILBOX, PICTURE, call_telegram, letter, post_on_wall, send_mail, write_letter


def test_the_federation_is_invented_and_complete() -> None:
    assert len(federation.ORGANISATIONS) == 25
    addresses = [one.address for one in federation.ORGANISATIONS]
    assert len(set(addresses)) == 25
    assert all(address.endswith(".example") for address in addresses)
    assert envelope("profkom@фабрика-лён.example").isascii()


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.telegram.send_media(ANNA, "photo", "a.png", PICTURE, "image/png", "Итоги")
        await call_telegram(town)
        await post_on_wall(town)
        await write_letter(town, MAILBOX, letter(MAILBOX, "<p>" + "а" * 2000))
        town.read.add(1)
        town.troubles.switch("mailbox_full", on=True, address=MAILBOX)
        before, ports = town.dump(), config_toml(town, tmp_path)
    async with Town(tmp_path) as town:
        assert town.dump() == before
        assert config_toml(town, tmp_path) == ports
        photo = town.telegram.chat(ANNA)[0]["photo"][-1]["file_id"]
        assert town.telegram.file(photo).data == PICTURE
        assert await send_mail(town, MAILBOX) == "452"


async def test_saves_soon_after_a_change_and_not_only_at_the_end(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.telegram.say(ANNA, "Собрание в среду")
        async with asyncio.timeout(20):
            while "Собрание" not in json.dumps(Drawer(tmp_path).load(), ensure_ascii=False):  # noqa: ASYNC110 - files have no events
                await asyncio.sleep(0.02)


def test_long_bytes_lie_beside_the_document_until_nothing_names_them(tmp_path: Path) -> None:
    drawer, content = Drawer(tmp_path), b64encode(b"\0" * 5000).decode()
    state = {"letters": [{"raw": content}, {"raw": "short"}], "data": {"raw": 1}}
    drawer.save(state)
    assert (tmp_path / "state.json").stat().st_size < 1000
    assert drawer.load() == state
    drawer.save({})
    assert list((tmp_path / "files").iterdir()) == []


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert Drawer(tmp_path).load() is None
