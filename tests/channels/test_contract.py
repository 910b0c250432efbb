"""Every kind of channel keeps every promise of `channels.contract`. A kind without a harness fails here."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import (
    Attachment,
    AttachmentKind,
    ChannelClosed,
    ChannelError,
    Deferred,
    Entity,
    Post,
    Receipt,
    Rejected,
    Rendering,
    Shipment,
    Unconfirmed,
)
from channels.registry import KINDS
from tests.channels.harnesses import HARNESSES, Harness


def test_every_registered_kind_is_under_test() -> None:
    assert set(HARNESSES) == set(KINDS)


@pytest.fixture(params=HARNESSES)
async def one(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param]() as harness:
        yield harness
        assert harness.violations() == []


def a_shipment(one: Harness, text: str = "Заседание президиума перенесено", key: str = "a" * 32) -> Shipment:
    return Shipment(one.channel.render(Post(text)).parts[0], one.recipient, key)


def misbehaves(one: Harness, fault: str) -> None:
    if fault not in one.faults:
        pytest.skip(f"this kind cannot have {fault}")
    one.faults[fault]()


PICTURE = Attachment(AttachmentKind.PHOTO, "фото.jpg", "image/jpeg", 1000, digest="0" * 64)
HUGE = Attachment(AttachmentKind.VIDEO, "марш.mp4", "video/mp4", 60_000_000, telegram_file_id="x")
POSTS = {
    "empty": Post(""),
    "blank": Post(" \n "),
    "plain": Post("Текст", title="Тема"),
    "fifty thousand signs": Post("слово " * 8_334),
    "emoji": Post("👩‍👩‍👧‍👦" * 200),
    "crossing entities": Post("abcdefgh", entities=(Entity("bold", 0, 5), Entity("italic", 2, 6))),
    "entities out of range": Post("abc", entities=(Entity("bold", 2, 50), Entity("url", 90, 3))),
    "an unknown entity": Post("abc", entities=(Entity("of_the_future", 0, 3),)),
    "markup in the text": Post("<b>&amp;</b> *x* [club1|y] @z"),
    "eleven pictures": Post("x", attachments=(PICTURE,) * 11),
    "mixed kinds": Post(
        "x", attachments=tuple(Attachment(kind, "f", "a/b", 10, digest="0") for kind in AttachmentKind)
    ),
    "an enormous video": Post("x", attachments=(HUGE,)),
    "a file without bytes": Post("", attachments=(Attachment(AttachmentKind.DOCUMENT, "", "", 0),)),
    "control characters": Post("a\x00b\x1f\u2028c\r\nd"),
}


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
async def test_renders_anything_without_a_fault_and_always_the_same(one: Harness, post: Post) -> None:
    rendering = one.channel.render(post)
    assert isinstance(rendering, Rendering)
    assert rendering == one.channel.render(post)
    assert rendering.parts or rendering.blocked


async def test_what_was_taken_is_public_once_and_has_a_receipt(one: Harness) -> None:
    receipt = await one.channel.send(a_shipment(one))
    assert receipt.external_ids
    assert all(receipt.external_ids)
    assert one.public() == 1


async def test_cut_off_after_acting_is_unconfirmed(one: Harness) -> None:
    misbehaves(one, "cut_after_acting")
    with pytest.raises(Unconfirmed):
        await one.channel.send(a_shipment(one))
    assert one.public() == 1


async def test_silence_is_unconfirmed_and_ends_by_itself(one: Harness) -> None:
    misbehaves(one, "hangs")
    async with asyncio.timeout(20):
        with pytest.raises(Unconfirmed):
            await one.channel.send(a_shipment(one))


async def test_a_clear_refusal_is_final(one: Harness) -> None:
    misbehaves(one, "refuses")
    with pytest.raises(Rejected) as caught:
        await one.channel.send(a_shipment(one))
    assert caught.value.detail
    assert one.public() == 0


async def test_lost_rights_close_the_channel(one: Harness) -> None:
    misbehaves(one, "loses_rights")
    with pytest.raises(ChannelClosed):
        await one.channel.send(a_shipment(one))
    assert one.public() == 0


async def test_asked_to_wait_it_sent_nothing(one: Harness) -> None:
    misbehaves(one, "makes_wait")
    with pytest.raises(Deferred):
        await one.channel.send(a_shipment(one))
    assert one.public() == 0


async def test_nobody_there_means_surely_not_sent(one: Harness) -> None:
    if one.switch_off is None:
        pytest.skip("this kind has no other side")
    await one.switch_off()
    with pytest.raises(Deferred):
        await one.channel.send(a_shipment(one))


@pytest.mark.parametrize("fault", ["cut_after_acting", "refuses", "makes_wait", "hangs"])
async def test_after_any_mishap_the_next_send_is_right(one: Harness, fault: str) -> None:
    misbehaves(one, fault)
    with pytest.raises(ChannelError):
        await one.channel.send(a_shipment(one))
    before = one.public()
    await one.channel.send(a_shipment(one, "Второе объявление", key="b" * 32))
    assert one.public() == before + 1


async def test_one_key_shows_once_where_that_is_promised(one: Harness) -> None:
    if one.channel.repeatable_for == timedelta(0):
        pytest.skip("this kind promises no such thing")
    misbehaves(one, "cut_after_acting")
    shipment = a_shipment(one)
    with pytest.raises(Unconfirmed):
        await one.channel.send(shipment)
    await one.channel.send(shipment)
    assert one.public() == 1


# Finding out whether a doubtful post is public


@pytest.fixture
async def last(one: Harness) -> Receipt:
    """The newest part known to stand there: it says the very same as what will be in doubt."""
    if not one.channel.can_look:
        pytest.skip("this kind can't look")
    return await one.channel.send(a_shipment(one, key="b" * 32))


async def sent_unheard(one: Harness, fault: str) -> datetime:
    """Send a shipment and learn nothing; return when it was first sent."""
    since = datetime.now(UTC)
    misbehaves(one, fault)
    with pytest.raises(Unconfirmed):
        await one.channel.send(a_shipment(one))
    return since


async def test_a_look_finds_what_was_taken_unheard(one: Harness, last: Receipt) -> None:
    since = await sent_unheard(one, "cut_after_acting")
    found = await one.channel.look(a_shipment(one), since=since, last=last)
    assert found == one.newest()
    assert found != last


async def test_a_look_does_not_find_what_never_went_out(one: Harness, last: Receipt) -> None:
    since = await sent_unheard(one, "cut_before_acting")
    assert await one.channel.look(a_shipment(one), since=since, last=last) is None


async def test_a_look_tells_one_text_from_another(one: Harness, last: Receipt) -> None:
    since = datetime.now(UTC)
    await one.channel.send(a_shipment(one, "Второе объявление", key="c" * 32))
    assert await one.channel.look(a_shipment(one), since=since, last=last) is None


@pytest.mark.parametrize("fault", ["cut_after_acting", "cut_before_acting"])
async def test_nobody_could_notice_a_look(one: Harness, last: Receipt, fault: str) -> None:
    since = await sent_unheard(one, fault)
    before = one.standing()
    await one.channel.look(a_shipment(one), since=since, last=last)
    assert one.standing() == before


async def test_a_look_at_nobody_is_put_off(one: Harness, last: Receipt) -> None:
    if one.switch_off is None:
        pytest.skip("this kind has no other side")
    await one.switch_off()
    with pytest.raises(Deferred):
        await one.channel.look(a_shipment(one), since=datetime.now(UTC), last=last)


async def test_a_cancelled_send_leaves_the_channel_fit(one: Harness) -> None:
    misbehaves(one, "hangs")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await one.channel.send(a_shipment(one))
    async with asyncio.timeout(20):
        await one.channel.send(a_shipment(one, "Второе объявление", key="b" * 32))


async def test_secrets_are_nowhere_to_be_seen(one: Harness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = [repr(one.channel), str(one.channel)]
    for fault in one.faults:
        one.faults[fault]()
        try:
            await one.channel.send(a_shipment(one, key=fault.ljust(32, "x")))
        except ChannelError as error:
            seen += [repr(error), error.detail, *traceback.format_exception(error)]
    seen += [repr(finding) for finding in await one.channel.check()]
    seen += [record.getMessage() for record in caplog.records]
    for secret in one.secrets:
        assert not [line for line in seen if secret in line]


async def test_check_finds_nothing_wrong_when_all_is_well(one: Harness) -> None:
    assert [finding for finding in await one.channel.check() if finding.fatal] == []
    assert one.public() == 0


async def test_check_says_so_when_nobody_is_there(one: Harness) -> None:
    if one.switch_off is None:
        pytest.skip("this kind has no other side")
    await one.switch_off()
    assert any(finding.fatal for finding in await one.channel.check())


async def test_limits_are_data(one: Harness) -> None:
    assert one.channel.pace.concurrency >= 1
    assert one.channel.stale_after > timedelta(0)
    assert all(pause > timedelta(0) for pause in one.channel.retry_pauses)


async def test_closes_twice_without_complaint(one: Harness) -> None:
    await one.channel.send(a_shipment(one))
    await one.channel.close()
    await one.channel.close()
