"""What is uncertain: one message, words of people taken once, a look where the channel can, and who said what."""

import asyncio
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.alerts import Boards
from bot.handlers.answering import _LONGEST
from bot.talking import Screen
from bot.texts import doubts as texts
from channels.contract import Deferred, Reason, Receipt, Unconfirmed
from delivery import broadcast
from delivery.doubts import Seen, Sight
from delivery.model import Attempt, DeliveryState, Outcome
from delivery.store.talks import Board
from tests.bot.newsroom import ADMIN, ANNA, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list, says, states
from tests.support.clock import START

SENT = DeliveryState.SENT


async def sent(room: Newsroom, text: str = "Собрание в среду") -> None:
    await room.tg.say(ANNA, text)
    await room.press("Отправить сейчас")


async def doubtful_letters(room: Newsroom, count: int) -> None:
    await a_list(room.desk, "members", *(f"a{n}@example.org" for n in range(count)))
    says(room.channels["mail"], *(Unconfirmed("cut after the final dot") for _ in range(count)))
    await sent(room)
    await room.sees("Готово, но не всё известно.")


async def a_doubtful_post(room: Newsroom, text: str = "Собрание в среду") -> None:
    says(room.channels["wall"], Unconfirmed("timeout"))
    await sent(room, text)
    await room.sees("Готово, но не всё известно.")


async def test_a_doubtful_post_is_settled_by_a_person(room: Newsroom) -> None:
    await a_doubtful_post(room)
    board = await room.sees("Не знаем, вышел ли пост.")
    assert labels(board)[:3] == ["Посмотреть: ВКонтакте @smolprof", "Уже опубликовано", "Отправить ещё раз"]
    assert await room.press("Уже опубликовано") == "Записано: вышло."
    await room.sees("Готово. Всё вышло.")
    assert room.channels["wall"].sent == []
    assert len(room.said()) == 1


async def test_a_doubtful_post_is_sent_again_on_a_persons_word(room: Newsroom) -> None:
    await a_doubtful_post(room)
    assert await room.press("Отправить ещё раз") == "Отправляется ещё раз."
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1


@pytest.mark.parametrize(
    ("label", "done", "late"),
    [
        ("Отправить ещё раз", "Отправляется ещё раз.", "Уже решено: не вышло ("),
        ("Уже опубликовано", "Записано: вышло.", "Уже решено: вышло ("),
    ],
)
async def test_of_two_who_settle_at_once_one_does_and_the_other_hears_who(
    room: Newsroom, label: str, done: str, late: str
) -> None:
    await a_doubtful_post(room)
    await room.tg.say(ADMIN, "/status 1")
    await room.sees("Отправить ещё раз", ADMIN)
    answers = await asyncio.gather(room.press(label), room.press(label, ADMIN))
    first, second = sorted(answers, key=lambda answer: answer != done)
    assert first == done
    who = "Анна" if answers[0] == done else "Админ"
    assert second.startswith(f"{late}{who}, ")
    await room.sees("Готово. Всё вышло.", ADMIN)
    assert len(room.channels["wall"].sent) == (1 if label == "Отправить ещё раз" else 0)


async def test_pressing_twice_sends_once(room: Newsroom) -> None:
    await a_doubtful_post(room)
    board = {**await room.sees("Отправить ещё раз")}
    await asyncio.gather(room.press("Отправить ещё раз", message=board), room.press("Отправить ещё раз", message=board))
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1


async def test_the_parts_that_waited_go_out_after_their_beginning(room: Newsroom) -> None:
    await a_doubtful_post(room, "первая часть|вторая часть")
    await room.press("Отправить ещё раз")
    await room.sees("Готово. Всё вышло.")
    assert [one.part.text for one in room.channels["wall"].sent] == ["первая часть", "вторая часть"]


# Letters


async def test_many_doubtful_letters_are_settled_together(room: Newsroom) -> None:
    await doubtful_letters(room, 7)
    board = await room.sees("Не знаем, дошли ли 7 писем: ответ не пришёл.")
    assert "@example.org" not in words(board)
    assert await room.press("Считать отправленными") == "Записано: вышло."
    await room.sees("Готово. Всё вышло.")
    assert await states(room.desk, 1) == [SENT] * 8


async def test_a_few_doubtful_letters_are_named_and_sent_again_without_a_question(room: Newsroom) -> None:
    await doubtful_letters(room, 2)
    board = await room.sees("Не знаем, дошли ли 2 письма")
    assert "a0@example.org, a1@example.org" in words(board)
    assert await room.press("Отправить ещё раз") == "Отправляется ещё раз."
    await room.sees("Готово. Всё вышло.")


