"""The Telegram stand-in: rich messages, topics, and what may become of a message that stands there."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.telegram import TelegramStandIn
from tests.sandbox.test_telegram import Client
from tests.support.pictures import png

ANNA, CHANNEL, FORUM = 1001, -1001000000001, -1001000000002


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn() as telegram:
        telegram.add_person(ANNA, "Анна")
        telegram.add_channel(CHANNEL, "Профсоюзы Смоленска", "smolprof")
        telegram.add_group(FORUM, "Форум", topics=(5, 9))
        yield telegram
        assert telegram.violations == []


@pytest.fixture
async def client(telegram: TelegramStandIn) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(telegram, session)


async def file_id(client: Client, kind: str, data: bytes = b"x") -> str:
    answer = await client.upload(f"send{kind.title()}", kind, png() if kind == "photo" else data, chat_id=ANNA)
    file = answer["result"][kind]
    return str((file[-1] if kind == "photo" else file)["file_id"])


# Rich messages


def a_paragraph(text: Any = "Абзац") -> dict[str, Any]:
    return {"type": "paragraph", "text": text}


async def test_a_rich_message_keeps_its_blocks_and_shows_its_media(client: Client) -> None:
    photo: dict[str, Any] = {"type": "photo", "photo": {"type": "photo", "media": await file_id(client, "photo")}}
    document: dict[str, Any] = {
        "type": "document",
        "document": {"type": "document", "media": await file_id(client, "document")},
    }
    blocks = [
        {"type": "collage", "blocks": [photo, photo]},
        a_paragraph(["Смотрите ", {"type": "url", "text": {"type": "bold", "text": "тут"}, "url": "https://a.ru"}]),
        {"type": "blockquote", "blocks": [a_paragraph()]},
        document,
    ]
    sent = await client.call("sendRichMessage", chat_id=CHANNEL, rich_message={"blocks": blocks})
    kept = sent["rich_message"]["blocks"]
    assert [block["type"] for block in kept] == ["collage", "paragraph", "blockquote", "document"]
    assert kept[0]["blocks"][0]["photo"][-1]["file_id"] == photo["photo"]["media"]
    assert kept[1] == blocks[1]
    assert kept[3]["document"]["file_id"] == document["document"]["media"]


async def test_a_rich_message_is_forwarded_with_all_it_says(client: Client) -> None:
    await client.call("sendRichMessage", chat_id=CHANNEL, rich_message={"blocks": [a_paragraph()]})
    copy = await client.call("forwardMessage", chat_id=FORUM, from_chat_id=CHANNEL, message_id=1)
    assert copy["rich_message"] == {"blocks": [a_paragraph()]}


@pytest.mark.parametrize(
    "rich",
    [
        {"blocks": []},
        {"html": "<p>Абзац</p>"},
        {"blocks": [a_paragraph()] * 501},
        {"blocks": [a_paragraph("я" * 32_769)]},
        {"blocks": [a_paragraph(["я" * 20_000, {"type": "bold", "text": ["я" * 20_000]}])]},
    ],
)
async def test_a_rich_message_has_its_limits(client: Client, rich: dict[str, Any]) -> None:
    assert (await client.refusal("sendRichMessage", chat_id=CHANNEL, rich_message=rich)).startswith("400 Bad Request: ")


async def test_a_rich_message_holds_fifty_media_and_is_not_endlessly_deep(client: Client) -> None:
    photo = {"type": "photo", "photo": {"type": "photo", "media": await file_id(client, "photo")}}
    assert await client.call("sendRichMessage", chat_id=CHANNEL, rich_message={"blocks": [photo] * 50})
    words = await client.refusal("sendRichMessage", chat_id=CHANNEL, rich_message={"blocks": [photo] * 51})
    assert "media" in words
    deep: dict[str, Any] = a_paragraph()
    for _ in range(16):
        deep = {"type": "blockquote", "blocks": [deep]}
    words = await client.refusal("sendRichMessage", chat_id=CHANNEL, rich_message={"blocks": [deep]})
    assert "deep" in words


async def test_a_text_becomes_rich_and_plain_again_and_a_picture_does_not(client: Client) -> None:
    await client.call("sendMessage", chat_id=CHANNEL, text="а")
    rich = {"blocks": [a_paragraph()]}
    edited = await client.call("editMessageText", chat_id=CHANNEL, message_id=1, rich_message=rich)
    assert ("text" in edited, edited["rich_message"]) == (False, rich)
    words = await client.refusal("editMessageText", chat_id=CHANNEL, message_id=1, rich_message=rich)
    assert "message is not modified" in words
    edited = await client.call("editMessageText", chat_id=CHANNEL, message_id=1, text="б")
    assert (edited["text"], "rich_message" in edited) == ("б", False)
    media = {"type": "photo", "media": await file_id(client, "photo")}
    await client.call("editMessageText", chat_id=CHANNEL, message_id=1, rich_message=rich)
    edited = await client.call("editMessageMedia", chat_id=CHANNEL, message_id=1, media=media)
    assert "rich_message" not in edited
    words = await client.refusal("editMessageText", chat_id=CHANNEL, message_id=1, rich_message=rich)
    assert words == "400 Bad Request: there is no text in the message to edit"


# Topics and pins


async def test_a_forum_has_topics_and_other_chats_pass_them_over(client: Client, telegram: TelegramStandIn) -> None:
    sent = await client.call("sendMessage", chat_id=FORUM, text="а", message_thread_id=9)
    assert (sent["message_thread_id"], sent["is_topic_message"], sent["chat"]["is_forum"]) == (9, True, True)
    words = await client.refusal("sendMessage", chat_id=FORUM, text="а", message_thread_id=7)
    assert words == "400 Bad Request: message thread not found"
    assert "message_thread_id" not in await client.call("sendMessage", chat_id=FORUM, text="а")
    assert "message_thread_id" not in await client.call("sendMessage", chat_id=CHANNEL, text="а", message_thread_id=7)
    fresh = TelegramStandIn()
    fresh.restore(telegram.dump())
    assert fresh.world.chats[FORUM].topics == [5, 9]


async def test_a_group_lets_pin_whom_it_has_allowed(client: Client, telegram: TelegramStandIn) -> None:
    await client.call("sendMessage", chat_id=FORUM, text="а")
    words = await client.refusal("pinChatMessage", chat_id=FORUM, message_id=1)
    assert words == "400 Bad Request: not enough rights to manage pinned messages in the chat"
    telegram.set_status(FORUM, "administrator", can_pin_messages=True)
    assert await client.call("pinChatMessage", chat_id=FORUM, message_id=1) is True


# What stands there


@pytest.mark.parametrize(
    ("album", "other", "allowed"),
    [("photo", "video", True), ("photo", "document", False), ("document", "photo", False), ("audio", "audio", True)],
)
async def test_an_item_of_an_album_becomes_only_what_may_stand_beside_it(
    client: Client, album: str, other: str, allowed: bool
) -> None:
    items = [{"type": album, "media": await file_id(client, album)}] * 2
    await client.call("sendMediaGroup", chat_id=CHANNEL, media=items)
    new = {"type": other, "media": await file_id(client, other, b"other")}
    answer = await client.answer("editMessageMedia", chat_id=CHANNEL, message_id=2, media=new)
    assert answer["ok"] is allowed


async def test_who_was_thrown_out_deletes_nothing_though_nothing_is_there(
    client: Client, telegram: TelegramStandIn
) -> None:
    telegram.set_status(CHANNEL, "kicked")
    words = await client.refusal("deleteMessages", chat_id=CHANNEL, message_ids=[1])
    assert words == "403 Forbidden: bot was kicked from the channel chat"
