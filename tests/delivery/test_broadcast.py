import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from channels.contract import Post, Problem, ProblemCode, Reason, Rejected, Rendering
from delivery import broadcast, report
from delivery.audience import UnknownTargetError
from delivery.broadcast import BlockedError, NobodyError, StageError, UnknownAnnouncementError
from delivery.desk import Desk
from delivery.model import AnnouncementState, DeliveryState, Stage
from delivery.store import broadcasts, lists
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says, states
from tests.support.clock import Clock

pytestmark = pytest.mark.every_postgres


async def state_of(desk: Desk, number: int) -> AnnouncementState:
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    return found.state


async def test_release_writes_one_delivery_per_recipient_and_part(desk: Desk) -> None:
    await a_list(desk, "smolensk", "a@example.org", "b@example.org")
    number = await a_broadcast(desk, "первая|вторая", ["wall", "mail:smolensk"])
    found = [(one.channel, one.recipient.address, one.part) for one in await deliveries(desk, number)]
    assert found == [
        ("wall", "@wall", 1),
        ("wall", "@wall", 2),
        ("mail", "a@example.org", 1),
        ("mail", "b@example.org", 1),
        ("mail", "a@example.org", 2),
        ("mail", "b@example.org", 2),
    ]


async def test_two_presses_at_once_make_one_broadcast(desk: Desk) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])
    pressed = await asyncio.gather(*(broadcast.release(desk, number, by="editor") for _ in range(5)))
    assert len({one.broadcast_id for one in pressed}) == 1
    assert [one.fresh for one in pressed].count(True) == 1
    assert len(await deliveries(desk, number)) == 1


async def test_the_same_request_key_makes_one_announcement(desk: Desk) -> None:
    numbers = await asyncio.gather(
        *(broadcast.draft(desk, Post("текст"), author="cli", targets=["wall"], request_key="k") for _ in range(3))
    )
    assert len(set(numbers)) == 1


async def test_an_unknown_target_is_refused_with_the_nearest_known(desk: Desk) -> None:
    with pytest.raises(UnknownTargetError) as caught:
        await broadcast.draft(desk, Post("текст"), author="cli", targets=["wal"])
    assert (caught.value.target, caught.value.nearest) == ("wal", "wall")


async def test_one_letter_for_an_address_on_two_lists(desk: Desk) -> None:
    await a_list(desk, "one", "a@example.org", "b@example.org")
    await a_list(desk, "two", "b@example.org", "c@example.org")
    number = await a_broadcast(desk, targets=["mail:one", "mail:two"])
    assert [one.recipient.address for one in await deliveries(desk, number)] == [
        "a@example.org",
        "b@example.org",
        "c@example.org",
    ]


async def test_suppressed_addresses_are_shown_and_not_written_to(desk: Desk) -> None:
    await a_list(desk, "one", "a@example.org", "b@example.org")
    async with desk.database.writing() as tx:
        await lists.suppress(tx, "a@example.org", "one", reason="unsubscribed", now=desk.now())
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["mail:one"])
    seen = await broadcast.preview(desk, number)
    assert [one.recipient.address for one in seen.audience.suppressed] == ["a@example.org"]
    await broadcast.release(desk, number, by="editor")
    assert [one.recipient.address for one in await deliveries(desk, number)] == ["b@example.org"]


async def test_nobody_to_reach_is_refused_and_the_draft_stays(desk: Desk) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["mail"])
    with pytest.raises(NobodyError):
        await broadcast.release(desk, number, by="editor")
    assert (await broadcast.find(desk, number)).stage is Stage.DRAFT


class Refusing(Scripted):
    def render(self, post: Post) -> Rendering:
        return Rendering((), (Problem(ProblemCode.TEXT_TOO_LONG, certain=True, values={"over": 5}),))


async def test_a_certain_problem_blocks_the_release(database: object, desk: Desk, clock: Clock) -> None:
    desk = Desk(desk.database, {"wall": Refusing("@wall")}, clock, desk.zone)
    number = await broadcast.draft(desk, Post("текст"), author="editor")
    with pytest.raises(BlockedError) as caught:
        await broadcast.release(desk, number, by="editor")
    assert caught.value.preview.blocked == ["wall"]


