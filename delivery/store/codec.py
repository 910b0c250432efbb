"""Posts as JSON: how a revision's content stands in the database."""

from dataclasses import asdict
from typing import Any

from channels.contract import Attachment, AttachmentKind, Entity, Post


def encode_post(post: Post) -> dict[str, Any]:
    """Return the post as plain JSON, leaving out what is not set."""
    return {
        "title": post.title,
        "text": post.text,
        "entities": [_set_only(asdict(entity)) for entity in post.entities],
        "attachments": [_set_only(asdict(attachment)) for attachment in post.attachments],
        **({"typography": True} if post.typography else {}),
    }


def decode_post(value: dict[str, Any]) -> Post:
    """Return the post that `encode_post` wrote."""
    return Post(
        text=value["text"],
        title=value["title"],
        entities=tuple(Entity(**entity) for entity in value["entities"]),
        attachments=tuple(
            Attachment(**{**attachment, "kind": AttachmentKind(attachment["kind"])})
            for attachment in value["attachments"]
        ),
        typography=value.get("typography", False),
    )


def _set_only(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
