"""How long from `rupor run` to `ready`, and how much memory does the service hold at rest?

Starts the real program several times against the Telegram stand-in. As a measure beside it, in the same run: the time
and the memory of a Python that only imports aiogram.

    python -m benchmarks.start [STARTS]
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.support import telegram_and_config

REST_SECONDS = 3
ONLY_AIOGRAM = "import aiogram, psutil; print(psutil.Process().memory_info().rss)"


async def one_start(path: Path) -> tuple[float, float]:
    """Return the seconds to `ready`, and the megabytes held after some rest."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "--config", str(path), "run", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    while b'"ready"' not in (line := await process.stderr.readline()):
        if not line:
            raise RuntimeError("the service ended before it was ready")
    seconds = time.perf_counter() - began
    await asyncio.sleep(REST_SECONDS)
    memory = psutil.Process(process.pid).memory_info().rss / 2**20
    process.terminate()
    await process.communicate()
    return seconds, memory


async def only_aiogram() -> tuple[float, float]:
    """Return the seconds and megabytes of importing aiogram and nothing else."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ONLY_AIOGRAM, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return time.perf_counter() - began, int(out) / 2**20


async def main(starts: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        async with telegram_and_config(Path(folder)) as (_tg, path):
            runs = [await one_start(path) for _ in range(starts + 1)][1:]
            bare = [await only_aiogram() for _ in range(starts)]
    seconds, memory = (statistics.median(values) for values in zip(*runs, strict=True))
    bare_seconds, bare_memory = (statistics.median(values) for values in zip(*bare, strict=True))
    print(f"median of {starts} starts:")
    print(f"  to ready      {seconds:.2f} s   ({seconds / bare_seconds:.1f} x importing aiogram, {bare_seconds:.2f} s)")
    print(f"  memory at rest {memory:.0f} MB  ({memory / bare_memory:.1f} x importing aiogram, {bare_memory:.0f} MB)")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
