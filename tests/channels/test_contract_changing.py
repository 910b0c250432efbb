"""Every kind that can change what is out, or take it away, does so whole, tells the truth and may be asked again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from channels.contract import (
    Channel,
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Post,
    Reason,
    Receipt,
    Rejected,
    Shipment,
    Unconfirmed,
)
from tests.channels.harnesses import HARNESSES, Harness

WRONG, RIGHT = "Собрание в среду", "Собрание в четверг"
ACTS = ("correct", "withdraw")


@pytest.fixture(params=HARNESSES)
async def one(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param]() as harness:
        yield harness
        assert harness.violations() == []


def says(one: Harness, text: str, key: str = "b" * 32) -> Shipment:
    return Shipment(one.channel.render(Post(text)).parts[0], one.recipient, key)


async def out(one: Harness) -> Receipt:
    """Send what is wrong; returns its receipt."""
    if one.channel.corrects is not Correction.IN_PLACE or not one.channel.withdraws:
        pytest.skip("this kind changes nothing that is out")
    receipt = await one.channel.send(says(one, WRONG, "a" * 32))
    assert one.reads() == [WRONG]
    return receipt


def act_of(channel: Channel, act: str) -> Callable[[Shipment, Receipt], Awaitable[Receipt]]:
    return channel.correct if act == "correct" else channel.withdraw


def done(act: str) -> list[str]:
    return [RIGHT] if act == "correct" else []


def misbehaves(one: Harness, act: str, fault: str) -> None:
    if fault not in one.changing[act]:
        pytest.skip(f"this kind cannot have {fault}")
    one.changing[act][fault]()


@pytest.mark.parametrize("act", ACTS)
async def test_readers_see_what_was_wanted(one: Harness, act: str) -> None:
    there = await out(one)
    receipt = await act_of(one.channel, act)(says(one, RIGHT), there)
    assert one.reads() == done(act)
    assert receipt == (there if act == "correct" else Receipt())


@pytest.mark.parametrize("act", ACTS)
async def test_asked_twice_it_is_done_once(one: Harness, act: str) -> None:
    there = await out(one)
    first = await act_of(one.channel, act)(says(one, RIGHT), there)
    assert await act_of(one.channel, act)(says(one, RIGHT), there) == first
    assert one.reads() == done(act)


async def test_what_says_so_already_is_corrected(one: Harness) -> None:
    there = await out(one)
    assert await one.channel.correct(says(one, WRONG), there) == there
    assert one.reads() == [WRONG]


async def test_only_that_one_is_changed(one: Harness) -> None:
    there = await out(one)
    await one.channel.send(says(one, "Другое", "c" * 32))
    await one.channel.correct(says(one, RIGHT), there)
    assert one.reads() == [RIGHT, "Другое"]
    await one.channel.withdraw(says(one, RIGHT), there)
    assert one.reads() == ["Другое"]


async def test_what_is_gone_cannot_be_corrected(one: Harness) -> None:
    there = await out(one)
    await one.channel.withdraw(says(one, RIGHT), there)
    with pytest.raises(Rejected) as caught:
        await one.channel.correct(says(one, RIGHT), there)
    assert caught.value.reason is Reason.GONE
    assert one.reads() == []


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("fault", ["cut_before_acting", "cut_after_acting", "hangs"])
async def test_without_an_answer_it_is_unconfirmed_and_asked_again(one: Harness, act: str, fault: str) -> None:
    there = await out(one)
    misbehaves(one, act, fault)
    async with asyncio.timeout(20):
        with pytest.raises(Unconfirmed):
            await act_of(one.channel, act)(says(one, RIGHT), there)
    await act_of(one.channel, act)(says(one, RIGHT), there)
    assert one.reads() == done(act)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("fault", "expected"), [("makes_wait", Deferred), ("loses_rights", ChannelClosed)])
async def test_what_is_refused_for_now_was_not_done(
    one: Harness, act: str, fault: str, expected: type[ChannelError]
) -> None:
    there = await out(one)
    misbehaves(one, act, fault)
    with pytest.raises(expected):
        await act_of(one.channel, act)(says(one, RIGHT), there)
    assert one.reads() == [WRONG]


@pytest.mark.parametrize("act", ACTS)
async def test_a_clear_refusal_is_final(one: Harness, act: str) -> None:
    there = await out(one)
    misbehaves(one, act, "refuses")
    with pytest.raises(Rejected) as caught:
        await act_of(one.channel, act)(says(one, RIGHT), there)
    assert caught.value.detail
    assert one.reads() == [WRONG]


@pytest.mark.parametrize("act", ACTS)
async def test_where_nobody_is_it_may_be_asked_again(one: Harness, act: str) -> None:
    there = await out(one)
    if one.switch_off is None:
        pytest.skip("this kind has no other side")
    await one.switch_off()
    with pytest.raises((Deferred, Unconfirmed)):  # a line kept open may have taken the request
        await act_of(one.channel, act)(says(one, RIGHT), there)


@pytest.mark.parametrize("act", ACTS)
async def test_a_cancelled_change_leaves_the_channel_fit(one: Harness, act: str) -> None:
    there = await out(one)
    misbehaves(one, act, "hangs")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await act_of(one.channel, act)(says(one, RIGHT), there)
    async with asyncio.timeout(20):
        await act_of(one.channel, act)(says(one, RIGHT), there)
    assert one.reads() == done(act)


@pytest.mark.parametrize("act", ACTS)
async def test_secrets_are_not_told(one: Harness, act: str) -> None:
    there = await out(one)
    told = []
    for fault in one.changing[act].values():
        fault()
        try:
            await act_of(one.channel, act)(says(one, RIGHT), there)
        except ChannelError as error:
            told.append(f"{error!r} {error.detail}")
    assert told
    assert [line for line in told for secret in one.secrets if secret in line] == []
