"""A few connections to one relay, each lent to one letter at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason
from channels.email.connection import Connection, WornOut
from channels.email.letter import Letter

__all__ = ["Pool"]

# After a refused login nobody asks again for so long, in seconds: more tries would lock the account.
_LOGIN_PAUSE = 60.0


class Pool:
    """Lends connections, opens them when they are needed, and ends them when they are used up or idle.

    `per_connection` is how many letters a relay takes on one line, 0 for any number. `idle_seconds` is less than any
    relay's own patience, so that a line is rarely found dead.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], *, size: int, per_connection: int, idle_seconds: float
    ) -> None:
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        self._per_connection = per_connection
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []  # the latest used last
        self._sweep: asyncio.TimerHandle | None = None
        self._trusted = False  # a login has worked; until then one tries for all
        self._door = asyncio.Lock()
        self._failure: tuple[float, ChannelError] | None = None

    async def deliver(self, recipient: str, letter: Letter) -> str:
        """Hand over one letter. Raises Deferred, Rejected, Unconfirmed or ChannelClosed."""
        async with self._slots:
            connection = self._take()
            if connection is not None:
                try:
                    return await self._use(connection, recipient, letter)
                except WornOut:
                    pass
            return await self._use(await self._open(), recipient, letter)

    async def try_out(self) -> Connection:
        """Open a connection beside the others, whatever happened before. The caller ends it."""
        connection = await self._connect()
        self._failure = None
        return connection

    async def close(self) -> None:
        """End all connections. Called after the last letter."""
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    # Connections

    async def _use(self, connection: Connection, recipient: str, letter: Letter) -> str:
        try:
            return await connection.deliver(recipient, letter)
        finally:
            self._give_back(connection)

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.leave()
        return None

    def _give_back(self, connection: Connection) -> None:
        if not connection.usable or (self._per_connection and connection.letters >= self._per_connection):
            connection.leave()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        loop = asyncio.get_running_loop()
        border = loop.time() - self._idle_seconds
        for connection in [each for each in self._idle if each.idle_since <= border]:
            self._idle.remove(connection)
            connection.leave()
        self._sweep = None
        if self._idle:
            rest = min(each.idle_since for each in self._idle) - border
            self._sweep = loop.call_later(rest, self._end_idle)

    async def _open(self) -> Connection:
        if not self._trusted:
            arrived = asyncio.get_running_loop().time()
            async with self._door:
                if not self._trusted:
                    self._share_failure(arrived)
                    connection = await self._attempt()
                    self._trusted = True
                    return connection
        return await self._attempt()

    async def _attempt(self) -> Connection:
        try:
            return await self._connect()
        except ChannelError as error:
            self._trusted = False
            self._failure = (asyncio.get_running_loop().time(), error)
            raise

    def _share_failure(self, arrived: float) -> None:
        """Spare the relay a try that was just made for us."""
        if self._failure is None:
            return
        moment, error = self._failure
        pause = _LOGIN_PAUSE if error.reason is Reason.LOGIN_REFUSED else 0
        if moment + pause >= arrived:
            raise _again(error)


def _again(error: ChannelError) -> ChannelError:
    if isinstance(error, Deferred):
        return Deferred(error.detail, error.reason, retry_after=error.retry_after, counts=error.counts)
    return ChannelClosed(error.detail, error.reason)
