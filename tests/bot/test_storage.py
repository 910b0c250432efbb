"""What the bot keeps, on SQLite and on Postgres."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import StorageKey

from bot.memory import Memory
from channels.contract import Attachment, AttachmentKind, Post
from delivery.database import Database
from delivery.store import announcements, inbox, talks
from delivery.store.inbox import Piece
from tests.bot.newsroom import ANNA, newsroom
from tests.support.clock import Clock
from tests.support.pictures import png

KEY = StorageKey(bot_id=1, chat_id=2, user_id=2)


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_url)
    yield database
    await database.close()


def a_piece(number: int, clock: Clock, **changes: object) -> Piece:
    values = {
        "chat_id": ANNA,
        "message_id": number,
        "author_id": ANNA,
        "author": "Анна",
        "bundle": str(number),
        "post": Post(f"текст {number}"),
        "sent_at": clock(),
        "quiet_until": clock(),
    }
    return Piece(**(values | changes))  # type: ignore[arg-type]


async def an_announcement(database: Database, clock: Clock) -> int:
    async with database.writing() as tx:
        number, _ = await announcements.insert(
            tx, Post("текст"), author="a", author_id=ANNA, targets=[], urgent=False, request_key=None, now=clock()
        )
    return number


async def test_a_talk_is_remembered_by_another_process(database: Database) -> None:
    await Memory(database).set_state(KEY, State("text", "Waiting"))
    await Memory(database).set_data(KEY, {"id": 7})
    again = Memory(database)
    assert (await again.get_state(KEY), await again.get_data(KEY)) == ("Waiting:text", {"id": 7})


async def test_first_writes_at_once_do_not_collide(database: Database) -> None:
    memory = Memory(database)
    await asyncio.gather(*(memory.update_data(KEY, {"id": number}) for number in range(8)))
    assert (await memory.get_data(KEY))["id"] in range(8)


async def test_a_bundle_is_ripe_when_nothing_more_is_expected(database: Database, clock: Clock) -> None:
    later = clock() + timedelta(seconds=2)
    async with database.writing() as tx:
        await inbox.add_piece(tx, a_piece(1, clock, bundle="b"), clock())
        await inbox.add_piece(tx, a_piece(2, clock, bundle="b", quiet_until=later), clock())
        assert await inbox.ripe(tx, clock()) == []
        assert await inbox.next_ripe(tx, clock()) == later
        assert await inbox.ripe(tx, later) == [(ANNA, "b")]


async def test_a_file_that_waits_for_a_word_is_never_ripe(database: Database, clock: Clock) -> None:
    async with database.writing() as tx:
        await inbox.add_piece(tx, a_piece(1, clock, quiet_until=None), clock())
        assert await inbox.ripe(tx, clock() + timedelta(days=9)) == []
        assert await inbox.rebundle(tx, ANNA, 1, bundle="1", quiet_until=clock())
        assert not await inbox.rebundle(tx, ANNA, 1, bundle="1", quiet_until=clock())
        assert await inbox.ripe(tx, clock()) == [(ANNA, "1")]


async def test_a_piece_is_kept_once(database: Database, clock: Clock) -> None:
    async with database.writing() as tx:
        assert await inbox.add_piece(tx, a_piece(1, clock), clock())
        assert not await inbox.add_piece(tx, a_piece(1, clock, post=Post("другое")), clock())
        (found,) = await inbox.pieces(tx, ANNA, "1")
    assert found.post.text == "текст 1"


async def test_bytes_are_noted_in_the_piece_as_it_is_by_now(database: Database, clock: Clock) -> None:
    file = Attachment(AttachmentKind.PHOTO, "p.jpg", "image/jpeg", 0, telegram_file_id="f1")
    one = a_piece(1, clock, post=Post("было", attachments=(file,)))
    async with database.writing() as tx:
        await inbox.add_piece(tx, one, clock())
        await inbox.replace_piece(tx, ANNA, 1, Post("стало", attachments=(file,)))
        await inbox.keep_bytes(tx, one, file, "d1", 42)
        found = await inbox.one_piece(tx, ANNA, 1)
    assert found is not None
    assert (found.post.text, found.post.attachments[0].digest, found.post.attachments[0].size) == ("стало", "d1", 42)


async def test_a_wish_that_comes_while_a_card_is_drawn_is_not_lost(database: Database, clock: Clock) -> None:
    number = await an_announcement(database, clock)
    async with database.writing() as tx:
        await talks.want_card(tx, number, ANNA, note=[{"code": "edited"}])
        (card,) = await talks.wanted_cards(tx)
        await talks.want_cards(tx, number)
        await talks.card_drawn(tx, card, 55)
        (again,) = await talks.wanted_cards(tx)
        assert (again.message_id, again.note) == (55, [{"code": "edited"}])
        await talks.card_drawn(tx, again, 55)
        assert await talks.wanted_cards(tx) == []


async def test_a_card_that_is_wanted_afresh_while_it_is_drawn_is_drawn_afresh(database: Database, clock: Clock) -> None:
    number = await an_announcement(database, clock)
    async with database.writing() as tx:
        await talks.want_card(tx, number, ANNA)
        (first,) = await talks.wanted_cards(tx)
        await talks.want_card_afresh(tx, number, ANNA)
        assert not await talks.card_drawn(tx, first, 55)
        (second,) = await talks.wanted_cards(tx)
        assert second.message_id is None
        assert await talks.card_drawn(tx, second, 56)
        await talks.want_cards(tx, number)
        (third,) = await talks.wanted_cards(tx)
        await talks.want_card_afresh(tx, number, ANNA)
        assert not await talks.card_drawn(tx, third, 56)
        (fourth,) = await talks.wanted_cards(tx)
        assert fourth.message_id is None


async def test_a_card_that_is_wanted_below_while_it_is_drawn_goes_below(database: Database, clock: Clock) -> None:
    number = await an_announcement(database, clock)
    async with database.writing() as tx:
        await talks.card_at(tx, number, ANNA, 55)
        (card,) = await talks.wanted_cards(tx)
        await talks.want_card(tx, number, ANNA, anew=True)
        assert await talks.card_drawn(tx, card, 55)
        (again,) = await talks.wanted_cards(tx)
        assert again.anew
        assert await talks.card_drawn(tx, again, 60)
        assert await talks.wanted_cards(tx) == []


async def test_a_card_that_moves_tells_where_it_was(database: Database, clock: Clock) -> None:
    number = await an_announcement(database, clock)
    async with database.writing() as tx:
        assert await talks.move_card(tx, number, ANNA, 10) is None
        assert await talks.move_card(tx, number, ANNA, 20) == 10
        assert await talks.wanted_cards(tx) == []


async def test_news_are_kept_until_told(database: Database, clock: Clock) -> None:
    async with database.writing() as tx:
        await talks.tell(tx, [1, 2], {"code": "held", "channel": "vk"}, clock())
        first, second = await talks.untold(tx)
        await talks.told(tx, first.id)
        assert await talks.untold(tx) == [second]


async def test_from_an_album_to_the_report(migrated_url: str) -> None:
    async with newsroom(migrated_url) as room:
        items = [("photo", f"{grey}.png", png(grey=grey), "image/png") for grey in range(1, 5)]
        await room.tg.send_album(ANNA, items, caption="Марш")
        await room.press("Отправить сейчас")
        await room.sees("Готово. Всё вышло.")
        await room.tg.say(ANNA, "Второе")
        await room.press("Запланировать")
        await room.tg.say(ANNA, "через 2 минуты")
        await room.press("Запланировать", message=await room.sees("Когда: сегодня"))
        room.clock.advance(minutes=3)
        room.face.poke()
        await room.tg.wait_for(lambda: len(room.channels["wall"].sent) == 2)
