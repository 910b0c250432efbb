"""Taking away what stands in a chat, or what is too old for that marking as withdrawn."""

from collections.abc import AsyncIterator

import pytest

from channels.contract import (
    AttachmentKind,
    ChannelClosed,
    ChannelError,
    Deferred,
    Part,
    Reason,
    Receipt,
    Rejected,
    Unconfirmed,
)
from channels.telegram.channel import TelegramChannel
from sandbox.faults import Fault, Kind
from tests.channels.telegram_place import (
    AUDIO,
    CHANNEL,
    DOCUMENT,
    PHOTO,
    VIDEO,
    Place,
    a_place,
    album,
    bold,
    shipment,
    standing,
)

WITHDRAWN = Part("Объявление отозвано")
LATE = 48 * 3600 + 60


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as place:
        yield place


@pytest.fixture
async def channel(place: Place) -> TelegramChannel:
    return await place.open()


async def test_everything_is_taken_away(place: Place, channel: TelegramChannel) -> None:
    text = await standing(place, channel, Part("Текст"))
    pictures_ = await standing(place, channel, await album(place, PHOTO, "Подпись"))
    for there in (pictures_, text):
        assert await channel.withdraw(shipment(WITHDRAWN), there) == Receipt()
    assert place.posts() == []
    assert place.called() == ["deleteMessages", "deleteMessages"]


async def test_what_is_gone_already_is_done(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, await album(place, PHOTO))
    del place.telegram.world.chats[CHANNEL].messages[2]
    for _ in range(2):
        assert await channel.withdraw(shipment(WITHDRAWN), there) == Receipt()
    assert place.posts() == []
    for words in ("message to delete not found", "MESSAGE_ID_INVALID"):
        place.telegram.faults.add("deleteMessages", Fault(Kind.REFUSES, text=f"Bad Request: {words}"))
        assert await channel.withdraw(shipment(WITHDRAWN), there) == Receipt()


async def test_what_is_too_old_says_that_it_is_withdrawn(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст", bold(5)))
    place.ahead = LATE
    left = await channel.withdraw(shipment(WITHDRAWN), there)
    assert (left.external_ids, left.link) == (there.external_ids, there.link)
    assert "can't be deleted" in left.detail
    [post] = place.posts()
    assert (post["text"], "entities" in post) == (WITHDRAWN.text, False)
    assert await channel.withdraw(shipment(WITHDRAWN), there) == left


@pytest.mark.parametrize("kind", list(AttachmentKind))
async def test_so_does_an_old_medium_below_itself(place: Place, channel: TelegramChannel, kind: AttachmentKind) -> None:
    part = await album(place, kind, "Подпись", size=1)
    there = await standing(place, channel, part)
    place.ahead = LATE
    for _ in range(2):
        assert (await channel.withdraw(shipment(WITHDRAWN), there)).external_ids == there.external_ids
        assert [post["caption"] for post in place.posts()] == [WITHDRAWN.text]


@pytest.mark.parametrize(
    ("kind", "captions"),
    [
        (PHOTO, [WITHDRAWN.text, None, None]),
        (VIDEO, [WITHDRAWN.text, None, None]),
        (DOCUMENT, [WITHDRAWN.text, None, WITHDRAWN.text]),
        (AUDIO, [WITHDRAWN.text, None, WITHDRAWN.text]),
    ],
)
async def test_an_old_album_says_so_where_its_words_stood_also_when_done_again(
    place: Place, channel: TelegramChannel, kind: AttachmentKind, captions: list[str | None]
) -> None:
    there = await standing(place, channel, await album(place, kind, "Подпись"))
    place.ahead = LATE
    for _ in range(3):
        assert (await channel.withdraw(shipment(WITHDRAWN), there)).external_ids == there.external_ids
        assert [post.get("caption") for post in place.posts()] == captions


async def test_an_old_album_of_files_is_finished_after_a_cut_in_the_middle(
    place: Place, channel: TelegramChannel
) -> None:
    there = await standing(place, channel, await album(place, DOCUMENT, "Подпись"))
    place.ahead = LATE
    place.telegram.faults.add("editMessageCaption", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(Unconfirmed):
        await channel.withdraw(shipment(WITHDRAWN), there)
    await channel.withdraw(shipment(WITHDRAWN), there)
    assert place.posts()[-1]["caption"] == WITHDRAWN.text


async def test_without_words_the_refusal_stands(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст"))
    place.ahead = LATE
    with pytest.raises(Rejected) as caught:
        await channel.withdraw(shipment(Part()), there)
    assert caught.value.reason is Reason.TOO_OLD_TO_CHANGE
    assert [post["text"] for post in place.posts()] == ["Текст"]


async def test_who_may_neither_delete_nor_edit_is_told_so(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст"))
    place.telegram.set_status(CHANNEL, "administrator", can_delete_messages=False, can_post_messages=False)
    with pytest.raises(Rejected) as caught:
        await channel.withdraw(shipment(WITHDRAWN), there)
    assert caught.value.reason is Reason.NO_RIGHT_TO_CHANGE
    assert [post["text"] for post in place.posts()] == ["Текст"]


async def test_deletes_its_own_posts_without_the_right_to_delete(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст"))
    place.telegram.set_status(CHANNEL, "administrator", can_delete_messages=False, can_edit_messages=False)
    assert await channel.withdraw(shipment(WITHDRAWN), there) == Receipt()
    assert place.posts() == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.LOSES_RIGHTS, ChannelClosed),
        (Kind.MAKES_WAIT, Deferred),
        (Kind.DROPS_BEFORE, Unconfirmed),
        (Kind.DROPS_AFTER_REQUEST, Unconfirmed),
        (Kind.BAD_GATEWAY, Unconfirmed),
        (Kind.HANGS, Unconfirmed),
    ],
)
async def test_a_withdrawal_may_be_repeated_after_any_fate(
    place: Place, channel: TelegramChannel, kind: Kind, error: type[ChannelError]
) -> None:
    there = await standing(place, channel, Part("Текст"))
    place.telegram.faults.add("deleteMessages", Fault(kind))
    with pytest.raises(error):
        await channel.withdraw(shipment(WITHDRAWN), there)
    assert await channel.withdraw(shipment(WITHDRAWN), there) == Receipt()
    assert place.posts() == []