async def test_nothing_goes_out_before_the_grace_is_over(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])
    await broadcast.release(desk, number, by="editor", grace=timedelta(seconds=10))
    worker = a_worker(desk)
    assert not await worker.step("wall")
    clock.advance(seconds=11)
    assert await worker.step("wall")
    assert len(wall.sent) == 1


async def test_cancelling_within_the_grace_sends_nothing(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])
    await broadcast.release(desk, number, by="editor", grace=timedelta(seconds=10))
    assert (await broadcast.cancel(desk, number)).deliveries == 1
    clock.advance(seconds=11)
    assert not await a_worker(desk).step("wall")
    assert await states(desk, number) == [DeliveryState.CANCELLED]
    assert await state_of(desk, number) is AnnouncementState.CANCELLED
    assert not wall.sent


async def test_cancelling_what_is_all_sent_changes_nothing(desk: Desk) -> None:
    number = await a_broadcast(desk)
    await a_worker(desk).step("wall")
    assert (await broadcast.cancel(desk, number)) == broadcast.Cancelled(0, 0)
    assert await state_of(desk, number) is AnnouncementState.SETTLED


async def test_a_new_revision_takes_the_approval_back(desk: Desk) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])
    await broadcast.submit(desk, number)
    assert await state_of(desk, number) is AnnouncementState.AWAITING_APPROVAL
    with pytest.raises(StageError):
        await broadcast.release(desk, number, by="editor")
    await broadcast.approve(desk, number, by=1)
    await broadcast.revise(desk, number, Post("другой"), author="editor")
    assert (await broadcast.find(desk, number)).stage is Stage.DRAFT


async def test_what_has_gone_out_is_not_revised(desk: Desk) -> None:
    number = await a_broadcast(desk)
    with pytest.raises(StageError):
        await broadcast.revise(desk, number, Post("другой"), author="editor")


async def test_unknown_numbers_are_named(desk: Desk) -> None:
    for asked in (broadcast.preview, broadcast.cancel, broadcast.retry):
        with pytest.raises(UnknownAnnouncementError):
            await asked(desk, 99)


async def test_a_delivery_of_another_announcement_is_not_sent_again(desk: Desk, wall: Scripted) -> None:
    says(wall, Rejected("no", Reason.REFUSED))
    number, other = await a_broadcast(desk), await a_broadcast(desk)
    await a_worker(desk).step("wall")
    (one,) = await deliveries(desk, number)
    for delivery_id in (one.id, 99):
        with pytest.raises(UnknownAnnouncementError):
            await broadcast.retry(desk, other, delivery_id=delivery_id)
    with pytest.raises(UnknownAnnouncementError):
        await broadcast.settle(desk, 99, sent=True, by="editor")
    assert one.state is DeliveryState.FAILED


async def test_only_what_failed_for_these_reasons_is_sent_again(desk: Desk, mail: Scripted) -> None:
    says(mail, Rejected("550", Reason.NO_SUCH_MAILBOX), Rejected("552", Reason.REFUSED))
    await a_list(desk, "one", "a@example.org", "b@example.org")
    number = await a_broadcast(desk, targets=["mail:one"])
    await a_worker(desk).step("mail")
    reasons = {one.id: one.reason for one in await deliveries(desk, number)}
    again = await broadcast.retry(desk, number, reasons=[Reason.REFUSED])
    assert [reasons[each] for each in again] == [Reason.REFUSED]


async def test_counters_and_links_are_told_by_channel(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "one", "a@example.org", "b@example.org")
    number = await a_broadcast(desk, targets=["wall", "mail:one"])
    await a_worker(desk).step("wall")
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    channels = found.broadcasts[0].channels
    assert channels["wall"].counts[DeliveryState.SENT] == 1
    assert channels["wall"].links == ["https://example.org/1"]
    assert channels["mail"].counts[DeliveryState.QUEUED] == 2
    assert found.state is AnnouncementState.RUNNING


async def test_a_broadcast_is_never_half_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])

    async def fails(*_args: object, **_kwargs: object) -> Sequence[int]:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(broadcasts, "add_delivery", fails)
        with pytest.raises(RuntimeError):
            await broadcast.release(desk, number, by="editor")
    assert (await broadcast.find(desk, number)).stage is Stage.DRAFT
    assert (await broadcast.release(desk, number, by="editor")).fresh
