"""The Telegram stand-in behaves like Telegram towards the bot, like an app towards people, and badly when told to."""

import asyncio
import io
import json
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    MessageEntity,
)
from aiohttp import web

from sandbox.faults import Fault, Kind
from sandbox.spec import bot_api
from sandbox.telegram import ApiError, TelegramStandIn
from sandbox.telegram.files import picture_size
from tests.support.pictures import png

ANNA, CHANNEL, PRIVATE_CHANNEL, GROUP = 1001, -1001000000001, -1001000000002, -4001
KEYBOARD = {"inline_keyboard": [[{"text": "✅ Отправить сейчас", "callback_data": "send:7"}]]}
MEGABYTE = 1024 * 1024


class Client:
    """Calls methods the plain way, as JSON, and says what came back."""

    def __init__(self, telegram: TelegramStandIn, session: aiohttp.ClientSession) -> None:
        self.telegram, self.session = telegram, session

    async def answer(self, method: str, /, **values: Any) -> dict[str, Any]:
        url = f"{self.telegram.url}/bot{self.telegram.token}/{method}"
        async with self.session.post(url, json=values) as response:
            answer: dict[str, Any] = await response.json()
            assert (response.status == 200) == answer["ok"]
            return answer

    async def call(self, method: str, /, **values: Any) -> Any:
        answer = await self.answer(method, **values)
        assert answer["ok"], answer
        assert bot_api().look(bot_api().returns(method), answer["result"]) == ()
        return answer["result"]

    async def refusal(self, method: str, /, **values: Any) -> str:
        answer = await self.answer(method, **values)
        assert not answer["ok"]
        return f"{answer['error_code']} {answer['description']}"

    async def upload(self, method: str, field: str, data: bytes, name: str = "a.png", **values: Any) -> dict[str, Any]:
        form = aiohttp.FormData({key: str(value) for key, value in values.items()})
        form.add_field(field, io.BytesIO(data), filename=name)
        async with self.session.post(f"{self.telegram.url}/bot{self.telegram.token}/{method}", data=form) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == answer.get("error_code", 200)
            return answer


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    """Anna, a public channel, a private one, and a group."""
    async with TelegramStandIn() as telegram:
        telegram.add_person(ANNA, "Анна", "Петрова", "anna_p")
        telegram.add_channel(CHANNEL, "Профсоюзы Смоленска", "smolprof")
        telegram.add_channel(PRIVATE_CHANNEL, "Для своих")
        telegram.add_group(GROUP, "Пресс-служба")
        yield telegram
        assert telegram.violations == []


@pytest.fixture
async def client(telegram: TelegramStandIn) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(telegram, session)


@pytest.fixture
async def bot(telegram: TelegramStandIn) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot(telegram.token, session) as bot:
        yield bot


# Who may call what


async def test_a_wrong_token_is_unauthorized_and_a_malformed_one_is_not_found(telegram: TelegramStandIn) -> None:
    async with aiohttp.ClientSession() as session:
        for token, status in ((telegram.token[:-1] + "x", 401), ("nonsense", 404), (telegram.token, 200)):
            async with session.get(f"{telegram.url}/bot{token}/getMe") as response:
                assert response.status == status


async def test_a_revoked_token_stops_everything(client: Client, telegram: TelegramStandIn) -> None:
    telegram.revoke_token()
    assert await client.refusal("getMe") == "401 Unauthorized"
    telegram.revoke_token(revoked=False)
    assert (await client.call("getMe"))["username"] == "rupor_bot"


async def test_an_unknown_method_is_not_found(client: Client) -> None:
    assert await client.refusal("sendTelepathy") == "404 Not Found: method not found"


async def test_an_invalid_call_is_refused_and_remembered(client: Client, telegram: TelegramStandIn) -> None:
    refusal = await client.refusal("sendMessage", chat_id=CHANNEL, text="а", colour="red")
    assert refusal == "400 Bad Request: sendMessage: unknown parameter 'colour'"
    assert telegram.violations == ["sendMessage: unknown parameter 'colour'"]
    assert telegram.channel_posts(CHANNEL) == []
    telegram.violations.clear()


async def test_any_other_method_of_the_description_is_answered_with_true(client: Client) -> None:
    assert await client.call("setChatTitle", chat_id=CHANNEL, title="Новое") is True


async def test_calls_are_remembered_without_the_bytes(client: Client, telegram: TelegramStandIn) -> None:
    await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL)
    assert telegram.calls[-1].values == {"chat_id": CHANNEL, "photo": {"file": "a.png", "size": len(png())}}


# Messages


async def test_a_post_comes_back_as_the_bot_library_expects_it(bot: Bot, telegram: TelegramStandIn) -> None:
    message = await bot.send_message(
        "@smolprof", "Митинг в 10:30", entities=[MessageEntity(type="bold", offset=0, length=6)]
    )
    assert (message.message_id, message.chat.id, message.chat.username) == (1, CHANNEL, "smolprof")
    assert [(entity.type, entity.offset, entity.length) for entity in message.entities or []] == [("bold", 0, 6)]
    assert telegram.channel_posts(CHANNEL)[0]["text"] == "Митинг в 10:30"


async def test_ids_count_per_channel_and_together_for_all_people(client: Client, telegram: TelegramStandIn) -> None:
    telegram.add_person(1002, "Борис")
    ids = [
        (await client.call("sendMessage", chat_id=chat, text="а"))["message_id"]
        for chat in (CHANNEL, PRIVATE_CHANNEL, CHANNEL, ANNA, 1002, ANNA)
    ]
    assert ids == [1, 1, 2, 1, 2, 3]


async def test_a_long_text_is_refused_by_code_points(client: Client) -> None:
    assert (await client.call("sendMessage", chat_id=CHANNEL, text="😀" * 4096))["message_id"] == 1
    assert (
        await client.refusal("sendMessage", chat_id=CHANNEL, text="я" * 4097) == "400 Bad Request: message is too long"
    )
    assert await client.refusal("sendMessage", chat_id=CHANNEL, text="я" * 16385) == "400 Bad Request: text is too long"
    assert await client.refusal("sendMessage", chat_id=CHANNEL, text=" \n") == "400 Bad Request: message text is empty"


