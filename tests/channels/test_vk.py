"""The VK channel over the stand-in: what a post becomes, what goes over the wire, what each answer means."""

import asyncio
import hashlib
import logging
import socket
import ssl
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from pydantic import SecretStr, ValidationError

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
from channels.vk import Settings, client
from channels.vk.channel import VkChannel, connect
from channels.vk.failures import MEANINGS
from channels.vk.rendering import render
from channels.vk.uploads import title
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.support.clock import Clock

GROUP = 101
COMMUNITY_TOKEN = "vk1.a.community-secret"
USER_TOKEN = "vk1.a.user-secret"
SERVICE_TOKEN = "service-secret"
PNG = b"\x89PNG\r\n\x1a\n picture "


@dataclass
class Shelf:
    """A MediaReader over a dictionary."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def read(self, digest: str) -> bytes:
        return self.kept[digest]

    def put(self, name: str, kind: AttachmentKind, mime_type: str, content: bytes) -> Attachment:
        digest = hashlib.sha256(content).hexdigest()
        self.kept[digest] = content
        return Attachment(kind, name, mime_type, len(content), digest)

    def picture(self, name: str = "photo.png", content: bytes = PNG) -> Attachment:
        return self.put(name, AttachmentKind.PHOTO, "image/png", content)

    def document(self, name: str = "приказ.pdf") -> Attachment:
        return self.put(name, AttachmentKind.DOCUMENT, "application/pdf", b"%PDF " + name.encode())


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def vk(clock: Clock) -> AsyncIterator[VkStandIn]:
    async with VkStandIn(now=clock) as vk:
        vk.add_community(GROUP, "Профсоюз")
        vk.add_community_token(COMMUNITY_TOKEN, GROUP)
        vk.add_user_token(USER_TOKEN, 7, administers=[GROUP])
        vk.add_service_token(SERVICE_TOKEN)
        yield vk


Opener = Callable[..., Awaitable[VkChannel]]


@pytest.fixture
async def opened(shelf: Shelf, clock: Clock) -> AsyncIterator[Opener]:
    """Open channels at an address; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def opened(api_base: str, **more: Any) -> VkChannel:
            settings = Settings(
                group_id=GROUP,
                community_token=SecretStr(COMMUNITY_TOKEN),
                api_base=api_base,
                **{"read_timeout": 0.3} | more,
            )
            surroundings = Surroundings(media=shelf, telegram=TelegramAccess("0:t"), now=clock)
            channel = await connect("vk", settings, surroundings)
            stack.push_async_callback(channel.close)
            return channel

        yield opened


@pytest.fixture
async def channel(vk: VkStandIn, opened: Opener) -> VkChannel:
    """A channel with a community key only."""
    return await opened(vk.url)


@pytest.fixture
async def full(vk: VkStandIn, opened: Opener) -> VkChannel:
    """A channel with all three tokens."""
    return await opened(vk.url, user_token=SecretStr(USER_TOKEN), service_token=SecretStr(SERVICE_TOKEN))


def shipment(text: str = "Собрание в среду", *attachments: Attachment, key: str = "key-1") -> Shipment:
    return Shipment(Part(text=text, attachments=attachments), Recipient(f"club{GROUP}"), key)


async def send(channel: VkChannel, post: Post, key: str = "key-1") -> Receipt:
    (part,) = channel.render(post).parts
    return await channel.send(Shipment(part, Recipient(f"club{GROUP}"), key))


async def failure(channel: VkChannel, what: Shipment | None = None) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(what or shipment())
    return caught.value


def calls(vk: VkStandIn, method: str) -> list[dict[str, str]]:
    return [dict(call.values) for call in vk.calls if call.method == method]


# Rendering


def codes(post: Post, *, pictures: bool = False) -> list[ProblemCode]:
    return [problem.code for problem in render(post, pictures=pictures).problems]


def names(post: Post, *, pictures: bool = False) -> list[tuple[AttachmentKind, str]]:
    (part,) = render(post, pictures=pictures).parts
    return [(attachment.kind, attachment.name) for attachment in part.attachments]


def test_a_plain_text_stays_as_it_is() -> None:
    rendering = render(Post("Собрание в среду"), pictures=False)
    assert [part.text for part in rendering.parts] == ["Собрание в среду"]
    assert rendering.problems == ()


def test_what_vk_takes_for_a_mention_is_made_harmless() -> None:
    (part,) = render(Post("Ответ [club1|нас]"), pictures=False).parts
    assert "[club1|" not in part.text


