"""Load everything, or say everything that is wrong."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from bot.config import sources
from bot.config.complaints import complaints
from bot.config.problems import ConfigCode, ConfigError, ConfigProblem, TomlType, nearest, wrong_type
from bot.config.sections import BotSettings, Database, DeliverySettings, General, Settings, Web
from bot.config.sources import FILE_SUFFIX, FromEnvironment, RawSection

__all__ = ["find", "load"]

DEFAULT_FILE = "config.toml"
CHANNELS = "channels"
SECTIONS = ("database", "bot", "delivery", "web", CHANNELS)
CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")  # it stands in `--to KEY:LIST,KEY` and in buttons

Model = TypeVar("Model", bound=BaseModel)
Kinds = Mapping[str, type[BaseModel]]
Problems = list[ConfigProblem]


def find(option: Path | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    """The config file to load: the option, else $RUPOR_CONFIG, else `folder`/config.toml if it is there, else None."""
    named = option or (Path(environ["RUPOR_CONFIG"]) if environ.get("RUPOR_CONFIG") else None)
    if named:
        return folder / named
    usual = folder / DEFAULT_FILE
    return usual if usual.exists() else None


def load(path: Path | None, environ: Mapping[str, str], kinds: Kinds, *, need_bot: bool = False) -> Settings:
    """Read the settings from the file (None: there is none) and, over it, from the environment.

    `kinds` are the models of the channels by kind. `need_bot` makes a missing bot token a problem even where no
    channel needs it. Relative paths inside are taken from the file's folder, or from the current one.
    Raises ConfigError with every problem there is.
    """
    variables = sources.environment(environ)
    if path is None and not variables:
        raise ConfigError([ConfigProblem(ConfigCode.NO_CONFIG)])
    data = sources.overlay(sources.read_toml(path) if path else {}, variables)
    folder = path.absolute().parent if path else Path.cwd()

    problems = _unknown_sections(data)
    general = _section(General, {key: data[key] for key in General.model_fields if key in data}, "", folder, problems)
    database = _named(Database, "database", data, folder, problems)
    bot = _named(BotSettings, "bot", data, folder, problems)
    delivery = _named(DeliverySettings, "delivery", data, folder, problems)
    web = _named(Web, "web", data, folder, problems)
    channels = _channels(data.get(CHANNELS, {}), kinds, folder, problems)
    problems += _together(bot, web, problems, need_bot=need_bot or _speaks_telegram(data.get(CHANNELS)))
    if problems or not (general and database and bot and delivery and web):
        raise ConfigError(problems, path)
    return Settings(
        timezone=general.timezone,
        database=database.within(folder),
        bot=bot,
        delivery=delivery,
        web=web.sealed(),
        channels=channels,
    )


# Sections


def _unknown_sections(data: RawSection) -> Problems:
    problems = []
    for name, value in data.items():
        if name in Settings.model_fields:
            continue
        code = ConfigCode.UNKNOWN_SECTION if isinstance(value, dict) else ConfigCode.UNKNOWN_KEY
        known = [
            each for each in Settings.model_fields if (each in General.model_fields) is not isinstance(value, dict)
        ]
        problems.append(_unknown(code, name, name, known, value))
    return problems


def _unknown(code: ConfigCode, where: str, name: str, known: Iterable[str], value: object) -> ConfigProblem:
    known = list(known)
    values: dict[str, str | int] = {"nearest": nearest(name, known), "known": ", ".join(known)}
    variable = _variable(value)
    return ConfigProblem(code, where, values | ({"variable": variable} if variable else {}))


def _variable(value: object) -> str:
    """The variable that brought the value, or the first one of a section that only the environment knows."""
    if isinstance(value, FromEnvironment):
        return value.variable
    if isinstance(value, dict) and value:
        found = [_variable(each) for each in value.values()]
        return found[0] if all(found) else ""
    return ""


def _named(model: type[Model], name: str, data: RawSection, folder: Path, problems: Problems) -> Model | None:
    return _section(model, data.get(name, {}), name, folder, problems)


def _section(model: type[Model], data: object, where: str, folder: Path, problems: Problems) -> Model | None:
    """Make a section's model of its raw values, or None, with the reasons added to `problems`."""
    if not isinstance(data, dict):
        problems.append(wrong_type(where, TomlType.SECTION, data))
        return None
    data, excused = _prepared(model, data, where, folder, problems)
    inner = {
        key: _section(its, data.pop(key), f"{where}.{key}", folder, problems)
        for key, its in _inner_sections(model).items()
        if key in data
    }
    values = {key: _ready(model, key, value, folder) for key, value in data.items() if not _is_blank(model, key, value)}
    try:
        made = model.model_validate_json(json.dumps(values, default=_fits_nowhere), strict=True)
    except ValidationError as error:
        found = complaints(error, model, data, where)
        problems += [each for each in found if each.where not in excused]
        return None
    if None in inner.values():
        return None
    return made.model_copy(update=inner) if inner else made


