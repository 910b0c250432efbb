"""Where letters go and what they are measured against: sinks, a relay far away, and a generator that keeps no record.

Postfix's own `smtp-sink` and `smtp-source` where they are installed, or named by RUPOR_SMTP_SINK and RUPOR_SMTP_SOURCE;
else a sink and a sender in Python, which say so in what they print.
"""

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Flood", "far_away", "flood", "generator_name", "sink", "sink_name", "weigh"]

START_WITHIN = 5.0  # seconds
_FROM, _TO = "press@example.org", "a@example.org"


@dataclass(frozen=True, slots=True)
class Flood:
    """What a generator did."""

    seconds: float
    cpu: float
    letters: int

    @property
    def rate(self) -> float:
        """Letters a second."""
        return self.letters / self.seconds


# Sinks


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """A server in a process of its own that takes every letter and keeps none; yields its port."""
    binary = _postfix("smtp-sink")
    if binary is None:
        async with _python_sink() as (port, _process):
            yield port
        return
    port = _free_port()
    privileges = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(binary, *privileges, f"127.0.0.1:{port}", "1000")
    async with _ending(process):
        await _answering(port)
        yield port


def sink_name() -> str:
    """Name what `sink` runs."""
    return "smtp-sink" if _postfix("smtp-sink") else "a sink in Python"


async def weigh(send: Callable[[int], Awaitable[object]]) -> int:
    """Return the octets of the largest letter that `send(port)` brings to a sink, without the final dot."""
    async with _python_sink() as (port, process):
        await send(port)
        process.terminate()
        assert process.stdout is not None
        sizes = (await process.stdout.read()).split()
        await process.wait()
    return max(int(size) for size in sizes)


_SINK = """
import asyncio, signal, sys
sizes = []
async def serve(reader, writer):
    writer.write(b"220 sink ESMTP\\r\\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-sink\\r\\n250-PIPELINING\\r\\n250-SIZE 100000000\\r\\n250 8BITMIME\\r\\n")
        elif verb == b"DATA":
            writer.write(b"354 go on\\r\\n")
            text = await reader.readuntil(b"\\r\\n.\\r\\n")
            sizes.append(len(text) - 3)
            writer.write(b"250 2.0.0 taken\\r\\n")
        elif verb == b"QUIT":
            writer.write(b"221 bye\\r\\n")
            break
        else:
            writer.write(b"250 2.0.0 fine\\r\\n")
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**26)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    print(*sizes, sep="\\n", flush=True)
asyncio.run(main())
"""


@asynccontextmanager
async def _python_sink() -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _SINK, stdout=asyncio.subprocess.PIPE)
    async with _ending(process):
        assert process.stdout is not None
        yield int(await process.stdout.readline()), process


# A relay far away

_FAR = """
import asyncio, sys
from collections import deque
port, delay = int(sys.argv[1]), float(sys.argv[2])
class Way(asyncio.Protocol):
    "Hands on what it hears to the other side, later, and never in another order."
    def __init__(self):
        self.loop, self.transport, self.other, self.held = asyncio.get_running_loop(), None, None, deque()
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.hold(data)
    def eof_received(self):
        self.hold(b"")
        return True
    def connection_lost(self, error):
        self.hold(None)
    def hold(self, data):
        self.held.append(data)
        self.loop.call_later(delay, self.pass_on)
    def pass_on(self):
        data = self.held.popleft()
        other = self.other.transport if self.other else None
        if other is None or other.is_closing():
            return
        if data is None:
            other.close()
        elif data:
            other.write(data)
        else:
            other.write_eof()
class Near(Way):
    def connection_made(self, transport):
        super().connection_made(transport)
        transport.pause_reading()
        self.dialling = self.loop.create_task(self.dial())
    async def dial(self):
        _, self.other = await self.loop.create_connection(Way, "127.0.0.1", port)
        self.other.other = self
        self.transport.resume_reading()
async def main():
    server = await asyncio.get_running_loop().create_server(Near, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@asynccontextmanager
async def far_away(port: int, *, there_and_back: float) -> AsyncIterator[int]:
    """Put a distance in seconds before a port, half of it each way; bandwidth stays as it is. Yields the new port."""
    words = [sys.executable, "-c", _FAR, str(port), str(there_and_back / 2)]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    async with _ending(process):
        assert process.stdout is not None
        yield int(await process.stdout.readline())


# Generators


def generator_name() -> str:
    """Name what `flood` runs."""
    return "smtp-source" if _postfix("smtp-source") else "a minimal sender in Python"


async def flood(port: int, letters: int, size: int, *, connections: int) -> Flood:
    """Send letters of `size` octets on the wire, as fast as the generator can and without any record."""
    if _postfix("smtp-source") is None:
        return await _minimal(port, letters, size, connections)
    return await _source(port, letters, size - await _headers(), connections)


async def _headers() -> int:
    """Return how many octets of its own `smtp-source` adds to the length that it is asked for."""
    asked = 10_000
    return await weigh(lambda port: _source(port, 1, asked, 1)) - asked


async def _source(port: int, letters: int, length: int, connections: int) -> Flood:
    binary = _postfix("smtp-source")
    assert binary is not None
    words = ["-s", str(connections), "-d", "-m", str(letters), "-l", str(length), "-f", _FROM, "-t", _TO]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    await asyncio.to_thread(subprocess.run, [binary, *words, f"inet:127.0.0.1:{port}"], check=True)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Flood(seconds, cpu, letters)


async def _minimal(port: int, letters: int, size: int, connections: int) -> Flood:
    head = b"Subject: x\r\n\r\n"
    envelope = (b"MAIL FROM:<%b>\r\n" % _FROM.encode(), b"RCPT TO:<%b>\r\n" % _TO.encode())
    text = head + (b"x" * 76 + b"\r\n") * ((size - len(head)) // 78) + b".\r\n"

    async def connection(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"HELO x\r\n")
        await reader.readline()
        for _ in range(count):
            for words in (*envelope, b"DATA\r\n", text):
                writer.write(words)
                if not (answer := await reader.readline()).startswith((b"2", b"3")):
                    raise RuntimeError(f"the sink answered {answer!r}")
        writer.close()
        await writer.wait_closed()

    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(connection(letters // connections))
    return Flood(time.perf_counter() - began, time.process_time() - cpu, letters)


# Processes


def _postfix(name: str) -> str | None:
    named = os.environ.get(f"RUPOR_{name.upper().replace('-', '_')}")
    return named or shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


@asynccontextmanager
async def _ending(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def _answering(port: int) -> None:
    async with asyncio.timeout(START_WITHIN):
        while True:
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return
