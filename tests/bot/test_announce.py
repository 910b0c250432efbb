"""From a message to the report, over the wire."""

from tests.bot.newsroom import ANNA, Newsroom


async def test_a_text_becomes_a_card_and_goes_out_and_is_reported(room: Newsroom) -> None:
    await room.tg.say(ANNA, "Заседание президиума перенесено на 15 декабря")
    card = await room.sees("Черновик · №1")
    assert "ВКонтакте" in card["text"]
    assert await room.press("Отправить сейчас") == "Отправляется."
    board = await room.sees("Готово. Всё вышло.")
    assert board["message_id"] == card["message_id"]
    assert [one.part.text for one in room.channels["wall"].sent] == ["Заседание президиума перенесено на 15 декабря"]
