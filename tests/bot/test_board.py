"""What became of it: progress, the report, failures, moments that went by."""

import asyncio
from datetime import timedelta

import pytest

from channels.contract import Deferred, Post, Reason, Rejected
from channels.rehearsal import RehearsalChannel, Settings
from delivery import broadcast, planning
from delivery.database import Tx
from delivery.model import DeliveryState
from delivery.store import filling, talks
from delivery.store.filling import Filling
from sandbox.faults import Fault, Kind
from tests.bot.newsroom import ADMIN, ANNA, BORIS, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list, says, states


async def sent(room: Newsroom, text: str = "Собрание в среду") -> None:
    await room.tg.say(ANNA, text)
    await room.press("Отправить сейчас")


async def test_the_report_names_each_channel_with_its_link(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org", "b@example.org")
    await sent(room)
    board = await room.sees("Готово. Всё вышло.")
    assert "ВКонтакте @smolprof: вышло — посмотреть" in words(board)
    assert "Письма: принято 2 из 2 писем" in words(board)
    assert any(entity.get("url") == "https://example.org/1" for entity in board["entities"])
    assert labels(board) == ["Исправить текст", "Отозвать"]


async def test_a_failure_is_told_with_its_reason_and_remedy_and_repaired_by_a_button(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org", "b@example.org")
    says(room.channels["mail"], Rejected("552 mailbox full", Reason.MAILBOX_FULL))
    await sent(room)
    board = await room.sees("Готово, но дошло не всё.")
    assert "Почтовый ящик переполнен: " in words(board)
    assert "@example.org" in words(board)
    await room.press("Подробнее")
    assert "552 mailbox full" in words(await room.sees("Дословный ответ"))
    assert "1 доставка" in await room.press("Повторить неудачные")
    await room.sees("Готово. Всё вышло.")
    assert await states(room.desk, 1) == [DeliveryState.SENT] * 3


async def test_what_repeating_cannot_help_is_not_offered_to_be_repeated(room: Newsroom) -> None:
    says(room.channels["wall"], Rejected("bad", Reason.BAD_CONTENT))
    await sent(room)
    board = await room.sees("Не отправилось.")
    assert labels(board) == ["Подробнее"]


async def test_the_board_is_edited_in_place_and_not_too_often(url: str) -> None:
    async with newsroom(url, pause=0.5) as room:
        await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(60)))
        room.channels["mail"].hold = asyncio.Event()
        await sent(room)
        await room.sees("Отправляется: 1 из 61.")
        room.channels["mail"].hold.set()
        await room.sees("Готово. Всё вышло.")
        edits = [
            call for call in room.calls("editMessageText") if "Отправляется" in call["text"] or "Готово" in call["text"]
        ]
        assert len(edits) <= 5
        assert len(room.said()) == 1


async def test_a_wait_that_telegram_asks_for_is_kept(room: Newsroom) -> None:
    room.channels["wall"].hold = asyncio.Event()
    await sent(room)
    await room.sees("Отправляется")
    room.tg.faults.add("editMessageText", Fault(Kind.MAKES_WAIT, seconds=2))
    room.channels["wall"].hold.set()
    await asyncio.sleep(1)
    asked = len(room.calls("editMessageText"))
    await room.sees("Готово. Всё вышло.")
    assert len(room.calls("editMessageText")) == asked + 1


async def test_the_board_goes_on_after_a_restart(url: str) -> None:
    async with newsroom(url) as room:
        says(room.channels["wall"], Deferred("later", retry_after=timedelta(seconds=2)))
        await sent(room)
        await room.sees("Отправляется: 0 из 1.")
        room.hung_up.set()
        async with newsroom(url, tg=room.tg) as again:
            await again.sees("Готово. Всё вышло.")
            assert len(again.said()) == 1


async def test_a_board_whose_message_was_deleted_is_forgotten(room: Newsroom) -> None:
    room.channels["wall"].hold = asyncio.Event()
    await sent(room)
    board = await room.sees("Отправляется")
    del room.tg.world.chats[ANNA].messages[board["message_id"]]
    room.channels["wall"].hold.set()
    async with asyncio.timeout(8):
        while True:
            async with room.desk.database.reading() as tx:
                if not await talks.boards(tx):
                    break
            await asyncio.sleep(0.05)
    assert await states(room.desk, 1) == [DeliveryState.SENT]


async def test_trouble_of_the_command_lines_broadcast_is_told_to_the_administrators(room: Newsroom) -> None:
    says(room.channels["wall"], Rejected("no", Reason.REFUSED))
    number = await broadcast.draft(room.desk, Post("Из командной строки"), author="cli", targets=["wall"])
    await broadcast.release(room.desk, number, by="cli")
    room.face.poke()
    await room.sees("Не отправилось.", ADMIN)
    assert room.said(ANNA) == []


