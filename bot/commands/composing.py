"""Text and files of a command line become a post."""

import asyncio
import mimetypes
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bot.commands.frame import ExitCode, Failure
from bot.commands.pictures import Picture, look
from bot.commands.tables import one_line
from bot.texts.cli import compose as texts
from channels.contract import Attachment, AttachmentKind, Entity, Post
from channels.markup import MarkupError, from_html, from_markdown, normalised

__all__ = ["FORMATS", "LARGEST_FILE", "Composed", "Text", "compose", "read_text"]

LARGEST_FILE = 50 * 1024 * 1024
"""Bytes. Source: Bot API, "Sending files": what a bot may upload; the other channels take no more."""

_LARGEST_TEXT = 4 * 1024 * 1024  # bytes; what is longer is not a text for people
_LARGEST_PHOTO = 10 * 1024 * 1024  # bytes. Source: Bot API, sendPhoto
_LONGEST_SIDES, _STEEPEST = 10_000, 20  # pixels, width plus height; longer by shorter. Source: Bot API, sendPhoto

Text = tuple[str, tuple[Entity, ...]]

FORMATS: Mapping[str, Callable[[str], Text]] = {"html": from_html, "markdown": from_markdown, "plain": normalised}

_KINDS: Mapping[str, AttachmentKind] = {
    "video/mp4": AttachmentKind.VIDEO,
    "audio/mpeg": AttachmentKind.AUDIO,
    "audio/mp4": AttachmentKind.AUDIO,
}
# The system's own table of types differs from machine to machine.
_TYPES: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


@dataclass(frozen=True, slots=True)
class Composed:
    """A post, and the bytes of its attachments in their order."""

    post: Post
    files: Sequence[bytes]


async def compose(text: Text, title: str, media: Sequence[Path], *, typography: bool = False) -> Composed:
    """Make a post. Raises Failure for a file that cannot be taken, and for nothing at all."""
    found = [await asyncio.to_thread(_attachment, path) for path in media]
    body, entities = text
    if not body and not found:
        raise Failure(ExitCode.BAD_INPUT, texts.EMPTY)
    attachments = tuple(attachment for attachment, _content in found)
    post = Post(body, one_line(title), entities, attachments, typography)
    return Composed(post, [content for _attachment, content in found])


def read_text(text: str | None, file: str | None, form: str) -> Text:
    """Return the text that --text or --text-file gives, its markup read. Raises Failure."""
    if text is not None and file is not None:
        raise Failure(ExitCode.BAD_INPUT, texts.TWO_TEXTS)
    source = text if text is not None else _from_file(file) if file is not None else ""
    if any("\ud800" <= sign <= "\udfff" for sign in source):
        raise Failure(ExitCode.BAD_INPUT, texts.NOT_UTF8_ARGUMENT)
    try:
        return FORMATS[form](source)
    except MarkupError as error:
        said = texts.bad_markup(error.fault, error.tag, error.line, error.column)
        raise Failure(ExitCode.BAD_INPUT, said) from None


def _from_file(file: str) -> str:
    name = texts.STANDARD_INPUT if file == "-" else file
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_LARGEST_TEXT + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(_LARGEST_TEXT + 1)
    except OSError:
        raise Failure(ExitCode.BAD_INPUT, texts.not_readable(name)) from None
    if len(content) > _LARGEST_TEXT:
        raise Failure(ExitCode.BAD_INPUT, texts.text_too_large(name, _LARGEST_TEXT))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Failure(ExitCode.BAD_INPUT, texts.not_utf8(name, line)) from None


def _attachment(path: Path) -> tuple[Attachment, bytes]:
    name = unicodedata.normalize("NFC", one_line(path.name))
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise Failure(ExitCode.BAD_INPUT, texts.file_too_large(name, size, LARGEST_FILE))
        content = path.read_bytes()
    except OSError:
        raise Failure(ExitCode.BAD_INPUT, texts.not_readable(str(path))) from None
    if not content:
        raise Failure(ExitCode.BAD_INPUT, texts.file_empty(name))
    picture = look(content)
    mime_type = picture.mime_type if picture else _type_of(path)
    attachment = Attachment(
        kind=_kind(content, picture, mime_type),
        name=name,
        mime_type=mime_type,
        size=len(content),
        digest=sha256(content).hexdigest(),
        width=picture.width if picture else None,
        height=picture.height if picture else None,
    )
    return attachment, content


def _type_of(path: Path) -> str:
    known = _TYPES.get(path.suffix.lower())
    return known or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _kind(content: bytes, picture: Picture | None, mime_type: str) -> AttachmentKind:
    """A picture that no channel shows as one travels as a document."""
    if picture is None:
        return _KINDS.get(mime_type, AttachmentKind.DOCUMENT)
    sides = sorted((picture.width or 1, picture.height or 1))
    fits = sum(sides) <= _LONGEST_SIDES and sides[1] <= _STEEPEST * sides[0]
    return AttachmentKind.PHOTO if fits and len(content) <= _LARGEST_PHOTO else AttachmentKind.DOCUMENT