async def test_a_long_caption_is_refused(client: Client) -> None:
    fits = await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL, caption="я" * 1024)
    over = await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL, caption="я" * 1025)
    assert fits["ok"]
    assert over["description"] == "Bad Request: message caption is too long"


async def test_an_answer_quotes_what_it_answers(client: Client) -> None:
    first = await client.call("sendMessage", chat_id=CHANNEL, text="Первое")
    values = {"chat_id": CHANNEL, "text": "Второе"}
    second = await client.call("sendMessage", **values, reply_parameters={"message_id": first["message_id"]})
    assert second["reply_to_message"]["text"] == "Первое"
    lost = await client.refusal("sendMessage", **values, reply_parameters={"message_id": 99})
    assert lost == "400 Bad Request: message to be replied not found"
    anyway = {"message_id": 99, "allow_sending_without_reply": True}
    assert "reply_to_message" not in await client.call("sendMessage", **values, reply_parameters=anyway)


def bold(offset: int, length: int, kind: str = "bold", **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("text", "entities", "kept_text", "kept"),
    [
        ("  а\r\nб\t ", [bold(2, 1)], "а\nб", [bold(0, 1)]),
        ("а\u2028б", [bold(2, 1)], "аб", [bold(1, 1)]),
        ("😀б", [bold(1, 2)], "😀б", [bold(0, 3)]),
        ("абв", [bold(1, 99)], "абв", [bold(1, 2)]),
        ("абв", [bold(99, 1), bold(0, 0)], "абв", []),
        ("абв", [bold(0, 3, "code"), bold(0, 3)], "абв", [bold(0, 3, "code")]),
        ("абв", [bold(0, 3, "blockquote"), bold(1, 1, "blockquote")], "абв", [bold(0, 3, "blockquote")]),
        ("абв", [bold(0, 3, "text_link", url="example.org/x")], "абв", [bold(0, 3, "text_link", url="http://example.org/x")]),
        ("абв", [bold(0, 3, "text_link", url="не ссылка")], "абв", []),
        ("абв", [bold(0, 3, "custom_emoji", custom_emoji_id="5")], "абв", []),
        ("#тег", [bold(0, 4, "url")], "#тег", [bold(0, 4, "hashtag")]),
        ("см. example.ru/a.", [], "см. example.ru/a.", [bold(4, 12, "url")]),
        ("a@b.ru @name", [], "a@b.ru @name", [bold(0, 6, "email"), bold(7, 5, "mention")]),
        ("/go a/b", [], "/go a/b", [bold(0, 3, "bot_command")]),
    ],
)  # fmt: skip
async def test_a_text_is_cleaned_as_the_real_server_does(
    client: Client, text: str, entities: list[Any], kept_text: str, kept: list[Any]
) -> None:
    message = await client.call("sendMessage", chat_id=CHANNEL, text=text, entities=entities)
    assert (message["text"], message.get("entities", [])) == (kept_text, kept)


async def test_an_impossible_offset_is_refused(client: Client) -> None:
    refusal = await client.refusal("sendMessage", chat_id=CHANNEL, text="а", entities=[bold(-1, 1)])
    assert refusal == "400 Bad Request: receive an entity with incorrect offset -1"


async def test_html_becomes_entities(client: Client) -> None:
    text = '<b>Ж<i>ж</i></b> &lt;ООО&gt; <a href="https://a.ru">тут</a><pre><code class="language-py">x</code></pre>'
    message = await client.call("sendMessage", chat_id=ANNA, text=text, parse_mode="HTML")
    assert message["text"] == "Жж <ООО> тутx"
    assert message["entities"][:3] == [bold(0, 2), bold(1, 1, "italic"), bold(9, 3, "text_link", url="https://a.ru")]
    assert message["entities"][3] == bold(12, 1, "pre", language="py")


@pytest.mark.parametrize("text", ["<ООО>", "<b>а", "а</b>", "<table>а</table>"])
async def test_broken_html_is_refused(client: Client, text: str) -> None:
    assert "can't parse entities" in await client.refusal("sendMessage", chat_id=ANNA, text=text, parse_mode="HTML")


async def test_a_mention_of_a_stranger_falls_away(client: Client) -> None:
    def mention(user_id: int) -> dict[str, Any]:
        return bold(0, 4, "text_mention", user={"id": user_id, "is_bot": False, "first_name": ""})

    known = await client.call("sendMessage", chat_id=CHANNEL, text="Анна", entities=[mention(ANNA)])
    assert known["entities"][0]["user"]["first_name"] == "Анна"
    assert "entities" not in await client.call("sendMessage", chat_id=CHANNEL, text="Анна", entities=[mention(5)])


@pytest.mark.parametrize("data", ["я" * 33, ""])
async def test_a_button_carries_64_bytes_at_most(client: Client, data: str) -> None:
    keyboard = {"inline_keyboard": [[{"text": "а", "callback_data": data}]]}
    refusal = await client.refusal("sendMessage", chat_id=ANNA, text="а", reply_markup=keyboard)
    assert refusal == "400 Bad Request: BUTTON_DATA_INVALID"


# Files


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("sendPhoto", "photo"),
        ("sendVideo", "video"),
        ("sendAnimation", "animation"),
        ("sendDocument", "document"),
        ("sendAudio", "audio"),
        ("sendVoice", "voice"),
    ],
)
async def test_a_file_is_taken_kept_and_sent_again_by_its_id(
    client: Client, telegram: TelegramStandIn, method: str, field: str
) -> None:
    answer = await client.upload(method, field, png(), chat_id=CHANNEL, caption="Подпись")
    message = answer["result"]
    assert bot_api().look("Message", message) == ()
    file = message[field][-1] if field == "photo" else message[field]
    again = await client.call(method, chat_id=CHANNEL, **{field: file["file_id"]})
    assert again[field] == message[field]
    assert telegram.file(file["file_id"]).data == png()


