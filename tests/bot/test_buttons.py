"""The buttons of a draft: each does what it says, once, for those who may."""

import asyncio

import pytest

from channels.rehearsal import RehearsalChannel, Settings
from delivery import broadcast
from delivery.model import DeliveryState, Stage
from tests.bot.newsroom import ADMIN, ANNA, BORIS, Newsroom, labels, newsroom, words
from tests.delivery.builders import a_list, states
from tests.support.pictures import png


async def a_draft(room: Newsroom, text: str = "Собрание в среду") -> None:
    await room.tg.say(ANNA, text)
    await room.sees("Черновик · №")


async def test_a_card_names_channels_lengths_and_people(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org", "b@example.org")
    await a_draft(room)
    card = words(await room.sees("Черновик · №1"))
    assert "ВКонтакте @smolprof: 16 знаков" in card
    assert "Письма: 2 адреса (Members), 16 знаков" in card


async def test_the_contract_words_stand_on_the_buttons(room: Newsroom) -> None:
    await a_draft(room)
    shown = labels(await room.sees("Черновик · №1"))
    expected = ["Отправить сейчас", "Запланировать", "Повторять", "Каналы", "Предпросмотр", "Исправить текст", "Отмена"]
    assert [label.lstrip("🚀 ") for label in shown] == expected


async def test_pressing_twice_makes_one_broadcast(room: Newsroom) -> None:
    await a_draft(room)
    card = await room.sees("Отправить сейчас")
    answers = await asyncio.gather(
        room.press("Отправить сейчас", message=card), room.press("Отправить сейчас", message=card)
    )
    await room.sees("Готово. Всё вышло.")
    assert len(room.channels["wall"].sent) == 1
    assert "Отправляется." in answers


async def test_two_people_pressing_at_once_make_one_broadcast_and_both_see_it(room: Newsroom) -> None:
    await a_draft(room)
    await room.tg.say(ADMIN, "/status 1")
    await room.sees("Черновик · №1", ADMIN)
    await asyncio.gather(room.press("Отправить сейчас"), room.press("Отправить сейчас", ADMIN))
    await room.sees("Готово. Всё вышло.")
    await room.sees("Готово. Всё вышло.", ADMIN)
    assert len(room.channels["wall"].sent) == 1


async def test_cancelling_within_the_grace_lets_nothing_out(url: str) -> None:
    async with newsroom(url, grace_seconds=30) as room:
        await a_draft(room)
        await room.press("Отправить сейчас")
        await room.sees("Пока можно отменить")
        assert await room.press("Отменить") == "Остановлено: 1 доставка."
        board = await room.sees("Отменено. Ничего не ушло.")
        assert room.channels["wall"].sent == []
        await room.press("Новый черновик с этим текстом", message=board)
        await room.sees("Черновик · №2")
        assert (await broadcast.find(room.desk, 2)).post.text == "Собрание в среду"


async def test_after_the_grace_it_goes_out_by_itself(url: str) -> None:
    async with newsroom(url, grace_seconds=2) as room:
        await a_draft(room)
        await room.press("Отправить сейчас")
        await room.sees("Пока можно отменить")
        await room.sees("Готово. Всё вышло.")


async def test_dropping_a_draft_can_be_taken_back(room: Newsroom) -> None:
    await a_draft(room)
    assert await room.press("Отмена") == "Отменено."
    await room.sees("Ничего не отправлено.")
    await room.press("Вернуть черновик")
    await room.sees("Черновик · №1")
    assert (await broadcast.find(room.desk, 1)).stage is Stage.DRAFT


async def test_another_text_replaces_the_old_and_keeps_the_picture(room: Newsroom) -> None:
    await room.tg.send_media(ANNA, "photo", "p.png", png(), "image/png", caption="14 мая")
    await room.press("Исправить текст")
    await room.sees("Новый текст для №1")
    await room.tg.say(ANNA, "15 мая")
    card = await room.sees("Текст заменён")
    assert "Вложения: 1 фото" in words(card)
    post = (await broadcast.find(room.desk, 1)).post
    assert (post.text, len(post.attachments)) == ("15 мая", 1)


async def test_a_long_text_that_the_app_cuts_replaces_as_a_whole(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Исправить текст")
    await room.sees("Новый текст для №1")
    text = ("Новый длинный текст объявления. " * 300).strip()
    await room.tg.say(ANNA, text)
    await room.sees("Текст заменён")
    await asyncio.sleep(0.5)
    assert (await broadcast.find(room.desk, 1)).post.text.split() == text.split()


async def test_a_picture_instead_of_a_text_is_another_draft(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Исправить текст")
    await room.sees("Новый текст для №1")
    await room.tg.send_media(ANNA, "photo", "p.png", png(), "image/png", caption="Другое")
    await room.sees("Черновик · №2")
    assert (await broadcast.find(room.desk, 1)).post.text == "Собрание в среду"
    await room.tg.wait_for(lambda: room.find("Собрание в среду"))


async def test_cancel_ends_a_dialogue_and_keeps_the_draft(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Исправить текст")
    await room.tg.say(ANNA, "/cancel")
    await room.sees("Черновик сохранён")
    await room.tg.say(ANNA, "Уже другое объявление")
    await room.sees("Черновик · №2")


async def test_channels_and_lists_are_switched_with_their_reach(room: Newsroom) -> None:
    await a_list(room.desk, "members", "a@example.org", "b@example.org")
    await a_list(room.desk, "press", "c@example.org")
    await a_draft(room)
    await room.press("Каналы")
    screen = await room.sees("Сейчас выбрано: 1 канал и 3 адреса")
    assert "✅ Members · 2" in labels(screen)
    await room.press("Press · 1")
    await room.sees("Сейчас выбрано: 1 канал и 2 адреса")
    await room.press("ВКонтакте")
    await room.sees("Сейчас выбрано: 2 адреса")
    await room.press("Готово")
    card = words(await room.sees("Черновик · №1"))
    assert "ВКонтакте" not in card
    assert (await broadcast.find(room.desk, 1)).targets == ("mail:members",)


async def test_nothing_chosen_is_said_and_nothing_is_sent(room: Newsroom) -> None:
    await a_draft(room)
    await room.press("Каналы")
    await room.press("ВКонтакте")
    await room.press("Готово")
    await room.sees("Каналы не выбраны")
    assert "некому" in await room.press("Отправить сейчас")


async def test_the_preview_is_what_goes_out(room: Newsroom) -> None:
    await room.tg.send_media(
        ANNA,
        "photo",
        "p.png",
        png(),
        "image/png",
        caption="Важно",
        entities=[{"type": "bold", "offset": 0, "length": 5}],
    )
    await room.sees("Черновик · №1")
    await room.press("Предпросмотр")
    await room.sees("Так будет выглядеть")
    await room.tg.wait_for(lambda: room.said()[-1].get("reply_markup"))
    assert "Черновик · №1" in words(room.said()[-1])
    await room.tg.wait_for(lambda: sum("Черновик · №1" in text for text in room.texts()) == 1)


async def test_a_channel_that_would_fail_is_left_out_on_a_button(url: str) -> None:
    channels = {
        "wall": RehearsalChannel("wall", Settings(address="@wall", text_limit=20)),
        "news": RehearsalChannel("news", Settings(address="@news")),
    }
    async with newsroom(url, channels=channels, kinds={"wall": "vk", "news": "telegram"}) as room:
        await a_draft(room, "Слишком длинный текст для стены")
        card = await room.sees("Текст длиннее на 11 знаков: 31, а помещается 20")
        assert not any("Отправить сейчас" in label for label in labels(card))
        await room.press("Без ВКонтакте")
        await room.press("Отправить сейчас")
        await room.sees("Готово. Всё вышло.")
        assert channels["wall"].sent == []
        assert len(channels["news"].sent) == 1


async def test_a_button_of_an_older_revision_does_nothing(room: Newsroom) -> None:
    number = await room.tg.say(ANNA, "Было")
    card = dict(await room.sees("Черновик · №1"))
    data = next(
        button["callback_data"]
        for row in card["reply_markup"]["inline_keyboard"]
        for button in row
        if "Отправить сейчас" in button["text"]
    )
    await room.tg.edit_said(ANNA, number, "Стало")
    card = await room.sees("Взята ваша правка")
    card["reply_markup"]["inline_keyboard"][0][0]["callback_data"] = data
    assert "с тех пор изменился" in await room.press(data, message=card)
    assert room.channels["wall"].sent == []


@pytest.mark.parametrize(
    "data", ["d:send:999:1", "zzz", "d:explode:1:1", "b:stop:999:999:0", "q:1:999:abc:1", "t:1:abc"]
)
async def test_forged_and_ancient_buttons_are_answered_kindly(room: Newsroom, data: str) -> None:
    await a_draft(room)
    card = await room.sees("Черновик · №1")
    card["reply_markup"]["inline_keyboard"][0][0]["callback_data"] = data
    answer = await room.press(data, message=card)
    assert answer
    assert "внутренняя ошибка" not in answer
    assert room.channels["wall"].sent == []


async def test_an_editor_cannot_press_for_a_removed_one(room: Newsroom) -> None:
    await a_draft(room)
    card = await room.sees("Черновик · №1")
    room.tg.world.chats[BORIS].messages[card["message_id"]] = card
    assert await room.press("Отправить сейчас", BORIS, card) == "Отправляется."


async def test_what_was_sent_cannot_be_sent_again_from_an_old_card(room: Newsroom) -> None:
    await a_draft(room)
    card = {**await room.sees("Отправить сейчас")}
    await room.press("Отправить сейчас")
    board = await room.sees("Готово. Всё вышло.")
    board["reply_markup"] = card["reply_markup"]
    assert "Второй раз не уйдёт" in await room.press("Отправить сейчас", message=board)
    assert await states(room.desk, 1) == [DeliveryState.SENT]


async def test_many_lists_are_chosen_page_by_page(room: Newsroom) -> None:
    for number in range(45):
        await a_list(room.desk, f"list{number:02}", f"a{number}@example.org")
    await a_draft(room)
    await room.press("Каналы")
    await room.press("Дальше")
    screen = await room.sees("List25 · 1")
    await room.press("List25 · 1", message=screen)
    await room.tg.wait_for(lambda: "⬜ List25 · 1" in labels(screen))
    await room.press("Раньше", message=screen)
    await room.sees("List00 · 1")
    assert "mail:list25" not in (await broadcast.find(room.desk, 1)).targets
    assert len((await broadcast.find(room.desk, 1)).targets) == 45


async def test_a_channel_that_is_no_longer_there_is_named_on_the_card(url: str) -> None:
    async with newsroom(url) as room:
        await a_list(room.desk, "members", "a@example.org")
        await a_draft(room)
        room.hung_up.set()
        async with newsroom(url, tg=room.tg, channels={"wall": room.channels["wall"]}, kinds={"wall": "vk"}) as later:
            await later.tg.say(ANNA, "/status 1")
            card = await later.sees("«mail:members» больше нет среди каналов и списков")
            assert "больше нет" in await later.press("Предпросмотр", message=card)
            await later.press("Каналы")
            await later.press("ВКонтакте")
            await later.press("ВКонтакте")
            await later.press("Готово")
            await later.press("Отправить сейчас")
            await later.sees("Готово. Всё вышло.")


async def test_a_button_of_a_message_that_has_moved_says_where_to_look(room: Newsroom) -> None:
    await a_draft(room)
    card = {**await room.sees("Каналы")}
    await room.press("Предпросмотр")
    await room.tg.wait_for(lambda: card["message_id"] not in [each["message_id"] for each in room.said()])
    chat = room.tg.world.find(ANNA)
    room.tg.world.callbacks["1"] = ANNA
    press = {"id": "1", "from": chat.person(), "message": card, "chat_instance": "2", "data": "d:tgt:1:1"}
    room.tg.world.tell("callback_query", press)
    await room.tg.wait_for(lambda: any("смотрите ниже" in str(each["text"]) for each in room.tg.callback_answers))
