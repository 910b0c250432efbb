"""Does a million recipients cost more than ten thousand, and does everything else still answer meanwhile?

One service's process (database, worker, all features on) releases a small broadcast and then a very large one. Prints:

- how long the large release takes until every delivery has its row, and how long the bot's own small writes and a
  `status` take meanwhile, each tried every 0.1 s;
- what a letter of the large broadcast costs compared with one of the small broadcast, and `status` while it runs;
- how soon the first letter of an urgent broadcast has left while the large one runs;
- how soon the last letter leaves after a pause, and after a cancellation;
- the peak of the process's memory.

    python -m benchmarks.million [--recipients N] [--database sqlite|postgres]
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from benchmarks.office import LETTER, a_list, load, new_database, until_sent, write_config
from benchmarks.relays import sink, sink_name
from benchmarks.support import note, quiet
from bot.opening import opened_desk
from bot.working import a_worker, attend
from delivery import broadcast, report
from delivery.desk import Desk
from delivery.store import filling, talks
from delivery.store.dialect import statement

SMALL = 10_000
URGENT = 10
_OVERTAKINGS = 5
_TRY_EVERY = 0.1
# Counted between these two, so that opening connections and the last stragglers count for neither.
_FROM, _UP_TO = 1_000, 9_000
_LAST_LETTER_WITHIN = 3.0  # seconds
_WATCHED_FOR = 5.0

Probe = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long something took, in milliseconds, each time it was tried."""

    times: Sequence[float]

    def __str__(self) -> str:
        if len(self.times) < 2:
            return "too few tries"
        return f"p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms, max {max(self.times):.1f} ms of {len(self.times)}"

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        """What one of twenty exceeds."""
        return statistics.quantiles(self.times, n=20, method="inclusive")[-1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one letter, in milliseconds: by the clock on the wall, and of this process's processor time."""

    wall: float
    cpu: float


# Watching


async def _tried(probe: Probe, times: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await probe()
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(_TRY_EVERY)


@asynccontextmanager
async def watched(*probes: Probe) -> AsyncIterator[list[Waits]]:
    """Try each of these again and again during the block; the list is filled when it ends."""
    found: list[Waits] = []
    times: list[list[float]] = [[] for _ in probes]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_tried(probe, taken)) for probe, taken in zip(probes, times, strict=True)]
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
    found += [Waits(taken) for taken in times]


def small_write(desk: Desk) -> Probe:
    """Return what the bot does at every step of a talk."""

    async def write() -> None:
        async with desk.database.writing() as tx:
            await talks.write(tx, "benchmark", state="composing")

    return write


def status(desk: Desk, number: int) -> Probe:
    """Return what `status` asks the database."""

    async def ask() -> None:
        async with desk.database.reading() as tx:
            assert await report.of(tx, number) is not None

    return ask


async def _cost(desk: Desk, broadcast_id: int) -> Cost:
    await until_sent(desk, broadcast_id, _FROM)
    letters, began, cpu = await _count(desk, broadcast_id), time.perf_counter(), time.process_time()
    await until_sent(desk, broadcast_id, _UP_TO)
    letters = await _count(desk, broadcast_id) - letters
    return Cost((time.perf_counter() - began) / letters * 1000, (time.process_time() - cpu) / letters * 1000)


async def _count(desk: Desk, broadcast_id: int) -> int:
    async with desk.database.reading() as tx:
        counted = text("SELECT coalesce(sum(sent), 0) FROM progress WHERE broadcast_id = :id")
        return int((await tx.execute(counted, {"id": broadcast_id})).scalar_one())


# Doing


async def _released(desk: Desk, target: str, *, urgent: bool = False) -> tuple[int, int]:
    """Release a letter to a list. Returns the announcement and the broadcast."""
    number = await broadcast.draft(desk, LETTER, author="benchmark", targets=[f"mail:{target}"], urgent=urgent)
    return number, (await broadcast.release(desk, number, by="benchmark")).broadcast_id


async def _filled(desk: Desk) -> None:
    while True:
        async with desk.database.reading() as tx:
            if not await filling.any_left(tx):
                return
        await asyncio.sleep(0.05)


async def _overtaking(desk: Desk, poke: Callable[[], None]) -> float:
    """Return the seconds from an urgent release until its first letter has left and is on record."""
    began = time.perf_counter()
    _number, urgent = await _released(desk, "urgent", urgent=True)
    poke()
    await until_sent(desk, urgent, 1, look_every=0.005)
    return time.perf_counter() - began


_LAST_LEFT = """
SELECT max(a.ended_at) FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.broadcast_id = :id
"""


