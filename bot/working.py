"""Delivery by itself: a worker over every channel, what goes on beside it, and how a process is told to stop.

Knows nothing of the bot.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.config import Settings
from bot.opening import opened_desk
from delivery.clock import DatabaseClock
from delivery.desk import Desk
from delivery.wakeup import Listener
from delivery.worker import Worker

__all__ = ["a_worker", "attend", "stop_on_signals", "work"]

_log = structlog.get_logger()


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver, and nothing else, until `stop`. Raises StartError."""
    async with opened_desk(settings) as desk:
        worker = a_worker(settings, desk, on_change=lambda: None)
        async with asyncio.TaskGroup() as group:
            group.create_task(attend(settings, desk, stop, worker.poke))
            group.create_task(worker.run(stop))
            _log.info("ready", kind="worker")


async def attend(settings: Settings, desk: Desk, stop: asyncio.Event, on_word: Callable[[], None]) -> None:
    """Keep the desk's clock right and hear of work that other processes make, until `stop`. No fault leaves here.

    On SQLite there is neither to do.
    """
    async with asyncio.TaskGroup() as group:
        if isinstance(desk.now, DatabaseClock):
            group.create_task(desk.now.keep(stop))
        if address := settings.database.listening_at():
            group.create_task(Listener(address.get_secret_value(), on_word).run(stop))


def a_worker(settings: Settings, desk: Desk, on_change: Callable[[], None]) -> Worker:
    """Make this process's worker."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    lease = timedelta(seconds=settings.delivery.lease_seconds)
    return Worker(desk, name=name, lease=lease, on_change=on_change)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal ends the process at once.

    A handler is needed at all because a process with id 1, as in a container, ignores signals without one.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)  # what was on the wire is settled by the next start, as after any crash
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin, number)
    return stop
