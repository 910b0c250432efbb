"""The service was down, or its clock was wrong: at most one is made up for, and the rest is told in one piece."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import Post
from delivery import broadcast, planning
from delivery.desk import Desk
from delivery.model import Schedule, ScheduleState
from delivery.recurrence import Occurrence, Recurrence, next_after, passed
from delivery.scheduler import LATE_AT_MOST, Scheduler
from delivery.store import schedules
from delivery.store.schedules import RECORDED_AT_MOST
from tests.delivery.plans import (
    BLOCKED,
    MISSED,
    RELEASED,
    Plan,
    a_plan,
    all_steps,
    happened,
    sent_out,
    the_schedule,
    told,
    walls,
)
from tests.support.clock import START, Clock

HOURLY = "0 * * * *"
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=59), LATE_AT_MOST])
async def test_down_over_one_moment_makes_up_for_it_within_the_hour(desk: Desk, clock: Clock, late: timedelta) -> None:
    plan = await a_plan(desk, cron="0 13 * * *")
    clock.advance(hours=1, seconds=late.total_seconds())
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-24 13:00"]
    assert await told(desk) == []


async def test_down_over_one_moment_for_longer_tells_it_and_goes_on(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="0 13 * * *")
    clock.advance(hours=2, seconds=1)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan, MISSED) == ["11-24 13:00"]
    [news] = await told(desk)
    assert (news.count, news.made_up, news.more) == (1, False, False)
    clock.advance(hours=23)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-25 13:00"]


async def test_down_over_fifty_moments_makes_up_for_the_latest_and_tells_of_the_rest_at_once(
    desk: Desk, clock: Clock
) -> None:
    plan = await a_plan(desk, cron=HOURLY)
    clock.advance(hours=50, minutes=30)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-26 14:00"]
    assert len(await walls(desk, plan, MISSED)) == 49
    assert await sent_out(desk, plan) == 1
    [news] = await told(desk)
    assert (news.schedule_id, news.announcement_id, news.state) == (plan.schedule, plan.announcement, MISSED)
    assert (news.first, news.last) == (START + timedelta(hours=1), START + timedelta(hours=49))
    assert (news.count, news.made_up) == (49, True)
    assert await told(desk) == []


async def test_down_over_fifty_days_makes_up_for_none_when_the_latest_is_too_old(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="0 13 * * *")
    clock.advance(days=49, hours=2, minutes=1)
    await all_steps(Scheduler(desk))
    assert await sent_out(desk, plan) == 0
    [news] = await told(desk)
    assert (news.count, news.made_up) == (50, False)
    assert (await the_schedule(desk, plan)).next_at == START + timedelta(days=50, hours=1)


async def test_several_moments_within_the_hour_still_make_one_broadcast(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="*/10 * * * *")
    clock.advance(minutes=45)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-24 12:40"]
    assert await walls(desk, plan, MISSED) == ["11-24 12:10", "11-24 12:20", "11-24 12:30"]


async def test_a_year_of_minutes_leaves_a_thousand_rows_and_the_latest(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="* * * * *")
    clock.advance(days=365)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-24 12:00"]
    assert await sent_out(desk, plan) == 1
    assert len(await happened(desk, plan)) == RECORDED_AT_MOST + 1
    [news] = await told(desk)
    assert news.more
    assert (await the_schedule(desk, plan)).next_at == START + timedelta(days=365, minutes=1)


async def test_what_its_end_forbids_is_neither_missed_nor_made_up_for(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron=HOURLY, until=START + timedelta(hours=3))
    clock.advance(hours=50, minutes=30)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan, MISSED) == ["11-24 13:00", "11-24 14:00", "11-24 15:00"]
    assert (await the_schedule(desk, plan)).state is ScheduleState.FINISHED


async def test_what_is_missed_and_what_is_refused_are_two_pieces_of_news(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron=HOURLY)
    poorer = Desk(desk.database, {"mail": desk.channels["mail"]}, clock, desk.zone)
    clock.advance(hours=5, minutes=30)
    await all_steps(Scheduler(poorer))
    assert [(news.state, news.count) for news in await told(desk)] == [(MISSED, 4), (BLOCKED, 1)]
    assert await sent_out(desk, plan) == 0


async def test_a_plan_that_no_longer_can_be_sent_does_not_stop_the_others(desk: Desk, clock: Clock) -> None:
    class Bug(RuntimeError):
        pass

    class Stumbling(type(desk.channels["wall"])):  # type: ignore[misc]
        def render(self, post: Post) -> object:
            if post.text == "ошибка":
                raise Bug
            return super().render(post)

    at = clock() + timedelta(minutes=1)
    stumbling = await a_plan(desk, at=at, text="приём")
    sound = [await a_plan(desk, at=at) for _ in range(3)]
    await broadcast.revise(desk, stumbling.announcement, Post("ошибка"), author="editor")
    clock.advance(minutes=1)
    scheduler = Scheduler(Desk(desk.database, {"wall": Stumbling(address="@wall")}, clock, desk.zone))
    await all_steps(scheduler)
    assert [await sent_out(desk, plan) for plan in [stumbling, *sound]] == [0, 1, 1, 1]
    clock.advance(hours=1, minutes=1)
    await all_steps(Scheduler(desk))
    assert [news.schedule_id for news in await told(desk)] == [stumbling.schedule]


# Clocks that jump


@pytest.mark.parametrize("seed", range(6))
async def test_a_clock_that_jumps_by_hours_doubles_nothing_and_skips_nothing_silently(
    desk: Desk, clock: Clock, seed: int
) -> None:
    chance = random.Random(seed)
    plan = await a_plan(desk, cron="*/15 * * * *")
    latest = clock()
    scheduler = Scheduler(desk)
    for _ in range(40):
        jump = chance.choice([60, 60, 120, 600, 900, 1800, -600, -3600, -5 * 3600, 4 * 3600])
        latest = max(latest, clock.advance(seconds=jump))
        await all_steps(scheduler if chance.random() < 0.7 else (scheduler := Scheduler(desk)))
    became = await happened(desk, plan)
    expected = []
    local = datetime(2026, 11, 24, 12, 15)  # noqa: DTZ001 - wall time in Moscow
    while local.replace(tzinfo=MOSCOW) <= latest:
        expected.append(local)
        local += timedelta(minutes=15)
    assert list(became) == expected
    assert await sent_out(desk, plan) == list(became.values()).count(RELEASED)
    assert sum(news.count for news in await told(desk)) == list(became.values()).count(MISSED)


async def test_a_clock_set_back_waits_and_does_not_repeat(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron=HOURLY)
    clock.advance(hours=1)
    await all_steps(Scheduler(desk))
    clock.advance(hours=-6)
    for _ in range(14):
        await all_steps(Scheduler(desk))
        clock.advance(minutes=30)
    assert await walls(desk, plan) == ["11-24 13:00"]
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-24 13:00", "11-24 14:00"]


async def test_a_plan_made_in_the_moment_after_the_clock_was_set_back_is_not_late(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has asked the time just before."""
    due = schedules.due
    made: list[Plan] = []

    async def after_a_step_back(*arguments: Any, **options: Any) -> list[Schedule]:
        if not made:
            clock.advance(hours=-3)
            made.append(await a_plan(desk, at=clock() + timedelta(minutes=5)))
        return await due(*arguments, **options)

    monkeypatch.setattr(schedules, "due", after_a_step_back)
    await all_steps(Scheduler(desk))
    assert await sent_out(desk, made[0]) == 0
    clock.advance(minutes=5)
    await all_steps(Scheduler(desk))
    assert (await sent_out(desk, made[0]), await told(desk)) == (1, [])


