"""What can be wrong with the settings: codes and values for programs; the sentences are in bot.texts.config."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

__all__ = [
    "ConfigCode",
    "ConfigError",
    "ConfigProblem",
    "FileCause",
    "KeyCause",
    "TomlCause",
    "TomlType",
    "nearest",
    "toml_type",
    "wrong_type",
]


class ConfigCode(StrEnum):
    """Why the settings can't be used. Any problem with a key may also have the values `variable` and `item`:
    the environment variable that the value came from, and its place in a list, counted from 1.
    """

    NO_CONFIG = "no_config"
    FILE_UNREADABLE = "file_unreadable"  # values: path, cause (a FileCause)
    BAD_TOML = "bad_toml"  # values: path, line (0: the end of the file), column, cause (a TomlCause)
    UNKNOWN_SECTION = "unknown_section"  # values: nearest (may be empty), known
    UNKNOWN_KEY = "unknown_key"  # values: nearest (may be empty), known
    CHANNEL_NAME = "channel_name"  # values: name
    KIND_MISSING = "kind_missing"  # values: known
    UNKNOWN_KIND = "unknown_kind"  # values: value, nearest (may be empty), known
    WRONG_TYPE = "wrong_type"  # values: expected, got (TomlTypes)
    OUT_OF_RANGE = "out_of_range"  # values: value, least, most (either may be absent)
    NOT_ONE_OF = "not_one_of"  # values: value, nearest (may be empty), known
    MISSING = "missing"
    MISSING_SECRET = "missing_secret"  # noqa: S105 - a code, not a secret
    GIVEN_TWICE = "given_twice"  # values: other
    TOO_SHORT = "too_short"  # values: least
    UNKNOWN_TIMEZONE = "unknown_timezone"  # values: value, nearest (may be empty)
    BAD_DATABASE_URL = "bad_database_url"  # values: nearest (may be empty)
    BAD_PROXY = "bad_proxy"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a code, not a secret
    BAD_URL = "bad_url"
    NOT_HTTPS = "not_https"
    BAD_WEBHOOK_SECRET = "bad_webhook_secret"  # noqa: S105 - a code, not a secret
    BAD_ADDRESS = "bad_address"
    BAD_RETURN_PATH = "bad_return_path"
    BAD_SIGNING_KEY = "bad_signing_key"  # values: cause (a KeyCause), bits, algorithm
    BAD_COLOUR = "bad_colour"
    BAD_LOGO = "bad_logo"  # values: path, cause (not_a_picture or too_large), limit in bytes with the latter
    BAD_TEMPLATES = "bad_templates"  # values: faults (a line each: code, file, line, word, nearest, tabs between)
    BAD_VALUE = "bad_value"  # values: detail (the validator's own words; absent for secrets)


class FileCause(StrEnum):
    """Why a file could not be read."""

    NOT_FOUND = "not_found"
    NOT_PERMITTED = "not_permitted"
    FOLDER = "folder"
    NOT_UTF8 = "not_utf8"
    OTHER = "other"


class KeyCause(StrEnum):
    """Why a key can't sign letters."""

    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    KIND = "kind"
    LENGTH = "length"


class TomlCause(StrEnum):
    """Why a file is not TOML."""

    TWICE = "twice"
    SYNTAX = "syntax"


class TomlType(StrEnum):
    """What a value is, or should be."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    SECTION = "section"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing to mend. `where` is the key, as in "channels.vk.group_id"; empty when it is the file itself.

    Neither `where` nor `values` ever holds a secret.
    """

    code: ConfigCode
    where: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)


class ConfigError(Exception):
    """The settings can't be used; `problems` holds everything that is wrong with them."""

    def __init__(self, problems: Iterable[ConfigProblem], path: Path | None = None) -> None:
        self.problems = tuple(problems)
        self.path = path
        super().__init__("; ".join(f"{each.where}: {each.code}" if each.where else each.code for each in self.problems))


TOML_TYPES: tuple[tuple[type, TomlType], ...] = (
    (bool, TomlType.BOOLEAN),  # before int, which it is one of
    (int, TomlType.INTEGER),
    (float, TomlType.NUMBER),
    (str, TomlType.STRING),
    (list, TomlType.LIST),
    (dict, TomlType.SECTION),
)


def toml_type(value: object) -> TomlType:
    """What TOML calls a value."""
    return next((word for kind, word in TOML_TYPES if isinstance(value, kind)), TomlType.DATE)


def wrong_type(where: str, expected: TomlType, value: object) -> ConfigProblem:
    """The value is of another type than its key wants."""
    return ConfigProblem(ConfigCode.WRONG_TYPE, where, {"expected": expected, "got": toml_type(value)})


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty string."""
    by_lower = {each.lower(): each for each in known}
    matches = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else ""
