"""What pydantic says of a section becomes problems with codes of our own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.config.problems import ConfigCode, ConfigProblem, TomlType, nearest, toml_type
from bot.config.sections import OURS
from bot.config.sources import FromEnvironment, RawSection, mentions

__all__ = ["complaints"]

Values = dict[str, str | int]


def complaints(error: ValidationError, model: type[BaseModel], data: RawSection, where: str) -> list[ConfigProblem]:
    """One problem for each key that pydantic refused."""
    problems: dict[str, ConfigProblem] = {}
    for details in error.errors(include_url=False, include_input=False):
        problem = _problem(details, model, data, where)
        place = f"{problem.where} {problem.values.get('item', '')}"
        problems[place] = _joined(problems[place], problem) if place in problems else problem
    return list(problems.values())


def _joined(first: ConfigProblem, second: ConfigProblem) -> ConfigProblem:
    """A key that may be of two types gets two errors. It wants one type or the other; or it is of one of them, and
    then the error that is not about types is the true one."""
    if first.code is not ConfigCode.WRONG_TYPE:
        return first
    if second.code is not ConfigCode.WRONG_TYPE:
        return second
    expected = f"{first.values['expected']} {second.values['expected']}"
    return ConfigProblem(first.code, first.where, {**first.values, "expected": expected})


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One error of pydantic's, with what we know of its key. `field` is None when a whole section was refused."""

    kind: str
    message: str
    context: Mapping[str, Any]
    value: object
    field: FieldInfo | None

    @property
    def secret(self) -> bool:
        """True when neither the value nor the validator's words may be shown."""
        return self.field is None or mentions(self.field.annotation, SecretStr)

    @property
    def shown(self) -> Values:
        return {} if self.secret else {"value": str(self.value)}


def _problem(details: ErrorDetails, model: type[BaseModel], data: RawSection, where: str) -> ConfigProblem:
    key = str(details["loc"][0]) if details["loc"] else ""
    value = data.get(key)
    origin: Values = {"variable": value.variable} if isinstance(value, FromEnvironment) else {}
    match details["loc"], value:
        case (_, int() as index, *_), list():
            origin["item"] = index + 1
            value = value[index]
    refusal = _Refusal(details["type"], details["msg"], details.get("ctx", {}), value, model.model_fields.get(key))
    code, values = _read(refusal)
    return ConfigProblem(code, ".".join(filter(None, [where, key])), origin | values)


# What each of its error types means to us

Reading = Callable[[_Refusal], tuple[ConfigCode, Values]]


def _read(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    if refusal.kind.startswith(OURS):
        return ConfigCode(refusal.kind.removeprefix(OURS)), dict(refusal.context)
    return READINGS.get(refusal.kind, _bad_value)(refusal)


def _bad_value(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    detail = str(refusal.context.get("error", refusal.message))
    return ConfigCode.BAD_VALUE, {} if refusal.secret else {"detail": detail}


def _missing(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    return (ConfigCode.MISSING_SECRET if refusal.secret else ConfigCode.MISSING), {}


def _too_short(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    least = int(refusal.context["min_length"])
    return _missing(refusal) if least == 1 else (ConfigCode.TOO_SHORT, {"least": least})


def _wrong_type(expected: TomlType) -> Reading:
    return lambda refusal: (ConfigCode.WRONG_TYPE, {"expected": expected, "got": toml_type(refusal.value)})


def _timezone(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    if not isinstance(refusal.value, str):
        return _wrong_type(TomlType.STRING)(refusal)
    names = available_timezones()
    by_city = {name.rpartition("/")[2]: name for name in sorted(names)}
    guess = nearest(refusal.value, names) or by_city.get(nearest(refusal.value, by_city), "")
    return ConfigCode.UNKNOWN_TIMEZONE, refusal.shown | {"nearest": guess}


def _out_of_range(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    bounds: Values = {}
    for rule in [*(refusal.field.metadata if refusal.field else ()), _Bound(**refusal.context)]:
        for name, word, step in (("ge", "least", 0), ("gt", "least", 1), ("le", "most", 0), ("lt", "most", -1)):
            bound = getattr(rule, name, None)
            if isinstance(bound, int):
                bounds[word] = bound + step
    return ConfigCode.OUT_OF_RANGE, refusal.shown | bounds


@dataclass(frozen=True, slots=True)
class _Bound:
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None


def _not_one_of(refusal: _Refusal) -> tuple[ConfigCode, Values]:
    known = list(_choices(refusal.field.annotation if refusal.field else None))
    values: Values = {"known": ", ".join(known), "nearest": nearest(str(refusal.value), known)}
    return ConfigCode.NOT_ONE_OF, refusal.shown | values


def _choices(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (str(each.value) for each in annotation)
    for each in get_args(annotation):
        yield from [each] if isinstance(each, str) else _choices(each)


READINGS: Mapping[str, Reading] = {
    "missing": _missing,
    "string_pattern_mismatch": lambda _refusal: (ConfigCode.BAD_VALUE, {}),  # a pattern tells people nothing
    "string_too_short": _too_short,
    "too_short": _too_short,
    "zoneinfo_str": _timezone,
    "literal_error": _not_one_of,
    "enum": _not_one_of,
    **dict.fromkeys(["greater_than_equal", "greater_than", "less_than_equal", "less_than"], _out_of_range),
    **dict.fromkeys(["string_type", "path_type"], _wrong_type(TomlType.STRING)),
    **dict.fromkeys(["int_type", "int_from_float", "int_parsing"], _wrong_type(TomlType.INTEGER)),
    **dict.fromkeys(["float_type", "float_parsing"], _wrong_type(TomlType.NUMBER)),
    **dict.fromkeys(["bool_type", "bool_parsing"], _wrong_type(TomlType.BOOLEAN)),
    **dict.fromkeys(["tuple_type", "list_type"], _wrong_type(TomlType.LIST)),
    **dict.fromkeys(["dict_type", "model_type", "model_attributes_type"], _wrong_type(TomlType.SECTION)),
}
