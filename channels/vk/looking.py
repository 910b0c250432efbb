"""Looks whether a part is on the wall: reads the posts of the time in question and compares what they say.

A post that reads like the part, made by the community since the part was first sent, is taken for it. Only a person's
or a service key may read a wall, and the latter a public one only. Source: VK's JSON schema, wall.get.
"""

import html
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from channels.contract import Deferred, Part, Reason, Receipt
from channels.vk.client import Client, NoAnswer
from channels.vk.receipts import KINDS, receipt_for

__all__ = ["SKEW", "find", "stands"]

SKEW = timedelta(minutes=1)
"""How far VK's clock and ours may be apart."""

_PAGE = 100  # the most that VK shows at once. Source: wall.get
_PAGES = 10


@dataclass(frozen=True, slots=True)
class _Post:
    id: int
    from_id: int
    date: int
    text: str
    media: Counter[str]
    edited: bool


async def find(client: Client, group_id: int, part: Part, since: datetime, last: Receipt | None) -> Receipt | None:
    """Return the receipt of the oldest post since `since`, and newer than `last`, that carries `part`.

    None when there is none. Raises Failure, and Deferred when somebody has edited a post that might be the one.
    """
    after = max((int(number) for number in last.external_ids if number.isdecimal()), default=0) if last else 0
    posts = await _posts_since(client, group_id, since - SKEW)
    candidates = [post for post in posts if post.id > after and post.from_id == -group_id]
    fitting = [post.id for post in candidates if _carries(post, part)]
    if fitting:
        return receipt_for(group_id, min(fitting))
    if any(post.edited for post in candidates):
        raise Deferred("wall.get: a post of that time was edited since", Reason.EDITED_SINCE)
    return None


async def stands(client: Client, group_id: int, post_id: int) -> bool:
    """Tell whether a post is on the wall. Raises Failure when it can't be told."""
    if any(post.id == post_id for post in _read(await client.call("wall.getById", posts=f"-{group_id}_{post_id}"))):
        return True
    # A wall that may not be read looks empty there, and says so here.
    await client.call("wall.get", owner_id=-group_id, count=1)
    return False


async def _posts_since(client: Client, group_id: int, edge: datetime) -> list[_Post]:
    posts: list[_Post] = []
    for number in range(_PAGES):
        answer = await client.call("wall.get", owner_id=-group_id, count=_PAGE, offset=number * _PAGE)
        page = list(_read(answer))
        posts += [post for post in page if post.date >= edge.timestamp()]
        # The first of all may be old, and pinned; the last never is.
        if len(page) < _PAGE or page[-1].date < edge.timestamp():
            return posts
    raise Deferred(f"wall.get: more than {_PAGE * _PAGES} posts since then", Reason.TOO_MUCH_SINCE)


def _read(answer: Any) -> Iterator[_Post]:
    """Read what `wall.get` or `wall.getById` answered. Raises NoAnswer when it makes no sense."""
    try:
        for item in answer["items"]:
            if item.get("is_deleted"):
                continue
            media = Counter(str(one["type"]) for one in item.get("attachments", ()))
            id_, from_id, date = (int(item[name]) for name in ("id", "from_id", "date"))
            yield _Post(id_, from_id, date, str(item["text"]), media, bool(item.get("edited")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoAnswer(f"wall.get: the answer makes no sense ({type(error).__name__})") from None


def _carries(post: _Post, part: Part) -> bool:
    """Tell whether a post is the part. By its words; a post without any, by the number of its pictures and files.

    Attachments of a post with words are not held against it: VK may leave out one, or add a card for a link.
    """
    if part.text.strip():
        return _essence(post.text) == _essence(part.text)
    sent = Counter(KINDS[attachment.kind] for attachment in part.attachments)
    return not post.text.strip() and all(post.media[name] == sent[name] for name in set(KINDS.values()))


def _essence(text: str) -> str:
    """Return what VK does not touch: letters and digits, or all visible signs where there are none.

    Blanks, entities such as `&quot;`, dashes and quotation marks may come back otherwise than they were sent; which of
    them do is not documented.
    """
    whole = unicodedata.normalize("NFC", html.unescape(text))
    return "".join(filter(str.isalnum, whole)) or "".join(filter(_is_visible, whole))


def _is_visible(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in "CZM"
