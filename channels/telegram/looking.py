"""Looks whether a part is in the chat. A bot can't read there, but it may forward what stands under a known id.

Channels and supergroups count their messages one by one, so whatever came after a known message stands under the ids
that follow. Each is forwarded silently to a chat of the bot's own: the answer holds the whole message, and the copy is
deleted at once. Readers notice nothing. Source: Bot API, forwardMessage and MessageId; errors: telegram-bot-api,
Client.cpp.
"""

import asyncio
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.methods import DeleteMessage, ForwardMessage, GetChat
from aiogram.types import ChatFullInfo, Message

from channels.contract import AttachmentKind, Deferred, Part, Reason, Receipt
from channels.telegram.failures import PROXY_ERRORS
from channels.telegram.line import Line, Patience
from channels.telegram.messages import captioned_item
from channels.telegram.receipts import receipt_at
from channels.telegram.rendering import is_rich
from channels.telegram.rich import words_of_blocks

__all__ = ["SKEW", "counts_its_own_messages", "find"]

SKEW = timedelta(minutes=1)
"""How far Telegram's clock and ours may be apart."""

_MOST = 20
"""How many messages are read at most: a group takes no more in a minute. Source: Bots FAQ."""

_END_AFTER = 11
"""How many ids in a row must be free: an album of ten that somebody deleted must not look like the end."""

_LAST_OF_GROUPS = -1_000_000_000_000
"""Ids of channels and supergroups are below it. Source: TDLib, DialogId."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Look:
    """What one message shows: nothing, a photo, a file or rich content, and its words."""

    medium: str
    words: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What stands under an id. `look` is None for what can't be forwarded, such as "pinned a message"."""

    message_id: int
    look: _Look | None = None
    date: datetime | None = None


def counts_its_own_messages(chat: int | str) -> bool:
    """Whether ids grow by one per message there. Those of private chats and small groups are the bot's own count."""
    return isinstance(chat, str) or chat < _LAST_OF_GROUPS


async def find(
    line: Line,
    patience: Patience,
    part: Part,
    *,
    chat: int | str,
    service_chat: int | str,
    since: datetime,
    last: Receipt | None,
) -> Receipt | None:
    """Return the receipt of the first message or album after `last`, and not before `since`, that is `part`.

    None when nothing has followed `last` that could be it, also a few seconds later: a slow request may still land.
    Raises aiogram's errors, one of PROXY_ERRORS, and Deferred when what is there doesn't tell.
    """
    known = [int(number) for number in last.external_ids if number.isdecimal()] if last else []
    if not known:
        raise Deferred("no message known from where to count on", Reason.NOTHING_BEFORE)
    walk = _Walk(line, patience, *await _places(line, chat, service_chat), next_id=max(known) + 1)
    wanted = _wanted(part)
    for rest in (0, patience.landing):
        await asyncio.sleep(rest)
        if await walk.until(wanted, since - SKEW):
            return receipt_at(walk.place, [seen.message_id for seen in walk.seen[-len(wanted) :]])
    if any(_fits(seen, look, since - SKEW) for seen in walk.seen for look in wanted):
        raise Deferred("only a part of the album is there", Reason.SEEN_IN_PART)
    return None


async def _places(line: Line, chat: int | str, service_chat: int | str) -> tuple[ChatFullInfo, ChatFullInfo]:
    """Return where to look and where to forward to. Raises Deferred when readers would see what is forwarded."""
    place = await line.call(GetChat(chat_id=chat))
    service = await line.call(GetChat(chat_id=service_chat))
    if service.id in {place.id, place.linked_chat_id}:
        raise Deferred("service_chat is read by the same people as the channel", Reason.SERVICE_CHAT_READ)
    return place, service