async def _stopping(desk: Desk, broadcast_id: int, stop: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the seconds that the call took, and those from the call until the last letter was on record."""
    called, began = desk.now(), time.perf_counter()
    await stop()
    answered = time.perf_counter() - began
    await asyncio.sleep(_LAST_LETTER_WITHIN)
    async with desk.database.reading() as tx:
        found = (await tx.execute(statement(tx, _LAST_LEFT), {"id": broadcast_id})).scalar_one()
    last = datetime.fromisoformat(found) if isinstance(found, str) else found
    last = last.replace(tzinfo=last.tzinfo or called.tzinfo)
    return answered, max(0.0, (last - called).total_seconds())


async def measure(desk: Desk, poke: Callable[[], None], recipients: int) -> None:
    """Go through all of it, printing."""
    for key, count in (("small", SMALL), ("large", recipients), ("urgent", URGENT)):
        await a_list(desk, key, count)

    _number, small = await _released(desk, "small")
    poke()
    of_few = await _cost(desk, small)
    await until_sent(desk, small, SMALL)

    await broadcast.draft(desk, LETTER, author="benchmark", targets=["mail:large"])
    began = time.perf_counter()
    number, large = await _released(desk, "large")
    await broadcast.pause(desk, number)  # what is measured first is the release alone
    poke()
    async with watched(small_write(desk), status(desk, number)) as waits:
        await _filled(desk)
        seconds = time.perf_counter() - began
    print(f"release of {recipients:,}: {seconds:.1f} s")
    print(f"  a small write meanwhile: {waits[0]}\n  status meanwhile: {waits[1]}", flush=True)
    note("million.release", seconds)
    note("million.write", waits[0].p95)

    await broadcast.resume(desk, number)
    poke()
    of_many = await _cost(desk, large)
    async with watched(small_write(desk), status(desk, number)) as waits:
        await asyncio.sleep(_WATCHED_FOR)
    ratios = of_many.cpu / of_few.cpu, of_many.wall / of_few.wall
    print(f"a letter of {recipients:,} ÷ one of {SMALL:,}: {ratios[0]:.2f} in processor time, {ratios[1]:.2f} in time")
    print(f"  {of_many.cpu:.3f} and {of_few.cpu:.3f} ms of the processor, {of_many.wall:.3f} and {of_few.wall:.3f} ms")
    print(f"status while it runs: {waits[1]}\n  a small write: {waits[0]}", flush=True)
    note("million.cost.cpu", ratios[0])
    note("million.cost.wall", ratios[1])
    note("million.status", waits[1].p95)

    overtakings = [await _overtaking(desk, poke) for _ in range(_OVERTAKINGS)]
    print(
        f"urgent, until its first letter has left: median {statistics.median(overtakings):.2f} s, "
        f"max {max(overtakings):.2f} s of {len(overtakings)}",
        flush=True,
    )
    note("million.urgent", max(overtakings))

    for word, stop in (("pause", broadcast.pause), ("cancel", broadcast.cancel)):
        answered, last = await _stopping(desk, large, lambda stop=stop: stop(desk, number))  # type: ignore[misc]
        print(f"{word}: answered in {answered * 1000:.0f} ms, the last letter left after {last:.2f} s", flush=True)
        note(f"million.{word}", max(answered, last))
        if word == "pause":
            await broadcast.resume(desk, number)
            poke()
            await until_sent(desk, large, await _count(desk, large) + 500)


async def service(path: Path, recipients: int) -> None:
    """Be the service, and measure it from inside."""
    settings = load(path)
    async with opened_desk(settings) as desk:
        worker = a_worker(settings, desk, on_change=lambda: None)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(attend(settings, desk, stop, worker.poke))
            group.create_task(worker.run(stop))
            try:
                await measure(desk, worker.poke, recipients)
            finally:
                stop.set()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")
    note("million.peak", peak)


async def main(kind: str, recipients: int) -> None:
    """Start the service in a process of its own, so that its peak of memory is its own as well."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, _server = await stack.enter_async_context(new_database(kind, folder))
        path = write_config(folder, url, await stack.enter_async_context(sink()))
        print(f"{kind}, {sink_name()}", flush=True)
        words = [sys.executable, "-m", "benchmarks.million", "--service", str(path), "--recipients", str(recipients)]
        process = await asyncio.create_subprocess_exec(*words)
        try:
            if await process.wait():
                raise RuntimeError("the service failed")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


if __name__ == "__main__":
    quiet()
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("--service", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    asyncio.run(
        service(chosen.service, chosen.recipients) if chosen.service else main(chosen.database, chosen.recipients)
    )
