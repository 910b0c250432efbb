"""Turns one part of a post into one call of the Bot API. Pure.

Text goes as plain text with entities, never as markup: a parse mode would win over the entities and could refuse the
text. Source: Bot API, "Formatting options".
"""

from collections.abc import Callable, Sequence
from typing import Any

from aiogram.methods import (
    SendAnimation,
    SendAudio,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    SendVideo,
    TelegramMethod,
)
from aiogram.types import (
    InputFile,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    MessageEntity,
    ReplyParameters,
    User,
)

from channels.contract import Attachment, AttachmentKind, Entity, Part, Receipt

__all__ = ["Files", "Options", "call_for", "captioned_item", "entity_of"]

Files = Sequence[InputFile | str]
"""What stands for the attachments of a part, in their order: a file to upload, or a file_id."""

Options = dict[str, Any]
_UNDER_THE_LAST = {AttachmentKind.DOCUMENT, AttachmentKind.AUDIO}


def call_for(part: Part, files: Files, chat: int | str, *, silent: bool, protect: bool, answers: Receipt | None) -> Any:
    """Return the method that sends a part. `answers` is the receipt of the message to answer to."""
    options: Options = {"chat_id": chat}
    if silent:
        options["disable_notification"] = True
    if protect:
        options["protect_content"] = True
    if answers and answers.external_ids and answers.external_ids[0].isdecimal():
        # The post above may have been deleted by hand since; that is no reason to lose this one.
        answered = int(answers.external_ids[0])
        options["reply_parameters"] = ReplyParameters(message_id=answered, allow_sending_without_reply=True)
    entities = [entity_of(entity) for entity in part.entities] or None
    if not part.attachments:
        return SendMessage(text=part.text, entities=entities, **options)
    caption = {"caption": part.text or None, "caption_entities": entities}
    if len(part.attachments) == 1:
        return _single(part.attachments[0], files[0], caption | options)
    return SendMediaGroup(media=_album(part.attachments, files, caption), **options)


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
    AttachmentKind.AUDIO: InputMediaAudio,
    AttachmentKind.DOCUMENT: InputMediaDocument,
}


def captioned_item(attachments: Sequence[Attachment]) -> int:
    """Return which item bears the caption: apps show the first picture's under all, but a file's only under itself."""
    return len(attachments) - 1 if attachments[0].kind in _UNDER_THE_LAST else 0


def _album(attachments: Sequence[Attachment], files: Files, caption: Options) -> list[Any]:
    captioned = captioned_item(attachments)
    items = []
    for index, (attachment, file) in enumerate(zip(attachments, files, strict=True)):
        extra = _shape(attachment) if attachment.kind is AttachmentKind.VIDEO else {}
        words = caption if index == captioned else {}
        items.append(_ITEMS[attachment.kind](media=file, **extra, **words))
    return items


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
