"""What a lane has claimed and not yet sent, and whose turn it is: no destination takes more than its share.

One slow mail host would otherwise fill every connection with letters that wait for it, while all the others starve.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable

from delivery.model import Delivery

__all__ = ["Hand"]


class Hand:
    """Deliveries waiting to be sent. `share` is how many may be under way to one destination, 0 for any number."""

    def __init__(self, destination: Callable[[Delivery], str], share: int) -> None:
        self._destination = destination
        self._share = share
        self._waiting: deque[Delivery] = deque()
        self._under_way: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.ended = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many were taken and are not done."""
        return self._under_way.total()

    @property
    def ready(self) -> int:
        """How many wait and could go out now: those for a destination that has its full share are not counted."""
        full = set(self.crowded)
        return sum(self._destination(one) not in full for one in self._waiting) if full else len(self._waiting)

    @property
    def crowded(self) -> list[str]:
        """The destinations that have their full share: more for them need not be claimed now."""
        return [one for one, count in self._under_way.items() if one and self._is_full(one, count)]

    def put(self, claimed: Iterable[Delivery]) -> None:
        """Add what was claimed."""
        self._waiting.extend(claimed)
        self._change()

    def take(self) -> Delivery | None:
        """Return the next delivery that may go out now, None when there is none. `done` must follow."""
        for place, one in enumerate(self._waiting):
            where = self._destination(one)
            if not self._is_full(where, self._under_way[where]):
                del self._waiting[place]
                self._under_way[where] += 1
                return one
        return None

    def done(self, one: Delivery) -> None:
        """The delivery is no longer on the wire."""
        where = self._destination(one)
        self._under_way[where] -= 1
        if not self._under_way[where]:
            del self._under_way[where]
        self._change()

    def drain(self) -> list[Delivery]:
        """Return all that waits, and end: nothing more is to be sent."""
        rest = list(self._waiting)
        self._waiting.clear()
        self.end()
        return rest

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._change()

    async def changed(self) -> None:
        """Wait until something was put, done or ended."""
        await self._changed.wait()

    def _is_full(self, where: str, count: int) -> bool:
        return bool(self._share and where) and count >= self._share

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
