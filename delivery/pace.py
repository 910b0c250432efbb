"""How many sends a channel's limits allow now, and when the next one is allowed. Pure: moments in, numbers out."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from channels.contract import Pace

LONGEST = timedelta(days=1)
"""No limit looks further back than this."""


class Turnstile:
    """Remembers when sends began, and holds a channel's limits against that."""

    def __init__(self, pace: Pace, past: Iterable[datetime] = ()) -> None:
        self._gap = pace.gap
        self._limits = [
            (most, span)
            for most, span in (
                (pace.per_minute, timedelta(minutes=1)),
                (pace.per_hour, timedelta(hours=1)),
                (pace.per_day, LONGEST),
            )
            if most
        ]
        self._starts = deque(past)

    def passed(self, now: datetime) -> None:
        """Count one send that begins now."""
        self._starts.append(now)
        while self._starts and self._starts[0] <= now - LONGEST:
            self._starts.popleft()

    def room(self, now: datetime, wanted: int) -> int:
        """Return how many of `wanted` sends may begin now."""
        return max(0, min([wanted, *(most - self._within(span, now) for most, span in self._limits)]))

    def opens_at(self, now: datetime) -> datetime:
        """Return when the next send may begin: now, or later."""
        moments = [now]
        if self._starts:
            moments.append(self._starts[-1] + self._gap)
        for most, span in self._limits:
            if self._within(span, now) >= most:
                moments.append(self._starts[-most] + span)
        return max(moments)

    def _within(self, span: timedelta, now: datetime) -> int:
        count = 0
        for start in reversed(self._starts):
            if start <= now - span:
                break
            count += 1
        return count
