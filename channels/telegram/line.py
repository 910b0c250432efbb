"""One bot's line to the Bot API: over the proxies in order, with patience by size of the upload."""

import asyncio
from asyncio import Transport
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, TypeVar, cast

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError
from aiogram.methods import TelegramMethod
from aiogram.utils.token import TokenValidationError
from aiohttp import ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp_socks import ProxyConnectionError, ProxyConnector

from channels.contract import TelegramAccess
from channels.telegram.failures import PROXY_ERRORS, never_left

__all__ = ["Line", "Patience", "Spacing"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for an answer, and for the bytes of an upload.

    The slowest upload worth waiting for is far below a working line: Telegram is slowed down in Russia. Calls
    about one chat are `between_messages` apart, since it takes one message or edit a second (Bots FAQ). A look for a
    doubtful post gives a request that is still under way the time of `landing`.
    """

    connection: float = 15
    answer: float = 60
    slowest_upload: float = 50_000  # bytes a second
    between_messages: float = 1.1
    landing: float = 10

    def for_upload(self, size: int) -> ClientTimeout:
        """Return the limits for a call that carries `size` bytes of files."""
        total = self.connection + self.answer + size / self.slowest_upload
        return ClientTimeout(total=total, connect=self.connection, sock_connect=self.connection)


class Spacing:
    """Keeps calls that post or change something in one chat `seconds` apart."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the next call may go."""
        loop = asyncio.get_running_loop()
        mine = max(self._next, loop.time())
        self._next = mine + self._seconds
        await asyncio.sleep(mine - loop.time())


class _ProxyConnector(ProxyConnector):
    """Tells a proxy that breaks off while the line is being made from one that breaks off later.

    Without it a broken TLS handshake would look like a lost answer, and a person would have to find out which it was.
    """

    async def _connect_via_proxy(
        self,
        host: str,
        port: int,
        ssl: SSLContext | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> tuple[Transport, ResponseHandler]:
        try:
            return await super()._connect_via_proxy(host, port, ssl, timeout)
        except OSError as error:
            raise ProxyConnectionError(str(error)) from error


class _Session(AiohttpSession):
    """aiogram's session with our connector for proxies, and without a pause on closing: aiohttp waits by itself."""

    def _setup_proxy_connector(self, proxy: Any) -> None:
        super()._setup_proxy_connector(proxy)
        self._connector_type = _ProxyConnector

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Line:
    """Calls methods as the bot. The proxy that worked last is tried first.

    Raises ValueError when the token or a proxy's address has not the form of one.
    """

    def __init__(self, access: TelegramAccess, patience: Patience) -> None:
        api = TelegramAPIServer.from_base(access.api_base)
        self._patience = patience
        try:
            self._bots = [
                Bot(access.token, session=_Session(proxy=proxy, api=api)) for proxy in access.proxies or (None,)
            ]
        except TokenValidationError as error:
            raise ValueError(str(error)) from None

    @property
    def bot_id(self) -> int:
        """The bot's own user id, the first half of its token."""
        return self._bots[0].id

    async def call(self, method: TelegramMethod[Answer], size: int = 0) -> Answer:
        """Call a method that carries `size` bytes of files.

        Raises aiogram's errors, or one of PROXY_ERRORS. A proxy that makes no connection is passed over.
        """
        # aiogram hands the limits on to aiohttp as they are; only its annotation knows nothing but numbers.
        limits = cast("int", self._patience.for_upload(size))
        *others, last = self._bots
        for bot in others:
            try:
                return await bot(method, request_timeout=limits)
            except (AiogramError, *PROXY_ERRORS) as error:
                if not never_left(error):
                    raise
                self._bots = [*self._bots[1:], self._bots[0]]
        return await last(method, request_timeout=limits)

    async def close(self) -> None:
        """Close all connections."""
        for bot in self._bots:
            await bot.session.close()
