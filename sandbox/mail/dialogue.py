"""The dialogue of RFC 5321 with one client, and every way in which it may go wrong.

Why not aiosmtpd: it can't cut the line inside a letter's text, answer nothing, or answer half a line, it knows no
pipelining, and it switches to TLS through private parts of asyncio. The dialogue is short enough to own.
"""

import asyncio
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable

from sandbox.faults import Fault, Kind
from sandbox.mail.relay import Envelope, Relay

__all__ = ["Dialogue", "Gone"]

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


class Gone(Exception):
    """The dialogue is over."""


class Dialogue:
    """One connection from greeting to goodbye."""

    def __init__(self, server: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._secure = server.implicit
        self._greeted = False
        self._login = ""
        self._envelope: Envelope | None = None
        self._refused = False  # the last MAIL, or a RCPT of this envelope
        self._letters = 0

    async def run(self) -> None:
        """Speak until either side has had enough. Raises Gone, OSError, or asyncio.IncompleteReadError."""
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
            raise Gone

    async def _swallow(self) -> None:
        """Read on without ever answering, until the other side gives up."""
        while await self._reader.read(65536):
            pass
        raise Gone

    async def _stop_reading(self) -> None:
        """Let the other side's bytes pile up, for as long as the server runs."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await asyncio.Event().wait()

    def _cut(self) -> None:
        self._writer.transport.abort()
        raise Gone

    # Misbehaving

    async def _act(self, call: str, target: str, action: Callable[[], str]) -> bool:
        """Do what a command asks for and answer it, or go wrong as told. True when it was done and answered."""
        fault = self._fault(call, target)
        if fault is not None and not await self._before(call, fault):
            return False
        reply = action()
        if fault is not None:
            await self._after(fault, reply)
        await self._say(reply)
        return reply[0] in "23"

    def _fault(self, call: str, target: str) -> Fault | None:
        fault = self._server.faults.take(call, target)
        if fault is not None:
            self._server.tell()
        return fault

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
                raise Gone
            case Kind.HALF_ANSWER:
                self._writer.write(reply[:2].encode())
                await self._writer.drain()
                raise Gone
            case _:
                pass

    # Commands

    def _forget_envelope(self) -> None:
        self._envelope, self._refused = None, False

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
                self._forget_envelope()
                await self._say("250 2.0.0 Reset")
            case "NOOP":
                await self._act("NOOP", "", lambda: "250 2.0.0 Still here")
            case "QUIT":
                await self._say("221 2.0.0 Bye")
                raise Gone
            case _:
                self._server.violations.append(f"unknown command {verb[:20]!r}")
                await self._say("500 5.5.2 Unknown command")

    def _hello(self, verb: str) -> str:
        self._greeted = True
        self._forget_envelope()
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
            self._refused = not await self._act("MAIL", path[2], lambda: self._begin(path[2], path[3].upper().split()))

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
        self._envelope = Envelope(sender, eight_bit=given.get("BODY") == "8BITMIME")
        return "250 2.1.0 Sender ok"

    async def _recipient(self, argument: str) -> None:
        path = _PATH.fullmatch(argument)
        envelope = self._envelope
        if envelope is None:
            await self._in_vain("RCPT before MAIL", "503 5.5.1 Bad sequence of commands")
        elif path is None or path[1].upper() != "TO" or "@" not in path[2] or path[3]:
            await self._out_of_turn(f"RCPT {argument[:60]!r}", "501 5.1.3 Bad recipient address syntax")
        else:
            taken = await self._act("RCPT", path[2], lambda: self._address(envelope, path[2]))
            self._refused = self._refused or not taken

    def _address(self, envelope: Envelope, address: str) -> str:
        if address.lower() in self._server.unknown_mailboxes:
            return "550 5.1.1 No such user here"
        if address.lower() in self._server.full_mailboxes:
            return "452 4.2.2 Mailbox is full"
        envelope.recipients.append(address)
        return "250 2.1.5 Recipient ok"

    async def _data(self) -> None:
        envelope = self._envelope
        if envelope is None or not envelope.recipients:
            await self._in_vain("DATA before RCPT", "503 5.5.1 No valid recipients")
            return
        target = " ".join(envelope.recipients)
        if not await self._act("DATA", target, lambda: "354 End with a dot on a line of its own"):
            return
        raw = await self._text(target)
        self._forget_envelope()
        await self._act("body", target, lambda: self._take(envelope, raw))

    async def _text(self, target: str) -> bytes:
        """Read a letter up to its final dot and take the doubled dots away (RFC 5321 §4.5.2)."""
        first = await self._reader.readuntil(b"\n")
        match self._fault("text", target):
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

    def _take(self, envelope: Envelope, raw: bytes) -> str:
        if len(raw) > self._server.size_limit:
            return "552 5.3.4 Message size exceeds fixed limit"
        self._letters += 1
        self._server.accept(envelope, raw)
        return f"250 2.0.0 Queued as {self._server.accepted:06d}"

    async def _in_vain(self, violation: str, reply: str) -> None:
        """Answer what was sent on in a group before the refusal was heard (RFC 2920 §3.1)."""
        if self._refused and self._server.pipelining:
            await self._say(reply)
        else:
            await self._out_of_turn(violation, reply)

    async def _out_of_turn(self, violation: str, reply: str) -> None:
        self._server.violations.append(violation)
        await self._say(reply)
