"""A relay that does what a script says, to the byte: it cuts where it is told to, and remembers what it has accepted.

Besides the stand-in of the sandbox, which misbehaves as real relays do, because here every octet counts: what has been
read up to a cut is known exactly, and answers leave in pieces of any size.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from types import TracebackType
from typing import Self

__all__ = ["ABORT", "ANSWER_HALF", "CUT", "HOLD", "SILENCE", "TAKE_AND_CUT", "Accepted", "ScriptedRelay"]

# What a script may say instead of an answer.
CUT = "cut"  # without acting, after what was said before has left
ABORT = "abort"  # the same, and what was said before is lost
TAKE_AND_CUT = "take and cut"  # acts first
ANSWER_HALF = "answer half"  # acts, says the first half of its answer, cuts
SILENCE = "silence"  # acts, and never says a word again
HOLD = "hold"  # acts, and says nothing until `release`
_ACTING = {TAKE_AND_CUT, ANSWER_HALF, SILENCE, HOLD}

_USUAL = {
    "MAIL": "250 2.1.0 Sender ok",
    "RCPT": "250 2.1.5 Recipient ok",
    "DATA": "354 Go on",
    "body": "250 2.0.0 Taken",
    "RSET": "250 2.0.0 Forgotten",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass(frozen=True)
class Accepted:
    """A letter that the relay has taken, whether or not it could say so."""

    sender: str
    recipient: str
    text: bytes


@dataclass
class ScriptedRelay:
    """Runs as long as the block it opens. `script` maps (phase, recipient) to what happens there, once.

    The recipient of MAIL is not known yet, so there the script names the number of the MAIL, counted from 1.
    `cut_after_reading` and `cut_after_saying` are octets on the first connection; `abort` says how it ends.
    `pieces` are the sizes in which answers leave, in turn; empty: as they come.
    """

    script: dict[tuple[str, str | int], str] = field(default_factory=dict)
    pipelining: bool = True
    calls_anyway: bool = False  # 354 also without recipients
    cut_after_reading: int | None = None
    cut_after_saying: int | None = None
    abort: bool = False
    pieces: Sequence[int] = ()
    far_away: bool = False  # hears everything that was said meanwhile at once, as over a long line

    accepted: list[Accepted] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    mails: int = 0
    most_on_a_line: int = 0  # letters taken
    bursts: int = 0  # how often it said something after hearing something
    octets_read: int = 0  # on the first connection
    octets_said: int = 0
    texts: list[tuple[int, int]] = field(default_factory=list)  # where on it each text began and ended, dot included
    port: int = 0

    _held: list["_Dialogue"] = field(default_factory=list)
    _all: list["_Dialogue"] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Dialogue(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for dialogue in self._all:
            dialogue.end(abort=True)
        await asyncio.sleep(0)

    def recipients(self) -> list[str]:
        return [each.recipient for each in self.accepted]

    def say(self, words: bytes) -> None:
        """Say something that nobody asked for, on every open connection."""
        for dialogue in self._all:
            if not dialogue.over:
                dialogue.transport.write(words)

    def release(self) -> None:
        """Go on where a script said HOLD."""
        held, self._held = self._held, []
        for dialogue in held:
            dialogue.go_on()

    def tell(self) -> None:
        self._news.set()

    async def wait_until_held(self) -> None:
        await self.wait_until(lambda: bool(self._held))

    async def wait_until(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not predicate():
                self._news.clear()
                await self._news.wait()


class _Dialogue(asyncio.Protocol):
    def __init__(self, relay: ScriptedRelay) -> None:
        self._relay = relay
        self._heard = bytearray()
        self._said = 0
        self._read = 0
        self._sender = ""
        self._recipient = ""
        self._asked = ""
        self._mail_ok = False
        self._reads_text = False
        self._silent = False
        self._owed = ""
        self._out: list[bytes] = []
        self._on_the_way = b""
        self._taken = 0
        self._searched = 0
        self._sizes: Iterator[int] = cycle(relay.pieces)
        self._pieces: deque[bytes] = deque()
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._relay.connections += 1
        self._relay.open += 1
        self._relay._all.append(self)
        self._first = self._relay.connections == 1
        self._say("220 relay ESMTP")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.open -= 1
        self.over = True
        self._relay.tell()

    def data_received(self, data: bytes) -> None:
        if self._relay.far_away:
            self._on_the_way += data
            if len(self._on_the_way) == len(data):
                asyncio.get_running_loop().call_later(0.003, self._arrived)
        else:
            self._received(data)

    def _arrived(self) -> None:
        data, self._on_the_way = self._on_the_way, b""
        self._received(data)

    def _received(self, data: bytes) -> None:
        limit = self._relay.cut_after_reading if self._first else None
        if limit is not None and self._read + len(data) >= limit:
            self._hear(data[: limit - self._read])
            self.end(abort=self._relay.abort)
        else:
            self._hear(data)

    def end(self, *, abort: bool) -> None:
        if self.over:
            return
        self.over = True
        if abort:
            line = self.transport.get_extra_info("socket")
            if line.fileno() >= 0:
                line.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))  # RST: what is on the way is lost
            self.transport.abort()
        elif not self._pieces:
            self.transport.close()

    def go_on(self) -> None:
        self._silent = False
        self._say(self._owed)
        self._hear(b"")

    def _hear(self, data: bytes) -> None:
        self._read += len(data)
        if self._first:
            self._relay.octets_read = self._read
        self._heard += data
        while not (self.over or self._silent) and self._step():
            pass
        self._flush()
        self._relay.tell()

    def _step(self) -> bool:
        if self._reads_text:
            return self._text()
        line, found, rest = bytes(self._heard).partition(b"\r\n")
        if not found:
            return False
        self._heard = bytearray(rest)
        verb = line[:4].decode().upper()
        if verb == "EHLO":
            self._say("250-relay" + "\r\n250-PIPELINING" * self._relay.pipelining + "\r\n250 SIZE 50000000")
            return True
        if verb == "RSET":
            self._mail_ok, self._recipient = False, ""
            self._say(_USUAL[verb])
        elif verb == "MAIL":
            self._mail(line.decode())
        elif verb == "RCPT":
            self._rcpt(line.decode())
        elif verb == "DATA":
            self._data()
        else:
            if verb != "QUIT":
                self._relay.violations.append(f"{line!r}")
            self._say(_USUAL["QUIT"])
            self._flush()
            self.end(abort=False)
        return True

    def _mail(self, line: str) -> None:
        self._relay.mails += 1
        if self._mail_ok:
            self._relay.violations.append("nested MAIL")
        self._sender = line[len("MAIL FROM:<") :].partition(">")[0]
        self._recipient = ""
        self._mail_ok = self._act("MAIL", self._relay.mails)

    def _rcpt(self, line: str) -> None:
        self._asked = line[len("RCPT TO:<") :].partition(">")[0]
        if not self._mail_ok:
            self._say("503 5.5.1 MAIL first")
        elif self._act("RCPT", self._asked):
            self._recipient = self._asked

    def _data(self) -> None:
        if self._heard:
            self._relay.violations.append(f"said behind DATA: {bytes(self._heard[:60])!r}")
        if not self._recipient and not self._relay.calls_anyway:
            self._say("503 5.5.1 RCPT first")
        else:
            self._reads_text = self._act("DATA", self._asked)

    def _text(self) -> bool:
        heard = self._heard
        if heard.startswith(b".\r\n"):
            end = 3
        else:
            found = heard.find(b"\r\n.\r\n", max(0, self._searched - 4))
            self._searched = len(heard)
            if found < 0:
                return False
            end = found + 5
        self._searched = 0
        text, rest = bytes(heard[: end - 3]), heard[end:]
        self._heard, self._reads_text, self._mail_ok = rest, False, False
        if self._first:
            self._relay.texts.append((self._read - len(heard), self._read - len(rest)))
        if not self._recipient:
            self._say("554 5.5.1 No valid recipients")
            return True
        letter = Accepted(self._sender, self._recipient, text)
        todo = self._relay.script.get(("body", self._recipient), "250")
        if todo in _ACTING or todo.startswith("2"):
            self._relay.accepted.append(letter)
            self._taken += 1
            self._relay.most_on_a_line = max(self._relay.most_on_a_line, self._taken)
        self._act("body", self._recipient)
        self._recipient = ""
        return True

    def _act(self, phase: str, whose: str | int) -> bool:
        """Do what the script says, once, and else what is usual. True when the client may go on."""
        todo = self._relay.script.pop((phase, whose), _USUAL[phase])
        if todo in (CUT, ABORT, TAKE_AND_CUT):
            self._flush()
            self.end(abort=todo == ABORT)
        elif todo == ANSWER_HALF:
            self._out.append(_USUAL[phase][:5].encode())
            self._flush()
            self.end(abort=False)
        elif todo in (SILENCE, HOLD):
            self._silent = True
            self._owed = _USUAL[phase]
            if todo == HOLD:
                self._relay._held.append(self)
            return phase != "body"
        else:
            self._say(todo)
            if todo.startswith("421"):
                self._flush()
                self.end(abort=False)
            return todo.startswith(("2", "3"))
        return False

    def _say(self, answer: str) -> None:
        self._out.append(answer.encode() + b"\r\n")

    def _flush(self) -> None:
        words = b"".join(self._out)
        self._out.clear()
        if not words or self.over:
            return
        limit = self._relay.cut_after_saying if self._first else None
        if limit is not None and self._said + len(words) >= limit:
            self._write(words[: limit - self._said])
            self.end(abort=self._relay.abort)
        else:
            self._relay.bursts += 1
            self._write(words)

    def _write(self, words: bytes) -> None:
        self._said += len(words)
        if self._first:
            self._relay.octets_said = self._said
        if not self._relay.pieces:
            self.transport.write(words)
            return
        start = 0
        while start < len(words):
            size = next(self._sizes)
            self._pieces.append(words[start : start + size])
            start += size
        self._pump()

    def _pump(self) -> None:
        """Write one piece for each turn of the event loop, so that the client hears them one by one."""
        if self._pieces and not self.transport.is_closing():
            self.transport.write(self._pieces.popleft())
            asyncio.get_running_loop().call_soon(self._pump)
        elif self.over:
            self.transport.close()
