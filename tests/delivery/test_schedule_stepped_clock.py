"""The machine's clock is stepped by hours while a scheduler runs: a real process under libfaketime.

libfaketime is found on the system or fetched with `apt-get download`, without installing it; where neither works the
test is left out, and `test_schedule_catch_up.py` shows the same with an injected clock.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from delivery.database import Database
from delivery.desk import Desk
from delivery.scheduler import Scheduler
from tests.delivery.builders import Scripted
from tests.delivery.plans import MISSED, RELEASED, Plan, a_plan, happened, sent_out, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.one_database]

ROOT = Path(__file__).parents[2]
WITHIN = 60.0


async def _serve(url: str) -> None:
    """What is run under the false clock."""
    desk = Desk(Database(url), {"wall": Scripted("@wall")}, lambda: datetime.now(UTC), ZoneInfo("Europe/Moscow"))
    await Scheduler(desk).run(asyncio.Event())


def _found(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("usr/lib/*/faketime/libfaketime.so.1"))), None)


@pytest.fixture(scope="session")
def libfaketime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that tells a process a false time."""
    if there := _found(Path("/")):
        return there
    folder = tmp_path_factory.mktemp("faketime")
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        commands = (["apt-get", "download", "-qq", "libfaketime"], ["sh", "-c", "dpkg-deb -x libfaketime*.deb ."])
        for command in commands:
            subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
    return _found(folder) or pytest.skip("no libfaketime")


class Machine:
    """Where the scheduler runs. Its clock differs from ours by `offset`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.offset = timedelta(0)
        self.step(hours=0)

    def step(self, *, hours: float) -> None:
        """Set the clock ahead, or back."""
        self.offset += timedelta(hours=hours)
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.offset.total_seconds():+.0f}\n")
        new.replace(self._file)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@asynccontextmanager
async def scheduling(machine: Machine, library: Path, file: Path, url: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        url,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # as on a real machine
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await holds():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def test_a_machine_whose_clock_is_stepped_by_hours_goes_on_and_repeats_nothing(
    desk: Desk, migrated_url: str, libfaketime: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clock"
    machine = Machine(file)
    desk = Desk(desk.database, desk.channels, machine.now, desk.zone)

    async def goes_out(plan: Plan, times: int = 1) -> None:
        async def enough() -> bool:
            return await sent_out(desk, plan) >= times

        await until(enough)

    async with scheduling(machine, libfaketime, file, migrated_url):
        first = await a_plan(desk, at=machine.now() + timedelta(seconds=3))
        hourly = await a_plan(desk, cron="0 * * * *")
        await goes_out(first)
        machine.step(hours=-3)
        behind = await a_plan(desk, at=machine.now() + timedelta(seconds=3))
        await goes_out(behind)
        machine.step(hours=3 + 5)
        await goes_out(hourly)
        machine.step(hours=-6)
        again = await a_plan(desk, at=machine.now() + timedelta(seconds=3))
        await goes_out(again)
    assert [await sent_out(desk, plan) for plan in (first, behind, again)] == [1, 1, 1]
    became = await happened(desk, hourly)
    assert list(became) == [min(became) + n * timedelta(hours=1) for n in range(len(became))]
    assert len(became) >= 5
    assert await sent_out(desk, hourly) == list(became.values()).count(RELEASED)
    missed = sum(news.count for news in await told(desk) if news.schedule_id == hourly.schedule)
    assert missed == list(became.values()).count(MISSED)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
