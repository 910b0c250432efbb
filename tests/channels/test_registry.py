"""The table of kinds."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from channels import registry
from channels.contract import Surroundings, TelegramAccess
from channels.registry import KINDS, SETTINGS
from channels.rehearsal import RehearsalChannel

ROOT = Path(__file__).parents[2]


class NoMedia:
    async def read(self, digest: str) -> bytes:
        raise KeyError(digest)


SURROUNDINGS = Surroundings(NoMedia(), TelegramAccess("42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"))
SECTIONS = {
    "telegram": {"chat_id": "@smolprof"},
    "vk": {"group_id": 1, "community_token": "wall-key"},
    "email": {"host": "smtp.example.org", "sender": "press@example.org"},
    "rehearsal": {},
}


def test_every_module_of_a_way_out_is_in_the_table() -> None:
    shared = {"contract", "light_aiogram", "markup", "post", "readers", "registry", "returns"}
    not_kinds = {"__init__", "__pycache__", *shared}
    files = {path.stem for path in Path(registry.__file__).parent.iterdir()}
    assert files - not_kinds == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_known_by_its_settings(name: str) -> None:
    assert KINDS[name].settings is SETTINGS[name]
    assert SETTINGS[name].model_fields["kind"].default == name
    assert SETTINGS[name].model_config.get("frozen") is True
    assert SETTINGS[name].model_config.get("extra") == "forbid"


@pytest.mark.parametrize("name", KINDS)
async def test_opens_the_channel_that_the_settings_describe(name: str) -> None:
    """Nobody is asked: a channel that is out of reach must not keep the others from starting."""
    settings: BaseModel = SETTINGS[name].model_validate(SECTIONS[name])
    channel = await registry.connect("key", settings, SURROUNDINGS)
    try:
        assert type(channel).__module__.startswith(f"channels.{name}")
        assert (channel.address is None) == (name == "email")
    finally:
        await channel.close()


def test_the_table_loads_nothing_that_speaks_to_the_outside() -> None:
    """`rupor status` reads the settings of every kind and speaks to none."""
    script = "import sys, channels.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    speaking = {"aiogram", "aiohttp", "aiosmtplib", "dns", "imap_tools", "requests", "urllib3", "vk_api"}
    assert speaking & set(loaded.split()) == set()


async def test_hands_over_the_key() -> None:
    channel = await registry.connect("try", SETTINGS["rehearsal"](), SURROUNDINGS)
    assert isinstance(channel, RehearsalChannel)
    assert "try" in str(await channel.check())
