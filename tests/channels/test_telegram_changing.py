"""Correcting what stands in a chat: by the wire, with every fate that it can meet there."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from channels.contract import (
    AttachmentKind,
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Part,
    Reason,
    Receipt,
    Rejected,
    Unconfirmed,
)
from channels.telegram.channel import TelegramChannel
from channels.telegram.line import Patience
from sandbox.faults import Fault, Kind
from tests.channels.telegram_place import (
    ANIMATION,
    ANNA,
    AUDIO,
    CHANNEL,
    DOCUMENT,
    GROUP,
    PHOTO,
    VIDEO,
    Place,
    a_place,
    album,
    bold,
    pictures,
    shipment,
    standing,
)

WITHDRAWN = Part("Объявление отозвано")


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as place:
        yield place


@pytest.fixture
async def channel(place: Place) -> TelegramChannel:
    return await place.open()


async def refused(channel: TelegramChannel, part: Part, there: Receipt) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.correct(shipment(part, channel.address), there)
    return caught.value


def test_says_that_it_can(channel: TelegramChannel) -> None:
    assert (channel.corrects, channel.withdraws) == (Correction.IN_PLACE, True)


async def test_a_text_is_corrected_where_it_stands(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Митинг 1 мая"))
    assert await channel.correct(shipment(Part("Митинг 2 мая", bold(6))), there) == there
    [post] = place.posts()
    assert (post["text"], post["entities"]) == ("Митинг 2 мая", [{"type": "bold", "offset": 0, "length": 6}])
    assert place.called() == ["editMessageText"]


async def test_what_says_so_already_is_done(place: Place, channel: TelegramChannel) -> None:
    part = Part("Митинг 1 мая")
    there = await standing(place, channel, part)
    assert await channel.correct(shipment(part), there) == there
    assert await channel.correct(shipment(part), there) == there


async def test_the_words_under_a_known_picture_change_in_one_call(place: Place, channel: TelegramChannel) -> None:
    photo = await place.known(PHOTO, next(pictures()))
    there = await standing(place, channel, Part("Было", attachments=(photo,)))
    await channel.correct(shipment(Part("Стало", bold(5), (photo,))), there)
    [post] = place.posts()
    assert (post["caption"], post["photo"][-1]["file_id"]) == ("Стало", photo.telegram_file_id)
    assert post["caption_entities"] == [{"type": "bold", "offset": 0, "length": 5}]
    assert place.called() == ["editMessageMedia"]


@pytest.mark.parametrize("kind", list(AttachmentKind))
async def test_a_medium_gives_way_to_another(place: Place, channel: TelegramChannel, kind: AttachmentKind) -> None:
    drawn = pictures()
    old, new = await place.known(PHOTO, next(drawn)), await place.known(kind, next(drawn))
    there = await standing(place, channel, Part("Подпись", attachments=(old,)))
    await channel.correct(shipment(Part("Подпись", attachments=(new,))), there)
    [post] = place.posts()
    file = post[kind][-1] if kind is PHOTO else post[kind]
    assert file["file_id"] == new.telegram_file_id
    assert post["caption"] == "Подпись"


async def test_words_may_go_and_come(place: Place, channel: TelegramChannel) -> None:
    photo = await place.known(PHOTO, next(pictures()))
    there = await standing(place, channel, Part("Подпись", attachments=(photo,)))
    await channel.correct(shipment(Part(attachments=(photo,))), there)
    assert "caption" not in place.posts()[0]
    await channel.correct(shipment(Part("Снова", attachments=(photo,))), there)
    assert place.posts()[0]["caption"] == "Снова"


@pytest.mark.parametrize("kind", [VIDEO, ANIMATION, AUDIO, DOCUMENT])
async def test_a_file_that_stands_there_already_is_not_uploaded_again(
    place: Place, channel: TelegramChannel, kind: AttachmentKind
) -> None:
    file = place.keep(kind, b"1 May", "план.bin")
    there = await standing(place, channel, Part("Было", attachments=(file,)))
    await channel.correct(shipment(Part("Стало", attachments=(file,))), there)
    assert place.posts()[0]["caption"] == "Стало"
    assert place.called() == ["editMessageCaption"]


@pytest.mark.parametrize("new", [b"2 May and more", b"2 May"])
async def test_an_uploaded_file_is_replaced_after_its_words(place: Place, channel: TelegramChannel, new: bytes) -> None:
    old = place.keep(DOCUMENT, b"1 May", "план.txt")
    there = await standing(place, channel, Part("Было", attachments=(old,)))
    other = place.keep(DOCUMENT, new, "план.txt" if len(new) != len(b"1 May") else "план-2.txt")
    await channel.correct(shipment(Part("Стало", attachments=(other,))), there)
    [post] = place.posts()
    assert post["caption"] == "Стало"
    assert place.telegram.file(post["document"]["file_id"]).data == new
    assert place.called() == ["editMessageCaption", "editMessageMedia"]


async def test_an_uploaded_photo_is_uploaded_again_because_nothing_tells_it(
    place: Place, channel: TelegramChannel
) -> None:
    drawn = pictures()
    old, new = place.keep(PHOTO, next(drawn)), place.keep(PHOTO, next(drawn))
    there = await standing(place, channel, Part("Подпись", attachments=(old,)))
    await channel.correct(shipment(Part("Подпись", attachments=(new,))), there)
    [post] = place.posts()
    assert place.telegram.file(post["photo"][-1]["file_id"]).data == place.kept[str(new.digest)]


async def test_a_worthless_file_id_is_replaced_by_the_bytes(place: Place, channel: TelegramChannel) -> None:
    photo = replace(place.keep(PHOTO, next(pictures())), telegram_file_id="of another bot")
    there = await standing(place, channel, Part("Было", attachments=(photo,)))
    await channel.correct(shipment(Part("Стало", attachments=(photo,))), there)
    assert place.posts()[0]["caption"] == "Стало"


async def test_where_the_file_is_lost_its_words_are_corrected_all_the_same(
    place: Place, channel: TelegramChannel
) -> None:
    video = await place.known(VIDEO, b"mp4")
    there = await standing(place, channel, Part("Было", attachments=(video,)))
    place.telegram.world.files.forget(str(video.telegram_file_id))
    for _ in range(2):
        await channel.correct(shipment(Part("Стало", attachments=(video,))), there)
    assert place.posts()[0]["caption"] == "Стало"


@pytest.mark.parametrize(("kind", "captions"), [(PHOTO, [True, False, False]), (DOCUMENT, [False, False, True])])
async def test_of_an_album_the_words_change_where_they_stand(
    place: Place, channel: TelegramChannel, kind: AttachmentKind, captions: list[bool]
) -> None:
    part = await album(place, kind, "Было")
    there = await standing(place, channel, part)
    assert await channel.correct(shipment(replace(part, text="Стало")), there) == there
    assert [post.get("caption") == "Стало" for post in place.posts()] == captions
    assert [post.get("caption") for post in place.posts()].count(None) == 2
    assert place.called() == ["editMessageCaption"]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_text_may_become_a_picture(place: Place, channel: TelegramChannel, kept: bool) -> None:
    drawn = next(pictures())
    photo = place.keep(PHOTO, drawn) if kept else await place.known(PHOTO, drawn)
    there = await standing(place, channel, Part("Текст"))
    await channel.correct(shipment(Part("Подпись", attachments=(photo,))), there)
    [post] = place.posts()
    assert (post["caption"], "text" in post, "photo" in post) == ("Подпись", False, True)


async def test_what_has_another_shape_is_not_touched(place: Place, channel: TelegramChannel) -> None:
    three = await album(place, PHOTO, "Было")
    one, two, none = replace(three, attachments=three.attachments[:1]), await album(place, PHOTO, size=2), Part("Было")
    for old, news in ((three, (one, two, none)), (one, (two, none)), (none, (two,))):
        there = await standing(place, channel, old)
        before = [dict(post) for post in place.posts()]
        for new in news:
            error = await refused(channel, new, there)
            assert (type(error), error.reason) == (Rejected, Reason.OTHER_SHAPE)
            assert error.detail
        assert place.posts() == before


async def test_calls_about_one_chat_keep_their_distance(place: Place) -> None:
    assert Patience().between_messages >= 1.1
    channel = await place.open(patience=Patience(between_messages=0.3), pin=True)
    photo = place.keep(PHOTO, next(pictures()))
    begun = time.monotonic()
    there = await channel.send(shipment(Part("Было", attachments=(photo,))))
    await channel.correct(shipment(Part("Стало", attachments=(photo,))), there)
    await channel.send(shipment(Part("Ещё"), previous=there))
    assert place.called() == ["sendPhoto", "pinChatMessage", "editMessageCaption", "editMessageMedia", "sendMessage"]
    assert time.monotonic() - begun >= 4 * 0.3


# Where it stands


@pytest.mark.parametrize("act", ["correct", "withdraw"])
async def test_a_post_without_a_number_cannot_be_found(place: Place, channel: TelegramChannel, act: str) -> None:
    with pytest.raises(Rejected) as caught:
        await getattr(channel, act)(shipment(Part("Текст")), Receipt(detail="accepted, id unknown"))
    assert caught.value.reason is Reason.PLACE_UNKNOWN
    assert place.called() == []


@pytest.mark.parametrize("act", ["correct", "withdraw"])
async def test_numbers_of_a_small_group_mean_nothing_after_it_has_moved(place: Place, act: str) -> None:
    channel = await place.open(GROUP)
    there = await standing(place, channel, Part("Текст"))
    place.telegram.migrate(GROUP, -1004001)
    moved = await standing(place, channel, Part("После переезда"))
    assert (there.external_ids, moved.external_ids) == (("1",), ("1",))
    with pytest.raises(Rejected) as caught:
        await getattr(channel, act)(shipment(Part("Стало"), GROUP), there)
    assert caught.value.reason is Reason.PLACE_UNKNOWN
    assert [post["text"] for post in place.posts(-1004001)] == ["После переезда"]


async def test_what_came_after_the_move_is_followed_also_by_who_has_not_heard_of_it(place: Place) -> None:
    place.telegram.migrate(GROUP, -1004001)
    there = await standing(place, await place.open(GROUP), Part("Текст"))
    fresh = await place.open(GROUP)
    assert await fresh.correct(shipment(Part("Стало"), GROUP), there) == there
    assert [post["text"] for post in place.posts(-1004001)] == ["Стало"]
    assert await fresh.withdraw(shipment(WITHDRAWN, GROUP), there) == Receipt()
    assert place.posts(-1004001) == []


async def test_a_persons_chat_is_corrected_and_cleared_too(place: Place) -> None:
    channel = await place.open(ANNA)
    there = await standing(place, channel, Part("Текст"))
    await channel.correct(shipment(Part("Стало"), ANNA), there)
    assert [message["text"] for message in place.telegram.chat(ANNA)] == ["Стало"]
    await channel.withdraw(shipment(WITHDRAWN, ANNA), there)
    assert place.telegram.chat(ANNA) == []


# Fates


def refusal(text: str, code: int = 400) -> Fault:
    return Fault(Kind.REFUSES, code=code, text=text)


FATES = [
    (refusal("Bad Request: message to edit not found"), Rejected, Reason.GONE),
    (refusal("Bad Request: MESSAGE_ID_INVALID"), Rejected, Reason.GONE),
    (refusal("Bad Request: message can't be edited"), Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (refusal("Bad Request: CHAT_ADMIN_REQUIRED"), Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (refusal("Bad Request: MESSAGE_AUTHOR_REQUIRED"), Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (refusal("Bad Request: not enough rights to edit"), Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (refusal("Bad Request: MESSAGE_EDIT_TIME_EXPIRED"), Rejected, Reason.TOO_OLD_TO_CHANGE),
    (refusal("Bad Request: there is no text in the message to edit"), Rejected, Reason.OTHER_SHAPE),
    (refusal("Bad Request: message is too long"), Rejected, Reason.TOO_LONG),
    (refusal("Bad Request: chat not found"), Rejected, Reason.NO_SUCH_CHAT),
    (refusal("Forbidden: bot was kicked from the channel chat", 403), ChannelClosed, Reason.NO_RIGHT_TO_POST),
    (Fault(Kind.LOSES_RIGHTS), ChannelClosed, Reason.TOKEN_REVOKED),
    (Fault(Kind.MAKES_WAIT, seconds=17), Deferred, Reason.LIMIT_REACHED),
    (refusal("Internal Server Error", 500), Unconfirmed, Reason.NO_ANSWER),
    (Fault(Kind.BAD_GATEWAY), Unconfirmed, Reason.NO_ANSWER),
    (Fault(Kind.HALF_ANSWER), Unconfirmed, Reason.NO_ANSWER),
    (Fault(Kind.DROPS_BEFORE), Unconfirmed, Reason.NO_ANSWER),
    (Fault(Kind.DROPS_AFTER_REQUEST), Unconfirmed, Reason.NO_ANSWER),
    (Fault(Kind.HANGS), Unconfirmed, Reason.NO_ANSWER),
]


@pytest.mark.parametrize(("fault", "error", "reason"), FATES, ids=[f"{fate[0].kind} {fate[0].text}" for fate in FATES])
async def test_each_fate_of_a_correction_has_its_meaning_and_it_may_be_repeated(
    place: Place, channel: TelegramChannel, fault: Fault, error: type[ChannelError], reason: Reason
) -> None:
    there = await standing(place, channel, Part("Было"))
    place.telegram.faults.add("editMessageText", fault)
    caught = await refused(channel, Part("Стало"), there)
    assert (type(caught), caught.reason) == (error, reason)
    assert caught.detail
    if isinstance(caught, Deferred):
        assert (caught.retry_after, caught.counts) == (timedelta(seconds=17), False)
    assert await channel.correct(shipment(Part("Стало")), there) == there
    assert [post["text"] for post in place.posts()] == ["Стало"]


async def test_who_was_thrown_out_waits_for_being_let_in_again(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст"))
    place.telegram.set_status(CHANNEL, "kicked")
    for act in (channel.correct, channel.withdraw):
        with pytest.raises(ChannelClosed) as caught:
            await act(shipment(WITHDRAWN), there)
        assert caught.value.reason is Reason.NO_RIGHT_TO_POST


async def test_nobody_there_means_that_nothing_was_changed(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Текст"))
    fresh = await place.open()  # what goes over a kept connection may have left, and is in doubt
    await place.telegram.__aexit__(None, None, None)
    for act in (fresh.correct, fresh.withdraw):
        with pytest.raises(Deferred):
            await act(shipment(WITHDRAWN), there)


async def test_an_answer_newer_than_the_library_still_proves_the_edit(
    place: Place, channel: TelegramChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await standing(place, channel, Part("Было"))
    post = place.telegram.world.chats[CHANNEL].messages[1]
    monkeypatch.setitem(post, "forward_origin_", None)
    monkeypatch.setitem(post, "sender_chat", "a new form of sender")
    assert await channel.correct(shipment(Part("Стало")), there) == there


async def test_a_cut_correction_leaves_the_channel_fit(place: Place, channel: TelegramChannel) -> None:
    there = await standing(place, channel, Part("Было"))
    place.telegram.faults.add("editMessageText", Fault(Kind.HANGS, before=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.correct(shipment(Part("Стало")), there)
    assert await channel.correct(shipment(Part("Стало")), there) == there


@pytest.mark.parametrize("kind", [Kind.DROPS_BEFORE, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.REFUSES])
async def test_the_token_is_not_told(place: Place, channel: TelegramChannel, kind: Kind) -> None:
    there = await standing(place, channel, Part("Было"))
    place.telegram.faults.add("*", Fault(kind, text=f"Bad Request: of {place.telegram.token}"))
    error = await refused(channel, Part("Стало"), there)
    assert place.telegram.token not in repr(error) + error.detail
    assert error.__cause__ is None