async def test_a_plan_made_while_the_clock_is_behind_is_kept(desk: Desk, clock: Clock) -> None:
    clock.advance(hours=-3)
    plan = await a_plan(desk, at=clock() + timedelta(minutes=5))
    clock.advance(hours=3)
    await all_steps(Scheduler(desk))
    [news] = await told(desk)
    assert (news.state, await sent_out(desk, plan)) == (MISSED, 0)


async def test_a_pause_over_fifty_moments_is_silent_by_a_persons_wish(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron=HOURLY)
    await planning.turn_schedule(desk, plan.schedule, ScheduleState.PAUSED)
    clock.advance(hours=50, minutes=30)
    await all_steps(Scheduler(desk))
    await planning.turn_schedule(desk, plan.schedule, ScheduleState.ACTIVE)
    await all_steps(Scheduler(desk))
    assert (dict(await happened(desk, plan)), await told(desk)) == ({}, [])
    clock.advance(minutes=30)
    await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["11-26 15:00"]


# The pure part


@given(
    st.sampled_from(["*/7 * * * *", HOURLY, "0 9 * * 1-5", "30 2 * * *", "0 9 L * *", "0 9 29 2 *"]),
    st.integers(0, 400_000),
    st.sampled_from(["Europe/Moscow", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.sampled_from([1, 3, 40]),
)
@settings(max_examples=60)
def test_the_first_and_the_latest_of_what_has_passed_are_found(cron: str, minutes: int, name: str, most: int) -> None:
    zone, recurrence = ZoneInfo(name), Recurrence.parse(cron)
    first = next_after(recurrence, datetime(2027, 3, 1, tzinfo=UTC), zone)
    assert first is not None
    now = first.at + timedelta(minutes=minutes % (8_000 if "*/7" in cron else 400_001))
    every: list[Occurrence] = [first]
    while (following := next_after(recurrence, every[-1].at, zone)) is not None and following.at <= now:
        every.append(following)
    expected = every if len(every) <= most else [*every[:most], every[-1]]
    assert passed(recurrence, first, now, zone, most) == expected
