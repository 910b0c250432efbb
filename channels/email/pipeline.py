"""The fast way over a connection: several commands in one go (RFC 2920), where the relay offers it.

Why it is here: on the plain way a letter costs four round trips and as many turns of the event loop. Here it costs one:
MAIL, RCPT and DATA leave together, and a letter's text leaves together with the next letter's envelope, so that the
answer to one and the 354 for the other come back together. aiosmtplib can't have two commands under way, so after the
login (all up to there stays its work) this protocol takes its place on the transport.

The rules, each with its reason:

- DATA ends a group, and a text follows only a 354 that is the last word heard (RFC 2920 §3.1). Whatever the relay says
  that nobody asked for breaks the line: from there on, answers could be taken for those of another letter.
- Two letters at most, so only the second waits for the first, and never is more than one text without an answer.
- The final dot leaves with the last piece of a text, and that piece only when the transport has room: until then a lost
  line means that surely nothing was sent. Afterwards it means a doubt, about this letter and no other.
- A letter in second place that leaves (cancelled, or tired of a slow first one) has its envelope out already. The relay
  must get no text for it, nor a lone dot, which would be an empty letter: the line ends after the first one's answer.
- A 354 for an envelope without recipients is answered by a lone dot (RFC 2920 §3.1).
- Who hears an answer, has nothing to say to it and waits for another one acknowledges at once. A relay that sends small
  answers one by one (Nagle's way, RFC 896) would otherwise hold the next one back until our side acknowledges the
  first, which it puts off for up to 40 ms (RFC 9293 §3.8.6.3): that halves the speed.

No tasks and no streams: everything happens when bytes come, when the transport has room again, when a letter is handed
over, or when the one timer looks at the clock. What each answer means stands in `answers`, as for the plain way; a test
sends the same letters both ways and compares.
"""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

from channels.contract import ChannelError
from channels.email.answers import Phase, lost, refusal
from channels.email.connection import Connection, WornOut
from channels.email.letter import Letter

__all__ = ["Pipeline", "fastest"]

# More than this goes out in pieces, each when there is room for it.
_CHUNK = 65_536
# Nobody's answer is longer, in octets. RFC 5321 §4.5.3.1.5 allows 512 a line.
_LONGEST_ANSWER = 32_768
_CLOSING = 421
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_EXPECTED = {Phase.MAIL: 2, Phase.RCPT: 2, Phase.DATA: 3, Phase.FINAL_DOT: 2, Phase.RESET: 2, Phase.QUIT: 2}


class _Stage(Enum):
    WAITING = auto()  # nothing was written
    OFFERED = auto()  # its envelope is out
    CALLED_FOR = auto()  # the relay waits for its text, of which some may be out
    WRITTEN = auto()  # all is out: from here on a lost line leaves a doubt


