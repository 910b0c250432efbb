"""Runs one lane for each channel, so that channels do not wait for each other, and keeps house between them.

Housekeeping: renews leases, picks up what a dead worker left, takes large lists in slices, writes cancellations into
their rows, settles what two workers finished at once.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from channels.contract import Reason, Unconfirmed
from delivery import doubts, verdict
from delivery.database import is_away
from delivery.desk import Desk
from delivery.lane import Lane, Standing
from delivery.model import Delivery, Result
from delivery.store import attempts, broadcasts, filling, queue

_log = structlog.get_logger()

LEASE = timedelta(seconds=60)
_REST_SECONDS = 1.0
_FAULT_REST_SECONDS = 5.0
_LAST_WORDS_SECONDS = 3.0


class Worker:
    """Delivers through every channel of the desk. `poke` wakes it; `on_change` is called when broadcasts settle."""

    def __init__(
        self,
        desk: Desk,
        *,
        name: str,
        lease: timedelta = LEASE,
        jitter: Callable[[], float] = random.random,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._on_change = on_change
        self._standing = Standing(desk, name, uuid4().hex, lease, jitter, on_change)
        self._lanes = {channel: Lane(channel, self._standing) for channel in desk.channels}
        self._wake = {channel: asyncio.Event() for channel in desk.channels}
        self._chores_wait = asyncio.Event()
        self._ended = asyncio.Event()

    def poke(self) -> None:
        """Look at the queue now rather than at the next poll."""
        for event in (*self._wake.values(), self._chores_wait):
            event.set()

    async def run(self, stop: asyncio.Event, *, finish_within: float = 20) -> None:
        """Deliver until `stop`; then finish what is on the wire, at most so many seconds, and give back the rest."""
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._run_lane(channel)) for channel in self._lanes]
            upkeep = [group.create_task(self._upkeep()), group.create_task(self._chores())]
            await stop.wait()
            for lane in self._lanes.values():
                lane.stopping = True
            self.poke()
            if lanes:
                _done, late = await asyncio.wait(lanes, timeout=finish_within)
                for task in late:
                    task.cancel()
            self._ended.set()
            self.poke()
            # A connection that is cut while it is being made is left to the collector; so let them come to an end.
            _done, late = await asyncio.wait(upkeep, timeout=_LAST_WORDS_SECONDS)
            for task in late:
                task.cancel()

    async def step(self, channel: str) -> bool:
        """Deliver what is due in a channel now, lists that are still to be taken first.

        Tells whether there was something to do.
        """
        while await self.fill():
            pass
        return await self._lanes[channel].step()

    async def _run_lane(self, channel: str) -> None:
        lane = self._lanes[channel]
        while not lane.stopping:
            self._wake[channel].clear()
            rest = _REST_SECONDS
            try:
                if await lane.step():
                    continue
                if lane.opens_at is not None:
                    rest = min(rest, max(0.0, (lane.opens_at - self._desk.now()).total_seconds()))
            except Exception as error:  # noqa: BLE001 - a lane outlives every fault of a step
                rest = _FAULT_REST_SECONDS
                if is_away(error):
                    _log.warning("worker.waits_for_database", channel=channel, error=str(error))
                    rest = _REST_SECONDS
                else:
                    _log.exception("worker.step_failed", channel=channel)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake[channel].wait()

    # Housekeeping

    async def _upkeep(self) -> None:
        """Prolong the leases of this worker and look for those of dead ones."""
        while not self._ended.is_set():
            try:
                await self.renew()
                while await self.rescue():
                    self.poke()
            except Exception as error:  # noqa: BLE001 - leases must go on being renewed
                if not is_away(error):
                    _log.exception("worker.upkeep_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._standing.lease_time.total_seconds() / 4):
                    await self._ended.wait()

    async def _chores(self) -> None:
        """Do what others have left to be done bit by bit."""
        while not self._ended.is_set():
            self._chores_wait.clear()
            try:
                while not self._ended.is_set() and await self.fill():
                    for event in self._wake.values():
                        event.set()
                while not self._ended.is_set() and await self.tidy():
                    pass
                while not self._ended.is_set() and await doubts.look_at_next(self._desk):
                    pass
            except Exception as error:  # noqa: BLE001 - it is tried again
                if not is_away(error):
                    _log.exception("worker.chores_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST_SECONDS):
                    await self._chores_wait.wait()

    async def fill(self) -> bool:
        """Take one slice of a list that is still to become deliveries. Tells whether there was one."""
        async with self._desk.database.reading() as tx:
            if not await filling.any_left(tx):
                return False
        async with self._desk.database.writing() as tx:
            one = await filling.unfinished(tx)
            if one is None:
                return False
            left = await filling.take_slice(tx, one, self._desk.now())
            if left is None:
                await broadcasts.settle(tx, [one.broadcast_id], self._desk.now())
            if left is None or not one.after_address:
                await filling.look_over(tx)
        return True

    async def tidy(self) -> bool:
        """Write cancellations into rows, settle what nobody has, forget keys of another time.

        Tells whether there may be more.
        """
        now = self._desk.now()
        async with self._desk.database.reading() as tx:
            swept, finished = await broadcasts.left_to_tidy(tx)
            ahead = await queue.keys_ahead(tx, now)
        if not (swept or finished or ahead):
            return False
        async with self._desk.database.writing() as tx:
            await queue.forget_keys(tx, now)
            count = await broadcasts.sweep_cancelled(tx, now)
            settled = await broadcasts.settle_finished(tx, now)
        if settled:
            self._on_change()
        return count > 0

    async def renew(self) -> None:
        """Prolong the leases of what this worker has in hand. What it lost track of expires, and is rescued."""
        ids = {one for lane in self._lanes.values() for one in lane.in_hand}
        if not ids:
            return
        at = asyncio.get_running_loop().time()
        async with self._desk.database.writing() as tx:
            await queue.renew(tx, self._standing.lease, ids, self._desk.now() + self._standing.lease_time)
        for lane in self._lanes.values():
            lane.renewed(ids, at)

    async def rescue(self) -> int:
        """Decide what becomes of deliveries whose worker died, some hundreds at a time; return how many there were.

        Never started: queued again. Started: in doubt, and repeated only where one key shows once.
        """
        now = self._desk.now()
        async with self._desk.database.writing() as tx:
            found = await queue.expired(tx, now)
            await queue.release_expired(tx, [one for one, attempt in found if attempt is None], now)
            doubtful = [self._in_doubt(one, attempt) for one, attempt in found if attempt is not None]
            if doubtful:
                await attempts.record(tx, doubtful, now)
        if found:
            _log.warning("worker.rescued", deliveries=len(found), doubtful=len(doubtful))
            self._on_change()
        return len(found)

    def _in_doubt(self, one: Delivery, attempt: int) -> Result:
        way = self._desk.channels.get(one.channel)
        terms = None if way is None else verdict.terms_of(way, one.act)
        lost = Unconfirmed("the worker was lost while sending", Reason.WORKER_DIED)
        jitter = self._standing.jitter()
        return verdict.in_doubt(one, attempt, lost, terms, self._desk.now(), jitter, tries=one.attempts)
