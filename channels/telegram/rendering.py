"""Which messages a post becomes in Telegram. Pure.

A caption holds 1024 characters, a text message 4096, an album ten items. Lengths are counted in UTF-16 units, which
is never more than Telegram allows: its server counts code points. Source: Bot API, sendMessage, sendPhoto,
sendMediaGroup.

When a text is too long for a caption, pictures go first and bare, and the whole text follows as an answer to them.
Cutting the text so that its beginning fits under the picture would save no message, and would leave readers with two
halves to forward, and editors with two halves to correct. Files and sounds are an appendix: they follow the text.

Where the administrator has chosen rich messages (`long_text = "rich"`), a post that would become several for its
length is one instead, as long as it keeps their limits. Where the line is too slow for files (`text_first`), a text
does not wait for what must be uploaded; a file that Telegram has already goes as fast as words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from channels.contract import Attachment, AttachmentKind, Entity, Part, Post, Problem, ProblemCode, Rendering
from channels.markup import personal, prepared, split, utf16_length
from channels.telegram.rich import RICH_BLOCKS, RICH_MEDIA, RICH_TEXT, text_blocks

__all__ = ["ALBUM_LIMIT", "CAPTION_LIMIT", "MOST_TEXTS", "TEXT_LIMIT", "UPLOAD_LIMITS", "is_rich", "render"]

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
ALBUM_LIMIT = 10
MOST_TEXTS = 10
"""A longer post would flood the channel and reach Telegram's limit of 20 messages a minute. Our own choice."""

_MEGABYTE = 1024 * 1024
UPLOAD_LIMITS = {kind: (10 if kind is AttachmentKind.PHOTO else 50) * _MEGABYTE for kind in AttachmentKind}
"""Bytes that a bot may upload. A file that Telegram has already, known by its file_id, may have any size."""
_REQUEST_LIMIT = 50 * _MEGABYTE

_PICTURES = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}
_LONGEST_SIDES = 10_000  # width plus height, in pixels
_STEEPEST = 20  # the longer side by the shorter one

# What may share an album. Animations never do. Source: Bot API, sendMediaGroup.
_SHELVES = {
    AttachmentKind.PHOTO: "pictures",
    AttachmentKind.VIDEO: "pictures",
    AttachmentKind.ANIMATION: "animations",
    AttachmentKind.AUDIO: "sounds",
    AttachmentKind.DOCUMENT: "files",
}
_SHOWN_FIRST = ("pictures", "animations")

Piece = tuple[str, tuple[Entity, ...]]
Album = tuple[Attachment, ...]


def render(post: Post, *, rich: bool = False, text_first: bool = False) -> Rendering:
    """Return the messages of a post in their order, and what an editor should know before sending them.

    With `rich` a text that is too long for its place goes out in one rich message, with `text_first` a text does not
    wait for uploads. Personal words give way to what everybody can read.
    """
    rendering = _rendered(personal.impersonal(post), rich=rich, text_first=text_first)
    doubts = personal.problems(post, is_personal=False)
    return replace(rendering, problems=(*rendering.problems, *doubts)) if doubts else rendering


def _rendered(post: Post, *, rich: bool, text_first: bool) -> Rendering:
    post = prepared(post)
    text, entities = post.text, post.entities
    whole, late = Part(text, entities, post.attachments), text_first and _waits(post)
    if rich and not late and is_rich(whole) and _keeps_rich_limits(whole):
        return Rendering((whole,), tuple(_rich_problems(post)))
    texts = split(text, entities, TEXT_LIMIT)
    shelves = _shelves(post.attachments)
    shown = [album for name in _SHOWN_FIRST for album in _albums(name, shelves)]
    appended = [album for name in shelves if name not in _SHOWN_FIRST for album in _albums(name, shelves)]
    caption = _caption(post) if (shown or appended) and not late else None
    return Rendering(
        tuple(_parts(texts, caption, [] if late else shown, [*shown, *appended] if late else appended)),
        tuple(_problems(post, texts, caption, shelves, late=late)),
    )


def _waits(post: Post) -> bool:
    """Whether words would have to wait for an upload."""
    return bool(post.text) and any(item.telegram_file_id is None for item in post.attachments)


def is_rich(part: Part) -> bool:
    """Whether a part is more than one plain message holds, so that it goes as a rich one."""
    return utf16_length(part.text) > (CAPTION_LIMIT if part.attachments else TEXT_LIMIT)


def _keeps_rich_limits(part: Part) -> bool:
    volume = sum(0 if item.telegram_file_id else item.size for item in part.attachments)
    return (
        utf16_length(part.text) <= RICH_TEXT
        and len(part.attachments) <= RICH_MEDIA
        and volume <= _REQUEST_LIMIT
        and len(text_blocks(part.text, part.entities)) + len(part.attachments) < RICH_BLOCKS
    )


def _parts(texts: list[Piece], caption: Piece | None, shown: list[Album], appended: list[Album]) -> Iterator[Part]:
    albums = [*shown, *appended]
    if caption is not None:
        yield Part(*caption, attachments=albums[0])
        yield from (Part(attachments=album) for album in albums[1:])
        return
    yield from (Part(attachments=album) for album in shown)
    yield from (Part(*text) for text in texts)
    yield from (Part(attachments=album) for album in appended)


