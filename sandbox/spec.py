"""Holds a call of the Bot API against its published description.

A call arrives as strings, JSON values and uploaded files. `Spec.check` turns every parameter into a plain Python value
and names everything that the description doesn't allow: unknown and missing parameters, wrong types, and the same
inside nested objects. Source: sandbox/specs/telegram-bot-api.json.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Checked", "Spec", "Upload", "bot_api"]

DESCRIPTION = Path(__file__).parent / "specs" / "telegram-bot-api.json"

_CONSTANT = re.compile(r"(?:must be |always ')([a-z_0-9]+)'?$")
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_ARRAY = "Array of "


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came inside the call (multipart/form-data)."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """A call as plain values, and what is wrong with it."""

    method: str
    values: dict[str, Any]
    violations: tuple[str, ...]


class Spec:
    """The methods and types of one API description."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._methods: Mapping[str, Any] = description["methods"]
        self._types: Mapping[str, Any] = description["types"]
        self._spelling = {name.lower(): name for name in self._methods}

    def method(self, name: str) -> str | None:
        """Return the method's name as the description spells it; names are case-insensitive. None when unknown."""
        return self._spelling.get(name.lower())

    def returns(self, method: str) -> str:
        """Return the first type that the method answers with, such as "Message" or "True"."""
        return str(self._methods[method]["returns"][0])

    def check(self, method: str, given: Mapping[str, Any], uploads: Mapping[str, Upload]) -> Checked:
        """Hold the parameters of one call against the description.

        A parameter that is a file, or names one by `attach://`, becomes its Upload. Raises KeyError for an unknown
        method.
        """
        inspection = _Inspection(self._types, uploads)
        merged = {**given, **{name: upload for name, upload in uploads.items() if name in self._names(method)}}
        values = inspection.fields(method, self._methods[method]["fields"], merged, from_text=True)
        unused = uploads.keys() - merged.keys() - inspection.attached
        inspection.violations.extend(f"{method}: file {name!r} is not used" for name in sorted(unused))
        return Checked(method, values, tuple(inspection.violations))

    def look(self, type_name: str, value: Any) -> tuple[str, ...]:
        """Return what is wrong with an answer that should be of the type, such as "Message" or "Array of Update"."""
        inspection = _Inspection(self._types, {})
        inspection.value(type_name, value)
        return tuple(inspection.violations)

    def _names(self, method: str) -> set[str]:
        return {item["name"] for item in self._methods[method]["fields"]}


class _Mismatch(Exception):
    """The value is not of the type; says so in words of the description."""


