"""Where values come from: config.toml, the environment, and files that hold one secret each."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from bot.config.problems import ConfigCode, ConfigError, ConfigProblem, FileCause, TomlCause, TomlType, wrong_type

__all__ = [
    "FromEnvironment",
    "environment",
    "mentions",
    "overlay",
    "read_secret_files",
    "read_toml",
    "secret_keys",
    "typed",
]

PREFIX = "RUPOR_"
JOINT = "__"
FILE_SUFFIX = "_file"

RawSection = dict[str, Any]


class FromEnvironment(str):
    """A value's text, and the name of the variable that it came from."""

    variable: str


def _from(variable: str, text: str) -> FromEnvironment:
    value = FromEnvironment(text)
    value.variable = variable
    return value


# config.toml


def read_toml(path: Path) -> RawSection:
    """Read the file. Raises ConfigError when it can't be read or is not TOML."""
    text, cause = read_text(path)
    if cause:
        raise ConfigError([ConfigProblem(ConfigCode.FILE_UNREADABLE, values={"path": str(path), "cause": cause})], path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_bad_toml(path, str(error))], path) from None  # its context may quote a secret


def read_text(path: Path) -> tuple[str, FileCause | None]:
    """The text of a file, or why there is none. A byte order mark, as Notepad writes it, is left out."""
    try:
        return path.read_bytes().decode("utf-8-sig"), None
    except FileNotFoundError:
        return "", FileCause.NOT_FOUND
    except PermissionError:
        return "", FileCause.NOT_PERMITTED
    except IsADirectoryError:
        return "", FileCause.FOLDER
    except UnicodeDecodeError:
        return "", FileCause.NOT_UTF8
    except OSError:
        return "", FileCause.OTHER


def _bad_toml(path: Path, words: str) -> ConfigProblem:
    place = re.search(r"line (\d+), column (\d+)", words)
    line, column = (int(number) for number in place.groups()) if place else (0, 0)
    twice = re.search(r"overwrite|twice|already|redefine|mutate", words, re.IGNORECASE)
    cause = TomlCause.TWICE if twice else TomlCause.SYNTAX
    return ConfigProblem(
        ConfigCode.BAD_TOML, values={"path": str(path), "line": line, "column": column, "cause": cause}
    )


# The environment


def environment(environ: Mapping[str, str]) -> dict[str, FromEnvironment]:
    """Every variable that stands for a key, by its path, as in "bot.token". An empty variable counts as not set."""
    named = {name: text for name, text in environ.items() if name.startswith(PREFIX) and text}
    return {
        name.removeprefix(PREFIX).replace(JOINT, ".").lower(): _from(name, text)
        for name, text in named.items()
        if JOINT in name or name == f"{PREFIX}TIMEZONE"
    }


def overlay(data: RawSection, values: Mapping[str, FromEnvironment]) -> RawSection:
    """Put the environment's values over the file's. Keys match whatever their case, and "_" stands for "-" too."""
    merged = _copy(data)
    for path, value in values.items():
        *sections, key = path.split(".")
        here = merged
        for section in sections:
            here = _section(here, section)
        here[_as_written(here, key)] = value
        _give_way(here, key)
    return merged


def _copy(data: RawSection) -> RawSection:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in data.items()}


def _section(here: RawSection, name: str) -> RawSection:
    name = _as_written(here, name)
    if not isinstance(here.get(name), dict):
        here[name] = {}
    section: RawSection = here[name]
    return section


def _as_written(here: RawSection, name: str) -> str:
    return next((each for each in here if each.casefold().replace("-", "_") == name), name)


def _give_way(here: RawSection, key: str) -> None:
    """The environment's x_file replaces the file's x, and the other way round."""
    rival = key.removesuffix(FILE_SUFFIX) if key.endswith(FILE_SUFFIX) else key + FILE_SUFFIX
    if rival in here and not isinstance(here[rival], FromEnvironment):
        del here[rival]


def typed(annotation: Any, text: FromEnvironment) -> Any:
    """Read a variable's text as the key's type wants it: words as they are, lists by commas or as JSON."""
    if not _mentions_any(annotation, (int, float, bool, tuple, list, dict)):
        return text
    if _is_list(annotation) and not text.startswith("["):
        inner = next(iter(get_args(annotation)), str)
        return [typed(inner, _from(text.variable, each.strip())) for each in text.split(",")]
    try:
        return json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except ValueError:
        return text


def mentions(annotation: Any, kind: type) -> bool:
    """True when the annotation is, or holds, this type."""
    return annotation is kind or any(mentions(each, kind) for each in get_args(annotation))


def _mentions_any(annotation: Any, kinds: tuple[type, ...]) -> bool:
    return (
        get_origin(annotation) in kinds
        or annotation in kinds
        or any(_mentions_any(each, kinds) for each in get_args(annotation))
    )


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in {tuple, list, frozenset} or any(_is_list(each) for each in get_args(annotation))


# Secrets in files of their own


def secret_keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys whose value may come from a file: `x` for every `x_file`."""
    return (name for name, each in model.model_fields.items() if mentions(each.annotation, SecretStr))


def read_secret_files(
    model: type[BaseModel], data: RawSection, where: str, folder: Path
) -> tuple[RawSection, list[ConfigProblem]]:
    """Replace each `x_file` by the `x` that stands in the file, its last line end taken off.

    A path is relative to `folder`. A list of secrets has one on each line. Where the file can't be read, `x_file`
    stays, so that the caller knows not to complain of `x` as well.
    """
    data, problems = dict(data), []
    for key in secret_keys(model):
        path = data.get(key + FILE_SUFFIX)
        if path is None:
            continue
        if not isinstance(path, str):
            problems.append(wrong_type(f"{where}.{key}{FILE_SUFFIX}", TomlType.STRING, path))
            continue
        if data.get(key):
            values: dict[str, str | int] = {"other": f"{where}.{key}"}
            problems.append(ConfigProblem(ConfigCode.GIVEN_TWICE, f"{where}.{key}{FILE_SUFFIX}", values))
        elif path:
            text, cause = read_text(folder / path)
            if cause:
                values = {"path": str(folder / path), "cause": cause}
                problems.append(ConfigProblem(ConfigCode.FILE_UNREADABLE, f"{where}.{key}{FILE_SUFFIX}", values))
                continue
            data[key] = text.split() if _is_list(model.model_fields[key].annotation) else text.strip()
        del data[key + FILE_SUFFIX]
    return data, problems