def _inner_sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The keys that are sections of their own, as in [channels.mail.returns]."""
    found = {}
    for key, field in model.model_fields.items():
        for each in (field.annotation, *get_args(field.annotation)):
            if isinstance(each, type) and issubclass(each, BaseModel):
                found[key] = each
    return found


def _fits_nowhere(_date: object) -> dict[str, object]:
    """TOML's dates have no place in JSON, and no key wants one: stand in for it what every key refuses."""
    return {}


def _prepared(
    model: type[BaseModel], data: RawSection, where: str, folder: Path, problems: Problems
) -> tuple[RawSection, set[str]]:
    """Take secrets from their files and unknown keys out. Also answers the keys that were complained of already."""
    data, found = sources.read_secret_files(model, data, where, folder)
    excused = {each.where.removesuffix(FILE_SUFFIX) for each in found}
    known = [*model.model_fields, *(key + FILE_SUFFIX for key in sources.secret_keys(model))]
    for key in data.keys() - set(known):
        found.append(_unknown(ConfigCode.UNKNOWN_KEY, f"{where}.{key}", key, known, data[key]))
    problems += sorted(found, key=lambda each: each.where)
    return {key: value for key, value in data.items() if key in model.model_fields}, excused


def _ready(model: type[BaseModel], key: str, value: object, folder: Path) -> object:
    """A raw value as the model expects it: a variable's text read by type, a relative path put into its folder."""
    annotation: Any = model.model_fields[key].annotation
    if isinstance(value, FromEnvironment):
        value = sources.typed(annotation, value)
    if isinstance(value, str) and sources.mentions(annotation, Path):
        return str(folder / value) if value else None
    return value


def _is_blank(model: type[BaseModel], key: str, value: object) -> bool:
    """An empty string for a key without a default is no answer."""
    return value == "" and model.model_fields[key].is_required()


# Channels


def _channels(data: object, kinds: Kinds, folder: Path, problems: Problems) -> dict[str, BaseModel]:
    if not isinstance(data, dict):
        problems.append(wrong_type(CHANNELS, TomlType.SECTION, data))
        return {}
    made = {name: _channel(name, section, kinds, folder, problems) for name, section in data.items()}
    return {name: channel for name, channel in made.items() if channel is not None}


def _channel(name: str, data: object, kinds: Kinds, folder: Path, problems: Problems) -> BaseModel | None:
    where = f"{CHANNELS}.{name}"
    if not CHANNEL_NAME.fullmatch(name):
        problems.append(ConfigProblem(ConfigCode.CHANNEL_NAME, where, {"name": name}))
    if not isinstance(data, dict):
        problems.append(wrong_type(where, TomlType.SECTION, data))
        return None
    kind = data.get("kind", "")
    if not isinstance(kind, str) or kind not in kinds:
        problems.append(_no_such_kind(f"{where}.kind", kind, kinds))
        return None
    model = kinds[kind]
    return _section(model, {key: data[key] for key in data if _belongs(key, model)}, where, folder, problems)


def _belongs(key: str, model: type[BaseModel]) -> bool:
    return key != "kind" or key in model.model_fields


def _no_such_kind(where: str, kind: object, kinds: Kinds) -> ConfigProblem:
    if not isinstance(kind, str):
        return wrong_type(where, TomlType.STRING, kind)
    known = ", ".join(kinds)
    if not kind:
        return ConfigProblem(ConfigCode.KIND_MISSING, where, {"known": known})
    return ConfigProblem(
        ConfigCode.UNKNOWN_KIND, where, {"value": kind, "nearest": nearest(kind, kinds), "known": known}
    )


# What one section asks of another


def _speaks_telegram(channels: object) -> bool:
    sections = channels.values() if isinstance(channels, dict) else ()
    return any(isinstance(section, dict) and section.get("kind") == "telegram" for section in sections)


def _together(bot: BotSettings | None, web: Web | None, problems: Problems, *, need_bot: bool) -> Problems:
    """A section that was refused is not asked, nor a secret whose file was: their own problems come first."""
    wanted: list[tuple[str, bool, SecretStr]] = []
    if bot:
        wanted.append(("bot.token", need_bot, bot.token))
        wanted.append(("bot.webhook_secret", bool(bot.webhook_url), bot.webhook_secret))
    if web:
        wanted.append(("web.secret", bool(web.public_url), web.secret))
    refused = {each.where for each in problems}
    missing = [where for where, needed, secret in wanted if needed and not secret.get_secret_value()]
    return [ConfigProblem(ConfigCode.MISSING_SECRET, each) for each in missing if each + FILE_SUFFIX not in refused]
