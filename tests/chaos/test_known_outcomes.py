"""What a living worker knows of a send must reach the record, whatever else it has to write down at that moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.store import holds, queue
from delivery.store.deliveries import find as find_deliveries
from delivery.store.media import Media
from sandbox.faults import Fault, Kind
from tests.chaos.outside import Outside, a_post, an_outside, announced, lists_stored
from tests.chaos.place import a_worker, deliver, opened_desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quick")

MEMBERS = tuple(f"a{number:02}@one.example" for number in range(60))


@dataclass
class Stage:
    outside: Outside
    desk: Desk

    async def ends(self, words: str, target: str, *, picture: int = 0) -> tuple[set[DeliveryState], int]:
        """Announce, deliver until nothing is left; the states that came of it, and how much is public."""
        number = await announced(self.desk, a_post(words, picture=picture), [target], key=words)
        complaints: list[str] = []
        assert await deliver(self.desk, "only", complaints=complaints)
        assert complaints == []
        async with self.desk.database.reading() as tx:
            states = {one.state for one in await find_deliveries(tx, number)}
        return states, self.outside.public().total()


@pytest.fixture
async def stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with (
        an_outside(tmp_path) as outside,
        opened_desk(outside.place(migrated_url, connections=2, per_domain=1)) as desk,
    ):
        await lists_stored(desk, {"all": MEMBERS})
        yield Stage(outside, desk)


def stumbles_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    """Let the database be away at one call of a function of the store. What is returned says whether it came."""
    work = getattr(owner, name)
    stumbled: list[str] = []

    async def stumbling(*arguments: Any, **options: Any) -> Any:
        if not stumbled:
            stumbled.append(name)
            raise ConnectionRefusedError(111, "Connection refused")
        return await work(*arguments, **options)

    monkeypatch.setattr(owner, name, stumbling)
    return stumbled


async def test_a_refusal_is_recorded_although_the_hold_is_not(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.outside.telegram.faults.add("sendMessage", Fault(Kind.LOSES_RIGHTS))
    stumbled = stumbles_once(monkeypatch, holds, "close")
    assert await stage.ends("Собрание", "tg") == ({DeliveryState.SENT}, 1)
    assert stumbled


async def test_a_receipt_is_recorded_although_the_channel_stays_held(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.outside.telegram.faults.add("sendMessage", Fault(Kind.LOSES_RIGHTS))
    stumbled = stumbles_once(monkeypatch, holds, "open_again")
    assert await stage.ends("Собрание", "tg") == ({DeliveryState.SENT}, 1)
    assert stumbled


async def test_a_refusal_is_recorded_although_the_rest_is_not_given_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.outside.mail.faults.add("MAIL", Fault(Kind.LOSES_RIGHTS))
    stumbled = stumbles_once(monkeypatch, queue, "give_back")
    assert await stage.ends("Собрание", "mail:all") == ({DeliveryState.SENT}, len(MEMBERS))
    assert stumbled


async def test_what_is_on_the_wire_is_heard_to_the_end_although_the_rest_is_not_given_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a service: one letter is under way, another one of the same mail host waits for its turn."""
    faults = stage.outside.mail.faults
    faults.add("body", Fault(Kind.DELAYS, seconds=1))
    stumbled = stumbles_once(monkeypatch, queue, "give_back")
    number = await announced(stage.desk, a_post("Собрание"), ["mail:all"], key="ends")
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(a_worker(stage.desk, "ending").run(stop))
        await eventually(lambda: not faults.listing())
        stop.set()
    assert stumbled
    async with stage.desk.database.reading() as tx:
        rows = await find_deliveries(tx, number)
    assert DeliveryState.UNCONFIRMED not in {one.state for one in rows}


@pytest.mark.parametrize("target", ["tg", "vk", "mail:all"])
async def test_a_picture_that_cannot_be_read_now_leaves_no_doubt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    stumbled = stumbles_once(monkeypatch, Media, "_content")
    public = len(MEMBERS) if target == "mail:all" else 1
    assert await stage.ends("Собрание", target, picture=20) == ({DeliveryState.SENT}, public)
    assert stumbled