class _Inspection:
    """One look at one call; collects violations on the way."""

    def __init__(self, types: Mapping[str, Any], uploads: Mapping[str, Upload]) -> None:
        self._types = types
        self._uploads = uploads
        self.attached: set[str] = set()
        self.violations: list[str] = []

    def fields(
        self, where: str, described: list[dict[str, Any]], given: Mapping[str, Any], *, from_text: bool
    ) -> dict[str, Any]:
        known = {item["name"]: item for item in described}
        self.violations.extend(f"{where}: unknown parameter {name!r}" for name in given if name not in known)
        self.violations.extend(
            f"{where}: {item['name']} is required"
            for item in described
            if item["required"] and (item["name"] not in given or (from_text and given[item["name"]] == ""))
        )
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known or value is None:
                continue
            try:
                values[name] = self._any_of(f"{where}.{name}", known[name]["types"], value, from_text=from_text)
            except _Mismatch as mismatch:
                self.violations.append(str(mismatch))
        return values

    def value(self, type_name: str, value: Any) -> None:
        try:
            self._any_of(type_name, [type_name], value, from_text=False)
        except _Mismatch as mismatch:
            self.violations.append(str(mismatch))

    def _any_of(self, where: str, types: list[str], value: Any, *, from_text: bool) -> Any:
        if len(types) > 1 and all(name.startswith(_ARRAY) for name in types):
            return self._array(where, [name.removeprefix(_ARRAY) for name in types], _parsed(where, value, from_text))
        mismatches = []
        types = self._candidates(types, value)
        for name in sorted(types, key=lambda name: name == "String"):  # a string takes anything, so it comes last
            before = len(self.violations)
            try:
                taken = self._one(where, name, value, from_text=from_text)
            except _Mismatch as mismatch:
                mismatches.append(str(mismatch))
                continue
            if len(types) == 1 or len(self.violations) == before:
                return taken
            mismatches.extend(self.violations[before:])
            del self.violations[before:]
        raise _Mismatch(mismatches[0] if len(set(mismatches)) == 1 else f"{where}: none of {', '.join(types)} fits")

    def _one(self, where: str, name: str, value: Any, *, from_text: bool) -> Any:
        if name in _SIMPLE:
            return self._simple(where, name, value, from_text=from_text)
        if name == "InputFile":
            return self._file(where, value)
        value = _parsed(where, value, from_text)
        if name.startswith(_ARRAY):
            return self._array(where, [name.removeprefix(_ARRAY)], value)
        return self._object(where, name, value)

    def _simple(self, where: str, name: str, value: Any, *, from_text: bool) -> Any:
        taken = _SIMPLE[name](value, from_text)
        if taken is None:
            raise _Mismatch(f"{where}: {str(value)[:60]!r} is not {name}")
        if name == "String" and isinstance(taken, str) and taken.startswith("attach://"):
            return self._file(where, taken)
        return taken

    def _file(self, where: str, value: Any) -> Upload:
        if isinstance(value, Upload):
            return value
        if isinstance(value, str) and value.startswith("attach://"):
            name = value.removeprefix("attach://")
            if name in self._uploads:
                self.attached.add(name)
                return self._uploads[name]
            raise _Mismatch(f"{where}: file {name!r} is not in the request")
        raise _Mismatch(f"{where}: is not a file")

    def _array(self, where: str, item_types: list[str], value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _Mismatch(f"{where}: is not an array")
        return [
            self._any_of(f"{where}[{index}]", item_types, item, from_text=False) for index, item in enumerate(value)
        ]

    def _object(self, where: str, name: str, value: Any) -> Any:
        described = self._types[name]
        if subtypes := described.get("subtypes"):
            return self._any_of(where, subtypes, value, from_text=False)
        if not isinstance(value, dict):
            raise _Mismatch(f"{where}: is not {name}")
        for field_name, constant in self._constants(name):
            if value.get(field_name) != constant:
                raise _Mismatch(f"{where}: {field_name} is not {constant!r}")
        return self.fields(f"{where}({name})", described["fields"], value, from_text=False)

    def _candidates(self, types: list[str], value: Any) -> list[str]:
        """Keep the types whose constant field (`type`, `source`, …) matches, so that complaints are about that one."""
        if len(types) == 1 or not isinstance(value, dict):
            return types
        matching = [
            name
            for name in types
            if name in self._types and all(value.get(key) == constant for key, constant in self._constants(name))
        ]
        return matching or types

    def _constants(self, name: str) -> Iterator[tuple[str, str]]:
        for item in self._types[name]["fields"]:
            if item["types"] == ["String"] and (found := _CONSTANT.search(item["description"])):
                yield item["name"], found[1]


def _parsed(where: str, value: Any, from_text: bool) -> Any:
    if not from_text or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise _Mismatch(f"{where}: can't parse JSON") from error


def _string(value: Any, _from_text: bool) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Any, from_text: bool) -> int | None:
    if isinstance(value, bool):
        return None
    if from_text and isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) else None


def _number(value: Any, from_text: bool) -> float | None:
    if isinstance(value, bool):
        return None
    if from_text and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) else None


def _boolean(value: Any, from_text: bool) -> bool | None:
    if from_text and isinstance(value, str):
        return _BOOLEANS.get(value.lower())
    return value if isinstance(value, bool) else None


_SIMPLE = {"String": _string, "Integer": _integer, "Float": _number, "Boolean": _boolean, "True": _boolean}


@cache
def bot_api() -> Spec:
    """The Bot API's description, read once."""
    return Spec(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
