"""A few connections to one relay, each lent to one letter at a time, or to two where the relay pipelines."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason
from channels.email.connection import Connection, WornOut
from channels.email.letter import Letter
from channels.email.pipeline import Pipeline, fastest

__all__ = ["Pool"]

# After a refused login nobody asks again for so long, in seconds: more tries would lock the account.
_LOGIN_PAUSE = 60.0

Line = Connection | Pipeline


class _Permit(Enum):
    """The right to open a connection."""

    OPEN = "open"


Place = Line | _Permit


class Pool:
    """Lends connections, opens them when they are needed, and ends them when they are used up or idle.

    At most `size` are open at once, however many letters wait. A letter goes second on a line only when all of them
    are open and busy. `per_connection` is how many letters a relay takes on one line, 0 for any number.
    `idle_seconds` is less than any relay's own patience, so that a line is rarely found dead.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], *, size: int, per_connection: int, idle_seconds: float
    ) -> None:
        self._connect = connect
        self._size = size
        self._per_connection = per_connection
        self._idle_seconds = idle_seconds
        self._idle: list[Line] = []  # the latest used last
        self._busy: dict[Line, int] = {}  # and how many letters are on it
        self._opening = 0
        self._queue: deque[tuple[bool, asyncio.Future[Place]]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._trusted = False  # a login has worked; until then one tries for all
        self._door = asyncio.Lock()
        self._failure: tuple[float, ChannelError] | None = None

    async def deliver(self, recipient: str, letter: Letter) -> str:
        """Hand over one letter. Raises Deferred, Rejected, Unconfirmed or ChannelClosed."""
        try:
            return await self._use(await self._line(fresh=False), recipient, letter)
        except WornOut:
            pass
        return await self._use(await self._line(fresh=True), recipient, letter)

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

    # Places

    async def _use(self, line: Line, recipient: str, letter: Letter) -> str:
        try:
            return await line.deliver(recipient, letter)
        finally:
            self._give_back(line)

    async def _line(self, *, fresh: bool) -> Line:
        """Find a line with room for one more letter, now or when it is this letter's turn. The caller gives it back.

        A `fresh` one carries nothing else: who was pushed off a line goes first, and is not pushed again.
        """
        arrived = asyncio.get_running_loop().time()
        place = self._find(fresh=fresh) if fresh or not self._queue else None
        if place is None:
            place = await self._wait(fresh=fresh)
        return await self._open(arrived) if place is _Permit.OPEN else place

    async def _wait(self, *, fresh: bool) -> Place:
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        entry = (fresh, turn)
        if fresh:
            self._queue.appendleft(entry)
        else:
            self._queue.append(entry)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # somebody has passed it over already
                    self._queue.remove(entry)
            else:
                self._refuse(turn.result())
            raise

    def _find(self, *, fresh: bool) -> Place | None:
        """Take a place that is free, counting it as taken."""
        line = None if fresh else self._take_idle()
        if line is not None:
            self._busy[line] = 1
            return line
        if fresh and self._idle and self._open_lines() >= self._size:
            self._idle.pop(0).leave()
        if self._open_lines() < self._size:
            self._opening += 1
            return _Permit.OPEN
        return None if fresh else self._second_place()

    def _open_lines(self) -> int:
        return len(self._idle) + len(self._busy) + self._opening

    def _take_idle(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line
            line.leave()
        return None

    def _second_place(self) -> Line | None:
        roomy = [line for line, load in self._busy.items() if load < self._room(line, load)]
        line = min(roomy, key=self._busy.__getitem__, default=None)
        if line is not None:
            self._busy[line] += 1
        return line

    def _room(self, line: Line, load: int) -> int:
        if self._per_connection and line.letters + load >= self._per_connection:
            return 0
        return line.room

    def _refuse(self, place: Place) -> None:
        if place is _Permit.OPEN:
            self._opening -= 1
            self._serve()
        else:
            self._give_back(place)

    def _give_back(self, line: Line) -> None:
        self._busy[line] -= 1
        if not self._busy[line]:
            del self._busy[line]
            self._keep(line)
        self._serve()

    def _serve(self) -> None:
        """Give what is free to those who wait, in their order."""
        while self._queue:
            fresh, turn = self._queue[0]
            if not turn.done():
                place = self._find(fresh=fresh)
                if place is None:
                    return
                turn.set_result(place)
            self._queue.popleft()

    def _keep(self, line: Line) -> None:
        if not line.usable or (self._per_connection and line.letters >= self._per_connection):
            line.leave()
            return
        loop = asyncio.get_running_loop()
        line.idle_since = loop.time()
        self._idle.append(line)
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

    # Opening

    async def _open(self, arrived: float) -> Line:
        try:
            line = fastest(await self._try(arrived))
        except BaseException:
            self._refuse(_Permit.OPEN)
            raise
        self._opening -= 1
        self._busy[line] = 1
        return line

    async def _try(self, arrived: float) -> Connection:
        if not self._trusted:
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
