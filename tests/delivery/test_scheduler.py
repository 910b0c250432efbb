import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import Post
from delivery import broadcast, planning, report
from delivery.desk import Desk
from delivery.model import AnnouncementState, OccurrenceState, ScheduleState
from delivery.planning import PastError
from delivery.scheduler import Scheduler
from delivery.store import broadcasts, schedules
from tests.delivery.builders import Scripted, a_worker
from tests.support.clock import Clock

pytestmark = pytest.mark.every_postgres


async def planned(desk: Desk, **when: object) -> tuple[int, int]:
    number = await broadcast.draft(desk, Post("Приём юриста"), author="editor", targets=["wall"])
    return number, await planning.plan(desk, number, by="editor", **when)  # type: ignore[arg-type]


async def sent_out(desk: Desk, number: int) -> int:
    async with desk.database.reading() as tx:
        return len(await broadcasts.of_announcements(tx, [number]))


async def told_as(desk: Desk, number: int) -> AnnouncementState:
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    return found.state


async def news(desk: Desk) -> list[OccurrenceState]:
    async with desk.database.writing() as tx:
        return [passed.state for passed in await schedules.untold(tx)]


async def test_goes_out_once_at_its_moment(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number, schedule = await planned(desk, at=clock() + timedelta(hours=1))
    scheduler = Scheduler(desk)
    clock.advance(minutes=59)
    assert not await scheduler.step()
    clock.advance(minutes=1)
    assert await scheduler.step()
    assert not await scheduler.step()
    await a_worker(desk).step("wall")
    assert (await sent_out(desk, number), len(wall.sent)) == (1, 1)
    async with desk.database.reading() as tx:
        one = await schedules.get(tx, schedule)
    assert one is not None
    assert one.state is ScheduleState.FINISHED


async def test_repeats_until_its_end(desk: Desk, clock: Clock) -> None:
    until = clock() + timedelta(days=3)
    number, _ = await planned(desk, cron="0 13 * * *", until=until)  # 10:00 UTC
    scheduler = Scheduler(desk)
    for _ in range(10 * 24):
        await scheduler.step()
        clock.advance(hours=1)
    assert await sent_out(desk, number) == 3


async def test_what_is_less_than_an_hour_late_still_goes_out(desk: Desk, clock: Clock) -> None:
    number, _ = await planned(desk, at=clock() + timedelta(hours=1))
    clock.advance(hours=1, minutes=59)
    await Scheduler(desk).step()
    assert await sent_out(desk, number) == 1


async def test_what_is_later_than_an_hour_is_shown_as_missed(desk: Desk, clock: Clock) -> None:
    number, _ = await planned(desk, at=clock() + timedelta(hours=1))
    clock.advance(hours=2, minutes=1)
    await Scheduler(desk).step()
    assert await sent_out(desk, number) == 0
    assert await news(desk) == [OccurrenceState.MISSED]
    assert await news(desk) == []
    assert await told_as(desk, number) is AnnouncementState.DRAFT


async def test_two_processes_release_one_occurrence(desk: Desk, clock: Clock) -> None:
    number, _ = await planned(desk, cron="0 13 * * *")
    clock.advance(hours=1)
    await asyncio.gather(*(Scheduler(desk).step() for _ in range(4)))
    assert await sent_out(desk, number) == 1


async def test_a_crash_in_the_middle_of_a_release_loses_and_doubles_nothing(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, _ = await planned(desk, cron="0 13 * * *")
    clock.advance(hours=1)

    async def dies(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(schedules, "move_on", dies)
        assert not await Scheduler(desk).step()
    assert await sent_out(desk, number) == 0
    await Scheduler(desk).step()
    assert await sent_out(desk, number) == 1


async def test_takes_the_latest_revision(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number, _ = await planned(desk, at=clock() + timedelta(hours=1))
    await broadcast.revise(desk, number, Post("Приём юриста перенесён"), author="editor")
    clock.advance(hours=1)
    await Scheduler(desk).step()
    await a_worker(desk).step("wall")
    assert [shipment.part.text for shipment in wall.sent] == ["Приём юриста перенесён"]


async def test_a_repeat_that_has_gone_out_still_gets_a_new_text(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number, _ = await planned(desk, cron="0 13 * * *")
    scheduler, worker = Scheduler(desk), a_worker(desk)
    clock.advance(hours=1)
    await scheduler.step()
    await broadcast.revise(desk, number, Post("Новый кабинет"), author="editor")
    await worker.step("wall")
    clock.advance(days=1)
    await scheduler.step()
    await worker.step("wall")
    assert [shipment.part.text for shipment in wall.sent] == ["Приём юриста", "Новый кабинет"]


async def test_a_paused_schedule_makes_nothing_up_when_it_goes_on(desk: Desk, clock: Clock) -> None:
    number, schedule = await planned(desk, cron="0 13 * * *")
    assert await planning.turn_schedule(desk, schedule, ScheduleState.PAUSED)
    clock.advance(days=3)
    scheduler = Scheduler(desk)
    await scheduler.step()
    assert await planning.turn_schedule(desk, schedule, ScheduleState.ACTIVE)
    assert not await planning.turn_schedule(desk, schedule, ScheduleState.ACTIVE)
    await scheduler.step()
    assert await sent_out(desk, number) == 0
    clock.advance(hours=1)
    await scheduler.step()
    assert await sent_out(desk, number) == 1


async def test_a_cancelled_announcement_goes_out_no_more(desk: Desk, clock: Clock) -> None:
    number, _ = await planned(desk, cron="0 13 * * *")
    assert (await broadcast.cancel(desk, number)).schedules == 1
    clock.advance(days=2)
    await Scheduler(desk).step()
    assert await sent_out(desk, number) == 0


async def test_an_occurrence_that_nobody_would_get_is_told(desk: Desk, clock: Clock) -> None:
    number, _ = await planned(desk, at=clock() + timedelta(hours=1))
    poorer = Desk(desk.database, {"mail": desk.channels["mail"]}, clock, desk.zone)
    clock.advance(hours=1)
    await Scheduler(poorer).step()
    assert await sent_out(desk, number) == 0
    assert await news(desk) == [OccurrenceState.BLOCKED]


async def test_the_past_is_refused(desk: Desk, clock: Clock) -> None:
    with pytest.raises(PastError):
        await planned(desk, at=clock() - timedelta(seconds=1))
    with pytest.raises(PastError):
        await planned(desk, cron="0 13 * * *", until=clock() + timedelta(minutes=5))


async def test_wakes_at_the_moment_by_itself(desk: Desk) -> None:
    live = Desk(desk.database, desk.channels, lambda: datetime.now(UTC), desk.zone)
    released, stop = asyncio.Event(), asyncio.Event()
    await planned(live, at=live.now() + timedelta(seconds=1.5))
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(Scheduler(live, on_release=released.set).run(stop))
        await released.wait()
        stop.set()
