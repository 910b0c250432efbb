"""What the API shows of the world: posts, files and communities as the objects of VK's answers."""

from collections.abc import Mapping
from typing import Any

from sandbox.vk.things import Community, Media, WallPost

__all__ = ["community_object", "media_object", "post_object"]


def post_object(community: Community, post: WallPost, media: Mapping[str, Media]) -> dict[str, Any]:
    """Return a post as `wall.get` and `wall.getById` do. `media` is every uploaded file by its name."""
    return {
        "inner_type": "wall_wallpost",
        "type": "post",
        "id": post.id,
        "owner_id": -community.id,
        "from_id": post.from_id,
        "date": int(post.date.timestamp()),
        "text": post.text,
        "attachments": [_attachment(name, media.get(name)) for name in post.attachments],
        "views": {"count": post.views},
        "likes": {"count": post.likes},
        "reposts": {"count": post.reposts},
        "comments": {"count": post.comments},
        **({"copyright": {"link": post.source, "type": "link"}} if post.source else {}),
        **({"edited": int(post.edited.timestamp())} if post.edited else {}),
        **({"is_pinned": 1} if post.id == community.pinned else {}),
    }


def _attachment(name: str, media: Media | None) -> dict[str, Any]:
    if media is None:
        return {"type": "link", "link": {"url": name}}
    return {"type": media.kind, media.kind: media_object(media)}


def media_object(media: Media) -> dict[str, Any]:
    """Return a picture, video or document as VK describes it. A person's own comes with its access key."""
    common = {"id": media.id, "owner_id": media.owner_id, "date": int(media.date.timestamp())}
    own_key = {"access_key": media.access_key} if media.owner_id > 0 else {}
    match media.kind:
        case "photo":
            return {**common, **own_key, "album_id": -14, "text": media.title, "has_tags": False}
        case "video":
            return {**common, **own_key, "title": media.title}
        case "doc":
            extension = media.title.rpartition(".")[2]
            return {**common, **own_key, "title": media.title, "size": len(media.content), "ext": extension, "type": 8}


def community_object(community: Community) -> dict[str, Any]:
    """Return a community as `groups.getById` does."""
    return {
        "id": community.id,
        "name": community.name,
        "screen_name": community.screen_name,
        "is_closed": int(community.closed),
        "type": "page",
    }
