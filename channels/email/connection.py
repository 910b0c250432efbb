"""One connection to a relay: opened step by step, used for one letter at a time, thrown away at the first doubt.

aiosmtplib does not say in which phase a connection died, and a cancelled exchange leaves its client with an answer
still to come. So every command is its own step with its own time limit, the text is written here, and a connection
that is not in step with its relay is cut and never used again.

This is the plain way: one command, one answer. Where a relay offers PIPELINING, `pipeline` takes the line over after
the login; this stays what it is measured by.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected
from channels.email.answers import Phase, lost, refusal
from channels.email.letter import Letter
from channels.email.settings import Settings

__all__ = ["Connection", "Timeouts", "WornOut", "open_connection"]

_ACCEPTED = 2
_GO_ON = 3
# More than this goes out in pieces, each after the one before it has left.
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait in each phase, in seconds.

    After the final dot ten minutes, as RFC 5321 §4.5.3.2.6 asks for: who gives up earlier sends letters twice.
    `text` is for each 64 KB. `behind` is how long a letter stays in second place on a line where the first one is slow.
    """

    connect: float = 30
    hello: float = 60
    login: float = 60
    command: float = 300
    data: float = 120
    text: float = 180
    final_dot: float = 600
    quit: float = 5
    behind: float = 2

    def of(self, phase: Phase) -> float:
        """The limit of a phase that waits for one answer."""
        by_phase: Mapping[Phase, float] = {
            Phase.CONNECT: self.connect,
            Phase.HELLO: self.hello,
            Phase.TLS: self.hello,
            Phase.LOGIN: self.login,
            Phase.DATA: self.data,
            Phase.TEXT: self.text,
            Phase.FINAL_DOT: self.final_dot,
            Phase.QUIT: self.quit,
        }
        return by_phase.get(phase, self.command)


class WornOut(Exception):
    """A connection ended before this letter's turn came. Nothing was sent; a new connection will do."""


