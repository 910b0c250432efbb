"""Due schedules become broadcasts. APScheduler keeps time; our rows are the truth.

APScheduler wakes `step` at the next moment and once a second besides, since it sleeps on when the clock is stepped.
What is due is read from the rows each time. An occurrence and its broadcast are written in one transaction and the
occurrence is unique by schedule and wall time, so it goes out exactly once however often the process dies around it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from delivery import recurrence
from delivery.audience import UnknownTargetError
from delivery.broadcast import BlockedError, NobodyError, Preview, preview, release_in
from delivery.database import is_away
from delivery.desk import Desk
from delivery.model import OccurrenceState, Schedule
from delivery.recurrence import Recurrence
from delivery.store import schedules

_log = structlog.get_logger()

LATE_AT_MOST = timedelta(hours=1)
"""What was missed while the service was down still goes out when it is less late than this."""

_TICK_SECONDS = 1


class Scheduler:
    """Turns due schedules into broadcasts. `on_release` is called after each that was made, `on_missed` otherwise."""

    def __init__(
        self,
        desk: Desk,
        *,
        on_release: Callable[[], None] = lambda: None,
        on_missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._on_release = on_release
        self._on_missed = on_missed
        self._wake = asyncio.Event()

    def poke(self) -> None:
        """Look at the schedules now: one was made or changed."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Release what is due until `stop`."""
        clock = AsyncIOScheduler(timezone="UTC")
        clock.add_job(self.poke, "interval", seconds=_TICK_SECONDS, coalesce=True, misfire_grace_time=None)
        clock.start()
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self.step()
                except Exception as error:  # noqa: BLE001 - the next tick tries again
                    if is_away(error):
                        _log.warning("scheduler.waits_for_database", error=str(error))
                    else:
                        _log.exception("scheduler.step_failed")
                await self._wake.wait()
        finally:
            clock.shutdown(wait=False)

    async def step(self) -> bool:
        """Handle every schedule that is due. Tells whether there was one."""
        now = self._desk.now()
        async with self._desk.database.reading() as tx:
            due = await schedules.due(tx, now)
        for one in due:
            await self._handle(one, now)
        return bool(due)

    async def _handle(self, one: Schedule, now: datetime) -> None:
        if one.next_at is None or one.next_local is None:
            return
        late = now - one.next_at
        if late > LATE_AT_MOST:
            await self._pass_over(one, now, OccurrenceState.MISSED)
            return
        try:
            seen = await preview(self._desk, one.announcement_id)
            await self._release(one, now, seen)
        except (BlockedError, NobodyError, UnknownTargetError) as error:
            _log.error("schedule.blocked", schedule=one.id, error=type(error).__name__)
            await self._pass_over(one, now, OccurrenceState.BLOCKED)

    async def _release(self, one: Schedule, now: datetime, seen: Preview) -> None:
        local, at = _moment(one)
        async with self._desk.database.writing() as tx:
            if await schedules.take_occurrence(tx, one, local=local, at=at, state=OccurrenceState.RELEASED, told=True):
                released = await release_in(
                    tx, self._desk, seen, by=f"schedule:{one.id}", release_key=f"schedule:{one.id}:{local.isoformat()}"
                )
                await schedules.attach(tx, one.id, local, released.broadcast_id)
                _log.info("schedule.released", schedule=one.id, broadcast=released.broadcast_id, at=at.isoformat())
            following = _following(one, now)
            await schedules.move_on(tx, one, next_local=following[0], next_at=following[1])
        self._on_release()

    async def _pass_over(self, one: Schedule, now: datetime, state: OccurrenceState) -> None:
        local, at = _moment(one)
        async with self._desk.database.writing() as tx:
            await schedules.take_occurrence(tx, one, local=local, at=at, state=state, told=False)
            following = _following(one, now)
            await schedules.move_on(tx, one, next_local=following[0], next_at=following[1])
        _log.warning("schedule.not_released", schedule=one.id, state=state, at=at.isoformat())
        self._on_missed()


def _moment(one: Schedule) -> tuple[datetime, datetime]:
    if one.next_local is None or one.next_at is None:
        raise ValueError(f"schedule {one.id} has no next moment")
    return one.next_local, one.next_at


def _following(one: Schedule, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the next moment after now, as wall time and UTC; of many that were missed, none is made up for."""
    if not one.cron or one.next_at is None:
        return None, None
    # Within the hour's grace the moment just handled may be the latest one past: go on from there, not from now.
    latest = max(one.next_at, now - LATE_AT_MOST)
    found = recurrence.next_after(Recurrence.parse(one.cron), latest, ZoneInfo(one.zone))
    if found is None or (one.until is not None and found.at > one.until):
        return None, None
    return found.local, found.at
