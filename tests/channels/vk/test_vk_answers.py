"""Answers that tell nothing, and others than VK: what may be public, and what surely is not."""

import asyncio
import socket
import ssl
from dataclasses import replace
from typing import Any

import pytest
import trustme
from aiohttp import web
from pydantic import SecretStr

from channels.contract import (
    ChannelClosed,
    Deferred,
    Post,
    Reason,
    Rejected,
    Unconfirmed,
)
from channels.vk import client
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import (
    GROUP,
    USER_TOKEN,
    Opener,
    Shelf,
    answering,
    calls,
    failure,
    send,
    shipment,
)
from tests.support.clock import Clock

LOST_AFTER_ACTING = [Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS]


@pytest.mark.parametrize("kind", [*LOST_AFTER_ACTING, Kind.DROPS_BEFORE])
async def test_a_lost_answer_leaves_the_outcome_open(vk: VkStandIn, channel: VkChannel, kind: Kind) -> None:
    vk.faults.add("wall.post", Fault(kind))
    error = await failure(channel)
    assert (type(error), error.reason) == (Unconfirmed, Reason.NO_ANSWER)
    assert len(calls(vk, "wall.post")) == 1


@pytest.mark.parametrize("kind", LOST_AFTER_ACTING)
async def test_the_repeat_of_a_lost_answer_shows_once(vk: VkStandIn, channel: VkChannel, kind: Kind) -> None:
    vk.faults.add("wall.post", Fault(kind))
    await failure(channel)
    receipt = await channel.send(shipment())
    assert receipt.external_ids == ("1",)
    assert len(vk.posts(GROUP)) == 1


async def test_the_repeat_is_the_same_to_the_byte_and_uploads_nothing(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    post = Post("Фото", attachments=(shelf.picture(), shelf.document()))
    vk.faults.add("wall.post", Fault(Kind.BAD_GATEWAY, times=2))
    for _ in range(2):
        with pytest.raises(Unconfirmed):
            await send(full, post)
    await send(full, post)
    first, *others = calls(vk, "wall.post")
    assert others == [first, first]
    assert len(calls(vk, "photos.saveWallPhoto")) == 1


async def test_attachments_forgotten_by_a_restart_are_not_sent_again_blindly(
    vk: VkStandIn, full: VkChannel, opened: Opener, shelf: Shelf
) -> None:
    vk.guid_repeat = "exact"
    first = shipment("Фото", shelf.picture())
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(full, first)
    restarted = await opened(vk.url, user_token=SecretStr(USER_TOKEN))
    error = await failure(restarted, replace(first, unheard=True))
    assert (type(error), error.reason) == (Unconfirmed, Reason.FILE_LOST)
    assert (await full.send(replace(first, unheard=True))).external_ids[0] == "1"
    assert len(vk.posts(GROUP)) == 1


async def test_words_alone_are_repeated_the_same_to_the_byte_after_a_restart(
    vk: VkStandIn, channel: VkChannel, opened: Opener
) -> None:
    vk.guid_repeat = "exact"
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(channel)
    restarted = await opened(vk.url)
    assert (await restarted.send(shipment())).external_ids == ("1",)
    first, again = calls(vk, "wall.post")
    assert again == first


async def test_another_key_is_another_post(vk: VkStandIn, channel: VkChannel) -> None:
    await channel.send(shipment(key="key-1"))
    await channel.send(shipment(key="key-2"))
    assert len(vk.posts(GROUP)) == 2


async def test_a_refused_repeat_does_not_tell_what_became_of_the_first(vk: VkStandIn, channel: VkChannel) -> None:
    vk.guid_repeat = "error"
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(channel)
    error = await failure(channel)
    assert type(error) is Unconfirmed
    assert "[100]" in error.detail


async def test_a_doubt_is_over_when_the_guid_is(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    vk.faults.add("wall.post", Fault(Kind.DROPS_BEFORE))
    await failure(channel)
    clock.advance(minutes=56)
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=222))
    assert type(await failure(channel)) is Rejected


async def test_a_delayed_answer_is_an_answer(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.1))
    assert (await channel.send(shipment())).external_ids == ("1",)


# Nobody there, or somebody else


async def test_where_nobody_listens_nothing_went_out(opened: Opener) -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        channel = await opened(f"http://127.0.0.1:{placeholder.getsockname()[1]}")
        error = await failure(channel)
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)
    assert "refused" in error.detail


async def test_an_unknown_host_means_nothing_went_out(opened: Opener) -> None:
    error = await failure(await opened("http://vk.invalid"))
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


async def test_a_stranger_with_a_certificate_of_his_own_is_not_spoken_to(opened: Opener) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with answering(lambda _request: web.json_response({}), tls) as (url, asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Deferred, Reason.TLS_FAILED)
    assert asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(opened: Opener, status: int) -> None:
    def redirect(request: web.Request) -> web.Response:
        return web.json_response(
            {"response": {"post_id": 1}}, status=status, headers={"Location": f"http://{request.host}/elsewhere"}
        )

    async with answering(redirect) as (url, asked):
        error = await failure(await opened(url))
    assert type(error) is Unconfirmed
    assert "redirected to" in error.detail
    assert asked == ["/method/wall.post"]


async def test_a_call_turned_away_before_the_api_did_nothing(opened: Opener) -> None:
    async with answering(lambda _request: web.Response(status=403, text="<html>")) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        [],
        "text",
        5,
        None,
        {"response": {}},
        {"response": 1},
        {"response": {"post_id": 0}},
        {"response": {"post_id": "1"}},
        {"error": None},
        {"error": {}},
        {"error": {"error_code": "many", "error_msg": "a"}},
        {"error": {"error_code": [5]}},
    ],
)
async def test_an_answer_without_sense_leaves_the_outcome_open(opened: Opener, nonsense: Any) -> None:
    async with answering(lambda _request: web.json_response(nonsense)) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Unconfirmed, Reason.NO_ANSWER)


@pytest.mark.parametrize("extra", [{}, {"captcha_sid": "1"}, {"error_msg": "Captcha needed"}])
async def test_a_captcha_without_its_picture_is_a_captcha(opened: Opener, extra: dict[str, str]) -> None:
    answer = {"error": {"error_code": 14, **extra}}
    async with answering(lambda _request: web.json_response(answer)) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (ChannelClosed, Reason.CAPTCHA_NEEDED)


async def test_a_body_cut_in_the_middle_leaves_the_outcome_open(opened: Opener) -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"response"')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        error = await failure(await opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert type(error) is Unconfirmed


async def test_an_answer_that_trickles_is_given_up(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SLACK", 0.1)

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(15):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        channel = await opened(url, connect_timeout=0.3, read_timeout=0.3)
        assert type(await failure(channel)) is Unconfirmed
        # The thread still waits for that answer: the next call never begins, so it surely did nothing.
        error = await failure(channel, shipment(key="key-2"))
        assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)
