"""A plan is a wall time: over changes of the clock, of a zone's rules and of the zone in the config."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest

from delivery import planning
from delivery.desk import Desk
from delivery.model import ScheduleState
from delivery.scheduler import Scheduler
from tests.delivery.plans import (
    MISSED,
    a_plan,
    all_steps,
    happened,
    in_zone,
    sent_out,
    the_schedule,
    told,
    walls,
)
from tests.support.clock import START, Clock

HOURLY = "0 * * * *"
WEST, EAST = "Europe/Kaliningrad", "Asia/Yekaterinburg"  # an hour behind Moscow, two ahead of it


def moved_to(clock: Clock, moment: datetime) -> datetime:
    return clock.advance(seconds=(moment - clock()).total_seconds())


# Clocks that are put forward and back


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),  # half an hour
        ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),
        ("Europe/Moscow", datetime(2014, 10, 25, 22, tzinfo=UTC)),
        ("Asia/Pyongyang", datetime(2018, 5, 4, 15, tzinfo=UTC)),  # half an hour, for ever
        ("Asia/Amman", datetime(2022, 2, 24, 22, tzinfo=UTC)),  # the last change there was
        ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a whole day left out
    ],
)
async def test_each_wall_time_that_a_clock_shows_goes_out_once(
    desk: Desk, clock: Clock, zone: str, change: datetime
) -> None:
    desk = in_zone(desk, zone)
    moved_to(clock, change - timedelta(hours=3, minutes=5))
    plan = await a_plan(desk, cron="*/10 * * * *")
    scheduler = Scheduler(desk)
    shown: dict[datetime, None] = {}
    for _ in range(36):
        clock.advance(minutes=5)
        await all_steps(scheduler)
        shown[clock().astimezone(desk.zone).replace(tzinfo=None)] = None
        clock.advance(minutes=5)
        await all_steps(scheduler)
    assert list(await happened(desk, plan)) == list(shown)
    assert await sent_out(desk, plan) == len(shown)
    assert await told(desk) == []


async def test_an_hour_that_does_not_exist_goes_out_once_an_hour_later(desk: Desk, clock: Clock) -> None:
    desk = in_zone(desk, "Europe/Berlin")
    moved_to(clock, datetime(2026, 3, 28, 12, tzinfo=UTC))
    plan = await a_plan(desk, cron="30 2 * * *")
    moved_to(clock, datetime(2026, 3, 29, 1, 29, tzinfo=UTC))
    assert not await Scheduler(desk).step()
    for _ in range(6):
        clock.advance(minutes=30)
        await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["03-29 02:30"]


async def test_an_hour_that_comes_twice_goes_out_the_first_time(desk: Desk, clock: Clock) -> None:
    desk = in_zone(desk, "Europe/Berlin")
    moved_to(clock, datetime(2026, 10, 24, 12, tzinfo=UTC))
    plan = await a_plan(desk, cron="30 2 * * *")
    moved_to(clock, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    await all_steps(Scheduler(desk))
    assert await sent_out(desk, plan) == 1
    for _ in range(6):
        clock.advance(minutes=30)
        await all_steps(Scheduler(desk))
    assert await walls(desk, plan) == ["10-25 02:30"]


async def test_a_single_moment_in_the_second_of_two_hours_stays_there(desk: Desk, clock: Clock) -> None:
    desk = in_zone(desk, "Europe/Berlin")
    moved_to(clock, datetime(2026, 10, 24, 12, tzinfo=UTC))
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    plan = await a_plan(desk, at=second)
    await all_steps(Scheduler(desk))  # a start, which looks at every wall time
    assert (await the_schedule(desk, plan)).next_at == second


async def test_the_last_day_and_the_leap_day_go_out(desk: Desk, clock: Clock) -> None:
    moved_to(clock, datetime(2028, 1, 1, tzinfo=UTC))
    last, leap, short = [await a_plan(desk, cron=cron) for cron in ("0 9 L * *", "0 9 29 2 *", "0 9 31 * *")]
    scheduler = Scheduler(desk)
    for _ in range(125):
        clock.advance(days=1)
        clock.advance(hours=6)
        await all_steps(scheduler)
        clock.advance(hours=-6)
    assert await walls(desk, last) == ["01-31 09:00", "02-29 09:00", "03-31 09:00", "04-30 09:00"]
    assert await walls(desk, leap) == ["02-29 09:00"]
    assert await walls(desk, short) == ["01-31 09:00", "03-31 09:00"]


# The zone in the config is corrected


async def test_a_repeat_keeps_its_wall_time_in_the_corrected_zone(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="0 9 * * 1", until=datetime(2027, 1, 1, 20, 59, tzinfo=UTC))  # 23:59 in Moscow
    await all_steps(Scheduler(in_zone(desk, EAST)))
    moved = await the_schedule(desk, plan)
    assert (moved.zone, moved.next_local) == (EAST, datetime(2026, 11, 30, 9))  # noqa: DTZ001
    assert (moved.next_at, moved.until) == (
        datetime(2026, 11, 30, 4, tzinfo=UTC),
        datetime(2027, 1, 1, 18, 59, tzinfo=UTC),
    )


async def test_a_single_moment_keeps_its_wall_time_too(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, at=datetime(2026, 12, 15, 7, tzinfo=UTC))  # 10:00 in Moscow
    there = in_zone(desk, WEST)
    moved_to(clock, datetime(2026, 12, 15, 7, 59, tzinfo=UTC))
    await all_steps(Scheduler(there))
    assert await sent_out(desk, plan) == 0
    clock.advance(minutes=1)
    await all_steps(Scheduler(there))
    assert await walls(desk, plan) == ["12-15 10:00"]


async def test_a_paused_plan_moves_as_well_and_goes_on_there(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="0 13 * * *")
    await planning.turn_schedule(desk, plan.schedule, ScheduleState.PAUSED)
    there = in_zone(desk, EAST)
    assert await planning.turn_schedule(there, plan.schedule, ScheduleState.ACTIVE)  # 13:00 has passed there
    resumed = await the_schedule(desk, plan)
    assert (resumed.zone, resumed.next_at) == (EAST, datetime(2026, 11, 25, 8, tzinfo=UTC))
    await all_steps(Scheduler(there))
    assert (dict(await happened(desk, plan)), await told(desk)) == ({}, [])


@pytest.mark.parametrize("minutes", range(0, 180, 20))
@pytest.mark.parametrize("zone", [WEST, EAST])
async def test_nothing_goes_out_twice_around_the_correction(desk: Desk, clock: Clock, zone: str, minutes: int) -> None:
    plan = await a_plan(desk, cron="*/30 * * * *")
    before, after = Scheduler(desk), Scheduler(in_zone(desk, zone))
    for minute in range(0, 400, 10):
        await all_steps(before if minute < minutes else after)
        clock.advance(minutes=10)
    became = await happened(desk, plan)
    first = min(became)
    assert sorted(became) == [first + n * timedelta(minutes=30) for n in range(len(became))]
    assert await sent_out(desk, plan) == len(await walls(desk, plan))
    assert sum(news.count for news in await told(desk)) == len(await walls(desk, plan, MISSED))


async def test_to_the_west_an_hour_comes_twice_and_goes_out_once(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron="0 13 * * *")
    clock.advance(hours=1)
    await all_steps(Scheduler(desk))
    there = in_zone(desk, WEST)
    for _ in range(20):
        await all_steps(Scheduler(there))
        clock.advance(minutes=10)
    assert await walls(desk, plan) == ["11-24 13:00"]


async def test_to_the_east_what_the_clock_has_leapt_over_is_made_up_for_or_told(desk: Desk, clock: Clock) -> None:
    early, late, ahead = [await a_plan(desk, at=clock() + timedelta(minutes=at)) for at in (59, 61, 121)]
    await all_steps(Scheduler(in_zone(desk, EAST)))  # 12:00 becomes 14:00 between two looks
    assert await walls(desk, early, MISSED) == ["11-24 12:59"]
    assert await walls(desk, late) == ["11-24 13:01"]
    assert dict(await happened(desk, ahead)) == {}
    assert [(news.schedule_id, news.state) for news in await told(desk)] == [(early.schedule, MISSED)]


async def test_two_processes_with_two_zones_still_release_once(desk: Desk, clock: Clock) -> None:
    plan = await a_plan(desk, cron=HOURLY)
    one, other = Scheduler(desk), Scheduler(in_zone(desk, WEST))
    for _ in range(60):
        await all_steps(one)
        await all_steps(other)
        clock.advance(minutes=7)
    became = await happened(desk, plan)
    assert list(became) == sorted(set(became))
    assert await sent_out(desk, plan) == len(became)


# A zone's rule is changed by an update of the time zone data


def renamed(source: str, key: str) -> ZoneInfo:
    """A zone that bears one name and follows another one's rules."""
    return ZoneInfo.from_file(BytesIO((files("tzdata") / "zoneinfo" / source).read_bytes()), key=key)


