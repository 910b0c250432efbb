"""How fast do letters leave, each with its own tracked row?

Each scenario lets workers (`benchmarks.sender`, a process each, all features on) send a released broadcast to a sink,
and lets a generator that does nothing but speak SMTP send as many letters of the same size to the same sink, before
and after. Prints letters per second, the ratio of the two, processor seconds per 1,000 letters and the peak of memory.

    python -m benchmarks.letters [SCENARIO…] [--letters N]
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.office import (
    CONNECTIONS,
    LETTER,
    a_list,
    cpu_of_server,
    given_letters,
    load,
    new_database,
    with_file,
    write_config,
)
from benchmarks.relays import far_away, flood, generator_name, sink, sink_name, weigh
from benchmarks.support import note, quiet
from bot.opening import opened_desk
from channels.contract import Post
from delivery import broadcast
from delivery.desk import Desk
from delivery.worker import Worker


@dataclass(frozen=True, slots=True)
class Scenario:
    """One question. `attached` is a file's octets on the wire, `distance` seconds there and back."""

    title: str
    database: str = "sqlite"
    letters: int = 10_000
    attached: int = 0
    distance: float = 0.0
    workers: int = 1
    compared: bool = True


SCENARIOS = {
    "sqlite": Scenario("SQLite"),
    "postgres": Scenario("Postgres", database="postgres"),
    "large": Scenario("SQLite, 300 KB letters", letters=3_000, attached=282_000),
    "far": Scenario("SQLite, a relay 20 ms away", letters=5_000, distance=0.02, compared=False),
    "two": Scenario("Postgres, 2 workers", database="postgres", workers=2, compared=False),
    "four": Scenario("Postgres, 4 workers", database="postgres", workers=4, compared=False),
    "eight": Scenario("Postgres, 8 workers", database="postgres", workers=8, compared=False),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one scenario brought. `reference` is the generator's letters a second, `peak` in MB, `size` in octets."""

    letters: int
    seconds: float
    cpu: float
    server_cpu: float
    peak: float
    size: int
    reference: float | None

    @property
    def rate(self) -> float:
        """Letters a second."""
        return self.letters / self.seconds


async def measure(scenario: Scenario, letters: int) -> Figures:
    """Run one scenario."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, server = await stack.enter_async_context(new_database(scenario.database, folder))
        near = await stack.enter_async_context(sink())
        port = near
        if scenario.distance:
            port = await stack.enter_async_context(far_away(near, there_and_back=scenario.distance))
        path = write_config(folder, url, port)
        desk = await stack.enter_async_context(opened_desk(load(path)))
        post = await with_file(desk, LETTER, scenario.attached) if scenario.attached else LETTER
        size = await _size(desk, post, folder, url)
        rates = [await _reference(near, letters, size)] if scenario.compared else []

        number = await released(desk, post, letters)
        before = cpu_of_server(server)
        seconds, shares = await given_letters(desk, number, [path] * scenario.workers)
        server_cpu = cpu_of_server(server) - before

        rates += [await _reference(near, letters, size)] if scenario.compared else []
    return Figures(
        letters=letters,
        seconds=seconds,
        cpu=sum(share.cpu for share in shares),
        server_cpu=server_cpu,
        peak=max(share.peak for share in shares),
        size=size,
        reference=statistics.mean(rates) if rates else None,
    )


async def released(desk: Desk, post: Post, letters: int) -> int:
    """Release the post to a new list of so many people; all deliveries wait in the queue."""
    key = f"list{letters}"
    await a_list(desk, key, letters)
    number = await broadcast.draft(desk, post, author="benchmark", targets=[f"mail:{key}"])
    found = (await broadcast.release(desk, number, by="benchmark")).broadcast_id
    worker = Worker(desk, name="benchmark")
    while await worker.fill():
        pass
    return found


async def _size(desk: Desk, post: Post, folder: Path, url: str) -> int:
    """Return how large a letter is on the wire."""
    number = await released(desk, post, 1)

    async def send_one(port: int) -> None:
        await given_letters(desk, number, [write_config(folder, url, port)])

    return await weigh(send_one)


async def _reference(port: int, letters: int, size: int) -> float:
    return (await flood(port, letters, size, connections=CONNECTIONS)).rate


def _print(scenario: Scenario, figures: Figures) -> None:
    thousand = figures.letters / 1000
    print(f"{scenario.title}: {figures.letters:,} letters of {figures.size:,} octets")
    print(f"  {figures.rate:,.0f} letters/s in {figures.seconds:.2f} s", end="")
    if figures.reference:
        print(
            f"; {generator_name()} {figures.reference:,.0f} letters/s; ratio {figures.rate / figures.reference:.2f}",
            end="",
        )
    print(f"\n  processor seconds per 1,000: {figures.cpu / thousand:.3f}", end="")
    if figures.server_cpu:
        print(f", and {figures.server_cpu / thousand:.3f} in Postgres", end="")
    print(f"; peak memory {figures.peak:.0f} MB", flush=True)


def _remember(name: str, figures: Figures) -> None:
    note(f"letters.{name}.rate", figures.rate)
    note(f"letters.{name}.cpu", figures.cpu / figures.letters * 1000)
    note(f"letters.{name}.peak", figures.peak)
    if figures.reference:
        note(f"letters.{name}.ratio", figures.rate / figures.reference)


async def main(names: Sequence[str], letters: int) -> None:
    """Measure and print."""
    print(f"{CONNECTIONS} connections to {sink_name()}, beside {generator_name()}")
    for name in names or SCENARIOS:
        scenario = SCENARIOS[name]
        figures = await measure(scenario, letters or scenario.letters)
        _print(scenario, figures)
        _remember(name, figures)


if __name__ == "__main__":
    quiet()
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--letters", type=int, default=0)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.scenarios, chosen.letters))
