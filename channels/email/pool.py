"""A few connections to one relay, each lent to one letter at a time, or to two where the relay pipelines.

No mail domain is on more than its share of them: a slow one would soon hold them all, and everybody would wait for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
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


@dataclass(slots=True, eq=False)
class _Waiting:
    """A letter to `domain` that wants a place. A `fresh` one wants a line of its own."""

    domain: str
    fresh: bool
    turn: asyncio.Future[Place]


class Pool:
    """Lends connections, opens them when they are needed, and ends them when they are used up or idle.

    At most `size` are open at once, however many letters wait, and letters to one mail domain are on `share` of them. A
    letter goes second on a line only when all that it may use are open and busy. `per_connection` is how many letters a
    relay takes on one line, 0 for any number. `idle_seconds` is less than any relay's own patience, so that a line is
    rarely found dead.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        size: int,
        share: int,
        per_connection: int,
        idle_seconds: float,
    ) -> None:
        self._connect = connect
        self._size = size
        self._share = share
        self._per_connection = per_connection
        self._idle_seconds = idle_seconds
        self._idle: list[Line] = []  # the latest used last
        self._busy: dict[Line, list[str]] = {}  # and the domains of the letters on it
        self._opening = 0
        self._lines_of: Counter[str] = Counter()  # on how many lines a domain is, with those that are opened for it
        self._queue: deque[_Waiting] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._trusted = False  # a login has worked; until then one tries for all
        self._door = asyncio.Lock()
        self._failure: tuple[float, ChannelError] | None = None

    async def deliver(self, recipient: str, letter: Letter) -> str:
        """Hand over one letter. Raises Deferred, Rejected, Unconfirmed or ChannelClosed."""
        domain = recipient.rpartition("@")[2].lower()
        try:
            return await self._use(await self._line(domain, fresh=False), domain, recipient, letter)
        except WornOut:
            pass
        return await self._use(await self._line(domain, fresh=True), domain, recipient, letter)

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

    async def _use(self, line: Line, domain: str, recipient: str, letter: Letter) -> str:
        try:
            return await line.deliver(recipient, letter)
        finally:
            self._give_back(line, domain)

    async def _line(self, domain: str, *, fresh: bool) -> Line:
        """Find a line with room for one more letter, now or when it is this letter's turn. The caller gives it back.

        A `fresh` one carries nothing else: who was pushed off a line goes first, and is not pushed again.
        """
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        waiting = _Waiting(domain, fresh, loop.create_future())
        if fresh:
            self._queue.appendleft(waiting)
        else:
            self._queue.append(waiting)
        self._serve()
        try:
            place = await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.cancelled():
                with suppress(ValueError):  # somebody has passed it over already
                    self._queue.remove(waiting)
            else:
                self._refuse(waiting.turn.result(), domain)
            raise
        return await self._open(arrived, domain) if place is _Permit.OPEN else place

    def _find(self, domain: str, *, fresh: bool) -> Place | None:
        """Take a place that is free, counting it as taken."""
        spreads = self._may_spread(domain)
        if fresh and not spreads:
            return None
        line = self._take_idle() if spreads and not fresh else None
        if line is not None:
            self._put_on(line, domain)
            return line
        if fresh and self._idle and self._open_lines() >= self._size:
            self._idle.pop(0).leave()
        if spreads and self._open_lines() < self._size:
            self._opening += 1
            self._lines_of[domain] += 1
            return _Permit.OPEN
        return None if fresh else self._second_place(domain, spreads=spreads)

    def _may_spread(self, domain: str) -> bool:
        """Tell whether letters to this domain may be on one more line."""
        return self._lines_of[domain] < self._share

    def _open_lines(self) -> int:
        return len(self._idle) + len(self._busy) + self._opening

    def _take_idle(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line
            line.leave()
        return None

    def _second_place(self, domain: str, *, spreads: bool) -> Line | None:
        best: Line | None = None
        for line, domains in self._busy.items():
            if len(domains) >= self._room(line, len(domains)) or not (spreads or domain in domains):
                continue
            if best is None or len(domains) < len(self._busy[best]):
                best = line
        if best is not None:
            self._put_on(best, domain)
        return best

    def _room(self, line: Line, load: int) -> int:
        if self._per_connection and line.letters + load >= self._per_connection:
            return 0
        return line.room

    def _put_on(self, line: Line, domain: str) -> None:
        domains = self._busy.setdefault(line, [])
        if domain not in domains:
            self._lines_of[domain] += 1
        domains.append(domain)

    def _refuse(self, place: Place, domain: str) -> None:
        if place is _Permit.OPEN:
            self._opening -= 1
            self._forget_line(domain)
            self._serve()
        else:
            self._give_back(place, domain)

    def _give_back(self, line: Line, domain: str) -> None:
        domains = self._busy[line]
        domains.remove(domain)
        if domain not in domains:
            self._forget_line(domain)
        if not domains:
            del self._busy[line]
            self._keep(line)
        self._serve()

    def _forget_line(self, domain: str) -> None:
        self._lines_of[domain] -= 1
        if not self._lines_of[domain]:
            del self._lines_of[domain]

    def _serve(self) -> None:
        """Give what is free to those who wait, in their order; one whose domain has its share is passed by."""
        passed: list[_Waiting] = []
        while self._queue:
            waiting = self._queue.popleft()
            if waiting.turn.done():
                continue
            spreads = self._may_spread(waiting.domain)
            place = self._find(waiting.domain, fresh=waiting.fresh)
            if place is not None:
                waiting.turn.set_result(place)
                continue
            passed.append(waiting)
            if spreads:
                break  # where this one finds nothing, nobody does
        self._queue.extendleft(reversed(passed))

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

    async def _open(self, arrived: float, domain: str) -> Line:
        try:
            line = fastest(await self._try(arrived))
        except BaseException:
            self._refuse(_Permit.OPEN, domain)
            raise
        self._opening -= 1
        self._busy[line] = [domain]  # counted as one of its lines since it got the permit
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
