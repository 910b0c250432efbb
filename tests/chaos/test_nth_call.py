"""A mixed broadcast with its 1st, 2nd, … call of the database or write on the wire failing, until none is reached.

As SQLite's authors test what happens when memory runs out: each place where something may fail does so once, by an
error or by the death of the process. Then a fresh worker goes on. Whatever the place, nothing is lost, doubled or
silent, and no more is in doubt than was in flight: nothing at all, where the process lived to know better.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from delivery.desk import Desk
from tests.chaos.nursery import a_nursery
from tests.chaos.outside import Outside, Verdict, an_outside, in_flight, judged, lists_stored, mixed, silence
from tests.chaos.place import deliver, opened_desk
from tests.chaos.tripwire import Moment, Tripwire
from tests.support.databases import SQLITE, Databases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.usefixtures("quick")]

MOMENTS = pytest.mark.parametrize("moment", ["before", "after"])
PIPELINING = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "plain"])


def only_at_length(params: Mapping[str, object]) -> bool:
    """The short form takes the worse of two moments, and a pipelined line."""
    return params.get("pipelining") is False or params["moment"] == "before"


def numbers(stride: int) -> Iterator[int]:
    """1, 2, … in strides."""
    return iter(range(1, 10_000, stride))


@asynccontextmanager
async def a_stage(
    url: str, folder: Path, *, wired: bool = False, pipelining: bool = True
) -> AsyncIterator[tuple[Outside, Desk]]:
    """The stand-ins, and a desk with the lists of the broadcast."""
    async with an_outside(folder, wired=wired, pipelining=pipelining) as outside:
        async with opened_desk(outside.place(url)) as desk:
            await lists_stored(desk)
            yield outside, desk
        assert outside.violations() == []


@MOMENTS
async def test_a_failing_call_of_the_database(
    migrated_url: str, tmp_path: Path, moment: Moment, at_length: bool, count: Callable[[str], None]
) -> None:
    runs, total, wire = -1, Verdict(), Tripwire()
    async with a_stage(migrated_url, tmp_path) as (outside, desk):
        with wire.laid():
            for n in numbers(1 if at_length else 89 if migrated_url.startswith(SQLITE) else 149):
                runs += 1
                complaints: list[str] = []
                await desk.database.engine.dispose()  # so that connecting is among what may fail
                wire.arm(n, moment)
                expected = await mixed(desk, outside, f"{n}", n, small=not at_length)
                await deliver(desk, "first", jumps=2, complaints=complaints)
                where, reached = f"call {n}, {wire.told}", wire.tripped
                wire.arm(0, moment)
                assert await deliver(desk, "second", complaints=complaints), where
                verdict = await judged(desk, outside, expected)
                assert (verdict.fault, verdict.unconfirmed, complaints) == ([], 0, []), where
                total += verdict
                if not reached:
                    break
    count(f"{runs:,} failing calls ({moment}), {total.line()}")


@MOMENTS
async def test_killed_at_a_call_of_the_database(
    migrated_url: str, tmp_path: Path, moment: Moment, at_length: bool, count: Callable[[str], None]
) -> None:
    runs, total, flying = -1, Verdict(), 0
    async with a_stage(migrated_url, tmp_path) as (outside, desk), a_nursery(tmp_path) as nursery:
        place = outside.place(migrated_url)
        for n in numbers(1 if at_length else 97):
            runs += 1
            expected = await mixed(desk, outside, f"{n}", n, small=not at_length)
            child = await nursery.start(place, call=n, moment=moment)
            code = await child.ended()
            assert code in (0, -9), nursery.told()
            await silence(desk)
            begun = await in_flight(desk)
            assert await deliver(desk, "second"), f"call {n}"
            verdict = await judged(desk, outside, expected)
            assert verdict.fault == [], f"call {n}"
            assert verdict.unconfirmed <= begun, f"call {n}"
            total, flying = total + verdict, flying + begun
            if code == 0:
                break
    count(f"{runs:,} kills at a call ({moment}), {total.line()} (in flight {flying})")


@MOMENTS
@PIPELINING
@pytest.mark.sqlite
async def test_a_cut_at_a_write_on_the_wire(
    databases: Databases,
    tmp_path: Path,
    moment: Moment,
    pipelining: bool,
    at_length: bool,
    count: Callable[[str], None],
) -> None:
    runs, total = -1, Verdict()
    url = databases.migrated(SQLITE, tmp_path)
    async with a_stage(url, tmp_path, wired=True, pipelining=pipelining) as (outside, desk):
        for n in numbers(1 if at_length else 19):
            runs += 1
            complaints: list[str] = []
            outside.wires.trip_at(n, moment)
            expected = await mixed(desk, outside, f"{n}", n, small=not at_length)
            assert await deliver(desk, "first", complaints=complaints), f"write {n}"
            verdict = await judged(desk, outside, expected)
            assert (verdict.fault, complaints) == ([], []), f"write {n}"
            assert verdict.unconfirmed <= 1, f"write {n}"
            total += verdict
            if not outside.wires.tripped:
                break
    count(f"{runs:,} cuts at a write ({moment}), {total.line()}")


@MOMENTS
@PIPELINING
@pytest.mark.sqlite
async def test_killed_at_a_write_on_the_wire(
    databases: Databases,
    tmp_path: Path,
    moment: Moment,
    pipelining: bool,
    at_length: bool,
    count: Callable[[str], None],
) -> None:
    runs, total, flying = -1, Verdict(), 0
    url = databases.migrated(SQLITE, tmp_path)
    async with (
        a_stage(url, tmp_path, wired=True, pipelining=pipelining) as (outside, desk),
        a_nursery(tmp_path) as nursery,
    ):
        place = outside.place(url)
        for n in numbers(1 if at_length else 29):
            runs += 1
            expected = await mixed(desk, outside, f"{n}", n, small=not at_length)
            child = await nursery.start(place, call=0, moment=moment)
            outside.wires.trip_at(n, moment, child.kill)
            code = await child.ended()
            assert code in (0, -9), nursery.told()
            begun = await in_flight(desk)
            outside.wires.trip_at(0, moment)
            assert await deliver(desk, "second"), f"write {n}"
            verdict = await judged(desk, outside, expected)
            assert verdict.fault == [], f"write {n}"
            assert verdict.unconfirmed <= begun, f"write {n}"
            total, flying = total + verdict, flying + begun
            if code == 0:
                break
    count(f"{runs:,} kills at a write ({moment}), {total.line()} (in flight {flying})")
