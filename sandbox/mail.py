"""A mail server on a loopback port that keeps every letter, objects to broken ones, and misbehaves on demand.

Why not aiosmtpd: it can't cut the line inside a letter's text, answer nothing, or answer half a line, it knows no
pipelining, and it switches to TLS through private parts of asyncio. The dialogue of RFC 5321 is short enough to own.

Faults are looked up under the names connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, text and body. DATA is the
command; `text` is looked up when the first bytes of the letter are on their way, `body` after its final dot.
"""

import asyncio
import re
import ssl
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sandbox.faults import Fault, Faults, Kind
from sandbox.letters import StoredLetter, broken_rules

__all__ = ["MailStandIn", "StoredLetter"]

_LONGEST_COMMAND = 2048
_PATH = re.compile(r"(FROM|TO):\s*<([^<>\s]*)>(.*)", re.IGNORECASE)
_CLOSING = 421

# What a refusal says when the fault names nothing else.
_REFUSALS = {
    "connect": "554 5.3.2 No mail service here",
    "EHLO": "550 5.7.1 Go away",
    "STARTTLS": "454 4.7.0 TLS not available due to temporary reason",
    "AUTH": "535 5.7.8 Authentication credentials invalid",
    "MAIL": "550 5.7.1 Sender rejected",
    "RCPT": "550 5.1.1 No such user",
    "DATA": "554 5.5.1 No valid recipients",
    "body": "554 5.7.1 Message looks like spam",
}
_LOST_RIGHTS = {"AUTH": "535 5.7.8 Authentication credentials invalid"}


class _Gone(Exception):
    """The dialogue is over."""


@dataclass
class _Envelope:
    sender: str
    eight_bit: bool
    recipients: list[str] = field(default_factory=list)


