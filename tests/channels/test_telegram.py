"""What a post becomes in Telegram, and what is reported of each fate it can meet on the way there."""

import asyncio
import hashlib
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trustme
from aiohttp import web
from hypothesis import given, settings, strategies
from pydantic import ValidationError

from channels.contract import (
    Attachment,
    AttachmentKind,
    ChannelClosed,
    ChannelError,
    Deferred,
    Entity,
    FindingCode,
    Part,
    Post,
    Problem,
    ProblemCode,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Shipment,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.markup import utf16_length
from channels.telegram import Settings
from channels.telegram.channel import TelegramChannel, connect
from channels.telegram.line import Patience
from channels.telegram.rendering import render
from sandbox.faults import Fault, Kind
from sandbox.telegram import TelegramStandIn
from tests.support.pictures import png

ANNA, CHANNEL, PRIVATE, GROUP = 1001, -1001000000001, -1001000000002, -4001
MEGABYTE = 1024 * 1024
PHOTO, VIDEO, ANIMATION = AttachmentKind.PHOTO, AttachmentKind.VIDEO, AttachmentKind.ANIMATION
DOCUMENT, AUDIO = AttachmentKind.DOCUMENT, AttachmentKind.AUDIO
MIME = {
    PHOTO: "image/png",
    VIDEO: "video/mp4",
    ANIMATION: "image/gif",
    DOCUMENT: "application/pdf",
    AUDIO: "audio/mpeg",
}
IMPATIENT = Patience(connection=0.3, answer=0.3, between_messages=0)
AT_ONCE = Patience(between_messages=0)


class Shelf:
    """The media of a test, by digest."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, kind: AttachmentKind, data: bytes, name: str = "файл", **more: Any) -> Attachment:
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return Attachment(kind, name, MIME[kind], len(data), digest, **more)

    async def read(self, digest: str) -> bytes:
        return self.kept[digest]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    """A public channel, a private one, a group and a person."""
    async with TelegramStandIn() as telegram:
        telegram.add_person(ANNA, "Анна")
        telegram.add_channel(CHANNEL, "Профсоюзы Смоленска", "smolprof")
        telegram.add_channel(PRIVATE, "Для своих")
        telegram.add_group(GROUP, "Пресс-служба")
        yield telegram
        assert telegram.violations == []


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


Open = Callable[..., Awaitable[TelegramChannel]]


@pytest.fixture
async def opened(telegram: TelegramStandIn, shelf: Shelf) -> AsyncIterator[Open]:
    """Open channels and close them after the test."""
    channels: list[TelegramChannel] = []

    async def open_(
        chat_id: int | str = "@smolprof",
        *,
        api_base: str = "",
        proxies: tuple[str, ...] = (),
        patience: Patience = AT_ONCE,
        **configured: Any,
    ) -> TelegramChannel:
        access = TelegramAccess(telegram.token, api_base or telegram.url, proxies)
        channel = await connect("tg", Settings(chat_id=chat_id, **configured), Surroundings(shelf, access), patience)
        channels.append(channel)
        return channel

    yield open_
    for channel in channels:
        await channel.close()


def shipment(part: Part, chat: int | str = "@smolprof", previous: Receipt | None = None) -> Shipment:
    return Shipment(part, Recipient(str(chat)), key="d31", previous=previous)


async def send(channel: TelegramChannel, post: Post) -> list[Receipt]:
    """Send all parts of a post, each as an answer to the one before."""
    receipts: list[Receipt] = []
    for part in channel.render(post).parts:
        previous = receipts[-1] if receipts else None
        receipts.append(await channel.send(shipment(part, channel.address, previous)))
    return receipts


def problems(post: Post) -> dict[ProblemCode, Problem]:
    return {problem.code: problem for problem in render(post).problems}


def an_attachment(kind: AttachmentKind = PHOTO, **more: Any) -> Attachment:
    defaults = {"name": "файл", "mime_type": MIME[kind], "size": 1000, "telegram_file_id": "id"}
    return Attachment(kind, **{**defaults, **more})


def words(length: int) -> str:
    """Return a text of exactly that length, of words and without repetition."""
    text = " ".join(f"слово{number}" for number in range(length // 6))
    return text[: length - 1] + "."


# Rendering


def test_a_text_is_one_message() -> None:
    rendering = render(Post("Митинг в 10:30", entities=(Entity("bold", 0, 6),)))
    assert rendering.parts == (Part("Митинг в 10:30", (Entity("bold", 0, 6),)),)
    assert rendering.problems == ()


def test_the_title_is_for_letters_only() -> None:
    assert render(Post("Текст", title="Заголовок")).parts == (Part("Текст"),)


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_nothing_is_no_post(text: str) -> None:
    rendering = render(Post(text, title="Заголовок"))
    assert (rendering.parts, rendering.blocked) == ((), True)
    assert rendering.problems == (Problem(ProblemCode.EMPTY, certain=True),)


def test_a_long_text_becomes_several_messages() -> None:
    post = Post(words(9000))
    parts = render(post).parts
    assert len(parts) == 3
    assert all(utf16_length(part.text) <= 4096 for part in parts)
    assert " ".join(part.text for part in parts) == post.text
    assert problems(post)[ProblemCode.SPLIT_IN_PARTS].values == {"parts": 3}
    assert not render(post).blocked


def test_emoji_count_twice_so_that_both_readings_of_the_limit_are_kept() -> None:
    assert len(render(Post("😀" * 2048)).parts) == 1
    assert len(render(Post("😀" * 2049)).parts) == 2


def test_a_flood_of_text_is_refused_beforehand() -> None:
    post = Post(words(50_000))
    [problem] = render(post).problems
    assert (problem.code, problem.certain) == (ProblemCode.TEXT_TOO_LONG, True)
    assert problem.values == {"length": 50_000, "limit": 40_960, "over": 9_040}


def test_a_picture_carries_the_text_as_its_caption() -> None:
    photo = an_attachment()
    rendering = render(Post("я" * 1024, attachments=(photo,)))
    assert (rendering.parts, rendering.problems) == ((Part("я" * 1024, (), (photo,)),), ())


def test_a_text_too_long_for_a_caption_follows_the_pictures_whole() -> None:
    photos = (an_attachment(), an_attachment(VIDEO))
    post = Post("я" * 1025, attachments=photos)
    assert render(post).parts == (Part(attachments=photos), Part("я" * 1025))
    assert problems(post) == {
        ProblemCode.CAPTION_APART: Problem(
            ProblemCode.CAPTION_APART, certain=False, values={"length": 1025, "limit": 1024}
        )
    }


def test_pictures_and_videos_share_an_album() -> None:
    attachments = (an_attachment(), an_attachment(VIDEO), an_attachment())
    rendering = render(Post("Текст", attachments=attachments))
    assert (rendering.parts, rendering.problems) == ((Part("Текст", (), attachments),), ())


def test_eleven_pictures_become_two_albums_of_nearly_equal_size() -> None:
    attachments = tuple(an_attachment(name=str(number)) for number in range(11))
    post = Post("Текст", attachments=attachments)
    first, second = render(post).parts
    assert (first.text, second.text) == ("Текст", "")
    assert first.attachments + second.attachments == attachments
    assert [len(first.attachments), len(second.attachments)] == [5, 6]
    assert problems(post)[ProblemCode.ALBUM_SPLIT].values == {"count": 11, "limit": 10, "albums": 2}
    assert not render(post).blocked


def test_what_may_not_share_an_album_is_sent_apart_pictures_first() -> None:
    document, photo, audio, gif = (an_attachment(kind) for kind in (DOCUMENT, PHOTO, AUDIO, ANIMATION))
    post = Post("Текст", attachments=(document, photo, audio, gif))
    assert [(part.text, part.attachments) for part in render(post).parts] == [
        ("Текст", (photo,)),
        ("", (gif,)),
        ("", (document,)),
        ("", (audio,)),
    ]
    assert problems(post) == {
        ProblemCode.ALBUM_MIXES_KINDS: Problem(
            ProblemCode.ALBUM_MIXES_KINDS, certain=False, values={"kinds": "document,photo,audio,animation"}
        )
    }


def test_animations_stand_alone() -> None:
    gifs = (an_attachment(ANIMATION, name="1"), an_attachment(ANIMATION, name="2"))
    post = Post("", attachments=gifs)
    assert [part.attachments for part in render(post).parts] == [(gifs[0],), (gifs[1],)]
    assert problems(post)[ProblemCode.ALBUM_SPLIT].values == {"count": 2, "limit": 1, "albums": 2}


def test_documents_are_an_appendix_to_a_long_text() -> None:
    documents = (an_attachment(DOCUMENT), an_attachment(DOCUMENT))
    post = Post(words(5000), attachments=documents)
    parts = render(post).parts
    assert [bool(part.text) for part in parts] == [True, True, False]
    assert parts[-1].attachments == documents
    assert set(problems(post)) == {ProblemCode.SPLIT_IN_PARTS, ProblemCode.CAPTION_APART}


@pytest.mark.parametrize(
    ("more", "code", "certain"),
    [
        ({"size": 60 * MEGABYTE, "telegram_file_id": "id"}, None, False),
        ({"size": 60 * MEGABYTE, "digest": "d"}, ProblemCode.FILE_TOO_LARGE, True),
        ({"size": 60 * MEGABYTE}, ProblemCode.FILE_OUT_OF_REACH, True),
        ({"size": 10 * MEGABYTE + 1, "digest": "d", "kind": PHOTO}, ProblemCode.FILE_TOO_LARGE, True),
        ({"size": 10 * MEGABYTE + 1, "digest": "d"}, None, False),
        ({"size": 0, "digest": "d"}, ProblemCode.FILE_TYPE_REFUSED, True),
        ({"digest": "d", "kind": PHOTO, "mime_type": "image/svg+xml"}, ProblemCode.FILE_TYPE_REFUSED, False),
        ({"digest": "d", "kind": PHOTO, "width": 200, "height": 5000}, ProblemCode.FILE_TYPE_REFUSED, True),
        ({"digest": "d", "kind": PHOTO, "width": 6000, "height": 4001}, ProblemCode.FILE_TYPE_REFUSED, True),
        ({"digest": "d", "kind": PHOTO, "width": 6000, "height": 4000}, None, False),
    ],
)
def test_files_are_held_against_the_limits_of_an_upload(
    more: dict[str, Any], code: ProblemCode | None, certain: bool
) -> None:
    kind = more.pop("kind", DOCUMENT)
    attachment = an_attachment(kind, **{"telegram_file_id": None, **more})
    found = render(Post("Текст", attachments=(attachment,))).problems
    assert [(problem.code, problem.certain) for problem in found] == ([(code, certain)] if code else [])


def test_custom_emoji_will_look_plain() -> None:
    post = Post("👍", entities=(Entity("custom_emoji", 0, 2, custom_emoji_id="5"),))
    assert set(problems(post)) == {ProblemCode.FORMATTING_LOST}


TEXTS = strategies.text(strategies.sampled_from("слово 😀\n. "), max_size=12_000)
KINDS = strategies.lists(strategies.sampled_from(list(AttachmentKind)), max_size=25)


@given(TEXTS, KINDS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_and_no_limit_is_broken(text: str, kinds: list[AttachmentKind]) -> None:
    attachments = tuple(an_attachment(kind, name=str(number)) for number, kind in enumerate(kinds))
    parts = render(Post(text, attachments=attachments)).parts
    assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
    assert all(utf16_length(part.text) <= (1024 if part.attachments else 4096) for part in parts)
    assert sorted(item.name for part in parts for item in part.attachments) == sorted(item.name for item in attachments)
    assert all(len(part.attachments) <= 10 for part in parts)
    for part in parts:
        kinds_together = {item.kind for item in part.attachments}
        assert len(kinds_together) <= 1 or kinds_together == {PHOTO, VIDEO}
        assert ANIMATION not in kinds_together or len(part.attachments) == 1


# Sending


async def test_posts_a_text_and_links_to_it(opened: Open, telegram: TelegramStandIn) -> None:
    [receipt] = await send(await opened(), Post("Митинг", entities=(Entity("bold", 0, 6),)))
    assert receipt == Receipt(("1",), "https://t.me/smolprof/1")
    [post] = telegram.channel_posts(CHANNEL)
    assert (post["text"], post["entities"]) == ("Митинг", [{"type": "bold", "offset": 0, "length": 6}])


async def test_links_into_a_private_channel_too(opened: Open) -> None:
    [receipt] = await send(await opened(PRIVATE), Post("Митинг"))
    assert receipt.link == "https://t.me/c/1000000002/1"


async def test_a_group_has_no_links(opened: Open) -> None:
    [receipt] = await send(await opened(GROUP), Post("Митинг"))
    assert receipt == Receipt(("1",), None)


async def test_text_is_never_taken_for_markup(opened: Open, telegram: TelegramStandIn) -> None:
    await send(await opened(), Post("<b>5 < 6</b> & *так*"))
    assert telegram.channel_posts(CHANNEL)[0]["text"] == "<b>5 < 6</b> & *так*"
    assert "parse_mode" not in telegram.calls[-1].values


async def test_every_kind_of_entity_arrives(opened: Open, telegram: TelegramStandIn) -> None:
    entities = (
        Entity("blockquote", 0, 4),
        Entity("text_link", 5, 4, url="https://example.org/?a=1&b=2"),
        Entity("pre", 10, 4, language="py"),
        Entity("text_mention", 15, 4, user_id=ANNA),
        Entity("date_time", 20, 4, unix_time=1795512600, date_time_format="wDT"),
        Entity("spoiler", 25, 4),
    )
    await send(await opened(), Post("один два3 четы пять шест семь", entities=entities))
    arrived = telegram.channel_posts(CHANNEL)[0]["entities"]
    assert [(item["type"], item["offset"], item["length"]) for item in arrived] == [
        (entity.type, entity.offset, entity.length) for entity in entities
    ]
    assert arrived[1]["url"] == "https://example.org/?a=1&b=2"
    assert arrived[2]["language"] == "py"
    assert arrived[3]["user"]["first_name"] == "Анна"
    assert (arrived[4]["unix_time"], arrived[4]["date_time_format"]) == (1795512600, "wDT")


@pytest.mark.parametrize("kind", list(AttachmentKind))
async def test_uploads_one_file_of_each_kind(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf, kind: AttachmentKind
) -> None:
    shape = {"width": 640, "height": 480, "duration": 7} if kind in {VIDEO, ANIMATION} else {}
    attachment = shelf.put(kind, png(640, 480), "Отчёт за год.png", **shape)
    [receipt] = await send(await opened(), Post("Подпись", attachments=(attachment,)))
    [post] = telegram.channel_posts(CHANNEL)
    assert receipt.external_ids == ("1",)
    assert post["caption"] == "Подпись"
    file = post[kind][-1] if kind is PHOTO else post[kind]
    assert telegram.file(file["file_id"]).data == png(640, 480)
    assert file.get("file_name", "Отчёт за год.png") == "Отчёт за год.png"
    assert [file.get(name) for name in shape] == list(shape.values())


async def test_an_album_arrives_as_one_with_the_caption_on_its_first_picture(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf
) -> None:
    items = (shelf.put(PHOTO, png(grey=1)), shelf.put(VIDEO, b"mp4", width=64), shelf.put(PHOTO, png(grey=2)))
    entities = (Entity("bold", 0, 7),)
    [receipt] = await send(await opened(), Post("Подпись", entities=entities, attachments=items))
    posts = telegram.channel_posts(CHANNEL)
    assert receipt == Receipt(("1", "2", "3"), "https://t.me/smolprof/1")
    assert [post.get("caption") for post in posts] == ["Подпись", None, None]
    assert posts[0]["caption_entities"] == [{"type": "bold", "offset": 0, "length": 7}]
    assert len({post["media_group_id"] for post in posts}) == 1


@pytest.mark.parametrize("kind", [DOCUMENT, AUDIO])
async def test_files_carry_the_caption_under_the_last(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf, kind: AttachmentKind
) -> None:
    items = (shelf.put(kind, b"1"), shelf.put(kind, b"2"))
    await send(await opened(), Post("Подпись", attachments=items))
    assert [post.get("caption") for post in telegram.channel_posts(CHANNEL)] == [None, "Подпись"]


async def test_the_parts_of_a_post_answer_each_other(opened: Open, telegram: TelegramStandIn, shelf: Shelf) -> None:
    items = (shelf.put(PHOTO, png(grey=1)), shelf.put(PHOTO, png(grey=2)))
    receipts = await send(await opened(), Post(words(5000), attachments=items))
    assert [receipt.external_ids for receipt in receipts] == [("1", "2"), ("3",), ("4",)]
    answered = [post.get("reply_to_message", {}).get("message_id") for post in telegram.channel_posts(CHANNEL)]
    assert answered == [None, None, 1, 3]


async def test_an_answer_survives_the_loss_of_what_it_answers(opened: Open, telegram: TelegramStandIn) -> None:
    channel = await opened()
    receipt = await channel.send(shipment(Part("Продолжение"), previous=Receipt(("99",))))
    assert receipt.external_ids == ("1",)
    receipt = await channel.send(shipment(Part("Ещё"), previous=Receipt(detail="accepted, id unknown")))
    assert receipt.external_ids == ("2",)


async def test_one_announcement_makes_one_sound(opened: Open, telegram: TelegramStandIn) -> None:
    await send(await opened(), Post(words(5000)))
    assert [call.values.get("disable_notification", False) for call in telegram.calls] == [False, True]


async def test_silent_and_protected_as_the_administrator_wishes(opened: Open, telegram: TelegramStandIn) -> None:
    await send(await opened(silent=True, protect=True), Post("Тихо"))
    assert telegram.calls[-1].values["disable_notification"] is True
    assert telegram.channel_posts(CHANNEL)[0]["has_protected_content"] is True


async def in_telegram(telegram: TelegramStandIn, kind: AttachmentKind, data: bytes) -> str:
    """Let a person send a file to the bot; return its file_id."""
    number = await telegram.send_media(ANNA, kind, "файл", data, MIME[kind])
    message = telegram.world.chats[ANNA].messages[number]
    file = message[kind][-1] if kind is PHOTO else message[kind]
    return str(file["file_id"])


async def test_what_telegram_has_already_is_not_uploaded_again(opened: Open, telegram: TelegramStandIn) -> None:
    file_id = await in_telegram(telegram, VIDEO, bytes(21 * MEGABYTE))
    attachment = Attachment(VIDEO, "файл", "video/mp4", 21 * MEGABYTE, telegram_file_id=file_id)
    await send(await opened(), Post("Видео", attachments=(attachment,)))
    assert telegram.calls[-1].values["video"] == file_id
    assert telegram.channel_posts(CHANNEL)[0]["video"]["file_id"] == file_id


async def test_a_worthless_file_id_is_replaced_by_the_file(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf
) -> None:
    known = await in_telegram(telegram, PHOTO, png(grey=1))
    items = (
        replace(shelf.put(PHOTO, png(grey=1)), telegram_file_id=known),
        replace(shelf.put(PHOTO, png(grey=2)), telegram_file_id="of another bot"),
    )
    [receipt] = await send(await opened(), Post("Подпись", attachments=items))
    assert receipt.external_ids == ("1", "2")
    first, second = telegram.channel_posts(CHANNEL)
    assert telegram.file(second["photo"][-1]["file_id"]).data == png(grey=2)
    assert first["caption"] == "Подпись"


async def test_a_file_that_is_nowhere_is_lost(opened: Open, telegram: TelegramStandIn) -> None:
    channel = await opened()
    for attachment in (an_attachment(telegram_file_id="x"), an_attachment(telegram_file_id=None, digest="gone")):
        with pytest.raises(Rejected) as caught:
            await send(channel, Post("Текст", attachments=(attachment,)))
        assert (caught.value.reason, caught.value.detail) == (Reason.FILE_LOST, "no copy of файл is kept")
    assert telegram.channel_posts(CHANNEL) == []


async def test_follows_a_group_that_became_a_supergroup(opened: Open, telegram: TelegramStandIn, shelf: Shelf) -> None:
    telegram.migrate(GROUP, -1004001)
    channel = await opened(GROUP)
    broken = replace(shelf.put(PHOTO, png()), telegram_file_id="of another bot")
    [receipt] = await send(channel, Post("Текст", attachments=(broken,)))
    assert receipt.link == "https://t.me/c/4001/1"
    await send(channel, Post("Ещё"))
    assert [call.values["chat_id"] for call in telegram.calls] == [GROUP, -1004001, -1004001, -1004001]


async def test_does_not_follow_in_circles(opened: Open, telegram: TelegramStandIn) -> None:
    telegram.migrate(GROUP, -1004001)
    telegram.world.chats[-1004001].migrated_to = GROUP
    with pytest.raises(Rejected) as caught:
        await send(await opened(GROUP), Post("Текст"))
    assert caught.value.reason is Reason.NO_SUCH_CHAT


async def test_a_post_whose_id_is_not_known_yet_is_accepted(opened: Open, telegram: TelegramStandIn) -> None:
    telegram.world.chats[CHANNEL].last_id = -1
    [receipt] = await send(await opened(), Post("Видео в большой канал"))
    assert receipt == Receipt(detail="accepted, id unknown")


async def test_albums_that_are_too_much_for_one_request_are_cut(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf
) -> None:
    items = tuple(shelf.put(DOCUMENT, bytes([number]) * 20 * MEGABYTE) for number in range(3))
    post = Post("", attachments=items)
    assert problems(post)[ProblemCode.ALBUM_SPLIT].values["albums"] == 2
    receipts = await send(await opened(), post)
    assert [receipt.external_ids for receipt in receipts] == [("1", "2"), ("3",)]


# Fates


def refusal(code: int, text: str) -> Fault:
    return Fault(Kind.REFUSES, code=code, text=text)


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        (Fault(Kind.MAKES_WAIT, seconds=17), Deferred, Reason.LIMIT_REACHED),
        (refusal(429, "Too Many Requests"), Deferred, Reason.LIMIT_REACHED),
        (Fault(Kind.LOSES_RIGHTS), ChannelClosed, Reason.TOKEN_REVOKED),
        (refusal(404, "Not Found"), ChannelClosed, Reason.TOKEN_REVOKED),
        (refusal(404, "Not Found: method not found"), Rejected, Reason.SERVER_TOO_OLD),
        (refusal(409, "Conflict: terminated by other getUpdates request"), ChannelClosed, Reason.REFUSED),
        (refusal(413, "Request Entity Too Large"), Rejected, Reason.FILE_TOO_LARGE),
        (refusal(403, "Forbidden: bot was kicked from the channel chat"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(403, "Forbidden: bot is not a member of the channel chat"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(403, "Forbidden: something new"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(403, "Forbidden: bot was blocked by the user"), Rejected, Reason.BLOCKED),
        (refusal(403, "Forbidden: bot can't initiate conversation with a user"), Rejected, Reason.BLOCKED),
        (refusal(403, "Forbidden: user is deactivated"), Rejected, Reason.BLOCKED),
        (refusal(403, "Forbidden: the group chat was deleted"), Rejected, Reason.NO_SUCH_CHAT),
        (refusal(400, "Bad Request: chat not found"), Rejected, Reason.NO_SUCH_CHAT),
        (refusal(400, "Bad Request: need administrator rights in the channel"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(400, "Bad Request: not enough rights to send photos"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), ChannelClosed, Reason.NO_RIGHT_TO_POST),
        (refusal(400, "Bad Request: message is too long"), Rejected, Reason.TOO_LONG),
        (refusal(400, "Bad Request: message caption is too long"), Rejected, Reason.TOO_LONG),
        (refusal(400, "Bad Request: can't parse entities: whatever"), Rejected, Reason.BAD_CONTENT),
        (refusal(400, "Bad Request: BUTTON_DATA_INVALID"), Rejected, Reason.BAD_CONTENT),
        (refusal(400, "Bad Request: file is too big"), Rejected, Reason.FILE_TOO_LARGE),
        (refusal(400, "Bad Request: file of size 11 bytes is too big for a photo"), Rejected, Reason.FILE_TOO_LARGE),
        (refusal(400, "Bad Request: wrong file identifier/HTTP URL specified"), Rejected, Reason.FILE_LOST),
        (refusal(400, "Bad Request: wrong remote file identifier specified: x"), Rejected, Reason.FILE_LOST),
        (refusal(400, "Bad Request: can't use file of type Photo as Document"), Rejected, Reason.FILE_REFUSED),
        (refusal(400, "Bad Request: IMAGE_PROCESS_FAILED"), Rejected, Reason.FILE_REFUSED),
        (refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"), Rejected, Reason.FILE_REFUSED),
        (refusal(400, "Bad Request: failed to send message #2 with the error …"), Rejected, Reason.FILE_REFUSED),
        (refusal(400, "Bad Request: group send failed"), Rejected, Reason.FILE_REFUSED),
        (refusal(500, "Internal Server Error"), Unconfirmed, Reason.NO_ANSWER),
        (refusal(500, "Internal Server Error: restart"), Unconfirmed, Reason.NO_ANSWER),
        (refusal(418, "I'm a teapot"), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.BAD_GATEWAY), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.HALF_ANSWER), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.DROPS_BEFORE), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.DROPS_AFTER_REQUEST), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.HANGS), Unconfirmed, Reason.NO_ANSWER),
        (Fault(Kind.HANGS, before=True), Unconfirmed, Reason.NO_ANSWER),
    ],
    ids=lambda value: f"{value.kind} {value.text}" if isinstance(value, Fault) else "",
)  # fmt: skip
async def test_each_fate_has_its_meaning(
    opened: Open, telegram: TelegramStandIn, fault: Fault, error: type[ChannelError], reason: Reason
) -> None:
    telegram.faults.add("sendMessage", fault)
    with pytest.raises(ChannelError) as caught:
        await send(await opened(patience=IMPATIENT), Post("Текст"))
    assert (type(caught.value), caught.value.reason) == (error, reason)
    if fault.text and fault.code != 429:
        assert caught.value.detail == fault.text
    # Whatever the fate: nothing was tried twice.
    acted = fault.kind in {Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.DROPS_AFTER_REQUEST}
    acted = acted or (fault.kind is Kind.HANGS and not fault.before)
    assert len(telegram.channel_posts(CHANNEL)) == acted
    assert telegram.faults.listing() == []


async def test_waits_exactly_as_long_as_telegram_asks_and_counts_no_attempt(
    opened: Open, telegram: TelegramStandIn
) -> None:
    telegram.faults.add("sendMessage", Fault(Kind.MAKES_WAIT, seconds=17))
    with pytest.raises(Deferred) as caught:
        await send(await opened(), Post("Текст"))
    assert (caught.value.retry_after, caught.value.counts) == (timedelta(seconds=17), False)
    assert caught.value.detail == "Too Many Requests: retry after 17"


async def test_a_picture_that_is_none_is_refused_in_telegrams_words(
    opened: Open, telegram: TelegramStandIn, shelf: Shelf
) -> None:
    with pytest.raises(Rejected) as caught:
        await send(await opened(), Post("Текст", attachments=(shelf.put(PHOTO, b"no picture"),)))
    assert (caught.value.reason, caught.value.detail) == (Reason.FILE_REFUSED, "Bad Request: IMAGE_PROCESS_FAILED")


async def test_an_upload_over_the_limit_is_told_from_a_broken_line(opened: Open, shelf: Shelf) -> None:
    huge = shelf.put(DOCUMENT, bytes(51 * MEGABYTE))
    with pytest.raises(Rejected) as caught:
        await send(await opened(), Post("Текст", attachments=(huge,)))
    assert caught.value.reason is Reason.FILE_TOO_LARGE


async def test_an_upload_is_given_more_time_than_a_text(opened: Open, telegram: TelegramStandIn, shelf: Shelf) -> None:
    slow = shelf.put(DOCUMENT, bytes(1000))
    telegram.faults.add("sendDocument", Fault(Kind.DELAYS, seconds=0.5))
    channel = await opened(patience=Patience(connection=0.1, answer=0.1, slowest_upload=100))
    [receipt] = await send(channel, Post("Текст", attachments=(slow,)))
    assert receipt.external_ids == ("1",)


@asynccontextmanager
async def a_server(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[str]:
    """Answer every call in the same way; the address to call."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_an_answer_newer_than_the_library_still_proves_the_post(opened: Open) -> None:
    message = {"message_id": 42, "date": "a new form of date", "chat": {"id": CHANNEL, "username": "smolprof"}}
    async with a_server(lambda _: web.json_response({"ok": True, "result": message})) as base:
        [receipt] = await send(await opened(api_base=base), Post("Текст"))
    assert receipt == Receipt(("42",), "https://t.me/smolprof/42")


@pytest.mark.parametrize("answer", [{"ok": True}, {"ok": True, "result": [{}]}, {"status": "fine"}, ["ok"], "ok"])
async def test_an_answer_that_proves_nothing_leaves_a_doubt(opened: Open, answer: Any) -> None:
    async with a_server(lambda _: web.json_response(answer)) as base:
        with pytest.raises(Unconfirmed):
            await send(await opened(api_base=base), Post("Текст"))


async def test_cancelling_lets_go_of_the_line(opened: Open, telegram: TelegramStandIn) -> None:
    telegram.faults.add("sendMessage", Fault(Kind.HANGS))
    channel = await opened()
    task = asyncio.ensure_future(send(channel, Post("Текст")))
    await telegram.wait_for(lambda: telegram.channel_posts(CHANNEL))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [receipt] = await send(channel, Post("Ещё"))
    assert receipt.external_ids == ("2",)


# The line


@asynccontextmanager
async def a_closed_port() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield port


async def test_no_connection_means_surely_nothing_was_sent(opened: Open) -> None:
    async with a_closed_port() as port:
        with pytest.raises(Deferred) as caught:
            await send(await opened(api_base=f"http://127.0.0.1:{port}"), Post("Текст"))
    assert (caught.value.reason, caught.value.retry_after, caught.value.counts) == (Reason.NOT_CONNECTED, None, True)


@asynccontextmanager
async def a_silent_port() -> AsyncIterator[int]:
    """Accept connections and say nothing: a TLS handshake never ends here, as behind a slowed-down line."""

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_handshake_that_never_ends_means_that_nothing_was_sent(opened: Open) -> None:
    async with a_silent_port() as port:
        channel = await opened(api_base=f"https://127.0.0.1:{port}", patience=IMPATIENT)
        with pytest.raises(Deferred) as caught:
            await send(channel, Post("Текст"))
    assert caught.value.reason is Reason.NOT_CONNECTED


async def test_a_strangers_certificate_is_not_trusted(opened: Open) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        with pytest.raises(Deferred) as caught:
            await send(await opened(api_base=f"https://127.0.0.1:{runner.addresses[0][1]}"), Post("Текст"))
    finally:
        await runner.cleanup()
    assert caught.value.reason is Reason.TLS_FAILED


class Proxy:
    """An HTTP proxy for CONNECT, which remembers how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.port = 0
        self.open = True
        self.faithful = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        host, _, port = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().partition(":")
        if not self.open:
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        if not self.faithful:
            back.close()
            writer.close()
            return
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


@asynccontextmanager
async def a_proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


async def test_proxies_are_tried_in_order_and_the_good_one_is_remembered(
    opened: Open, telegram: TelegramStandIn
) -> None:
    async with a_closed_port() as dead, a_proxy() as closed, a_proxy() as good:
        closed.open = False
        proxies = (
            f"socks5://user:hush@127.0.0.1:{dead}",
            f"http://127.0.0.1:{closed.port}",
            f"http://127.0.0.1:{good.port}",
        )
        channel = await opened(proxies=proxies)
        await send(channel, Post("Раз"))
        await send(channel, Post("Два"))
        await channel.close()
    assert [post["text"] for post in telegram.channel_posts(CHANNEL)] == ["Раз", "Два"]
    assert (closed.asked, good.asked) == (1, 1)


async def test_no_proxy_means_surely_nothing_was_sent(opened: Open) -> None:
    async with a_closed_port() as dead, a_silent_port() as silent:
        for proxies in (
            (f"socks5://user:hush@127.0.0.1:{dead}",),
            (f"socks5://user:hush@127.0.0.1:{silent}", f"http://127.0.0.1:{dead}"),
        ):
            with pytest.raises(Deferred) as caught:
                await send(await opened(proxies=proxies, patience=IMPATIENT), Post("Текст"))
            assert caught.value.reason is Reason.NOT_CONNECTED
            assert "hush" not in str(caught.value)


async def test_a_proxy_that_breaks_the_handshake_sent_nothing(opened: Open) -> None:
    async with a_silent_port() as silent, a_proxy() as proxy:
        proxy.faithful = False
        channel = await opened(
            api_base=f"https://127.0.0.1:{silent}", proxies=(f"http://127.0.0.1:{proxy.port}",), patience=IMPATIENT
        )
        with pytest.raises(Deferred) as caught:
            await send(channel, Post("Текст"))
    assert caught.value.reason is Reason.NOT_CONNECTED


async def test_what_went_through_a_proxy_is_not_sent_again_through_another(
    opened: Open, telegram: TelegramStandIn
) -> None:
    telegram.faults.add("sendMessage", Fault(Kind.DROPS_AFTER_REQUEST))
    async with a_proxy() as first, a_proxy() as second:
        channel = await opened(proxies=(f"http://127.0.0.1:{first.port}", f"http://127.0.0.1:{second.port}"))
        with pytest.raises(Unconfirmed):
            await send(channel, Post("Текст"))
        await channel.close()
    assert (len(telegram.channel_posts(CHANNEL)), second.asked) == (1, 0)


# Secrets


@pytest.mark.parametrize("fault", [Fault(kind) for kind in Kind if kind is not Kind.DELAYS], ids=lambda f: f.kind)
async def test_the_token_is_never_told(
    opened: Open, telegram: TelegramStandIn, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    telegram.faults.add("sendMessage", fault)
    channel = await opened(patience=IMPATIENT)
    with pytest.raises(ChannelError) as caught:
        await send(channel, Post("Текст"))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.detail
    told += repr(channel) + str(channel) + repr(vars(channel)["_settings"]) + caplog.text
    assert telegram.token not in told
    assert telegram.token.partition(":")[2] not in told


async def test_the_token_is_not_told_when_there_is_no_connection(
    opened: Open, telegram: TelegramStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with a_silent_port() as port, a_closed_port() as closed:
        for base in (f"https://127.0.0.1:{port}", f"http://127.0.0.1:{closed}"):
            with pytest.raises(Deferred) as caught:
                await send(await opened(api_base=base, patience=IMPATIENT), Post("Текст"))
            told = "".join(traceback.format_exception(caught.value)) + caplog.text
            assert telegram.token not in told


async def test_a_page_that_repeats_the_address_does_not_give_the_token_away(
    opened: Open, telegram: TelegramStandIn
) -> None:
    def echo(request: web.Request) -> web.Response:
        return web.Response(text=f"<html>Not here: {request.path}</html>", status=502)

    async with a_server(echo) as base:
        with pytest.raises(Unconfirmed) as caught:
            await send(await opened(api_base=base), Post("Текст"))
    assert "Not here: /bot…/sendMessage" in caught.value.detail


async def test_a_malformed_token_or_proxy_is_refused_without_repeating_it(shelf: Shelf) -> None:
    for access in (TelegramAccess("hush hush"), TelegramAccess("1:hush", proxies=("ftp://user:hush@a",))):
        with pytest.raises(ValueError, match=r"[Ii]nvalid") as caught:
            await connect("tg", Settings(chat_id=1), Surroundings(shelf, access))
        assert "hush" not in "".join(traceback.format_exception_only(caught.value))


# Settings and check


@pytest.mark.parametrize("chat", ["@smolprof", -1001000000001, "-1001000000001", 5])
def test_a_chat_is_a_number_or_a_public_name(chat: int | str) -> None:
    valid = Settings.model_validate({"kind": "telegram", "chat_id": chat})
    assert str(valid.chat_id) == str(chat)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"chat_id": "smolprof"},
        {"chat_id": "https://t.me/smolprof"},
        {"chat_id": 1, "kind": "vk"},
        {"chat_id": 1, "stale_hours": 0},
        {"chat_id": 1, "colour": "red"},
        {"chat_id": 1, "service_chat": "там"},
    ],
)
def test_other_settings_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(section)


async def test_says_what_the_engine_must_know(opened: Open) -> None:
    channel = await opened(CHANNEL, stale_hours=3)
    assert channel.address == str(CHANNEL)
    assert channel.pace.gap >= timedelta(seconds=1.1)
    assert channel.pace.concurrency == 1
    assert channel.repeatable_for == timedelta(0)
    assert channel.stale_after == timedelta(hours=3)
    assert (await opened()).stale_after == timedelta(hours=2)


async def found(channel: TelegramChannel) -> list[tuple[FindingCode, bool]]:
    return [(finding.code, finding.fatal) for finding in await channel.check()]


async def test_all_is_well(opened: Open) -> None:
    [finding] = await (await opened(service_chat=GROUP)).check()
    assert (finding.code, finding.values) == (FindingCode.REACHED, {"name": "Профсоюзы Смоленска"})
    assert await found(await opened(GROUP)) == [(FindingCode.REACHED, False)]
    assert await found(await opened(ANNA)) == [(FindingCode.REACHED, False)]


@pytest.mark.parametrize(
    ("status", "rights", "findings"),
    [
        ("administrator", {"can_post_messages": False}, [(FindingCode.MAY_NOT_POST, True)]),
        ("administrator", {"can_edit_messages": False, "can_delete_messages": False}, []),
        ("left", {}, [(FindingCode.NOT_ADMINISTRATOR, True)]),
        ("member", {}, [(FindingCode.NOT_ADMINISTRATOR, True)]),
    ],
)
async def test_missing_rights_are_named(
    opened: Open,
    telegram: TelegramStandIn,
    status: str,
    rights: dict[str, bool],
    findings: list[tuple[FindingCode, bool]],
) -> None:
    telegram.set_status(CHANNEL, status, **rights)
    assert await found(await opened()) == [(FindingCode.REACHED, False), *findings]


async def test_who_was_thrown_out_sees_nothing(opened: Open, telegram: TelegramStandIn) -> None:
    telegram.set_status(CHANNEL, "kicked")
    [finding] = await (await opened()).check()
    assert (finding.code, finding.fatal) == (FindingCode.NOT_ADMINISTRATOR, True)
    assert finding.detail == "Forbidden: bot was kicked from the channel chat"
    telegram.set_status(GROUP, "left")
    assert await found(await opened(GROUP)) == [(FindingCode.NOT_ADMINISTRATOR, True)]


async def test_a_chat_that_does_not_exist_is_named(opened: Open) -> None:
    [finding] = await (await opened("@nobody_here")).check()
    assert (finding.code, finding.fatal, finding.values) == (
        FindingCode.CHAT_NOT_FOUND,
        True,
        {"chat": "@nobody_here"},
    )
    last = (await (await opened(service_chat=-7)).check())[-1]
    assert (last.code, last.fatal, last.values) == (FindingCode.CHAT_NOT_FOUND, False, {"chat": -7})


async def test_a_service_chat_that_readers_see_is_told(opened: Open) -> None:
    [_reached, last] = await (await opened("@smolprof", service_chat=CHANNEL)).check()
    assert (last.code, last.fatal, last.values) == (FindingCode.SERVICE_CHAT_IS_READ, False, {"chat": CHANNEL})


async def test_a_moved_group_is_found_where_it_is(opened: Open, telegram: TelegramStandIn) -> None:
    telegram.migrate(GROUP, -1004001)
    assert await found(await opened(GROUP)) == [(FindingCode.REACHED, False)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(Kind.LOSES_RIGHTS), FindingCode.TOKEN_REFUSED),
        (Fault(Kind.BAD_GATEWAY), FindingCode.NOT_REACHED),
        (Fault(Kind.HANGS), FindingCode.NOT_REACHED),
        (Fault(Kind.MAKES_WAIT), FindingCode.NOT_REACHED),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else "",
)
async def test_a_check_survives_everything(
    opened: Open, telegram: TelegramStandIn, fault: Fault, code: FindingCode
) -> None:
    for method in ("getMe", "getChat", "getChatMember"):
        telegram.faults.add(method, fault)
        assert await found(await opened(patience=IMPATIENT)) == [(code, True)]


async def test_a_check_sends_nothing(opened: Open, telegram: TelegramStandIn) -> None:
    await (await opened(service_chat=GROUP)).check()
    assert {call.method for call in telegram.calls} == {"getMe", "getChat", "getChatMember"}