@pytest.mark.parametrize(("length", "blocked"), [(15_000, False), (15_001, True)])
def test_a_text_longer_than_vk_is_known_to_take_is_blocked(length: int, blocked: bool) -> None:
    rendering = render(Post("а" * length), pictures=False)
    assert rendering.blocked is blocked
    assert [dict(problem.values) for problem in rendering.problems] == (
        [{"length": 15_001, "limit": 15_000, "over": 1}] if blocked else []
    )


def test_nothing_at_all_is_blocked() -> None:
    rendering = render(Post("  \n"), pictures=True)
    assert (codes(Post("  \n")), rendering.blocked) == ([ProblemCode.EMPTY], True)


def test_a_post_of_which_nothing_is_left_is_blocked(shelf: Shelf) -> None:
    song = shelf.put("гимн.mp3", AttachmentKind.AUDIO, "audio/mpeg", b"ID3")
    assert codes(Post("", attachments=(song,))) == [ProblemCode.FILE_TYPE_REFUSED, ProblemCode.EMPTY]


def test_struck_out_and_hidden_words_are_mentioned_and_bold_ones_are_not() -> None:
    assert codes(Post("отменено", entities=(Entity("strikethrough", 0, 8),))) == [ProblemCode.FORMATTING_LOST]
    assert codes(Post("отменено", entities=(Entity("bold", 0, 8),))) == []


def test_pictures_go_as_pictures_where_a_person_lends_a_token(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"), shelf.document("a.pdf"), shelf.picture("2.png")))
    assert names(post, pictures=True) == [
        (AttachmentKind.PHOTO, "1.png"),
        (AttachmentKind.PHOTO, "2.png"),
        (AttachmentKind.DOCUMENT, "a.pdf"),
    ]
    assert codes(post, pictures=True) == []


def test_one_picture_goes_as_a_file_where_nobody_does(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"),))
    assert names(post) == [(AttachmentKind.DOCUMENT, "1.png")]
    (problem,) = render(post, pictures=False).problems
    assert (problem.code, problem.certain, dict(problem.values)) == (ProblemCode.PICTURE_AS_FILE, False, {"count": 1})


def test_of_several_pictures_the_first_goes_as_a_file_and_the_others_are_named(shelf: Shelf) -> None:
    post = Post("а", attachments=tuple(shelf.picture(f"{number}.png") for number in (1, 2, 3)))
    assert names(post) == [(AttachmentKind.DOCUMENT, "1.png")]
    problems = render(post, pictures=False).problems
    assert [(problem.code, dict(problem.values)) for problem in problems] == [
        (ProblemCode.ONE_FILE_ONLY, {"count": 3}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "2.png"}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "3.png"}),
        (ProblemCode.PICTURE_AS_FILE, {"count": 1}),
    ]
    assert not render(post, pictures=False).blocked


def test_a_document_goes_before_pictures_that_can_only_be_files(shelf: Shelf) -> None:
    post = Post("а", attachments=(shelf.picture("1.png"), shelf.document("приказ.pdf")))
    assert names(post) == [(AttachmentKind.DOCUMENT, "приказ.pdf")]
    assert codes(post) == [ProblemCode.ONE_FILE_ONLY, ProblemCode.ATTACHMENT_LEFT_OUT]


def test_the_eleventh_picture_is_left_out_and_named(shelf: Shelf) -> None:
    post = Post("а", attachments=tuple(shelf.picture(f"{number}.png") for number in range(1, 12)))
    assert len(names(post, pictures=True)) == 10
    problems = render(post, pictures=True).problems
    assert [(problem.code, dict(problem.values)) for problem in problems] == [
        (ProblemCode.TOO_MANY_ATTACHMENTS, {"count": 11, "limit": 10}),
        (ProblemCode.ATTACHMENT_LEFT_OUT, {"name": "11.png"}),
    ]


@pytest.mark.parametrize("name", ["гимн.mp3", "SETUP.EXE", "client.apk"])
def test_mp3_and_programs_are_refused_by_name(shelf: Shelf, name: str) -> None:
    attachment = shelf.put(name, AttachmentKind.DOCUMENT, "application/octet-stream", b"bytes")
    assert codes(Post("а", attachments=(attachment,))) == [ProblemCode.FILE_TYPE_REFUSED]


def test_a_file_that_was_too_large_to_fetch_is_out_of_reach() -> None:
    film = Attachment(AttachmentKind.VIDEO, "film.mp4", "video/mp4", 60_000_000, telegram_file_id="f")
    post = Post("а", attachments=(film,))
    assert names(post, pictures=True) == []
    (problem,) = render(post, pictures=True).problems
    assert (problem.code, problem.certain) == (ProblemCode.FILE_OUT_OF_REACH, False)
    assert problem.values == {"name": "film.mp4", "size": 60_000_000}


