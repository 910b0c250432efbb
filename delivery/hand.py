"""What a lane has claimed and not yet sent, and whose turn it is: no destination takes more than its share.

One slow mail host would otherwise fill every connection with letters that wait for it, while all the others starve.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count

from delivery.model import Delivery

__all__ = ["Hand"]


class Hand:
    """Deliveries waiting to be sent. `share` is how many may be under way to one destination, 0 for any number.

    They go out in the order in which they came, except that those for a full destination are passed by. Each has its
    place in its destination's queue, and the heads of the queues that are not full stand in a heap.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._numbers = count()
        self._queues: dict[str, deque[tuple[int, Delivery]]] = {}
        self._heads: list[tuple[int, str]] = []
        self._waiting = 0
        self._under_way: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.ended = False

    def __len__(self) -> int:
        return self._waiting

    @property
    def under_way(self) -> int:
        """How many were taken and are not done."""
        return self._under_way.total()

    @property
    def ready(self) -> int:
        """How many wait and could go out now: those for a destination that has its full share are not counted."""
        return self._waiting - sum(len(self._queues.get(one, ())) for one in self.crowded)

    @property
    def crowded(self) -> list[str]:
        """The destinations that have their full share: more for them need not be claimed now."""
        return [one for one in self._under_way if one and self._is_full(one)]

    def put(self, claimed: Iterable[Delivery]) -> None:
        """Add what was claimed."""
        for one in claimed:
            where = one.destination
            queue = self._queues.setdefault(where, deque())
            queue.append((next(self._numbers), one))
            self._waiting += 1
            if len(queue) == 1:
                self._offer(where)
        self._change()

    def take(self) -> Delivery | None:
        """Return the next delivery that may go out now, None when there is none. `done` must follow."""
        if not self._heads:
            return None
        _number, where = heappop(self._heads)
        queue = self._queues[where]
        _number, one = queue.popleft()
        self._waiting -= 1
        self._under_way[where] += 1
        if queue:
            self._offer(where)
        else:
            del self._queues[where]
        return one

    def done(self, one: Delivery) -> None:
        """The delivery is no longer on the wire."""
        where = one.destination
        was_full = self._is_full(where)
        self._under_way[where] -= 1
        if not self._under_way[where]:
            del self._under_way[where]
        if was_full and where in self._queues:
            self._offer(where)
        self._change()

    def drain(self) -> list[Delivery]:
        """Return all that waits, and end: nothing more is to be sent."""
        rest = sorted((each for queue in self._queues.values() for each in queue), key=lambda each: each[0])
        self._queues.clear()
        self._heads.clear()
        self._waiting = 0
        self.end()
        return [one for _number, one in rest]

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._change()

    async def changed(self) -> None:
        """Wait until something was put, done or ended."""
        await self._changed.wait()

    def _offer(self, where: str) -> None:
        """Let the head of a queue be taken, unless its destination has its share."""
        if not self._is_full(where):
            heappush(self._heads, (self._queues[where][0][0], where))

    def _is_full(self, where: str) -> bool:
        return bool(self._share and where) and self._under_way[where] >= self._share

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
