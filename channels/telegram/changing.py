"""Makes what stands in a chat say something else, or takes it away.

A bot can't read what stands there; it knows the ids that it was given and what is to stand there now. That is enough:
as many ids as messages are needed, and Telegram itself says where a text meets a picture. Own posts may be edited at
any age, and deleted for 48 hours. Source: Bot API, editMessageText, editMessageCaption, editMessageMedia,
deleteMessages; TDLib, MessagesManager.cpp (can_edit_message, can_delete_channel_message).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aiogram.exceptions import ClientDecodeError, TelegramBadRequest
from aiogram.methods import DeleteMessages, TelegramMethod, UnpinChatMessage
from aiogram.types import Message

from channels.contract import Attachment, AttachmentKind, Part, Reason, Receipt, Rejected
from channels.telegram.failures import lost_file_id, says, words_of
from channels.telegram.line import Line, Spacing
from channels.telegram.messages import (
    Files,
    captioned_item,
    edit_into_rich,
    edit_of_caption,
    edit_of_medium,
    edit_of_text,
    volume_of,
)
from channels.telegram.receipts import receipt_made_out
from channels.telegram.rendering import is_rich

__all__ = ["Standing", "Stock", "correct", "withdraw"]

_NO_TEXT = "there is no text in the message"
_NO_CAPTION = "there is no caption in the message"
_NOT_FOUND = ("message to edit not found", "message to delete not found", "message_id_invalid")
_NOT_DELETED = ("can't be deleted", "message_delete_forbidden")
_FILES = (AttachmentKind.DOCUMENT, AttachmentKind.AUDIO)
_NAMED = (AttachmentKind.ANIMATION, AttachmentKind.VIDEO, AttachmentKind.AUDIO, AttachmentKind.DOCUMENT)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a chat under the ids of a receipt, the line to it, and the distance that calls keep."""

    line: Line
    spacing: Spacing
    chat: int | str
    there: Receipt

    @property
    def ids(self) -> list[int]:
        """Its message ids in order. Raises Rejected where none is known."""
        known = [int(number) for number in self.there.external_ids if number.isdecimal()]
        if not known:
            raise Rejected("no message id is known", Reason.PLACE_UNKNOWN)
        return known

    async def call(self, method: TelegramMethod[Any], size: int = 0) -> Message | None:
        """Change something. Returns the message as it stands now, None when that was not told.

        What says so already is "not modified", and done. Raises aiogram's errors, or one of PROXY_ERRORS.
        """
        await self.spacing.turn()
        try:
            answer = await self.line.call(method, size)
        except TelegramBadRequest as error:
            if not says(error, "message is not modified"):
                raise
            return None
        except ClientDecodeError as error:  # newer than the library, and done all the same
            if receipt_made_out(error.data) is None:
                raise
            return None
        return answer if isinstance(answer, Message) else None


class Stock(Protocol):
    """Finds what stands for the attachments of a part: file_ids where there are some, or with `upload` all bytes.

    Raises Rejected where there are none.
    """

    async def __call__(self, part: Part, *, upload: bool) -> Files:
        """Find them."""
        ...


async def correct(post: Standing, part: Part, stock: Stock) -> Receipt:
    """Make a post say what `part` says. Of an album the caption is changed, and its pictures are not touched.

    Raises Rejected, aiogram's errors, or one of PROXY_ERRORS.
    """
    ids, needed = post.ids, 1 if is_rich(part) else max(1, len(part.attachments))
    if len(ids) != needed:
        raise Rejected(f"{len(ids)} messages stand there, and {needed} would be needed", Reason.OTHER_SHAPE)
    if is_rich(part):
        await _correct_rich(post, part, stock)
    elif not part.attachments:
        await post.call(edit_of_text(part, post.chat, ids[0]))
    elif needed == 1:
        await _correct_medium(post, part, stock)
    else:
        await post.call(edit_of_caption(part, post.chat, ids[captioned_item(part.attachments)]))
    return Receipt(post.there.external_ids, post.there.link)


