"""Waiting for what happens elsewhere in the same event loop."""

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], object], within: float = 30) -> None:
    """Return as soon as `holds()` is true. Raises TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - nobody tells us when
            await asyncio.sleep(0.005)
