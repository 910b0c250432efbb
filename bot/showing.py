"""Shows what will go out: the very renderings of the channels, as messages.

A Telegram post is shown as it will stand, its files by file_id. Of other channels one sees the words, and of a letter
its HTML as a file to open.
"""

from collections.abc import Sequence
from typing import Any

from aiogram import Bot
from aiogram.types import (
    BufferedInputFile,
    InputFile,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    MessageEntity,
    User,
)
from markupsafe import Markup

from bot import access
from bot.face import Face
from bot.talking import Screen, say
from bot.texts import preview as texts
from channels.contract import Attachment, AttachmentKind, Entity, Part
from channels.markup import split, utf16_length
from delivery import broadcast
from delivery.audience import UnknownTargetError
from delivery.broadcast import Preview
from delivery.model import Stage
from delivery.store.media import Media
from delivery.store.talks import Card

__all__ = ["for_approval", "preview"]

_TEXT_LIMIT = 4096
_CAPTION_LIMIT = 1024
_ALBUM = 10
_PICTURES = {AttachmentKind.PHOTO, AttachmentKind.VIDEO}
_SHOWN_OF_LETTER = 1500


async def for_approval(bot: Bot, face: Face, card: Card) -> None:
    """Show an approver what will go out, before the card that asks for consent."""
    try:
        seen = await broadcast.preview(face.desk, card.announcement_id)
    except UnknownTargetError:
        return  # the card says so
    one = seen.announcement
    mine = one.author_id == card.chat_id
    if (
        one.stage is Stage.AWAITING_APPROVAL
        and not mine
        and access.may_approve(face.settings, card.chat_id, one.author_id)
    ):
        await preview(bot, face, card.chat_id, seen)


async def preview(bot: Bot, face: Face, chat_id: int, seen: Preview) -> None:
    """Show how the announcement will look in each chosen channel. Raises aiogram's errors."""
    for channel, rendering in seen.renderings.items():
        await say(bot, chat_id, Screen(texts.label(face.names[channel], len(rendering.parts))))
        for part in rendering.parts:
            if part.html:
                await _letter(bot, chat_id, part)
            elif face.names.kind(channel) in {"telegram", ""}:
                await _as_it_is(bot, face, chat_id, part)
            else:
                await _in_words(bot, chat_id, part)


async def _letter(bot: Bot, chat_id: int, part: Part) -> None:
    text = Markup("\n").join([texts.subject(part.title), Markup(), Markup.escape(_beginning(part.text))])
    await say(bot, chat_id, Screen(text))
    await bot.send_document(
        chat_id, BufferedInputFile(part.html.encode(), texts.LETTER_FILE), caption=texts.LETTER_OPEN
    )


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN_OF_LETTER else text[:_SHOWN_OF_LETTER].rstrip() + "…"


async def _in_words(bot: Bot, chat_id: int, part: Part) -> None:
    for text, _entities in split(part.text, (), _TEXT_LIMIT):
        await bot.send_message(chat_id, text, parse_mode=None)
    if part.attachments:
        await say(bot, chat_id, Screen(texts.attachments(part.attachments)))


async def _as_it_is(bot: Bot, face: Face, chat_id: int, part: Part) -> None:
    if not part.attachments:
        await _text(bot, chat_id, part)
        return
    if utf16_length(part.text) > _CAPTION_LIMIT:  # a rich message
        await _piece_by_piece(bot, face, chat_id, part)
        return
    files = [await _file(face, one) for one in part.attachments]
    if len(part.attachments) == 1:
        await _single(bot, chat_id, part, files[0])
    else:
        await bot.send_media_group(chat_id, media=_album(part, files))


async def _piece_by_piece(bot: Bot, face: Face, chat_id: int, part: Part) -> None:
    """Show what a rich message holds: its pictures, its text, its files."""
    pictures = [one for one in part.attachments if one.kind in _PICTURES]
    for number in range(0, len(pictures), _ALBUM):
        await _as_it_is(bot, face, chat_id, Part(attachments=tuple(pictures[number : number + _ALBUM])))
    await _text(bot, chat_id, part)
    for one in part.attachments:
        if one.kind not in _PICTURES:
            await _as_it_is(bot, face, chat_id, Part(attachments=(one,)))


async def _text(bot: Bot, chat_id: int, part: Part) -> None:
    pieces = (
        split(part.text, part.entities, _TEXT_LIMIT)
        if utf16_length(part.text) > _TEXT_LIMIT
        else [(part.text, part.entities)]
    )
    for text, entities in pieces:
        if text.strip():
            await bot.send_message(chat_id, text, entities=_entities(entities), parse_mode=None)


async def _file(face: Face, one: Attachment) -> InputFile | str:
    if one.telegram_file_id:
        return one.telegram_file_id
    return BufferedInputFile(await Media(face.desk.database).read(one.digest or ""), one.name)


_SENDERS = {
    AttachmentKind.PHOTO: "photo",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.ANIMATION: "animation",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.DOCUMENT: "document",
}
_ITEMS: dict[AttachmentKind, Any] = {
    AttachmentKind.PHOTO: InputMediaPhoto,
    AttachmentKind.VIDEO: InputMediaVideo,
    AttachmentKind.AUDIO: InputMediaAudio,
    AttachmentKind.DOCUMENT: InputMediaDocument,
}
_CAPTIONED_LAST = {AttachmentKind.AUDIO, AttachmentKind.DOCUMENT}


async def _single(bot: Bot, chat_id: int, part: Part, file: InputFile | str) -> None:
    word = _SENDERS[part.attachments[0].kind]
    send: Any = getattr(bot, f"send_{word}")
    caption = {"caption": part.text or None, "caption_entities": _entities(part.entities), "parse_mode": None}
    await send(chat_id, **{word: file}, **caption)


def _album(part: Part, files: Sequence[InputFile | str]) -> list[Any]:
    captioned = len(files) - 1 if part.attachments[0].kind in _CAPTIONED_LAST else 0
    words = {"caption": part.text or None, "caption_entities": _entities(part.entities), "parse_mode": None}
    return [
        _ITEMS[one.kind](media=file, **(words if index == captioned else {}))
        for index, (one, file) in enumerate(zip(part.attachments, files, strict=True))
    ]


def _entities(entities: Sequence[Entity]) -> list[MessageEntity] | None:
    # Of a person mentioned Telegram looks at the id only; the other fields must be there.
    return [
        MessageEntity(
            type=one.type,
            offset=one.offset,
            length=one.length,
            url=one.url,
            language=one.language,
            custom_emoji_id=one.custom_emoji_id,
            user=None if one.user_id is None else User(id=one.user_id, is_bot=False, first_name=""),
            unix_time=one.unix_time,
            date_time_format=one.date_time_format,
        )
        for one in entities
    ] or None
