"""An editor's message becomes a piece, and pieces that belong together become one Post. Pure.

Telegram sends an album as one update for each item, a long text as several messages, and a comment before what was
forwarded with it as a message of its own. Nothing says which is the last.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aiogram.types import Message, MessageEntity

from channels.contract import Attachment, AttachmentKind, Entity, Post
from channels.markup import utf16_length
from delivery.store.inbox import Piece

__all__ = ["LONG_TEXT", "attachments_of", "bundle_for", "content_of", "joined", "more_may_follow"]

LONG_TEXT = 4000
"""UTF-16 units: from here on the app may have cut the text, and the rest follows as another message."""

_REST_FOLLOWS_WITHIN = timedelta(seconds=5)
_SENT_TOGETHER_WITHIN = timedelta(seconds=1)
_ALBUM_GOES_ON_WITHIN = timedelta(seconds=2)
_BETWEEN = "\n\n"
_SENTENCE_ENDS = (".", "!", "?", "…", ":", ";", "»", '"', ")")


def content_of(message: Message) -> Post | None:
    """Return what an announcement can carry of a message, or None: a sticker, a voice message, a poll, …"""
    if message.text is not None:
        return Post(message.text, entities=_entities(message.entities))
    attachments = attachments_of(message)
    if not attachments:
        return None
    return Post(message.caption or "", entities=_entities(message.caption_entities), attachments=attachments)


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """Return the file of a message, known by its file_id."""
    if message.animation is not None:  # comes with a `document` as well, for old programs
        file = message.animation
        shape = (file.width, file.height, file.duration)
        return (_attachment(AttachmentKind.ANIMATION, file, file.file_name or "animation.mp4", "video/mp4", *shape),)
    if message.photo:
        photo = max(message.photo, key=lambda size: size.width * size.height)
        name = f"photo_{photo.file_unique_id[-8:]}.jpg"
        return (_attachment(AttachmentKind.PHOTO, photo, name, "image/jpeg", photo.width, photo.height),)
    if message.video is not None:
        video = message.video
        shape = (video.width, video.height, video.duration)
        return (_attachment(AttachmentKind.VIDEO, video, video.file_name or "video.mp4", "video/mp4", *shape),)
    if message.document is not None:
        document = message.document
        name = document.file_name or "document"
        return (_attachment(AttachmentKind.DOCUMENT, document, name, "application/octet-stream"),)
    if message.audio is not None:
        audio = message.audio
        name = audio.file_name or "audio.mp3"
        return (_attachment(AttachmentKind.AUDIO, audio, name, "audio/mpeg", duration=audio.duration),)
    return ()


def _attachment(
    kind: AttachmentKind,
    file: object,
    name: str,
    mime_type: str,
    width: int | None = None,
    height: int | None = None,
    duration: int | None = None,
) -> Attachment:
    return Attachment(
        kind=kind,
        name=name,
        mime_type=getattr(file, "mime_type", None) or mime_type,
        size=getattr(file, "file_size", None) or 0,
        telegram_file_id=str(getattr(file, "file_id", "")),
        width=width,
        height=height,
        duration=duration,
    )


def _entities(given: Sequence[MessageEntity] | None) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            type=str(entity.type),
            offset=entity.offset,
            length=entity.length,
            url=entity.url,
            language=entity.language,
            custom_emoji_id=entity.custom_emoji_id,
            user_id=entity.user.id if entity.user else None,
            unix_time=entity.unix_time,
            date_time_format=entity.date_time_format,
        )
        for entity in given or ()
    )


# What belongs together


def bundle_for(new: Piece, last: Piece | None) -> str | None:
    """Return the bundle of the author's last piece if the new one continues it, else None."""
    if last is None:
        return None
    gap = new.sent_at - last.sent_at
    if new.forwarded:
        together = gap <= _SENT_TOGETHER_WITHIN and (last.forwarded or not last.post.attachments)
    elif new.post.attachments:
        together = last.album is not None and gap <= _ALBUM_GOES_ON_WITHIN
    else:
        together = _is_long(last) and gap <= _REST_FOLLOWS_WITHIN
    return last.bundle if together else None


def more_may_follow(one: Piece) -> bool:
    """Tell whether a message may be the first of several."""
    return one.album is not None or one.forwarded or _is_long(one)


def _is_long(one: Piece) -> bool:
    return not one.post.attachments and utf16_length(one.post.text) >= LONG_TEXT


def joined(pieces: Sequence[Piece]) -> Post:
    """Make one post of pieces in their order: texts one below the other, attachments side by side."""
    text, entities = "", tuple[Entity, ...]()
    for previous, one in zip((None, *pieces), pieces, strict=False):
        if not one.post.text:
            continue
        text += _gap(previous, text) if text else ""
        shift = utf16_length(text)
        entities += tuple(replace(entity, offset=entity.offset + shift) for entity in one.post.entities)
        text += one.post.text
    attachments = tuple(attachment for one in pieces for attachment in one.post.attachments)
    return Post(text, entities=entities, attachments=attachments)


def _gap(previous: Piece | None, text: str) -> str:
    """Telegram trims both ends of a message, so what stood at the cut can only be guessed: a blank or a new line."""
    if previous is None or not _is_long(previous):
        return _BETWEEN
    return "\n" if text.endswith(_SENTENCE_ENDS) else " "
