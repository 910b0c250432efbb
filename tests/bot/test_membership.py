"""When the bot loses its place in a channel, editors hear of it at once, and nothing is tried until it is back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from channels.contract import Reason
from delivery.model import Hold
from delivery.store import holds
from tests.bot.newsroom import ADMIN, ANNA, Newsroom, newsroom, words
from tests.delivery.builders import Scripted
from tests.support.waiting import eventually

PUBLIC, CLOSED, FORUM = -1001000000001, -1001000000002, -1001000000003
KINDS = {"tg": "telegram", "twin": "telegram", "closed": "telegram", "forum": "telegram", "wall": "vk"}


@pytest.fixture
async def room(url: str) -> AsyncIterator[Newsroom]:
    """Channels by name and by number, two of them in one chat, and a wall that happens to be called like it."""
    channels = {
        "tg": Scripted("@SmolProf"),
        "twin": Scripted(str(PUBLIC)),
        "closed": Scripted(str(CLOSED)),
        "forum": Scripted(str(FORUM)),
        "wall": Scripted("@smolprof"),
    }
    async with newsroom(url, channels=channels, kinds=KINDS) as room:
        room.tg.add_channel(PUBLIC, "Профсоюзы", "smolprof")
        room.tg.add_channel(CLOSED, "Для своих")
        room.tg.add_group(FORUM, "Форум", topics=(5,))
        room.boards._pause = 0.05
        yield room


async def held(room: Newsroom) -> dict[str, Hold]:
    async with room.desk.database.reading() as tx:
        return {hold.channel: hold for hold in await holds.holds(tx)}


async def held_are(room: Newsroom, *channels: str) -> dict[str, Hold]:
    """Wait until exactly these are held."""
    async with asyncio.timeout(20):
        while set(found := await held(room)) != set(channels):  # noqa: ASYNC110 - nobody tells us when
            await asyncio.sleep(0.02)
    return found


async def told(room: Newsroom, text: str, person: int) -> None:
    """Wait until a person has heard it of both channels of the public chat."""
    await room.tg.wait_for(lambda: sum(text in said for said in room.texts(person)) == 2)


@pytest.mark.parametrize(
    ("status", "rights"),
    [("administrator", {"can_post_messages": False}), ("member", {}), ("left", {}), ("kicked", {})],
)
async def test_a_lost_right_is_told_at_once_and_so_is_its_return(
    room: Newsroom, status: str, rights: dict[str, bool]
) -> None:
    room.tg.set_status(PUBLIC, status, **rights)
    found = await held_are(room, "tg", "twin")
    assert {hold.reason for hold in found.values()} == {Reason.NO_RIGHT_TO_POST}
    assert found["tg"].detail == f"administrator → {status}"
    for person in (ADMIN, ANNA):
        await told(room, "отправка приостановлена", person)
    room.tg.set_status(PUBLIC, "administrator", can_post_messages=True)
    await held_are(room)
    for person in (ADMIN, ANNA):
        await told(room, "снова работает", person)


async def test_nothing_is_tried_while_the_place_is_lost(room: Newsroom) -> None:
    room.tg.set_status(CLOSED, "kicked")
    await held_are(room, "closed")
    await room.tg.say(ANNA, "Собрание в среду")
    await room.press("Отправить сейчас")
    await eventually(lambda: room.channels["tg"].sent)
    assert room.channels["closed"].calls == 0
    room.tg.set_status(CLOSED, "administrator")
    await held_are(room)
    await eventually(lambda: room.channels["closed"].sent)


async def test_a_group_is_lost_with_its_membership_only(room: Newsroom) -> None:
    room.tg.set_status(FORUM, "administrator")
    room.tg.set_status(FORUM, "member")
    room.tg.set_status(FORUM, "left")
    await held_are(room, "forum")
    room.tg.set_status(FORUM, "member")
    await held_are(room)


async def test_it_is_told_once_however_often_the_rights_change(room: Newsroom) -> None:
    for status in ("member", "left", "kicked"):
        room.tg.set_status(CLOSED, status)
    await held_are(room, "closed")
    await room.sees("отправка приостановлена")
    room.tg.set_status(CLOSED, "administrator")
    await held_are(room)
    await room.sees("снова")
    assert sum("приостановлена" in words(message) for message in room.said(ANNA)) == 1


async def test_a_hold_for_another_reason_is_left_alone(room: Newsroom) -> None:
    now = room.desk.now()
    async with room.desk.database.writing() as tx:
        until = now + timedelta(hours=1)
        await holds.close(tx, "closed", reason=Reason.NOT_CONNECTED, detail="", retry_at=until, tell=False, now=now)
    room.tg.set_status(CLOSED, "administrator", can_edit_messages=False)
    room.tg.set_status(PUBLIC, "left")
    found = await held_are(room, "closed", "tg", "twin")
    assert found["closed"].reason is Reason.NOT_CONNECTED


async def test_other_chats_and_people_who_block_the_bot_hold_nothing(room: Newsroom) -> None:
    other = room.tg.add_channel(-1001000000009, "Чужой", "other")
    room.tg.set_status(other, "kicked")
    room.tg.block(ANNA)
    room.tg.set_status(CLOSED, "left")
    await held_are(room, "closed")


async def test_who_is_asked_for_it_by_name(room: Newsroom) -> None:
    def polls() -> list[Any]:
        return room.tg.world.allowed_updates

    await room.tg.wait_for(polls)
    assert "my_chat_member" in polls()
