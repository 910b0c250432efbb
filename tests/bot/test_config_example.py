"""config.example.toml and the guide beside it: every key, and its true default."""

import re
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr

from bot.config import BotSettings, Database, DeliverySettings, Settings, Web
from bot.config.sections import General
from channels.email.return_settings import ReturnSettings
from channels.registry import SETTINGS
from tests.support.settings import TOKEN, complaint, loaded

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"

# The example


def example_with_everything() -> str:
    return re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


REQUIRED_SECRETS = {"RUPOR_BOT__TOKEN": TOKEN, "RUPOR_CHANNELS__VK__COMMUNITY_TOKEN": "wall-key"}


SECRETS_OF_WHAT_IS_IN_COMMENTS = {"RUPOR_CHANNELS__MAIL__RETURNS__PASSWORD": "box-key"}


def test_the_example_loads_once_its_secrets_are_filled_in(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EXAMPLE.read_text(encoding="utf-8"), REQUIRED_SECRETS, need_bot=True)
    assert set(settings.channels) == {"tg", "vk", "mail"}


def test_the_example_left_as_it_is_names_the_secrets_to_fill_in(tmp_path: Path) -> None:
    error = complaint(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    missing = {("channels.vk.community_token", "missing_secret"), ("bot.token", "missing_secret")}
    assert {(problem.where, problem.code.value) for problem in error.problems} == missing


def sections_of(settings: Settings) -> dict[str, BaseModel]:
    named: dict[str, BaseModel] = {each: getattr(settings, each) for each in ("database", "bot", "delivery", "web")}
    channels: dict[str, BaseModel] = {f"channels.{key}": channel for key, channel in settings.channels.items()}
    inner = {
        f"{where}.{key}": its
        for where, channel in channels.items()
        for key in type(channel).model_fields
        if isinstance(its := getattr(channel, key), BaseModel)
    }
    assert set(inner) == {"channels.mail.returns"}
    return named | channels | inner


def test_the_example_names_every_key_and_shows_its_true_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, example_with_everything(), REQUIRED_SECRETS | SECRETS_OF_WHAT_IS_IN_COMMENTS)
    assert {type(channel) for channel in settings.channels.values()} == set(SETTINGS.values())
    written = set(re.findall(r"^#(\w+) =", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert written >= {"timezone", "url"}
    for where, section in sections_of(settings).items():
        fields = type(section).model_fields
        assert fields.keys() - section.model_fields_set == set(), where
        for key, field in fields.items():
            if key in written and not field.is_required() and (where, key) != ("database", "url"):
                assert (where, key) == ("web", "secret") or getattr(section, key) == field.default, f"{where}.{key}"
    assert Database().within(tmp_path) == settings.database


def test_the_guide_for_administrators_explains_every_key() -> None:
    guide = (EXAMPLE.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    chapters = re.split(r"^## ", guide, flags=re.MULTILINE)
    headings: dict[str, type[BaseModel]] = {
        "Общее": General,
        "`[database]`": Database,
        "`[bot]`": BotSettings,
        "`[delivery]`": DeliverySettings,
        "`[web]`": Web,
    }
    headings |= {f'`kind = "{kind}"`': model for kind, model in SETTINGS.items()}
    inner = next(each for each in chapters if "[channels.mail.returns]" in each).partition("[channels.mail.returns]")[2]
    assert [key for key in ReturnSettings.model_fields if f"`{key}`" not in inner] == []
    for heading, model in headings.items():
        chapter = next(each for each in chapters if heading in each.splitlines()[0])
        assert [key for key in model.model_fields if f"`{key}`" not in chapter and key != "kind"] == [], heading


def test_nothing_but_secrets_holds_secret_words() -> None:
    """A key named like a secret must be one, so that it never shows."""
    models: list[type[BaseModel]] = [BotSettings, Web, Database, ReturnSettings, *SETTINGS.values()]
    for model in models:
        for key, field in model.model_fields.items():
            if re.search(r"token|secret|password", key):
                assert SecretStr in {field.annotation, *get_args(field.annotation)}, key
