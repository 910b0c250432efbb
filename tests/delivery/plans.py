"""Short ways to plan, and to see what became of what was planned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from channels.contract import Post
from delivery import broadcast, planning
from delivery.desk import Desk
from delivery.model import OccurrenceState, Schedule
from delivery.scheduler import Scheduler
from delivery.store import schedules
from delivery.store.schedules import PassedOver
from delivery.tables import broadcast as broadcasts
from delivery.tables import occurrence, revision

RELEASED, MISSED, BLOCKED = OccurrenceState.RELEASED, OccurrenceState.MISSED, OccurrenceState.BLOCKED


@dataclass(frozen=True)
class Plan:
    """An announcement and its schedule."""

    announcement: int
    schedule: int


async def a_plan(
    desk: Desk, *, at: datetime | None = None, cron: str = "", until: datetime | None = None, text: str = "Приём юриста"
) -> Plan:
    number = await broadcast.draft(desk, Post(text), author="editor", targets=["wall"])
    return Plan(number, await planning.plan(desk, number, at=at, cron=cron, until=until, by="editor"))


def in_zone(desk: Desk, name: str | ZoneInfo) -> Desk:
    """The same organisation after the administrator has set another zone."""
    return replace(desk, zone=ZoneInfo(name) if isinstance(name, str) else name)


async def all_steps(scheduler: Scheduler) -> None:
    """Step until nothing is due."""
    while await scheduler.step():
        pass


async def happened(desk: Desk, plan: Plan) -> Mapping[datetime, OccurrenceState]:
    """What is written about each wall time, in the order of instants."""
    chosen = select(occurrence).where(occurrence.c.schedule_id == plan.schedule).order_by(occurrence.c.at)
    async with desk.database.reading() as tx:
        return {row.local_moment: OccurrenceState(row.state) for row in await tx.execute(chosen)}


async def walls(desk: Desk, plan: Plan, state: OccurrenceState = RELEASED) -> list[str]:
    """The wall times that became this."""
    return [f"{local:%m-%d %H:%M}" for local, became in (await happened(desk, plan)).items() if became is state]


async def sent_out(desk: Desk, plan: Plan) -> int:
    """How many broadcasts there are."""
    counted = select(func.count()).where(broadcasts.c.announcement_id == plan.announcement)
    async with desk.database.reading() as tx:
        return int((await tx.execute(counted)).scalar_one())


async def released_texts(desk: Desk, plan: Plan) -> list[str]:
    """The text that each broadcast carries."""
    chosen = (
        select(revision.c.post)
        .join(
            broadcasts,
            (broadcasts.c.announcement_id == revision.c.announcement_id) & (broadcasts.c.revision == revision.c.number),
        )
        .where(broadcasts.c.announcement_id == plan.announcement)
        .order_by(broadcasts.c.id)
    )
    async with desk.database.reading() as tx:
        return [row.post["text"] for row in await tx.execute(chosen)]


async def the_schedule(desk: Desk, plan: Plan) -> Schedule:
    async with desk.database.reading() as tx:
        found = await schedules.get(tx, plan.schedule)
    assert found is not None
    return found


async def told(desk: Desk) -> list[PassedOver]:
    """What editors are now told of."""
    async with desk.database.writing() as tx:
        return await schedules.untold(tx)