def test_a_file_over_200_mb_is_too_large(shelf: Shelf) -> None:
    huge = replace(shelf.document(), size=200 * 2**20 + 1)
    assert codes(Post("а", attachments=(huge,))) == [ProblemCode.FILE_TOO_LARGE]
    assert codes(Post("а", attachments=(replace(huge, size=200 * 2**20),))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"mime_type": "image/webp"},
        {"size": 50 * 2**20 + 1},
        {"width": 7001, "height": 7000},
        {"width": 2100, "height": 100},
    ],
)
def test_a_picture_that_vk_cannot_show_goes_as_a_file(shelf: Shelf, change: dict[str, Any]) -> None:
    post = Post("а", attachments=(replace(shelf.picture("1.png"), **change),))
    assert names(post, pictures=True) == [(AttachmentKind.DOCUMENT, "1.png")]
    assert codes(post, pictures=True) == [ProblemCode.PICTURE_AS_FILE]


def test_a_gif_moves_as_a_file_and_an_animation_of_telegram_as_a_video(shelf: Shelf) -> None:
    gif = shelf.put("a.gif", AttachmentKind.ANIMATION, "image/gif", b"GIF89a")
    film = shelf.put("b.mp4", AttachmentKind.ANIMATION, "video/mp4", b"film")
    post = Post("а", attachments=(gif, film))
    assert names(post, pictures=True) == [(AttachmentKind.VIDEO, "b.mp4"), (AttachmentKind.DOCUMENT, "a.gif")]
    assert codes(post, pictures=True) == []


def test_a_long_name_keeps_its_extension() -> None:
    assert title("приказ.pdf") == "приказ.pdf"
    assert (len(title("п" * 300 + ".pdf")), title("п" * 300 + ".pdf")[-4:]) == (128, ".pdf")


# Settings


def test_settings_never_show_a_token() -> None:
    settings = Settings(group_id=GROUP, community_token=SecretStr(COMMUNITY_TOKEN), user_token=SecretStr(USER_TOKEN))
    assert COMMUNITY_TOKEN not in repr(settings)
    assert USER_TOKEN not in str(settings)


@pytest.mark.parametrize(
    "wrong",
    [{"group_id": 0}, {"community_token": ""}, {"api_base": "api.vk.ru"}, {"token": "a"}, {"read_timeout": 0}],
)
def test_settings_refuse_what_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"group_id": GROUP, "community_token": COMMUNITY_TOKEN} | wrong)
    assert COMMUNITY_TOKEN not in str(caught.value)


# Sending


async def test_a_text_appears_on_the_wall(vk: VkStandIn, channel: VkChannel) -> None:
    receipt = await channel.send(shipment("Собрание в среду\nв 18:00 & без опозданий"))
    assert receipt == Receipt(("1",), f"https://vk.com/wall-{GROUP}_1")
    (post,) = vk.posts(GROUP)
    assert (post.text, post.from_id) == ("Собрание в среду\nв 18:00 & без опозданий", -GROUP)
    assert calls(vk, "wall.post")[0]["guid"] == "key-1"
    assert vk.violations == []


async def test_the_longest_text_arrives_whole(vk: VkStandIn, channel: VkChannel) -> None:
    await channel.send(shipment("ж" * 15_000))
    assert vk.posts(GROUP)[0].text == "ж" * 15_000


