"""«Запланировать», «Повторять», /schedules: a moment in words, read back, kept, changed, given up."""

import asyncio

import pytest

from channels.contract import Reason, Rejected
from delivery import broadcast
from delivery.model import AnnouncementState, Schedule, ScheduleState, Stage
from delivery.report import of
from delivery.store import schedules
from tests.bot.newsroom import ANNA, CHAIR, Newsroom, labels, newsroom, words
from tests.delivery.builders import says


async def a_draft(room: Newsroom, text: str = "Юридическая консультация") -> None:
    await room.tg.say(ANNA, text)
    await room.sees("Черновик · №1")


async def plans(room: Newsroom) -> list[Schedule]:
    async with room.desk.database.reading() as tx:
        return await schedules.living(tx)


async def planned(room: Newsroom, when: str = "завтра в 9:00") -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.sees("Когда отправить №1?")
    await room.tg.say(ANNA, when)
    question = await room.sees("Когда: завтра")
    await room.press("Запланировать", message=question)
    await room.sees("Запланировано · №1")


async def test_a_moment_is_read_back_in_full_before_it_counts(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.tg.say(ANNA, "завтра в 9")
    question = await room.sees("Когда: завтра, 25 ноября, среда, 9:00. Запланировать?")
    assert await plans(room) == []
    assert await room.press("Запланировать", message=question) == "Запланировано."
    card = await room.sees("Выйдет: завтра, 25 ноября, среда, 9:00.")
    assert card["message_id"] == question["message_id"]
    (plan,) = await plans(room)
    assert plan.next_at is not None
    assert plan.next_at.isoformat() == "2026-11-25T06:00:00+00:00"


async def test_a_moment_can_be_chosen_by_a_button(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.press("Завтра в 9:00")
    await room.press("Запланировать", message=await room.sees("Когда: завтра"))
    await room.sees("Запланировано · №1")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("вчера в 9:00", "уже прошло"),
        ("31 июня в 10:00", "Такого дня нет"),
        ("завтра", "а час нет"),
        ("когда-нибудь", "Непонятно"),
        ("в среду 26 ноября в 10:00", "четверг"),
        ("завтра в 25:00", "Такого времени нет"),
    ],
)
async def test_a_moment_that_cannot_be_is_refused_with_the_reason_and_asked_again(
    room: Newsroom, said: str, answer: str
) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.tg.say(ANNA, said)
    await room.sees(answer)
    await room.tg.say(ANNA, "завтра в 9:00")
    await room.sees("Когда: завтра")
    assert await plans(room) == []


