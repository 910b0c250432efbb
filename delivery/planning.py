"""What an editor may do with time: let an announcement go out later, or again and again; pause, resume, stop that."""

from collections.abc import Sequence
from datetime import datetime

from delivery import recurrence
from delivery.broadcast import (
    RELEASABLE,
    BlockedError,
    NobodyError,
    Preview,
    StageError,
    UnknownAnnouncementError,
    find_in,
    preview,
)
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import Schedule, ScheduleState, Stage
from delivery.recurrence import Recurrence
from delivery.store import announcements, schedules


class PastError(Exception):
    """The schedule has no moment left in the future."""


async def plan(
    desk: Desk,
    announcement_id: int,
    *,
    at: datetime | None = None,
    cron: str = "",
    until: datetime | None = None,
    by: str,
    come_from: Sequence[Stage] = RELEASABLE,
) -> int:
    """Let the announcement go out at a moment, or again and again by `cron`, until `until`. Returns the schedule's id.

    With both, the first moment is `at` and the repeats follow it. An announcement that is planned already may get
    another plan; else it must stand in one of `come_from`. Raises PastError when no moment lies in the future,
    RecurrenceError, UnknownAnnouncementError, UnknownTargetError, BlockedError, NobodyError, StageError.
    """
    seen = await preview(desk, announcement_id)
    async with desk.database.writing() as tx:
        return await plan_in(tx, desk, seen, at=at, cron=cron, until=until, by=by, come_from=come_from)


async def plan_in(
    tx: Tx,
    desk: Desk,
    seen: Preview,
    *,
    at: datetime | None = None,
    cron: str = "",
    until: datetime | None = None,
    by: str,
    come_from: Sequence[Stage] = RELEASABLE,
) -> int:
    """`plan`, inside somebody else's transaction. Raises what it raises, except for what is unknown."""
    if seen.blocked:
        raise BlockedError(seen)
    if seen.audience.size == 0:
        raise NobodyError
    now = desk.now()
    first = first_moment(desk, at=at, cron=cron, now=now)
    if first is None or first[1] <= now or (until is not None and first[1] > until):
        raise PastError
    number = seen.announcement.id
    if not await announcements.move(tx, number, to=Stage.CONFIRMED, come_from=[*come_from, Stage.CONFIRMED]):
        raise StageError((await find_in(tx, number)).stage)
    return await schedules.insert(
        tx,
        announcement_id=number,
        cron=cron,
        zone=desk.zone.key,
        next_local=first[0],
        next_at=first[1],
        until=until,
        by=by,
        now=now,
    )


def first_moment(desk: Desk, *, at: datetime | None, cron: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the first moment as wall time and as UTC, None when there is none. Raises RecurrenceError."""
    if at is not None:
        return at.astimezone(desk.zone).replace(tzinfo=None), at
    found = recurrence.next_after(Recurrence.parse(cron), now, desk.zone)
    return None if found is None else (found.local, found.at)


async def turn_schedule(desk: Desk, schedule_id: int, to: ScheduleState) -> bool:
    """Pause, resume or remove a schedule. False when it was so already. Raises UnknownAnnouncementError.

    A resumed repeat goes on with its next moment, in the organisation's zone; what fell into the pause is not made up
    for.
    """
    came_from = {
        ScheduleState.PAUSED: (ScheduleState.ACTIVE,),
        ScheduleState.ACTIVE: (ScheduleState.PAUSED,),
        ScheduleState.REMOVED: (ScheduleState.ACTIVE, ScheduleState.PAUSED),
    }[to]
    async with desk.database.writing() as tx:
        one = await schedules.get(tx, schedule_id)
        if one is None:
            raise UnknownAnnouncementError(schedule_id)
        if not await schedules.turn(tx, schedule_id, to=to, come_from=came_from):
            return False
        if to is ScheduleState.ACTIVE and one.cron:
            await _skip_the_pause(tx, desk, one)
        return True


async def _skip_the_pause(tx: Tx, desk: Desk, one: Schedule) -> None:
    """Let a repeat whose next moment lies in the past go on with the first one after now."""
    now = desk.now()
    there = recurrence.in_zone(one, desk.zone)
    if there.next_at is None or there.next_at > now:
        return
    following = recurrence.next_after(Recurrence.parse(one.cron), now, desk.zone)
    over = following is None or (there.until is not None and following.at > there.until)
    await schedules.move_on(
        tx,
        one,
        next_local=None if over or following is None else following.local,
        next_at=None if over or following is None else following.at,
        zone=there.zone,
        until=there.until,
    )