async def test_pictures_arrive_in_order_and_the_community_posts_them(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    pictures = tuple(shelf.picture(f"{number}.png", PNG + bytes([number])) for number in range(3))
    await send(full, Post("Фото", attachments=pictures))
    (post,) = vk.posts(GROUP)
    shown = [vk.media(name) for name in post.attachments]
    assert [one.content for one in shown if one is not None] == [PNG + bytes([number]) for number in range(3)]
    assert post.from_id == -GROUP
    assert vk.violations == []


async def test_a_picture_without_a_persons_token_arrives_as_a_file(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf
) -> None:
    await send(channel, Post("Фото", attachments=(shelf.picture("пикет.png"),)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert (post["photos"], post["docs"][0]["title"]) == ([], "пикет.png")
    assert vk.violations == []


async def test_a_document_keeps_its_real_name(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    await send(channel, Post("", attachments=(shelf.document('Приказ № 5 "о наградах".pdf'),)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert post["docs"][0]["title"] == 'Приказ № 5 "о наградах".pdf'
    assert "message" not in calls(vk, "wall.post")[0]


async def test_a_video_arrives_as_a_video(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    film = shelf.put("митинг.mp4", AttachmentKind.VIDEO, "video/mp4", b"film")
    await send(full, Post("Видео", attachments=(film,)))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert [video["title"] for video in post["videos"]] == ["митинг"]
    assert vk.violations == []


async def test_everything_at_once(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    film = shelf.put("b.mp4", AttachmentKind.VIDEO, "video/mp4", b"film")
    attachments = (shelf.document(), film, *(shelf.picture(f"{number}.png") for number in range(2)))
    await send(full, Post("Всё", attachments=attachments))
    post = vk.snapshot()["communities"][0]["posts"][0]
    assert (len(post["photos"]), len(post["videos"]), len(post["docs"])) == (2, 1, 1)


async def test_another_communitys_address_is_refused(vk: VkStandIn, channel: VkChannel) -> None:
    error = await failure(channel, Shipment(Part("а"), Recipient("club5"), "key-1"))
    assert (type(error), error.reason) == (Rejected, Reason.NO_SUCH_CHAT)
    assert vk.posts(GROUP) == []


async def test_bytes_that_are_gone_are_told(channel: VkChannel, shelf: Shelf) -> None:
    document = shelf.document()
    shelf.kept.clear()
    error = await failure(channel, shipment("а", document))
    assert (type(error), error.reason) == (Rejected, Reason.FILE_LOST)


async def test_a_picture_waits_when_the_persons_token_was_taken_away(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf
) -> None:
    error = await failure(channel, shipment("а", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.WRONG_KIND_OF_TOKEN)
    assert vk.posts(GROUP) == []


def test_says_how_it_wants_to_be_used() -> None:
    settings = Settings(group_id=GROUP, community_token=SecretStr(COMMUNITY_TOKEN), stale_hours=1)
    channel = VkChannel("vk", settings, Surroundings(media=Shelf(), telegram=TelegramAccess("0:t")))
    assert channel.pace.concurrency == 1
    assert channel.repeatable_for == timedelta(minutes=55)
    assert channel.stale_after == timedelta(hours=1)
    assert channel.address == f"club{GROUP}"


# What VK's errors mean. The codes are those of VK's schema, sorted as the class of each says.

LATER = (6, 9, 29, 43, 219)
UNKNOWN = (1, 10, 36)
FOR_A_PERSON = (
    *(5, 1114, 1116, 1117, 7, 14, 3300, 15, 16, 17, 3301, 3302, 3303, 3304, 3305, 18, 19, 20, 21, 23, 24, 25, 27, 28),
    *(30, 37, 42, 200, 203, 210, 211, 212, 213, 214, 703, 1051, 3609, 3610, 3611, 13000),
)
NEVER = (3, 4, 8, 11, 12, 13, 100, 101, 104, 113, 114, 118, 121, 125, 129, 150, 220, 222, 224, 225, 9999)
BY_CODE = [
    *((code, Deferred) for code in LATER),
    *((code, Unconfirmed) for code in UNKNOWN),
    *((code, ChannelClosed) for code in FOR_A_PERSON),
    *((code, Rejected) for code in NEVER),
]


def test_every_code_is_in_the_table() -> None:
    assert sorted(MEANINGS) == sorted(code for code, _ in BY_CODE)


@pytest.mark.parametrize(("code", "expected"), BY_CODE)
async def test_each_code_has_its_meaning(
    vk: VkStandIn, channel: VkChannel, code: int, expected: type[ChannelError]
) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=code))
    error = await failure(channel)
    assert type(error) is expected
    assert error.detail.startswith(f"wall.post (community_token): [{code}] ")
    assert len(calls(vk, "wall.post")) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (5, Reason.TOKEN_REVOKED),
        (14, Reason.CAPTCHA_NEEDED),
        (15, Reason.NO_RIGHT_TO_POST),
        (18, Reason.BLOCKED),
        (27, Reason.WRONG_KIND_OF_TOKEN),
        (100, Reason.BAD_CONTENT),
        (214, Reason.NO_RIGHT_TO_POST),
        (222, Reason.LINKS_FORBIDDEN),
        (1051, Reason.WRONG_KIND_OF_TOKEN),
        (9, Reason.LIMIT_REACHED),
        (3, Reason.PROGRAM_ERROR),
    ],
)
async def test_each_code_has_its_reason(vk: VkStandIn, channel: VkChannel, code: int, reason: Reason) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=code))
    assert (await failure(channel)).reason is reason


@pytest.mark.parametrize(
    "text",
    [
        "Access to adding post denied: you can only add 50 posts a day",
        "Access to adding post denied: can only schedule 25 posts on a day",
        "Access to adding post denied: cannot schedule more than 150 posts",
    ],
)
async def test_a_daily_limit_is_no_lack_of_rights(vk: VkStandIn, channel: VkChannel, text: str) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=214, text=text))
    error = await failure(channel)
    assert isinstance(error, Deferred)
    assert (error.reason, error.retry_after) == (Reason.LIMIT_REACHED, timedelta(hours=1))


async def test_an_unlisted_code_is_a_refusal(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=4242, text="Something new"))
    error = await failure(channel)
    assert (type(error), error.reason) == (Rejected, Reason.REFUSED)
    assert "Something new" in error.detail


