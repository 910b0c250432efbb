"""A person's token from VK ID: renewed in time, kept for the next process, and told when it can't be."""

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.contract import ChannelClosed, ChannelError, Deferred, FindingCode, Reason, Receipt, Rejected
from channels.vk.channel import VkChannel
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from tests.channels.vk.test_vk_secrets import told
from tests.channels.vk.wall import GROUP, Opener, Shelf, calls, failure, shipment
from tests.support.clock import Clock

IDS = {"client_id": "52000001", "device_id": "device-of-the-administrator"}
FIRST = "vk2.r.first-refresh-secret"


def kept(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def put(path: Path, content: str | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content, encoding="utf-8")


def readable_by_all(path: Path) -> None:
    path.chmod(0o644)


def in_the_way(path: Path) -> None:
    path.with_name("vk-id.json.new").mkdir()


def beside(path: Path) -> dict[str, int]:
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}


@pytest.fixture
def file(tmp_path: Path, vk: VkStandIn) -> Path:
    vk.add_vk_id(FIRST, 7, administers=[GROUP], **IDS)
    path = tmp_path / "vk-id.json"
    put(path, json.dumps({**IDS, "refresh_token": FIRST, "expires_in": 3600}))
    return path


@pytest.fixture
async def channel(vk: VkStandIn, opened: Opener, file: Path) -> VkChannel:
    return await opened(vk.url, vk_id_file=file, vk_id_base=vk.url)


async def test_a_picture_goes_out_with_a_token_fetched_for_it(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf, clock: Clock
) -> None:
    await channel.send(shipment("Фото", shelf.picture()))
    assert vk.posts(GROUP)[0].attachments[0].startswith("photo")
    assert len(calls(vk, "oauth2/auth")) == 1
    written = kept(file)
    assert written["refresh_token"] != FIRST
    assert written["access_token"] in vk.world.tokens
    assert (written["expires_at"], written["renewed_at"]) == (
        (clock() + timedelta(hours=1)).isoformat(),
        clock().isoformat(),
    )
    assert vk.violations == []


async def test_words_alone_need_no_person(vk: VkStandIn, channel: VkChannel) -> None:
    await channel.send(shipment())
    assert calls(vk, "oauth2/auth") == []


async def test_a_token_is_exchanged_before_it_ends_and_not_earlier(
    vk: VkStandIn, channel: VkChannel, shelf: Shelf, clock: Clock
) -> None:
    exchanges = []
    for minutes in (0, 30, 24, 2, 60):
        clock.advance(minutes=minutes)
        await channel.send(shipment("Фото", shelf.picture(), key=f"key-{minutes}"))
        exchanges.append(len(calls(vk, "oauth2/auth")))
    assert exchanges == [1, 1, 1, 2, 3]


async def test_the_next_process_goes_on_with_what_is_written(
    vk: VkStandIn, channel: VkChannel, opened: Opener, file: Path, shelf: Shelf, clock: Clock
) -> None:
    await channel.send(shipment("Фото", shelf.picture()))
    await channel.close()
    restarted = await opened(vk.url, vk_id_file=file, vk_id_base=vk.url)
    await restarted.send(shipment("Фото", shelf.picture(), key="key-2"))
    assert len(calls(vk, "oauth2/auth")) == 1
    clock.advance(days=90)
    await restarted.send(shipment("Фото", shelf.picture(), key="key-3"))
    assert len(vk.posts(GROUP)) == 3


async def test_two_processes_share_one_file(
    vk: VkStandIn, channel: VkChannel, opened: Opener, file: Path, shelf: Shelf
) -> None:
    vk.faults.add("oauth2/auth", Fault(Kind.DELAYS, seconds=0.1))
    other = await opened(vk.url, vk_id_file=file, vk_id_base=vk.url)
    picture = shelf.picture()
    await asyncio.gather(
        channel.send(shipment("Фото", picture)), other.send(shipment("Ещё фото", picture, key="key-2"))
    )
    assert len(calls(vk, "oauth2/auth")) == 1
    assert len(vk.posts(GROUP)) == 2


