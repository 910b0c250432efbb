"""Pausing what is under way, and going on."""

import asyncio

from delivery.model import DeliveryState
from tests.bot.newsroom import ADMIN, ANNA, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list, states


async def under_way(room: Newsroom, count: int = 30) -> None:
    """Thirty letters of which five are on the wire, kept there until `hold` is set."""
    await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(count)))
    room.channels["mail"].hold = asyncio.Event()
    await room.tg.say(ANNA, "Собрание в среду")
    await room.press("Отправить сейчас")
    await room.sees(f"Отправляется: 1 из {count + 1}.")
    await room.tg.wait_for(lambda: room.channels["mail"].calls == 5)


async def test_a_pause_keeps_what_waits_and_lets_what_is_on_the_wire_finish(room: Newsroom) -> None:
    await under_way(room)
    assert labels(await room.sees("Отправляется"))[:2] == ["Пауза", "Остановить"]
    assert await room.press("Пауза") == "Приостановлено. Что ещё не ушло, ждёт."
    room.channels["mail"].hold.set()
    board = await room.sees("Приостановлена. Ушло: 6, ждёт: 25.")
    assert labels(board) == ["Продолжить", "Остановить", "Исправить текст", "Отозвать"]
    assert "Письма: принято 5 из 30 писем" in words(board)
    await asyncio.sleep(0.5)
    assert len(room.channels["mail"].sent) == 5


async def test_going_on_sends_the_rest_once(room: Newsroom) -> None:
    await under_way(room)
    await room.press("Пауза")
    room.channels["mail"].hold.set()
    await room.sees("Приостановлена. Ушло: 6, ждёт: 25.")
    assert await room.press("Продолжить") == "Отправка продолжается."
    board = await room.sees("Готово. Всё вышло.")
    assert labels(board) == ["Исправить текст", "Отозвать"]
    assert len(room.channels["mail"].sent) == 30
    assert len(room.said()) == 1


async def test_a_paused_broadcast_can_be_stopped_for_good(room: Newsroom) -> None:
    await under_way(room)
    await room.press("Пауза")
    room.channels["mail"].hold.set()
    await room.sees("Приостановлена. Ушло: 6, ждёт: 25.")
    assert await room.press("Остановить") == "Остановлено: 25 доставок."
    await room.sees("Остановлено. Успело уйти: 6 из 31, отменено: 25.")
    assert len(room.channels["mail"].sent) == 5


async def test_pausing_twice_is_said_and_harmless(room: Newsroom) -> None:
    await under_way(room)
    await room.tg.say(ADMIN, "/status 1")
    await room.sees("Пауза", ADMIN)
    answers = await asyncio.gather(room.press("Пауза"), room.press("Пауза", ADMIN))
    assert sorted(answers) == ["Приостановлено. Что ещё не ушло, ждёт.", "Уже приостановлено."]
    room.channels["mail"].hold.set()
    answers = await asyncio.gather(room.press("Продолжить"), room.press("Продолжить", ADMIN))
    assert sorted(answers) == ["Отправка не приостановлена.", "Отправка продолжается."]
    await room.sees("Готово. Всё вышло.", ADMIN)


async def test_what_has_gone_out_meanwhile_cannot_be_paused(room: Newsroom) -> None:
    await under_way(room)
    board = {**await room.sees("Пауза")}
    room.channels["mail"].hold.set()
    after = await room.sees("Готово. Всё вышло.")
    after["reply_markup"] = board["reply_markup"]
    assert await room.press("Пауза", message=after) == "Приостанавливать нечего: всё уже ушло."
    assert await states(room.desk, 1) == [DeliveryState.SENT] * 31


async def test_a_paused_one_is_called_so_in_the_list(room: Newsroom) -> None:
    await under_way(room)
    await room.press("Пауза")
    await room.tg.say(ANNA, "/status")
    assert "приостановлено: ушло 1, в очереди 30" in words(await room.sees("Последние объявления"))
    room.channels["mail"].hold.set()


async def test_in_the_grace_there_is_only_the_way_back(url: str) -> None:
    async with newsroom(url, grace_seconds=30) as room:
        await room.tg.say(ANNA, "Собрание в среду")
        await room.press("Отправить сейчас")
        assert labels(await room.sees("Пока можно отменить")) == ["Отменить"]
