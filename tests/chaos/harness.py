"""A worker that may be killed: `python -m tests.chaos.harness` imports everything once, then forks a worker for each
job, so that a life costs milliseconds.

Jobs come as lines of JSON on standard input; what is told of them goes out as lines of JSON on standard output:
{"pid": …} for each job, then {"pid": …, "said": …}, then {"pid": …, "status": …} with the wait status. When the input
ends, everybody is killed.
"""

import asyncio
import json
import logging
import os
import select
import signal
import sys
from typing import Any, NoReturn

import structlog

from channels.light_aiogram import load

load()

import channels.email.channel  # noqa: E402
import channels.telegram.channel  # noqa: E402
import channels.vk.channel  # noqa: E402, F401
from delivery import lane, ledger, worker  # noqa: E402
from delivery.store import filling  # noqa: E402
from tests.chaos.place import Place, a_worker, deliver, opened_desk  # noqa: E402
from tests.chaos.tripwire import Points, Tripwire  # noqa: E402

UNFINISHED = 3


def hurry() -> None:
    """Rest less than a service would between two looks at the queue."""
    worker._REST_SECONDS, worker._FAULT_REST_SECONDS = 0.02, 0.05
    lane._SHORT_REST_SECONDS, ledger._RETRY_SECONDS = 0.02, 0.02


def speak_plainly() -> None:
    """Log warnings and worse to standard error, without the beauty that takes time."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
    )


def _say(**what: Any) -> None:
    os.write(1, json.dumps({"pid": os.getpid(), **what}).encode() + b"\n")


async def _live(job: dict[str, Any]) -> int:
    place = Place.unpacked(job["place"])
    async with opened_desk(place) as desk:
        if "call" in job:
            wire = Tripwire(deadly=True)
            wire.arm(job["call"], job["moment"])
            with wire.laid():
                done = await deliver(desk, job["name"])
            return 0 if done else UNFINISHED
        if "slice" in job:
            filling.take_slice.__kwdefaults__ = {"most": job["slice"]}
        if "point" in job:
            Points(job["point"], job.get("nth", 1)).install(desk)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        _say(said="ready")
        await a_worker(desk, job["name"]).run(stop)
    return 0


def _work(job: dict[str, Any]) -> NoReturn:
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = asyncio.run(_live(job))
    except BaseException:
        logging.exception("the worker failed")
    finally:
        os._exit(code)
    raise AssertionError("unreachable")


def main() -> None:
    """Wait for jobs."""
    speak_plainly()
    hurry()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    alive: set[int] = set()
    begun = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            for pid in list(alive):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    alive.discard(pid)
                    os.write(1, json.dumps({"pid": pid, "status": status}).encode() + b"\n")
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                break
            *jobs, begun = (begun + read).split(b"\n")
            for job in map(json.loads, jobs):
                pid = os.fork()
                if pid == 0:
                    os.close(woken)
                    os.close(wake)
                    _work(job)
                alive.add(pid)
                os.write(1, json.dumps({"pid": pid, "job": job["name"]}).encode() + b"\n")
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
