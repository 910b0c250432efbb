"""What an editor wrote, and how it looks in a channel: values, and nothing that is done to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Attachment",
    "AttachmentKind",
    "Entity",
    "Part",
    "Post",
    "Problem",
    "ProblemCode",
    "Rendering",
]


# What an editor wrote


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of formatted text. `offset` and `length` count UTF-16 code units, as Telegram does.

    `type` is one of the Bot API's MessageEntity types. Source: Bot API, MessageEntity.
    """

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    custom_emoji_id: str | None = None
    user_id: int | None = None
    unix_time: int | None = None
    date_time_format: str | None = None


class AttachmentKind(StrEnum):
    """What a reader sees: a picture, a moving picture, a file, a sound."""

    PHOTO = "photo"
    VIDEO = "video"
    ANIMATION = "animation"
    DOCUMENT = "document"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a post.

    `digest` is the SHA-256 of the bytes in hexadecimal; None where the bytes could not be had (a bot can't download
    more than 20 MB) and only `telegram_file_id` can carry the file on. `size` is in bytes.
    """

    kind: AttachmentKind
    name: str
    mime_type: str
    size: int
    digest: str | None = None
    telegram_file_id: str | None = None
    width: int | None = None
    height: int | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """What a channel can carry. `title` becomes a letter's subject; `text` is plain, `entities` format it."""

    text: str
    title: str = ""
    entities: tuple[Entity, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    typography: bool = False  # channels show it with quotation marks, dashes and spaces put in order


# What a channel makes of it


class ProblemCode(StrEnum):
    """Why a post will not, or may not, look in a channel as its editor expects."""

    EMPTY = "empty"
    TEXT_TOO_LONG = "text_too_long"  # values: length, limit, over
    SPLIT_IN_PARTS = "split_in_parts"  # values: parts
    CAPTION_APART = "caption_apart"  # values: length, limit
    RICH_MESSAGE = "rich_message"
    TEXT_FIRST = "text_first"
    TOO_MANY_ATTACHMENTS = "too_many_attachments"  # values: count, limit
    ALBUM_SPLIT = "album_split"  # values: count, limit, albums
    ALBUM_MIXES_KINDS = "album_mixes_kinds"  # values: kinds, such as "photo+video,document"
    FILE_TOO_LARGE = "file_too_large"  # values: name, size, limit
    FILE_TYPE_REFUSED = "file_type_refused"  # values: name
    FILE_OUT_OF_REACH = "file_out_of_reach"  # values: name, size
    PICTURE_AS_FILE = "picture_as_file"  # values: count, unfit: how many of them could be no picture with any key
    ATTACHMENT_LEFT_OUT = "attachment_left_out"  # values: name
    ONE_FILE_ONLY = "one_file_only"  # values: count
    FORMATTING_LOST = "formatting_lost"
    LETTER_TOO_LARGE = "letter_too_large"  # values: size, limit
    UNKNOWN_WORD = "unknown_word"  # values: word, known
    SPARE_WORD_MISSING = "spare_word_missing"  # values: words
    NOT_PERSONAL = "not_personal"  # values: spared, bare (either may be empty)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to tell the editor before sending. A certain one blocks; a doubtful one may be overridden."""

    code: ProblemCode
    certain: bool
    values: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One message on the wire. Most posts make one part; a long one makes several, sent in order.

    `html` and `title` are set by channels that send letters.
    """

    text: str = ""
    entities: tuple[Entity, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    title: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a post looks in a channel. Preview, dry run and sending use the very same rendering."""

    parts: tuple[Part, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def blocked(self) -> bool:
        """True when sending would certainly fail."""
        return any(problem.certain for problem in self.problems)
