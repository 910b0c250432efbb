"""Repeats a step until it is told to stop, and rests when the step found nothing to do."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from delivery.database import is_away

__all__ = ["rounds"]

_log = structlog.get_logger()
_FAULT_REST_SECONDS = 3.0


async def rounds(
    name: str,
    step: Callable[[], Awaitable[bool]],
    wake: asyncio.Event,
    stop: asyncio.Event,
    rest: Callable[[], Awaitable[float]],
) -> None:
    """Take steps until `stop`. A step that did nothing is followed by `rest` seconds, or less when `wake` is set."""
    while not stop.is_set():
        wake.clear()
        try:
            pause = 0.0 if await step() else await rest()
        except Exception as error:  # noqa: BLE001 - the next round tries again
            pause = _FAULT_REST_SECONDS
            if is_away(error):
                _log.warning("waits_for_database", part=name, error=str(error))
            else:
                _log.exception("step_failed", part=name)
        if pause:
            await _either(wake, stop, pause)


async def _either(wake: asyncio.Event, stop: asyncio.Event, seconds: float) -> None:
    """Wait for one of two events, or a time."""
    async with asyncio.TaskGroup() as group:
        waiting = {group.create_task(wake.wait()), group.create_task(stop.wait())}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
