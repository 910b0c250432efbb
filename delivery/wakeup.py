"""Hears from Postgres that there is work, so that nobody waits for the next poll.

The word is a hint and no more. It may be lost while the line is down, so each new line counts as a word, and the polls
go on. It needs a connection of its own, and one straight to the server: through a pooler that gives connections for a
transaction only, LISTEN succeeds and hears nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain, repeat
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from delivery.database import Database, driver_address
from delivery.store import wake

__all__ = ["Listener", "is_heard"]

_log = structlog.get_logger()

_CONNECT_WITHIN = 5.0  # seconds, as all below
_PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)
_LONGEST_PAUSE = 30.0
_ASK_EVERY = 30.0  # a line that was cut without a word looks like one on which nobody speaks
_ANSWER_WITHIN = 10.0
_HEARD_WITHIN = 2.0
_GOODBYE_WITHIN = 1.0
_FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Listener:
    """Calls `on_word` whenever somebody announced work, and after each (re)connect. `url` as SQLAlchemy writes it."""

    def __init__(self, url: str, on_word: Callable[[], None]) -> None:
        self._url = url
        self._on_word = on_word

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`, connecting again as often as need be. No fault leaves here."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen())
            await stop.wait()
            listening.cancel()

    async def _listen(self) -> None:
        pauses = _pauses()
        while True:
            try:
                async with _line(self._url, wake.WORK, self._on_word) as (line, cut):
                    _log.info("wakeup.listens")
                    pauses = _pauses()
                    self._on_word()
                    await _until(cut, line)
                _log.warning("wakeup.cut")
            except _FAULTS as error:
                _log.warning("wakeup.not_connected", error=str(error) or type(error).__name__)
            except Exception:  # noqa: BLE001 - a process delivers without words too
                _log.exception("wakeup.failed")
            await asyncio.sleep(next(pauses))


async def is_heard(database: Database, url: str) -> bool:
    """Tell whether a word said in a transaction arrives at `url` within two seconds.

    Raises ConnectionError when one cannot listen there, and what the database raises.
    """
    channel, heard = f"rupor_check_{uuid4().hex}", asyncio.Event()
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(_line(url, channel, heard.set))
        except _FAULTS as error:
            raise ConnectionError(str(error) or type(error).__name__) from None
        async with database.writing() as tx:
            await wake.say(tx, channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARD_WITHIN):
                await heard.wait()
    return heard.is_set()


@asynccontextmanager
async def _line(url: str, channel: str, on_word: Callable[[], None]) -> AsyncIterator[tuple[Any, asyncio.Event]]:
    """Connect and listen. The event is set when the line is cut."""
    line: Any = await asyncpg.connect(**driver_address(url), timeout=_CONNECT_WITHIN, statement_cache_size=0)
    try:
        cut = asyncio.Event()
        line.add_termination_listener(lambda _line: cut.set())
        await line.add_listener(channel, lambda *_word: on_word())
        yield line, cut
    finally:
        with suppress(*_FAULTS):
            await line.close(timeout=_GOODBYE_WITHIN)


async def _until(cut: asyncio.Event, line: Any) -> None:
    """Wait for the line's end, however quiet that is."""
    while not cut.is_set():
        try:
            async with asyncio.timeout(_ASK_EVERY):
                await cut.wait()
        except TimeoutError:
            await line.execute("SELECT 1", timeout=_ANSWER_WITHIN)


def _pauses() -> Iterator[float]:
    return chain(_PAUSES, repeat(_LONGEST_PAUSE))
