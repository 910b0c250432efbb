"""How readers received a post: asked when somebody wants to know, summed up in one short answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.handlers import readers as handler
from bot.texts.readers import LONGEST, NOTHING_COUNTED, figures
from channels.contract import Deferred, Receipt
from channels.readers import Figures
from tests.bot.newsroom import Newsroom, labels, newsroom
from tests.delivery.builders import Scripted


class Wall(Scripted):
    """A wall that counts its readers, or says what came in between."""

    counts: Figures | None = Figures(views=1234, likes=21, reposts=2, comments=0)
    trouble: Exception | None = None
    can_count = True
    slow = False

    async def figures(self, receipts: Sequence[Receipt]) -> Sequence[Figures | None]:
        if self.slow:
            await asyncio.sleep(60)
        if self.trouble is not None:
            raise self.trouble
        return [self.counts for _ in receipts]


@pytest.fixture
def wall() -> Wall:
    return Wall("club101")


@pytest.fixture
async def room(url: str, wall: Wall) -> AsyncIterator[Newsroom]:
    async with newsroom(url, channels={"wall": wall}, kinds={"wall": "vk"}) as room:
        yield room


async def sent(room: Newsroom, text: str = "Собрание в среду") -> None:
    await room.tg.say(2, text)
    await room.press("Отправить сейчас")
    await room.sees("Готово. Всё вышло.")


async def test_a_button_tells_how_a_post_was_received(room: Newsroom) -> None:
    await sent(room)
    said = await room.press("Просмотры")
    assert said == "ВКонтакте: 1234 просмотра, 21 отметка «Нравится», 2 репоста, 0 комментариев."


async def test_posts_of_one_broadcast_are_counted_together(room: Newsroom) -> None:
    await sent(room, "Первая часть|Вторая часть")
    assert (await room.press("Просмотры")).startswith("ВКонтакте: 2468 просмотров, 42 отметки")


async def test_where_it_cannot_be_told_now_that_is_said(room: Newsroom, wall: Wall) -> None:
    await sent(room)
    wall.trouble = Deferred("flood")
    assert await room.press("Просмотры") == "ВКонтакте: сейчас не узнать, попробуйте позже."


async def test_nobody_waits_for_ever(room: Newsroom, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    await sent(room)
    monkeypatch.setattr(handler, "_PATIENCE", 0.05)
    wall.slow = True
    assert "попробуйте позже" in await room.press("Просмотры")


async def test_a_post_that_was_deleted_by_hand_counts_nothing(room: Newsroom, wall: Wall) -> None:
    await sent(room)
    wall.counts = None
    assert await room.press("Просмотры") == NOTHING_COUNTED


async def test_without_a_key_that_counts_there_is_no_button(room: Newsroom, wall: Wall) -> None:
    wall.can_count = False
    await sent(room)
    assert "Просмотры" not in labels(await room.sees("Готово. Всё вышло."))


async def test_a_channel_that_does_not_count_has_no_button(url: str) -> None:
    async with newsroom(url, channels={"wall": Scripted("club101")}, kinds={"wall": "vk"}) as room:
        await sent(room)
        assert "Просмотры" not in labels(await room.sees("Готово. Всё вышло."))


def test_what_is_not_known_is_left_out() -> None:
    assert figures({"ВКонтакте": [Figures(views=1), Figures(likes=5)]}) == (
        "ВКонтакте: 1\u00a0просмотр, 5\u00a0отметок «Нравится»."
    )
    assert figures({"ВКонтакте": [Figures()]}) == "ВКонтакте: ничего не известно."


def test_the_answer_fits_into_telegrams_bubble() -> None:
    walls = {f"ВКонтакте «district-{n}»": [Figures(10**6, 10**5, 10**4, 10**3)] for n in range(9)}
    assert len(figures(walls)) <= LONGEST
