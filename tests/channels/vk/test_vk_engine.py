"""A VK wall at the end of the real engine: sent, corrected, taken away, each tracked and told truly."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from channels.contract import Attachment, AttachmentKind, Post, Reason, Surroundings, TelegramAccess
from channels.vk import Settings
from channels.vk.channel import connect
from delivery import broadcast, corrections
from delivery.database import Database
from delivery.desk import Desk
from delivery.model import Act, DeliveryState
from delivery.store import holds, media
from sandbox.faults import Fault, Kind
from sandbox.vk import VkStandIn
from sandbox.vk.things import WallPost
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, PNG, USER_TOKEN, calls
from tests.delivery.builders import a_worker, deliveries
from tests.support.clock import Clock
from tests.support.databases import SQLITE, Databases

WRONG, RIGHT = "Собрание в среду", "Собрание в четверг"
GONE = Post("Объявление отозвано")


@pytest.fixture
async def desk(databases: Databases, tmp_path: Path, vk: VkStandIn, clock: Clock) -> AsyncIterator[Desk]:
    database = Database(databases.migrated(SQLITE, tmp_path))
    settings = Settings(
        group_id=GROUP,
        community_token=SecretStr(COMMUNITY_TOKEN),
        user_token=SecretStr(USER_TOKEN),
        api_base=vk.url,
        read_timeout=0.3,
    )
    surroundings = Surroundings(media=media.Media(database), telegram=TelegramAccess("0:t"), now=clock)
    wall = await connect("vk", settings, surroundings)
    yield Desk(database, {"vk": wall}, clock, ZoneInfo("Europe/Moscow"))
    await wall.close()
    await database.close()


@pytest.fixture
async def picture(desk: Desk) -> Attachment:
    async with desk.database.writing() as tx:
        digest = await media.keep(tx, PNG, desk.now())
    return Attachment(AttachmentKind.PHOTO, "пикет.png", "image/png", len(PNG), digest)


async def delivered(desk: Desk) -> None:
    worker = a_worker(desk)
    while await worker.step("vk"):
        pass


async def out(desk: Desk, post: Post) -> int:
    number = await broadcast.draft(desk, post, author="editor", targets=("vk",))
    await broadcast.release(desk, number, by="editor")
    await delivered(desk)
    return number


def standing(vk: VkStandIn) -> WallPost:
    (post,) = vk.posts(GROUP)
    return post


async def newest(desk: Desk, number: int) -> tuple[Act, DeliveryState, Reason | None]:
    one = (await deliveries(desk, number))[-1]
    return one.act, one.state, one.reason


async def test_a_correction_keeps_the_picture_and_says_the_right_thing(
    vk: VkStandIn, desk: Desk, picture: Attachment
) -> None:
    number = await out(desk, Post(WRONG, attachments=(picture,)))
    shown = standing(vk).attachments
    await corrections.correct(desk, number, Post(RIGHT, attachments=(picture,)), by="editor")
    await delivered(desk)
    assert (standing(vk).text, standing(vk).attachments) == (RIGHT, shown)
    assert await newest(desk, number) == (Act.CORRECT, DeliveryState.SENT, None)
    assert len(calls(vk, "photos.saveWallPhoto")) == 1
    assert vk.violations == []


async def test_a_recall_empties_the_wall(vk: VkStandIn, desk: Desk) -> None:
    number = await out(desk, Post(WRONG))
    await corrections.recall(desk, number, GONE, by="editor")
    await delivered(desk)
    assert vk.posts(GROUP) == []
    assert await newest(desk, number) == (Act.WITHDRAW, DeliveryState.SENT, None)


async def test_a_lost_answer_to_a_correction_is_asked_again_by_itself(vk: VkStandIn, desk: Desk, clock: Clock) -> None:
    number = await out(desk, Post(WRONG))
    vk.faults.add("wall.edit", Fault(Kind.BAD_GATEWAY))
    await corrections.correct(desk, number, Post(RIGHT), by="editor")
    await delivered(desk)
    clock.advance(minutes=5)
    await delivered(desk)
    assert len(calls(vk, "wall.edit")) == 2
    assert await newest(desk, number) == (Act.CORRECT, DeliveryState.SENT, None)


async def test_what_an_administrator_has_deleted_is_told(vk: VkStandIn, desk: Desk) -> None:
    number = await out(desk, Post(WRONG))
    vk.posts(GROUP).clear()
    await corrections.correct(desk, number, Post(RIGHT), by="editor")
    await delivered(desk)
    assert await newest(desk, number) == (Act.CORRECT, DeliveryState.FAILED, Reason.GONE)


async def test_a_revoked_token_fails_the_correction_alone_and_it_can_be_repeated_with_another(
    vk: VkStandIn, desk: Desk
) -> None:
    """The community's own key still posts, so the channel stays open."""
    number = await out(desk, Post(WRONG))
    vk.revoke(USER_TOKEN)
    await corrections.correct(desk, number, Post(RIGHT), by="editor")
    await delivered(desk)
    assert await newest(desk, number) == (Act.CORRECT, DeliveryState.FAILED, Reason.TOKEN_REVOKED)
    async with desk.database.reading() as tx:
        assert await holds.holds(tx) == []
    vk.add_user_token(USER_TOKEN, 7, administers=[GROUP])
    assert await broadcast.retry(desk, number)
    await delivered(desk)
    assert standing(vk).text == RIGHT