async def test_an_announcement_in_answer_to_the_question_is_not_lost(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.tg.say(ANNA, "Совсем другое объявление.\nВо второй строке у него продолжение.")
    await room.sees("Черновик · №2")


async def test_confirming_twice_makes_one_plan(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.tg.say(ANNA, "завтра в 9:00")
    question = await room.sees("Когда: завтра")
    await asyncio.gather(*(room.press("Запланировать", message=question) for _ in range(2)))
    assert len(await plans(room)) == 1


async def test_a_plan_gets_another_time(room: Newsroom) -> None:
    await planned(room)
    await room.press("Другое время")
    await room.tg.say(ANNA, "послезавтра в 12:00")
    await room.press("Запланировать", message=await room.sees("Когда: послезавтра"))
    await room.sees("Выйдет: послезавтра, 26 ноября, четверг, 12:00.")
    assert len(await plans(room)) == 1


async def test_the_text_of_a_plan_can_be_corrected(room: Newsroom) -> None:
    await planned(room)
    await room.press("Исправить текст")
    await room.tg.say(ANNA, "Исправленный текст")
    card = await room.sees("Текст заменён")
    assert "Запланировано · №1" in words(card)
    assert (await broadcast.find(room.desk, 1)).post.text == "Исправленный текст"
    assert len(await plans(room)) == 1


async def test_the_channels_of_a_plan_can_be_changed(room: Newsroom) -> None:
    await planned(room)
    before = (await broadcast.find(room.desk, 1)).targets
    await room.press("Каналы")
    switches = await room.sees("✅")
    await room.press(next(label for label in labels(switches) if label.startswith("✅")))
    await room.tg.wait_for(lambda: room.find("⬜"))
    assert set((await broadcast.find(room.desk, 1)).targets) < set(before)
    assert len(await plans(room)) == 1


async def test_a_plan_can_be_given_up_and_the_draft_comes_back(room: Newsroom) -> None:
    await planned(room)
    await room.press("Отмена")
    await room.sees("Ничего не отправлено.")
    assert await plans(room) == []
    await room.press("Вернуть черновик")
    await room.sees("Черновик · №1")


async def test_a_planned_announcement_goes_out_in_time_and_is_reported(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Запланировать")
    await room.tg.say(ANNA, "через 2 минуты")
    await room.press("Запланировать", message=await room.sees("Когда: сегодня"))
    await room.sees("Запланировано · №1")
    room.clock.advance(minutes=2)
    room.face.poke()
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1


async def test_a_repeat_in_words_is_read_back_and_kept(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Повторять")
    await room.tg.say(ANNA, "каждую среду в 10:00 до 1 июня")
    question = await room.sees("Повторять каждую среду в 10:00 до 1 июня")
    assert "Первый раз: завтра, 25 ноября, среда, 10:00." in words(question)
    await room.press("Повторять", message=question)
    await room.sees("Повтор: каждую среду в 10:00 до 1 июня")
    (plan,) = await plans(room)
    assert plan.cron == "0 10 * * 3"


async def test_a_repeat_is_put_together_by_buttons(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Повторять")
    for label in ("Каждую неделю", "Вт", "10:00", "До конца года"):
        await room.press(label)
    await room.press("Повторять", message=await room.sees("Повторять каждый вторник в 10:00 до 31 декабря?"))
    await room.sees("Запланировано · №1")
    (plan,) = await plans(room)
    assert (plan.cron, plan.until is not None) == ("0 10 * * 2", True)


@pytest.mark.parametrize(
    ("pressed", "cron"),
    [
        (("Каждый день", "9:00", "Без конца"), "0 9 * * *"),
        (("Каждый месяц", "Последний день", "18:00", "Месяц"), "0 18 L * *"),
    ],
)
async def test_daily_and_monthly_repeats(room: Newsroom, pressed: tuple[str, ...], cron: str) -> None:
    await a_draft(room)
    await room.press("Повторять")
    for label in pressed:
        await room.press(label)
    await room.press("Повторять", message=await room.sees("Первый раз"))
    await room.sees("Запланировано · №1")
    assert [plan.cron for plan in await plans(room)] == [cron]


async def test_a_repeat_that_was_read_back_before_another_counts_no_more(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Повторять")
    await room.tg.say(ANNA, "каждую среду в 10:00")
    old = {**await room.sees("Повторять каждую среду")}
    await room.press("Другой повтор")
    await room.tg.say(ANNA, "каждую пятницу в 10:00")
    new = await room.sees("Повторять каждую пятницу")
    new["reply_markup"] = old["reply_markup"]
    assert "уже не действует" in await room.press("Повторять", message=new)
    assert await plans(room) == []


async def test_schedules_are_listed_paused_resumed_and_removed(room: Newsroom) -> None:
    await planned(room)
    await room.tg.say(ANNA, "/schedules")
    listing = await room.sees("Запланированное")
    assert "№1 Юридическая консультация" in words(listing)
    await room.press("Пауза", message=listing)
    await room.sees("Сейчас на паузе")
    assert [plan.state for plan in await plans(room)] == [ScheduleState.PAUSED]
    await room.press("Возобновить", message=listing)
    await room.tg.wait_for(lambda: "Пауза" in labels(listing))
    await room.press("Удалить", message=listing)
    await room.sees("Удалить из плана?")
    await room.press("Удалить", message=listing)
    await room.sees("Ничего не запланировано.")
    async with room.desk.database.reading() as tx:
        report = await of(tx, 1)
    assert report is not None
    assert report.state is AnnouncementState.CANCELLED


async def test_the_report_of_a_repeat_can_be_opened_from_its_card(room: Newsroom) -> None:
    says(room.channels["wall"], Rejected("no", Reason.REFUSED))
    await a_draft(room)
    await room.press("Повторять")
    await room.tg.say(ANNA, "каждый день в 12:05")
    await room.press("Повторять", message=await room.sees("Первый раз"))
    await room.sees("Запланировано · №1")
    room.clock.advance(minutes=5)
    room.face.poke()
    await room.sees("Не отправилось.")
    await room.tg.say(ANNA, "/status 1")
    await room.press("Последний отчёт")
    await room.tg.wait_for(lambda: sum("Не отправилось." in text for text in room.texts()) == 2)


async def test_an_editor_plans_only_what_was_approved(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await a_draft(room)
        await room.press("На согласование")
        await room.press("Одобрить", CHAIR)
        await room.press("Запланировать")
        await room.tg.say(ANNA, "завтра в 9:00")
        await room.press("Запланировать", message=await room.sees("Когда: завтра"))
        card = await room.sees("Запланировано · №1")
        assert "Исправить текст" not in labels(card)
        assert (await broadcast.find(room.desk, 1)).stage is Stage.CONFIRMED


async def test_what_is_planned_with_consent_does_not_change_with_its_source_message(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        source = await room.tg.say(ANNA, "Одобренный текст")
        await room.press("На согласование")
        await room.press("Одобрить", CHAIR)
        await room.press("Запланировать")
        await room.tg.say(ANNA, "завтра в 9:00")
        await room.press("Запланировать", message=await room.sees("Когда: завтра"))
        await room.sees("Запланировано · №1")
        await room.tg.edit_said(ANNA, source, "Другой текст")
        await room.sees("утверждено")
        assert (await broadcast.find(room.desk, 1)).post.text == "Одобренный текст"
