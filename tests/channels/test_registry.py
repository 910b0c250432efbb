"""The table of kinds."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from channels import registry
from channels.contract import Surroundings, TelegramAccess
from channels.registry import KINDS, SETTINGS
from channels.rehearsal import RehearsalChannel


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


async def test_hands_over_the_key() -> None:
    channel = await registry.connect("try", SETTINGS["rehearsal"](), SURROUNDINGS)
    assert isinstance(channel, RehearsalChannel)
    assert "try" in str(await channel.check())
