"""Files on their way to a wall: repeated where that helps, refused by name where not."""

from dataclasses import replace

import pytest

from channels.contract import (
    AttachmentKind,
    ChannelClosed,
    Deferred,
    Reason,
    Rejected,
)
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, USER_TOKEN, Opener, Shelf, calls, failure, shipment


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
    assert (type(error), error.reason) == (ChannelClosed, Reason.KEY_LACKS_RIGHT)
