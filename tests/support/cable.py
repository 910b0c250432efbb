"""A way to a Postgres over the loopback that can be pulled: lines that are open then stay open and silent."""

import asyncio
from contextlib import suppress
from typing import Self

from tests.support.postgres import USER, Server


class Cable:
    """An asynchronous context manager; `url()` is the server's address through it."""

    def __init__(self, server: Server) -> None:
        self._socket = str(server.folder / ".s.PGSQL.5432")
        self._carries: list[bool] = []
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

    def url(self, database: str = "postgres") -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/{database}"

    def pull(self) -> None:
        """Silence every line that is open now. Those opened later work."""
        self._carries[:] = [False] * len(self._carries)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        number = len(self._carries)
        self._carries.append(True)
        far_in, far_out = await asyncio.open_unix_connection(self._socket)
        self._ends += [near_out, far_out]
        self._tasks.create_task(self._copy(number, near_in, far_out))
        self._tasks.create_task(self._copy(number, far_in, near_out))

    async def _copy(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if self._carries[number]:
                    sink.write(data)
        sink.transport.abort()
