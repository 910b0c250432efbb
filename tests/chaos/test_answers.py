"""Telegram, VK and the relay lose their answers, after having acted and before: cut lines, a broken proxy's page, half
of an answer, silence. Drawn at random over many posts, with and without a way to look whether a post is there.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from delivery.desk import Desk
from sandbox.faults import Fault, Faults, Kind
from sandbox.telegram import TelegramStandIn
from tests.chaos.counting import Drawn, Mishap, a_desk, a_world, at_work, counted, over
from tests.chaos.outside import Outside, a_post, announced, lists_stored
from tests.chaos.place import a_worker
from tests.support.databases import SQLITE, Databases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("quick")]

SPEED = 60  # the world's minute is a second here
LEASE = timedelta(hours=3)  # three minutes here: nobody dies in these tests
SEED = 4

AFTER = (
    Mishap(Kind.DROPS_AFTER_REQUEST),
    Mishap(Kind.BAD_GATEWAY),
    Mishap(Kind.HALF_ANSWER),
    Mishap(Kind.HANGS),
)
BEFORE = (
    Mishap(Kind.DROPS_BEFORE, before=True),
    Mishap(Kind.BAD_GATEWAY, before=True),
    Mishap(Kind.HALF_ANSWER, before=True),
    Mishap(Kind.HANGS, before=True),
)
POSTING = ("sendMessage", "sendPhoto")
LETTERS = tuple(f"p{number}@example.org" for number in range(3))
# Until the text is on its way the relay has nothing to lose.
EARLY = (Mishap(Kind.DROPS_BEFORE, before=True), Mishap(Kind.HANGS, before=True), Mishap(Kind.HALF_ANSWER))


class Gateway(TelegramStandIn):
    """Telegram behind a proxy that may break before it has passed anything on."""

    async def _before(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        if fault.before and fault.kind in {Kind.BAD_GATEWAY, Kind.HALF_ANSWER}:
            return await self._after(request, fault, {"ok": True, "result": {}}, 200)
        return await super()._before(request, fault)


async def posts(desk: Desk, count: int, *targets: str, seed: int = SEED) -> dict[int, int]:
    """Announce many: short ones, some with a picture, some so long that Telegram shows them in two messages."""
    drawn = random.Random(seed)
    expected: dict[int, int] = {}
    for number in range(count):
        length, picture = drawn.choice([(0, 0), (0, 0), (5000, 0), (0, 30 + number)])
        picture = picture if targets == ("tg",) else 0
        post = a_post(f"Весть {number}", length=length, picture=picture)
        made = {"tg": 2 if length else 1, "vk": 1, "mail:all": len(LETTERS)}
        expected[await announced(desk, post, targets, key=f"post {number}")] = sum(made[each] for each in targets)
    return expected


def draw(calls: Sequence[str], ways: Sequence[Mishap], *, most: int, one_in: float = 3, seed: int = SEED) -> Drawn:
    return Drawn(dict.fromkeys(calls, ways), seed=seed, one_in=one_in, most=most)


# Telegram


@pytest.mark.sqlite
@pytest.mark.parametrize("looks", [True, False], ids=["looking", "blind"])
async def test_answers_of_telegram(databases: Databases, tmp_path: Path, looks: bool, at_length: bool) -> None:
    url = databases.migrated(SQLITE, tmp_path)
    async with (
        a_world(tmp_path, speed=SPEED, messenger=Gateway) as world,
        a_desk(world, url, looks=looks, seconds=1, only=("tg",)) as desk,
    ):
        first = await announced(desk, a_post("Начало"), ["tg"], key="first")  # something to count on from
        async with at_work(desk, lease=LEASE):
            await over(desk)
            faults = draw(POSTING, (*AFTER, *BEFORE), most=120 if at_length else 4)
            world.telegram.faults = faults
            expected = {first: 1} | await posts(desk, 400 if at_length else 12, "tg")
            await over(desk, within=1500, doubts=looks)
        drawn = faults.happened.total()
        # What is looked at is found out; what is not stays in doubt, be it there or not.
        await counted(
            f"Telegram, {drawn} lost answers, {'looking' if looks else 'blind'}",
            desk,
            world,
            expected,
            in_flight=0 if looks else drawn,
        )
        assert drawn > 2


# VK


@pytest.mark.sqlite
@pytest.mark.parametrize("looks", [True, False], ids=["looking", "blind"])
async def test_answers_of_vk_while_it_knows_the_key(
    databases: Databases, tmp_path: Path, looks: bool, at_length: bool
) -> None:
    """One key shows once: repeated until an answer is heard."""
    url = databases.migrated(SQLITE, tmp_path)
    async with (
        a_world(tmp_path, speed=SPEED) as world,
        a_desk(world, url, looks=looks, seconds=1, only=("vk",)) as desk,
        at_work(desk, lease=LEASE),
    ):
        faults = world.vk.faults = draw(("wall.post",), (*AFTER, *BEFORE), most=150 if at_length else 5)
        expected = await posts(desk, 400 if at_length else 12, "vk")
        await over(desk, within=1500)
        drawn = faults.happened.total()
        await counted(f"VK within the hour, {drawn} lost answers", desk, world, expected, in_flight=0)
        assert drawn > 2


@pytest.mark.sqlite
@pytest.mark.parametrize("looks", [True, False], ids=["looking", "blind"])
async def test_answers_of_vk_when_it_has_forgotten_the_key(
    databases: Databases, tmp_path: Path, looks: bool, at_length: bool
) -> None:
    """The service was away for an hour before it could repeat: only a look tells, or a person."""
    url = databases.migrated(SQLITE, tmp_path)
    count = 60 if at_length else 5
    async with (
        a_world(tmp_path, speed=SPEED) as world,
        a_desk(world, url, looks=looks, seconds=1, only=("vk",)) as desk,
    ):
        faults = world.vk.faults = draw(("wall.post",), (*AFTER, *BEFORE), one_in=1.5, most=count)
        expected = await posts(desk, count, "vk")
        world.clock.go_at(0.1)
        while await a_worker(desk, "before the pause").step("vk"):  # each once: the clock crawls, none is repeated
            pass
        world.clock.advance(timedelta(minutes=61))
        world.clock.go_at(SPEED)
        drawn, world.vk.faults = faults.happened.total(), Faults()
        async with at_work(desk, lease=LEASE):
            await over(desk, within=600, doubts=looks)
        await counted(
            f"VK beyond the hour, {drawn} lost answers, {'looking' if looks else 'blind'}",
            desk,
            world,
            expected,
            in_flight=0 if looks else drawn,
        )
        assert drawn > 1


# Letters


@pytest.mark.sqlite
@pytest.mark.parametrize("unconfirmed", ["ask", "repeat"])
async def test_answers_of_the_relay(databases: Databases, tmp_path: Path, unconfirmed: str, at_length: bool) -> None:
    url = databases.migrated(SQLITE, tmp_path)
    calls: Mapping[str, Sequence[Mishap]] = {
        "MAIL": EARLY,
        "RCPT": EARLY,
        "DATA": EARLY,
        "text": (Mishap(Kind.DROPS_BEFORE, before=True),),
        "body": (*AFTER, Mishap(Kind.DROPS_BEFORE, before=True), Mishap(Kind.HANGS, before=True)),
    }
    async with (
        a_world(tmp_path, speed=SPEED) as world,
        a_desk(world, url, seconds=1, only=("mail",), unconfirmed=unconfirmed) as desk,
        at_work(desk, lease=LEASE),
    ):
        await lists_stored(desk, {"all": LETTERS})
        faults = world.mail.faults = Drawn(calls, seed=SEED, one_in=12, most=200 if at_length else 6)
        expected = await posts(desk, 300 if at_length else 20, "mail:all")
        await over(desk, within=1500)
        drawn = faults.happened.total()
        if unconfirmed == "repeat":  # the administrator has permitted it
            allowed = sum(faults.happened[way] for way in calls["body"])
            await repeats_at_most(world, len(expected) * len(LETTERS), allowed)
        else:
            await counted(f"letters, {drawn} lost answers", desk, world, expected, in_flight=drawn)
        assert drawn > 2


async def repeats_at_most(world: Outside, letters: int, allowed: int) -> None:
    public = world.public()
    twice = public.total() - len(public)
    print(f"\nletters repeated with permission: {letters} letters, {letters - len(public)} lost, {twice} twice")  # noqa: T201
    assert len(public) == letters
    assert twice <= allowed
