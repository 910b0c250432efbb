"""`rupor look` through the real VK channel and its stand-in: the post is there, it is not, or nobody can tell."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from delivery.model import DeliveryState
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.bot.commands.conftest import Rupor
from tests.bot.commands.situations import letters_in_doubt, one_in_doubt
from tests.delivery.builders import states

TOKEN = "vk1.secret-of-the-community"
SECTION = """
[channels.wall]
kind = "vk"
group_id = 101
community_token = "{token}"
service_token = "secret-of-an-application"
api_base = "{url}"
connect_timeout = 2
read_timeout = 2
"""
MAIL = '[channels.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = 9\ntls = "none"\nsender = "p@example.org"\n'


@contextmanager
def at_work(wall: VkStandIn) -> Iterator[None]:
    """Let a stand-in serve from a thread of its own: a command has its own event loop."""
    up, loop, end = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with wall:
            up.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def wall(rupor: Rupor) -> Iterator[VkStandIn]:
    wall = VkStandIn()
    wall.add_community(101, "Профсоюзы")
    wall.add_community_token(TOKEN, 101)
    wall.add_service_token("secret-of-an-application")
    with at_work(wall):
        rupor.configure(SECTION.format(token=TOKEN, url=wall.url))
        yield wall
    assert wall.violations == []


def publish(wall: VkStandIn, text: str) -> None:
    """Post as Rupor does, unheard by it."""
    fields = {"owner_id": -101, "from_group": 1, "message": text, "v": "5.199", "access_token": TOKEN}
    with urlopen(f"{wall.url}/method/wall.post", urlencode(fields).encode()) as answer:
        assert b"post_id" in answer.read()


def test_what_is_found_is_sent_with_its_link(rupor: Rupor, wall: VkStandIn) -> None:
    number = one_in_doubt(rupor)
    publish(wall, "Заседание президиума")
    link = "https://vk.com/wall-101_1"
    assert rupor.json("look", "1") == {"delivery": 1, "seen": "there", "state": "sent", "link": link}
    assert rupor.json("status", str(number))["broadcasts"][0]["channels"]["wall"]["links"] == [link]
    code, out, _ = rupor("settle", "1", "sent")
    assert (code, "Так уже и записано (проверка, " in out) == (0, True)


def test_what_is_not_found_goes_out_again(rupor: Rupor, wall: VkStandIn) -> None:
    number = one_in_doubt(rupor)
    publish(wall, "Совсем другое")
    code, out, _ = rupor("look", "1")
    assert (code, "Доставки 1 там нет, она снова в очереди." in out) == (0, True)
    assert rupor.with_desk(lambda desk: states(desk, number)) == [DeliveryState.QUEUED]


def test_a_look_without_certainty_ends_with_3(rupor: Rupor, wall: VkStandIn) -> None:
    number = one_in_doubt(rupor)
    for _ in range(4):
        wall.faults.add("wall.get", Fault(Kind.REFUSES, code=5))
    document = {"delivery": 1, "seen": "uncertain", "state": "unconfirmed", "link": None, "reason": "token_revoked"}
    assert rupor.json("look", "1", code=3) == document
    code, out, _ = rupor("look", "1")
    assert (code, "не удалось: ключ доступа больше не действует. Администратору" in out) == (3, True)
    assert rupor.with_desk(lambda desk: states(desk, number)) == [DeliveryState.UNCONFIRMED]


def test_where_nobody_can_look_a_person_is_asked(rupor: Rupor) -> None:
    number = letters_in_doubt(rupor)
    rupor.configure(MAIL)
    code, _, err = rupor("look", "2")
    assert (code, "rupor settle 2 sent" in err) == (2, True)
    assert rupor.with_desk(lambda desk: states(desk, number))[1] is DeliveryState.UNCONFIRMED
