"""Correcting what stands on a wall, and taking it away: done as a person, kept whole, and safe to repeat."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from channels.contract import (
    Attachment,
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Post,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Shipment,
    Unconfirmed,
)
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from sandbox.vk.things import WallPost
from tests.channels.vk.wall import (
    COMMUNITY_TOKEN,
    GROUP,
    PNG,
    USER_TOKEN,
    Opener,
    Shelf,
    calls,
    send,
    shipment,
)
from tests.support.clock import Clock

RIGHT = "Собрание в четверг"
LINK = f"https://vk.com/wall-{GROUP}_1"
GONE_CODES = (7, 15, 100, 104, 210, 214)


def correction(channel: VkChannel, text: str = RIGHT, *attachments: Attachment) -> Shipment:
    (part,) = channel.render(Post(text, attachments=attachments)).parts
    return Shipment(part, Recipient(f"club{GROUP}"), "key-of-the-correction")


def act_of(channel: VkChannel, act: str) -> Callable[[Shipment, Receipt], Awaitable[Receipt]]:
    return channel.correct if act == "correct" else channel.withdraw


async def refused(channel: VkChannel, act: str, there: Receipt) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await act_of(channel, act)(correction(channel), there)
    return caught.value


def standing(vk: VkStandIn) -> WallPost:
    (post,) = vk.posts(GROUP)
    return post


def uploads(vk: VkStandIn) -> int:
    return len(calls(vk, "photos.saveWallPhoto")) + len(calls(vk, "docs.save")) + len(calls(vk, "video.save"))


METHODS = {"correct": "wall.edit", "withdraw": "wall.delete"}


# Who may


async def test_only_a_persons_token_changes_what_stands(channel: VkChannel, full: VkChannel) -> None:
    assert (channel.corrects, channel.withdraws) == (Correction.NONE, False)
    assert (full.corrects, full.withdraws) == (Correction.IN_PLACE, True)


@pytest.mark.parametrize("act", METHODS)
async def test_without_a_persons_token_nothing_is_asked(vk: VkStandIn, channel: VkChannel, act: str) -> None:
    there = await channel.send(shipment())
    error = await refused(channel, act, there)
    assert (type(error), error.reason) == (Rejected, Reason.NO_RIGHT_TO_CHANGE)
    assert calls(vk, METHODS[act]) == []


@pytest.mark.parametrize("act", METHODS)
@pytest.mark.parametrize("from_vk_id", [False, True])
async def test_a_token_without_the_right_is_asked_once(
    vk: VkStandIn, full: VkChannel, act: str, from_vk_id: bool
) -> None:
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], rights=["photos"], from_vk_id=from_vk_id)
    there = await full.send(shipment())
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (Rejected, Reason.NO_RIGHT_TO_CHANGE)
    assert (full.corrects, full.withdraws) == (Correction.NONE, False)


async def test_a_check_learns_that_the_right_is_missing(vk: VkStandIn, full: VkChannel) -> None:
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP], rights=["photos"])
    await full.check()
    assert (full.corrects, full.withdraws) == (Correction.NONE, False)


async def test_a_refusal_that_may_pass_forbids_nothing_for_ever(vk: VkStandIn, full: VkChannel) -> None:
    there = await full.send(shipment())
    vk.add_user_token(USER_TOKEN, 7)  # no administrator of this community at the moment
    assert (await refused(full, "correct", there)).reason is Reason.NO_RIGHT_TO_CHANGE
    assert full.corrects is Correction.IN_PLACE


# Correcting


async def test_the_same_post_says_something_else(vk: VkStandIn, full: VkChannel, clock: Clock) -> None:
    there = await full.send(shipment())
    clock.advance(minutes=5)
    receipt = await full.correct(correction(full), there)
    assert receipt == there == Receipt(("1",), LINK)
    assert (standing(vk).text, standing(vk).edited, standing(vk).from_id) == (RIGHT, clock(), -GROUP)
    assert vk.violations == []


async def test_files_stay_and_are_not_uploaded_again(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    files = (shelf.picture("1.png", PNG + b"1"), shelf.picture("2.png", PNG + b"2"), shelf.document())
    there = await send(full, Post("Собрание в среду", attachments=files))
    before, uploaded = standing(vk).attachments, uploads(vk)
    receipt = await full.correct(correction(full, RIGHT, *files), there)
    assert (standing(vk).text, standing(vk).attachments, uploads(vk)) == (RIGHT, before, uploaded)
    assert receipt == there
    assert vk.violations == []


async def test_another_correction_builds_upon_the_first(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    files = (shelf.picture(), shelf.document())
    receipt = await send(full, Post("Собрание в среду", attachments=files))
    for text in ("Собрание в четверг", "Собрание в пятницу"):
        shipped = replace(correction(full, text, *files), key=text)
        receipt = await full.correct(shipped, receipt)
    assert (standing(vk).text, len(standing(vk).attachments), uploads(vk)) == ("Собрание в пятницу", 2, 2)


async def test_the_same_picture_twice_stays_twice(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    files = (shelf.picture("1.png"), shelf.picture("2.png"))
    there = await send(full, Post("а", attachments=files))
    await full.correct(correction(full, RIGHT, *files), there)
    assert len(set(standing(vk).attachments)) == 2


async def test_a_file_in_place_of_another_is_uploaded_and_the_old_one_leaves(
    vk: VkStandIn, full: VkChannel, shelf: Shelf
) -> None:
    stays, wrong, right = (shelf.picture(f"{sign}.png", PNG + sign.encode()) for sign in "abc")
    there = await send(full, Post("а", attachments=(stays, wrong)))
    kept, left = standing(vk).attachments
    await full.correct(correction(full, "а", stays, right), there)
    assert standing(vk).attachments[0] == kept
    assert left not in standing(vk).attachments
    shown = vk.media(standing(vk).attachments[1])
    assert shown is not None
    assert shown.content == PNG + b"c"


async def test_what_a_look_has_found_is_corrected_with_its_files(
    vk: VkStandIn, full: VkChannel, shelf: Shelf, clock: Clock
) -> None:
    files = (shelf.picture(), shelf.document())
    shipped = replace(correction(full, "Собрание в среду", *files), key="key-1")
    vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(Unconfirmed):
        await full.send(shipped)
    found = await full.look(shipped, since=clock(), last=None)
    assert found is not None
    await full.correct(correction(full, RIGHT, *files), found)
    assert (standing(vk).text, len(standing(vk).attachments)) == (RIGHT, 2)


async def test_a_picture_that_went_as_a_file_becomes_one(
    vk: VkStandIn, channel: VkChannel, full: VkChannel, shelf: Shelf
) -> None:
    there = await send(channel, Post("а", attachments=(shelf.picture(),)))
    assert standing(vk).attachments[0].startswith("doc")
    await full.correct(correction(full, RIGHT, shelf.picture()), there)
    assert standing(vk).attachments[0].startswith("photo")


async def test_words_that_are_taken_out_do_not_stay(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    there = await send(full, Post("Не то", attachments=(shelf.picture(),)))
    await full.correct(correction(full, "", shelf.picture()), there)
    assert calls(vk, "wall.edit")[0]["message"] == ""
    assert (standing(vk).text, len(standing(vk).attachments)) == ("", 1)


async def test_a_link_is_enough_to_find_the_post(vk: VkStandIn, full: VkChannel) -> None:
    await full.send(shipment())
    assert (await full.correct(correction(full), Receipt((), LINK))).external_ids == ("1",)
    assert standing(vk).text == RIGHT


@pytest.mark.parametrize("act", METHODS)
@pytest.mark.parametrize("there", [Receipt(), Receipt((), "https://vk.com/wall-5_1")])
async def test_a_post_without_a_number_is_looked_for_by_people(full: VkChannel, act: str, there: Receipt) -> None:
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (Rejected, Reason.PLACE_UNKNOWN)


@pytest.mark.parametrize("act", METHODS)
async def test_another_communitys_wall_is_left_alone(vk: VkStandIn, full: VkChannel, act: str) -> None:
    there = await full.send(shipment())
    stray = replace(correction(full), recipient=Recipient("club5"))
    with pytest.raises(Rejected) as caught:
        await act_of(full, act)(stray, there)
    assert caught.value.reason is Reason.NO_SUCH_CHAT
    assert len(vk.posts(GROUP)) == 1


async def test_an_upload_that_breaks_leaves_the_post_as_it_was(vk: VkStandIn, full: VkChannel, shelf: Shelf) -> None:
    there = await full.send(shipment("Собрание в среду"))
    vk.faults.add("photos.saveWallPhoto", Fault(Kind.BAD_GATEWAY))
    with pytest.raises(Deferred):
        await full.correct(correction(full, RIGHT, shelf.picture()), there)
    assert standing(vk).text == "Собрание в среду"
    await full.correct(correction(full, RIGHT, shelf.picture()), there)
    assert standing(vk).text == RIGHT


# Withdrawing


async def test_a_post_is_taken_off_the_wall_and_leaves_nothing(vk: VkStandIn, full: VkChannel) -> None:
    there = await full.send(shipment())
    assert await full.withdraw(correction(full), there) == Receipt()
    assert vk.posts(GROUP) == []
    assert vk.violations == []


@pytest.mark.parametrize("code", GONE_CODES)
async def test_what_is_gone_already_is_as_good_as_withdrawn(vk: VkStandIn, full: VkChannel, code: int) -> None:
    there = await full.send(shipment())
    vk.posts(GROUP).clear()
    vk.faults.add("wall.delete", Fault(Kind.REFUSES, code=code))
    assert await full.withdraw(correction(full), there) == Receipt()


@pytest.mark.parametrize("code", GONE_CODES)
async def test_what_is_gone_cannot_be_corrected(vk: VkStandIn, full: VkChannel, code: int) -> None:
    there = await full.send(shipment())
    vk.posts(GROUP).clear()
    vk.faults.add("wall.edit", Fault(Kind.REFUSES, code=code))
    error = await refused(full, "correct", there)
    assert (type(error), error.reason) == (Rejected, Reason.GONE)


@pytest.mark.parametrize("act", METHODS)
async def test_a_wall_that_may_not_be_read_is_not_taken_for_empty(vk: VkStandIn, full: VkChannel, act: str) -> None:
    there = await full.send(shipment())
    vk.world.communities[GROUP].closed = True
    vk.add_user_token(USER_TOKEN, 7)
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (Rejected, Reason.NO_RIGHT_TO_CHANGE)


@pytest.mark.parametrize("act", METHODS)
@pytest.mark.parametrize("kind", [Kind.BAD_GATEWAY, Kind.HANGS, Kind.DROPS_BEFORE])
async def test_where_it_cannot_be_told_whether_it_is_gone_the_refusal_stands(
    vk: VkStandIn, full: VkChannel, act: str, kind: Kind
) -> None:
    there = await full.send(shipment())
    vk.faults.add(METHODS[act], Fault(Kind.REFUSES, code=15))
    vk.faults.add("wall.getById", Fault(kind))
    assert (await refused(full, act, there)).reason is Reason.NO_RIGHT_TO_CHANGE


# What goes wrong on the way


@pytest.mark.parametrize("act", METHODS)
@pytest.mark.parametrize(
    "kind", [Kind.DROPS_BEFORE, Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS]
)
async def test_a_lost_answer_is_unconfirmed_and_the_repeat_is_harmless(
    vk: VkStandIn, full: VkChannel, act: str, kind: Kind
) -> None:
    there = await full.send(shipment())
    vk.faults.add(METHODS[act], Fault(kind))
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (Unconfirmed, Reason.NO_ANSWER)
    if act == "correct":
        assert await full.correct(correction(full), there) == there
        assert standing(vk).text == RIGHT
    else:
        assert await full.withdraw(correction(full), there) == Receipt()
        assert vk.posts(GROUP) == []


@pytest.mark.parametrize("act", METHODS)
async def test_where_nobody_listens_nothing_was_changed(vk: VkStandIn, full: VkChannel, act: str) -> None:
    there = await full.send(shipment())
    await vk.__aexit__(None, None, None)
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (Deferred, Reason.NOT_CONNECTED)


async def test_a_post_that_is_too_old_is_told(vk: VkStandIn, full: VkChannel, clock: Clock) -> None:
    vk.world.editable_for = timedelta(days=1)
    there = await full.send(shipment("Собрание в среду"))
    clock.advance(hours=25)
    error = await refused(full, "correct", there)
    assert (type(error), error.reason) == (Rejected, Reason.TOO_OLD_TO_CHANGE)
    assert standing(vk).text == "Собрание в среду"
    assert await full.withdraw(correction(full), there) == Receipt()


@pytest.mark.parametrize("act", METHODS)
async def test_a_revoked_token_is_told_as_such(vk: VkStandIn, full: VkChannel, act: str) -> None:
    there = await full.send(shipment())
    vk.revoke(USER_TOKEN)
    error = await refused(full, act, there)
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    assert "user_token" in error.detail
    assert COMMUNITY_TOKEN not in error.detail


CHANGING = [
    (6, "", Deferred, Reason.LIMIT_REACHED),
    (9, "", Deferred, Reason.FLOOD_CONTROL),
    (29, "", Deferred, Reason.QUOTA_REACHED),
    (43, "", Deferred, Reason.SERVICE_DOWN),
    (1, "", Unconfirmed, Reason.NO_ANSWER),
    (10, "", Unconfirmed, Reason.NO_ANSWER),
    (36, "", Unconfirmed, Reason.NO_ANSWER),
    (14, "", ChannelClosed, Reason.CAPTCHA_NEEDED),
    (17, "", ChannelClosed, Reason.CONFIRMATION_NEEDED),
    (18, "", ChannelClosed, Reason.BLOCKED),
    (703, "", Rejected, Reason.TWO_FACTOR_NEEDED),
    (7, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (15, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (15, "Access denied: edit time expired", Rejected, Reason.TOO_OLD_TO_CHANGE),
    (27, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (28, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (210, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (214, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (214, "edit time expired", Rejected, Reason.TOO_OLD_TO_CHANGE),
    (214, "you can only add 50 posts a day", Deferred, Reason.DAILY_LIMIT),
    (1051, "", Rejected, Reason.NO_RIGHT_TO_CHANGE),
    (100, "", Rejected, Reason.BAD_CONTENT),
    (104, "", Rejected, Reason.GONE),
    (222, "", Rejected, Reason.LINKS_FORBIDDEN),
    (4242, "", Rejected, Reason.REFUSED),
]


@pytest.mark.parametrize(("code", "text", "expected", "reason"), CHANGING)
async def test_each_refusal_has_its_meaning(
    vk: VkStandIn, full: VkChannel, code: int, text: str, expected: type[ChannelError], reason: Reason
) -> None:
    there = await full.send(shipment("Собрание в среду"))
    vk.faults.add("wall.edit", Fault(Kind.REFUSES, code=code, text=text))
    error = await refused(full, "correct", there)
    assert (type(error), error.reason) == (expected, reason)
    assert f"[{code}]" in error.detail
    assert standing(vk).text == "Собрание в среду"


@pytest.mark.parametrize(("code", "text", "expected", "reason"), [row for row in CHANGING if row[0] != 104])
async def test_each_refusal_to_delete_has_its_meaning(
    vk: VkStandIn, full: VkChannel, code: int, text: str, expected: type[ChannelError], reason: Reason
) -> None:
    there = await full.send(shipment())
    vk.faults.add("wall.delete", Fault(Kind.REFUSES, code=code, text=text))
    error = await refused(full, "withdraw", there)
    assert (type(error), error.reason) == (expected, reason)
    assert len(vk.posts(GROUP)) == 1


async def test_a_channel_may_be_opened_with_a_token_for_changes_alone(vk: VkStandIn, opened: Opener) -> None:
    alone = await opened(vk.url, user_token=SecretStr(USER_TOKEN))
    there = await alone.send(shipment())
    assert await alone.withdraw(correction(alone), there) == Receipt()
