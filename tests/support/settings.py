"""Settings as a test writes them: the text of a config file, and what becomes of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.config import ConfigError, Settings, load
from channels.registry import SETTINGS

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
MAIL = '[channels.mail]\nkind = "email"\nhost = "smtp.example.org"\nsender = "press@example.org"\n'
WALL = '[channels.vk]\nkind = "vk"\ngroup_id = 5\ncommunity_token = "wall-key"\n'


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, need_bot: bool = False) -> Settings:
    """Write the text to config.toml in the folder, and load it."""
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return load(config, environ or {}, SETTINGS, need_bot=need_bot)


def complaint(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, *, need_bot: bool = False
) -> ConfigError:
    """The error that loading ends with."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ, need_bot=need_bot)
    return caught.value
