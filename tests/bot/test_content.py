"""What cannot be an announcement is answered kindly, and faults of ours are told without losing anything."""

from typing import Any

import pytest

from bot.dispatcher import introduce
from bot.incoming import replay
from channels.contract import Rendering
from delivery.store import inbox
from sandbox.faults import Fault, Kind
from tests.bot.newsroom import ANNA, Newsroom, labels, newsroom, words


async def test_start_and_help_and_new_answer(room: Newsroom) -> None:
    for command, answer in (("/start", "это Рупор"), ("/help", "Узнать, дошло ли"), ("/new", "Пришлите объявление")):
        await room.tg.say(ANNA, command)
        await room.sees(answer)


async def test_new_reminds_of_an_unfinished_draft(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Недописанное")
    await room.sees("Черновик · №1")
    await room.tg.say(ANNA, "/new")
    reminder = await room.sees("У вас есть неотправленный черновик №1 «Недописанное»")
    await room.press("Открыть", message=reminder)
    await room.tg.wait_for(lambda: "Черновик · №1" in words(room.said()[-1]))


async def test_a_voice_message_is_answered_kindly(room: Newsroom) -> None:
    await room.tg.send_voice(ANNA, b"OggS")
    await room.sees("Голосовое сообщение разослать нельзя. Напишите то же текстом.")


async def test_a_sticker_is_answered_kindly(room: Newsroom) -> None:
    await room.tg.send_sticker(ANNA)
    await room.sees("Стикер разослать нельзя.")


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"contact": {"phone_number": "+7", "first_name": "Иван"}}, "Контакт разослать нельзя"),
        ({"location": {"latitude": 54.7, "longitude": 32.0}}, "Место на карте разослать нельзя"),
        ({"dice": {"emoji": "🎲", "value": 3}}, "Такое сообщение разослать нельзя"),
    ],
)
async def test_other_things_are_answered_kindly(room: Newsroom, content: dict[str, Any], answer: str) -> None:
    chat = room.tg.world.find(ANNA)
    room.tg.world.tell("message", room.tg.world.post(chat, content, sender=chat.person()))
    await room.sees(answer)


async def test_an_unknown_command_is_no_announcement(room: Newsroom) -> None:
    await room.tg.say(ANNA, "/publish")
    await room.sees("Такой команды нет.")


async def test_status_lists_the_latest_and_opens_one(room: Newsroom) -> None:
    await room.tg.say(ANNA, "/status")
    await room.sees("Объявлений пока не было.")
    await room.tg.say(ANNA, "Собрание")
    await room.press("Отправить сейчас")
    await room.sees("Готово.")
    await room.tg.say(ANNA, "/status")
    listing = await room.sees("Последние объявления")
    assert "№1 Собрание" in words(listing)
    assert "отправлено: ушло 1" in words(listing)
    assert labels(listing) == ["№1"]
    await room.press("№1", message=listing)
    await room.tg.wait_for(lambda: "Готово." in words(room.said()[-1]))


@pytest.mark.parametrize("number", ["77", "99999999999999999999999"])
async def test_status_of_what_is_not_there(room: Newsroom, number: str) -> None:
    await room.tg.say(ANNA, f"/status {number}")
    await room.sees("Такого объявления нет.")


async def test_a_fault_of_ours_is_told_and_the_message_is_kept_for_the_next_start(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(inbox, "last_piece", broken)
    await room.tg.say(ANNA, "Не потеряйте")
    await room.sees("внутренняя ошибка. Ничего не потеряно")
    monkeypatch.undo()
    async with newsroom(
        room.desk.database.engine.url.render_as_string(hide_password=False), tg=room.tg, polling=False
    ) as again:
        assert await replay(again.bot, again.dispatcher, again.face) == 1
        await again.sees("Черновик · №1")


async def test_a_fault_behind_a_button_is_told(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.tg.say(ANNA, "Текст")
    await room.sees("Черновик · №1")

    def broken(_post: object) -> Rendering:
        raise ZeroDivisionError

    monkeypatch.setattr(room.channels["wall"], "render", broken)
    assert "внутренняя ошибка" in await room.press("Отправить сейчас")
    assert room.channels["wall"].sent == []


async def test_a_press_is_answered_though_telegram_stumbles(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Текст")
    await room.sees("Черновик · №1")
    room.tg.faults.add("editMessageText", Fault(Kind.DROPS_BEFORE, times=1))
    assert "перебоями" in await room.press("Каналы")


async def test_the_menu_names_every_command(room: Newsroom) -> None:
    await introduce(room.bot)
    assert [one["command"] for one in room.tg.snapshot()["commands"]] == [
        "new",
        "status",
        "schedules",
        "lists",
        "help",
        "cancel",
    ]
