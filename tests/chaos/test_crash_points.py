"""A worker is killed at every named point between "claimed" and "recorded", in each channel; another one goes on.

The table of docs/crash-points.md is written from POINTS below: `python -m tests.chaos.test_crash_points` prints it.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from delivery import broadcast
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import filling, holds
from delivery.store.deliveries import find as find_deliveries
from sandbox.faults import Fault, Faults, Kind
from tests.chaos.nursery import Child, Nursery, a_nursery
from tests.chaos.outside import Outside, a_post, an_outside, announced, judged, lists_stored
from tests.chaos.outside import silence as silence_of
from tests.chaos.place import LEASE, deliver, opened_desk
from tests.support.databases import SQLITE, Databases
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

DOCUMENT = Path(__file__).parents[2] / "docs" / "crash-points.md"
QUEUED, SENT, UNCONFIRMED, FAILED = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.UNCONFIRMED,
    DeliveryState.FAILED,
)


class Then(Enum):
    """What follows, as the table says it."""

    ON = "queued, then sent; no attempt counted"
    DOUBT = "`unconfirmed`"
    GUID = "again under the same guid: `sent`, shown once"
    DONE = "`sent`"


@dataclass(frozen=True)
class Way:
    """A channel, and how it is used. `known` are the words of the table's head."""

    key: str
    known: str
    target: str
    picture: bool = False
    pipelining: bool = True
    connections: int = 1
    per_domain: int = 0

    def faults(self, outside: Outside) -> Faults:
        return {"tg": outside.telegram.faults, "vk": outside.vk.faults, "mail": outside.mail.faults}[self.channel]

    @property
    def channel(self) -> str:
        return self.target.partition(":")[0]


TELEGRAM = Way("telegram", "Telegram", "tg")
VK = Way("vk", "VK, words", "vk")
VK_PICTURE = Way("vk_picture", "VK, with a picture", "vk", picture=True)
PIPELINED = Way("letter", "letter, pipelined", "mail:single")
PLAIN = Way("letter_plain", "letter, plain SMTP", "mail:single", pipelining=False)
WAYS = (TELEGRAM, VK, VK_PICTURE, PIPELINED, PLAIN)
LETTERS = (PIPELINED, PLAIN)


@dataclass(frozen=True)
class Point:
    """Where a worker dies: at a point of the harness, or when the stand-in has met a `fault` and stays silent.

    `public`: how many posts or letters readers see then, beside those that go out later. `transaction`: the database
    has a say in it, so that the short form runs it on both.
    """

    key: str
    words: str
    then: Then
    at: str = ""
    fault: tuple[str, Fault] | None = None
    public: int = 0
    ways: tuple[Way, ...] = WAYS
    transaction: bool = False

    def outcome(self, way: Way) -> Then:
        return Then.GUID if self.then is Then.DOUBT and way is VK else self.then


def _silent(call: str, *, acted: bool = False) -> tuple[str, Fault]:
    return call, Fault(Kind.HANGS, before=not acted)


POINTS = (
    Point("claiming", "inside the claim's transaction", Then.ON, "claim:before", transaction=True),
    Point("claimed", "claimed, not started", Then.ON, "claim:after", transaction=True),
    Point("starting", "inside the start's transaction", Then.ON, "start:before", transaction=True),
    Point("started", "the start's COMMIT done, its answer unread", Then.DOUBT, "start:after", transaction=True),
    Point("unwritten", "started, nothing written", Then.DOUBT, "send:enter"),
    Point("connecting", "about to connect", Then.DOUBT, "connecting"),
    Point("greeting", "connected, no greeting yet", Then.DOUBT, fault=_silent("connect"), ways=LETTERS),
    Point("hello", "after EHLO", Then.DOUBT, fault=_silent("EHLO"), ways=LETTERS),
    Point("mail", "after MAIL", Then.DOUBT, fault=_silent("MAIL"), ways=LETTERS),
    Point("rcpt", "after RCPT", Then.DOUBT, fault=_silent("RCPT"), ways=LETTERS),
    Point("data", "after DATA", Then.DOUBT, fault=_silent("DATA"), ways=LETTERS),
    Point("text", "in the midst of the text", Then.DOUBT, fault=_silent("text"), ways=LETTERS),
    Point("dot", "after the final dot, not taken yet", Then.DOUBT, fault=_silent("body"), ways=LETTERS),
    Point("taken", "taken, unanswered", Then.DOUBT, fault=_silent("body", acted=True), public=1, ways=LETTERS),
    Point("uploading", "while uploading a picture", Then.DOUBT, fault=_silent("upload.photo"), ways=(VK_PICTURE,)),
    Point(
        "uploaded",
        "picture uploaded, before wall.post",
        Then.DOUBT,
        fault=_silent("photos.saveWallPhoto", acted=True),
        ways=(VK_PICTURE,),
    ),
    Point("wall", "wall.post written, not acted on", Then.DOUBT, fault=_silent("wall.post"), ways=(VK, VK_PICTURE)),
    Point(
        "posted",
        "wall.post acted on, unanswered",
        Then.DOUBT,
        fault=_silent("wall.post", acted=True),
        public=1,
        ways=(VK, VK_PICTURE),
    ),
    Point("call", "sendMessage written, not acted on", Then.DOUBT, fault=_silent("sendMessage"), ways=(TELEGRAM,)),
    Point(
        "shown",
        "sendMessage acted on, unanswered",
        Then.DOUBT,
        fault=_silent("sendMessage", acted=True),
        public=1,
        ways=(TELEGRAM,),
    ),
    Point("answered", "answer read, not recorded", Then.DOUBT, "send:leave", public=1),
    Point("recording", "inside the record's transaction", Then.DOUBT, "record:before", public=1, transaction=True),
    Point(
        "recorded", "the record's COMMIT done, its answer unread", Then.DONE, "record:after", public=1, transaction=True
    ),
    Point("closing", "all recorded, the channel is being closed", Then.DONE, "close:enter", public=1),
)


