"""What VK's answer proves: a post's id, and a link for people."""

from channels.contract import Receipt

__all__ = ["receipt_for"]


def receipt_for(group_id: int, post_id: int) -> Receipt:
    """Return the proof for one post on a community's wall."""
    return Receipt((str(post_id),), f"https://vk.com/wall-{group_id}_{post_id}")
