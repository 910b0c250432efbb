"""The preview shows what will go out, by the channels that will send it."""

from collections.abc import AsyncIterator

import pytest

from channels import registry
from channels.contract import Channel, Surroundings, TelegramAccess
from delivery.database import Database
from delivery.store.media import Media
from sandbox.telegram import TelegramStandIn
from tests.bot.newsroom import ADMIN, ANNA, BORIS, CHAIR, newsroom, words
from tests.delivery.builders import a_list
from tests.support.pictures import png

CHANNEL = -1001234567890
LONG = "Профсоюз добился повышения оплаты труда на всех предприятиях области. "


@pytest.fixture
async def tg() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn() as tg:
        for user_id in (ADMIN, ANNA, BORIS, CHAIR):
            tg.add_person(user_id, "Анна")
        tg.add_channel(CHANNEL, "Профсоюзы", "smolprof")
        yield tg
        assert tg.violations == []


@pytest.fixture
async def channels(url: str, tg: TelegramStandIn) -> AsyncIterator[dict[str, Channel]]:
    """The real Telegram channel, VK wall and letters; nothing is sent by the latter two."""
    database = Database(url)
    around = Surroundings(Media(database), TelegramAccess(tg.token, tg.url))
    sections = {
        "tg": registry.SETTINGS["telegram"].model_validate({"kind": "telegram", "chat_id": "@smolprof"}),
        "vk": registry.SETTINGS["vk"].model_validate({"kind": "vk", "group_id": 1, "community_token": "t"}),
        "mail": registry.SETTINGS["email"].model_validate(
            {"kind": "email", "host": "127.0.0.1", "sender": "Пресс-служба <press@example.org>", "tls": "none"}
        ),
    }
    opened: dict[str, Channel] = {key: await registry.connect(key, one, around) for key, one in sections.items()}
    yield opened
    for channel in opened.values():
        await channel.close()
    await database.close()


KINDS = {"tg": "telegram", "vk": "vk", "mail": "email"}


async def test_each_channel_is_shown_as_it_will_look(
    url: str, tg: TelegramStandIn, channels: dict[str, Channel]
) -> None:
    async with newsroom(url, tg=tg, channels=channels, kinds=KINDS) as room:
        await a_list(room.desk, "members", "a@example.org")
        await tg.send_media(
            ANNA,
            "photo",
            "p.png",
            png(),
            "image/png",
            caption="Заседание президиума\nсостоится 15 декабря",
            entities=[{"type": "bold", "offset": 0, "length": 20}],
        )
        card = words(await room.sees("Черновик · №1"))
        assert "Картинка выйдет файлом" in card
        await room.press("Предпросмотр")
        await room.tg.wait_for(lambda: "Черновик · №1" in words(room.said()[-1]) and len(room.said()) > 5)
        said = room.said()
        at = next(
            i for i, each in enumerate(said) if "Telegram-канал @smolprof" in words(each) and "Так будет" in words(each)
        )
        post = said[at + 1]
        assert post["photo"]
        assert post["caption"] == "Заседание президиума\nсостоится 15 декабря"
        assert post["caption_entities"][0]["type"] == "bold"
        assert any("ВКонтакте. Так будет выглядеть" in words(each) for each in said)
        assert any(words(each).startswith("Тема: Заседание президиума") for each in said)
        (letter,) = [each for each in said if "document" in each]
        html = tg.file(letter["document"]["file_id"]).data.decode()
        assert "состоится 15 декабря" in html


async def test_a_long_text_under_an_album_is_shown_in_its_messages(
    url: str, tg: TelegramStandIn, channels: dict[str, Channel]
) -> None:
    async with newsroom(url, tg=tg, channels={"tg": channels["tg"]}, kinds=KINDS) as room:
        await tg.send_album(
            ANNA, [("photo", f"{grey}.png", png(grey=grey), "image/png") for grey in (1, 2, 3)], caption=LONG * 20
        )
        await room.sees("Под фото помещается 1024 знака")
        await room.press("Предпросмотр")
        await room.tg.wait_for(lambda: any(words(each) == (LONG * 20).strip() for each in room.said()))
        assert sum("media_group_id" in each for each in room.said()) == 3


async def test_what_was_previewed_is_what_stands_in_the_channel(
    url: str, tg: TelegramStandIn, channels: dict[str, Channel]
) -> None:
    async with newsroom(url, tg=tg, channels={"tg": channels["tg"]}, kinds=KINDS) as room:
        await tg.say(ANNA, "Важно: приходите", [{"type": "bold", "offset": 0, "length": 5}])
        await room.press("Предпросмотр")
        shown = await room.tg.wait_for(
            lambda: next((each for each in room.said() if words(each) == "Важно: приходите"), None)
        )
        await room.press("Отправить сейчас")
        board = await room.sees("Готово. Всё вышло.")
        (post,) = tg.channel_posts(CHANNEL)
        assert (post["text"], post["entities"]) == (shown["text"], shown["entities"])
        assert any(entity.get("url") == "https://t.me/smolprof/1" for entity in board["entities"])


async def test_what_goes_out_as_one_large_post_is_shown_piece_by_piece(url: str, tg: TelegramStandIn) -> None:
    database = Database(url)
    settings = registry.SETTINGS["telegram"].model_validate(
        {"kind": "telegram", "chat_id": "@smolprof", "long_text": "rich"}
    )
    around = Surroundings(Media(database), TelegramAccess(tg.token, tg.url))
    channel = await registry.connect("tg", settings, around)
    async with newsroom(url, tg=tg, channels={"tg": channel}, kinds=KINDS) as room:
        await tg.send_album(
            ANNA, [("photo", f"{grey}.png", png(grey=grey), "image/png") for grey in (1, 2, 3)], caption=LONG * 20
        )
        assert "Выйдет одной большой публикацией" in words(await room.sees("Черновик · №1"))
        await room.press("Предпросмотр")
        await room.tg.wait_for(lambda: sum(words(each).startswith(LONG) for each in room.said()) == 1)
        said = room.said()
        shown = next(number for number, each in enumerate(said) if words(each).startswith(LONG))
        assert all("photo" in each for each in said[shown - 3 : shown])
        await room.press("Отправить сейчас")
        await room.sees("Готово. Всё вышло.")
    await channel.close()
    await database.close()
    [post] = tg.channel_posts(CHANNEL)
    assert [block["type"] for block in post["rich_message"]["blocks"]] == ["collage", "paragraph"]