@dataclass(frozen=True)
class Special:
    """A point that has a test of its own."""

    words: str
    follows: str
    test: str


SPECIAL = (
    Special("between two parts of a long post", "the rest follows", "test_between_parts_the_rest_follows"),
    Special(
        "a part of a long post is started",
        "that part `unconfirmed`, the ones after it wait for a person's word",
        "test_a_part_in_doubt_keeps_the_next_ones_back",
    ),
    Special(
        "giving back at shutdown, inside its transaction and after it",
        "what waited goes out, what was on the wire is `unconfirmed`",
        "test_killed_while_giving_back",
    ),
    Special(
        "taking a slice of a list, inside its transaction and after it",
        "nobody left out, nobody twice",
        "test_killed_while_taking_slices",
    ),
    Special(
        "picking up what a dead worker left, inside its transaction and after it",
        "as if it had been the first to try",
        "test_killed_while_rescuing",
    ),
    Special(
        "holding a channel that refuses everybody, inside its transaction and after it",
        "in doubt like any attempt without a record, nothing public; the channel is asked again",
        "test_killed_while_holding_a_channel",
    ),
    Special(
        "opening a held channel again after a send, inside its transaction and after it",
        "in doubt like any attempt without a record, public once",
        "test_killed_while_opening_a_channel_again",
    ),
)


# The stage


@dataclass
class Stage:
    """One database with a desk, stand-ins, and a nursery for those who die."""

    outside: Outside
    desk: Desk
    nursery: Nursery
    url: str
    numbers: "count[int]"

    async def announce(self, way: Way, *, length: int = 0) -> int:
        self.outside.mail.pipelining = way.pipelining
        number = next(self.numbers)
        post = a_post(f"Точка {number}", length=length, picture=20 + number if way.picture else 0)
        return await announced(self.desk, post, [way.target], key=f"point {number}")

    async def start(self, way: Way, point: str = "", nth: int = 1, **job: object) -> Child:
        place = self.outside.place(self.url, way.channel, connections=way.connections, per_domain=way.per_domain)
        return await self.nursery.start(place, point=point, nth=nth, **job)

    async def dies(self, child: Child, when: Callable[[], bool] | None = None) -> None:
        """Wait for its death, or kill it `when` something is so; meanwhile the clock goes on."""
        async with asyncio.timeout(30):
            while not child.gone.is_set():
                if when is not None and when():
                    child.kill()
                await asyncio.sleep(0.01)
                if child.ready.is_set():
                    self.outside.clock.advance(LEASE / 600)
        assert child.killed, f"not killed but {child.status}: {self.nursery.told()}"
        await silence_of(self.desk)

    async def end(self, announcement: int, parts: int) -> list[tuple[DeliveryState, int]]:
        """Let a fresh worker go on until nothing is left; the states and attempts that came of it."""
        assert await deliver(self.desk, "fresh")
        verdict = await judged(self.desk, self.outside, {announcement: parts})
        assert verdict.fault == []
        assert self.outside.violations() == []
        rows = await self.rows(announcement)
        # Or the next worker would look at the wall for it, and post it again if it is not there.
        await broadcast.settle_all(self.desk, announcement, sent=True, by="test")
        assert await deliver(self.desk, "last")
        return rows

    async def is_recorded(self, announcement: int) -> None:
        """Wait until all of it is sent, and known to be."""
        async with asyncio.timeout(30):
            while {state for state, _ in await self.rows(announcement)} != {SENT}:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def is_held(self, way: Way) -> None:
        """Wait until the channel is held."""
        async with asyncio.timeout(30):
            while not await self._hold(way):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def _hold(self, way: Way) -> object:
        async with self.desk.database.reading() as tx:
            return await holds.hold_of(tx, way.channel)

    async def rows(self, announcement: int) -> list[tuple[DeliveryState, int]]:
        async with self.desk.database.reading() as tx:
            return [(one.state, one.attempts) for one in await find_deliveries(tx, announcement)]

    async def open_again(self, way: Way) -> None:
        """Leave no hold behind for the next test."""
        async with self.desk.database.writing() as tx:
            await holds.open_again(tx, way.channel)

    def public(self) -> int:
        return self.outside.public().total()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Outside, Nursery, Path]]:
    folder = tmp_path_factory.mktemp("points")
    async with an_outside(folder) as outside, a_nursery(folder) as nursery:
        yield outside, nursery, folder


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stages(
    world: tuple[Outside, Nursery, Path], databases: Databases
) -> AsyncIterator[Callable[[str], Awaitable[Stage]]]:
    """One stage for each kind of database, opened when it is first asked for."""
    outside, nursery, folder = world
    there: dict[str, Stage] = {}
    numbers = count(1)
    async with AsyncExitStack() as stack:

        async def stage_on(kind: str) -> Stage:
            if kind not in there:
                url = databases.migrated(kind, folder)
                desk = await stack.enter_async_context(opened_desk(outside.place(url)))
                await lists_stored(desk, {"single": ["a@one.example"], "many": MANY})
                there[kind] = Stage(outside, desk, nursery, url, numbers)
            outside.vk.faults.clear()
            outside.mail.faults.clear()
            outside.telegram.faults.clear()
            return there[kind]

        yield stage_on