async def test_only_the_owner_may_read_what_is_written(channel: VkChannel, file: Path, shelf: Shelf) -> None:
    readable_by_all(file)
    await channel.send(shipment("Фото", shelf.picture()))
    assert beside(file) == {"vk-id.json": 0o600, "vk-id.json.lock": 0o600}


async def test_what_is_out_is_changed_with_it_too(vk: VkStandIn, channel: VkChannel) -> None:
    there = await channel.send(shipment())
    assert await channel.withdraw(shipment(), there) == Receipt()
    assert vk.posts(GROUP) == []


# What goes wrong


async def test_what_was_revoked_closes_the_channel_by_name(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf
) -> None:
    vk.identity.revoke()
    error = await failure(channel, shipment("Фото", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    assert "invalid_grant" in error.detail
    assert kept(file)["refresh_token"] == FIRST
    assert set(beside(file)) == {"vk-id.json", "vk-id.json.lock"}


async def test_a_new_grant_in_the_file_is_taken_up_without_a_restart(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf
) -> None:
    vk.identity.revoke()
    await failure(channel, shipment("Фото", shelf.picture()))
    vk.add_vk_id("second", 7, administers=[GROUP], **IDS)
    put(file, json.dumps({**IDS, "refresh_token": "second"}))
    await channel.send(shipment("Фото", shelf.picture()))
    assert len(vk.posts(GROUP)) == 1


async def test_a_token_that_ended_before_its_time_is_exchanged_at_the_next_try(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf
) -> None:
    await channel.send(shipment("Фото", shelf.picture()))
    vk.revoke(kept(file)["access_token"])
    error = await failure(channel, shipment("Фото", shelf.picture(), key="key-2"))
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    await channel.send(shipment("Фото", shelf.picture(), key="key-2"))
    assert len(vk.posts(GROUP)) == 2


async def test_a_new_grant_is_taken_up_though_the_old_token_had_time_left(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf
) -> None:
    await channel.send(shipment("Фото", shelf.picture()))
    vk.identity.revoke()
    await failure(channel, shipment("Фото", shelf.picture(), key="key-2"))
    vk.add_vk_id("second", 7, administers=[GROUP], **IDS)
    put(file, json.dumps({**IDS, "refresh_token": "second"}))
    await channel.send(shipment("Фото", shelf.picture(), key="key-2"))
    assert len(vk.posts(GROUP)) == 2


@pytest.mark.parametrize(
    "kind", [Kind.DROPS_BEFORE, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS, Kind.DROPS_AFTER_REQUEST]
)
@pytest.mark.parametrize("act", ["send", "withdraw"])
async def test_a_broken_exchange_leaves_nothing_in_doubt(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf, kind: Kind, act: str
) -> None:
    there = await channel.send(shipment())
    vk.faults.add("oauth2/auth", Fault(kind, before=True))
    with pytest.raises(ChannelError) as caught:
        await (
            channel.withdraw(shipment(), there)
            if act == "withdraw"
            else channel.send(shipment("Фото", shelf.picture(), key="key-2"))
        )
    assert (type(caught.value), caught.value.reason) == (Deferred, Reason.NOT_CONNECTED)
    assert kept(file)["refresh_token"] == FIRST


async def test_vk_id_may_ask_to_wait(vk: VkStandIn, channel: VkChannel, shelf: Shelf) -> None:
    vk.faults.add("oauth2/auth", Fault(Kind.REFUSES, text="slow_down"))
    assert type(await failure(channel, shipment("Фото", shelf.picture()))) is Deferred
    await channel.send(shipment("Фото", shelf.picture()))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file"),
        ("{", "not JSON with client_id"),
        ("[]", "not JSON with client_id"),
        ('{"client_id": 1, "device_id": "", "refresh_token": "secret-of-nobody"}', "not JSON with client_id"),
        ('{"client_id": 1, "refresh_token": "secret-of-nobody"}', "not JSON with client_id"),
    ],
)
async def test_a_file_that_is_no_use_is_told_and_its_secrets_are_not(
    channel: VkChannel, file: Path, shelf: Shelf, content: str | None, words: str
) -> None:
    put(file, content)
    error = await failure(channel, shipment("Фото", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    assert words in error.detail
    assert not [line for line in told(error) if "secret-of-nobody" in line]


async def test_a_next_version_that_is_in_the_way_is_told_before_the_pair_is_spent(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf
) -> None:
    in_the_way(file)
    error = await failure(channel, shipment("Фото", shelf.picture()))
    assert (type(error), error.reason) == (ChannelClosed, Reason.TOKEN_REVOKED)
    assert "can't be renewed" in error.detail
    assert calls(vk, "oauth2/auth") == []


async def test_no_secret_of_the_file_is_ever_told(
    vk: VkStandIn, channel: VkChannel, file: Path, shelf: Shelf, clock: Clock
) -> None:
    await channel.send(shipment("Фото", shelf.picture()))
    secrets = [FIRST, kept(file)["refresh_token"], kept(file)["access_token"]]
    vk.faults.add("photos.getWallUploadServer", Fault(Kind.REFUSES, code=100, text=f"bad {secrets[2]}"))
    errors = [await failure(channel, shipment("Фото", shelf.picture(), key="key-2"))]
    clock.advance(hours=2)
    vk.identity.revoke()  # the stand-in names the refresh token in its refusal
    errors.append(await failure(channel, shipment("Фото", shelf.picture(), key="key-3")))
    lines = [line for error in errors for line in told(error)] + [f"{channel!r} {vars(channel)}"]
    assert [line for line in lines for secret in secrets if secret in line] == []
    assert "***" in errors[1].detail


# Asking beforehand


async def codes(channel: VkChannel) -> list[FindingCode]:
    return [finding.code for finding in await channel.check()]


async def test_a_check_fetches_a_token_and_so_keeps_the_pair_alive(
    vk: VkStandIn, channel: VkChannel, file: Path, clock: Clock
) -> None:
    assert await codes(channel) == [FindingCode.REACHED, FindingCode.ABLE]
    first = kept(file)["renewed_at"]
    clock.advance(days=1)
    await channel.check()
    assert kept(file)["renewed_at"] > first


async def test_a_check_tells_that_the_grant_is_gone(vk: VkStandIn, channel: VkChannel) -> None:
    vk.identity.revoke()
    (finding,) = [one for one in await channel.check() if one.fatal]
    assert (finding.code, finding.values) == (FindingCode.TOKEN_REFUSED, {"token": "user_token"})


@pytest.mark.parametrize(("days", "left"), [(100, None), (176, None), (177.5, 3), (179.5, 1), (181, 0)])
async def test_a_grant_that_nobody_can_renew_is_told_in_time(
    vk: VkStandIn, channel: VkChannel, clock: Clock, days: float, left: int | None
) -> None:
    await channel.check()
    clock.advance(days=days)
    vk.faults.add("oauth2/auth", Fault(Kind.BAD_GATEWAY, times=0, before=True))
    found = [one.values for one in await channel.check() if one.code is FindingCode.TOKEN_EXPIRES]
    assert found == ([] if left is None else [{"token": "user_token", "days": left}])


async def test_the_file_goes_before_a_token_in_the_settings(
    vk: VkStandIn, opened: Opener, file: Path, shelf: Shelf
) -> None:
    both = await opened(vk.url, vk_id_file=file, vk_id_base=vk.url, user_token="of another time")
    await both.send(shipment("Фото", shelf.picture()))
    assert len(vk.posts(GROUP)) == 1


async def test_without_a_file_nothing_is_changed(vk: VkStandIn, opened: Opener, file: Path) -> None:
    plain = await opened(vk.url, vk_id_base=vk.url)
    there = await plain.send(shipment())
    with pytest.raises(Rejected):
        await plain.withdraw(shipment(), there)
