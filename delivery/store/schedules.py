"""Schedules and their occurrences."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from delivery.database import Tx
from delivery.model import OccurrenceState, Schedule, ScheduleState
from delivery.store.codec import decode_post
from delivery.store.dialect import upsert
from delivery.tables import announcement, occurrence, revision, schedule

_any = revision.alias("any_revision")
_newest = select(func.max(_any.c.number)).where(_any.c.announcement_id == schedule.c.announcement_id).scalar_subquery()
_whole = (
    select(schedule, revision.c.post)
    .select_from(schedule)
    .join(revision, (revision.c.announcement_id == schedule.c.announcement_id) & (revision.c.number == _newest))
)
LIVING = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


async def insert(
    tx: Tx,
    *,
    announcement_id: int,
    cron: str,
    zone: str,
    next_local: datetime,
    next_at: datetime,
    until: datetime | None,
    by: str,
    now: datetime,
) -> int:
    """Write a schedule and return its id. `cron` is empty for a single moment."""
    statement = (
        schedule.insert()
        .values(
            announcement_id=announcement_id,
            cron=cron,
            zone=zone,
            state=ScheduleState.ACTIVE,
            next_local=next_local,
            next_at=next_at,
            until=until,
            created_by=by,
            created_at=now,
        )
        .returning(schedule.c.id)
    )
    return int((await tx.execute(statement)).scalar_one())


async def get(tx: Tx, schedule_id: int) -> Schedule | None:
    """Return one schedule."""
    row = (await tx.execute(_whole.where(schedule.c.id == schedule_id))).one_or_none()
    return None if row is None else _schedule(row)


async def living(tx: Tx, announcement_id: int | None = None) -> list[Schedule]:
    """Return the schedules that are active or paused, the next moment first."""
    chosen = _whole.where(schedule.c.state.in_(LIVING)).order_by(schedule.c.next_at, schedule.c.id)
    if announcement_id is not None:
        chosen = chosen.where(schedule.c.announcement_id == announcement_id)
    return [_schedule(row) for row in await tx.execute(chosen)]


async def first_of(tx: Tx, announcement_id: int) -> int | None:
    """Return the first schedule that an announcement ever had, whatever became of it."""
    found = select(func.min(schedule.c.id)).where(schedule.c.announcement_id == announcement_id)
    number: int | None = (await tx.execute(found)).scalar_one()
    return number


async def due(tx: Tx, now: datetime) -> list[Schedule]:
    """Return the active schedules whose moment has come."""
    chosen = _whole.where(schedule.c.state == ScheduleState.ACTIVE, schedule.c.next_at <= now)
    return [_schedule(row) for row in await tx.execute(chosen.order_by(schedule.c.next_at, schedule.c.id))]


async def next_moment(tx: Tx) -> datetime | None:
    """Tell when the next schedule is due."""
    found = (
        select(schedule.c.next_at)
        .where(schedule.c.state == ScheduleState.ACTIVE, schedule.c.next_at.is_not(None))
        .order_by(schedule.c.next_at)
        .limit(1)
    )
    return (await tx.execute(found)).scalar_one_or_none()


async def move_on(tx: Tx, one: Schedule, *, next_local: datetime | None, next_at: datetime | None) -> None:
    """Set the next moment, unless somebody has moved on already; without a next moment the schedule is finished."""
    change: dict[str, Any] = {"next_local": next_local, "next_at": next_at}
    if next_at is None:
        change["state"] = ScheduleState.FINISHED
    still = (schedule.c.id == one.id) & (schedule.c.next_at == one.next_at)
    await tx.execute(update(schedule).where(still).values(change))


async def turn(tx: Tx, schedule_id: int, *, to: ScheduleState, come_from: tuple[ScheduleState, ...]) -> bool:
    """Pause, resume or remove. False when it was in none of `come_from`."""
    guarded = update(schedule).where(schedule.c.id == schedule_id, schedule.c.state.in_(come_from))
    return (await tx.execute(guarded.values(state=to))).rowcount == 1


async def remove_of(tx: Tx, announcement_id: int) -> int:
    """Remove every living schedule of an announcement; return how many."""
    guarded = update(schedule).where(schedule.c.announcement_id == announcement_id, schedule.c.state.in_(LIVING))
    return (await tx.execute(guarded.values(state=ScheduleState.REMOVED))).rowcount


async def take_occurrence(
    tx: Tx, one: Schedule, *, local: datetime, at: datetime, state: OccurrenceState, told: bool
) -> bool:
    """Write what becomes of a moment. False when another process was faster, or it was done before a crash."""
    row = {"schedule_id": one.id, "local_moment": local, "at": at, "state": state, "told": told}
    written = upsert(tx, occurrence).values(row).on_conflict_do_nothing()
    return (await tx.execute(written)).rowcount == 1


async def attach(tx: Tx, schedule_id: int, local: datetime, broadcast_id: int) -> None:
    """Remember which broadcast an occurrence became."""
    which = (occurrence.c.schedule_id == schedule_id) & (occurrence.c.local_moment == local)
    await tx.execute(update(occurrence).where(which).values(broadcast_id=broadcast_id))


async def untold(tx: Tx) -> list[tuple[int, int, OccurrenceState, datetime]]:
    """Return what did not go out and nobody was told of, as (schedule, announcement, state, at); mark it told."""
    waiting = (
        select(occurrence.c.schedule_id, occurrence.c.local_moment, occurrence.c.state, occurrence.c.at)
        .add_columns(schedule.c.announcement_id)
        .join(schedule, schedule.c.id == occurrence.c.schedule_id)
        .join(announcement, announcement.c.id == schedule.c.announcement_id)
        .where(occurrence.c.told.is_(False))
        .order_by(occurrence.c.at)
    )
    rows = (await tx.execute(waiting)).all()
    for row in rows:
        which = (occurrence.c.schedule_id == row.schedule_id) & (occurrence.c.local_moment == row.local_moment)
        await tx.execute(update(occurrence).where(which).values(told=True))
    return [(row.schedule_id, row.announcement_id, OccurrenceState(row.state), row.at) for row in rows]


def _schedule(row: Row[Any]) -> Schedule:
    post = decode_post(row.post)
    return Schedule(
        id=row.id,
        announcement_id=row.announcement_id,
        title=post.title or post.text,
        cron=row.cron,
        zone=row.zone,
        state=ScheduleState(row.state),
        next_local=row.next_local,
        next_at=row.next_at,
        until=row.until,
    )
