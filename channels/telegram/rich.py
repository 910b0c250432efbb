"""One message for everything: pictures on top, a text of any length that matters, files at the end. Pure.

Known to the Bot API since 10.1; apps that are older show a request to update instead. Source: Bot API, sendRichMessage,
InputRichMessage, RichText; TDLib, OptionManager.cpp ("rich_message_text_length_max").
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aiogram.types import (
    InputFile,
    InputMediaAnimation,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    InputRichBlockAnimation,
    InputRichBlockAudio,
    InputRichBlockBlockQuotation,
    InputRichBlockCollage,
    InputRichBlockDocument,
    InputRichBlockExpandableBlockQuotation,
    InputRichBlockParagraph,
    InputRichBlockPhoto,
    InputRichBlockPreformatted,
    InputRichBlockVideo,
    InputRichMessage,
    RichTextBold,
    RichTextCode,
    RichTextDateTime,
    RichTextItalic,
    RichTextSpoiler,
    RichTextStrikethrough,
    RichTextTextMention,
    RichTextUnderline,
    RichTextUrl,
    User,
)

from channels.contract import Attachment, AttachmentKind, Entity, Part
from channels.markup.units import Span, spans_of, stripped

__all__ = ["RICH_BLOCKS", "RICH_MEDIA", "RICH_TEXT", "Files", "rich_message", "text_blocks", "words_of_blocks"]

RICH_TEXT = 32_768
"""UTF-16 units, which are never fewer than the characters that count. Source: TDLib, OptionManager.cpp."""
RICH_BLOCKS = 500
RICH_MEDIA = 50
"""Source of both: Bot API, "Rich Message Limits"."""

Files = Sequence[InputFile | str]
"""What stands for the attachments of a part, in their order: a file to upload, or a file_id."""

_QUOTES = {"blockquote", "expandable_blockquote"}
_HOLDERS = {*_QUOTES, "pre"}
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")

# Links that the server finds by itself, and emoji that a bot may not use, stay the plain words that they are.
_STYLES: dict[str, Callable[[Any, Entity], Any]] = {
    "bold": lambda text, _of: RichTextBold(text=text),
    "italic": lambda text, _of: RichTextItalic(text=text),
    "underline": lambda text, _of: RichTextUnderline(text=text),
    "strikethrough": lambda text, _of: RichTextStrikethrough(text=text),
    "spoiler": lambda text, _of: RichTextSpoiler(text=text),
    "code": lambda text, _of: RichTextCode(text=text),
    "pre": lambda text, _of: RichTextCode(text=text),  # where a block of its own has no room
    "text_link": lambda text, of: RichTextUrl(text=text, url=of.url or ""),
    "text_mention": lambda text, of: RichTextTextMention(
        text=text, user=User(id=of.user_id or 0, is_bot=False, first_name="")
    ),
    "date_time": lambda text, of: RichTextDateTime(
        text=text, unix_time=of.unix_time or 0, date_time_format=of.date_time_format or ""
    ),
}


def rich_message(part: Part, files: Files) -> InputRichMessage:
    """Return a part as one rich message."""
    media = [(one.kind, _medium(one, file)) for one, file in zip(part.attachments, files, strict=True)]
    pictures = [block for kind, block in media if kind in {AttachmentKind.PHOTO, AttachmentKind.VIDEO}]
    shown = [InputRichBlockCollage(blocks=pictures)] if len(pictures) > 1 else pictures
    moving = [block for kind, block in media if kind is AttachmentKind.ANIMATION]
    appended = [block for kind, block in media if kind in {AttachmentKind.AUDIO, AttachmentKind.DOCUMENT}]
    return InputRichMessage(blocks=[*shown, *moving, *text_blocks(part.text, part.entities), *appended])


_MEDIA: dict[AttachmentKind, Callable[[Any, dict[str, Any]], Any]] = {
    AttachmentKind.PHOTO: lambda file, _shape: InputRichBlockPhoto(photo=InputMediaPhoto(media=file)),
    AttachmentKind.VIDEO: lambda file, shape: InputRichBlockVideo(video=InputMediaVideo(media=file, **shape)),
    AttachmentKind.ANIMATION: lambda file, shape: InputRichBlockAnimation(
        animation=InputMediaAnimation(media=file, **shape)
    ),
    AttachmentKind.AUDIO: lambda file, _shape: InputRichBlockAudio(audio=InputMediaAudio(media=file)),
    AttachmentKind.DOCUMENT: lambda file, _shape: InputRichBlockDocument(document=InputMediaDocument(media=file)),
}


def _medium(attachment: Attachment, file: Any) -> Any:
    shape = {"width": attachment.width, "height": attachment.height, "duration": attachment.duration}
    return _MEDIA[attachment.kind](file, shape)


# Text


def text_blocks(text: str, entities: Sequence[Entity]) -> list[Any]:
    """Return the blocks of a text: a paragraph wherever blank lines part it, quotations, and pieces of code."""
    return list(_Text(text, spans_of(text, entities)).blocks(0, len(text)))


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    spans: list[Span]

    def blocks(self, start: int, end: int, within: Entity | None = None) -> Iterator[Any]:
        """Yield the blocks of `text[start:end]`, which is all of what `within` holds."""
        for holder in self._holders(start, end, within):
            if start < holder.start:
                yield from self._paragraphs(start, holder.start)
            if start <= holder.start:
                yield self._holder(holder)
                start = holder.end
        yield from self._paragraphs(start, end)

    def _holders(self, start: int, end: int, within: Entity | None) -> list[Span]:
        """Return quotations and pieces of code inside a stretch, the outer before the inner."""
        allowed = _HOLDERS if within is None else {"pre"}
        inside = (span for span in self.spans if span.entity.type in allowed and start <= span.start < span.end <= end)
        full = [span for span in inside if self.text[span.start : span.end].strip()]
        return sorted(full, key=lambda span: (span.start, -span.end))

    def _holder(self, span: Span) -> Any:
        match span.entity.type:
            case "pre":
                text = self.text[span.start : span.end].strip("\n")
                return InputRichBlockPreformatted(text=text, language=span.entity.language or None)
            case "expandable_blockquote":
                return InputRichBlockExpandableBlockQuotation(text=self._inline(span.start, span.end))
            case _:
                return InputRichBlockBlockQuotation(blocks=list(self.blocks(span.start, span.end, span.entity)))

    def _paragraphs(self, start: int, end: int) -> Iterator[Any]:
        """Yield what blank lines part; single line breaks stay inside."""
        breaks = [(start, start), *(found.span() for found in _BLANK_LINES.finditer(self.text, start, end)), (end, end)]
        for (_, left), (right, _) in pairwise(breaks):
            first, last = stripped(self.text, left, right)
            if first < last:
                yield InputRichBlockParagraph(text=self._inline(first, last))

    def _inline(self, start: int, end: int) -> Any:
        """Return `text[start:end]` cut where a style begins or ends, each piece inside all of its styles."""
        styles = [span for span in self.spans if span.entity.type in _STYLES and span.start < end and span.end > start]
        edges = {start, end} | {edge for span in styles for edge in span[:2] if start < edge < end}
        pieces = [self._styled(styles, left, right) for left, right in pairwise(sorted(edges))]
        return pieces[0] if len(pieces) == 1 else pieces

    def _styled(self, styles: Sequence[Span], start: int, end: int) -> Any:
        text: Any = self.text[start:end]
        around = (span for span in styles if span.start <= start and span.end >= end)
        for span in sorted(around, key=lambda span: (span.end - span.start, -span.start)):
            text = _STYLES[span.entity.type](text, span.entity)
        return text


def words_of_blocks(rich: Any) -> str:
    """Return all words of a rich message, its blocks or its texts, in the order in which they are read."""
    if isinstance(rich, str):
        return rich
    if isinstance(rich, list | tuple):
        return "\n".join(words_of_blocks(one) for one in rich)
    inner = [getattr(rich, name, None) for name in ("blocks", "text")]
    return "\n".join(words_of_blocks(one) for one in inner if one is not None)
