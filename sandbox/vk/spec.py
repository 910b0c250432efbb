"""VK's published method descriptions, and what they say about one call.

The descriptions are VK's JSON schema 5.199 with a supplement of ours, see `sandbox/specs/README.md`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

SPEC_FILE = Path(__file__).parent.parent / "specs" / "vk-api-methods.json"


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SPEC_FILE.read_text(encoding="utf-8"))
    return document


@cache
def _methods() -> dict[str, dict[str, Any]]:
    return {method["name"]: method for method in _document()["methods"]}


@cache
def _parameters(method: str) -> dict[str, dict[str, Any]]:
    added = _document()["supplement"]["parameters"].get(method, [])
    return {parameter["name"]: parameter for parameter in [*_methods()[method].get("parameters", []), *added]}


@cache
def _error_texts() -> dict[int, str]:
    known = [*_document()["errors"].values(), *_document()["supplement"]["errors"].values()]
    return {error["code"]: error["description"] for error in known}


def api_version() -> str:
    """Return the API version that the descriptions belong to."""
    return str(_document()["origin"]["api_version"])


def knows(method: str) -> bool:
    """Tell whether VK has a method of this name. Names are case-sensitive."""
    return method in _methods()


def token_kinds(method: str) -> frozenset[str]:
    """Return who may call it: "user", "group", "service"."""
    supplement: dict[str, list[str]] = _document()["supplement"]["access_token_type"]
    return frozenset(supplement.get(method) or _methods()[method]["access_token_type"])


def error_text(code: int) -> str:
    """Return VK's words for an error code."""
    return _error_texts().get(code, "Unknown error occurred")


def complaints(method: str, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Say what is wrong with the parameters of a call, each complaint in the manner of VK's error 100.

    `values` holds every form field with all its values: VK wants a list as one comma-separated value, so that a field
    sent twice is a mistake.
    """
    parameters = _parameters(method)
    common = _document()["supplement"]["common_parameters"]
    for name in sorted(values.keys() - parameters.keys() - set(common)):
        yield f"{name} is not a parameter of {method}"
    for name, parameter in parameters.items():
        given = values.get(name, ())
        if not given:
            if parameter.get("required"):
                yield f"{name} is undefined"
        elif len(given) > 1:
            yield f"{name} is given {len(given)} times"
        else:
            yield from _value_complaints(name, given[0], parameter)


def _value_complaints(name: str, value: str, parameter: Mapping[str, Any]) -> Iterator[str]:
    rules = {**parameter, **_resolved(parameter)}
    kinds = rules.get("type", "string")
    if kinds == "array":
        items = [item for item in value.split(",") if item]
        if len(items) > rules.get("maxItems", len(items)):
            yield f"{name} has {len(items)} items, at most {rules['maxItems']}"
        for item in items:
            yield from _value_complaints(name, item.strip(), rules.get("items", {}))
        return
    if not any(_fits(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{name} should be {kinds}"
        return
    if "enum" in rules and value not in {str(allowed) for allowed in rules["enum"]}:
        yield f"{name} should be one of {rules['enum']}"
    if kinds in ("integer", "number"):
        if "minimum" in rules and float(value) < rules["minimum"]:
            yield f"{name} should be greater or equal to {rules['minimum']}"
        if "maximum" in rules and float(value) > rules["maximum"]:
            yield f"{name} should be less or equal to {rules['maximum']}"
    if kinds == "string" and not rules.get("minLength", 0) <= len(value) <= rules.get("maxLength", len(value)):
        yield f"{name} has a wrong length"


def _resolved(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = parameter.get("$ref")
    if reference is None:
        return {}
    found: dict[str, Any] = _document()["definitions"].get(reference.rsplit("/", 1)[-1], {})
    return found


def _fits(value: str, kind: str) -> bool:
    match kind:
        case "integer":
            return value.removeprefix("-").isdecimal()
        case "number":
            try:
                float(value)
            except ValueError:
                return False
            return True
        case "boolean":
            return value in ("0", "1")
        case _:
            return True