async def test_a_photo_has_its_size_and_a_thumbnail_of_its_own(client: Client) -> None:
    answer = await client.upload("sendPhoto", "photo", png(640, 480), chat_id=CHANNEL)
    small, full = answer["result"]["photo"]
    assert (full["width"], full["height"], small["width"], small["height"]) == (640, 480, 90, 68)
    resent = await client.call("sendPhoto", chat_id=CHANNEL, photo=small["file_id"])
    assert max(size["width"] for size in resent["photo"]) == 90


async def test_a_file_can_be_fetched(bot: Bot, telegram: TelegramStandIn) -> None:
    message = await bot.send_document(ANNA, BufferedInputFile(b"%PDF", "Отчёт.pdf"))
    assert message.document is not None
    assert message.document.file_name == "Отчёт.pdf"
    fetched = await bot.download(message.document)
    assert fetched is not None
    assert fetched.read() == b"%PDF"


async def test_a_file_over_20_megabytes_cannot_be_fetched(client: Client, telegram: TelegramStandIn) -> None:
    message_id = await telegram.send_media(ANNA, "video", "а.mp4", bytes(20 * MEGABYTE + 1), "video/mp4")
    file_id = telegram.world.chats[ANNA].messages[message_id]["video"]["file_id"]
    assert await client.refusal("getFile", file_id=file_id) == "400 Bad Request: file is too big"
    assert await client.call("sendVideo", chat_id=CHANNEL, video=file_id)


async def test_uploads_have_their_limits(client: Client) -> None:
    picture = png() + bytes(10 * MEGABYTE)
    photo = await client.upload("sendPhoto", "photo", picture, chat_id=CHANNEL)
    assert photo["description"].startswith(f"Bad Request: file of size {len(picture)} bytes is too big for a photo")
    assert (await client.upload("sendDocument", "document", picture, chat_id=CHANNEL))["ok"]
    document = await client.upload("sendDocument", "document", bytes(50 * MEGABYTE + 1), chat_id=CHANNEL)
    assert (document["error_code"], document["description"]) == (413, "Request Entity Too Large")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (b"", "file must be non-empty"),
        (png(5, 101), "PHOTO_INVALID_DIMENSIONS"),
        (png(9999, 2), "PHOTO_INVALID_DIMENSIONS"),
    ],
)
async def test_not_everything_is_a_photo(client: Client, data: bytes, words: str) -> None:
    answer = await client.upload("sendPhoto", "photo", data, chat_id=CHANNEL)
    assert answer["description"] == f"Bad Request: {words}"


async def test_a_file_id_is_good_for_its_own_type_only(client: Client) -> None:
    photo = (await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL))["result"]["photo"][-1]["file_id"]
    as_document = await client.refusal("sendDocument", chat_id=CHANNEL, document=photo)
    assert as_document == "400 Bad Request: can't use file of type Photo as Document"
    unknown = await client.refusal("sendPhoto", chat_id=CHANNEL, photo=photo[:-9] + "x" * 9)
    assert unknown.startswith("400 Bad Request: wrong remote file identifier specified")
    nonsense = await client.refusal("sendPhoto", chat_id=CHANNEL, photo="nonsense")
    assert nonsense == "400 Bad Request: wrong file identifier/HTTP URL specified"


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + body


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 640, 480), (640, 480)),
        (b"BM" + bytes(16) + struct.pack("<ii", 640, -480), (640, 480)),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x11\x08" + struct.pack(">HH", 480, 640), (640, 480)),
        (b"\xff\xd8\xff\xe0\0\x04ab", None),
        (b"\xff\xd8 no marker", None),
        (webp(b"VP8X", bytes(4) + b"\x7f\x02\0" + b"\xdf\x01\0"), (640, 480)),
        (webp(b"VP8 ", bytes(6) + struct.pack("<HH", 640, 480)), (640, 480)),
        (webp(b"VP8L", b"\x2f" + (639 | 479 << 14).to_bytes(4, "little")), (640, 480)),
        (webp(b"ALPH", bytes(20)), None),
        (b"%PDF", None),
    ],
)
def test_sizes_are_read_from_the_heads_of_pictures(data: bytes, size: tuple[int, int] | None) -> None:
    assert picture_size(data) == size


# Albums


async def photos(client: Client, count: int) -> list[dict[str, Any]]:
    file_ids = []
    for number in range(count):
        answer = await client.upload("sendPhoto", "photo", png(grey=number), chat_id=PRIVATE_CHANNEL)
        file_ids.append(answer["result"]["photo"][-1]["file_id"])
    return [{"type": "photo", "media": file_id} for file_id in file_ids]


async def test_an_album_is_one_group_with_its_caption_on_the_first_picture(bot: Bot) -> None:
    album = [
        InputMediaPhoto(media=BufferedInputFile(png(grey=grey), "a.png"), caption=None if grey else "Подпись")
        for grey in range(10)
    ]
    messages = await bot.send_media_group(CHANNEL, list(album))
    assert [message.message_id for message in messages] == list(range(1, 11))
    assert len({message.media_group_id for message in messages} - {None}) == 1
    assert [message.caption for message in messages] == ["Подпись", *[None] * 9]


async def test_an_album_holds_two_to_ten(client: Client) -> None:
    items = await photos(client, 11)
    many = await client.refusal("sendMediaGroup", chat_id=CHANNEL, media=items)
    assert many == "400 Bad Request: too many messages to send as an album"
    assert (await client.refusal("sendMediaGroup", chat_id=CHANNEL, media=items[:1])).startswith("400 ")
    assert len(await client.call("sendMediaGroup", chat_id=CHANNEL, media=items[:2])) == 2