async def _correct_rich(post: Standing, part: Part, stock: Stock) -> None:
    """Write a rich message anew, with all that it shows."""
    files = await stock(part, upload=False)
    try:
        await post.call(edit_into_rich(part, files, post.chat, post.ids[0]), volume_of(files))
    except TelegramBadRequest as error:
        if not lost_file_id(error):
            raise
        files = await stock(part, upload=True)
        await post.call(edit_into_rich(part, files, post.chat, post.ids[0]), volume_of(files))


async def _correct_medium(post: Standing, part: Part, stock: Stock) -> None:
    """Set the only medium of a post and its words.

    By file_id that is one call, and Telegram sees by itself what has changed. Bytes follow the words, which readers
    are waiting for: an upload may take minutes.
    """
    [attachment], [message_id] = part.attachments, post.ids
    if attachment.telegram_file_id:
        try:
            await post.call(edit_of_medium(part, attachment.telegram_file_id, post.chat, message_id))
        except TelegramBadRequest as error:
            if not lost_file_id(error):
                raise
        else:
            return
    try:
        seen = await post.call(edit_of_caption(part, post.chat, message_id))
    except TelegramBadRequest as error:
        if not says(error, _NO_CAPTION):  # a text may become a picture
            raise
    else:
        if attachment.digest is None or (seen is not None and _shows(seen, attachment)):
            return
    files = await stock(part, upload=True)
    await post.call(edit_of_medium(part, files[0], post.chat, message_id), volume_of(files))


def _shows(message: Message, attachment: Attachment) -> bool:
    """Whether a message surely shows this file. A photo never tells: Telegram keeps neither its name nor its bytes."""
    for kind in _NAMED:
        file = getattr(message, kind)
        if file is not None:  # an animation stands under "document", too, for old programs
            return (kind, file.file_name, file.file_size) == (attachment.kind, attachment.name, attachment.size)
    return False


async def withdraw(post: Standing, part: Part, *, pinned: bool) -> Receipt:
    """Delete a post; where Telegram no longer allows that, make it say what `part` says, and return what is left.

    What may be `pinned` is taken from the top then.

    Telegram words a missing right and an age of over 48 hours alike, so both are tried this way: whoever may not edit
    either is told so. Raises Rejected, aiogram's errors, or one of PROXY_ERRORS.
    """
    ids = post.ids
    try:
        await post.call(DeleteMessages(chat_id=post.chat, message_ids=ids))
    except TelegramBadRequest as error:
        if says(error, *_NOT_FOUND):
            return Receipt()
        if not (says(error, *_NOT_DELETED) and part.text):
            raise
        try:
            await _overwrite(post, replace(part, attachments=()), ids)
            if pinned:
                await _unpin(post, ids[0])
        except TelegramBadRequest as refusal:
            if says(refusal, *_NOT_FOUND):
                return Receipt()
            raise
        return Receipt(post.there.external_ids, post.there.link, words_of(error))
    return Receipt()


async def _overwrite(post: Standing, part: Part, ids: Sequence[int]) -> None:
    """Put the words in place of a text, or under what stands there, of which nobody has kept what it is."""
    if len(ids) == 1:
        try:
            await post.call(edit_of_text(part, post.chat, ids[0]))
        except TelegramBadRequest as error:
            if not says(error, _NO_TEXT):
                raise
        else:
            return
    first = await post.call(edit_of_caption(part, post.chat, ids[0]))
    if len(ids) == 1 or (first is not None and not _is_file(first)):
        return
    # Files have their words under the last. Two captions hide each other under pictures, so there one has to go again.
    last = await post.call(edit_of_caption(part, post.chat, ids[-1]))
    if last is not None and not _is_file(last):
        await post.call(edit_of_caption(Part(), post.chat, ids[-1]))


async def _unpin(post: Standing, message_id: int) -> None:
    with suppress(TelegramBadRequest):  # somebody has done so already, or the right is missing: no reason to fail
        await post.call(UnpinChatMessage(chat_id=post.chat, message_id=message_id))


def _is_file(message: Message) -> bool:
    return any(getattr(message, kind) for kind in _FILES)
