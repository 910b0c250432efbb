"""Finding out whether a doubtful post is in the channel: found when it is there, and only it, and nobody notices."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from channels.contract import (
    Attachment,
    AttachmentKind,
    Deferred,
    Entity,
    Part,
    Post,
    Reason,
    Receipt,
    Recipient,
    Shipment,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.telegram import Settings
from channels.telegram.channel import TelegramChannel, connect
from channels.telegram.line import Patience
from channels.telegram.looking import SKEW
from sandbox.faults import Fault, Kind
from sandbox.telegram import TelegramStandIn
from tests.support.pictures import png

CHANNEL, SERVICE, ANNA = -1001000000001, -4001, 1001
TEXT = "Митинг у Дома союзов 👩‍👩‍👧‍👦"
IMPATIENT = Patience(connection=0.5, answer=0.5, between_messages=0, landing=0.05)
PHOTO, VIDEO, DOCUMENT = AttachmentKind.PHOTO, AttachmentKind.VIDEO, AttachmentKind.DOCUMENT


class Shelf:
    """The media of a test, by digest."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, kind: AttachmentKind, number: int = 0) -> Attachment:
        data = png(640 + number, 480) if kind is PHOTO else b"bytes %d" % number
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return Attachment(kind, f"файл{number}", "a/b", len(data), digest)

    async def read(self, digest: str) -> bytes:
        return self.kept[digest]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn() as telegram:
        telegram.add_channel(CHANNEL, "Профсоюзы Смоленска", "smolprof")
        telegram.add_group(SERVICE, "Служебный")
        telegram.add_person(ANNA, "Анна")
        yield telegram
        assert telegram.violations == []


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


Open = Callable[..., Awaitable[TelegramChannel]]


@pytest.fixture
async def opened(telegram: TelegramStandIn, shelf: Shelf) -> AsyncIterator[Open]:
    channels: list[TelegramChannel] = []

    async def open_(chat_id: int | str = "@smolprof", patience: Patience = IMPATIENT, **more: Any) -> TelegramChannel:
        settings = Settings(**{"chat_id": chat_id, "service_chat": SERVICE} | more)
        access = TelegramAccess(telegram.token, telegram.url)
        channels.append(await connect("tg", settings, Surroundings(shelf, access), patience))
        return channels[-1]

    yield open_
    for channel in channels:
        await channel.close()


@pytest.fixture
async def channel(opened: Open) -> TelegramChannel:
    return await opened()


@pytest.fixture
async def last(channel: TelegramChannel) -> Receipt:
    """The newest post known to stand in the channel."""
    return await channel.send(a_shipment(Part("Вчерашнее")))


def a_shipment(part: Part | None = None, chat: str = "@smolprof") -> Shipment:
    return Shipment(part or Part(TEXT), Recipient(chat), key="d31")


def a_while_ago() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=10)


async def looked(channel: TelegramChannel, last: Receipt | None, part: Part | None = None) -> Receipt | None:
    return await channel.look(a_shipment(part, channel.address), since=a_while_ago(), last=last)


async def not_told(channel: TelegramChannel, last: Receipt | None, part: Part | None = None) -> Deferred:
    with pytest.raises(Deferred) as caught:
        await looked(channel, last, part)
    return caught.value


async def send_unheard(
    telegram: TelegramStandIn, channel: TelegramChannel, kind: Kind = Kind.DROPS_AFTER_REQUEST, part: Part | None = None
) -> None:
    telegram.faults.add("*", Fault(kind))
    with pytest.raises(Unconfirmed):
        await channel.send(a_shipment(part, channel.address))


def by_hand(telegram: TelegramStandIn, text: str, **more: Any) -> int:
    """Post as another administrator does, and return the id."""
    content = {"text": text} | more
    return int(telegram.world.post(telegram.world.find(CHANNEL), content)["message_id"])


def delete(telegram: TelegramStandIn, *message_ids: int) -> None:
    for message_id in message_ids:
        del telegram.world.find(CHANNEL).messages[message_id]


def at(*message_ids: int) -> Receipt:
    return Receipt(tuple(map(str, message_ids)), f"https://t.me/smolprof/{message_ids[0]}")


def forwards(telegram: TelegramStandIn) -> list[int]:
    return [call.values["message_id"] for call in telegram.calls if call.method == "forwardMessage"]


