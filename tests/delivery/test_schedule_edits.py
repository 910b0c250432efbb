"""Somebody changes the plan in the very moment that it is released: what counts is what stands when it is written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from channels.contract import Part, Post, Problem, ProblemCode, Rendering
from delivery import broadcast, planning, report
from delivery.broadcast import StageError
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import AnnouncementState, BroadcastState, DeliveryState, ScheduleState
from delivery.scheduler import Scheduler
from delivery.store import broadcasts
from tests.delivery.builders import Scripted, a_list, deliveries
from tests.delivery.plans import BLOCKED, Plan, a_plan, all_steps, happened, released_texts, sent_out, told, walls
from tests.support.clock import Clock

pytestmark = pytest.mark.every_postgres

TOO_LONG = "слишком длинно"
Edit = Callable[[Desk, Plan], Awaitable[Any]]


class Fussy(Scripted):
    """A wall that does not take one text."""

    def render(self, post: Post) -> Rendering:
        if post.text == TOO_LONG:
            return Rendering((Part(text=post.text),), (Problem(ProblemCode.TEXT_TOO_LONG, certain=True),))
        return super().render(post)


class Interrupted:
    """A database in which somebody else writes something just before our first writing transaction begins."""

    def __init__(self, desk: Desk, edit: Callable[[], Awaitable[Any]]) -> None:
        self._database = desk.database
        self._edit: Callable[[], Awaitable[Any]] | None = edit
        self.dialect = desk.database.dialect

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        return self._database.reading()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        edit, self._edit = self._edit, None
        if edit is not None:
            await edit()
        async with self._database.writing() as tx:
            yield tx


def interrupted(desk: Desk, edit: Callable[[], Awaitable[Any]]) -> Scheduler:
    """A scheduler between whose look and whose writing an edit comes."""
    return Scheduler(replace(desk, database=Interrupted(desk, edit)))  # type: ignore[arg-type]


@pytest.fixture
def wall() -> Fussy:
    return Fussy(address="@wall")


async def due(desk: Desk, clock: Clock, **when: Any) -> Plan:
    """A plan whose moment has come."""
    plan = await a_plan(desk, **({"cron": "0 13 * * *"} | when))
    clock.advance(hours=1)
    return plan


def revised(text: str) -> Edit:
    return lambda desk, plan: broadcast.revise(desk, plan.announcement, Post(text), author="editor")


def cancelled(desk: Desk, plan: Plan) -> Awaitable[Any]:
    return broadcast.cancel(desk, plan.announcement)


def turned(to: ScheduleState) -> Edit:
    return lambda desk, plan: planning.turn_schedule(desk, plan.schedule, to)


async def test_a_text_corrected_at_the_last_moment_is_the_one_that_goes_out(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)
    assert not await interrupted(desk, lambda: revised("Приём отменён")(desk, plan)).step()
    await all_steps(Scheduler(desk))
    assert await released_texts(desk, plan) == ["Приём отменён"]


async def test_channels_chosen_at_the_last_moment_are_those_that_count(desk: Desk, clock: Clock) -> None:
    await a_list(desk, "members", "a@example.org")
    plan = await due(desk, clock)
    await interrupted(desk, lambda: broadcast.choose(desk, plan.announcement, ["mail:members"])).step()
    await all_steps(Scheduler(desk))
    assert [one.channel for one in await deliveries(desk, plan.announcement)] == ["mail"]


@pytest.mark.parametrize("edit", [cancelled, turned(ScheduleState.PAUSED), turned(ScheduleState.REMOVED)])
async def test_what_is_stopped_at_the_last_moment_does_not_go_out(desk: Desk, clock: Clock, edit: Edit) -> None:
    plan = await due(desk, clock)
    assert not await interrupted(desk, lambda: edit(desk, plan)).step()
    await all_steps(Scheduler(desk))
    assert (await sent_out(desk, plan), dict(await happened(desk, plan)), await told(desk)) == (0, {}, [])


async def test_what_is_cancelled_at_the_last_moment_is_shown_as_cancelled(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)
    await interrupted(desk, lambda: cancelled(desk, plan)).step()
    async with desk.database.reading() as tx:
        found = await report.of(tx, plan.announcement)
    assert found is not None
    assert found.state is AnnouncementState.CANCELLED


async def test_what_became_impossible_at_the_last_moment_is_passed_over_and_told(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)
    await interrupted(desk, lambda: revised(TOO_LONG)(desk, plan)).step()
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan, BLOCKED) == ["11-24 13:00"]
    assert [news.state for news in await told(desk)] == [BLOCKED]
    assert await sent_out(desk, plan) == 0


async def test_what_became_possible_at_the_last_moment_goes_out(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)
    await revised(TOO_LONG)(desk, plan)
    assert not await interrupted(desk, lambda: revised("коротко")(desk, plan)).step()
    await all_steps(Scheduler(desk))
    assert await released_texts(desk, plan) == ["коротко"]
    assert await told(desk) == []


async def test_a_new_plan_in_place_of_the_old_one_is_the_one_that_counts(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)

    async def replanned() -> None:
        later = await planning.plan(desk, plan.announcement, at=clock() + timedelta(hours=1), by="editor")
        assert later != plan.schedule
        await planning.turn_schedule(desk, plan.schedule, ScheduleState.REMOVED)

    await interrupted(desk, replanned).step()
    await all_steps(Scheduler(desk))
    assert await sent_out(desk, plan) == 0
    clock.advance(hours=1)
    await all_steps(Scheduler(desk))
    assert await sent_out(desk, plan) == 1


async def test_a_revision_that_is_being_written_is_waited_for(desk: Desk, clock: Clock) -> None:
    plan = await due(desk, clock)
    if desk.database.dialect == "sqlite":
        pytest.skip("one writer at a time")
    async with desk.database.writing() as tx:
        await broadcast.revise_in(tx, desk, plan.announcement, Post("новое"), author="editor")
        assert not await Scheduler(desk).step()
    await all_steps(Scheduler(desk))
    assert await released_texts(desk, plan) == ["новое"]


async def test_of_a_release_and_a_cancellation_at_once_either_is_whole(desk: Desk, clock: Clock) -> None:
    plans = [await a_plan(desk, at=clock() + timedelta(hours=1)) for _ in range(12)]
    clock.advance(hours=1)
    async with asyncio.TaskGroup() as group:
        group.create_task(all_steps(Scheduler(desk)))
        for plan in reversed(plans):
            group.create_task(broadcast.cancel(desk, plan.announcement))
    for plan in plans:
        async with desk.database.reading() as tx:
            states = {one.state for one in await broadcasts.of_announcements(tx, [plan.announcement])}
            report_state = await report.of(tx, plan.announcement)
        assert states <= {BroadcastState.CANCELLED}
        assert {one.state for one in await deliveries(desk, plan.announcement)} <= {DeliveryState.CANCELLED}
        assert report_state is not None
        assert report_state.state is AnnouncementState.CANCELLED


async def test_a_storm_of_revisions_never_lets_an_older_text_out(desk: Desk, clock: Clock) -> None:
    plans = [await a_plan(desk, at=clock() + timedelta(hours=1), text="0") for _ in range(6)]
    clock.advance(hours=1)
    in_time: dict[int, int] = dict.fromkeys((plan.announcement for plan in plans), 0)
    scheduler, done = Scheduler(desk), asyncio.Event()

    async def edits(plan: Plan) -> None:
        for number in range(1, 8):
            try:
                await broadcast.revise(desk, plan.announcement, Post(str(number)), author="editor")
            except StageError:
                return  # it has gone out
            if not await sent_out(desk, plan):
                in_time[plan.announcement] = number

    async def releases() -> None:
        while not done.is_set():
            await scheduler.step()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(releases())
        async with asyncio.TaskGroup() as editors:
            for plan in plans:
                editors.create_task(edits(plan))
        done.set()
    await all_steps(scheduler)
    for plan in plans:
        [text] = await released_texts(desk, plan)
        assert int(text) >= in_time[plan.announcement]