async def test_many_letters_go_out_again_only_after_a_question(room: Newsroom) -> None:
    await doubtful_letters(room, 4)
    await room.press("Отправить ещё раз")
    question = await room.sees("Отправить 4 письма ещё раз?")
    assert labels(question) == ["Да, отправить 4\u00a0письма", "Не отправлять"]
    assert room.channels["mail"].sent == []
    await room.press("Не отправлять")
    await room.tg.wait_for(lambda: room.find("Отправить 4 письма ещё раз?") is None)
    assert await states(room.desk, 1) == [SENT] + [DeliveryState.UNCONFIRMED] * 4
    await room.press("Отправить ещё раз")
    assert await room.press("Да, отправить 4\u00a0письма") == "Отправляется ещё раз."
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["mail"].sent) == 4
    await room.tg.wait_for(lambda: len(room.said()) == 1)


async def test_letters_of_another_broadcast_are_not_settled_with_these(room: Newsroom) -> None:
    await doubtful_letters(room, 1)
    first = await room.sees("Считать отправленными")
    says(room.channels["mail"], Unconfirmed("cut after the final dot"))
    await broadcast.release(room.desk, 1, by="editor:2", release_key="again")
    room.face.poke()
    await room.tg.wait_for(lambda: sum("не всё известно" in text for text in room.texts()) == 2)
    assert await room.press("Считать отправленными", message=first) == "Записано: вышло."
    assert await states(room.desk, 1) == [SENT, SENT, SENT, DeliveryState.UNCONFIRMED]


# Looking


async def test_a_look_finds_the_post_and_shows_it(room: Newsroom) -> None:
    room.channels["wall"].looks, room.channels["wall"].blind = True, Deferred("not now")
    await a_doubtful_post(room)
    await room.sees("Нажмите «Проверить» или посмотрите сами")
    room.channels["wall"].blind, room.channels["wall"].seen = None, Receipt(("77",), "https://example.org/77")
    assert await room.press("Проверить") == "Проверяю…"
    found = await room.sees("Нашёлся: example.org/77")
    assert found["entities"][-1]["url"] == "https://example.org/77"
    await room.sees("Готово. Всё вышло.")
    assert room.channels["wall"].sent == []


async def test_what_a_look_does_not_find_goes_out_again(room: Newsroom) -> None:
    room.channels["wall"].looks, room.channels["wall"].blind = True, Deferred("not now")
    await a_doubtful_post(room)
    room.channels["wall"].blind = None
    await room.press("Проверить")
    await room.sees("Его там нет — отправляю ещё раз.")
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1


async def test_a_look_without_certainty_leaves_the_doubt(room: Newsroom) -> None:
    wall = room.channels["wall"]
    wall.looks, wall.blind = True, Deferred("5: the key vk1.secret was revoked", Reason.TOKEN_REVOKED)
    await a_doubtful_post(room)
    await room.press("Проверить")
    said = words(await room.sees("Не удалось проверить: ключ доступа больше не действует. Администратору нужно"))
    assert "secret" not in said
    assert "Уже опубликовано" in labels(await room.sees("Готово, но не всё известно."))
    assert await states(room.desk, 1) == [DeliveryState.UNCONFIRMED]


@pytest.mark.parametrize("reason", [None, *Reason])
def test_why_a_look_could_not_tell_has_words(reason: Reason | None) -> None:
    assert re.fullmatch(r"[А-яA-Za-z].+\.", texts.unclear(reason))
    assert "неизвестно, ушло ли" not in texts.unclear(reason) or reason is Reason.WORKER_DIED  # which no look says


async def test_where_nobody_can_look_nobody_is_offered_to(room: Newsroom) -> None:
    await a_doubtful_post(room)
    assert "Проверить" not in labels(await room.sees("Готово, но не всё известно."))


# Who said what


async def test_the_details_tell_every_attempt_and_whose_word_settled_it(room: Newsroom) -> None:
    await a_doubtful_post(room)
    await broadcast.settle(room.desk, 1, sent=False, by="Борис")
    room.face.poke()
    await room.press("Подробнее", message=await room.sees("Не отправилось."))
    told = words(await room.sees("Подробнее · №1"))
    assert "· попытка 1: ответ не пришёл" in told
    assert "· Борис: не вышло" in told