@pytest_asyncio.fixture(loop_scope="module")
async def stage(database_kind: str, stages: Callable[[str], Awaitable[Stage]]) -> AsyncIterator[Stage]:
    stage = await stages(database_kind)
    yield stage
    await stage.nursery.kill_all()


MANY = tuple(f"m{number}@many.example" for number in range(7))


# At each point, in each channel


def _cases() -> list[Any]:
    return [pytest.param(point, way, id=f"{point.key}-{way.key}") for point in POINTS for way in point.ways]


def only_at_length(params: Mapping[str, Any]) -> bool:
    """The short form leaves out what differs little from what it takes: conftest.py asks for each case."""
    if "point" not in params:
        return params["database_kind"] != SQLITE and params.get("side") == "before"
    point, way = params["point"], params["way"]
    if params["database_kind"] != SQLITE:
        return not point.transaction or way is not PIPELINED
    return len(point.ways) == len(WAYS) and way in (VK_PICTURE, PLAIN)


@pytest.mark.parametrize(("point", "way"), _cases())
async def test_killed_at(stage: Stage, point: Point, way: Way) -> None:
    before = stage.public()
    if point.fault is not None:
        way.faults(stage.outside).add(*point.fault)
    number = await stage.announce(way)
    child = await stage.start(way, point.at)
    if point.key == "closing":
        await stage.is_recorded(number)
        child.kill(signal.SIGTERM)
    await stage.dies(child, None if point.fault is None else lambda: not way.faults(stage.outside).listing())
    assert stage.public() - before == point.public
    then = point.outcome(way)
    expected = {Then.ON: (SENT, 1), Then.DONE: (SENT, 1), Then.GUID: (SENT, 2), Then.DOUBT: (UNCONFIRMED, None)}[then]
    ((state, attempts),) = await stage.end(number, 1)
    assert (state, attempts if expected[1] else None) == expected
    assert stage.public() - before == (point.public if then is Then.DOUBT else 1)


# Points with a story


async def test_between_parts_the_rest_follows(stage: Stage) -> None:
    before = stage.public()
    number = await stage.announce(TELEGRAM, length=9000)
    await stage.dies(await stage.start(TELEGRAM, "record:after"))
    assert stage.public() - before == 1
    assert await stage.end(number, 3) == [(SENT, 1)] * 3


async def test_a_part_in_doubt_keeps_the_next_ones_back(stage: Stage) -> None:
    before = stage.public()
    number = await stage.announce(TELEGRAM, length=9000)
    await stage.dies(await stage.start(TELEGRAM, "send:leave", nth=2))
    assert stage.public() - before == 2
    assert await stage.end(number, 3) == [(SENT, 1), (UNCONFIRMED, 1), (FAILED, 0)]
    assert await stage.rows(number) == [(SENT, 1)] * 3  # after a person's word
    assert stage.public() - before == 3


