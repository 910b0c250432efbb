"""A network between us and Postgres that has bad moments: it cuts lines, stalls, falls silent."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Self

from tests.support.postgres import USER, Server

_LONGEST_STALL = 1.5  # seconds
_LONGEST_SILENCE = 3.0


class _Line:
    """One connection. `silent`: it carries nothing any more. `commits`: a COMMIT has just gone there."""

    def __init__(self) -> None:
        self.silent = False
        self.commits = False


class Unsteady:
    """An asynchronous context manager; `url()` is the server's address through it. `mishaps` counts what happened."""

    def __init__(self, server: Server, *, seed: int) -> None:
        self.mishaps: Counter[str] = Counter()
        self._socket = str(server.folder / ".s.PGSQL.5432")
        self._random = random.Random(seed)
        self._one_in = 0.0
        self._left = 0
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        await self._tasks.__aexit__(None, None, None)

    def url(self, database: str) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/{database}"

    def worry(self, *, one_in: float, most: int) -> None:
        """Let one in so many pieces meet with a mishap, and every third answer to a COMMIT, until `most` have."""
        self._one_in, self._left = one_in, most

    @property
    def calm(self) -> bool:
        """Whether nothing more will happen. What is silent stays so."""
        return not self._left

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        try:
            far_in, far_out = await asyncio.open_unix_connection(self._socket)
        except OSError:
            near_out.transport.abort()
            return
        line = _Line()
        self._ends += [near_out, far_out]
        self._tasks.create_task(self._copy(line, near_in, far_out, near_out, there=True))
        self._tasks.create_task(self._copy(line, far_in, near_out, far_out, there=False))

    async def _copy(
        self,
        line: _Line,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        *,
        there: bool,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                answers_commit = line.commits and not there
                line.commits = there and b"COMMIT" in data
                match self._mishap(answers_commit=answers_commit):
                    case "cut" | "commit unanswered":
                        break
                    case "silence":
                        line.silent = True
                        for end in (sink, back):
                            asyncio.get_running_loop().call_later(_LONGEST_SILENCE, end.transport.abort)
                    case "stall":
                        await asyncio.sleep(self._random.random() * _LONGEST_STALL)
                if not line.silent:
                    sink.write(data)
        for end in (sink, back):
            end.transport.abort()

    def _mishap(self, *, answers_commit: bool) -> str:
        often = 3.0 if answers_commit else self._one_in
        if not self._left or self._random.random() * often >= 1:
            return ""
        kind = self._random.choice(["commit unanswered"] if answers_commit else ["cut", "silence", "stall"])
        self._left -= 1
        self.mishaps[kind] += 1
        return kind
