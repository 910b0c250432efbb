"""One worker in a process of its own, as `rupor worker` runs it, for the benchmarks to start and to measure.

Reads "go" and "stop" from its standard input; writes "ready", and at the end what it spent. `--profile FILE` samples
where the time between the two goes.

    python -m benchmarks.sender CONFIG [--profile FILE]
"""

import asyncio
import json
import resource
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from benchmarks.office import load
from benchmarks.sampling import sampled
from benchmarks.support import quiet
from bot.opening import opened_desk
from bot.working import a_worker, attend


async def main(path: Path, profile: Path | None) -> None:
    """Wait, send, and tell what it took."""
    settings = load(path)
    async with opened_desk(settings) as desk:
        worker = a_worker(settings, desk, on_change=lambda: None)
        stop = asyncio.Event()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began = time.process_time()
        with sampled(profile) if profile else nullcontext():
            async with asyncio.TaskGroup() as group:
                group.create_task(attend(settings, desk, stop, worker.poke))
                group.create_task(worker.run(stop))
                await asyncio.to_thread(sys.stdin.readline)
                spent = time.process_time() - began
                stop.set()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": spent, "peak": peak}), flush=True)


if __name__ == "__main__":
    quiet()
    words = sys.argv[1:]
    asyncio.run(main(Path(words[0]), Path(words[2]) if words[1:2] == ["--profile"] else None))
