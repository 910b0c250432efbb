"""Channels that refuse everybody, or where nobody answers: told once, with what to do, and when it is over."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.texts import news
from channels.contract import ChannelClosed, Deferred, Reason
from delivery.desk import Desk
from delivery.model import Hold
from delivery.store import holds, talks
from sandbox.faults import Fault, Kind
from tests.bot.newsroom import ADMIN, ANNA, BORIS, Newsroom, labels, words
from tests.delivery.builders import says
from tests.support.clock import START

MOSCOW = ZoneInfo("Europe/Moscow")


async def sent(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Собрание в среду")
    await room.press("Отправить сейчас")


async def close(room: Newsroom, *, tell: bool, reason: Reason = Reason.NOT_CONNECTED, channel: str = "mail") -> None:
    now = room.desk.now()
    async with room.desk.database.writing() as tx:
        until = now + timedelta(hours=1)
        await holds.close(tx, channel, reason=reason, detail="", retry_at=until, tell=tell, now=now)
    room.boards.poke()


async def open_again(room: Newsroom, channel: str = "mail") -> None:
    async with room.desk.database.writing() as tx:
        assert await holds.open_again(tx, channel)
    room.boards.poke()


async def nothing_left_to_tell(desk: Desk) -> None:
    async with asyncio.timeout(20):
        while True:
            async with desk.database.reading() as tx:
                if not await talks.untold(tx) and not await talks.something_happened(tx):
                    return
            await asyncio.sleep(0.05)


async def test_a_held_channel_is_told_once_to_everybody_and_asked_again_on_a_button(room: Newsroom) -> None:
    says(room.channels["wall"], ChannelClosed("token revoked", Reason.TOKEN_REVOKED))
    await sent(room)
    for person in (ADMIN, ANNA, BORIS):
        await room.sees("отправка приостановлена", person)
    news = await room.sees("отправка приостановлена")
    assert "Ключ доступа больше не действует" in words(news)
    assert await room.press("Проверить сейчас") == "Проверяется."
    await room.sees("Готово. Всё вышло.")
    assert await room.press("Проверить сейчас", BORIS) == "Канал уже работает."
    assert sum("приостановлена" in text for text in room.texts(ADMIN)) == 1
    async with room.desk.database.reading() as tx:
        assert await holds.holds(tx) == []


async def test_news_wait_until_telegram_can_be_reached(room: Newsroom) -> None:
    room.boards._pause = 0.05
    async with room.desk.database.writing() as tx:
        await holds.close(
            tx,
            "wall",
            reason=Reason.TOKEN_REVOKED,
            detail="",
            retry_at=room.desk.now() + timedelta(hours=1),
            tell=True,
            now=room.desk.now(),
        )
    room.tg.faults.add("sendMessage", Fault(Kind.DROPS_BEFORE, times=3))
    room.boards.poke()
    for person in (ADMIN, ANNA, BORIS):
        await room.sees("отправка приостановлена", person, within=15)


async def test_whoever_was_told_hears_that_it_works_again(room: Newsroom) -> None:
    says(room.channels["wall"], ChannelClosed("token revoked", Reason.TOKEN_REVOKED))
    await sent(room)
    for person in (ADMIN, ANNA, BORIS):
        await room.sees("отправка приостановлена", person)
    await room.press("Проверить сейчас")
    for person in (ADMIN, ANNA, BORIS):
        await room.sees("ВКонтакте @smolprof: канал снова работает", person)
    await nothing_left_to_tell(room.desk)
    await asyncio.sleep(1.2)  # more than a round of the boards
    assert sum("снова работает" in text for text in room.texts(BORIS)) == 1


async def test_a_short_outage_is_not_told_nor_its_end(room: Newsroom) -> None:
    await close(room, tell=False)
    await asyncio.sleep(1.2)
    await open_again(room)
    await asyncio.sleep(1.2)
    assert room.said() == []


async def test_an_outage_says_since_when_and_what_happens_by_itself(room: Newsroom) -> None:
    await close(room, tell=True)
    news_ = await room.sees("Письма: нет связи")
    since = room.desk.now().astimezone(MOSCOW)
    assert f"Почтовый сервер не отвечает с {since:%H:}" in words(news_)
    assert "Письма ждут и уйдут сами" in words(news_)
    assert labels(news_) == ["Проверить сейчас"]


async def test_news_of_a_closed_channel_that_came_too_late_are_not_told_nor_its_end(room: Newsroom) -> None:
    room.tg.faults.add("sendMessage", Fault(Kind.DROPS_BEFORE, times=6))
    await close(room, tell=True)
    await asyncio.sleep(1.2)
    assert room.said() == []
    await open_again(room)
    await nothing_left_to_tell(room.desk)
    assert room.said() == []


async def test_a_channel_that_closes_again_at_once_is_not_said_to_work(room: Newsroom) -> None:
    await close(room, tell=True, reason=Reason.TOKEN_REVOKED)
    await room.sees("отправка приостановлена")
    async with room.desk.database.writing() as tx:
        payload = {"code": "open_again", "channel": "mail", "since": START.isoformat()}
        await talks.tell(tx, [ANNA], payload, room.desk.now())
    room.boards.poke()
    await nothing_left_to_tell(room.desk)
    assert not any("снова работает" in text for text in room.texts())


async def test_the_board_says_since_when_nobody_answers(room: Newsroom) -> None:
    says(room.channels["wall"], Deferred("connection refused"))
    await sent(room)
    board = await room.sees("Связи нет с ")
    assert "Рупор проверяет сам, и всё уйдёт, когда связь вернётся." in words(board)


async def test_a_paused_board_promises_nothing_of_a_closed_channel(room: Newsroom) -> None:
    says(room.channels["wall"], ChannelClosed("token revoked", Reason.TOKEN_REVOKED))
    await sent(room)
    await room.sees("Канал недоступен: ключ доступа больше не действует.")
    await room.press("Пауза")
    assert "Канал недоступен" not in words(await room.sees("Приостановлена. Ушло: 0, ждёт: 1."))


def test_a_relay_that_blocks_us_is_a_matter_for_the_provider() -> None:
    hold = Hold("mail", Reason.BLOCKED, "554 5.7.1 blocked using zen", START, START, 1)
    said = news.held("Письма", "email", hold, START, MOSCOW).striptags()
    assert "позвонить провайдеру почты" in said
    assert "в чёрных списках" in said
    assert "554 5.7.1" in said


@pytest.mark.parametrize(("hour", "said"), [(10, "с 14:02 23.11."), (11, "с 14:02.")])
def test_a_moment_of_another_day_bears_its_date(hour: int, said: str) -> None:
    now = datetime(2026, 11, 23 if hour == 11 else 24, 12, 0, tzinfo=UTC)
    since = datetime(2026, 11, 23, 11, 2, tzinfo=UTC)
    assert said in news.open_again("Письма", since, now, MOSCOW).striptags()
