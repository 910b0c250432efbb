"""Views, likes, shares and comments of posts, read back in batches."""

from dataclasses import replace

import pytest
from aiohttp import web
from pydantic import SecretStr

from channels.contract import Deferred, Reason, Receipt
from channels.readers import CountsReaders, Figures
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import GROUP, SERVICE_TOKEN, USER_TOKEN, Opener, answering, calls, shipment


async def test_a_key_that_reads_the_wall_counts(channel: VkChannel, full: VkChannel) -> None:
    assert isinstance(full, CountsReaders)
    assert (channel.can_count, full.can_count) == (False, True)


async def test_a_post_tells_how_it_was_received(vk: VkStandIn, full: VkChannel) -> None:
    receipt = await full.send(shipment())
    vk.posts(GROUP)[0] = replace(vk.posts(GROUP)[0], views=1200, likes=34, reposts=5, comments=6)
    assert await full.figures([receipt]) == [Figures(views=1200, likes=34, reposts=5, comments=6)]
    assert vk.violations == []


async def test_hundreds_of_posts_are_asked_for_a_hundred_at_a_time(vk: VkStandIn, full: VkChannel) -> None:
    receipts = [await full.send(shipment(f"Пост {n}", key=f"key-{n}")) for n in range(3)]
    receipts += [Receipt((str(number),)) for number in range(100, 347)]
    found = await full.figures(receipts)
    assert [one is not None for one in found] == [True] * 3 + [False] * 247
    assert [len(call["posts"].split(",")) for call in calls(vk, "wall.getById")] == [100, 100, 50]


async def test_who_is_gone_or_was_never_there_is_left_out(vk: VkStandIn, full: VkChannel) -> None:
    first, second = [await full.send(shipment(key=key)) for key in ("key-1", "key-2")]
    vk.posts(GROUP).pop(0)
    gone, there, nowhere = await full.figures([first, second, Receipt()])
    assert (gone, there, nowhere) == (None, Figures(0, 0, 0, 0), None)


async def test_nothing_is_asked_for_nothing(vk: VkStandIn, full: VkChannel) -> None:
    assert await full.figures([]) == []
    assert calls(vk, "wall.getById") == []


async def test_a_closed_wall_is_left_to_the_administrators_token(vk: VkStandIn, opened: Opener) -> None:
    service_alone = await opened(vk.url, service_token=SecretStr(SERVICE_TOKEN))
    person = await opened(vk.url, user_token=SecretStr(USER_TOKEN))
    receipt = await person.send(shipment())
    assert await service_alone.figures([receipt]) == [Figures(0, 0, 0, 0)]
    vk.world.communities[GROUP].closed = True
    assert await service_alone.figures([receipt]) == [None]
    assert await person.figures([receipt]) == [Figures(0, 0, 0, 0)]


async def test_a_revoked_service_key_is_passed_by(vk: VkStandIn, full: VkChannel) -> None:
    receipt = await full.send(shipment())
    vk.revoke(SERVICE_TOKEN)
    assert await full.figures([receipt]) == [Figures(0, 0, 0, 0)]


async def test_without_a_key_that_reads_it_cannot_be_told(channel: VkChannel) -> None:
    receipt = await channel.send(shipment())
    with pytest.raises(Deferred) as caught:
        await channel.figures([receipt])
    assert caught.value.reason is Reason.WRONG_KIND_OF_TOKEN


@pytest.mark.parametrize("kind", [Kind.BAD_GATEWAY, Kind.HANGS, Kind.DROPS_BEFORE, Kind.MAKES_WAIT])
async def test_trouble_is_put_off(vk: VkStandIn, full: VkChannel, kind: Kind) -> None:
    receipt = await full.send(shipment())
    vk.faults.add("wall.getById", Fault(kind, times=2))
    with pytest.raises(Deferred):
        await full.figures([receipt])


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"id": 1}, Figures()),
        ({"id": 1, "views": {"count": 5}, "likes": {}, "reposts": 7}, Figures(views=5)),
    ],
)
async def test_what_vk_does_not_say_is_not_made_up(opened: Opener, item: object, expected: Figures) -> None:
    async with answering(lambda _request: web.json_response({"response": {"items": [item]}})) as (url, _asked):
        channel = await opened(url, service_token=SecretStr(SERVICE_TOKEN))
        assert await channel.figures([Receipt(("1",))]) == [expected]


@pytest.mark.parametrize("nonsense", [{}, [], {"items": None}, {"items": [5]}, {"items": [{}]}])
async def test_nonsense_is_put_off(opened: Opener, nonsense: object) -> None:
    async with answering(lambda _request: web.json_response({"response": nonsense})) as (url, _asked):
        channel = await opened(url, service_token=SecretStr(SERVICE_TOKEN))
        with pytest.raises(Deferred):
            await channel.figures([Receipt(("1",))])