async def test_an_album_mixes_pictures_and_videos_but_no_documents(client: Client, telegram: TelegramStandIn) -> None:
    [photo] = await photos(client, 1)
    document = (await client.upload("sendDocument", "document", b"x", chat_id=ANNA))["result"]["document"]["file_id"]
    video = (await client.upload("sendVideo", "video", b"x", chat_id=ANNA))["result"]["video"]["file_id"]
    mixed = [photo, {"type": "document", "media": document}]
    refusal = await client.refusal("sendMediaGroup", chat_id=CHANNEL, media=mixed)
    assert refusal == "400 Bad Request: can't use the media of the specified type in the album"
    assert await client.call("sendMediaGroup", chat_id=CHANNEL, media=[photo, {"type": "video", "media": video}])


async def test_one_bad_item_fails_the_whole_album(bot: Bot, client: Client, telegram: TelegramStandIn) -> None:
    form = aiohttp.FormData({"chat_id": str(CHANNEL)})
    form.add_field("media", json.dumps([{"type": "photo", "media": f"attach://{name}"} for name in "ab"]))
    form.add_field("a", png(), filename="a.png")
    form.add_field("b", b"no picture", filename="b.png")
    async with client.session.post(f"{telegram.url}/bot{telegram.token}/sendMediaGroup", data=form) as response:
        words = (await response.json())["description"]
    assert words == 'Bad Request: failed to send message #2 with the error message "IMAGE_PROCESS_FAILED"'
    assert telegram.channel_posts(CHANNEL) == []


# Rights


@pytest.mark.parametrize(
    ("status", "rights", "words"),
    [
        ("left", {}, "403 Forbidden: bot is not a member of the channel chat"),
        ("kicked", {}, "403 Forbidden: bot was kicked from the channel chat"),
        ("member", {}, "400 Bad Request: need administrator rights in the channel chat"),
        (
            "administrator",
            {"can_post_messages": False},
            "400 Bad Request: need administrator rights in the channel chat",
        ),
    ],
)
async def test_a_channel_takes_posts_from_administrators_who_may_post(
    client: Client, telegram: TelegramStandIn, status: str, rights: dict[str, bool], words: str
) -> None:
    telegram.set_status(CHANNEL, status, **rights)
    assert await client.refusal("sendMessage", chat_id=CHANNEL, text="а") == words


async def test_the_bot_is_told_of_its_rights(client: Client, telegram: TelegramStandIn) -> None:
    telegram.set_status(CHANNEL, "administrator", can_post_messages=False)
    telegram.block(ANNA)
    updates = await client.call("getUpdates")
    assert updates[0]["my_chat_member"]["new_chat_member"]["can_post_messages"] is False
    assert updates[1]["my_chat_member"]["new_chat_member"]["status"] == "kicked"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocked": True}, "403 Forbidden: bot was blocked by the user"),
        ({"started": False}, "403 Forbidden: bot can't initiate conversation with a user"),
        ({"deactivated": True}, "403 Forbidden: user is deactivated"),
    ],
)
async def test_people_can_be_out_of_reach(
    client: Client, telegram: TelegramStandIn, change: dict[str, bool], words: str
) -> None:
    for name, value in change.items():
        setattr(telegram.world.chats[ANNA], name, value)
    assert await client.refusal("sendMessage", chat_id=ANNA, text="а") == words


async def test_who_writes_to_the_bot_has_started_it(client: Client, telegram: TelegramStandIn) -> None:
    telegram.add_person(1003, "Вера", started=False)
    await telegram.say(1003, "/start")
    assert await client.call("sendMessage", chat_id=1003, text="Здравствуйте")


@pytest.mark.parametrize("chat", [5, -1005, "@nobody", "smolprof", "@anna_p"])
async def test_an_unknown_chat_is_not_found(client: Client, chat: int | str) -> None:
    assert await client.refusal("sendMessage", chat_id=chat, text="а") == "400 Bad Request: chat not found"


async def test_a_group_that_moved_says_where_to(client: Client, telegram: TelegramStandIn) -> None:
    telegram.migrate(GROUP, -1004001)
    answer = await client.answer("sendMessage", chat_id=GROUP, text="а")
    assert answer["parameters"] == {"migrate_to_chat_id": -1004001}
    assert (await client.call("sendMessage", chat_id=-1004001, text="а"))["chat"]["type"] == "supergroup"


async def test_the_bot_can_ask_about_chats(client: Client, telegram: TelegramStandIn) -> None:
    assert (await client.call("getChat", chat_id="@smolprof"))["title"] == "Профсоюзы Смоленска"
    assert (await client.call("getChat", chat_id=ANNA))["first_name"] == "Анна"
    bot_id = (await client.call("getMe"))["id"]
    member = await client.call("getChatMember", chat_id=CHANNEL, user_id=bot_id)
    assert (member["status"], member["can_post_messages"]) == ("administrator", True)
    telegram.set_status(CHANNEL, "left")
    assert (await client.call("getChatMember", chat_id=CHANNEL, user_id=bot_id))["status"] == "left"
    telegram.set_status(PRIVATE_CHANNEL, "left")
    assert (await client.refusal("getChat", chat_id=PRIVATE_CHANNEL)).startswith("403 Forbidden: bot is not a member")


async def test_the_bot_describes_itself_per_language_and_place(client: Client) -> None:
    commands = [{"command": "start", "description": "Начать"}]
    await client.call("setMyCommands", commands=commands)
    await client.call("setMyCommands", commands=commands * 2, scope={"type": "chat", "chat_id": ANNA})
    assert await client.call("getMyCommands") == commands
    assert await client.call("getMyCommands", scope={"type": "chat", "chat_id": ANNA}) == commands * 2
    assert await client.call("getMyCommands", language_code="en") == []
    await client.call("deleteMyCommands")
    assert await client.call("getMyCommands") == []
    assert await client.call("getMyDescription") == {"description": ""}
    await client.call("setMyDescription", description="Рассылает объявления")
    assert await client.call("getMyDescription") == {"description": "Рассылает объявления"}


