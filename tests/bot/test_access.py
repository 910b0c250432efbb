"""Who may do what, and what strangers get."""

import pytest

from bot.access import Refusals, approvers_of, may_approve, may_compose, may_send
from delivery.store import announcements, inbox
from tests.bot.newsroom import ADMIN, ANNA, BORIS, CHAIR, STRANGER, Newsroom, newsroom, settings


def test_an_editor_sends_alone_only_where_nobody_approves() -> None:
    assert may_send(settings(), ANNA)
    assert not may_send(settings(approvers=(CHAIR,)), ANNA)
    assert may_send(settings(approvers=(CHAIR,)), ADMIN)


def test_an_approver_does_not_compose() -> None:
    assert not may_compose(settings(approvers=(CHAIR,)), CHAIR)


def test_nobody_but_an_administrator_approves_their_own() -> None:
    both = settings(approvers=(ANNA, CHAIR))
    assert not may_approve(both, ANNA, author_id=ANNA)
    assert may_approve(both, ANNA, author_id=BORIS)
    assert may_approve(both, ADMIN, author_id=ADMIN)


def test_administrators_are_asked_when_the_author_is_the_only_approver() -> None:
    assert approvers_of(settings(approvers=(ANNA,)), ANNA) == [ADMIN]


def test_a_stranger_is_answered_once_an_hour() -> None:
    refusals = Refusals()
    assert [refusals.due(STRANGER, at) for at in (0, 1, 3599, 3600)] == [True, False, False, True]


def test_a_crowd_of_strangers_fills_no_memory() -> None:
    refusals = Refusals(remembered=10)
    assert sum(refusals.due(number, 0) for number in range(1000)) == 10


async def test_a_stranger_gets_one_refusal_that_names_nobody_and_leaves_nothing_behind(room: Newsroom) -> None:
    room.tg.add_person(STRANGER, "Посторонний")
    for text in ("/start", "Разошлите это", "/status", "ещё"):
        await room.tg.say(STRANGER, text)
    await room.tg.send_sticker(STRANGER)
    await room.tg.say(ANNA, "/help")
    await room.sees("Узнать, дошло ли")
    (refusal,) = room.texts(STRANGER)
    assert "только редакция" in refusal
    assert not any(word in refusal for word in ("smolprof", "Анна", "Админ", "ВКонтакте", "@"))
    async with room.desk.database.reading() as tx:
        assert await announcements.latest(tx, 10) == []
        assert all(each["message"]["from"]["id"] == ANNA for each in await inbox.waiting(tx))


async def test_a_stranger_in_a_group_is_not_answered_at_all(room: Newsroom) -> None:
    group = room.tg.add_group(-500, "Чужая группа")
    message = room.tg.world.post(
        room.tg.world.find(group), {"text": "привет"}, sender={"id": STRANGER, "is_bot": False, "first_name": "X"}
    )
    room.tg.world.tell("message", message)
    await room.tg.say(ANNA, "/help")
    await room.sees("Узнать, дошло ли")
    assert len(room.tg.channel_posts(group)) == 1


async def test_what_an_editor_says_in_a_group_is_left_alone(room: Newsroom) -> None:
    group = room.tg.world.find(room.tg.add_group(-500, "Редакция"))
    message = room.tg.world.post(group, {"text": "обсудим"}, sender=room.tg.world.find(ANNA).person())
    room.tg.world.tell("message", message)
    await room.tg.say(ANNA, "/help")
    await room.sees("Узнать, дошло ли")
    async with room.desk.database.reading() as tx:
        assert all(each["message"]["chat"]["type"] == "private" for each in await inbox.waiting(tx))
        assert await announcements.latest(tx, 10) == []


async def test_a_removed_editor_can_press_nothing(url: str) -> None:
    async with newsroom(url) as room:
        await room.tg.say(BORIS, "Черновик Бориса")
        card = await room.sees("Черновик · №1", BORIS)
        room.hung_up.set()
        async with newsroom(url, tg=room.tg, editors=(ANNA,)) as later:
            answer = await later.press("Отправить сейчас", BORIS, card)
            assert "только редакция" in answer
            assert later.channels["wall"].sent == []


@pytest.mark.parametrize("text", ["Согласен", "/new"])
async def test_an_approver_is_told_what_to_expect(url: str, text: str) -> None:
    async with newsroom(url, approvers=(CHAIR,)) as room:
        await room.tg.say(CHAIR, text)
        await room.sees("Пришлите объявление" if text == "/new" else "Объявления составляют редакторы", CHAIR)
