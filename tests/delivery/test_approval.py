"""What two people and a change of mind may do with an announcement before it goes out."""

import pytest

from channels.contract import Post, Problem, ProblemCode, Rendering
from delivery import broadcast, planning
from delivery.broadcast import BlockedError, NobodyError, StageError
from delivery.desk import Desk
from delivery.model import Stage
from tests.delivery.builders import a_broadcast, a_list
from tests.support.clock import Clock


class Blocked:
    """Renders nothing that could be sent."""

    def render(self, post: Post) -> Rendering:
        return Rendering((), (Problem(ProblemCode.EMPTY, certain=True),))


@pytest.fixture
async def drafted(desk: Desk) -> int:
    return await broadcast.draft(desk, Post("текст"), author="editor", targets=["wall"])


async def stage_of(desk: Desk, number: int) -> Stage:
    return (await broadcast.find(desk, number)).stage


async def approved(desk: Desk, number: int) -> None:
    await broadcast.submit(desk, number)
    await broadcast.approve(desk, number, by=7)
    assert await stage_of(desk, number) is Stage.APPROVED


async def test_what_awaits_approval_does_not_go_out(desk: Desk, drafted: int) -> None:
    await broadcast.submit(desk, drafted)
    with pytest.raises(StageError) as caught:
        await broadcast.release(desk, drafted, by="editor")
    assert caught.value.stage is Stage.AWAITING_APPROVAL
    await broadcast.approve(desk, drafted, by=7)
    assert (await broadcast.release(desk, drafted, by="editor")).fresh


async def test_what_is_declined_is_a_draft_again(desk: Desk, drafted: int) -> None:
    await broadcast.submit(desk, drafted)
    await broadcast.decline(desk, drafted, by=7)
    assert await stage_of(desk, drafted) is Stage.DRAFT


async def test_only_what_was_submitted_is_approved(desk: Desk, drafted: int) -> None:
    with pytest.raises(StageError):
        await broadcast.approve(desk, drafted, by=7)
    await approved(desk, drafted)
    with pytest.raises(StageError):
        await broadcast.approve(desk, drafted, by=8)


async def test_an_approval_counts_for_the_audience_it_was_given_for(desk: Desk, drafted: int) -> None:
    await a_list(desk, "one", "a@example.org")
    await approved(desk, drafted)
    await broadcast.choose(desk, drafted, ["wall"])
    assert await stage_of(desk, drafted) is Stage.APPROVED
    await broadcast.choose(desk, drafted, ["wall", "mail:one"])
    assert await stage_of(desk, drafted) is Stage.DRAFT


async def test_the_audience_of_what_has_gone_out_stays(desk: Desk) -> None:
    number = await a_broadcast(desk)
    with pytest.raises(StageError):
        await broadcast.choose(desk, number, ["wall"])


async def test_a_cancelled_draft_can_be_opened_again(desk: Desk, drafted: int) -> None:
    await broadcast.cancel(desk, drafted)
    assert await broadcast.reopen(desk, drafted)
    assert await stage_of(desk, drafted) is Stage.DRAFT
    assert not await broadcast.reopen(desk, drafted)


async def test_what_was_cancelled_on_its_way_stays_cancelled(desk: Desk) -> None:
    number = await a_broadcast(desk)
    await broadcast.cancel(desk, number)
    assert not await broadcast.reopen(desk, number)
    assert await stage_of(desk, number) is Stage.CANCELLED


async def test_what_would_certainly_fail_is_neither_submitted_nor_planned(
    desk: Desk, clock: Clock, drafted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.channels["wall"], "render", Blocked().render)
    with pytest.raises(BlockedError) as caught:
        await broadcast.submit(desk, drafted)
    assert caught.value.preview.blocked == ["wall"]
    with pytest.raises(BlockedError):
        await planning.plan(desk, drafted, cron="0 9 * * *", by="editor")
    assert await stage_of(desk, drafted) is Stage.DRAFT


async def test_nothing_is_planned_for_nobody(desk: Desk) -> None:
    await a_list(desk, "empty")
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["mail:empty"])
    with pytest.raises(NobodyError):
        await planning.plan(desk, number, cron="0 9 * * *", by="editor")


async def test_what_was_cancelled_is_not_planned(desk: Desk, drafted: int) -> None:
    await broadcast.cancel(desk, drafted)
    with pytest.raises(StageError) as caught:
        await planning.plan(desk, drafted, cron="0 9 * * *", by="editor")
    assert caught.value.stage is Stage.CANCELLED
