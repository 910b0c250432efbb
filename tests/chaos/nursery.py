"""Brings workers up in a harness, for tests that kill them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.place import Place

ROOT = Path(__file__).parents[2]
_WITHIN = 60  # seconds


@dataclass
class Child:
    """One worker. `status` is its wait status, once it has ended."""

    name: str
    pid: int = 0
    born: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0

    @property
    def killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill it, if it is still there."""
        if not self.gone.is_set():
            with suppress(ProcessLookupError):  # gone, and not yet told of
                os.kill(self.pid, number)

    async def ended(self) -> int:
        """Wait for its end; returns its exit code, negative for a signal."""
        async with asyncio.timeout(_WITHIN):
            await self.gone.wait()
        return os.waitstatus_to_exitcode(self.status)


class Nursery:
    """One harness with its workers."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._children: dict[int, Child] = {}
        self._unborn: dict[str, Child] = {}
        self._number = 0

    async def start(self, place: Place, **job: Any) -> Child:
        """Start a worker; see tests.chaos.harness for what a job may say."""
        self._number += 1
        child = Child(f"w{self._number}")
        self._unborn[child.name] = child
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"name": child.name, "place": place.packed(), **job}).encode() + b"\n")
        async with asyncio.timeout(_WITHIN):
            await child.born.wait()
        assert child.pid, f"the harness has ended: {self.told()}"
        return child

    async def is_ready(self, child: Child) -> None:
        """Wait until it says that it is, or has ended."""
        async with asyncio.timeout(_WITHIN):
            async with asyncio.TaskGroup() as group:
                waits = [group.create_task(each.wait()) for each in (child.ready, child.gone)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()

    async def kill_all(self) -> None:
        """Kill whoever is still there."""
        for child in self._children.values():
            child.kill()
        for child in self._children.values():
            await child.ended()

    def told(self) -> str:
        """What the workers wrote to standard error."""
        return self._log.read_text(encoding="utf-8")

    async def listen(self) -> None:
        """Hear what is told until the harness ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            word = json.loads(line)
            if "job" in word:
                child = self._unborn.pop(word["job"])
                child.pid = word["pid"]
                early = self._children.pop(child.pid, None)
                if early is not None and not early.name:  # it spoke before its parent did
                    child.status = early.status
                    for mine, its in ((child.ready, early.ready), (child.gone, early.gone)):
                        if its.is_set():
                            mine.set()
                self._children[child.pid] = child
                child.born.set()
                continue
            child = self._children.get(word["pid"]) or Child("", word["pid"])
            if child.gone.is_set():  # the number was given out again
                child = Child("", word["pid"])
            self._children[child.pid] = child
            if "said" in word:
                child.ready.set()
            else:
                child.status = word["status"]
                child.gone.set()
        for child in self._unborn.values():
            child.born.set()


@asynccontextmanager
async def a_nursery(folder: Path) -> AsyncIterator[Nursery]:
    """Run a harness as long as the block lasts."""
    log = folder / "harness.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.harness",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
        )
    nursery = Nursery(process, log)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(nursery.listen())
        try:
            yield nursery
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
            await listening