@dataclass(slots=True, eq=False)
class _Passage:
    """One letter on its way. `moved` is when it came or was offered; `heard`: the relay has said something about it."""

    envelope: bytes
    letter: Letter
    outcome: asyncio.Future[str | Exception]
    moved: float
    stage: _Stage = _Stage.WAITING
    heard: bool = False
    addressed: bool = False
    refused: ChannelError | None = None
    pieces: deque[memoryview] | None = None

    def settle(self, outcome: str | Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


def fastest(connection: Connection) -> "Connection | Pipeline":
    """Return the fastest way over a fresh connection that its relay offers. Raises Deferred when the line is down."""
    return Pipeline(connection) if connection.pipelines else connection


class Pipeline(asyncio.Protocol):
    """A dialogue with two letters at once in it, from MAIL on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._timeouts = connection.timeouts
        self._limits = {phase: connection.timeouts.of(phase) for phase in (Phase.TEXT, *_EXPECTED)}

        self._passages: deque[_Passage] = deque()
        self._awaited: deque[tuple[Phase, _Passage | None]] = deque()
        self._goodbye: asyncio.Future[None] | None = None
        self._begun = b""  # a line of which the end is still to come
        self._earlier: list[bytes] = []  # the lines before the last one of an answer
        self._earlier_octets = 0
        self._out: list[bytes | memoryview] = []

        self._gone = False
        self._ending = False
        self._full = False
        self._used = False
        self._brisk = False
        self._written_at = 0.0
        self._limited: object = None  # what `_deadline` is about
        self._deadline = inf
        self._timer: asyncio.TimerHandle | None = None

        self.letters = 0
        self.idle_since = 0.0
        self._transport = connection.hand_over(self)
        self._socket: socket.socket | None = self._transport.get_extra_info("socket")

    # For the pool

    @property
    def usable(self) -> bool:
        """False once the line is down, out of step, or about to end."""
        return not (self._gone or self._ending or self._transport.is_closing())

    @property
    def room(self) -> int:
        """How many letters it carries at once. Behind a slow one nobody should have to wait."""
        if not self.usable:
            return 0
        return 2 if self._brisk else 1

    async def deliver(self, recipient: str, letter: Letter) -> str:
        """Hand over one letter to one address in ASCII; return the relay's words of acceptance.

        At most two at once. Raises Deferred, Rejected, Unconfirmed, ChannelClosed, or WornOut.
        """
        self._connection.refuse_too_large(letter)
        if not self.usable:  # it may have ended since it was lent
            raise WornOut if self._used else lost(Phase.MAIL, "connection lost")
        envelope = self._connection.envelope(recipient, letter)
        now = self._loop.time()
        passage = _Passage(envelope, letter, self._loop.create_future(), now)
        self._passages.append(passage)
        self._go_on(now)
        if len(self._passages) > 1:
            self._look_at(now + self._timeouts.behind)
        try:
            outcome = await passage.outcome
        except asyncio.CancelledError:
            self._abandon(passage)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def leave(self) -> None:
        """Say goodbye without waiting for the answer; cut the line where no word is expected."""
        if not self.usable or self._passages:
            self._end("cut")
            return
        self._gone = True
        self._stop_timer()
        self._transport.write(b"QUIT\r\n")
        self._transport.close()

    async def quit(self) -> None:
        """Say goodbye and wait for the answer, but not for long (RFC 5321 §4.1.1.10)."""
        if self.usable and not self._passages:
            self._goodbye = self._loop.create_future()
            self._awaited.append((Phase.QUIT, None))
            self._transport.write(b"QUIT\r\n")
            await asyncio.wait([self._goodbye], timeout=self._timeouts.quit)
        self._end("cut")

    # For the transport

    def data_received(self, data: bytes) -> None:
        """Hear answers, in whatever pieces they come."""
        if not self._awaited:
            self._end(f"unexpected answer {_text(data)}")
            return
        now = self._loop.time()
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            if self._gone:
                return
            self._read(line, now)
        if len(self._begun) + self._earlier_octets > _LONGEST_ANSWER:
            self._end("an answer without end")
        if not self._go_on(now) and self._awaited:
            self._acknowledge()

    def eof_received(self) -> None:
        """The relay has hung up."""
        self._end("the relay closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is down."""
        self._end(str(exc or "connection lost"))

    def pause_writing(self) -> None:
        """Hold back what may be held back."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on where the transport was full."""
        self._full = False
        self._go_on(self._loop.time())

    # Hearing

    def _read(self, line: bytes, now: float) -> None:
        digits, mark, words = line[:3], line[3:4], line[4:].strip()
        if len(digits) < 3 or not digits.isdigit() or mark not in (b" ", b"-", b"\r", b""):
            self._end(f"unexpected answer {_text(line)}")
            return
        if mark == b"-":
            self._earlier.append(words)
            self._earlier_octets += len(line)
            return
        if self._earlier:
            words = b"\n".join([*self._earlier, words])
            self._earlier.clear()
            self._earlier_octets = 0
        self._hear(int(digits), words, now)

    def _hear(self, code: int, words: bytes, now: float) -> None:
        if not self._awaited:
            self._end(f"unexpected answer {code} {_text(words)}")
            return
        phase, passage = self._awaited[0]
        rank = code // 100
        if rank not in (_EXPECTED[phase], 4, 5):
            self._end(f"unexpected answer {code} {_text(words)}")
        elif code == _CLOSING:
            self._close_down(phase, passage, words)
        else:
            self._awaited.popleft()
            if passage is not None:
                self._answered(phase, passage, code, words, now)
            elif self._goodbye is not None and not self._goodbye.done():
                self._goodbye.set_result(None)

    def _close_down(self, phase: Phase, passage: _Passage | None, words: bytes) -> None:
        """The relay ends the dialogue. To a letter of which it has heard nothing yet, another line will do."""
        if passage is not None and not passage.refused and not self._unheard(passage):
            passage.refused = refusal(phase, _CLOSING, _text(words))
        self._end(f"{_CLOSING} {_text(words)}")

    def _answered(self, phase: Phase, passage: _Passage, code: int, words: bytes, now: float) -> None:
        passage.heard = True
        taken = code // 100 == _EXPECTED[phase]
        if not taken and passage.refused is None:
            passage.refused = refusal(phase, code, _text(words))  # what is refused after it, is refused because of it
        if phase is Phase.RCPT:
            passage.addressed = taken
        elif phase is Phase.DATA:
            self._data_answered(passage, taken=taken)
        elif phase is Phase.FINAL_DOT:
            self._brisk = now - self._written_at < self._timeouts.behind / 2
            self.letters += taken
            self._settle(passage, passage.refused or f"{code} {' '.join(_text(words).split())}")

    def _data_answered(self, passage: _Passage, *, taken: bool) -> None:
        if passage.refused is None:
            passage.stage = _Stage.CALLED_FOR
            return
        if taken and passage.addressed:
            self._end("a call for a text without a sender")  # a lone dot would be an empty letter
            return
        if taken:
            self._out.append(b".\r\n")
            self._awaited.append((Phase.RESET, None))
        self._reset()
        self._settle(passage, passage.refused)

    def _reset(self) -> None:
        """Take back a begun envelope, so that the next letter finds none."""
        self._out.append(b"RSET\r\n")
        self._awaited.append((Phase.RESET, None))

    # Writing

    def _go_on(self, now: float) -> bool:
        """Write whatever may be written now, and start the time limit of what comes next. Tells whether it wrote."""
        if self._gone:
            return False
        if self._transport.is_closing():
            self._end("connection lost")
            return False
        for passage in self._passages:
            if passage.stage is _Stage.CALLED_FOR:
                self._write_text(passage, now)
            elif passage.stage is _Stage.WAITING:
                self._out.append(passage.envelope)
                self._awaited += [(Phase.MAIL, passage), (Phase.RCPT, passage), (Phase.DATA, passage)]
                passage.stage, passage.moved = _Stage.OFFERED, now
            if passage.stage is not _Stage.WRITTEN:
                break
        wrote = self._flush()
        self._limit(now)
        return wrote

    def _acknowledge(self) -> None:
        """Acknowledge what was heard without waiting for something to say. The system forgets this wish: ask anew."""
        if _QUICKACK is not None and self._socket is not None:
            with suppress(OSError):  # a line that is down tells so elsewhere
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _write_text(self, passage: _Passage, now: float) -> None:
        """Write a letter's text as far as there is room."""
        if self._begun or self._earlier:
            self._end("unexpected answer before the text")
            return
        if passage.pieces is None:
            passage.pieces = _pieces(passage.letter)
        pieces = passage.pieces
        while len(pieces) > 1 and not self._full:
            self._transport.write(pieces.popleft())
        if self._full:
            return
        if self._transport.is_closing():
            self._end("connection lost")
            return
        self._out += [pieces.popleft(), b".\r\n"]
        self._awaited.append((Phase.FINAL_DOT, passage))
        passage.stage = _Stage.WRITTEN
        self._written_at = now

    def _flush(self) -> bool:
        if not self._out or self._gone:
            return False
        self._transport.write(b"".join(self._out))
        self._out.clear()
        return True

    # Patience

    def _limit(self, now: float) -> None:
        """Start a time limit for the next answer or the next piece, unless it has begun."""
        if self._awaited:
            awaited: object = self._awaited[0]
            limit = self._limits[self._awaited[0][0]]
        elif self._passages:
            awaited = len(self._passages[0].pieces or ())
            limit = self._limits[Phase.TEXT]
        else:
            awaited, limit = None, inf
        if awaited != self._limited:
            self._limited = awaited
            self._deadline = now + limit
            self._look_at(self._deadline)

    def _look_at(self, moment: float) -> None:
        """Let the timer look at this moment, or before."""
        if self._gone or moment == inf or (self._timer is not None and self._timer.when() <= moment):
            return
        self._stop_timer()
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._deadline:
            self._end("timed out")
            return
        if len(self._passages) > 1:
            second = self._passages[1]
            tired_at = second.moved + self._timeouts.behind
            if now >= tired_at:
                self._abandon(second)
                second.settle(WornOut())
            else:
                self._look_at(tired_at)
        self._look_at(self._deadline)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Ends

    def _settle(self, passage: _Passage, outcome: str | Exception) -> None:
        self._used = True
        self._passages.remove(passage)
        passage.settle(outcome)
        if self._ending and not self._passages:
            self._end("cut")

    def _abandon(self, passage: _Passage) -> None:
        """Take a letter off this line without harm to the other one."""
        if passage not in self._passages:
            return  # its outcome came in the same moment
        second = passage is not self._passages[0]
        self._used = True
        self._passages.remove(passage)
        if passage.stage is _Stage.WAITING:
            return
        if second:
            self._ending = True
        else:
            self._end("cut")

    def _end(self, words: str) -> None:
        """Cut the line at once: nothing that still waits to be written may go out."""
        if self._gone:
            return
        self._gone = True
        self._out.clear()
        self._stop_timer()
        self._transport.abort()
        for place, passage in enumerate(self._passages):
            passage.settle(self._fate(place, passage, words))
        self._passages.clear()
        self._awaited.clear()
        if self._goodbye is not None and not self._goodbye.done():
            self._goodbye.set_result(None)

    def _fate(self, place: int, passage: _Passage, words: str) -> Exception:
        """Return what a lost line means for one letter on it."""
        if passage.refused is not None:
            return passage.refused
        if place > 0 or self._unheard(passage):
            return WornOut()
        # What it waits for says how far it has come; it waits for nothing while its text is being written.
        return lost(next((phase for phase, owner in self._awaited if owner is passage), Phase.TEXT), words)

    def _unheard(self, passage: _Passage) -> bool:
        return self._used and not passage.heard


def _pieces(letter: Letter) -> deque[memoryview]:
    parts = (memoryview(part) for part in (letter.head, letter.tail))
    return deque(part[start : start + _CHUNK] for part in parts for start in range(0, len(part), _CHUNK))


def _text(words: bytes) -> str:
    return words.decode("utf-8", "replace")
