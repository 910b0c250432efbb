"""The wrong date is out: what the new text changes, what can be done where, and what came of it."""

import asyncio

import pytest

from bot.texts.corrections import marked
from channels.contract import Correction, Reason, Rejected
from delivery import planning
from tests.bot.newsroom import ANNA, BORIS, CHAIR, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list, says

OLD = "Профсоюзный совет ждёт всех 14 мая в 10:00 у памятника. Начало шествия в 11:00."
NEW = OLD.replace("14 мая", "15 мая")


async def sent(room: Newsroom, text: str = OLD) -> None:
    await room.tg.say(ANNA, text)
    await room.press("Отправить сейчас")
    await room.sees("Готово. Всё вышло.")


def standing(room: Newsroom) -> list[str]:
    return list(room.channels["wall"].standing.values())


async def test_a_wrong_date_is_put_right_where_it_stands(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org")
    await sent(room)
    await room.press("Исправить текст")
    asked = await room.sees("Пришлите новый текст целиком")
    assert OLD in words(asked)
    await room.tg.say(ANNA, NEW)
    shown = await room.sees("исправим на месте")
    assert "всех 14 15 мая" in words(shown)
    assert {entity["type"] for entity in shown["entities"]} >= {"strikethrough", "underline"}
    assert "1 письмо уже ушло, вернуть нельзя, но можно написать вслед." in words(shown)
    assert labels(shown) == ["Исправить", "Исправить и написать письмом", "Оставить как есть"]
    await room.press("Исправить", message=shown)
    board = await room.sees("Исправлено.")
    assert "ВКонтакте @smolprof: исправлено — посмотреть" in words(board)
    assert labels(board) == ["Исправить текст", "Отозвать"]
    assert standing(room) == [NEW]
    assert len(room.channels["mail"].sent) == 1


async def test_who_got_the_error_by_letter_is_written_to(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org", "b@example.org")
    await sent(room)
    await room.press("Исправить текст")
    await room.sees("Пришлите новый текст целиком")
    await room.tg.say(ANNA, NEW)
    await room.press("Исправить и написать письмом")
    await room.sees("Исправляется")
    room.clock.advance(minutes=2)
    room.face.poke()
    assert "Письма: принято 2 из 2 писем" in words(await room.sees("Исправлено."))
    assert [one.part.text for one in room.channels["mail"].sent] == [OLD, OLD, NEW, NEW]


async def test_a_second_press_corrects_nothing_twice(room: Newsroom) -> None:
    await sent(room)
    await room.press("Исправить текст")
    await room.sees("Пришлите новый текст целиком")
    await room.tg.say(ANNA, NEW)
    shown = await room.sees("исправим на месте")
    await asyncio.gather(*(room.tg.press(ANNA, shown["message_id"], "Исправить") for _ in range(2)))
    await room.sees("Исправлено.")
    await room.tg.wait_for(lambda: any("Эта кнопка" in str(each["text"]) for each in room.tg.callback_answers))
    assert room.channels["wall"].calls == 2


async def test_a_correction_that_is_refused_says_why(room: Newsroom) -> None:
    await sent(room)
    await room.press("Исправить текст")
    await room.sees("Пришлите новый текст целиком")
    says(room.channels["wall"], Rejected("too old", Reason.TOO_OLD_TO_CHANGE))
    await room.tg.say(ANNA, NEW)
    await room.press("Исправить", message=await room.sees("исправим на месте"))
    board = await room.sees("Исправить не получилось.")
    assert "менять уже нельзя" in words(board)


async def test_what_cannot_be_changed_is_left_to_a_person(room: Newsroom) -> None:
    room.channels["wall"].corrects = Correction.NONE
    await sent(room)
    await room.press("Исправить текст")
    await room.sees("Пришлите новый текст целиком")
    await room.tg.say(ANNA, NEW)
    shown = await room.sees("«Редактировать»")
    assert "нужен ключ пользователя" in words(shown)
    await room.press("Исправить", message=shown)
    await room.sees("Вышедшее осталось как было: ВКонтакте @smolprof")


async def test_a_change_of_mind_changes_nothing(room: Newsroom) -> None:
    await sent(room)
    await room.press("Исправить текст")
    await room.press("Оставить как есть")
    await room.sees("Оставлено как есть.")
    await room.tg.say(ANNA, "Другое объявление")
    await room.sees("Отправить сейчас")
    assert standing(room) == [OLD]


async def test_the_same_text_is_no_correction(room: Newsroom) -> None:
    await sent(room)
    await room.press("Исправить текст")
    await room.sees("Пришлите новый текст целиком")
    await room.tg.say(ANNA, OLD)
    await room.sees("Это тот же текст")
    await room.tg.say(ANNA, NEW)
    await room.sees("исправим на месте")


# Recall


async def test_a_recall_is_asked_once_and_takes_everything_away(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org")
    await sent(room)
    await planning.plan(room.desk, 1, at=None, cron="0 10 * * 3", by="editor")
    await room.press("Отозвать")
    shown = await room.sees("Отозвать №1")
    assert "ВКонтакте @smolprof: удалим пост." in words(shown)
    assert "Запланированные повторы отменятся." in words(shown)
    assert labels(shown) == ["Отозвать сейчас", "Отозвать и написать письмом", "Оставить как есть"]
    assert standing(room) == [OLD]
    await room.press("Отозвать сейчас")
    board = await room.sees("Отозвано.")
    assert "ВКонтакте @smolprof: убрано" in words(board)
    assert labels(board) == []
    assert standing(room) == []
    await room.tg.wait_for(lambda: room.find("Исправить текст") is None)


async def test_whose_texts_need_consent_may_not_correct_alone(url: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await room.tg.say(ANNA, OLD)
        await room.press("На согласование")
        await room.press("Одобрить", CHAIR)
        await room.press("Отправить сейчас")
        await room.sees("Готово. Всё вышло.")
        assert "без согласования" in await room.press("Исправить текст")
        assert "без согласования" in await room.press("Отозвать")
        assert BORIS not in room.face.settings.approvers


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("14 мая", "15 мая", "<s>14</s> <u>15</u> мая"),
        ("мая", "15 мая", "<u>15</u> мая"),
        ("15 мая", "мая", "<s>15</s> мая"),
        ("<b> & 1", "<b> & 2", "&lt;b&gt; &amp; <s>1</s> <u>2</u>"),
        ("раз " * 40 + "14", "раз " * 40 + "15", "…" + "раз " * 8 + "<s>14</s> <u>15</u>"),
        ("14" + " раз" * 40, "15" + " раз" * 40, "<s>14</s> <u>15</u>" + " раз" * 8 + "…"),
        (
            "1 " + "раз " * 40 + "1",
            "2 " + "раз " * 40 + "2",
            "<s>1</s> <u>2</u>" + " раз" * 8 + "… " + "раз " * 8 + "<s>1</s> <u>2</u>",
        ),
        ("одно", "совсем другое", "<s>одно</s> <u>совсем другое</u>"),
        ("то же", "то же", "то же"),
    ],
)
def test_only_what_changes_is_marked(old: str, new: str, shown: str) -> None:
    assert marked(old, new) == shown


@pytest.mark.parametrize("texts", [("а " * 3000, "б " * 3000), ("а б " * 1500, "б а " * 1500), ("а", "б " * 4000)])
def test_texts_of_any_kind_are_compared_at_once_and_fit_a_message(texts: tuple[str, str]) -> None:
    assert len(marked(*texts)) < 4000
