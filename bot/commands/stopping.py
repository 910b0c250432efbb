"""Stopping at a signal, in good order."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interruptible"]


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """Answer an event that SIGINT or SIGTERM sets. Leaving the block after that raises KeyboardInterrupt.

    Left alone, a signal would cancel what is on the wire, and nobody would know whether it went out.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, told.set)
    try:
        yield told
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    if told.is_set():
        raise KeyboardInterrupt
