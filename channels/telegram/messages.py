"""Turns one part of a post into one call of the Bot API. Pure.

Text goes as plain text with entities, never as markup: a parse mode would win over the entities and could refuse the
text. Source: Bot API, "Formatting options".
"""

from collections.abc import Callable, Sequence
from typing import Any

from aiogram.methods import (
    EditMessageCaption,
    EditMessageMedia,
    EditMessageText,
    SendAnimation,
    SendAudio,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    SendRichMessage,
    SendVideo,
    TelegramMethod,
)
from aiogram.types import (
    BufferedInputFile,
    InputFile,
    InputMediaAnimation,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    MessageEntity,
    ReplyParameters,
    User,
)

from channels.contract import Attachment, AttachmentKind, Entity, Part, Receipt
from channels.telegram.rendering import is_rich
from channels.telegram.rich import Files, rich_message

__all__ = [
    "Files",
    "Options",
    "call_for",
    "captioned_item",
    "edit_into_rich",
    "edit_of_caption",
    "edit_of_medium",
    "edit_of_text",
    "entity_of",
    "volume_of",
]

Options = dict[str, Any]
_SHAPED = {AttachmentKind.VIDEO, AttachmentKind.ANIMATION}
_UNDER_THE_LAST = {AttachmentKind.DOCUMENT, AttachmentKind.AUDIO}


def call_for(
    part: Part,
    files: Files,
    chat: int | str,
    *,
    topic: int = 0,
    silent: bool = False,
    protect: bool = False,
    answers: Receipt | None = None,
) -> Any:
    """Return the method that sends a part. `answers` is the receipt of the message to answer to; `topic` 0: none."""
    options: Options = {"chat_id": chat}
    if topic:
        options["message_thread_id"] = topic
    if silent:
        options["disable_notification"] = True
    if protect:
        options["protect_content"] = True
    if answers and answers.external_ids and answers.external_ids[0].isdecimal():
        # The post above may have been deleted by hand since; that is no reason to lose this one.
        answered = int(answers.external_ids[0])
        options["reply_parameters"] = ReplyParameters(message_id=answered, allow_sending_without_reply=True)
    if is_rich(part):
        return SendRichMessage(rich_message=rich_message(part, files), **options)
    if not part.attachments:
        return SendMessage(text=part.text, entities=_entities(part), **options)
    caption = _caption(part)
    if len(part.attachments) == 1:
        return _single(part.attachments[0], files[0], caption | options)
    return SendMediaGroup(media=_album(part.attachments, files, caption), **options)


def edit_of_text(part: Part, chat: int | str, message_id: int) -> EditMessageText:
    """Return the method that makes a text, or a rich message, say what a part without attachments says."""
    return EditMessageText(chat_id=chat, message_id=message_id, text=part.text, entities=_entities(part))


def edit_into_rich(part: Part, files: Files, chat: int | str, message_id: int) -> EditMessageText:
    """Return the method that makes a text, or a rich message, into a rich one that shows all of a part."""
    return EditMessageText(chat_id=chat, message_id=message_id, rich_message=rich_message(part, files))


def edit_of_caption(part: Part, chat: int | str, message_id: int) -> EditMessageCaption:
    """Return the method that puts a part's text, which may be empty, under what a message shows."""
    return EditMessageCaption(chat_id=chat, message_id=message_id, **_caption(part))


def edit_of_medium(part: Part, file: InputFile | str, chat: int | str, message_id: int) -> EditMessageMedia:
    """Return the method that makes a message show a part's only attachment, with its text below."""
    return EditMessageMedia(chat_id=chat, message_id=message_id, media=_item(part.attachments[0], file, _caption(part)))


def volume_of(files: Files) -> int:
    """Return how many bytes are to be uploaded."""
    return sum(len(file.data) for file in files if isinstance(file, BufferedInputFile))


def _entities(part: Part) -> list[MessageEntity] | None:
    return [entity_of(entity) for entity in part.entities] or None


def _caption(part: Part) -> Options:
    return {"caption": part.text or None, "caption_entities": _entities(part)}


def _single(attachment: Attachment, file: InputFile | str, options: Options) -> TelegramMethod[Any]:
    shape = _shape(attachment)
    match attachment.kind:
        case AttachmentKind.PHOTO:
            return SendPhoto(photo=file, **options)
        case AttachmentKind.VIDEO:
            return SendVideo(video=file, supports_streaming=True, **shape, **options)
        case AttachmentKind.ANIMATION:
            return SendAnimation(animation=file, **shape, **options)
        case AttachmentKind.AUDIO:
            return SendAudio(audio=file, duration=attachment.duration, **options)
        case AttachmentKind.DOCUMENT:
            return SendDocument(document=file, **options)


_ITEMS: dict[AttachmentKind, Callable[..., Any]] = {
    AttachmentKind.PHOTO: InputMediaPhoto,
    AttachmentKind.VIDEO: InputMediaVideo,
    AttachmentKind.ANIMATION: InputMediaAnimation,
    AttachmentKind.AUDIO: InputMediaAudio,
    AttachmentKind.DOCUMENT: InputMediaDocument,
}


def captioned_item(attachments: Sequence[Attachment]) -> int:
    """Return which item bears the caption: apps show the first picture's under all, but a file's only under itself."""
    return len(attachments) - 1 if attachments[0].kind in _UNDER_THE_LAST else 0


def _album(attachments: Sequence[Attachment], files: Files, caption: Options) -> list[Any]:
    captioned = captioned_item(attachments)
    return [
        _item(attachment, file, caption if index == captioned else {})
        for index, (attachment, file) in enumerate(zip(attachments, files, strict=True))
    ]


def _item(attachment: Attachment, file: InputFile | str, caption: Options) -> Any:
    extra = _shape(attachment) if attachment.kind in _SHAPED else {}
    return _ITEMS[attachment.kind](media=file, **extra, **caption)


def _shape(attachment: Attachment) -> Options:
    return {"width": attachment.width, "height": attachment.height, "duration": attachment.duration}


def entity_of(entity: Entity) -> MessageEntity:
    """Return an entity as the Bot API takes it."""
    # Telegram looks at the id only; the other fields must be there.
    user = User(id=entity.user_id, is_bot=False, first_name="") if entity.user_id is not None else None
    return MessageEntity(
        type=entity.type,
        offset=entity.offset,
        length=entity.length,
        url=entity.url,
        language=entity.language,
        custom_emoji_id=entity.custom_emoji_id,
        user=user,
        unix_time=entity.unix_time,
        date_time_format=entity.date_time_format,
    )