BOTH_SIDES = pytest.mark.parametrize("side", ["before", "after"])


@BOTH_SIDES
async def test_killed_while_giving_back(stage: Stage, side: str) -> None:
    """Four letters are started, the others wait for their turn at the same mail host."""
    before = stage.public()
    stage.outside.mail.faults.add("body", Fault(Kind.HANGS, before=True))
    way = replace(PIPELINED, target="mail:many", connections=2, per_domain=1)
    number = await stage.announce(way)
    child = await stage.start(way, f"give_back:{side}")
    await eventually(lambda: not stage.outside.mail.faults.listing())
    child.kill(signal.SIGTERM)
    await stage.dies(child)
    assert sorted(await stage.end(number, len(MANY))) == [(SENT, 1)] * 3 + [(UNCONFIRMED, 1)] * 4
    assert stage.public() - before == 3


@BOTH_SIDES
@pytest.mark.parametrize("nth", [1, 2, 5])
async def test_killed_while_taking_slices(stage: Stage, side: str, nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven members in slices of two: three slices, a last one of one, and the end of the list."""
    before = stage.public()
    monkeypatch.setattr(filling, "AT_ONCE", 0)  # so that the release leaves the list to the worker
    number = await stage.announce(replace(PIPELINED, target="mail:many"))
    await stage.dies(await stage.start(PIPELINED, f"slice:{side}", nth, slice=2))
    states = [state for state, _ in await stage.end(number, len(MANY))]
    assert set(states) <= {SENT, UNCONFIRMED}  # some letters may have been on the wire already
    assert stage.public() - before <= len(MANY)


@BOTH_SIDES
async def test_killed_while_rescuing(stage: Stage, side: str) -> None:
    before = stage.public()
    number = await stage.announce(TELEGRAM)
    await stage.dies(await stage.start(TELEGRAM, "start:after"))
    stage.outside.clock.advance(2 * LEASE)
    await stage.dies(await stage.start(TELEGRAM, f"rescue:{side}"))
    assert await stage.end(number, 1) == [(UNCONFIRMED, 1)]
    assert stage.public() == before


CLOSED: Mapping[Way, str] = {TELEGRAM: "sendMessage", VK: "wall.post", PIPELINED: "MAIL"}
IN_EACH = pytest.mark.parametrize("way", [pytest.param(way, id=way.key) for way in CLOSED])


@BOTH_SIDES
@IN_EACH
async def test_killed_while_holding_a_channel(stage: Stage, way: Way, side: str) -> None:
    before = stage.public()
    way.faults(stage.outside).add(CLOSED[way], Fault(Kind.LOSES_RIGHTS))
    number = await stage.announce(way)
    await stage.dies(await stage.start(way, f"hold:{side}"))
    assert stage.public() == before
    ((state, _),) = await stage.end(number, 1)
    assert (state, stage.public() - before) == ((SENT, 1) if way is VK else (UNCONFIRMED, 0))
    await stage.open_again(way)


@BOTH_SIDES
@IN_EACH
async def test_killed_while_opening_a_channel_again(stage: Stage, way: Way, side: str) -> None:
    before = stage.public()
    way.faults(stage.outside).add(CLOSED[way], Fault(Kind.LOSES_RIGHTS))
    number = await stage.announce(way)
    child = await stage.start(way, f"reopen:{side}")
    await stage.is_held(way)
    stage.outside.clock.advance(2 * LEASE)
    await stage.dies(child)
    assert stage.public() == before + 1
    ((state, _),) = await stage.end(number, 1)
    assert (state, stage.public() - before) == (SENT if way is VK else UNCONFIRMED, 1)
    await stage.open_again(way)


# The table


def table() -> str:
    """The table of the document, as these tests know it."""
    head = ["the last thing done", *(way.known for way in WAYS)]
    lines = [f"| {' | '.join(head)} | test |", f"|{'---|' * (len(head) + 1)}"]
    for point in POINTS:
        cells = [point.outcome(way).value if way in point.ways else "–" for way in WAYS]
        lines.append(f"| {point.words} | {' | '.join(cells)} | `test_killed_at[…-{point.key}-…]` |")
    lines += ["", "| the last thing done | what follows | test |", "|---|---|---|"]
    lines += [f"| {each.words} | {each.follows} | `{each.test}` |" for each in SPECIAL]
    return "\n".join(lines) + "\n"


async def test_the_document_tells_what_these_tests_show() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8")
    assert [each.test for each in SPECIAL if each.test not in globals()] == []


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201
