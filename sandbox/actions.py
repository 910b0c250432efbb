"""What a visitor of the page may do: one function for each POST, from a JSON object to a JSON object.

Each raises ActionError for what can't be done; nothing has changed then.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from sandbox import federation
from sandbox.examples import EXAMPLES
from sandbox.telegram import AlbumItem
from sandbox.town import Town

__all__ = ["ACTIONS", "ActionError"]

Given = Mapping[str, Any]
Json = dict[str, Any]

ALBUM_LIMIT = 10  # Source: Bot API, sendMediaGroup
_PEOPLE = frozenset(person.id for person in federation.PEOPLE)
_PHOTOS = ("image/jpeg", "image/png", "image/webp")
_TOGETHER = {"photo": "visual", "video": "visual"}  # the other kinds go into albums of their own
_ALONE = "animation"


class ActionError(Exception):
    """What was asked can't be done. `code` is for the page's script, `status` for HTTP."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


async def _say(town: Town, given: Given) -> Json:
    text = _word(given, "text")
    if not text.strip():
        raise ActionError("empty")
    return {"message": await town.telegram.say(_person(given), text)}


async def _edit(town: Town, given: Given) -> Json:
    person, message, text = _person(given), _message(town, given), _word(given, "text")
    if not text.strip():
        raise ActionError("empty")
    await town.telegram.edit_said(person, message, text)
    return {}


async def _send(town: Town, given: Given) -> Json:
    person, caption = _person(given), str(given.get("caption", ""))
    items = list(_files(given))
    if not items:
        raise ActionError("empty")
    sent: list[int] = []
    for album in _albums(items):
        words, caption = caption, ""  # under the first one only, as the apps do
        if len(album) == 1:
            sent.append(await town.telegram.send_media(person, *album[0], words))
        else:
            sent += await town.telegram.send_album(person, album, words)
    return {"messages": sent}


def _files(given: Given) -> Iterator[AlbumItem]:
    files = given.get("files")
    if not isinstance(files, list):
        raise ActionError("bad_file")
    for file in files:
        try:
            name, mime, data = str(file["name"]), str(file["type"]), b64decode(file["data"], validate=True)
        except (KeyError, TypeError, NotBase64, ValueError):
            raise ActionError("bad_file") from None
        if not data:
            raise ActionError("empty_file")
        kind = "document" if given.get("as_files") else _kind(mime)
        yield kind, name, data, mime or "application/octet-stream"


def _kind(mime: str) -> str:
    if mime in _PHOTOS:
        return "photo"
    if mime == "image/gif":
        return "animation"
    family = mime.partition("/")[0]
    return family if family in {"video", "audio"} else "document"


def _albums(items: Sequence[AlbumItem]) -> Iterator[Sequence[AlbumItem]]:
    """Put neighbours of one sort together, up to ten, as the apps do."""
    for sort, run in groupby(items, lambda item: _TOGETHER.get(item[0], item[0])):
        together = list(run)
        size = 1 if sort == _ALONE else ALBUM_LIMIT
        for start in range(0, len(together), size):
            yield together[start : start + size]


async def _press(town: Town, given: Given) -> Json:
    try:
        await town.telegram.press(_person(given), _message(town, given), _word(given, "data"))
    except LookupError:
        raise ActionError("no_button", 409) from None
    return {}


async def _example(town: Town, given: Given) -> Json:
    name = _word(given, "name")
    if name not in EXAMPLES:
        raise ActionError("unknown_example", 404)
    _, send = EXAMPLES[name]
    await send(town.telegram, _person(given))
    return {}


async def _trouble(town: Town, given: Given) -> Json:
    on, address = given.get("on"), str(given.get("address") or "")
    if not isinstance(on, bool):
        raise ActionError("bad_on")
    if address and address not in town.addresses():
        raise ActionError("no_address")
    try:
        town.troubles.switch(_word(given, "name"), on=on, address=address)
    except KeyError:
        raise ActionError("unknown_trouble", 404) from None
    except ValueError:
        raise ActionError("no_address") from None
    return {}


async def _repair(town: Town, _given: Given) -> Json:
    town.troubles.repair()
    return {}


async def _read(town: Town, given: Given) -> Json:
    letters = given.get("letters", ())
    if not isinstance(letters, list) or not all(isinstance(number, int) for number in letters):
        raise ActionError("bad_letters")
    town.read.update(letters)
    return {}


def _person(given: Given) -> int:
    person = _number(given, "person")
    if person not in _PEOPLE:
        raise ActionError("unknown_person", 404)
    return person


def _message(town: Town, given: Given) -> int:
    message = _number(given, "message")
    if message not in town.telegram.world.chats[_person(given)].messages:
        raise ActionError("unknown_message", 404)
    return message


def _number(given: Given, name: str) -> int:
    value = given.get(name)
    if not isinstance(value, int):
        raise ActionError(f"bad_{name}")
    return value


def _word(given: Given, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise ActionError(f"bad_{name}")
    return value


ACTIONS: Mapping[str, Callable[[Town, Given], Awaitable[Json]]] = MappingProxyType(
    {
        "say": _say,
        "edit": _edit,
        "send": _send,
        "press": _press,
        "example": _example,
        "trouble": _trouble,
        "repair": _repair,
        "read": _read,
    }
)