async def test_after_it_was_settled_the_details_still_tell_by_whom(room: Newsroom) -> None:
    await a_doubtful_post(room)
    await room.press("Уже опубликовано")
    board = await room.sees("Готово. Всё вышло.")
    assert labels(board) == ["Подробнее", "Исправить текст", "Отозвать"]
    await room.press("Подробнее")
    told = words(await room.sees("Подробнее · №1"))
    assert "ВКонтакте @smolprof\nОтправлено" in told
    assert "· попытка 1: ответ не пришёл, «timeout»" in told
    assert "· Анна: вышло" in told


async def test_what_was_settled_from_outside_is_told_as_well(room: Newsroom) -> None:
    await doubtful_letters(room, 4)
    await broadcast.settle_all(room.desk, 1, sent=True, by="root", channel="mail")
    room.face.poke()
    await room.press("Подробнее", message=await room.sees("Готово. Всё вышло."))
    assert words(await room.sees("Подробнее · №1")).count("· root: вышло") == 4


async def test_a_doubt_that_is_settled_the_moment_it_is_shown_keeps_its_history(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Boards._put

    async def put_and_settled(boards: Boards, one: Board, screen: Screen) -> int:
        shown = await put(boards, one, screen)
        if "Считать отправленными" in repr(screen.keyboard):
            await broadcast.settle_all(room.desk, 1, sent=True, by="root", channel="mail")
        return shown

    monkeypatch.setattr(Boards, "_put", put_and_settled)
    await a_list(room.desk, "members", "a@example.org")
    says(room.channels["mail"], Unconfirmed("cut after the final dot"))
    room.channels["mail"].hold = asyncio.Event()
    await sent(room)
    await room.sees("Отправляется: 1 из 2.")
    await asyncio.sleep(0.3)  # that board has been put away before there is a doubt
    room.channels["mail"].hold.set()
    await room.press("Подробнее", message=await room.sees("Готово. Всё вышло."))
    assert "· root: вышло" in words(await room.sees("Подробнее · №1"))


async def test_both_of_two_doubtful_channels_are_told_apart(url: str) -> None:
    async with newsroom(url) as room:
        says(room.channels["wall"], Unconfirmed("timeout"))
        await doubtful_letters(room, 1)
        shown = labels(await room.sees("Не знаем, вышел ли пост"))
        assert "Уже опубликовано · ВКонтакте @smolprof" in shown
        assert "Считать отправленными · Письма" in shown
        await room.press("Уже опубликовано · ВКонтакте @smolprof")
        await room.press("Считать отправленными", message=await room.sees("Считать отправленными"))
        await room.sees("Готово. Всё вышло.")


def said(outcome: Outcome | None, actor: str, *, minutes: int = 0, detail: str = "") -> Attempt:
    return Attempt(1, 1, 1, START + timedelta(minutes=minutes), START, outcome, detail, actor)


def test_history_tells_people_from_looks() -> None:
    attempts = [
        said(Outcome.UNCONFIRMED, "host:1", detail="timeout"),
        said(Outcome.SETTLED_NOT_SENT, "channel:wall", minutes=1),
        said(Outcome.REJECTED, "host:1", minutes=2, detail="known already"),
        said(None, "host:1", minutes=3),
        said(Outcome.SETTLED_SENT, "look:Анна", minutes=4),
    ]
    lines = texts.history(attempts, START, ZoneInfo("Europe/Moscow"), known="known already")
    assert [str(line) for line in lines] == [
        "12:00 · попытка 1: ответ не пришёл, «timeout»",
        "12:01 · проверка: не нашлось, отправлено ещё раз",
        "12:02 · попытка 1: отказ",
        "12:03 · попытка 1: ещё отправляется",
        "12:04 · проверка (Анна): нашлось",
    ]


@pytest.mark.parametrize("sight", Sight)
def test_every_sight_has_its_words(sight: Sight) -> None:
    assert texts.looked(Seen(sight), None)


def test_what_was_decided_fits_into_telegrams_bubble() -> None:
    long = texts.already(said(Outcome.SETTLED_NOT_SENT, "А" * 300), START + timedelta(days=3), ZoneInfo("UTC"))
    assert len(long) <= _LONGEST


@pytest.mark.parametrize(
    ("n", "words_"),
    [(1, "дошло ли 1 письмо"), (4, "дошли ли 4 письма"), (40, "дошли ли 40 писем"), (21, "дошло ли 21 письмо")],
)
def test_letters_in_doubt_are_counted_in_russian(n: int, words_: str) -> None:
    assert words_ in texts.together(n).replace("\u00a0", " ")
