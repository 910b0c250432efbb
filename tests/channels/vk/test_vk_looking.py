"""Finding out whether a doubtful post is on the wall: found when it is there, and only it, and nothing is noticed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from channels.contract import (
    Attachment,
    AttachmentKind,
    Deferred,
    Part,
    Reason,
    Receipt,
    Recipient,
    Shipment,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.vk import Settings
from channels.vk.channel import VkChannel, connect
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from sandbox.vk.things import WallPost
from tests.support.clock import Clock
from tests.support.letters import Files

GROUP = 101
TEXT = "Собрание — в среду, «Дом союзов»"
PICTURE = b"\x89PNG\r\n\x1a\n picture"
FIRST = Receipt(("1",), f"https://vk.com/wall-{GROUP}_1")


@pytest.fixture
async def vk(clock: Clock) -> AsyncIterator[VkStandIn]:
    async with VkStandIn(now=clock) as vk:
        vk.add_community(GROUP, "Профсоюз")
        vk.add_community_token("community", GROUP)
        vk.add_user_token("person", 7, administers=[GROUP])
        vk.add_service_token("service")
        yield vk
        assert vk.violations == []


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
async def channel(vk: VkStandIn, files: Files, clock: Clock) -> AsyncIterator[VkChannel]:
    channel = await opened(vk, files, clock)
    yield channel
    await channel.close()


async def opened(
    vk: VkStandIn, files: Files, clock: Clock, *, service: str = "service", person: str = "person"
) -> VkChannel:
    settings = Settings(
        group_id=GROUP,
        community_token=SecretStr("community"),
        service_token=SecretStr(service),
        user_token=SecretStr(person),
        api_base=vk.url,
        read_timeout=0.3,
    )
    return await connect("vk", settings, Surroundings(files, TelegramAccess("0:t"), now=clock))


def a_shipment(text: str = TEXT, *attachments: Attachment, key: str = "key-1") -> Shipment:
    return Shipment(Part(text, attachments=attachments), Recipient(f"club{GROUP}"), key)


async def send_unheard(vk: VkStandIn, channel: VkChannel, shipment: Shipment, kind: Kind) -> None:
    vk.faults.add("wall.post", Fault(kind))
    with pytest.raises(Unconfirmed):
        await channel.send(shipment)


async def not_told(channel: VkChannel, since: datetime) -> Deferred:
    with pytest.raises(Deferred) as caught:
        await channel.look(a_shipment(), since=since, last=None)
    return caught.value


def by_hand(vk: VkStandIn, text: str, date: datetime, *, from_id: int = -GROUP) -> WallPost:
    """Put a post on the wall as an administrator does."""
    community = vk.world.communities[GROUP]
    community.posts_made += 1
    post = WallPost(community.posts_made, text, (), date, from_id)
    community.posts.append(post)
    return post


# Which key looks


@pytest.mark.parametrize(
    ("service", "person", "can_look"), [("", "", False), ("service", "", True), ("", "person", True)]
)
async def test_looks_with_any_key_that_may_read_the_wall(
    vk: VkStandIn, files: Files, clock: Clock, service: str, person: str, can_look: bool
) -> None:
    channel = await opened(vk, files, clock, service=service, person=person)
    assert channel.can_look is can_look
    if can_look:
        await send_unheard(vk, channel, a_shipment(), Kind.DROPS_AFTER_REQUEST)
        assert await channel.look(a_shipment(), since=clock(), last=None) == FIRST
    else:
        assert (await not_told(channel, clock())).reason is Reason.WRONG_KIND_OF_TOKEN
    await channel.close()


async def test_a_closed_wall_is_read_with_the_administrators_token(
    vk: VkStandIn, channel: VkChannel, clock: Clock
) -> None:
    vk.world.communities[GROUP].closed = True
    await channel.send(a_shipment())
    assert await channel.look(a_shipment(), since=clock(), last=None) == FIRST


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (5, Reason.TOKEN_REVOKED),
        (6, Reason.LIMIT_REACHED),
        (14, Reason.CAPTCHA_NEEDED),
        (15, Reason.REFUSED),
        (28, Reason.WRONG_KIND_OF_TOKEN),
        (10, Reason.NO_ANSWER),
        (4242, Reason.REFUSED),
    ],
)
async def test_a_refused_look_closes_no_channel(
    vk: VkStandIn, channel: VkChannel, clock: Clock, code: int, reason: Reason
) -> None:
    vk.faults.add("wall.get", Fault(Kind.REFUSES, code=code, times=2))
    error = await not_told(channel, clock())
    assert error.reason is reason
    assert error.detail.startswith(f"wall.get (user_token): [{code}] ")
    assert await channel.send(a_shipment()) == FIRST


@pytest.mark.parametrize("kind", [Kind.DROPS_BEFORE, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.HANGS])
async def test_a_look_without_an_answer_tells_nothing(
    vk: VkStandIn, channel: VkChannel, clock: Clock, kind: Kind
) -> None:
    await channel.send(a_shipment())
    vk.faults.add("wall.get", Fault(kind))
    assert (await not_told(channel, clock())).reason is Reason.NO_ANSWER


async def test_an_answer_without_sense_tells_nothing(
    vk: VkStandIn, channel: VkChannel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [[], {"count": 1}, {"items": [{"id": 1}]}, {"items": [1]}]
    monkeypatch.setattr(vk.world, "call", lambda *_: answers.pop())
    while answers:
        assert (await not_told(channel, clock())).reason is Reason.NO_ANSWER


# What is taken for the shipment


@pytest.mark.parametrize("kind", [Kind.DROPS_AFTER_REQUEST, Kind.BAD_GATEWAY, Kind.HANGS])
async def test_finds_what_was_posted_unheard(vk: VkStandIn, channel: VkChannel, clock: Clock, kind: Kind) -> None:
    await send_unheard(vk, channel, a_shipment(), kind)
    assert await channel.look(a_shipment(), since=clock(), last=None) == FIRST


async def test_what_never_went_out_is_not_there(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    await channel.send(a_shipment("Другое"))
    await send_unheard(vk, channel, a_shipment(key="key-2"), Kind.DROPS_BEFORE)
    assert await channel.look(a_shipment(key="key-2"), since=clock(), last=None) is None


@pytest.mark.parametrize(
    "shown",
    [
        f"  {TEXT}\n",
        TEXT.replace(" ", "\u00a0"),
        TEXT.replace("«", "&laquo;").replace("»", "&raquo;"),
        TEXT.replace("—", "-").replace("«", '"').replace("»", '"'),
        "Собрание—в\u200b среду, «Дом союзов»",
        TEXT.replace("й", "и\u0306"),
    ],
)
async def test_knows_its_text_however_vk_writes_it(vk: VkStandIn, channel: VkChannel, clock: Clock, shown: str) -> None:
    text = "Собрание — в среду, «Дом союзов»"
    await channel.send(a_shipment(text))
    vk.posts(GROUP)[0] = replace(vk.posts(GROUP)[0], text=shown)
    assert await channel.look(a_shipment(text), since=clock(), last=None) == FIRST


@pytest.mark.parametrize("other", ["Собрание — в среду, «Дом союзов», 10", "Собрание — в четверг, «Дом союзов»", ""])
async def test_another_text_is_another_post(vk: VkStandIn, channel: VkChannel, clock: Clock, other: str) -> None:
    by_hand(vk, other, clock())
    assert await channel.look(a_shipment(), since=clock(), last=None) is None


async def test_signs_without_letters_are_compared_as_signs(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    by_hand(vk, "🎉🎉", clock())
    assert await channel.look(a_shipment("🎉 🎉"), since=clock(), last=None) == FIRST
    assert await channel.look(a_shipment("🕯"), since=clock(), last=None) is None


async def test_the_same_text_of_an_earlier_day_is_not_taken_for_it(
    vk: VkStandIn, channel: VkChannel, clock: Clock
) -> None:
    await channel.send(a_shipment())
    since = clock.advance(days=1)
    assert await channel.look(a_shipment(key="key-2"), since=since, last=None) is None


async def test_the_same_text_of_a_moment_ago_is_not_taken_for_it(
    vk: VkStandIn, channel: VkChannel, clock: Clock
) -> None:
    last = await channel.send(a_shipment())
    since = clock.advance(seconds=2)
    assert await channel.look(a_shipment(key="key-2"), since=since, last=last) is None
    await send_unheard(vk, channel, a_shipment(key="key-2"), Kind.DROPS_AFTER_REQUEST)
    found = await channel.look(a_shipment(key="key-2"), since=since, last=last)
    assert found == Receipt(("2",), f"https://vk.com/wall-{GROUP}_2")


async def test_of_two_that_fit_the_older_one_is_meant(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    since = clock()
    await channel.send(a_shipment())
    clock.advance(minutes=10)
    await channel.send(a_shipment(key="key-2"))
    assert await channel.look(a_shipment(), since=since, last=None) == FIRST


async def test_clocks_may_differ_by_a_minute(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    await channel.send(a_shipment())
    assert await channel.look(a_shipment(), since=clock() + timedelta(seconds=55), last=None) == FIRST
    assert await channel.look(a_shipment(), since=clock() + timedelta(seconds=65), last=None) is None


async def test_a_visitors_post_is_not_the_communitys(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    by_hand(vk, TEXT, clock(), from_id=42)
    assert await channel.look(a_shipment(), since=clock(), last=None) is None


async def test_a_post_that_somebody_has_edited_is_left_to_a_person(
    vk: VkStandIn, channel: VkChannel, clock: Clock
) -> None:
    await channel.send(a_shipment())
    vk.posts(GROUP)[0] = replace(vk.posts(GROUP)[0], text="Собрание отменено", edited=clock())
    assert (await not_told(channel, clock())).reason is Reason.EDITED_SINCE
    assert await channel.look(a_shipment(), since=clock() + timedelta(hours=1), last=None) is None


async def test_pictures_without_words_are_counted(
    vk: VkStandIn, channel: VkChannel, files: Files, clock: Clock
) -> None:
    one, two = (files.attach(f"{n}.png", PICTURE + n.encode(), "image/png", AttachmentKind.PHOTO) for n in "12")
    document = files.attach("приказ.pdf", b"%PDF", "application/pdf")
    await channel.send(a_shipment("", one, two))
    assert await channel.look(a_shipment("", one, two), since=clock(), last=None) == FIRST
    for others in ([one], [one, document], [one, two, document]):
        assert await channel.look(a_shipment("", *others), since=clock(), last=None) is None


async def test_pictures_with_words_are_not_those_without(
    vk: VkStandIn, channel: VkChannel, files: Files, clock: Clock
) -> None:
    picture = files.attach("1.png", PICTURE, "image/png", AttachmentKind.PHOTO)
    await channel.send(a_shipment(TEXT, picture))
    assert await channel.look(a_shipment("", picture), since=clock(), last=None) is None


async def test_an_attachment_that_vk_left_out_hides_nothing(
    vk: VkStandIn, channel: VkChannel, files: Files, clock: Clock
) -> None:
    document = files.attach("приказ.pdf", b"%PDF", "application/pdf")
    await channel.send(a_shipment(TEXT, document))
    vk.posts(GROUP)[0] = replace(vk.posts(GROUP)[0], attachments=())
    assert await channel.look(a_shipment(TEXT, document), since=clock(), last=None) == FIRST


# How far it reads


async def test_reads_as_far_as_the_time_in_question_and_no_further(
    vk: VkStandIn, channel: VkChannel, clock: Clock
) -> None:
    for _ in range(150):
        by_hand(vk, "старое", clock())
    vk.pin(GROUP, 1)
    since = clock.advance(hours=1)
    mine = by_hand(vk, TEXT, since)
    for _ in range(120):
        by_hand(vk, "новое", clock())
    found = await channel.look(a_shipment(), since=since, last=None)
    assert found == Receipt((str(mine.id),), f"https://vk.com/wall-{GROUP}_{mine.id}")
    assert [call.values["offset"] for call in vk.calls] == ["0", "100"]


async def test_a_wall_too_busy_to_be_read_is_left_to_a_person(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    for _ in range(1001):
        by_hand(vk, "новое", clock())
    assert (await not_told(channel, clock())).reason is Reason.TOO_MUCH_SINCE
    assert len(vk.calls) == 10


async def test_a_look_changes_nothing(vk: VkStandIn, channel: VkChannel, clock: Clock) -> None:
    await channel.send(a_shipment())
    before = vk.dump()
    await channel.look(a_shipment(), since=clock(), last=None)
    assert vk.dump() == before
    assert [call.method for call in vk.calls] == ["wall.post", "wall.get"]