def _caption(post: Post) -> Piece | None:
    """Return the text if it fits under a picture; an empty one does."""
    pieces = split(post.text, post.entities, CAPTION_LIMIT)
    if not pieces:
        return "", ()
    return pieces[0] if len(pieces) == 1 else None


def _shelves(attachments: Iterable[Attachment]) -> dict[str, list[Attachment]]:
    shelves: dict[str, list[Attachment]] = {}
    for attachment in attachments:
        shelves.setdefault(_SHELVES[attachment.kind], []).append(attachment)
    return shelves


def _albums(shelf: str, shelves: dict[str, list[Attachment]]) -> Iterator[Album]:
    """Cut a shelf into albums of nearly equal size, so that none is left with a single item."""
    items = shelves.get(shelf, [])
    if not items:
        return
    count = -(-len(items) // _album_limit(shelf))
    for number in range(count):
        yield from _uploadable(items[number * len(items) // count : (number + 1) * len(items) // count])


def _uploadable(items: Sequence[Attachment]) -> Iterator[Album]:
    """Cut an album where its files are too much for one request."""
    album: list[Attachment] = []
    volume = 0
    for item in items:
        size = 0 if item.telegram_file_id else item.size
        if album and volume + size > _REQUEST_LIMIT:
            yield tuple(album)
            album, volume = [], 0
        album.append(item)
        volume += size
    yield tuple(album)


def _album_limit(shelf: str) -> int:
    return 1 if shelf == "animations" else ALBUM_LIMIT


# Problems


def _problems(
    post: Post, texts: Sequence[Piece], caption: Piece | None, shelves: dict[str, list[Attachment]], *, late: bool
) -> Iterator[Problem]:
    if not texts and not post.attachments:
        yield _certain(ProblemCode.EMPTY)
    yield from _text_problems(post, texts)
    if late:
        yield _doubt(ProblemCode.TEXT_FIRST)
    elif post.attachments and caption is None:
        # People count signs, we count UTF-16 units to be safe: say what they see, and never less than the limit.
        length = max(len(post.text), CAPTION_LIMIT + 1)
        yield _doubt(ProblemCode.CAPTION_APART, length=length, limit=CAPTION_LIMIT)
    yield from _album_problems(shelves)
    for attachment in post.attachments:
        yield from _file_problems(attachment)


def _rich_problems(post: Post) -> Iterator[Problem]:
    yield _doubt(ProblemCode.RICH_MESSAGE)
    yield from _emoji_problems(post)
    for attachment in post.attachments:
        yield from _file_problems(attachment)


def _text_problems(post: Post, texts: Sequence[Piece]) -> Iterator[Problem]:
    if len(texts) > MOST_TEXTS:
        length, limit = utf16_length(post.text), MOST_TEXTS * TEXT_LIMIT
        yield _certain(ProblemCode.TEXT_TOO_LONG, length=length, limit=limit, over=max(1, length - limit))
    elif len(texts) > 1:
        yield _doubt(ProblemCode.SPLIT_IN_PARTS, parts=len(texts))
    yield from _emoji_problems(post)


def _emoji_problems(post: Post) -> Iterator[Problem]:
    if any(entity.type == "custom_emoji" for entity in post.entities):
        # A bot may not use them in channels; the plain emoji stays. Source: Bot API, "Formatting options".
        yield _doubt(ProblemCode.FORMATTING_LOST)


def _album_problems(shelves: dict[str, list[Attachment]]) -> Iterator[Problem]:
    for name, items in shelves.items():
        albums = len(list(_albums(name, shelves)))
        if albums > 1:
            yield _doubt(ProblemCode.ALBUM_SPLIT, count=len(items), limit=_album_limit(name), albums=albums)
    if len(shelves) > 1:
        kinds = ("+".join(dict.fromkeys(sorted(item.kind for item in items))) for items in shelves.values())
        yield _doubt(ProblemCode.ALBUM_MIXES_KINDS, kinds=",".join(kinds))


def _file_problems(attachment: Attachment) -> Iterator[Problem]:
    if attachment.telegram_file_id:
        return
    name, size, limit = attachment.name, attachment.size, UPLOAD_LIMITS[attachment.kind]
    if attachment.digest is None:
        yield _certain(ProblemCode.FILE_OUT_OF_REACH, name=name, size=size)
    elif size > limit:
        yield _certain(ProblemCode.FILE_TOO_LARGE, name=name, size=size, limit=limit)
    elif size == 0 or _impossible_shape(attachment):
        yield _certain(ProblemCode.FILE_TYPE_REFUSED, name=name)
    elif attachment.kind is AttachmentKind.PHOTO and attachment.mime_type not in _PICTURES:
        yield _doubt(ProblemCode.FILE_TYPE_REFUSED, name=name)


def _certain(code: ProblemCode, **values: int | str) -> Problem:
    return Problem(code, certain=True, values=values)


def _doubt(code: ProblemCode, **values: int | str) -> Problem:
    return Problem(code, certain=False, values=values)


def _impossible_shape(attachment: Attachment) -> bool:
    """Whether Telegram refuses a photo of that shape. Source: Bot API, sendPhoto."""
    if attachment.kind is not AttachmentKind.PHOTO or not attachment.width or not attachment.height:
        return False
    sides = sorted((attachment.width, attachment.height))
    return sum(sides) > _LONGEST_SIDES or sides[1] > _STEEPEST * sides[0]