class Connection:
    """A dialogue that has got as far as MAIL."""

    def __init__(self, client: aiosmtplib.SMTP, timeouts: Timeouts, sender: str) -> None:
        self._client = client
        self.timeouts = timeouts
        self._sender = sender.encode("ascii")
        self._writer: asyncio.StreamWriter | None = None
        self._in_step = True
        self._used = False
        self.letters = 0
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """False once an answer was missed or the line is down."""
        return self._in_step and self._client.is_connected

    @property
    def room(self) -> int:
        """How many letters it carries at once."""
        return 1

    @property
    def pipelines(self) -> bool:
        """Whether the relay takes several commands in one go."""
        return self._client.supports_extension("pipelining")

    def hand_over(self, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        """Let another protocol speak on this line from now on. Called when no answer is awaited.

        Raises Deferred when the line is down.
        """
        transport = self._transport
        self._in_step = False
        if transport is None or transport.is_closing():
            raise lost(Phase.MAIL, "connection lost")
        transport.set_protocol(protocol)
        return transport

    async def deliver(self, recipient: str, letter: Letter) -> str:
        """Hand over one letter to one address in ASCII; return the relay's words of acceptance.

        Raises Deferred, Rejected, Unconfirmed, ChannelClosed, or WornOut. Afterwards, and after a cancellation, the
        connection may be used again only if it is `usable`.
        """
        try:
            self.refuse_too_large(letter)
            await self._mail(letter)
            try:
                await self.ask(Phase.RCPT, b"RCPT", _to(recipient))
                await self.ask(Phase.DATA, b"DATA", expected=_GO_ON)
            except ChannelError:
                await self._reset()
                raise
            answer = await self._text(letter)
        finally:
            self._used = True
        self.letters += 1
        return answer

    def refuse_too_large(self, letter: Letter) -> None:
        """Raise Rejected for a letter above the size that the relay announced (RFC 1870)."""
        limit = self._client.esmtp_extensions.get("size", "")
        if limit.isdigit() and 0 < int(limit) < letter.size:
            raise Rejected(f"SIZE {limit} is less than {letter.size}", Reason.LETTER_TOO_LARGE)

    def envelope(self, recipient: str, letter: Letter) -> bytes:
        """Return the three commands before a letter's text, in one group (RFC 2920 §3.1: DATA comes last)."""
        return b"MAIL %b\r\nRCPT %b\r\nDATA\r\n" % (self._from(letter), _to(recipient))

    async def ask(self, phase: Phase, *words: bytes, expected: int = _ACCEPTED) -> aiosmtplib.SMTPResponse:
        """Send one command and return its answer. Raises what the answer, or its absence, means."""
        self._in_step = False
        with _translated(phase):
            answer = await self._client.execute_command(*words, timeout=self.timeouts.of(phase))
        return self._judged(phase, answer, expected)

    def cut(self) -> None:
        """Break the line at once: nothing that still waits to be written may go out."""
        self._in_step = False
        if self._transport is not None:
            self._transport.abort()
        self._client.close()

    def leave(self) -> None:
        """Say goodbye without waiting for the answer; cut the line where no word is expected."""
        if not self.usable or self._client.protocol is None:
            self.cut()
            return
        with suppress(aiosmtplib.SMTPException):
            self._client.protocol.write(b"QUIT\r\n")
        self._in_step = False
        self._client.close()

    async def quit(self) -> None:
        """Say goodbye and wait for the answer, but not for long (RFC 5321 §4.1.1.10)."""
        try:
            if self.usable:
                await self.ask(Phase.QUIT, b"QUIT")
        except ChannelError:
            pass
        finally:
            self.cut()

    @property
    def _transport(self) -> asyncio.Transport | None:
        return cast("asyncio.Transport | None", self._client.transport)  # uvloop's are no subclass of asyncio's

    # Steps

    def _judged(self, phase: Phase, answer: aiosmtplib.SMTPResponse, expected: int) -> aiosmtplib.SMTPResponse:
        rank = answer.code // 100
        if rank not in (expected, 4, 5):
            raise lost(phase, f"unexpected answer {answer.code} {answer.message}")
        self._in_step = True
        if rank != expected:
            raise refusal(phase, answer.code, answer.message)
        return answer

    async def _mail(self, letter: Letter) -> None:
        try:
            await self.ask(Phase.MAIL, b"MAIL", self._from(letter))
        except Deferred as error:
            if self._used and not self.usable:
                raise WornOut from error
            raise

    def _from(self, letter: Letter) -> bytes:
        sized = b" SIZE=%d" % letter.size if self._client.supports_extension("size") else b""
        return b"FROM:<%b>%b" % (letter.return_path or self._sender, sized)

    async def _reset(self) -> None:
        """Take back a begun envelope, so that the next letter finds none."""
        if self.usable:
            with suppress(ChannelError):
                await self.ask(Phase.RESET, b"RSET")

    async def _text(self, letter: Letter) -> str:
        self._in_step = False
        last = await self._all_but_the_last(letter)
        protocol = self._client.protocol
        if protocol is None:
            raise lost(Phase.TEXT, "connection lost")
        with _translated(Phase.TEXT):
            protocol.write(b"%b.\r\n" % last)
        with _translated(Phase.FINAL_DOT):
            answer = await protocol.read_response(timeout=self.timeouts.final_dot)
        judged = self._judged(Phase.FINAL_DOT, answer, _ACCEPTED)
        return f"{judged.code} {' '.join(judged.message.split())}"

    async def _all_but_the_last(self, letter: Letter) -> bytes:
        """Write what does not fit into one piece, and return the last one, which the final dot will follow.

        As long as a piece is held back, a cut line means for certain that nothing was sent.
        """
        pieces = [piece for part in (letter.head, letter.tail) for piece in _pieces(part)]
        if letter.size <= _CHUNK:
            return b"".join(pieces)
        with _translated(Phase.TEXT):
            writer = self._own_writer()
            for piece in pieces[:-1]:
                async with asyncio.timeout(self.timeouts.text):
                    writer.write(piece)
                    await writer.drain()
        return bytes(pieces[-1])

    def _own_writer(self) -> asyncio.StreamWriter:
        """Return a writer over the client's transport, for its flow control. It lives as long as the connection."""
        if self._writer is None:
            transport, protocol = self._transport, self._client.protocol
            if protocol is None or transport is None:
                raise ConnectionError("connection lost")
            self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        return self._writer


async def open_connection(settings: Settings, tls: ssl.SSLContext | None, timeouts: Timeouts) -> Connection:
    """Connect, secure the line as the settings ask for, and log in. `tls` is None when it is switched off.

    Raises Deferred when the relay can't be reached now, ChannelClosed when TLS or the login fails.
    """
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        local_hostname=settings.sender_domain,
        timeout=timeouts.connect,
        use_tls=settings.tls == "implicit",
        start_tls=False,
        tls_context=tls,
    )
    connection = Connection(client, timeouts, settings.sender_address)
    try:
        with _translated(Phase.CONNECT):
            await client.connect()
        await _hello(client, timeouts)
        if settings.tls == "starttls":
            await _start_tls(client, timeouts)
            await _hello(client, timeouts)
        if settings.username:
            await _log_in(connection, client, settings)
    except BaseException:
        connection.cut()
        raise
    return connection


