"""What a channel may tell of its readers, where it counts them. Not every kind does: this is no part of `Channel`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from channels.contract import Receipt

__all__ = ["CountsReaders", "Figures"]


@dataclass(frozen=True, slots=True)
class Figures:
    """How often a post was seen, liked, shared and answered. None: the other side doesn't say."""

    views: int | None = None
    likes: int | None = None
    reposts: int | None = None
    comments: int | None = None


@runtime_checkable
class CountsReaders(Protocol):
    """A channel that knows how what it brought was received."""

    @property
    def can_count(self) -> bool:
        """Whether `figures` can be asked, with the keys that there are."""
        ...

    async def figures(self, receipts: Sequence[Receipt]) -> Sequence[Figures | None]:
        """Return the figures of what these receipts prove, in their order; None for what is there no more.

        Raises Deferred, and nothing else. Never called where `can_count` is False.
        """
        ...
