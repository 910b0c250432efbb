"""Telegram's own reader of marked-up texts, as TDLib carries it, asked without any network.

`td_execute` answers some requests at once and needs no client. Source: TDLib, td_api.tl, parseTextEntities,
parseMarkdown, getMarkdownText ("Can be called synchronously").
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest

from channels.contract import Entity

__all__ = ["SPOKEN", "Refusal", "as_markdown", "fixed", "found", "read_html", "read_markdown"]

Text = tuple[str, tuple[Entity, ...]]
Json = dict[str, Any]

_TYPES: Mapping[str, str] = {
    "mention": "Mention", "hashtag": "Hashtag", "cashtag": "Cashtag", "bot_command": "BotCommand", "url": "Url",
    "email": "EmailAddress", "phone_number": "PhoneNumber", "bold": "Bold", "italic": "Italic",
    "underline": "Underline", "strikethrough": "Strikethrough", "spoiler": "Spoiler", "blockquote": "BlockQuote",
    "expandable_blockquote": "ExpandableBlockQuote", "code": "Code", "pre": "Pre", "text_link": "TextUrl",
    "text_mention": "MentionName", "custom_emoji": "CustomEmoji", "date_time": "DateTime",
}  # fmt: skip
_NAMES = {f"textEntityType{name}": type_ for type_, name in _TYPES.items()} | {"textEntityTypePreCode": "pre"}
_PRECISIONS = {"t": "Short", "T": "Long", "d": "Short", "D": "Long"}

SPOKEN = "*_~|`["
"""Signs that `fixed` would read as Markdown."""


class Refusal(Exception):
    """TDLib refuses the text, in its own words."""


def read_html(source: str) -> Text:
    """Read Telegram's HTML. Raises Refusal."""
    return _text(_asked("parseTextEntities", text=source, parse_mode={"@type": "textParseModeHTML"}))


def read_markdown(source: str) -> Text:
    """Read the Markdown of Telegram's apps: `**`, `__`, `~~`, `||`, backticks and links. Raises Refusal."""
    return fixed(source, ())


def fixed(text: str, entities: Iterable[Entity]) -> Text:
    """Clean a text and let the entities of it go that can't stand together, as the server does. Raises Refusal.

    Blanks at both ends stay. `text` must hold none of SPOKEN.
    """
    return _text(_asked("parseMarkdown", text=_formatted(text, entities)))


def as_markdown(text: str, entities: Iterable[Entity]) -> Text:
    """Write the Markdown of Telegram's apps; what this has no signs for stays an entity. Raises Refusal."""
    return _text(_asked("getMarkdownText", text=_formatted(text, entities)))


def found(text: str) -> Text:
    """Find the addresses, names and tags of a text."""
    return text, _entities(_asked("getTextEntities", text=text))


@cache
def _library() -> Any:
    tdjson = pytest.importorskip("tdjson", reason="TDLib has no wheel for this machine")
    tdjson.td_execute(json.dumps({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}).encode())
    return tdjson


def _asked(request: str, **values: Any) -> Json:
    answer: Json = json.loads(_library().td_execute(json.dumps({"@type": request, **values}).encode()))
    if answer["@type"] == "error":
        raise Refusal(answer["message"])
    return answer


def _formatted(text: str, entities: Iterable[Entity]) -> Json:
    return {
        "@type": "formattedText",
        "text": text,
        "entities": [
            {"@type": "textEntity", "offset": one.offset, "length": one.length, "type": _type(one)} for one in entities
        ],
    }


def _type(entity: Entity) -> Json:
    name = _TYPES[entity.type]
    match entity.type:
        case "pre" if entity.language:
            return {"@type": "textEntityTypePreCode", "language": entity.language}
        case "text_link":
            values: Json = {"url": entity.url}
        case "text_mention":
            values = {"user_id": entity.user_id}
        case "custom_emoji":
            values = {"custom_emoji_id": entity.custom_emoji_id}
        case "date_time":
            values = {"unix_time": entity.unix_time, "formatting_type": _formatting_type(entity.date_time_format)}
        case _:
            values = {}
    return {"@type": f"textEntityType{name}", **values}


def _formatting_type(letters: str | None) -> Json | None:
    if not letters:
        return None
    if letters == "r":
        return {"@type": "dateTimeFormattingTypeRelative"}
    precision = {
        letter: {"@type": f"dateTimePartPrecision{_PRECISIONS[letter]}"} for letter in letters if letter != "w"
    }
    return {
        "@type": "dateTimeFormattingTypeAbsolute",
        "time_precision": precision.get("t") or precision.get("T") or {"@type": "dateTimePartPrecisionNone"},
        "date_precision": precision.get("d") or precision.get("D") or {"@type": "dateTimePartPrecisionNone"},
        "show_day_of_week": "w" in letters,
    }


def _text(answer: Json) -> Text:
    return answer["text"], _entities(answer)


def _entities(answer: Json) -> tuple[Entity, ...]:
    return tuple(_entity(one) for one in answer["entities"])


def _entity(one: Json) -> Entity:
    its = one["type"]
    return Entity(
        _NAMES[its["@type"]],
        one["offset"],
        one["length"],
        url=its.get("url"),
        language=its.get("language"),
        custom_emoji_id=its.get("custom_emoji_id"),
        user_id=its.get("user_id"),
        unix_time=its.get("unix_time"),
        date_time_format=_letters(its.get("formatting_type")),
    )


def _letters(formatting: Json | None) -> str | None:
    """Return the format in the Bot API's letters: day of the week, date, time."""
    if formatting is None:
        return None
    if formatting["@type"] == "dateTimeFormattingTypeRelative":
        return "r"
    letters = "w" if formatting["show_day_of_week"] else ""
    for part, short in (("date_precision", "d"), ("time_precision", "t")):
        precision = formatting[part]["@type"].removeprefix("dateTimePartPrecision")
        letters += {"None": "", "Short": short, "Long": short.upper()}[precision]
    return letters