async def test_a_smooth_broadcast_of_the_command_line_is_not_told(room: Newsroom) -> None:
    number = await broadcast.draft(room.desk, Post("Из командной строки"), author="cli", targets=["wall"])
    await broadcast.release(room.desk, number, by="cli")
    room.face.poke()
    await asyncio.sleep(1.5)
    assert room.said(ADMIN) == []


async def test_a_planned_broadcast_is_reported_to_its_author(room: Newsroom) -> None:
    number = await broadcast.draft(room.desk, Post("По плану"), author="Анна", author_id=ANNA, targets=["wall"])
    await planning.plan(room.desk, number, at=room.desk.now() + timedelta(seconds=1), by="editor")
    room.face.poke()
    await room.sees("Готово. Всё вышло.")
    assert room.said(ADMIN) == []


async def test_a_missed_moment_is_told_and_sent_late_on_one_press(room: Newsroom) -> None:
    number = await broadcast.draft(room.desk, Post("Пропущено"), author="Анна", author_id=ANNA, targets=["wall"])
    await planning.plan(room.desk, number, at=room.desk.now() + timedelta(hours=1), by="editor")
    room.clock.advance(hours=3)
    room.face.poke()
    for person in (ANNA, BORIS):
        await room.sees("Не вышло в назначенное время", person)
    answers = await asyncio.gather(room.press("Отправить сейчас"), room.press("Отправить сейчас", BORIS))
    assert sorted(answers) == ["Отправляется.", "Уже отправляется. Второй раз не уйдёт."]
    for person in (ANNA, BORIS):
        await room.sees("Готово. Всё вышло.", person)
    assert len(room.channels["wall"].sent) == 1


async def test_stopping_in_the_middle_tells_what_went_out(room: Newsroom) -> None:
    await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(250)))
    room.channels["mail"].hold = asyncio.Event()
    await sent(room)
    await room.sees("Отправляется: 1 из 251.")
    await room.press("Остановить")
    room.channels["mail"].hold.set()
    board = await room.sees("Остановлено. Успело уйти")
    assert labels(board) == ["Исправить текст", "Отозвать"]


async def test_stopping_a_large_release_tells_whom_it_was_meant_for(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_slice = filling.unfinished

    async def only_the_first(tx: Tx) -> Filling | None:
        found = await first_slice(tx)
        return None if found is None or found.after_address else found

    monkeypatch.setattr(filling, "AT_ONCE", 3)
    monkeypatch.setattr(filling.take_slice, "__kwdefaults__", {"most": 3})
    monkeypatch.setattr(filling, "unfinished", only_the_first)
    await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(7)))
    await sent(room)
    await room.sees("Отправляется: 4 из 8.")
    assert await room.press("Остановить") == "Остановлено: 4 доставки."
    board = await room.sees("Остановлено. Успело уйти: 4 из 8, отменено: 4.")
    assert "Письма: принято 3 из 7 писем, отменено: 4" in words(board)


async def test_a_part_whose_beginning_cannot_be_repeated_is_not_left_waiting(room: Newsroom) -> None:
    says(room.channels["wall"], Rejected("bad", Reason.BAD_CONTENT))
    await a_list(room.desk, "members", "a@example.org")
    says(room.channels["mail"], Rejected("full", Reason.MAILBOX_FULL))
    await sent(room, "первая часть|вторая часть")
    await room.sees("Не отправилось.")
    await room.press("Повторить неудачные")
    board = await room.sees("Готово, но дошло не всё.")
    assert "Повторить неудачные" not in labels(board)


async def test_parts_are_repeated_together_with_their_beginning(room: Newsroom) -> None:
    says(room.channels["wall"], Rejected("no", Reason.NO_RIGHT_TO_POST))
    await sent(room, "первая часть|вторая часть")
    await room.sees("Не отправилось.")
    await room.press("Повторить неудачные")
    await room.sees("Готово. Всё вышло.")
    assert [one.part.text for one in room.channels["wall"].sent] == ["первая часть", "вторая часть"]


async def test_a_planned_announcement_that_cannot_go_out_is_told(url: str) -> None:
    channels = {"wall": RehearsalChannel("wall", Settings(address="@wall", text_limit=30))}
    async with newsroom(url, channels=channels, kinds={"wall": "vk"}) as room:
        number = await broadcast.draft(room.desk, Post("Коротко"), author="Анна", author_id=ANNA, targets=["wall"])
        await planning.plan(room.desk, number, at=room.desk.now() + timedelta(minutes=5), by="editor")
        await broadcast.revise(room.desk, number, Post("Теперь это слишком длинно для стены"), author="Анна")
        room.clock.advance(minutes=6)
        room.face.poke()
        news = await room.sees("Отправить было нельзя")
        assert "Так отправить нельзя" in await room.press("Отправить сейчас", message=news)
        assert channels["wall"].sent == []
