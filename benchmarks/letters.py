"""How fast do letters leave, each with its own tracked row?

Sends the same number of letters of the same size to the same sink twice in one run: by Rupor (claim, attempt, letter,
record, all on SQLite) and by a generator that does nothing but speak SMTP: Postfix's `smtp-source` where it is
installed (or named by RUPOR_SMTP_SOURCE), else a minimal sender of our own. Prints letters per second, the ratio, CPU
seconds per 1,000 letters and the peak of memory.

    python -m benchmarks.letters [LETTERS]
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.support import quiet
from channels import registry
from channels.contract import Post, Surroundings, TelegramAccess
from delivery import broadcast, schema
from delivery.database import Database
from delivery.desk import Desk
from delivery.listfile import Member
from delivery.model import DeliveryState
from delivery.store import broadcasts, lists
from delivery.store.media import Media
from delivery.worker import Worker

CONNECTIONS = 10
TEXT = "Президиум областного объединения организаций профсоюзов рассмотрел ход колдоговорной кампании. " * 42
SINK = """
import asyncio, sys
async def serve(reader, writer):
    writer.write(b"220 sink ESMTP\\r\\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-sink\\r\\n250-PIPELINING\\r\\n250-SIZE 100000000\\r\\n250 8BITMIME\\r\\n")
        elif verb == b"DATA":
            writer.write(b"354 go on\\r\\n")
            await writer.drain()
            await reader.readuntil(b"\\r\\n.\\r\\n")
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
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True)
class Measured:
    """One run's figures."""

    seconds: float
    cpu: float
    letters: int

    @property
    def rate(self) -> float:
        """Letters a second."""
        return self.letters / self.seconds


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """A server in a process of its own that takes every letter and keeps none; yields its port."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SINK, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def by_rupor(port: int, letters: int, folder: Path) -> tuple[Measured, int]:
    """Send through the product. Returns the figures, and the size of one letter in bytes as the text makes it."""
    database = Database(f"sqlite+aiosqlite:///{folder / 'rupor.db'}")
    await schema.upgrade(database)
    settings = registry.SETTINGS["email"](
        host="127.0.0.1", port=port, tls="none", sender="press@example.org", connections=CONNECTIONS
    )
    surroundings = Surroundings(
        Media(database),
        TelegramAccess("1:x"),
        lambda address, _list: f"https://rupor.example.org/u/{address:_>40}",
    )
    channel = await registry.connect("mail", settings, surroundings)
    desk = Desk(database, {"mail": channel}, lambda: datetime.now(UTC), ZoneInfo("Europe/Moscow"))
    async with database.writing() as tx:
        await lists.create(tx, "all", "Членские организации", desk.now())
        people = [Member(f"a{n}@example.org", f"a{n}@example.org", "", "") for n in range(letters)]
        await lists.put_members(tx, "all", people, source="benchmark", now=desk.now())
    number = await broadcast.draft(desk, Post(TEXT, title="О колдоговорной кампании"), author="benchmark")
    await broadcast.release(desk, number, by="benchmark")
    size = len(channel.render(Post(TEXT)).parts[0].html.encode())

    worker = Worker(desk, name="benchmark")
    began, cpu = time.perf_counter(), time.process_time()
    while await worker.step("mail"):
        pass
    measured = Measured(time.perf_counter() - began, time.process_time() - cpu, letters)
    async with database.reading() as tx:
        counted = await broadcasts.counts(tx, [1])
    if [(row[2], row[3]) for row in counted] != [(DeliveryState.SENT, letters)]:
        raise RuntimeError(f"not all were sent: {counted}")
    await channel.close()
    await database.close()
    return measured, size


def smtp_source() -> str | None:
    """Return the path of Postfix's generator, if it is there."""
    return os.environ.get("RUPOR_SMTP_SOURCE") or shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin")


async def by_generator(port: int, letters: int, size: int) -> tuple[str, Measured]:
    """Send without any tracking. Returns the generator's name and its figures."""
    binary = smtp_source()
    if binary is None:
        return "a minimal sender", await _minimal(port, letters, size)
    words = [binary, "-s", str(CONNECTIONS), "-d", "-m", str(letters), "-l", str(size), f"inet:127.0.0.1:{port}"]
    words[-1:] = ["-f", "press@example.org", "-t", "a@example.org", words[-1]]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    await asyncio.to_thread(subprocess.run, words, check=True)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return "smtp-source", Measured(seconds, cpu, letters)


async def _minimal(port: int, letters: int, size: int) -> Measured:
    text = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * (size // 78) + b".\r\n"

    async def connection(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"HELO x\r\n")
        await reader.readline()
        for _ in range(count):
            for words in (b"MAIL FROM:<press@example.org>\r\n", b"RCPT TO:<a@example.org>\r\n", b"DATA\r\n", text):
                writer.write(words)
                await reader.readline()
        writer.close()
        await writer.wait_closed()

    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection(letters // CONNECTIONS))
    return Measured(time.perf_counter() - began, time.process_time() - cpu, letters)


async def main(letters: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        async with sink() as port:
            ours, size = await by_rupor(port, letters, Path(folder))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            name, theirs = await by_generator(port, letters, size)
    print(f"{letters:,} letters of about {size / 1000:.1f} KB, {CONNECTIONS} connections, one sink, SQLite")
    for who, one in (("Rupor", ours), (name, theirs)):
        print(f"  {who:18} {one.rate:7.0f} letters/s   {one.cpu / one.letters * 1000:6.2f} CPU s per 1,000")
    print(f"  ratio Rupor / {name}: {ours.rate / theirs.rate:.2f};  peak memory {peak:.0f} MB")


if __name__ == "__main__":
    quiet()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