# Where it can look


@pytest.mark.parametrize(
    ("configured", "can_look"),
    [
        ({}, True),
        ({"chat_id": CHANNEL}, True),
        ({"chat_id": str(CHANNEL)}, True),
        ({"service_chat": ANNA}, True),
        ({"service_chat": ""}, False),
        ({"service_chat": "@smolprof"}, False),
        ({"protect": True}, False),
        ({"chat_id": SERVICE, "service_chat": ANNA}, False),
        ({"chat_id": ANNA}, False),
    ],
)
async def test_looks_where_it_may_forward_and_count(opened: Open, configured: dict[str, Any], can_look: bool) -> None:
    assert (await opened(**configured)).can_look is can_look


@pytest.mark.parametrize("last", [None, Receipt(detail="accepted, id unknown")])
async def test_without_a_known_post_there_is_nothing_to_count_from(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt | None
) -> None:
    assert (await not_told(channel, last)).reason is Reason.NOTHING_BEFORE
    assert list(telegram.calls) == []


async def test_never_forwards_to_where_readers_are(opened: Open, telegram: TelegramStandIn, last: Receipt) -> None:
    channel = await opened("@smolprof", service_chat=CHANNEL)
    assert "service_chat" in (await not_told(channel, last)).detail
    assert forwards(telegram) == []


async def test_looks_from_a_persons_chat_and_into_a_private_channel(opened: Open, telegram: TelegramStandIn) -> None:
    private = telegram.add_channel(-1001000000002, "Для своих")
    channel = await opened(private, service_chat=ANNA)
    last = await channel.send(a_shipment(chat=str(private)))
    await send_unheard(telegram, channel)
    assert await looked(channel, last) == Receipt(("2",), "https://t.me/c/1000000002/2")


# What is taken for the shipment


@pytest.mark.parametrize("kind", [Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS])
async def test_finds_what_was_posted_unheard(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt, kind: Kind
) -> None:
    await send_unheard(telegram, channel, kind)
    assert await looked(channel, last) == at(2)


