"""When the last one leaves, where a channel's limits keep it waiting: before sending, and while it runs."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.texts import limits
from channels.contract import Deferred, Pace, Reason
from delivery.store import holds
from tests.bot.newsroom import ANNA, Newsroom, newsroom, words
from tests.delivery.builders import Scripted, a_list, says

MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # in Moscow
END = re.compile(r"При лимите 2 письма в час — (завтра )?до \d\d:\d\d\.")


@pytest.fixture
async def room(url: str) -> AsyncIterator[Newsroom]:
    """The bot with a relay that takes two letters an hour."""
    mail = Scripted(None)
    mail.pace = Pace(concurrency=5, per_hour=2)
    channels = {"wall": Scripted("@smolprof"), "mail": mail}
    async with newsroom(url, channels=channels, kinds={"wall": "vk", "mail": "email"}) as room:
        yield room


async def slow_letters(room: Newsroom, count: int = 5) -> None:
    await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(count)))
    await room.tg.say(ANNA, "Собрание в среду")


async def test_the_card_tells_when_the_last_would_leave(room: Newsroom) -> None:
    await slow_letters(room)
    card = words(await room.sees("Черновик · №1"))
    assert re.search(r"При лимите 2 письма в час последнее уйдёт (завтра )?около \d\d:\d\d\.", card)
    assert card.count("При лимите") == 1


async def test_the_board_tells_it_while_letters_wait(room: Newsroom) -> None:
    await slow_letters(room)
    await room.press("Отправить сейчас")
    board = words(await room.sees("Отправляется: 3 из 6."))
    assert END.search(board)
    room.clock.advance(hours=1)
    room.face.poke()
    await room.sees("Отправляется: 5 из 6.")
    room.clock.advance(hours=1)
    room.face.poke()
    assert "При лимите" not in words(await room.sees("Готово. Всё вышло."))


async def test_what_is_paused_is_not_foretold(room: Newsroom) -> None:
    await slow_letters(room)
    await room.press("Отправить сейчас")
    await room.sees("Отправляется: 3 из 6.")
    await room.press("Пауза")
    assert not END.search(words(await room.sees("Приостановлена. Ушло: 3, ждёт: 3.")))
    await room.press("Продолжить")
    assert END.search(words(await room.sees("Отправляется: 3 из 6.")))


async def test_a_closed_channel_is_not_foretold(room: Newsroom) -> None:
    await slow_letters(room)
    await room.press("Отправить сейчас")
    await room.sees("При лимите 2 письма в час — ")
    now = room.desk.now()
    async with room.desk.database.writing() as tx:
        until = now + timedelta(hours=1)
        await holds.close(tx, "mail", reason=Reason.LOGIN_REFUSED, detail="535", retry_at=until, tell=False, now=now)
    room.boards.poke()
    assert "При лимите" not in words(await room.sees("Канал недоступен"))


async def test_a_few_that_leave_at_once_need_no_word(room: Newsroom) -> None:
    await slow_letters(room, count=2)
    card = await room.sees("Черновик · №1")
    assert "При лимите" not in words(card)
    says(room.channels["wall"], Deferred("later", retry_after=timedelta(seconds=1)))
    room.channels["mail"].hold = asyncio.Event()
    await room.press("Отправить сейчас")
    assert "При лимите" not in words(await room.sees("Отправляется: 0 из 3."))
    room.channels["mail"].hold.set()
    await room.sees("Готово. Всё вышло.")


# Words


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(minutes=12, seconds=1), "до 12:13"),
        (timedelta(minutes=12), "до 12:12"),
        (timedelta(hours=6, minutes=38), "до 18:40"),
        (timedelta(hours=12), "завтра до 00:00"),
        (timedelta(hours=21, minutes=7), "завтра до 09:10"),
        (timedelta(days=2, hours=3), "26 ноября до 15:00"),
        (timedelta(days=40), "3 января до 12:00"),
    ],
)
def test_a_moment_to_come_is_rounded_up_and_bears_its_day(away: timedelta, said: str) -> None:
    assert limits.until(NOON + away, NOON, MOSCOW).replace("\u00a0", " ") == said


def test_about_says_the_day_too() -> None:
    assert limits.about(NOON + timedelta(days=1), NOON, MOSCOW) == "завтра около\u00a012:00"


@pytest.mark.parametrize(
    ("pace", "letters", "said"),
    [
        (Pace(per_hour=200), True, "при лимите 200 писем в час"),
        (Pace(per_minute=1), True, "при лимите 1 письмо в минуту"),
        (Pace(per_hour=200, per_day=500), True, "при лимите 200 писем в час и 500 в сутки"),
        (
            Pace(per_minute=30, per_hour=2, per_day=50_000),
            True,
            "при лимите 30 писем в минуту, 2 в час и 50 000 в сутки",
        ),
        (Pace(per_minute=21), False, "при лимите 21 сообщение в минуту"),
        (Pace(per_second=3), False, "при лимите 3 сообщения в секунду"),
        (Pace(per_second=3, per_day=100), True, "при лимите 100 писем в сутки"),
        (Pace(gap=timedelta(seconds=3)), True, ""),
    ],
)
def test_limits_are_named_as_the_settings_name_them(pace: Pace, letters: bool, said: str) -> None:
    assert limits.under(pace, letters=letters).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("pace", "before", "meanwhile"),
    [
        (
            Pace(per_hour=200),
            "При лимите 200 писем в час последнее уйдёт около 18:40.",
            "При лимите 200 писем в час — до 18:40.",
        ),
        (Pace(gap=timedelta(seconds=9)), "Последнее уйдёт около 18:40.", "Последнее уйдёт до 18:40."),
    ],
)
def test_whole_sentences(pace: Pace, before: str, meanwhile: str) -> None:
    end = NOON + timedelta(hours=6, minutes=40)
    assert limits.foreseen(pace, end, NOON, MOSCOW, letters=True).replace("\u00a0", " ") == before
    assert limits.running(pace, end, NOON, MOSCOW, letters=True).replace("\u00a0", " ") == meanwhile
