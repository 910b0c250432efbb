"""Whatever people write and press, in whatever order: every press is answered, and nothing ends in a fault of ours."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from channels.contract import ChannelClosed, Deferred, Reason, Rejected, Unconfirmed
from tests.bot.newsroom import ADMIN, ANNA, BORIS, CHAIR, Newsroom, newsroom, settings
from tests.delivery.builders import a_list, says
from tests.support.pictures import png

STEPS = 150
PEOPLE = (ADMIN, ANNA, BORIS, CHAIR)
TEXTS = (
    "Собрание в среду",
    "вторая часть|первая",
    "завтра в 9",
    "каждую среду в 10:00",
    "через 1 минуту",
    "/cancel",
    "/new",
    "/status",
    "/status 2",
    "/schedules",
    "/lists",
    "длинно " * 800,
)

Step = Callable[[Newsroom, random.Random, int], Awaitable[None]]


async def writes(room: Newsroom, chance: random.Random, who: int) -> None:
    await room.tg.say(who, chance.choice(TEXTS))


async def sends_a_file(room: Newsroom, chance: random.Random, who: int) -> None:
    if chance.random() < 0.5:
        await room.tg.send_media(who, "photo", "p.png", png(), "image/png", caption="Подпись")
    else:
        await room.tg.send_media(who, "document", "адреса.csv", "a@example.org;А\nb@;Б\n".encode(), "text/csv")


async def edits(room: Newsroom, chance: random.Random, who: int) -> None:
    own = [each for each in room.tg.chat(who) if not each["from"]["is_bot"] and "text" in each]
    if own:
        await room.tg.edit_said(who, chance.choice(own)["message_id"], "Правка")


async def something_goes_wrong(room: Newsroom, chance: random.Random, who: int) -> None:
    errors = (
        Rejected("no", chance.choice(list(Reason))),
        Unconfirmed("?"),
        Deferred("later"),
        ChannelClosed("", Reason.TOKEN_REVOKED),
    )
    says(chance.choice(list(room.channels.values())), chance.choice(errors))


async def time_passes(room: Newsroom, chance: random.Random, who: int) -> None:
    room.clock.advance(minutes=chance.choice((1, 5, 90)))
    room.face.poke()


async def presses(room: Newsroom, chance: random.Random, who: int) -> None:
    there = [
        (message, button)
        for message in room.said(who)[-12:]
        for row in message.get("reply_markup", {}).get("inline_keyboard", [])
        for button in row
        if "callback_data" in button
    ]
    if there:
        message, button = chance.choice(there)
        answer = await room.press(button["callback_data"], who, message)
        assert "внутренняя ошибка" not in answer, button


WEIGHTS: dict[Step, int] = {presses: 14, writes: 3, sends_a_file: 1, edits: 1, something_goes_wrong: 1, time_passes: 1}


@pytest.mark.parametrize("approvers", [(), (CHAIR,)], ids=["alone", "four eyes"])
async def test_every_press_is_answered_and_nothing_fails(url: str, approvers: tuple[int, ...]) -> None:
    chance = random.Random(f"{settings().editors}{approvers}")
    async with newsroom(url, approvers=approvers, quiet=0.1, pause=0.02) as room:
        await a_list(room.desk, "members", *(f"a{number}@example.org" for number in range(5)))
        for _ in range(STEPS):
            (step,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            await step(room, chance, chance.choice(PEOPLE))
            await asyncio.sleep(chance.choice((0, 0, 0.05)))
        said = [text for who in PEOPLE for text in room.texts(who)]
        assert [text for text in said if "внутренняя ошибка. Ничего" in text] == []
