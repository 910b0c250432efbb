"""Changes a post that stands on a wall, or takes it away. Both may be repeated.

Only a person's token may, an administrator's with the right "wall". An edit replaces the whole content, so it always
names the attachments. Source: VK's JSON schema, wall.edit and wall.delete.
"""

from collections.abc import Mapping
from typing import Any

from channels.vk.client import Client, Failure, Gone, NoAnswer, Refused
from channels.vk.looking import stands

__all__ = ["edit", "remove"]

_NOT_FOUND = 104
_MAY_BE_GONE = frozenset({7, 15, 100, 210, 214})
"""Which of these VK says of a post that is not there is not documented, so the wall is asked."""


async def edit(client: Client, group_id: int, post_id: int, content: Mapping[str, str]) -> None:
    """Let the post say what `content` says: `message`, `attachments` and the like. Raises Failure, Gone among them."""
    answer = await _changed(client, "wall.edit", group_id, post_id, content)
    if not isinstance(answer, dict) or not isinstance(answer.get("post_id"), int):
        raise NoAnswer("wall.edit: VK named no post")


async def remove(client: Client, group_id: int, post_id: int) -> None:
    """Take the post off the wall; what is gone already is as good. Raises Failure."""
    try:
        answer = await _changed(client, "wall.delete", group_id, post_id, {})
    except Gone:
        return
    if answer != 1:
        raise NoAnswer("wall.delete: the answer makes no sense")


async def _changed(client: Client, method: str, group_id: int, post_id: int, content: Mapping[str, str]) -> Any:
    try:
        return await client.call(method, owner_id=-group_id, post_id=post_id, **content)
    except Refused as refusal:
        if refusal.code == _NOT_FOUND or (refusal.code in _MAY_BE_GONE and await _gone(client, group_id, post_id)):
            raise Gone(refusal.detail) from None
        raise


async def _gone(client: Client, group_id: int, post_id: int) -> bool:
    try:
        return not await stands(client, group_id, post_id)
    except Failure:
        return False
