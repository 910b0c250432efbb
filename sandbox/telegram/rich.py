"""Rich messages: what comes as an InputRichMessage is kept as the RichMessage that readers get.

Only blocks are understood, neither HTML nor Markdown. The limits are Telegram's, the words of the refusals are ours.
Source: Bot API, sendRichMessage, InputRichMessage, "Rich Message Limits"; TDLib, OptionManager.cpp (32768 characters).
"""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.spec import Upload
from sandbox.telegram.answers import bad_request
from sandbox.telegram.files import StoredFile, message_field

__all__ = ["rich_of"]

Block = dict[str, Any]
Take = Callable[[str, Upload | str, dict[str, Any]], StoredFile]
"""Gives the file that a parameter means: its kind, what was given for it, and its shape."""

_CHARACTERS = 32_768
_BLOCKS = 500
_MEDIA = 50
_DEEPEST = 16
_KINDS = {"photo", "video", "animation", "audio", "document"}


def rich_of(message: dict[str, Any], take: Take) -> dict[str, Any]:
    """Return the field by which a message carries rich content. Raises ApiError where Telegram would refuse it."""
    given = message.get("blocks")
    if given is None:
        raise bad_request("can't parse rich message: the stand-in knows blocks only")
    every = list(_every(given, 1))
    if not every:
        raise bad_request("rich message is empty")
    if len(every) > _BLOCKS:
        raise bad_request("rich message has too many blocks")
    if sum(block["type"] in _KINDS for block in every) > _MEDIA:
        raise bad_request("rich message has too many media")
    if sum(_length(block.get("text", "")) for block in every) > _CHARACTERS:
        raise bad_request("message is too long")
    return {"rich_message": {"blocks": [_kept(block, take) for block in given]}}


def _every(blocks: list[Block], depth: int) -> Iterator[Block]:
    if depth > _DEEPEST:
        raise bad_request("rich message is nested too deeply")
    for block in blocks:
        yield block
        yield from _every(block.get("blocks", []), depth + 1)


def _length(text: Any) -> int:
    """Count the characters of a rich text: a string, a list of rich texts, or an object that holds one."""
    match text:
        case str():
            return len(text)
        case list():
            return sum(_length(item) for item in text)
        case dict():
            return _length(text.get("text", ""))
    return 0


def _kept(block: Block, take: Take) -> Block:
    kind = block["type"]
    if kind in _KINDS:
        return {**block, kind: message_field(take(kind, block[kind]["media"], block[kind]))}
    if "blocks" in block:
        return {**block, "blocks": [_kept(inner, take) for inner in block["blocks"]]}
    return dict(block)
