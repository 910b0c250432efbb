"""The VK channel over the stand-in: what goes over the wire and appears on the wall."""

import asyncio
import logging
import threading
from datetime import timedelta

import pytest
from pydantic import SecretStr

from channels.contract import (
    AttachmentKind,
    ChannelClosed,
    Part,
    Post,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Shipment,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.vk import Settings
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import (
    COMMUNITY_TOKEN,
    GROUP,
    PNG,
    Opener,
    Shelf,
    calls,
    failure,
    send,
    shipment,
)


async def test_a_text_appears_on_the_wall(vk: VkStandIn, channel: VkChannel) -> None:
    receipt = await channel.send(shipment("Собрание в среду\nв 18:00 & без опозданий"))
    assert receipt == Receipt(("1",), f"https://vk.com/wall-{GROUP}_1")
    (post,) = vk.posts(GROUP)
    assert (post.text, post.from_id) == ("Собрание в среду\nв 18:00 & без опозданий", -GROUP)
    assert calls(vk, "wall.post")[0]["guid"] == "key-1"
    assert vk.violations == []


async def test_the_longest_text_arrives_whole(vk: VkStandIn, channel: VkChannel) -> None:
    await channel.send(shipment("ж" * 15_000))
    assert vk.posts(GROUP)[0].text == "ж" * 15_000


async def test_pictures_arrive_in_order_and_the_community_posts_them(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    pictures = tuple(shelf.picture(f"{number}.png", PNG + bytes([number])) for number in range(3))
    await send(full, Post("Фото", attachments=pictures))
    (post,) = vk.posts(GROUP)
    shown = [vk.media(name) for name in post.attachments]
    assert [one.content for one in shown if one is not None] == [PNG + bytes([number]) for number in range(3)]
    assert post.from_id == -GROUP
    assert vk.violations == []


async def test_a_picture_without_a_persons_token_arrives_as_a_file(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf
) -> None:
    await send(channel, Post("Фото", attachments=(shelf.picture("пикет.png"),)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert (post["photos"], post["docs"][0]["title"]) == ([], "пикет.png")
    assert vk.violations == []


async def test_a_document_keeps_its_real_name(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    await send(channel, Post("", attachments=(shelf.document('Приказ № 5 "о наградах".pdf'),)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert post["docs"][0]["title"] == 'Приказ № 5 "о наградах".pdf'
    assert "message" not in calls(vk, "wall.post")[0]


async def test_a_video_arrives_as_a_video(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    film = shelf.put("митинг.mp4", AttachmentKind.VIDEO, "video/mp4", b"film")
    await send(full, Post("Видео", attachments=(film,)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert [video["title"] for video in post["videos"]] == ["митинг"]
    assert vk.violations == []


async def test_everything_at_once(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    film = shelf.put("b.mp4", AttachmentKind.VIDEO, "video/mp4", b"film")
    attachments = (shelf.document(), film, *(shelf.picture(f"{number}.png") for number in range(2)))
    await send(full, Post("Всё", attachments=attachments))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert (len(post["photos"]), len(post["videos"]), len(post["docs"])) == (2, 1, 1)


async def test_another_communitys_address_is_refused(vk: VkStandIn, channel: VkChannel) -> None:
    error = await failure(channel, Shipment(Part("а"), Recipient("club5"), "key-1"))
    assert (type(error), error.reason) == (Rejected, Reason.NO_SUCH_CHAT)
    assert vk.posts(GROUP) == []


async def test_bytes_that_are_gone_are_told(channel: VkChannel, shelf: Shelf) -> None:
    document = shelf.document()
    shelf.kept.clear()
    error = await failure(channel, shipment("а", document))
    assert (type(error), error.reason) == (Rejected, Reason.FILE_LOST)


async def test_a_picture_waits_when_the_persons_token_was_taken_away(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf
) -> None:
    error = await failure(channel, shipment("а", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.WRONG_KIND_OF_TOKEN)
    assert vk.posts(GROUP) == []


def test_says_how_it_wants_to_be_used() -> None:
    settings = Settings(group_id=GROUP, community_token=SecretStr(COMMUNITY_TOKEN), stale_hours=1)
    channel = VkChannel("vk", settings, Surroundings(media=Shelf(), telegram=TelegramAccess("0:t")))
    assert channel.pace.concurrency == 1
    assert channel.repeatable_for == timedelta(minutes=55)
    assert channel.stale_after == timedelta(hours=1)
    assert channel.address == f"club{GROUP}"


# Given up half-way


def worker_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("vk")]


async def test_a_cancelled_send_leaves_nothing_dangling(
    vk: VkStandIn, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    channel = await opened(vk.url, read_timeout=5)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment())
    await channel.close()
    assert len(vk.posts(GROUP)) == 1, "close waits for the call under way"
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)


async def test_a_cancelled_send_leaves_its_key_in_doubt(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened(vk.url, read_timeout=5)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment())
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=222))
    assert type(await failure(channel)) is Unconfirmed


async def test_a_send_cancelled_while_uploading_posts_nothing(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    vk.faults.add("upload.doc", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment("а", shelf.document()))
    await channel.close()
    assert vk.posts(GROUP) == []


async def test_closing_gives_the_threads_back_and_may_be_repeated(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    await full.send(shipment("а", shelf.picture()))
    before = len(worker_threads())
    await full.close()
    for _ in range(100):
        if before - len(worker_threads()) >= 2:
            break
        await asyncio.sleep(0.01)
    assert before - len(worker_threads()) == 2
    await full.close()


async def test_closing_does_not_wait_for_ever(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened(vk.url, connect_timeout=0.1, read_timeout=0.2)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await channel.send(shipment())
    async with asyncio.timeout(2):
        await channel.close()
