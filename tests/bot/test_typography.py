"""The switch for typography: off until somebody wants it, kept with the draft, taken back at any time."""

from collections.abc import AsyncIterator

import pytest

from channels import rehearsal
from delivery import broadcast
from tests.bot.newsroom import ANNA, CHAIR, Newsroom, labels, newsroom
from tests.support.letters import some_surroundings

SWITCH = "«Ёлочки», тире и пробелы"
TYPED = 'Газета "Труд" - наша'
TYPESET = "Газета «Труд»\u00a0— наша"


@pytest.fixture
async def room(url: str) -> AsyncIterator[Newsroom]:
    """The bot at work with a wall that shows what it is told to."""
    settings = rehearsal.Settings(address="@wall")
    wall = await rehearsal.connect("wall", settings, some_surroundings())
    async with newsroom(url, channels={"wall": wall}) as room:
        yield room


async def switch(room: Newsroom) -> str:
    """What the newest card's switch says; empty where there is none."""
    card = await room.sees("Черновик · №1")
    return next((label for label in labels(card) if SWITCH in label), "")


async def sent(room: Newsroom) -> list[str]:
    await room.press("Отправить сейчас")
    await room.sees("Готово.")
    return [one.part.text for one in room.channels["wall"].sent]


async def test_is_off_until_somebody_wants_it(room: Newsroom) -> None:
    await room.tg.say(ANNA, TYPED)
    assert await switch(room) == f"⬜ {SWITCH}"
    assert await sent(room) == [TYPED]


async def test_switched_on_it_goes_out_in_order(room: Newsroom) -> None:
    await room.tg.say(ANNA, TYPED)
    assert "приведены в порядок" in await room.press(f"⬜ {SWITCH}")
    await room.sees(f"✅ {SWITCH}")
    assert (await broadcast.find(room.desk, 1)).post.text == TYPED
    assert await sent(room) == [TYPESET]


async def test_switched_off_again_it_goes_out_as_typed(room: Newsroom) -> None:
    await room.tg.say(ANNA, TYPED)
    await room.press(f"⬜ {SWITCH}")
    assert await room.press(f"✅ {SWITCH}") == "Оставлено так, как набрано."
    await room.sees(f"⬜ {SWITCH}")
    assert await sent(room) == [TYPED]


async def test_there_is_no_switch_where_nothing_would_change(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Заседание 14 мая")
    assert await switch(room) == ""


async def test_it_stays_on_when_the_message_is_corrected_or_goes_on(room: Newsroom) -> None:
    number = await room.tg.say(ANNA, TYPED)
    await room.press(f"⬜ {SWITCH}")
    await room.tg.edit_said(ANNA, number, 'Газета "Солидарность" - наша')
    await room.sees("Взята ваша правка")
    assert await switch(room) == f"✅ {SWITCH}"
    assert await sent(room) == ["Газета «Солидарность»\u00a0— наша"]


async def test_what_was_approved_otherwise_needs_another_consent(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await room.tg.say(ANNA, TYPED)
        await room.press("На согласование")
        await room.press("Одобрить", CHAIR)
        await room.sees("Одобрено: Председатель")
        await room.press(f"⬜ {SWITCH}")
        await room.sees("прежнее одобрение больше не действует")