async def test_too_many_requests_are_not_repeated_by_the_library(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.MAKES_WAIT, times=0))
    error = await failure(channel)
    assert isinstance(error, Deferred)
    assert (error.counts, error.retry_after) == (False, timedelta(seconds=1))
    assert len(calls(vk, "wall.post")) == 1


async def test_a_deleted_key_closes_the_channel(vk: VkStandIn, channel: VkChannel) -> None:
    vk.revoke(COMMUNITY_TOKEN)
    error = await failure(channel)
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)


async def test_a_captcha_names_the_page_to_open(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=14))
    error = await failure(channel)
    assert "https://id.vk.com/not_robot_captcha" in error.detail


# Answers that tell nothing

LOST_AFTER_ACTING = [Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS]


@pytest.mark.parametrize("kind", [*LOST_AFTER_ACTING, Kind.DROPS_BEFORE])
async def test_a_lost_answer_leaves_the_outcome_open(vk: VkStandIn, channel: VkChannel, kind: Kind) -> None:
    vk.faults.add("wall.post", Fault(kind))
    error = await failure(channel)
    assert (type(error), error.reason) == (Unconfirmed, Reason.NO_ANSWER)
    assert len(calls(vk, "wall.post")) == 1


@pytest.mark.parametrize("kind", LOST_AFTER_ACTING)
async def test_the_repeat_of_a_lost_answer_shows_once(vk: VkStandIn, channel: VkChannel, kind: Kind) -> None:
    vk.faults.add("wall.post", Fault(kind))
    await failure(channel)
    receipt = await channel.send(shipment())
    assert receipt.external_ids == ("1",)
    assert len(vk.posts(GROUP)) == 1


async def test_the_repeat_is_the_same_to_the_byte_and_uploads_nothing(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    post = Post("Фото", attachments=(shelf.picture(), shelf.document()))
    vk.faults.add("wall.post", Fault(Kind.BAD_GATEWAY, times=2))
    for _ in range(2):
        with pytest.raises(Unconfirmed):
            await send(full, post)
    await send(full, post)
    first, *others = calls(vk, "wall.post")
    assert others == [first, first]
    assert len(calls(vk, "photos.saveWallPhoto")) == 1


async def test_attachments_forgotten_by_a_restart_are_not_sent_again_blindly(
    vk: VkStandIn, full: VkChannel, opened: Opener, shelf: Shelf
) -> None:
    vk.guid_repeat = "exact"
    first = shipment("Фото", shelf.picture())
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(full, first)
    restarted = await opened(vk.url, user_token=SecretStr(USER_TOKEN))
    error = await failure(restarted, replace(first, unheard=True))
    assert (type(error), error.reason) == (Unconfirmed, Reason.FILE_LOST)
    assert (await full.send(replace(first, unheard=True))).external_ids == ("1",)
    assert len(vk.posts(GROUP)) == 1


async def test_words_alone_are_repeated_the_same_to_the_byte_after_a_restart(
    vk: VkStandIn, channel: VkChannel, opened: Opener
) -> None:
    vk.guid_repeat = "exact"
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(channel)
    restarted = await opened(vk.url)
    assert (await restarted.send(shipment())).external_ids == ("1",)
    first, again = calls(vk, "wall.post")
    assert again == first


async def test_another_key_is_another_post(vk: VkStandIn, channel: VkChannel) -> None:
    await channel.send(shipment(key="key-1"))
    await channel.send(shipment(key="key-2"))
    assert len(vk.posts(GROUP)) == 2


async def test_a_refused_repeat_does_not_tell_what_became_of_the_first(vk: VkStandIn, channel: VkChannel) -> None:
    vk.guid_repeat = "error"
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    await failure(channel)
    error = await failure(channel)
    assert type(error) is Unconfirmed
    assert "[100]" in error.detail


async def test_a_doubt_is_over_when_the_guid_is(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    vk.faults.add("wall.post", Fault(Kind.DROPS_BEFORE))
    await failure(channel)
    clock.advance(minutes=56)
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=222))
    assert type(await failure(channel)) is Rejected


async def test_a_delayed_answer_is_an_answer(vk: VkStandIn, channel: VkChannel) -> None:
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.1))
    assert (await channel.send(shipment())).external_ids == ("1",)


