"""What belongs together becomes one draft, and what does not becomes its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiogram.types import Update

from bot.collector import Collector
from channels.contract import AttachmentKind, Post
from delivery import broadcast
from delivery.store import announcements, inbox
from delivery.store.media import Media
from sandbox.faults import Fault, Kind
from sandbox.telegram.person import AlbumItem
from tests.bot.newsroom import ANNA, Newsroom, newsroom, words
from tests.support.pictures import png

LINE = "Профсоюз добился повышения оплаты на всех предприятиях области. "


def photos(n: int) -> list[AlbumItem]:
    return [("photo", f"p{grey}.png", png(grey=grey), "image/png") for grey in range(1, n + 1)]


async def posts(room: Newsroom) -> list[Post]:
    """Every announcement's content, oldest first."""
    async with room.desk.database.reading() as tx:
        return [one.post for one in reversed(await announcements.latest(tx, 100))]


@pytest.mark.parametrize(
    ("kind", "name", "mime", "found"),
    [
        ("photo", "p.png", "image/png", AttachmentKind.PHOTO),
        ("video", "v.mp4", "video/mp4", AttachmentKind.VIDEO),
        ("animation", "a.mp4", "video/mp4", AttachmentKind.ANIMATION),
        ("document", "план.pdf", "application/pdf", AttachmentKind.DOCUMENT),
        ("audio", "гимн.mp3", "audio/mpeg", AttachmentKind.AUDIO),
    ],
)
async def test_a_file_of_any_kind_becomes_a_draft_with_its_bytes(
    room: Newsroom, kind: str, name: str, mime: str, found: AttachmentKind
) -> None:
    data = png() if kind == "photo" else b"content of " + name.encode()
    await room.tg.send_media(ANNA, kind, name, data, mime, caption="Подпись")
    await room.sees("Черновик · №1")
    (post,) = await posts(room)
    assert post.text == "Подпись"
    (attachment,) = post.attachments
    assert attachment.kind is found
    assert attachment.telegram_file_id
    assert await Media(room.desk.database).read(attachment.digest or "") == data