async def test_the_bot_can_ask_who_is_in_a_chat(client: Client) -> None:
    assert (await client.call("getChatMember", chat_id=GROUP, user_id=ANNA))["user"]["first_name"] == "Анна"
    assert await client.refusal("getChatMember", chat_id=GROUP, user_id=5) == "400 Bad Request: user not found"
    assert [member["status"] for member in await client.call("getChatAdministrators", chat_id=CHANNEL)] == [
        "administrator"
    ]
    assert await client.call("getChatAdministrators", chat_id=GROUP) == []
    assert await client.call("getChatMemberCount", chat_id=ANNA) == 2


# Editing and removing


async def test_an_edit_replaces_text_and_an_omitted_keyboard_goes(client: Client) -> None:
    message = await client.call("sendMessage", chat_id=ANNA, text="Было", reply_markup=KEYBOARD)
    where = {"chat_id": ANNA, "message_id": message["message_id"]}
    edited = await client.call("editMessageText", **where, text="Стало")
    assert (edited["text"], "reply_markup" in edited, "edit_date" in edited) == ("Стало", False, True)
    assert "message is not modified" in await client.refusal("editMessageText", **where, text="Стало ")
    with_keys = await client.call("editMessageReplyMarkup", **where, reply_markup=KEYBOARD)
    assert with_keys["reply_markup"] == KEYBOARD


async def test_a_caption_is_edited_as_a_caption(client: Client) -> None:
    sent = (await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL))["result"]
    where = {"chat_id": CHANNEL, "message_id": sent["message_id"]}
    assert "there is no text in the message" in await client.refusal("editMessageText", **where, text="а")
    assert (await client.call("editMessageCaption", **where, caption="Подпись"))["caption"] == "Подпись"
    text = await client.call("sendMessage", chat_id=CHANNEL, text="а")
    words = await client.refusal("editMessageCaption", chat_id=CHANNEL, message_id=text["message_id"], caption="а")
    assert "there is no caption in the message" in words


async def test_media_can_be_replaced(client: Client) -> None:
    sent = (await client.upload("sendPhoto", "photo", png(), chat_id=CHANNEL))["result"]
    [other] = await photos(client, 1)
    edited = await client.call("editMessageMedia", chat_id=CHANNEL, message_id=sent["message_id"], media=other)
    assert edited["photo"][-1]["file_id"] == other["media"]


async def test_what_is_not_the_bots_own_cannot_be_edited(client: Client, telegram: TelegramStandIn) -> None:
    said = await telegram.say(ANNA, "Моё")
    words = await client.refusal("editMessageText", chat_id=ANNA, message_id=said, text="а")
    assert words == "400 Bad Request: message can't be edited"
    telegram.set_status(CHANNEL, "administrator", can_edit_messages=False)
    foreign = telegram.post_as_administrator(CHANNEL, "Чужое")
    words = await client.refusal("editMessageText", chat_id=CHANNEL, message_id=foreign, text="а")
    assert words == "400 Bad Request: message can't be edited"
    words = await client.refusal("editMessageText", chat_id=CHANNEL, message_id=99, text="а")
    assert words == "400 Bad Request: message to edit not found"


async def test_a_post_can_be_deleted_for_48_hours(telegram: TelegramStandIn, client: Client) -> None:
    fresh = (await client.call("sendMessage", chat_id=CHANNEL, text="а"))["message_id"]
    old = (await client.call("sendMessage", chat_id=CHANNEL, text="б"))["message_id"]
    telegram.world.chats[CHANNEL].messages[old]["date"] -= 48 * 3600 + 1
    assert await client.call("deleteMessage", chat_id=CHANNEL, message_id=fresh) is True
    words = await client.refusal("deleteMessage", chat_id=CHANNEL, message_id=old)
    assert words == "400 Bad Request: message can't be deleted for everyone"
    words = await client.refusal("deleteMessage", chat_id=CHANNEL, message_id=fresh)
    assert words == "400 Bad Request: message to delete not found"


async def test_deleting_several_passes_over_the_missing(client: Client, telegram: TelegramStandIn) -> None:
    for text in "аб":
        await client.call("sendMessage", chat_id=CHANNEL, text=text)
    assert await client.call("deleteMessages", chat_id=CHANNEL, message_ids=[1, 2, 77]) is True
    assert telegram.channel_posts(CHANNEL) == []


async def test_a_pin_leaves_a_service_message(client: Client, telegram: TelegramStandIn) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="а")
    assert await client.call("pinChatMessage", chat_id=CHANNEL, message_id=1) is True
    assert telegram.channel_posts(CHANNEL)[-1]["pinned_message"]["message_id"] == 1
    assert (await client.call("sendMessage", chat_id=CHANNEL, text="б"))["message_id"] == 3
    telegram.set_status(CHANNEL, "administrator", can_edit_messages=False)
    assert "not enough rights" in await client.refusal("pinChatMessage", chat_id=CHANNEL, message_id=3)


async def test_a_pin_can_be_taken_off(client: Client, telegram: TelegramStandIn) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="а")
    await client.call("pinChatMessage", chat_id=CHANNEL, message_id=1)
    await client.call("unpinChatMessage", chat_id=CHANNEL)
    assert telegram.snapshot()["channels"][0]["pinned"] == []
    assert await client.refusal("unpinChatMessage", chat_id=CHANNEL) == "400 Bad Request: message to unpin not found"


async def test_others_posts_are_deleted_with_a_right_only(client: Client, telegram: TelegramStandIn) -> None:
    foreign = telegram.post_as_administrator(CHANNEL, "Чужое")
    telegram.set_status(CHANNEL, "administrator", can_delete_messages=False)
    words = await client.refusal("deleteMessage", chat_id=CHANNEL, message_id=foreign)
    assert words == "400 Bad Request: message can't be deleted"
    own = (await client.call("sendMessage", chat_id=CHANNEL, text="а"))["message_id"]
    assert await client.call("deleteMessage", chat_id=CHANNEL, message_id=own) is True


