"""The time of Postgres, for everybody who works on it.

Workers of several machines write leases and due times that the others read, and the machines' own clocks differ or are
set anew. So nobody asks them: the database is asked now and then, and in between time goes on by a counter that no
one can set.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from delivery.database import Database, is_away
from delivery.store import wake

__all__ = ["DatabaseClock"]

_log = structlog.get_logger()

_ASK_EVERY = 15.0  # seconds
_SAMPLES = 3
_STANDS_STILL_FOR = timedelta(seconds=1)
_NOTEWORTHY = timedelta(seconds=1)


class DatabaseClock:
    """Call it for the database's present moment (aware, UTC). `ticks` counts seconds and is never set.

    It stands still rather than go back by up to a second. A database whose clock is set back by more is followed at
    once, as all its workers follow it.
    """

    def __init__(self, database: Database, ticks: Callable[[], float]) -> None:
        self._database = database
        self._ticks = ticks
        self._moment = datetime.min.replace(tzinfo=UTC)  # the database's, when `ticks` showed `_at`
        self._at = 0.0
        self._latest = self._moment

    @classmethod
    async def started(cls, database: Database, ticks: Callable[[], float]) -> "DatabaseClock":
        """Return a clock that goes. Raises what the database raises."""
        clock = cls(database, ticks)
        await clock.measure()
        return clock

    def __call__(self) -> datetime:
        """Return the present moment."""
        now = self._reading(self._ticks())
        if now < self._latest <= now + _STANDS_STILL_FOR:
            return self._latest
        self._latest = now
        return now

    async def measure(self) -> None:
        """Ask the database for its time, and go by it unless we are as right as the answer.

        An answer is taken for the time half-way between question and answer, which errs by half of that way at most;
        so of three answers the quickest is believed.
        """
        answers: list[tuple[float, datetime, float]] = []
        async with self._database.reading() as tx:
            for _ in range(_SAMPLES):
                asked = self._ticks()
                moment = await wake.server_time(tx)
                half = (self._ticks() - asked) / 2
                answers.append((half, moment, asked + half))
        half, moment, at = min(answers)
        off = moment - self._reading(at)
        if abs(off) <= timedelta(seconds=half):
            return
        if self._at and abs(off) >= _NOTEWORTHY:
            _log.warning("clock.set", by_seconds=off.total_seconds())
        self._moment, self._at = moment, at

    async def keep(self, stop: asyncio.Event) -> None:
        """Measure again and again until `stop`. While the database is away, time goes on by the counter."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_EVERY):
                    await stop.wait()
                    return
            try:
                await self.measure()
            except Exception as error:  # noqa: BLE001 - a clock must not stop the work that goes by it
                if not is_away(error):
                    _log.exception("clock.not_measured")

    def _reading(self, ticks: float) -> datetime:
        return self._moment + timedelta(seconds=ticks - self._at)
