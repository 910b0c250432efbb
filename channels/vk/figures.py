"""What became of posts with their readers: counted by VK, read back in batches.

Only a person's or a service key may read. A hundred posts a call are enough for years of announcements, so there is no
`execute`, which would add a language of VK's own and, with a service key, is not to be had.
Source: VK's JSON schema, wall.getById.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.readers import Figures
from channels.vk.client import Client, NoAnswer

__all__ = ["figures"]

_BATCH = 100  # the most that wall.getById takes


async def figures(client: Client, group_id: int, post_ids: Sequence[int]) -> Mapping[int, Figures]:
    """Return the figures of posts by their numbers; what is gone is left out. Raises Failure."""
    found: dict[int, Figures] = {}
    for start in range(0, len(post_ids), _BATCH):
        names = (f"-{group_id}_{post_id}" for post_id in post_ids[start : start + _BATCH])
        answer = await client.call("wall.getById", posts=",".join(names))
        try:
            found |= {int(item["id"]): _read(item) for item in answer["items"] if not item.get("is_deleted")}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            words = f"wall.getById: the answer makes no sense ({type(error).__name__})"
            raise NoAnswer(words) from None
    return found


def _read(item: Mapping[str, Any]) -> Figures:
    return Figures(*(_count(item.get(name)) for name in ("views", "likes", "reposts", "comments")))


def _count(counted: object) -> int | None:
    match counted:
        case {"count": int(number)}:
            return number
        case _:
            return None