async def test_a_new_rule_of_the_zone_moves_the_instant_and_not_the_wall_time(desk: Desk, clock: Clock) -> None:
    repeat = await a_plan(desk, cron="0 9 * * *")
    single = await a_plan(desk, at=datetime(2026, 12, 15, 7, tzinfo=UTC))
    changed = in_zone(desk, renamed("Europe/Samara", "Europe/Moscow"))  # Moscow goes an hour ahead
    await all_steps(Scheduler(changed))
    assert (await the_schedule(desk, repeat)).next_at == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert (await the_schedule(desk, single)).next_at == datetime(2026, 12, 15, 6, tzinfo=UTC)
    moved_to(clock, datetime(2026, 11, 25, 5, tzinfo=UTC))
    await all_steps(Scheduler(changed))
    assert await walls(desk, repeat) == ["11-25 09:00"]


async def test_a_zone_that_has_lost_its_name_moves_all_the_same(desk: Desk, clock: Clock) -> None:
    old = in_zone(desk, renamed("Europe/Moscow", "Europe/Gone"))
    plan = await a_plan(old, cron="0 9 * * *", until=START + timedelta(days=9))
    await all_steps(Scheduler(in_zone(desk, EAST)))
    moved = await the_schedule(desk, plan)
    assert (moved.zone, moved.next_at) == (EAST, datetime(2026, 11, 25, 4, tzinfo=UTC))