async def test_formatting_is_kept(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Важно: приходите", [{"type": "bold", "offset": 0, "length": 5}])
    await room.sees("Черновик · №1")
    (post,) = await posts(room)
    assert [(one.type, one.offset, one.length) for one in post.entities] == [("bold", 0, 5)]


async def test_two_messages_make_two_drafts_at_once(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Первое")
    await room.tg.say(ANNA, "Второе")
    await room.sees("Черновик · №2")
    assert [post.text for post in await posts(room)] == ["Первое", "Второе"]


async def test_a_single_message_does_not_wait_for_others(url: str) -> None:
    async with newsroom(url, quiet=60) as room:
        await room.tg.say(ANNA, "Коротко")
        await room.sees("Черновик · №1")


async def test_an_album_becomes_one_draft_in_the_order_of_its_messages(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.tg.world, "tell", _backwards(room, 4))
    await room.tg.send_album(ANNA, photos(4), caption="Марш")
    await room.sees("Черновик · №1")
    (post,) = await posts(room)
    sizes = [await Media(room.desk.database).read(one.digest or "") for one in post.attachments]
    assert sizes == [png(grey=grey) for grey in (1, 2, 3, 4)]
    assert post.text == "Марш"


def _backwards(room: Newsroom, n: int) -> Callable[[str, dict[str, Any]], None]:
    """Let the next n updates arrive in the opposite order."""
    tell = room.tg.world.tell
    waiting: list[tuple[str, dict[str, Any]]] = []

    def hold(kind: str, content: dict[str, Any]) -> None:
        waiting.append((kind, dict(content)))
        if len(waiting) == n:
            for each in reversed(waiting):
                tell(*each)
            waiting.clear()

    return hold


async def test_a_late_item_of_an_album_joins_its_draft(room: Newsroom) -> None:
    group = room.tg.world.new_group_id()
    for grey in (1, 2):
        await room.tg.send_media(
            ANNA,
            "photo",
            "p.png",
            png(grey=grey),
            "image/png",
            caption="Марш" if grey == 1 else "",
            media_group_id=group,
        )
    await room.sees("Вложения: 2 фото")
    await asyncio.sleep(0.4)
    await room.tg.send_media(ANNA, "photo", "p.png", png(grey=3), "image/png", media_group_id=group)
    card = await room.sees("Добавлено ещё 1 фото")
    assert "Вложения: 3 фото" in words(card)
    assert len(await posts(room)) == 1
    await room.tg.wait_for(lambda: sum("Черновик · №1" in text for text in room.texts()) == 1)


async def test_an_item_that_comes_after_sending_makes_a_draft_of_its_own(room: Newsroom) -> None:
    group = room.tg.world.new_group_id()
    await room.tg.send_media(ANNA, "photo", "p.png", png(grey=1), "image/png", media_group_id=group)
    await room.press("Отправить сейчас")
    await room.sees("Готово.")
    await room.tg.send_media(ANNA, "photo", "p.png", png(grey=2), "image/png", media_group_id=group)
    card = await room.sees("объявление №1 уже отправлено")
    assert "Черновик · №2" in card["text"]


async def test_eleven_pictures_sent_at_once_are_one_draft(room: Newsroom) -> None:
    items = photos(11)
    await room.tg.send_album(ANNA, items[:10], caption="Субботник")
    await room.tg.send_media(ANNA, *items[10])
    await room.sees("11 фото")
    assert [len(post.attachments) for post in await posts(room)] == [11]


async def test_two_albums_sent_at_once_are_one_draft_and_a_late_item_still_joins(room: Newsroom) -> None:
    await room.tg.send_album(ANNA, photos(10))
    group = room.tg.world.new_group_id()
    for grey in (20, 21):
        await room.tg.send_media(ANNA, "photo", "p.png", png(grey=grey), "image/png", media_group_id=group)
    await room.sees("12 фото")
    await asyncio.sleep(0.4)
    await room.tg.send_media(ANNA, "photo", "p.png", png(grey=22), "image/png", media_group_id=group)
    await room.sees("13 фото")
    assert len(await posts(room)) == 1


async def test_a_text_that_the_app_has_cut_becomes_one_draft(room: Newsroom) -> None:
    text = (LINE * 900)[:50_000].strip()
    await room.tg.say(ANNA, text)
    await room.sees("Черновик · №1")
    async with asyncio.timeout(25):  # on a slow machine the last pieces join a draft that is there already
        while True:
            (post,) = await posts(room)
            if len(post.text) >= len(text):
                break
            await asyncio.sleep(0.05)
    assert post.text.split() == text.split()


async def test_a_short_text_after_a_short_text_is_no_continuation(room: Newsroom) -> None:
    await room.tg.say(ANNA, LINE)
    await room.tg.say(ANNA, "Ещё")
    await room.sees("Черновик · №2")


async def test_forwarded_messages_and_the_comment_before_them_are_one_draft(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Коллеги, прочтите:")
    await room.tg.forward(ANNA, "Первая новость", "ФНПР")
    await room.tg.forward(ANNA, "Вторая новость", "ФНПР")
    await room.tg.wait_for(lambda: room.find("Добавлено") or room.find("знак"))
    await asyncio.sleep(0.6)
    (post,) = await posts(room)
    assert post.text == "Коллеги, прочтите:\n\nПервая новость\n\nВторая новость"


async def test_an_edited_message_changes_its_draft(room: Newsroom) -> None:
    number = await room.tg.say(ANNA, "Заседание 14 мая")
    await room.sees("Черновик · №1")
    await room.tg.edit_said(ANNA, number, "Заседание 15 мая")
    await room.sees("Взята ваша правка")
    assert [post.text for post in await posts(room)] == ["Заседание 15 мая"]


async def test_an_edited_caption_keeps_the_picture_with_its_bytes(room: Newsroom) -> None:
    number = await room.tg.send_media(ANNA, "photo", "p.png", png(), "image/png", caption="14 мая")
    await room.sees("Черновик · №1")
    await room.tg.edit_said(ANNA, number, "15 мая")
    await room.sees("Взята ваша правка")
    (post,) = await posts(room)
    assert post.text == "15 мая"
    assert post.attachments[0].digest


async def test_an_edit_does_not_undo_what_was_corrected_by_hand(room: Newsroom) -> None:
    number = await room.tg.say(ANNA, "Первый вариант")
    await room.press("Исправить текст")
    await room.tg.say(ANNA, "Исправленный вариант")
    await room.sees("Текст заменён")
    await room.tg.edit_said(ANNA, number, "Первый вариант, ещё раз")
    await room.sees("Правка исходного сообщения не взята")
    assert [post.text for post in await posts(room)] == ["Исправленный вариант"]


async def test_an_edit_after_sending_is_answered(room: Newsroom) -> None:
    number = await room.tg.say(ANNA, "Текст")
    await room.press("Отправить сейчас")
    await room.sees("Готово.")
    await room.tg.edit_said(ANNA, number, "Другой текст")
    await room.sees("Объявление №1 уже ушло или утверждено")


async def test_a_file_that_telegram_does_not_hand_out_at_first_is_asked_for_again(room: Newsroom) -> None:
    room.tg.faults.add("getFile", Fault(Kind.DROPS_BEFORE, times=2))
    await room.tg.send_media(ANNA, "photo", "p.png", png(), "image/png", caption="Фото")
    card = await room.sees("Черновик · №1")
    assert "Не скачалось" not in words(card)
    assert (await posts(room))[0].attachments[0].digest


async def test_a_draft_appears_even_when_the_file_never_comes(room: Newsroom) -> None:
    room.tg.faults.add("getFile", Fault(Kind.DROPS_BEFORE, times=0))
    await room.tg.send_media(ANNA, "document", "план.pdf", b"%PDF", "application/pdf", caption="План")
    await room.sees("Не скачалось: план.pdf")


async def test_a_file_over_twenty_megabytes_goes_by_its_file_id(room: Newsroom) -> None:
    await room.tg.send_media(ANNA, "video", "марш.mp4", bytes(21 * 1024 * 1024), "video/mp4", caption="Марш")
    await room.sees("Черновик · №1")
    (post,) = await posts(room)
    assert post.attachments[0].digest is None
    assert post.attachments[0].telegram_file_id
    assert room.calls("getFile") == []


async def test_a_kill_between_the_update_and_the_draft_loses_nothing(migrated_url: str) -> None:
    async with newsroom(migrated_url, polling=False) as room:
        await room.tg.say(ANNA, "Сообщение перед падением")
        (raw,) = await room.bot.get_updates()
        async with room.desk.database.writing() as tx:
            await inbox.keep(tx, raw.update_id, raw.model_dump(mode="json", exclude_none=True), room.desk.now())
        tg = room.tg
        async with newsroom(migrated_url, tg=tg) as again:
            await again.sees("Черновик · №1")
            assert [post.text for post in await posts(again)] == ["Сообщение перед падением"]
        async with room.desk.database.reading() as tx:
            assert await inbox.waiting(tx) == []


async def test_a_kill_between_the_piece_and_the_draft_loses_nothing(url: str) -> None:
    async with newsroom(url, quiet=3600) as room:
        await room.tg.send_album(ANNA, photos(2), caption="Альбом")
        await room.tg.wait_for(lambda: not room.tg.world.updates)
        await asyncio.sleep(0.2)
        assert await posts(room) == []
        room.clock.advance(hours=2)
        collector = Collector(room.bot, room.face)
        await collector.step()
        assert [post.text for post in await posts(room)] == ["Альбом"]


async def test_an_update_that_comes_twice_makes_one_draft(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Один раз")
    await room.sees("Черновик · №1")
    async with room.desk.database.reading() as tx:
        (piece,) = await inbox.pieces(tx, ANNA, "1")
    message = room.tg.chat(ANNA)[0]
    update = Update.model_validate({"update_id": 100_001, "message": message}, context={"bot": room.bot})
    await room.dispatcher.feed_update(room.bot, update)
    other = update.model_copy(update={"update_id": 100_002})
    await room.dispatcher.feed_update(room.bot, other)
    await asyncio.sleep(0.3)
    assert len(await posts(room)) == 1
    assert piece.announcement_id == 1


async def test_a_card_appears_when_telegram_can_be_reached_again(room: Newsroom) -> None:
    room.tg.faults.add("sendMessage", Fault(Kind.DROPS_BEFORE, times=3))
    await room.tg.say(ANNA, "Связи нет")
    await room.sees("Черновик · №1")
    assert (await broadcast.find(room.desk, 1)).post.text == "Связи нет"