class _Walk:
    """Goes from id to id. `seen` holds what stood under them, oldest first; free ids leave no entry."""

    def __init__(
        self, line: Line, patience: Patience, place: ChatFullInfo, service: ChatFullInfo, *, next_id: int
    ) -> None:
        self.place = place
        self.seen: list[_Seen] = []
        self._line = line
        self._patience = patience
        self._service = service
        self._next_id = next_id

    async def until(self, wanted: Sequence[_Look], edge: datetime) -> bool:
        """Walk until `seen` ends with what is wanted; False when the chat ends first.

        A second walk goes on where the first found nothing more. Raises Deferred when there is too much to read.
        """
        free = 0
        while free < _END_AFTER:
            seen = await self._look_at(self._next_id + free)
            if seen is None:
                free += 1
                continue
            self.seen.append(seen)
            self._next_id, free = seen.message_id + 1, 0
            if _complete(self.seen[-len(wanted) :], wanted, edge):
                return True
            if len(self.seen) == _MOST:
                raise Deferred(f"more than {_MOST - 1} messages since the last known one", Reason.TOO_MUCH_SINCE)
        return False

    async def _look_at(self, message_id: int) -> _Seen | None:
        """Return what stands under an id, None when nothing does."""
        forward = ForwardMessage(
            chat_id=self._service.id, from_chat_id=self.place.id, message_id=message_id, disable_notification=True
        )
        try:
            copy = await self._line.call(forward)
        except TelegramBadRequest as error:
            return _without_copy(error, message_id)
        await self._remove(copy)
        await asyncio.sleep(self._patience.between_messages)
        date = copy.forward_origin.date if copy.forward_origin else copy.date
        return _Seen(message_id, _look_of(copy), date)

    async def _remove(self, copy: Message) -> None:
        try:
            await self._line.call(DeleteMessage(chat_id=copy.chat.id, message_id=copy.message_id))
        except (AiogramError, *PROXY_ERRORS) as error:
            # The words of a network error may hold the address of the call, and with it the token.
            _log.warning("telegram.copy_left", chat=copy.chat.id, message=copy.message_id, error=type(error).__name__)


def _without_copy(error: TelegramBadRequest, message_id: int) -> _Seen | None:
    """Say what a refused forward tells of an id. Raises the error when it tells nothing."""
    words = error.message.lower()
    if "message to forward not found" in words:
        return None
    # A service message; or one that was deleted, and of which Telegram's own server has not heard.
    if "protected content" not in words and ("can't be forwarded" in words or "was not forwarded" in words):
        return _Seen(message_id)
    raise error


def _wanted(part: Part) -> list[_Look]:
    """Return what the messages of a part show."""
    words = _essence(part.text)
    if is_rich(part):
        return [_Look("rich", words)]
    if not part.attachments:
        return [_Look("", words)]
    captioned = captioned_item(part.attachments)
    return [
        _Look(
            "photo" if attachment.kind is AttachmentKind.PHOTO else "file",
            words if index == captioned else "",
        )
        for index, attachment in enumerate(part.attachments)
    ]


def _look_of(message: Message) -> _Look:
    """Return what a message shows. A file may be shown as another kind than it was sent as, but never as a photo.

    Source: Bot API, sendDocument (`disable_content_type_detection`), sendVideo, sendAudio.
    """
    if message.rich_message:
        return _Look("rich", _essence(words_of_blocks(message.rich_message)))
    files = (
        message.document,
        message.video,
        message.animation,
        message.audio,
        message.voice,
        message.video_note,
        message.sticker,
    )
    medium = "photo" if message.photo else "file" if any(files) else ""
    return _Look(medium, _essence(message.text or message.caption or ""))


def _essence(text: str) -> str:
    """Return the visible signs. Blanks, control characters and some marks are the server's to change.

    Source: TDLib, clean_input_string, fix_formatted_text.
    """
    whole = unicodedata.normalize("NFC", text)
    return "".join(sign for sign in whole if unicodedata.category(sign)[0] not in "CMZ")


def _complete(tail: Sequence[_Seen], wanted: Sequence[_Look], edge: datetime) -> bool:
    """Tell whether these messages are the wanted ones, one right after the other."""
    if tail[-1].message_id - tail[0].message_id != len(wanted) - 1 or len(tail) != len(wanted):
        return False
    return all(_fits(seen, look, edge) for seen, look in zip(tail, wanted, strict=True))


def _fits(seen: _Seen, look: _Look, edge: datetime) -> bool:
    return seen.look == look and seen.date is not None and seen.date >= edge