async def test_what_never_went_out_is_not_there(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    await send_unheard(telegram, channel, Kind.DROPS_BEFORE)
    assert await looked(channel, last) is None


async def test_waits_for_a_request_that_is_still_under_way(
    opened: Open, telegram: TelegramStandIn, last: Receipt
) -> None:
    channel = await opened(patience=Patience(connection=0.5, answer=0.1, between_messages=0, landing=3))
    telegram.faults.add("sendMessage", Fault(Kind.DELAYS, seconds=1.5))
    with pytest.raises(Unconfirmed):
        await channel.send(a_shipment())
    assert len(telegram.channel_posts("@smolprof")) == 1
    assert await looked(channel, last) == at(2)


async def test_finds_it_among_what_others_posted(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    by_hand(telegram, "Опрос")
    await send_unheard(telegram, channel)
    by_hand(telegram, "Ещё один")
    assert await looked(channel, last) == at(3)
    assert forwards(telegram) == [2, 3]


async def test_a_gap_is_not_the_end(telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt) -> None:
    deleted = [by_hand(telegram, "Альбом") for _ in range(10)]
    await send_unheard(telegram, channel)
    delete(telegram, *deleted)
    assert await looked(channel, last) == at(12)


async def test_service_messages_are_passed_over(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    by_hand(telegram, "", new_chat_title="Профсоюзы")
    await send_unheard(telegram, channel)
    assert await looked(channel, last) == at(3)


async def test_what_somebody_deleted_and_telegram_half_remembers_is_passed_over(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    by_hand(telegram, "Удалённое")
    await send_unheard(telegram, channel)
    telegram.faults.add("forwardMessage", Fault(Kind.REFUSES, text="Bad Request: Message was not forwarded"))
    assert await looked(channel, last) == at(3)


async def test_the_same_text_of_before_is_not_taken_for_it(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    last = await channel.send(a_shipment())
    await send_unheard(telegram, channel, Kind.DROPS_BEFORE)
    assert await looked(channel, last) is None
    await send_unheard(telegram, channel)
    assert await looked(channel, last) == at(2)


async def test_what_is_older_than_the_first_attempt_is_not_taken_for_it(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    await channel.send(a_shipment())
    later = datetime.now(UTC) + SKEW + timedelta(seconds=10)
    assert await channel.look(a_shipment(), since=later, last=last) is None
    assert await channel.look(a_shipment(), since=later - timedelta(seconds=20), last=last) == at(2)


@pytest.mark.parametrize(
    "other", ["Митинг у Дома союзов", "Митинг у Дома союзов 👩‍👩‍👧‍👦!", "митинг у дома союзов 👩‍👩‍👧‍👦"]
)
async def test_another_text_is_another_post(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt, other: str
) -> None:
    by_hand(telegram, other)
    assert await looked(channel, last) is None


@pytest.mark.parametrize("shown", [f"{TEXT}\n", TEXT.replace(" ", "\u00a0"), TEXT.replace("й", "и\u0306")])
async def test_blanks_and_ways_of_writing_a_letter_make_no_difference(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt, shown: str
) -> None:
    by_hand(telegram, shown)
    assert await looked(channel, last) == at(2)


async def test_a_formatted_text_is_known_by_its_words(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    (part,) = channel.render(Post(f" {TEXT} https://fnpr.ru", entities=(Entity("bold", 1, 6),))).parts
    await send_unheard(telegram, channel, part=part)
    assert await looked(channel, last, part) == at(2)


# Pictures, files, albums


@pytest.mark.parametrize("kind", AttachmentKind)
@pytest.mark.parametrize("caption", ["", "Подпись"])
async def test_one_file_of_each_kind_is_found(
    telegram: TelegramStandIn,
    channel: TelegramChannel,
    shelf: Shelf,
    last: Receipt,
    kind: AttachmentKind,
    caption: str,
) -> None:
    part = Part(caption, attachments=(shelf.put(kind),))
    by_hand(telegram, caption or "Текст")
    await send_unheard(telegram, channel, part=part)
    assert await looked(channel, last, part) == at(3)


async def test_a_photo_is_no_file_and_a_text_is_neither(
    telegram: TelegramStandIn, channel: TelegramChannel, shelf: Shelf, last: Receipt
) -> None:
    await channel.send(a_shipment(Part(TEXT, attachments=(shelf.put(PHOTO),))))
    assert await looked(channel, last) is None
    assert await looked(channel, last, Part(TEXT, attachments=(shelf.put(DOCUMENT),))) is None


@pytest.mark.parametrize("kind", [PHOTO, DOCUMENT])
async def test_an_album_is_found_whole(
    telegram: TelegramStandIn, channel: TelegramChannel, shelf: Shelf, last: Receipt, kind: AttachmentKind
) -> None:
    part = Part(TEXT, attachments=tuple(shelf.put(kind, number) for number in range(3)))
    by_hand(telegram, "Опрос")
    await send_unheard(telegram, channel, part=part)
    assert await looked(channel, last, part) == at(3, 4, 5)


async def test_a_mixed_album_is_found(
    telegram: TelegramStandIn, channel: TelegramChannel, shelf: Shelf, last: Receipt
) -> None:
    part = Part("", attachments=(shelf.put(VIDEO), shelf.put(PHOTO)))
    await send_unheard(telegram, channel, part=part)
    assert await looked(channel, last, part) == at(2, 3)


@pytest.mark.parametrize("deleted", [2, 3, 4])
async def test_an_album_that_is_there_in_part_is_left_to_a_person(
    telegram: TelegramStandIn, channel: TelegramChannel, shelf: Shelf, last: Receipt, deleted: int
) -> None:
    part = Part(TEXT, attachments=tuple(shelf.put(PHOTO, number) for number in range(3)))
    await send_unheard(telegram, channel, part=part)
    delete(telegram, deleted)
    assert "part of the album" in (await not_told(channel, last, part)).detail


async def test_the_rest_of_an_album_is_not_made_up_from_other_posts(
    telegram: TelegramStandIn, channel: TelegramChannel, shelf: Shelf, last: Receipt
) -> None:
    part = Part(TEXT, attachments=tuple(shelf.put(PHOTO, number) for number in range(3)))
    await send_unheard(telegram, channel, part=part)
    delete(telegram, 3)
    await channel.send(a_shipment(Part("", attachments=(shelf.put(PHOTO, 3),))))
    assert "part of the album" in (await not_told(channel, last, part)).detail


# What can't be told


async def test_protected_posts_cannot_be_looked_at(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    telegram.world.find(CHANNEL).protected = True
    await send_unheard(telegram, channel)
    error = await not_told(channel, last)
    assert (error.reason, "protected content" in error.detail) == (Reason.REFUSED, True)


async def test_a_busy_chat_is_left_to_a_person(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    for number in range(25):
        by_hand(telegram, f"Пост {number}")
    assert (await not_told(channel, last)).reason is Reason.TOO_MUCH_SINCE
    assert len(forwards(telegram)) == 20


@pytest.mark.parametrize(
    ("method", "fault", "reason"),
    [
        ("forwardMessage", Fault(Kind.HANGS), Reason.NO_ANSWER),
        ("forwardMessage", Fault(Kind.BAD_GATEWAY), Reason.NO_ANSWER),
        ("forwardMessage", Fault(Kind.HALF_ANSWER), Reason.NO_ANSWER),
        ("forwardMessage", Fault(Kind.DROPS_BEFORE), Reason.NO_ANSWER),
        ("forwardMessage", Fault(Kind.REFUSES, code=400, text="Bad Request: no such thing"), Reason.REFUSED),
        ("forwardMessage", Fault(Kind.REFUSES, code=403, text="Forbidden: bot was kicked"), Reason.REFUSED),
        ("forwardMessage", Fault(Kind.LOSES_RIGHTS), Reason.TOKEN_REVOKED),
        ("getChat", Fault(Kind.REFUSES, code=400, text="Bad Request: chat not found"), Reason.REFUSED),
        ("getChat", Fault(Kind.DROPS_BEFORE), Reason.NO_ANSWER),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else str(value),
)
async def test_a_failed_look_means_only_that_it_cannot_be_told(
    telegram: TelegramStandIn,
    channel: TelegramChannel,
    last: Receipt,
    method: str,
    fault: Fault,
    reason: Reason,
) -> None:
    await send_unheard(telegram, channel)
    telegram.faults.add(method, fault)
    assert (await not_told(channel, last)).reason is reason
    assert await looked(channel, last) == at(2)


async def test_waits_as_long_as_telegram_asks(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    telegram.faults.add("forwardMessage", Fault(Kind.MAKES_WAIT, seconds=7))
    error = await not_told(channel, last)
    assert (error.reason, error.retry_after, error.counts) == (Reason.LIMIT_REACHED, timedelta(seconds=7), False)


async def test_nobody_there_means_that_it_cannot_be_told(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    await telegram.__aexit__(None, None, None)
    assert (await not_told(channel, last)).reason in {Reason.NOT_CONNECTED, Reason.NO_ANSWER}


# What is left behind


async def test_a_look_leaves_nothing_behind_and_makes_no_sound(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt
) -> None:
    by_hand(telegram, "Опрос")
    await send_unheard(telegram, channel)
    before = list(telegram.channel_posts("@smolprof"))
    await looked(channel, last)
    assert telegram.channel_posts("@smolprof") == before
    assert telegram.world.find(SERVICE).messages == {}
    silent = [call.values.get("disable_notification") for call in telegram.calls if call.method == "forwardMessage"]
    assert silent == [True, True]


@pytest.mark.parametrize("fault", [Fault(Kind.REFUSES, code=400, text="Bad Request: x"), Fault(Kind.DROPS_BEFORE)])
async def test_a_copy_that_cannot_be_deleted_spoils_nothing(
    telegram: TelegramStandIn, channel: TelegramChannel, last: Receipt, fault: Fault
) -> None:
    await send_unheard(telegram, channel)
    telegram.faults.add("deleteMessage", fault)
    with structlog.testing.capture_logs() as logs:
        assert await looked(channel, last) == at(2)
    assert [(entry["event"], entry["chat"]) for entry in logs] == [("telegram.copy_left", SERVICE)]
    assert not [value for entry in logs for value in entry.values() if telegram.token in str(value)]


async def test_copies_are_made_no_faster_than_one_chat_takes_them(
    opened: Open, telegram: TelegramStandIn, last: Receipt
) -> None:
    assert Patience().between_messages >= 1
    channel = await opened(patience=Patience(between_messages=0.2, landing=0))
    for number in range(3):
        by_hand(telegram, f"Пост {number}")
    began = asyncio.get_running_loop().time()
    assert await looked(channel, last) is None
    assert asyncio.get_running_loop().time() - began >= 0.6
