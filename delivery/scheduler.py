"""Due schedules become broadcasts. APScheduler keeps time; our rows are the truth.

APScheduler wakes us at the next moment. It trusts the machine's clock and sleeps on when that is stepped, so a tick by
the monotonic clock looks as well, once a second; both do no more than look. What is due is read from the rows each
time. An occurrence and its broadcast are written in one transaction and the occurrence is unique by schedule and wall
time, so it goes out exactly once however often the process dies around it. `docs/schedules.md` has the rules.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from delivery import recurrence
from delivery.audience import UnknownTargetError
from delivery.broadcast import BlockedError, NobodyError, find, find_in, preview, release_in
from delivery.database import Tx, is_away
from delivery.desk import Desk
from delivery.model import Announcement, OccurrenceState, Schedule
from delivery.recurrence import Occurrence, Recurrence
from delivery.store import schedules

_log = structlog.get_logger()

LATE_AT_MOST = timedelta(hours=1)
"""What was missed while the service was down still goes out when it is less late than this."""

_TICK_SECONDS = 1.0
_SLICE = 100  # schedules read at once
_TRIPPED_SECONDS = 60.0  # a schedule on which we failed in an unforeseen way waits so long, and the others do not


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
        self._tripped: dict[int, float] = {}  # by the loop's clock
        self._rules_known = False

    def poke(self) -> None:
        """Look at the schedules now: one was made or changed."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Release what is due until `stop`, which is noticed within a second."""
        clock = AsyncIOScheduler(timezone="UTC")
        clock.start()
        armed: datetime | None = None
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    if await self.step():
                        continue
                    armed = await self._arm(clock, armed)
                except Exception as error:  # noqa: BLE001 - the next tick tries again
                    if is_away(error):
                        _log.warning("scheduler.waits_for_database", error=str(error))
                    else:
                        _log.exception("scheduler.step_failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_SECONDS):
                        await self._wake.wait()
        finally:
            clock.shutdown(wait=False)

    async def _arm(self, clock: AsyncIOScheduler, armed: datetime | None) -> datetime | None:
        """Let APScheduler wake us at the next moment, once for each moment: clocks may differ from ours."""
        async with self._desk.database.reading() as tx:
            moment = await schedules.next_moment(tx)
        if moment is not None and moment != armed:
            clock.add_job(self.poke, "date", run_date=moment, id="next", replace_existing=True, misfire_grace_time=None)
        return moment

    async def step(self) -> bool:
        """Handle the first schedules that are due, at most a slice of them. Tells whether there was one to handle."""
        now = self._desk.now()
        await self._keep_wall_times()
        resting = self._resting()
        async with self._desk.database.reading() as tx:
            due = await schedules.due(tx, now, limit=_SLICE, but=resting)
        # What was planned after the clock was set back, in this very moment, is not hours late.
        now = min(now, self._desk.now())
        due = [one for one in due if one.next_at is not None and one.next_at <= now]
        done = [await self._attempt(one, now) for one in due]
        return any(done)

    def _resting(self) -> list[int]:
        now = asyncio.get_running_loop().time()
        self._tripped = {number: until for number, until in self._tripped.items() if until > now}
        return list(self._tripped)

    async def _attempt(self, one: Schedule, now: datetime) -> bool:
        """Handle one schedule. What we did not foresee concerns that one alone, and is tried again later."""
        try:
            return await self._handle(one, now)
        except Exception as error:
            if is_away(error):
                raise
            _log.exception("schedule.failed", schedule=one.id)
            self._tripped[one.id] = asyncio.get_running_loop().time() + _TRIPPED_SECONDS
            return False

    # One schedule

    async def _handle(self, one: Schedule, now: datetime) -> bool:
        """Release the latest moment that has passed and pass over those before it. False when it has changed."""
        if one.zone != self._desk.zone.key:
            return False  # made this instant by somebody with another config; the next step moves it
        *missed, latest = await _passed(one, now, self._desk.zone)
        if now - latest.at > LATE_AT_MOST:
            return await self._pass_over(one, [*missed, latest])
        found = await find(self._desk, one.announcement_id)
        try:
            return await self._release(one, missed, latest)
        except (BlockedError, NobodyError, UnknownTargetError) as error:
            _log.error("schedule.blocked", schedule=one.id, error=type(error).__name__)
            return await self._pass_over(one, missed, blocked=latest, found=found)

    async def _release(self, one: Schedule, missed: Sequence[Occurrence], latest: Occurrence) -> bool:
        seen = await preview(self._desk, one.announcement_id)  # renders, which takes long: before anything is locked
        async with self._desk.database.writing() as tx:
            if not await _stands(tx, one, seen.announcement):
                return False
            await schedules.pass_over(tx, one, _rows(missed), OccurrenceState.MISSED)
            released = None
            if await schedules.take_occurrence(
                tx, one, local=latest.local, at=latest.at, state=OccurrenceState.RELEASED, told=True
            ):
                key = f"schedule:{one.id}:{latest.local.isoformat()}"
                released = await release_in(tx, self._desk, seen, by=f"schedule:{one.id}", release_key=key)
                await schedules.attach(tx, one.id, latest.local, released.broadcast_id)
            await self._move_on(tx, one, latest)
        self._tell_missed(one, missed, OccurrenceState.MISSED)
        if released is not None:
            _log.info("schedule.released", schedule=one.id, broadcast=released.broadcast_id, at=latest.at.isoformat())
            self._on_release()
        return True

    async def _pass_over(
        self,
        one: Schedule,
        missed: Sequence[Occurrence],
        *,
        blocked: Occurrence | None = None,
        found: Announcement | None = None,
    ) -> bool:
        """Write what went by. With `blocked` only if the announcement is still the one that could not go out."""
        async with self._desk.database.writing() as tx:
            if not await _stands(tx, one, found):
                return False
            await schedules.pass_over(tx, one, _rows(missed), OccurrenceState.MISSED)
            await schedules.pass_over(tx, one, _rows([blocked] if blocked else []), OccurrenceState.BLOCKED)
            await self._move_on(tx, one, blocked or missed[-1])
        self._tell_missed(one, missed, OccurrenceState.MISSED)
        self._tell_missed(one, [blocked] if blocked else [], OccurrenceState.BLOCKED)
        return True

    async def _move_on(self, tx: Tx, one: Schedule, latest: Occurrence) -> None:
        following = recurrence.next_after(Recurrence.parse(one.cron), latest.at, self._desk.zone) if one.cron else None
        if following is None or (one.until is not None and following.at > one.until):
            await schedules.move_on(tx, one, next_local=None, next_at=None)
        else:
            await schedules.move_on(tx, one, next_local=following.local, next_at=following.at)

    def _tell_missed(self, one: Schedule, moments: Sequence[Occurrence], state: OccurrenceState) -> None:
        if not moments:
            return
        first, last = moments[0].at.isoformat(), moments[-1].at.isoformat()
        _log.warning("schedule.not_released", schedule=one.id, state=state, count=len(moments), first=first, last=last)
        self._on_missed()

    # Wall times

    async def _keep_wall_times(self) -> None:
        """Let plans made in another zone, or before a zone's rule changed, happen at the wall time that was planned."""
        zone = self._desk.zone
        async with self._desk.database.reading() as tx:
            doubtful = await (schedules.elsewhere(tx, zone.key) if self._rules_known else schedules.living(tx))
        moved = [(one, there) for one in doubtful if (there := recurrence.in_zone(one, zone)) != one]
        for start in range(0, len(moved), _SLICE):
            async with self._desk.database.writing() as tx:
                for one, there in moved[start : start + _SLICE]:
                    if await schedules.move_on(
                        tx,
                        one,
                        next_local=there.next_local,
                        next_at=there.next_at,
                        zone=there.zone,
                        until=there.until,
                    ):
                        _log.info("schedule.moved", schedule=one.id, zone=there.zone, before=one.zone)
        self._rules_known = True


async def _stands(tx: Tx, one: Schedule, found: Announcement | None) -> bool:
    """Tell whether schedule and announcement are as they were read, and let nobody change them before we are done."""
    return await schedules.hold(tx, one) and (found is None or await find_in(tx, one.announcement_id) == found)


def _rows(moments: Sequence[Occurrence]) -> list[tuple[datetime, datetime]]:
    return [(moment.local, moment.at) for moment in moments]


async def _passed(one: Schedule, now: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """Return the moments of a due schedule that have passed, oldest first; the last one is the latest there is."""
    if one.next_local is None or one.next_at is None:
        raise ValueError(f"schedule {one.id} has no next moment")
    first = Occurrence(one.next_local, one.next_at)
    if not one.cron:
        return [first]
    rule, end = Recurrence.parse(one.cron), now if one.until is None else min(now, one.until)
    # A thousand take 0.3 s, in which others must go on.
    return await asyncio.to_thread(recurrence.passed, rule, first, end, zone, schedules.RECORDED_AT_MOST)
