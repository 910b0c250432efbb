"""What a schedule did not do is told once, in one message."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.alerts import _passed_over
from bot.texts import news
from channels.contract import Post
from delivery import broadcast, planning
from delivery.model import OccurrenceState
from delivery.store.schedules import PassedOver
from tests.bot.newsroom import ANNA, BORIS, Newsroom, labels, words

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "count", "made_up", "said"),
    [
        (OccurrenceState.MISSED, 1, False, "Должно было выйти 24.11.2026 в 12:00."),
        (OccurrenceState.MISSED, 2, False, "Пропущено: 2\u00a0выхода"),
        (OccurrenceState.MISSED, 49, True, "Более поздний выход уже состоялся"),
        (OccurrenceState.MISSED, 49, False, "С 24.11.2026 в 12:00 по 26.11.2026 в 12:00."),
        (OccurrenceState.MISSED, 1000, True, "Пропущено больше 1000 выходов"),
        (OccurrenceState.BLOCKED, 3, True, "Отправить было нельзя"),
    ],
)
def test_what_went_by_is_told_in_one_sentence(state: OccurrenceState, count: int, made_up: bool, said: str) -> None:
    last = NINE + timedelta(days=2) if count > 1 else NINE
    passed = PassedOver(1, 7, state, NINE, last, count, made_up)
    assert said in news.not_released(passed, "Приём", ZoneInfo("Europe/Moscow"))


def test_news_written_by_an_older_version_tells_of_one_moment() -> None:
    of = {"code": "missed", "schedule": 1, "announcement": 7, "at": NINE.isoformat()}
    assert _passed_over(of) == PassedOver(1, 7, OccurrenceState.MISSED, NINE, NINE, 1, made_up=False)


async def test_forty_nine_missed_moments_are_one_message(room: Newsroom) -> None:
    number = await broadcast.draft(room.desk, Post("Каждый час"), author="Анна", author_id=ANNA, targets=["wall"])
    await planning.plan(room.desk, number, cron="0 * * * *", by="editor")
    room.clock.advance(hours=50, minutes=30)
    room.face.poke()
    for person in (ANNA, BORIS):
        told = await room.sees("Пропущено: 49 выходов", person)
        assert "С 24.11.2026 в 13:00 по 26.11.2026 в 13:00." in words(told)
        assert "Более поздний выход уже состоялся" in words(told)
        assert labels(told) == ["Открыть"]
    await room.sees("Готово. Всё вышло.")
    assert len([text for text in room.texts() if "Пропущено" in text]) == 1
    assert len(room.channels["wall"].sent) == 1


async def test_of_several_missed_moments_one_is_sent_late_on_a_press(room: Newsroom) -> None:
    number = await broadcast.draft(room.desk, Post("Каждый день"), author="Анна", author_id=ANNA, targets=["wall"])
    await planning.plan(room.desk, number, cron="0 13 * * *", by="editor")
    room.clock.advance(days=3)
    room.face.poke()
    await room.sees("Пропущено: 3 выхода")
    await room.press("Отправить сейчас")
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1
