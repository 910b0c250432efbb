"""Four eyes: nothing of an editor's goes out before somebody else has seen exactly that."""

import asyncio

from delivery import broadcast
from delivery.model import Stage
from tests.bot.newsroom import ADMIN, ANNA, CHAIR, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list


async def submitted(room: Newsroom, text: str = "Приказ №14") -> None:
    await room.tg.say(ANNA, text)
    await room.press("На согласование")
    await room.sees("На согласовании · №1")
    await room.sees("На согласовании · №1", CHAIR)


async def test_an_editor_asks_the_approver_sees_what_will_go_out_and_the_editor_sends(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await room.tg.say(ANNA, "Приказ №14")
        card = await room.sees("Черновик · №1")
        assert not any("Отправить сейчас" in label for label in labels(card))
        await room.press("На согласование")
        request = await room.sees("На согласовании · №1", CHAIR)
        assert "Автор: Анна" in words(request)
        assert "Приказ №14" in room.texts(CHAIR)
        assert await room.press("Одобрить", CHAIR) == "Одобрено. Автор может отправлять."
        await room.sees("Одобрено: Председатель")
        await room.press("Отправить сейчас")
        await room.sees("Готово. Всё вышло.")
        assert len(room.channels["wall"].sent) == 1


async def test_a_declined_draft_comes_back(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await submitted(room)
        await room.press("Отклонить", CHAIR)
        card = await room.sees("Отклонено: Председатель")
        assert "На согласование" in labels(card)


async def test_a_change_after_approval_needs_another_one(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await submitted(room)
        await room.press("Одобрить", CHAIR)
        await room.sees("Одобрено: Председатель")
        await room.press("Исправить текст")
        await room.sees("Новый текст для №1")
        await room.tg.say(ANNA, "Приказ №15")
        card = await room.sees("прежнее одобрение больше не действует")
        assert not any("Отправить сейчас" in label for label in labels(card))
        assert (await broadcast.find(room.desk, 1)).stage is Stage.DRAFT


async def test_other_channels_after_approval_need_another_one(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await a_list(room.desk, "members", "a@example.org")
        await submitted(room)
        await room.press("Одобрить", CHAIR)
        await room.sees("Одобрено: Председатель")
        await room.press("Каналы")
        await room.press("Members")
        await room.sees("Сейчас выбрано: 1 канал.")
        await room.press("Готово")
        card = await room.sees("Черновик · №1")
        assert "На согласование" in labels(card)


async def test_the_request_for_an_older_text_cannot_be_approved(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        source = await room.tg.say(ANNA, "Приказ №14")
        await room.press("На согласование")
        request = {**await room.sees("Одобрить", CHAIR)}
        await room.tg.edit_said(ANNA, source, "Приказ №15")
        await room.sees("Взята ваша правка")
        await room.press("На согласование")
        shown = await room.tg.wait_for(
            lambda: (found := room.find("Одобрить", CHAIR)) and found["message_id"] != request["message_id"] and found
        )
        shown["reply_markup"] = request["reply_markup"]
        assert "с тех пор изменился" in await room.press("Одобрить", CHAIR, shown)
        assert (await broadcast.find(room.desk, 1)).stage is Stage.AWAITING_APPROVAL


async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR, ADMIN)) as room:
        await submitted(room)
        await room.sees("На согласовании · №1", ADMIN)
        answers = await asyncio.gather(room.press("Одобрить", CHAIR), room.press("Отклонить", ADMIN))
        stage = (await broadcast.find(room.desk, 1)).stage
        assert stage in {Stage.APPROVED, Stage.DRAFT}
        assert any("Одобрено. Автор" in each or "Отклонено. Автор" in each for each in answers)
        assert any("черновик" in each or "одобрено. Теперь" in each for each in answers)


async def test_an_administrator_needs_nobody(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await room.tg.say(ADMIN, "Срочно")
        await room.press("Отправить сейчас", ADMIN)
        await room.sees("Готово. Всё вышло.", ADMIN)


async def test_the_editor_can_remind(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await submitted(room)
        before = len(room.said(CHAIR))
        await room.press("Напомнить")
        await room.tg.wait_for(lambda: len(room.said(CHAIR)) > before)