async def _hello(client: aiosmtplib.SMTP, timeouts: Timeouts) -> None:
    with _translated(Phase.HELLO):
        await client.ehlo(timeout=timeouts.hello)


async def _start_tls(client: aiosmtplib.SMTP, timeouts: Timeouts) -> None:
    if not client.supports_extension("starttls"):
        raise ChannelClosed("STARTTLS is not offered", Reason.TLS_FAILED)
    with _translated(Phase.TLS):
        await client.starttls(timeout=timeouts.hello)


async def _log_in(connection: Connection, client: aiosmtplib.SMTP, settings: Settings) -> None:
    """Log in once, by one mechanism: each refused try brings an account nearer to being locked."""
    name, password = settings.username, settings.password.get_secret_value()
    offered = client.server_auth_methods
    plain = _base64(f"\0{name}\0{password}")
    try:
        if "plain" in offered:
            await connection.ask(Phase.LOGIN, b"AUTH", b"PLAIN", plain)
        elif "login" in offered:
            await connection.ask(Phase.LOGIN, b"AUTH", b"LOGIN", expected=_GO_ON)
            await connection.ask(Phase.LOGIN, _base64(name), expected=_GO_ON)
            await connection.ask(Phase.LOGIN, _base64(password))
        else:
            raise ChannelClosed(f"AUTH offers {' '.join(offered) or 'nothing'}", Reason.LOGIN_REFUSED)
    except ChannelError as error:
        raise _without({password, _base64(password).decode(), plain.decode()}, error) from None


def _to(recipient: str) -> bytes:
    if not recipient.isprintable():
        raise ValueError("a control character in an address")
    return b"TO:<%b>" % recipient.encode("ascii")


def _base64(text: str) -> bytes:
    return b64encode(text.encode())


def _without(secrets: set[str], error: ChannelError) -> ChannelError:
    """Strike a password out of an error, should a relay repeat what it was told."""
    if not any(secret and secret in error.detail for secret in secrets):
        return error
    return type(error)("the relay repeated the password", error.reason)


def _pieces(octets: bytes) -> Iterator[memoryview]:
    view = memoryview(octets)
    for start in range(0, len(view), _CHUNK):
        yield view[start : start + _CHUNK]


@contextmanager
def _translated(phase: Phase) -> Iterator[None]:
    """Turn what aiosmtplib, ssl and the network raise into what it means in this phase."""
    try:
        yield
    except ssl.SSLError as error:
        raise _tls_failed(phase, error) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(phase, error) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise _tls_failed(phase, error.__cause__) from None
        raise lost(phase, str(error) or type(error).__name__) from None


def _tls_failed(phase: Phase, error: ssl.SSLError) -> ChannelError:
    """A certificate or a handshake that will fail again; on an established line only a lost connection."""
    if phase in (Phase.CONNECT, Phase.TLS):
        return ChannelClosed(str(error), Reason.TLS_FAILED)
    return lost(phase, str(error))


def _answered(phase: Phase, error: aiosmtplib.SMTPResponseException) -> ChannelError:
    if error.code in range(400, 600):
        return refusal(phase, error.code, error.message)
    return lost(phase, f"unexpected answer {error.code} {error.message}")