async def test_a_forwarded_message_cannot_be_edited(client: Client) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="а")
    forwarded = await client.call("forwardMessage", chat_id=GROUP, from_chat_id=CHANNEL, message_id=1)
    words = await client.refusal("editMessageText", chat_id=GROUP, message_id=forwarded["message_id"], text="б")
    assert words == "400 Bad Request: message can't be edited"


async def test_a_reaction_is_kept(client: Client, telegram: TelegramStandIn) -> None:
    said = await telegram.say(ANNA, "а")
    await client.call("setMessageReaction", chat_id=ANNA, message_id=said, reaction=[{"type": "emoji", "emoji": "👍"}])
    assert telegram.snapshot()["people"][0]["reactions"] == {str(said): ["👍"]}


# Copying and forwarding


async def test_a_copy_is_a_post_of_its_own(client: Client, telegram: TelegramStandIn) -> None:
    said = await telegram.send_media(ANNA, "photo", "а.png", png(), "image/png", "Подпись")
    copied = await client.call("copyMessage", chat_id=CHANNEL, from_chat_id=ANNA, message_id=said)
    [post] = telegram.channel_posts(CHANNEL)
    assert (post["message_id"], post["caption"], "forward_origin" in post) == (copied["message_id"], "Подпись", False)
    await client.call("copyMessage", chat_id=CHANNEL, from_chat_id=ANNA, message_id=said, caption="Другая")
    assert telegram.channel_posts(CHANNEL)[-1]["caption"] == "Другая"


async def test_copies_of_an_album_are_an_album(client: Client, telegram: TelegramStandIn) -> None:
    ids = await telegram.send_album(ANNA, [("photo", "а.png", png(grey=n), "image/png") for n in range(3)], "Подпись")
    copied = await client.call("copyMessages", chat_id=CHANNEL, from_chat_id=ANNA, message_ids=[*ids, 99])
    posts = telegram.channel_posts(CHANNEL)
    assert [post["message_id"] for post in posts] == [item["message_id"] for item in copied]
    assert len({post["media_group_id"] for post in posts}) == 1
    words = await client.refusal("copyMessages", chat_id=CHANNEL, from_chat_id=ANNA, message_ids=ids[::-1])
    assert "strictly increasing" in words


async def test_a_post_can_be_read_by_forwarding_it(client: Client, telegram: TelegramStandIn) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="Тот самый")
    forwarded = await client.call("forwardMessage", chat_id=GROUP, from_chat_id=CHANNEL, message_id=1)
    assert (forwarded["text"], forwarded["forward_origin"]["message_id"]) == ("Тот самый", 1)
    words = await client.refusal("forwardMessage", chat_id=GROUP, from_chat_id=CHANNEL, message_id=2)
    assert words == "400 Bad Request: message to forward not found"


async def test_protected_posts_cannot_be_forwarded(client: Client) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="а", protect_content=True)
    words = await client.refusal("forwardMessage", chat_id=GROUP, from_chat_id=CHANNEL, message_id=1)
    assert words == "400 Bad Request: message has protected content and can't be forwarded"


# Updates


async def test_a_poll_waits_for_the_first_update(client: Client, telegram: TelegramStandIn) -> None:
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(client.call("getUpdates", timeout=30))
        await telegram.wait_for(lambda: telegram.world.allowed_updates == [])
        await telegram.say(ANNA, "Здравствуйте")
    assert poll.result()[0]["message"]["text"] == "Здравствуйте"


async def test_an_update_comes_until_it_is_confirmed(client: Client, telegram: TelegramStandIn) -> None:
    await telegram.say(ANNA, "раз")
    await telegram.say(ANNA, "два")
    first, second = await client.call("getUpdates")
    assert await client.call("getUpdates") == [first, second]
    assert await client.call("getUpdates", offset=second["update_id"]) == [second]
    assert await client.call("getUpdates", offset=second["update_id"] + 1) == []


async def test_an_unanswered_poll_ends_by_itself(client: Client) -> None:
    began = time.monotonic()
    assert await client.call("getUpdates", timeout=1) == []
    assert 0.9 < time.monotonic() - began < 5


async def test_a_second_poller_ends_the_first(client: Client, telegram: TelegramStandIn) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(client.refusal("getUpdates", timeout=30))
        await telegram.wait_for(lambda: telegram._poll == 1)
        second = group.create_task(client.call("getUpdates", timeout=30))
        await telegram.wait_for(lambda: telegram._poll == 2)
        await telegram.say(ANNA, "а")
    assert first.result().startswith("409 Conflict: terminated by other getUpdates request")
    assert len(second.result()) == 1


async def test_only_wanted_kinds_of_updates_come_and_the_wish_is_remembered(
    client: Client, telegram: TelegramStandIn
) -> None:
    await client.call("getUpdates", allowed_updates=["callback_query"])
    await telegram.say(ANNA, "а")
    assert await client.call("getUpdates") == []
    await client.call("getUpdates", allowed_updates=[])
    telegram.post_as_administrator(CHANNEL, "Объявление")
    [update] = await client.call("getUpdates")
    assert update["channel_post"]["text"] == "Объявление"


