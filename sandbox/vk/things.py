"""The nouns of the small VKontakte, and how they are kept as plain JSON."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

TokenKind = Literal["group", "user", "service"]
MediaKind = Literal["photo", "video", "doc"]


@dataclass(frozen=True, slots=True)
class Token:
    """A key and what it opens.

    `owner_id` is the community of a "group" key and the person of a "user" token. `rights` are names from
    COMMUNITY_RIGHTS, or scopes. A "user" token `administers` communities; one from VK ID has none of the rights, unless
    VK has granted them to the application. `ends`: from then on it is refused.
    """

    kind: TokenKind
    owner_id: int = 0
    rights: frozenset[str] = frozenset()
    administers: frozenset[int] = frozenset()
    from_vk_id: bool = False
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded picture, video or document. `owner_id` is negative for a community."""

    kind: MediaKind
    owner_id: int
    id: int
    title: str
    mime_type: str
    content: bytes = field(repr=False)
    date: datetime
    access_key: str = field(default_factory=lambda: secrets.token_hex(9))

    @property
    def name(self) -> str:
        """What an attachment list calls it."""
        return f"{self.kind}{self.owner_id}_{self.id}"


@dataclass(frozen=True, slots=True)
class WallPost:
    """One entry of a wall. `attachments` are names of media, then at most one external link; `source` is another."""

    id: int
    text: str
    attachments: tuple[str, ...]
    date: datetime
    from_id: int
    edited: datetime | None = None
    source: str = ""
    views: int = 0
    likes: int = 0
    reposts: int = 0
    comments: int = 0


@dataclass(slots=True)
class Community:
    """A community and its wall, oldest post first. `pinned` is the id of the post that stands above all; 0: none."""

    id: int
    name: str
    screen_name: str
    closed: bool = False
    posts: list[WallPost] = field(default_factory=list)
    posts_made: int = 0
    pinned: int = 0


@dataclass(frozen=True, slots=True)
class Upload:
    """A place at the upload server: what may be put there and whose it will be."""

    kind: MediaKind
    owner_id: int
    media_id: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Bytes at the upload server that wait to be saved."""

    upload: Upload
    file_name: str
    mime_type: str
    content: bytes = field(repr=False)


# Kept as JSON


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a noun's fields as JSON knows them."""
    return dict(_plain_items(values))


def _plain_items(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        match value:
            case datetime():
                yield name, value.isoformat()
            case bytes():
                yield name, base64.b64encode(value).decode()
            case frozenset():
                yield name, sorted(value)
            case tuple():
                yield name, list(value)
            case _:
                yield name, value


def wall_post(known: Mapping[str, Any]) -> WallPost:
    """Return what `plain` wrote."""
    edited = known["edited"]
    times = {
        "date": datetime.fromisoformat(known["date"]),
        "edited": datetime.fromisoformat(edited) if edited else None,
    }
    return WallPost(**{**known, **times, "attachments": tuple(known["attachments"])})


def token(known: Mapping[str, Any]) -> Token:
    """Return what `plain` wrote."""
    sets = {name: frozenset(known[name]) for name in ("rights", "administers")}
    ends = known.get("ends")
    return Token(**{**known, **sets, "ends": datetime.fromisoformat(ends) if ends else None})


def media(known: Mapping[str, Any]) -> Media:
    """Return what `plain` wrote."""
    read = {"content": base64.b64decode(known["content"]), "date": datetime.fromisoformat(known["date"])}
    return Media(**{**known, **read})
