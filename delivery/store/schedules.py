"""Schedules and their occurrences."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
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
RECORDED_AT_MOST = 1_000
"""So many moments of one schedule that went by are written down at once, and the latest besides."""

_AT_ONCE = 500  # ids in one statement


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


async def due(tx: Tx, now: datetime, *, limit: int | None = None, but: Collection[int] = ()) -> list[Schedule]:
    """Return the active schedules whose moment has come, the earliest first, `but` some."""
    chosen = _whole.where(schedule.c.state == ScheduleState.ACTIVE, schedule.c.next_at <= now)
    chosen = chosen.where(schedule.c.id.not_in(but)) if but else chosen
    return [_schedule(row) for row in await tx.execute(chosen.order_by(schedule.c.next_at, schedule.c.id).limit(limit))]


async def elsewhere(tx: Tx, zone: str) -> list[Schedule]:
    """Return the schedules that are active or paused and were planned in another time zone than this."""
    chosen = _whole.where(schedule.c.state.in_(LIVING), schedule.c.zone != zone)
    return [_schedule(row) for row in await tx.execute(chosen.order_by(schedule.c.id))]


async def hold(tx: Tx, one: Schedule) -> bool:
    """Lock a schedule and its announcement until the transaction ends, if the schedule still stands as it was read.

    False when somebody paused, removed or handled it meanwhile, or has one of the two rows in hand just now: nobody
    is waited for, so that nobody can wait for us in turn. On SQLite the transaction itself is the lock. A revision
    that is being written holds its announcement's row too, by its foreign key.
    """
    still = (
        select(schedule.c.id)
        .join(announcement, announcement.c.id == schedule.c.announcement_id)
        .where(schedule.c.id == one.id, schedule.c.state == ScheduleState.ACTIVE)
        .where(schedule.c.next_at == one.next_at, schedule.c.zone == one.zone)
        .with_for_update(skip_locked=True)
    )
    return (await tx.execute(still)).first() is not None


async def next_moment(tx: Tx) -> datetime | None:
    """Tell when the next schedule is due."""
    found = (
        select(schedule.c.next_at)
        .where(schedule.c.state == ScheduleState.ACTIVE, schedule.c.next_at.is_not(None))
        .order_by(schedule.c.next_at)
        .limit(1)
    )
    return (await tx.execute(found)).scalar_one_or_none()


async def move_on(
    tx: Tx,
    one: Schedule,
    *,
    next_local: datetime | None,
    next_at: datetime | None,
    zone: str | None = None,
    until: datetime | None = None,
) -> bool:
    """Set the next moment, and with `zone` the zone and the end as well. Without a next moment it is finished.

    False, and nothing changed, when somebody has moved it on already.
    """
    change: dict[str, Any] = {"next_local": next_local, "next_at": next_at}
    if zone is not None:
        change |= {"zone": zone, "until": until}
    if next_at is None:
        change["state"] = ScheduleState.FINISHED
    still = (schedule.c.id == one.id) & (schedule.c.next_at == one.next_at) & (schedule.c.zone == one.zone)
    return (await tx.execute(update(schedule).where(still).values(change))).rowcount == 1


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


async def pass_over(
    tx: Tx, one: Schedule, moments: Iterable[tuple[datetime, datetime]], state: OccurrenceState
) -> None:
    """Write that these moments, as wall time and UTC, went by; what was written before stays as it is."""
    rows = [
        {"schedule_id": one.id, "local_moment": local, "at": at, "state": state, "told": False} for local, at in moments
    ]
    if rows:
        await tx.execute(upsert(tx, occurrence).on_conflict_do_nothing(), rows)


async def attach(tx: Tx, schedule_id: int, local: datetime, broadcast_id: int) -> None:
    """Remember which broadcast an occurrence became."""
    which = (occurrence.c.schedule_id == schedule_id) & (occurrence.c.local_moment == local)
    await tx.execute(update(occurrence).where(which).values(broadcast_id=broadcast_id))


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Moments of one schedule that went by without a broadcast, for one reason. `first` and `last` are UTC.

    `made_up`: a later moment of the same schedule did go out.
    """

    schedule_id: int
    announcement_id: int
    state: OccurrenceState
    first: datetime
    last: datetime
    count: int
    made_up: bool

    @property
    def more(self) -> bool:
        """True when there may have been more than are counted, since no more were written down."""
        return self.count >= RECORDED_AT_MOST


async def untold(tx: Tx) -> list[PassedOver]:
    """Return what did not go out and nobody was told of, oldest first; mark it told."""
    taken = (
        update(occurrence)
        .where(occurrence.c.told.is_(False))
        .values(told=True)
        .returning(occurrence.c.schedule_id, occurrence.c.state, occurrence.c.at)
    )
    moments: dict[tuple[int, str], list[datetime]] = {}
    for row in await tx.execute(taken):
        moments.setdefault((row.schedule_id, row.state), []).append(row.at)
    about = await _about(tx, {schedule_id for schedule_id, _ in moments})
    found = [
        PassedOver(
            schedule_id=schedule_id,
            announcement_id=about[schedule_id][0],
            state=OccurrenceState(state),
            first=min(those),
            last=max(those),
            count=len(those),
            made_up=(latest := about[schedule_id][1]) is not None and latest > max(those),
        )
        for (schedule_id, state), those in moments.items()
    ]
    return sorted(found, key=lambda one: (one.first, one.schedule_id))


async def _about(tx: Tx, schedule_ids: Collection[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return the announcement of each schedule, and the latest of its moments that went out."""
    went_out = (
        select(func.max(occurrence.c.at))
        .where(occurrence.c.schedule_id == schedule.c.id, occurrence.c.state == OccurrenceState.RELEASED)
        .scalar_subquery()
    )
    found: dict[int, tuple[int, datetime | None]] = {}
    ids = sorted(schedule_ids)
    for start in range(0, len(ids), _AT_ONCE):
        chosen = select(schedule.c.id, schedule.c.announcement_id, went_out.label("went_out"))
        for row in await tx.execute(chosen.where(schedule.c.id.in_(ids[start : start + _AT_ONCE]))):
            found[row.id] = (row.announcement_id, row.went_out)
    return found


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