# Nobody there, or somebody else


@asynccontextmanager
async def answering(answer: Callable[[web.Request], web.StreamResponse], tls: ssl.SSLContext | None = None) -> Any:
    """A server that gives one answer to everything; yields its address and the paths it was asked for."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        asked.append(request.path)
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", asked
    finally:
        await runner.cleanup()


async def test_where_nobody_listens_nothing_went_out(opened: Opener) -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        channel = await opened(f"http://127.0.0.1:{placeholder.getsockname()[1]}")
        error = await failure(channel)
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)
    assert "refused" in error.detail


async def test_an_unknown_host_means_nothing_went_out(opened: Opener) -> None:
    error = await failure(await opened("http://vk.invalid"))
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


async def test_a_stranger_with_a_certificate_of_his_own_is_not_spoken_to(opened: Opener) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with answering(lambda _request: web.json_response({}), tls) as (url, asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Deferred, Reason.TLS_FAILED)
    assert asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(opened: Opener, status: int) -> None:
    def redirect(request: web.Request) -> web.Response:
        return web.json_response(
            {"response": {"post_id": 1}}, status=status, headers={"Location": f"http://{request.host}/elsewhere"}
        )

    async with answering(redirect) as (url, asked):
        error = await failure(await opened(url))
    assert type(error) is Unconfirmed
    assert "redirected to" in error.detail
    assert asked == ["/method/wall.post"]


async def test_a_call_turned_away_before_the_api_did_nothing(opened: Opener) -> None:
    async with answering(lambda _request: web.Response(status=403, text="<html>")) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        [],
        "text",
        5,
        None,
        {"response": {}},
        {"response": 1},
        {"response": {"post_id": 0}},
        {"response": {"post_id": "1"}},
        {"error": None},
        {"error": {}},
        {"error": {"error_code": "many", "error_msg": "a"}},
        {"error": {"error_code": [5]}},
    ],
)
async def test_an_answer_without_sense_leaves_the_outcome_open(opened: Opener, nonsense: Any) -> None:
    async with answering(lambda _request: web.json_response(nonsense)) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (Unconfirmed, Reason.NO_ANSWER)


@pytest.mark.parametrize("extra", [{}, {"captcha_sid": "1"}, {"error_msg": "Captcha needed"}])
async def test_a_captcha_without_its_picture_is_a_captcha(opened: Opener, extra: dict[str, str]) -> None:
    answer = {"error": {"error_code": 14, **extra}}
    async with answering(lambda _request: web.json_response(answer)) as (url, _asked):
        error = await failure(await opened(url))
    assert (type(error), error.reason) == (ChannelClosed, Reason.CAPTCHA_NEEDED)


async def test_a_body_cut_in_the_middle_leaves_the_outcome_open(opened: Opener) -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"response"')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        error = await failure(await opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert type(error) is Unconfirmed


async def test_an_answer_that_trickles_is_given_up(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SLACK", 0.1)

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(15):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        channel = await opened(url, connect_timeout=0.3, read_timeout=0.3)
        assert type(await failure(channel)) is Unconfirmed
        # The thread still waits for that answer: the next call never begins, so it surely did nothing.
        error = await failure(channel, shipment(key="key-2"))
        assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


# Uploads that go wrong


@pytest.mark.parametrize("call", ["docs.getWallUploadServer", "upload.doc", "docs.save"])
@pytest.mark.parametrize(
    "kind", [Kind.DROPS_BEFORE, Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS]
)
async def test_a_broken_upload_waits_and_then_works(
    vk: VkStandIn, opened: Opener, shelf: Shelf, call: str, kind: Kind
) -> None:
    channel = await opened(vk.url, upload_timeout=0.3)
    vk.faults.add(call, Fault(kind))
    what = shipment("а", shelf.document())
    assert type(await failure(channel, what)) is Deferred
    assert vk.posts(GROUP) == []
    await channel.send(what)
    assert len(vk.posts(GROUP)) == 1


async def test_what_is_uploaded_is_not_uploaded_again(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    vk.faults.add("docs.save", Fault(Kind.BAD_GATEWAY))
    what = shipment("а", shelf.picture(), shelf.document())
    await failure(full, what)
    await full.send(what)
    assert len(calls(vk, "photos.saveWallPhoto")) == 1


@pytest.mark.parametrize("code", [22, 100, 105, 118, 121, 129])
async def test_an_upload_that_was_not_understood_starts_again(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf, code: int
) -> None:
    vk.faults.add("docs.save", Fault(Kind.REFUSES, code=code))
    error = await failure(channel, shipment("а", shelf.document()))
    assert (type(error), error.reason) == (Deferred, Reason.FILE_REFUSED)
    await channel.send(shipment("а", shelf.document()))
    assert len(calls(vk, "docs.getWallUploadServer")) == 2


@pytest.mark.parametrize("code", [1, 10, 36])
async def test_nothing_is_in_doubt_before_the_post(vk: VkStandIn, channel: VkChannel, shelf: Shelf, code: int) -> None:
    vk.faults.add("docs.save", Fault(Kind.REFUSES, code=code))
    assert type(await failure(channel, shipment("а", shelf.document()))) is Deferred


async def test_a_refused_picture_is_refused_for_good(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    error = await failure(full, shipment("а", shelf.picture(content=b"no picture")))
    assert (type(error), error.reason) == (Rejected, Reason.FILE_REFUSED)
    assert calls(vk, "photos.saveWallPhoto") == []


@pytest.mark.parametrize("kind", [AttachmentKind.DOCUMENT, AttachmentKind.VIDEO])
async def test_a_refused_file_is_named(vk: VkStandIn, full: VkChannel, shelf: Shelf, kind: AttachmentKind) -> None:
    call = "upload.doc" if kind is AttachmentKind.DOCUMENT else "upload.video"
    vk.faults.add(call, Fault(Kind.REFUSES, text="bad file"))
    error = await failure(full, shipment("а", replace(shelf.document("план.pdf"), kind=kind)))
    assert (type(error), error.reason) == (Rejected, Reason.FILE_REFUSED)
    assert "план.pdf: bad file" in error.detail


async def test_a_persons_token_that_is_gone_closes_the_channel_by_name(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    vk.revoke(USER_TOKEN)
    error = await failure(full, shipment("а", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    assert "user_token" in error.detail


async def test_a_key_without_documents_closes_the_channel(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    vk.add_community_token(COMMUNITY_TOKEN, GROUP, rights=["wall"])
    error = await failure(channel, shipment("а", shelf.document()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.NO_RIGHT_TO_POST)


# Given up half-way


def worker_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("vk")]


async def test_a_cancelled_send_leaves_nothing_dangling(
    vk: VkStandIn, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    channel = await opened(vk.url, read_timeout=5)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment())
    await channel.close()
    assert len(vk.posts(GROUP)) == 1, "close waits for the call under way"
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)


async def test_a_cancelled_send_leaves_its_key_in_doubt(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened(vk.url, read_timeout=5)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment())
    vk.faults.add("wall.post", Fault(Kind.REFUSES, code=222))
    assert type(await failure(channel)) is Unconfirmed


async def test_a_send_cancelled_while_uploading_posts_nothing(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    vk.faults.add("upload.doc", Fault(Kind.DELAYS, seconds=0.2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(shipment("а", shelf.document()))
    await channel.close()
    assert vk.posts(GROUP) == []


async def test_closing_gives_the_threads_back_and_may_be_repeated(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    await full.send(shipment("а", shelf.picture()))
    before = len(worker_threads())
    await full.close()
    for _ in range(100):
        if before - len(worker_threads()) >= 2:
            break
        await asyncio.sleep(0.01)
    assert before - len(worker_threads()) == 2
    await full.close()


async def test_closing_does_not_wait_for_ever(vk: VkStandIn, opened: Opener) -> None:
    channel = await opened(vk.url, connect_timeout=0.1, read_timeout=0.2)
    vk.faults.add("wall.post", Fault(Kind.DELAYS, seconds=0.1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await channel.send(shipment())
    async with asyncio.timeout(2):
        await channel.close()


# Secrets


def tokens_in(text: str) -> list[str]:
    return [token for token in (COMMUNITY_TOKEN, USER_TOKEN, SERVICE_TOKEN) if token in text]


def told(error: BaseException) -> Iterator[str]:
    """Everything that a diligent crash report would hold: the chain, its attributes, and our frames' locals."""
    current: BaseException | None = error
    while current is not None:
        yield f"{current!r} {current} {vars(current)} {current.args}"
        trace = traceback.TracebackException.from_exception(current, capture_locals=True)
        for frame in trace.stack:
            if "channels" in Path(frame.filename).parts and "tests" not in Path(frame.filename).parts:
                yield f"{frame.name} {frame.locals}"
        current = current.__cause__ or current.__context__


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        *(("wall.post", Fault(kind)) for kind in Kind if kind is not Kind.DELAYS),
        ("wall.post", Fault(Kind.REFUSES, code=14)),
        ("wall.post", Fault(Kind.REFUSES, code=100, text=f"wrong access_token {COMMUNITY_TOKEN} given")),
        ("upload.photo", Fault(Kind.BAD_GATEWAY)),
        ("photos.saveWallPhoto", Fault(Kind.REFUSES, code=5, text=f"bad {USER_TOKEN}")),
        ("photos.saveWallPhoto", Fault(Kind.DROPS_AFTER_REQUEST)),
    ],
)
async def test_no_token_is_ever_told(
    vk: VkStandIn, opened: Opener, shelf: Shelf, caplog: pytest.LogCaptureFixture, call: str, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = await opened(vk.url, user_token=SecretStr(USER_TOKEN), service_token=SecretStr(SERVICE_TOKEN))
    vk.faults.add(call, fault)
    error = await failure(channel, shipment("а", shelf.picture()))
    assert [tokens_in(words) for words in told(error) if tokens_in(words)] == []
    assert [record for record in caplog.records if record.name.startswith("urllib3")] != []
    assert [
        tokens_in(f"{record.getMessage()} {record.args}") for record in caplog.records if tokens_in(str(vars(record)))
    ] == []
    assert tokens_in(f"{channel!r} {channel} {vars(channel)}") == []


# Asking whether it would work


async def test_all_is_well(full: VkChannel) -> None:
    (finding,) = await full.check()
    assert (finding.code, finding.values) == (FindingCode.REACHED, {"name": "Профсоюз"})


async def test_a_check_posts_nothing(vk: VkStandIn, full: VkChannel) -> None:
    await full.check()
    assert vk.posts(GROUP) == []
    assert vk.violations == []


async def found(channel: VkChannel) -> list[tuple[FindingCode, bool]]:
    return [(finding.code, finding.fatal) for finding in await channel.check()]


async def test_missing_tokens_are_told_and_do_not_matter(channel: VkChannel) -> None:
    assert await found(channel) == [
        (FindingCode.REACHED, False),
        (FindingCode.NO_SERVICE_TOKEN, False),
        (FindingCode.NO_USER_TOKEN, False),
    ]


@pytest.mark.parametrize(("rights", "missing", "fatal"), [(["wall"], "docs", False), (["docs"], "wall", True)])
async def test_a_missing_right_is_named(
    vk: VkStandIn, full: VkChannel, rights: list[str], missing: str, fatal: bool
) -> None:
    vk.add_community_token(COMMUNITY_TOKEN, GROUP, rights=rights)
    (finding,) = [one for one in await full.check() if one.code is FindingCode.RIGHT_MISSING]
    assert (finding.values, finding.fatal) == ({"right": missing}, fatal)


async def test_a_revoked_key_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.revoke(COMMUNITY_TOKEN)
    assert await found(full) == [(FindingCode.TOKEN_REFUSED, True)]


async def test_the_key_of_another_community_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_community(5, "Другая")
    vk.add_community_token(COMMUNITY_TOKEN, 5)
    (finding,) = await full.check()
    assert (finding.code, finding.fatal) == (FindingCode.MAY_NOT_POST, True)
    assert "club5" in finding.detail


async def test_a_persons_key_in_place_of_the_communitys_is_told(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(COMMUNITY_TOKEN, 7, administers=[GROUP])
    assert (await found(full))[0][1] is True


async def test_a_token_of_vk_id_is_of_no_use_for_pictures(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], from_vk_id=True)
    assert (await found(full))[1:] == [(FindingCode.TOKEN_REFUSED, True)]


async def test_a_person_who_is_no_administrator_cannot_upload(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7)
    assert (await found(full))[1:] == [(FindingCode.RIGHT_MISSING, True)]


async def test_a_service_key_that_is_gone_spoils_nothing(vk: VkStandIn, full: VkChannel) -> None:
    vk.revoke(SERVICE_TOKEN)
    assert (await found(full))[1:] == [(FindingCode.TOKEN_REFUSED, False)]


async def test_a_closed_wall_cannot_be_read_back(vk: VkStandIn, full: VkChannel) -> None:
    vk.world.communities[GROUP].closed = True
    assert (await found(full))[1:] == [(FindingCode.RIGHT_MISSING, False)]


@pytest.mark.parametrize("call", ["groups.getById", "groups.getTokenPermissions"])
async def test_a_check_that_gets_no_answer_says_so(vk: VkStandIn, full: VkChannel, call: str) -> None:
    vk.faults.add(call, Fault(Kind.BAD_GATEWAY))
    assert (await found(full))[0] == (FindingCode.NOT_REACHED, True)


async def test_a_check_survives_nonsense(opened: Opener) -> None:
    async with answering(lambda _request: web.json_response({"response": {"groups": []}})) as (url, _asked):
        assert (await found(await opened(url)))[0] == (FindingCode.NOT_REACHED, True)
