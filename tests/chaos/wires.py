"""Proxies before the stand-ins that count what is written, and cut the n-th: before it arrives, or after it did."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from tests.chaos.tripwire import Moment

_ANSWER_WITHIN = 0.3  # seconds in which the other side has acted upon what it got


class Wires:
    """Counts writes over all lines together. `act` happens at the n-th instead of a cut, when it is given."""

    def __init__(self) -> None:
        self.count = 0
        self._n = 0
        self._moment: Moment = "before"
        self._act: Callable[[], None] | None = None
        self._lines: set[asyncio.Task[None]] = set()

    def trip_at(self, n: int, moment: Moment, act: Callable[[], None] | None = None) -> None:
        """Count anew, and cut write number `n`."""
        self.count, self._n, self._moment, self._act = 0, n, moment, act

    @property
    def tripped(self) -> bool:
        """Whether the n-th write came."""
        return bool(self._n) and self.count >= self._n

    @asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[int]:
        """Stand before a port of this machine; yields the port to use instead."""
        server = await asyncio.start_server(lambda reader, writer: self._carry(port, reader, writer), "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for line in list(self._lines):
                line.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    async def _carry(self, port: int, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        far_out: asyncio.StreamWriter | None = None
        try:
            far_in, far_out = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as group:
                back = group.create_task(self._bring_back(far_in, near_out))
                await self._take_there(near_in, far_out, near_out, back)
                back.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            for end in (near_out, far_out):
                if end is not None:
                    end.transport.abort()

    async def _take_there(
        self,
        near_in: asyncio.StreamReader,
        far_out: asyncio.StreamWriter,
        near_out: asyncio.StreamWriter,
        back: asyncio.Task[None],
    ) -> None:
        while data := await near_in.read(65536):
            self.count += 1
            if self.count != self._n:
                far_out.write(data)
                continue
            if self._moment == "after":
                back.cancel()  # the answer is lost
                far_out.write(data)
                await asyncio.sleep(_ANSWER_WITHIN)
            if self._act is not None:
                self._act()
            near_out.transport.abort()
            return

    async def _bring_back(self, far_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await far_in.read(65536):
                near_out.write(data)
            near_out.close()