class MailStandIn:
    """A server that takes letters for any address.

    `tls` makes it offer STARTTLS, or speak TLS from the first byte with `implicit`. With `users` (name to password) it
    asks for a login. `sink` counts letters and throws them away, for measuring. `letters_per_connection` and
    `idle_seconds` end a connection with 421 as relays do.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
        size_limit: int = 25_000_000,
        pipelining: bool = False,
        letters_per_connection: int = 0,
        idle_seconds: float = 300,
        sink: bool = False,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.tls = tls
        self.implicit = implicit
        self.users = dict(users or {})
        self.mechanisms = mechanisms
        self.size_limit = size_limit
        self.pipelining = pipelining
        self.letters_per_connection = letters_per_connection
        self.idle_seconds = idle_seconds
        self.sink = sink

        self.faults = Faults()
        self.violations: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        self.unknown_mailboxes: set[str] = set()
        self.full_mailboxes: set[str] = set()

        self.accepted = 0  # letters taken, per recipient
        self.connections = 0  # opened since the start
        self.most_at_once = 0
        self.failed_logins = 0

        self._mailboxes: dict[str, list[StoredLetter]] = {}
        self._last_number = 0
        self._news = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    # Lifetime

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve,
            self.host,
            self.port,
            ssl=self.tls if self.implicit else None,
            limit=self.size_limit + 1_000_000,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut_all()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'smtps' if self.implicit else 'smtp'}://{self.host}:{self.port}"

    def cut_all(self) -> None:
        """Cut every open connection, as a restart of the relay would."""
        for writer in self._open.values():
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        self.most_at_once = max(self.most_at_once, len(self._open))
        try:
            await _Dialogue(self, reader, writer).run()
        except (_Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            del self._open[task]
            writer.close()
            self._news.set()

    # Mailboxes

    def add_mailbox(self, address: str) -> None:
        """Show a mailbox before its first letter."""
        self._mailboxes.setdefault(address.lower(), [])
        self._tell()

    def letters(self, address: str) -> list[StoredLetter]:
        """The letters of one mailbox, oldest first."""
        return list(self._mailboxes.get(address.lower(), ()))

    def all_letters(self) -> list[StoredLetter]:
        """Every letter, oldest first."""
        kept = [letter for letters in self._mailboxes.values() for letter in letters]
        return sorted(kept, key=lambda letter: letter.number)

    def letter(self, number: int) -> dict[str, object]:
        """One letter whole, for the page. Raises KeyError."""
        for letter in self.all_letters():
            if letter.number == number:
                return letter.summary() | {"html": letter.html, "text": letter.text}
        raise KeyError(number)

    def forget_letters(self) -> None:
        """Empty all mailboxes."""
        for letters in self._mailboxes.values():
            letters.clear()
        self._tell()

    async def wait_for(self, predicate: Callable[[], bool], within: float = 5) -> None:
        """Return as soon as `predicate` is true. Raises TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            while not predicate():
                self._news.clear()
                await self._news.wait()

    async def wait_for_silence(self, within: float = 5) -> None:
        """Return as soon as no connection is open. Raises TimeoutError."""
        await self.wait_for(lambda: not self._open, within)

    def accept(self, envelope: _Envelope, raw: bytes) -> None:
        """Put a letter into the mailboxes of its recipients."""
        self.accepted += len(envelope.recipients)
        if not self.sink:
            self.violations += broken_rules(raw, envelope.recipients, eight_bit=envelope.eight_bit)
            for recipient in envelope.recipients:
                self._last_number += 1
                letter = StoredLetter(self._last_number, envelope.sender, recipient, raw)
                self._mailboxes.setdefault(recipient.lower(), []).append(letter)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self.changed()

    # State

    def snapshot(self) -> dict[str, Any]:
        """What the page shows; `letter(number)` has the rest of one letter."""
        addresses = sorted({*self._mailboxes, *self.unknown_mailboxes, *self.full_mailboxes})
        return {
            "url": self.url,
            "mailboxes": [
                {
                    "address": address,
                    "unknown": address in self.unknown_mailboxes,
                    "full": address in self.full_mailboxes,
                    "letters": [letter.summary() for letter in self._mailboxes.get(address, ())],
                }
                for address in addresses
            ],
            "violations": list(self.violations),
        }

    def dump(self) -> dict[str, Any]:
        """Everything worth keeping over a restart; JSON-able."""
        return {
            "mailboxes": sorted(self._mailboxes),
            "unknown": sorted(self.unknown_mailboxes),
            "full": sorted(self.full_mailboxes),
            "letters": [
                {
                    "number": letter.number,
                    "sender": letter.sender,
                    "recipient": letter.recipient,
                    "raw": b64encode(letter.raw).decode(),
                }
                for letter in self.all_letters()
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._mailboxes = {address: [] for address in state["mailboxes"]}
        self.unknown_mailboxes = set(state["unknown"])
        self.full_mailboxes = set(state["full"])
        for kept in state["letters"]:
            letter = StoredLetter(kept["number"], kept["sender"], kept["recipient"], b64decode(kept["raw"]))
            self._mailboxes.setdefault(letter.recipient.lower(), []).append(letter)
            self._last_number = max(self._last_number, letter.number)
        self._tell()


class _Dialogue:
    """One connection from greeting to goodbye."""

    def __init__(self, server: MailStandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._secure = server.implicit
        self._greeted = False
        self._login = ""
        self._envelope: _Envelope | None = None
        self._letters = 0

    async def run(self) -> None:
        welcome = await self._act("connect", "", lambda: "220 mail.sandbox ESMTP")
        while welcome:
            verb, _, argument = (await self._line()).partition(" ")
            await self._command(verb.upper(), argument.strip())

    # Bytes

    async def _line(self) -> str:
        try:
            async with asyncio.timeout(self._server.idle_seconds):
                line = await self._reader.readuntil(b"\n")
        except TimeoutError:
            await self._say("421 4.4.2 Idle for too long")
        if not line.endswith(b"\r\n"):
            self._server.violations.append("a command that ends with a bare LF")
        if len(line) > _LONGEST_COMMAND:
            self._server.violations.append(f"a command of {len(line)} octets")
        if not line.isascii():
            self._server.violations.append("a command that is not ASCII")
        return line.rstrip(b"\r\n").decode("ascii", "replace")

    async def _say(self, reply: str) -> None:
        """Write a reply, and hang up after a 421 (RFC 5321 §3.8)."""
        self._writer.write(reply.encode() + b"\r\n")
        await self._writer.drain()
        if reply.startswith(str(_CLOSING)):
            raise _Gone

    async def _swallow(self) -> None:
        """Read on without ever answering, until the other side gives up."""
        while await self._reader.read(65536):
            pass
        raise _Gone

    async def _stop_reading(self) -> None:
        """Let the other side's bytes pile up, for as long as the server runs."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await asyncio.Event().wait()

    def _cut(self) -> None:
        self._writer.transport.abort()
        raise _Gone

    # Misbehaving

    async def _act(self, call: str, target: str, action: Callable[[], str]) -> bool:
        """Do what a command asks for and answer it, or go wrong as told. True when it was done and answered."""
        fault = self._server.faults.take(call, target)
        if fault is not None and not await self._before(call, fault):
            return False
        reply = action()
        if fault is not None:
            await self._after(fault, reply)
        await self._say(reply)
        return reply[0] in "23"

    async def _before(self, call: str, fault: Fault) -> bool:
        match fault.kind:
            case Kind.MAKES_WAIT:
                code = fault.code or (_CLOSING if call == "connect" else 451)
                await self._say(f"{code} {fault.text or '4.7.1 Try again later'}")
            case Kind.REFUSES:
                usual = _REFUSALS.get(call, "554 5.0.0 Refused")
                await self._say(f"{fault.code or usual[:3]} {fault.text or usual[4:]}")
            case Kind.LOSES_RIGHTS:
                self._login = ""
                await self._say(_LOST_RIGHTS.get(call, "530 5.7.0 Authentication required"))
            case Kind.DROPS_BEFORE:
                self._cut()
            case Kind.HANGS if fault.before:
                await self._swallow()
            case Kind.DELAYS:
                await asyncio.sleep(fault.seconds)
                return True
            case _:
                return True
        return False

    async def _after(self, fault: Fault, reply: str) -> None:
        match fault.kind:
            case Kind.HANGS:
                await self._swallow()
            case Kind.DROPS_AFTER_REQUEST:
                self._cut()
            case Kind.BAD_GATEWAY:
                await self._say("<html><body>502 Bad Gateway</body></html>")
                raise _Gone
            case Kind.HALF_ANSWER:
                self._writer.write(reply[:2].encode())
                await self._writer.drain()
                raise _Gone
            case _:
                pass

    # Commands

    async def _command(self, verb: str, argument: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                await self._act("EHLO", argument, lambda: self._hello(verb))
            case "STARTTLS":
                await self._start_tls()
            case "AUTH":
                await self._authenticate(argument)
            case "MAIL":
                await self._mail(argument)
            case "RCPT":
                await self._recipient(argument)
            case "DATA":
                await self._data()
            case "RSET":
                self._envelope = None
                await self._say("250 2.0.0 Reset")
            case "NOOP":
                await self._act("NOOP", "", lambda: "250 2.0.0 Still here")
            case "QUIT":
                await self._say("221 2.0.0 Bye")
                raise _Gone
            case _:
                self._server.violations.append(f"unknown command {verb[:20]!r}")
                await self._say("500 5.5.2 Unknown command")

    def _hello(self, verb: str) -> str:
        self._greeted = True
        self._envelope = None
        if verb == "HELO":
            return "250 mail.sandbox"
        server = self._server
        offers = ["mail.sandbox", f"SIZE {server.size_limit}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if server.pipelining:
            offers.append("PIPELINING")
        if server.tls is not None and not self._secure:
            offers.append("STARTTLS")
        if server.users:
            offers.append(f"AUTH {' '.join(server.mechanisms)}")
        return "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"])

    async def _start_tls(self) -> None:
        context = self._server.tls
        if context is None or self._secure:
            await self._out_of_turn("STARTTLS is not offered", "502 5.5.1 Not offered")
        elif await self._act("STARTTLS", "", lambda: "220 2.0.0 Ready"):
            await self._writer.start_tls(context)
            self._secure, self._greeted = True, False

    async def _authenticate(self, argument: str) -> None:
        mechanism, _, first = argument.partition(" ")
        mechanism = mechanism.upper()
        if not self._greeted or mechanism not in self._server.mechanisms or not self._server.users:
            await self._out_of_turn(f"AUTH {mechanism} is not offered", "504 5.5.4 Not offered")
            return
        try:
            if mechanism == "PLAIN":
                _, name, password = (await self._secret("", first)).split("\0")
            else:
                name, password = await self._secret("Username:", first), await self._secret("Password:", "")
        except (NotBase64, ValueError):
            await self._say("501 5.5.2 Not base64")
            return
        await self._act("AUTH", name, lambda: self._log_in(name, password))

    async def _secret(self, question: str, given: str) -> str:
        if not given:
            await self._say(f"334 {b64encode(question.encode()).decode()}")
            given = await self._line()
        return b64decode(given, validate=True).decode()

    def _log_in(self, name: str, password: str) -> str:
        if self._server.users.get(name) != password:
            self._server.failed_logins += 1
            return "535 5.7.8 Authentication credentials invalid"
        self._login = name
        return "235 2.7.0 Welcome"

    async def _mail(self, argument: str) -> None:
        path = _PATH.fullmatch(argument)
        if not self._greeted or self._envelope is not None:
            await self._out_of_turn("MAIL out of turn", "503 5.5.1 Bad sequence of commands")
        elif path is None or path[1].upper() != "FROM":
            await self._out_of_turn(f"MAIL {argument[:60]!r}", "501 5.1.7 Bad sender address syntax")
        else:
            await self._act("MAIL", path[2], lambda: self._begin(path[2], path[3].upper().split()))

    def _begin(self, sender: str, options: Iterable[str]) -> str:
        server = self._server
        given = dict(option.partition("=")[::2] for option in options)
        if unknown := set(given) - {"SIZE", "BODY"}:
            server.violations.append(f"MAIL with {sorted(unknown)}")
            return "555 5.5.4 Parameter not recognised"
        if server.users and not self._login:
            return "530 5.7.0 Authentication required"
        if server.letters_per_connection and self._letters >= server.letters_per_connection:
            return "421 4.7.0 Too many letters on this connection"
        if int(given.get("SIZE", 0)) > server.size_limit:
            return "552 5.3.4 Message size exceeds fixed limit"
        self._envelope = _Envelope(sender, eight_bit=given.get("BODY") == "8BITMIME")
        return "250 2.1.0 Sender ok"

    async def _recipient(self, argument: str) -> None:
        path = _PATH.fullmatch(argument)
        envelope = self._envelope
        if envelope is None:
            await self._out_of_turn("RCPT before MAIL", "503 5.5.1 Bad sequence of commands")
        elif path is None or path[1].upper() != "TO" or "@" not in path[2] or path[3]:
            await self._out_of_turn(f"RCPT {argument[:60]!r}", "501 5.1.3 Bad recipient address syntax")
        else:
            await self._act("RCPT", path[2], lambda: self._address(envelope, path[2]))

    def _address(self, envelope: _Envelope, address: str) -> str:
        if address.lower() in self._server.unknown_mailboxes:
            return "550 5.1.1 No such user here"
        if address.lower() in self._server.full_mailboxes:
            return "452 4.2.2 Mailbox is full"
        envelope.recipients.append(address)
        return "250 2.1.5 Recipient ok"

    async def _data(self) -> None:
        envelope = self._envelope
        if envelope is None or not envelope.recipients:
            await self._out_of_turn("DATA before RCPT", "503 5.5.1 Bad sequence of commands")
            return
        target = " ".join(envelope.recipients)
        if not await self._act("DATA", target, lambda: "354 End with a dot on a line of its own"):
            return
        raw = await self._text(target)
        self._envelope = None
        await self._act("body", target, lambda: self._take(envelope, raw))

    async def _text(self, target: str) -> bytes:
        """Read a letter up to its final dot and take the doubled dots away (RFC 5321 §4.5.2)."""
        first = await self._reader.readuntil(b"\n")
        match self._server.faults.take("text", target):
            case None:
                pass
            case Fault(kind=Kind.HANGS):
                await self._stop_reading()
            case Fault(kind=Kind.DELAYS, seconds=seconds):
                await asyncio.sleep(seconds)
            case _:
                self._cut()
        stuffed = bytearray(first)
        while stuffed != b".\r\n" and not stuffed.endswith(b"\r\n.\r\n"):
            stuffed += await self._reader.readuntil(b".\r\n")
        del stuffed[-3:]
        if stuffed.startswith(b"."):
            del stuffed[:1]
        return bytes(stuffed).replace(b"\n.", b"\n")

    def _take(self, envelope: _Envelope, raw: bytes) -> str:
        if len(raw) > self._server.size_limit:
            return "552 5.3.4 Message size exceeds fixed limit"
        self._letters += 1
        self._server.accept(envelope, raw)
        return f"250 2.0.0 Queued as {self._server.accepted:06d}"

    async def _out_of_turn(self, violation: str, reply: str) -> None:
        self._server.violations.append(violation)
        await self._say(reply)
