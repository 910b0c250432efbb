"""The mail server on its loopback port."""

import asyncio
from types import TracebackType
from typing import Self

from sandbox.mail.dialogue import Dialogue, Gone
from sandbox.mail.relay import Relay

__all__ = ["MailStandIn"]


class MailStandIn(Relay):
    """A mail server that runs as long as the block it opens. For its options see Relay.

    Faults are looked up under the names connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, text, body and NOOP. DATA is
    the command; `text` is looked up when the first bytes of the letter are on their way, `body` after its final dot.
    """

    _open: dict[asyncio.Task[None], asyncio.StreamWriter]
    _server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._open = {}
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
        self._server.close()
        self.cut_all()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
            await Dialogue(self, reader, writer).run()
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            del self._open[task]
            writer.close()
            self._news.set()

    async def wait_for_silence(self, within: float = 20) -> None:
        """Return as soon as no connection is open. Raises TimeoutError."""
        await self.wait_for(lambda: not self._open, within)
