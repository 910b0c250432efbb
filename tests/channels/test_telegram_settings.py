"""What the administrator may want of a chat: topics, pins, silence, several places; and what Telegram says to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from channels.contract import FindingCode, Part, Post, Reason, Receipt, Rejected
from channels.telegram import Settings
from channels.telegram.channel import TelegramChannel
from sandbox.faults import Fault, Kind
from tests.channels.telegram_place import ANNA, CHANNEL, GROUP, PHOTO, Place, a_place, album, shipment, standing

FORUM = -1001000000009
WITHDRAWN = Part("Объявление отозвано")


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as place:
        place.telegram.add_group(FORUM, "Форум", topics=(5, 9))
        yield place


async def found(channel: TelegramChannel) -> list[tuple[FindingCode, bool]]:
    return [(finding.code, finding.fatal) for finding in await channel.check()]


# Topics


async def test_everything_goes_into_its_topic(place: Place) -> None:
    channel = await place.open(FORUM, topic=9)
    text = await channel.send(shipment(Part("Текст"), FORUM))
    await channel.send(shipment(await album(place, PHOTO), FORUM, text))
    assert [post["message_thread_id"] for post in place.posts(FORUM)] == [9] * 4
    assert text.link == "https://t.me/c/1000000009/1"


async def test_two_topics_of_one_forum_are_two_channels(place: Place) -> None:
    for topic in (5, 9):
        channel = await place.open(FORUM, topic=topic)
        await channel.send(shipment(Part(f"В теме {topic}"), FORUM))
    assert [(post["text"], post["message_thread_id"]) for post in place.posts(FORUM)] == [
        ("В теме 5", 5),
        ("В теме 9", 9),
    ]


async def test_a_topic_that_was_removed_is_no_place(place: Place) -> None:
    channel = await place.open(FORUM, topic=7)
    with pytest.raises(Rejected) as caught:
        await channel.send(shipment(Part("Текст"), FORUM))
    assert (caught.value.reason, caught.value.detail) == (
        Reason.NO_SUCH_CHAT,
        "Bad Request: message thread not found",
    )


async def test_without_a_topic_nothing_is_said_of_one(place: Place) -> None:
    channel = await place.open(FORUM)
    await channel.send(shipment(Part("Текст"), FORUM))
    assert "message_thread_id" not in place.telegram.calls[-1].values
    assert "message_thread_id" not in place.posts(FORUM)[0]


async def test_what_stands_in_a_topic_is_corrected_and_withdrawn(place: Place) -> None:
    channel = await place.open(FORUM, topic=9)
    there = await standing(place, channel, Part("Было"))
    await channel.correct(shipment(Part("Стало"), FORUM), there)
    assert [(post["text"], post["message_thread_id"]) for post in place.posts(FORUM)] == [("Стало", 9)]
    assert await channel.withdraw(shipment(WITHDRAWN, FORUM), there) == Receipt()
    assert place.posts(FORUM) == []


# Pins


def pinned(place: Place, chat: int = CHANNEL) -> list[int]:
    return place.telegram.world.chats[chat].pinned


async def test_pins_the_first_message_of_an_announcement_and_makes_no_sound(place: Place) -> None:
    channel = await place.open(pin=True)
    first = await channel.send(shipment(await album(place, PHOTO)))
    assert first.external_ids == ("1", "2", "3")
    await channel.send(shipment(Part("Текст к ним"), previous=first))
    assert pinned(place) == [1]
    [call] = [call for call in place.telegram.calls if call.method == "pinChatMessage"]
    assert call.values["disable_notification"] is True


async def test_nothing_is_pinned_unasked(place: Place) -> None:
    await (await place.open()).send(shipment(Part("Текст")))
    assert pinned(place) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.REFUSES, text="Bad Request: not enough rights to manage pinned messages in the chat"),
        Fault(Kind.MAKES_WAIT),
        Fault(Kind.DROPS_AFTER_REQUEST),
        Fault(Kind.BAD_GATEWAY),
        Fault(Kind.HANGS),
    ],
    ids=lambda fault: str(fault.kind),
)
async def test_a_post_that_could_not_be_pinned_is_posted_all_the_same(place: Place, fault: Fault) -> None:
    channel = await place.open(pin=True)
    place.telegram.faults.add("pinChatMessage", fault)
    receipt = await channel.send(shipment(Part("Текст")))
    assert (receipt.external_ids, receipt.link) == (("1",), "https://t.me/smolprof/1")
    assert receipt.detail.startswith("not pinned: ")
    assert place.telegram.token not in receipt.detail
    assert [post["text"] for post in place.posts() if "text" in post] == ["Текст"]


async def test_a_post_whose_number_is_not_known_is_not_pinned(place: Place) -> None:
    place.telegram.world.chats[CHANNEL].last_id = -1
    assert await (await place.open(pin=True)).send(shipment(Part("Текст"))) == Receipt(detail="accepted, id unknown")
    assert place.called() == ["sendMessage"]


async def test_pins_where_the_group_has_moved_to(place: Place) -> None:
    place.telegram.migrate(GROUP, -1004001)
    place.telegram.set_status(-1004001, "administrator", can_pin_messages=True)
    await (await place.open(GROUP, pin=True)).send(shipment(Part("Текст"), GROUP))
    assert pinned(place, -1004001) == [1]


async def test_what_is_withdrawn_too_late_does_not_stay_on_top(place: Place) -> None:
    channel = await place.open(pin=True)
    there = await standing(place, channel, Part("Текст"))
    place.ahead = 49 * 3600
    for _ in range(2):
        assert (await channel.withdraw(shipment(WITHDRAWN), there)).external_ids == ("1",)
    assert pinned(place) == []
    assert place.posts()[0]["text"] == WITHDRAWN.text


@pytest.mark.parametrize(
    ("chat", "rights", "code"),
    [
        (CHANNEL, {}, None),
        (CHANNEL, {"can_edit_messages": False}, FindingCode.MAY_NOT_PIN),
        (FORUM, {"can_pin_messages": True}, None),
        (FORUM, {"can_pin_messages": False}, FindingCode.MAY_NOT_PIN),
        (FORUM, None, FindingCode.MAY_NOT_PIN),
        (ANNA, None, None),
    ],
)
async def test_a_right_that_pinning_needs_is_missed_only_where_it_is_wanted(
    place: Place, chat: int, rights: dict[str, bool] | None, code: FindingCode | None
) -> None:
    if rights is not None:
        place.telegram.set_status(chat, "administrator", **rights)
    without, wanted = await place.open(chat), await place.open(chat, pin=True)
    assert FindingCode.MAY_NOT_PIN not in dict(await found(without))
    more = dict(await found(wanted))
    assert [one for one in more if one is FindingCode.MAY_NOT_PIN] == ([code] if code else [])
    assert not any(more.values())


# Several places, and the rest


async def test_several_channels_and_chats_each_get_their_own(place: Place) -> None:
    closed = place.telegram.add_channel(-1001000000002, "Для своих")
    receipts = []
    for chat in ("@smolprof", closed, GROUP, ANNA):
        channel = await place.open(chat)
        receipts.append(await channel.send(shipment(channel.render(Post("Митинг")).parts[0], chat)))
    assert [post["text"] for chat in (CHANNEL, closed, GROUP) for post in place.posts(chat)] == ["Митинг"] * 3
    assert [message["text"] for message in place.telegram.chat(ANNA)] == ["Митинг"]
    assert [receipt.link for receipt in receipts] == [
        "https://t.me/smolprof/1",
        "https://t.me/c/1000000002/1",
        None,
        None,
    ]


async def test_one_chat_may_be_two_channels_with_other_manners(place: Place) -> None:
    loud, quiet = await place.open(), await place.open(CHANNEL, silent=True, protect=True)
    await loud.send(shipment(Part("Громко")))
    await quiet.send(shipment(Part("Тихо"), CHANNEL))
    assert [call.values.get("disable_notification", False) for call in place.telegram.calls] == [False, True]
    assert ["has_protected_content" in post for post in place.posts()] == [False, True]


@pytest.mark.parametrize("section", [{"topic": -1}, {"topic": "Новости"}, {"pin": "иногда"}, {"long_text": "short"}])
def test_other_values_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"chat_id": "@smolprof"} | section)
