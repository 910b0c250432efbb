"""What VK's answer proves: a post's id, the names of what it carries, and a link for people."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from channels.contract import Attachment, AttachmentKind, Receipt

__all__ = ["KINDS", "kept", "post_of", "receipt_for"]

KINDS: Mapping[AttachmentKind, str] = {
    AttachmentKind.PHOTO: "photo",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.ANIMATION: "video",
    AttachmentKind.AUDIO: "doc",
    AttachmentKind.DOCUMENT: "doc",
}
"""What an attachment of a rendered part is to VK."""

_DIGEST_SIGNS = 16
"""So much of a SHA-256 tells the few files of one post apart."""

_KIND = re.compile(r"photo|video|doc")
_WALL_LINK = re.compile(r"wall-(\d+)_(\d+)")


def receipt_for(group_id: int, post_id: int, carried: Iterable[tuple[str, str]] = ()) -> Receipt:
    """Return the proof for one post on a community's wall.

    `carried` are its attachments in order, each as VK's name and the SHA-256 of the bytes: so a correction can keep
    them without another upload.
    """
    marked = (f"{name}:{digest[:_DIGEST_SIGNS]}" for name, digest in carried)
    return Receipt((str(post_id), *marked), f"https://vk.com/wall-{group_id}_{post_id}")


def post_of(receipt: Receipt, group_id: int) -> int | None:
    """Return the number of the post; None where the receipt names none of this wall."""
    number = next((id_ for id_ in receipt.external_ids if id_.isdecimal()), None)
    if number is not None:
        return int(number)
    place = _WALL_LINK.search(receipt.link or "")
    return int(place[2]) if place is not None and int(place[1]) == group_id else None


def kept(receipt: Receipt, attachments: Sequence[Attachment]) -> dict[int, str]:
    """Return by position the names of those attachments that the post carries already, as what they are now."""
    standing = defaultdict[tuple[str, str], deque[str]](deque)
    for name, sign, mark in (id_.partition(":") for id_ in receipt.external_ids):
        what = _KIND.match(name)
        if sign and what is not None:
            standing[what[0], mark].append(name)
    found = {}
    for position, attachment in enumerate(attachments):
        names = standing[KINDS[attachment.kind], (attachment.digest or "")[:_DIGEST_SIGNS]]
        if names:
            found[position] = names.popleft()
    return found