@asynccontextmanager
async def hook(answers: Iterable[web.Response]) -> AsyncIterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Take updates at an address of our own: the address, and (secret, update) as they come."""
    taken: list[tuple[str, dict[str, Any]]] = []
    waiting = iter(answers)

    async def take(request: web.Request) -> web.Response:
        taken.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""), await request.json()))
        return next(waiting, web.Response())

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", taken
    finally:
        await runner.cleanup()


async def test_a_web_hook_gets_updates_in_order_until_it_takes_them(client: Client, telegram: TelegramStandIn) -> None:
    reply = web.json_response({"method": "sendMessage", "chat_id": ANNA, "text": "Принято"})
    async with hook([web.Response(status=500), reply]) as (url, taken):
        await client.call("setWebhook", url=url, secret_token="s3cret")
        await telegram.say(ANNA, "раз")
        await telegram.say(ANNA, "два")
        await telegram.wait_for(lambda: not telegram.world.updates)
        assert [(secret, update["message"]["text"]) for secret, update in taken] == [
            ("s3cret", "раз"),
            ("s3cret", "раз"),
            ("s3cret", "два"),
        ]
        assert any(message["text"] == "Принято" for message in telegram.chat(ANNA))
        assert (await client.refusal("getUpdates")).startswith(
            "409 Conflict: can't use getUpdates method while webhook"
        )
        assert (await client.call("getWebhookInfo"))["url"] == url
        await client.call("deleteWebhook")
        assert await client.call("getUpdates") == []


# People


@asynccontextmanager
async def running(bot: Bot, dispatcher: Dispatcher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        polling = group.create_task(
            dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False, polling_timeout=5)
        )
        try:
            yield
        finally:
            with suppress(RuntimeError):
                await dispatcher.stop_polling()
            polling.cancel()


async def test_a_real_bot_talks_with_a_person(bot: Bot, telegram: TelegramStandIn) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def greet(message: Message) -> None:
        button = InlineKeyboardButton(text="✅ Отправить сейчас", callback_data="send:7")
        await message.answer("Отправить?", reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]))

    @dispatcher.callback_query()
    async def send(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text(f"Ушло: {query.data}")
        await query.answer("Готово")

    async with running(bot, dispatcher):
        await telegram.say(ANNA, "Здравствуйте")
        answer = await telegram.wait_for(lambda: next(iter(telegram.chat(ANNA)[1:]), None))
        await telegram.press(ANNA, answer["message_id"], "отправить")
        await telegram.wait_for(lambda: telegram.callback_answers)
    assert telegram.chat(ANNA)[1]["text"] == "Ушло: send:7"
    assert (telegram.callback_answers[0]["user_id"], telegram.callback_answers[0]["text"]) == (ANNA, "Готово")


async def test_a_button_is_found_by_words_or_data_and_must_be_there(client: Client, telegram: TelegramStandIn) -> None:
    keyboard = {"inline_keyboard": [*KEYBOARD["inline_keyboard"], [{"text": "Читать", "url": "https://a.ru"}]]}
    message = await client.call("sendMessage", chat_id=ANNA, text="а", reply_markup=keyboard)
    await telegram.press(ANNA, message["message_id"], "Отправить сейчас")
    await telegram.press(ANNA, message["message_id"], "send:7")
    pressed = await client.call("getUpdates")
    assert [update["callback_query"]["data"] for update in pressed] == ["send:7", "send:7"]
    with pytest.raises(LookupError, match="no button 'Отмена'"):
        await telegram.press(ANNA, message["message_id"], "Отмена")
    with pytest.raises(LookupError, match="does not call the bot"):
        await telegram.press(ANNA, message["message_id"], "Читать")


async def test_a_pressed_button_wants_an_answer_to_itself(client: Client, telegram: TelegramStandIn) -> None:
    words = await client.refusal("answerCallbackQuery", callback_query_id="77")
    assert words == "400 Bad Request: query is too old and response timeout expired or query ID is invalid"


async def test_a_long_text_leaves_the_app_in_pieces(client: Client, telegram: TelegramStandIn) -> None:
    words = "слово " * 2000
    first = await telegram.say(ANNA, words, [bold(0, 12_000)])
    updates = await client.call("getUpdates")
    pieces = [update["message"] for update in updates]
    assert [piece["message_id"] for piece in pieces] == [first, first + 1, first + 2]
    assert all(len(piece["text"]) <= 4096 for piece in pieces)
    assert " ".join(piece["text"] for piece in pieces) == words.strip()
    assert [piece["entities"] for piece in pieces] == [[bold(0, len(piece["text"]))] for piece in pieces]


async def test_people_send_all_kinds_of_things(client: Client, telegram: TelegramStandIn) -> None:
    for kind, name, mime in (
        ("photo", "а.png", "image/png"),
        ("video", "а.mp4", "video/mp4"),
        ("animation", "а.gif", "image/gif"),
        ("document", "а.pdf", "application/pdf"),
        ("audio", "а.mp3", "audio/mpeg"),
    ):
        await telegram.send_media(ANNA, kind, name, png(), mime, "Подпись #тег")
    await telegram.send_voice(ANNA, b"OggS")
    await telegram.send_sticker(ANNA)
    await telegram.forward(ANNA, "Новости отрасли", "ФНПР")
    await telegram.forward(ANNA, telegram.chat(ANNA)[0], "ФНПР")
    updates = await client.call("getUpdates")
    messages = [update["message"] for update in updates]
    kinds = ("photo", "video", "animation", "document", "audio", "voice", "sticker", "text", "photo")
    assert all(kind in message for kind, message in zip(kinds, messages, strict=True))
    assert messages[0]["caption_entities"] == [bold(8, 4, "hashtag")]
    assert messages[8]["forward_origin"]["chat"]["title"] == "ФНПР"
    assert messages[8]["caption"] == "Подпись #тег"


async def test_an_album_comes_as_several_updates_of_one_group(client: Client, telegram: TelegramStandIn) -> None:
    items = [("photo", "а.png", png(grey=number), "image/png") for number in range(3)]
    await telegram.send_album(ANNA, items, "Подпись", pause=0.01)
    messages = [update["message"] for update in await client.call("getUpdates")]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert [message.get("caption") for message in messages] == ["Подпись", None, None]


async def test_an_edit_is_told(client: Client, telegram: TelegramStandIn) -> None:
    said = await telegram.say(ANNA, "Было #раз")
    shown = await telegram.send_media(ANNA, "photo", "а.png", png(), "image/png", "Было")
    await telegram.edit_said(ANNA, said, "Стало")
    await telegram.edit_said(ANNA, shown, "Стало #два")
    text, caption = (update["edited_message"] for update in (await client.call("getUpdates"))[2:])
    assert (text["text"], "entities" in text) == ("Стало", False)
    assert (caption["caption"], caption["caption_entities"]) == ("Стало #два", [bold(6, 4, "hashtag")])


async def test_waiting_has_an_end(telegram: TelegramStandIn) -> None:
    with pytest.raises(TimeoutError):
        await telegram.wait_for(lambda: telegram.chat(ANNA), timeout=0.01)


# Faults


async def outcome(client: Client, **fault: Any) -> str:
    """Send with a fault in waiting, with half a second of patience, and name what the caller saw."""
    client.telegram.faults.add("sendMessage", Fault(**fault))
    url = f"{client.telegram.url}/bot{client.telegram.token}/sendMessage"
    timeout = aiohttp.ClientTimeout(total=0.5)
    try:
        async with client.session.post(url, json={"chat_id": CHANNEL, "text": "а"}, timeout=timeout) as response:
            return f"{response.status} {await response.text()}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("fault", "seen", "posted"),
    [
        ({"kind": Kind.MAKES_WAIT, "seconds": 17}, '"retry_after": 17', 0),
        ({"kind": Kind.REFUSES, "code": 403, "text": "Forbidden: no"}, "403 ", 0),
        ({"kind": Kind.LOSES_RIGHTS}, "401 ", 0),
        ({"kind": Kind.DROPS_BEFORE}, "ServerDisconnectedError", 0),
        ({"kind": Kind.HANGS, "before": True}, "TimeoutError", 0),
        ({"kind": Kind.HANGS}, "TimeoutError", 1),
        ({"kind": Kind.DROPS_AFTER_REQUEST}, "ServerDisconnectedError", 1),
        ({"kind": Kind.BAD_GATEWAY}, "502 <html>", 1),
        ({"kind": Kind.HALF_ANSWER}, '200 {"ok": true, ', 1),
        ({"kind": Kind.DELAYS, "seconds": 0.01}, '200 {"ok": true, ', 1),
    ],
)
async def test_misbehaves_before_or_after_it_acts(
    client: Client, telegram: TelegramStandIn, fault: dict[str, Any], seen: str, posted: int
) -> None:
    assert seen in await outcome(client, **fault)
    assert len(telegram.channel_posts(CHANNEL)) == posted
    assert (await client.call("sendMessage", chat_id=CHANNEL, text="б"))["message_id"] == posted + 1


async def test_half_an_answer_is_no_json(client: Client) -> None:
    seen = await outcome(client, kind=Kind.HALF_ANSWER)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(seen.removeprefix("200 "))


async def test_a_delayed_request_is_carried_out_though_nobody_waits(client: Client, telegram: TelegramStandIn) -> None:
    assert await outcome(client, kind=Kind.DELAYS, seconds=0.6) == "TimeoutError"
    assert telegram.channel_posts(CHANNEL) == []
    await telegram.wait_for(lambda: telegram.channel_posts(CHANNEL))


@pytest.mark.parametrize("match", ["smolprof", str(CHANNEL)])
async def test_a_fault_can_be_for_one_chat_only(client: Client, telegram: TelegramStandIn, match: str) -> None:
    telegram.faults.add("*", Fault(Kind.REFUSES, match=match))
    assert await client.call("sendMessage", chat_id=PRIVATE_CHANNEL, text="а")
    assert (await client.refusal("sendMessage", chat_id="@smolprof", text="а")).startswith("400 ")


async def test_leaves_at_once_though_somebody_polls_and_a_call_hangs() -> None:
    began = time.monotonic()
    async with aiohttp.ClientSession() as session, TelegramStandIn() as telegram:
        client = Client(telegram, session)
        telegram.faults.add("getMe", Fault(Kind.HANGS))
        waiting = asyncio.gather(
            client.answer("getUpdates", timeout=50), client.answer("getMe"), return_exceptions=True
        )
        await telegram.wait_for(lambda: telegram._poll and not telegram.faults.listing())
    await waiting
    assert time.monotonic() - began < 5


# Keeping


async def test_everything_survives_a_restart(client: Client, telegram: TelegramStandIn) -> None:
    file_id = (await photos(client, 1))[0]["media"]
    message = await client.call("sendMessage", chat_id=ANNA, text="а", reply_markup=KEYBOARD)
    await client.call("setMyCommands", commands=[{"command": "start", "description": "Начать"}])
    await telegram.press(ANNA, message["message_id"], "send:7")
    dumped = json.loads(json.dumps(telegram.dump()))
    async with TelegramStandIn() as other, aiohttp.ClientSession() as session:
        other.restore(dumped)
        again = Client(other, session)
        assert other.snapshot() == telegram.snapshot()
        [update] = await again.call("getUpdates")
        assert await again.call("answerCallbackQuery", callback_query_id=update["callback_query"]["id"])
        assert (await again.call("sendPhoto", chat_id=PRIVATE_CHANNEL, photo=file_id))["message_id"] == 2
        assert (await again.call("getMyCommands"))[0]["command"] == "start"


async def test_every_change_is_told_to_the_page(client: Client, telegram: TelegramStandIn) -> None:
    told: list[int] = []
    telegram.changed = lambda: told.append(1)

    async def changes(step: Callable[[], Any]) -> int:
        before = len(told)
        result = step()
        if asyncio.iscoroutine(result):
            await result
        return len(told) - before

    assert await changes(lambda: client.call("sendChatAction", chat_id=ANNA, action="typing"))
    assert telegram.snapshot()["people"][0]["action"] == "typing"
    assert await changes(lambda: telegram.say(ANNA, "а"))
    assert await changes(lambda: client.call("sendMessage", chat_id=ANNA, text="б", reply_markup=KEYBOARD))
    assert await changes(lambda: telegram.press(ANNA, 2, "send:7"))
    assert await changes(lambda: client.call("editMessageText", chat_id=ANNA, message_id=2, text="в"))
    assert await changes(lambda: client.call("deleteMessage", chat_id=ANNA, message_id=2))
    assert await changes(lambda: telegram.set_status(CHANNEL, "left"))
    assert telegram.snapshot()["people"][0]["action"] == ""


def test_an_error_says_what_it_is() -> None:
    assert str(ApiError(400, "Bad Request: chat not found")) == "400 Bad Request: chat not found"
