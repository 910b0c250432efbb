"""Keys that are gone or about to end: told once, in time, to those who can do something about it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from bot import watch
from bot.watch import Watch
from channels.contract import Finding, FindingCode, Reason
from delivery.store import holds, talks
from tests.bot.newsroom import ADMIN, ANNA, Newsroom, newsroom, words
from tests.delivery.builders import Scripted

WELL = [Finding(FindingCode.REACHED)]
REVOKED = Finding(
    FindingCode.TOKEN_REFUSED, fatal=True, detail="[5] invalid access_token (4)", values={"token": "user_token"}
)
AWAY = Finding(FindingCode.NOT_REACHED, fatal=True)


def ends_in(days: int) -> Finding:
    return Finding(FindingCode.TOKEN_EXPIRES, values={"token": "user_token", "days": days})


class Wall(Scripted):
    """A channel that says of itself what it is told to."""

    findings: Sequence[Finding] = WELL
    trouble: Exception | None = None

    async def check(self) -> Sequence[Finding]:
        if self.trouble is not None:
            raise self.trouble
        return self.findings


@pytest.fixture
def wall() -> Wall:
    return Wall("club101")


@pytest.fixture
async def room(url: str, wall: Wall) -> AsyncIterator[Newsroom]:
    async with newsroom(url, channels={"wall": wall}, kinds={"wall": "vk"}) as room:
        yield room


async def looked(room: Newsroom) -> None:
    await Watch(room.desk, room.face.settings).step()
    room.boards.poke()


async def untold(room: Newsroom) -> int:
    async with room.desk.database.reading() as tx:
        return len(await talks.untold(tx))


async def all_told(room: Newsroom) -> list[str]:
    async with asyncio.timeout(20):
        while True:
            if not await untold(room):
                return room.texts(ADMIN)
            await asyncio.sleep(0.05)


async def test_a_lost_key_is_told_at_once_with_what_to_do(room: Newsroom, wall: Wall) -> None:
    wall.findings = [*WELL, REVOKED]
    await looked(room)
    said = words(await room.sees("ВКонтакте: ключ не подходит", ADMIN))
    assert "Ключ пользователя не подошёл: он отозван или вписан с ошибкой." in said
    assert "[5] invalid access_token (4)" in said
    assert room.texts(ANNA) == [], "editors can't change keys"


async def test_it_is_told_once_and_again_only_when_it_was_mended_meanwhile(room: Newsroom, wall: Wall) -> None:
    for findings, expected in [([REVOKED], 1), ([REVOKED], 1), (WELL, 1), ([REVOKED], 2)]:
        wall.findings = findings
        await looked(room)
        assert len(await all_told(room)) == expected


async def test_an_end_is_told_three_days_before_and_one_and_when_it_has_come(room: Newsroom, wall: Wall) -> None:
    heard = []
    for days in (3, 3, 2, 1, 1, 0, 0):
        wall.findings = [*WELL, ends_in(days)]
        await looked(room)
        heard.append(len(await all_told(room)))
    assert heard == [1, 1, 1, 2, 2, 3, 3]
    first, second, third = room.texts(ADMIN)
    assert "ключ скоро кончится" in first
    assert "через 3 дня" in first
    assert "через 1 день" in second
    assert "больше не действует" in third


async def test_who_looks_first_on_the_last_day_tells_once(room: Newsroom, wall: Wall) -> None:
    wall.findings = [*WELL, ends_in(1)]
    await looked(room)
    assert len(await all_told(room)) == 1


async def test_where_nobody_answers_nothing_is_known_of_the_key(room: Newsroom, wall: Wall) -> None:
    wall.findings = [REVOKED]
    await looked(room)
    await all_told(room)
    wall.findings = [AWAY]
    await looked(room)
    wall.findings = [REVOKED]
    await looked(room)
    assert len(await all_told(room)) == 1


async def test_an_end_comes_nearer_though_nobody_answers(room: Newsroom, wall: Wall) -> None:
    wall.findings = [AWAY, ends_in(1)]
    await looked(room)
    assert "через 1 день" in (await all_told(room))[0]


async def test_a_channel_that_is_held_was_told_of_already(room: Newsroom, wall: Wall) -> None:
    now = room.desk.now()
    async with room.desk.database.writing() as tx:
        until = now + timedelta(hours=1)
        await holds.close(tx, "wall", reason=Reason.TOKEN_REVOKED, detail="", retry_at=until, tell=True, now=now)
    wall.findings = [REVOKED]
    await looked(room)
    await room.sees("отправка приостановлена", ADMIN)
    assert len(await all_told(room)) == 1


@pytest.mark.parametrize("trouble", [ValueError("a bug"), TimeoutError()])
async def test_one_channel_that_breaks_does_not_spoil_the_others(url: str, trouble: Exception) -> None:
    broken, lost = Wall("club1"), Wall("club2")
    broken.trouble, lost.findings = trouble, [REVOKED]
    async with newsroom(url, channels={"a": broken, "b": lost}, kinds={"a": "vk", "b": "vk"}) as room:
        await looked(room)
        await room.sees("ВКонтакте «b»: ключ не подходит", ADMIN)
        assert len(await all_told(room)) == 1


async def test_it_looks_by_itself_and_ends_when_it_is_told_to(
    room: Newsroom, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_FIRST_LOOK", 0.05)
    wall.findings = [REVOKED]
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(Watch(room.desk, room.face.settings).run(stop))
        await room.sees("ключ не подходит", ADMIN)
        stop.set()


async def test_it_ends_at_once_before_its_first_look(room: Newsroom) -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(1):
        await Watch(room.desk, room.face.settings).run(stop)
