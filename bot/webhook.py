"""Lets Telegram bring the updates: an address, a secret in the header, and the update stored before the answer 200.

Whatever is not answered 200 comes again, with growing pauses, for a day. Source: Bot API, setWebhook.
"""

import asyncio
import hmac
import json
from collections.abc import Sequence

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import AiogramError
from aiogram.types import Update
from aiohttp_socks import ProxyError
from pydantic import ValidationError

from bot.face import Face
from bot.incoming import keep

__all__ = ["PATH", "Webhook"]

_log = structlog.get_logger()

PATH = "/telegram/webhook"
_PAUSE = 15.0


class Webhook:
    """Takes what Telegram posts to `url`, with or without PATH at its end.

    `connected` tells whether Telegram has accepted the address.
    """

    def __init__(
        self, bot: Bot, dispatcher: Dispatcher, face: Face, *, url: str, secret: str, allowed_updates: Sequence[str]
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._face = face
        self._url = url.rstrip("/").removesuffix(PATH) + PATH
        self._secret = secret
        self._allowed = list(allowed_updates)
        self._updates: asyncio.Queue[Update] = asyncio.Queue()
        self.connected = False

    def __repr__(self) -> str:
        return f"Webhook({self._url})"

    async def take(self, secret: str, body: bytes) -> int:
        """Store an update that was posted with this secret; return the HTTP status to answer."""
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            return 401
        try:
            update = Update.model_validate(json.loads(body), context={"bot": self._bot})
        except (ValueError, ValidationError):
            return 400
        if await keep(self._face, update):
            self._updates.put_nowait(update)
        return 200

    async def run(self, stop: asyncio.Event) -> None:
        """Tell Telegram the address, then handle what comes until `stop`; what was taken is finished."""
        async with asyncio.TaskGroup() as group:
            stopped = group.create_task(stop.wait())
            await self._announce(stopped)
            while not stop.is_set():
                waiting = group.create_task(self._updates.get())
                await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    group.create_task(self._handle(waiting.result()))
                else:
                    waiting.cancel()

    async def _announce(self, stopped: "asyncio.Task[bool]") -> None:
        while not self.connected and not stopped.done():
            try:
                await self._bot.set_webhook(self._url, secret_token=self._secret, allowed_updates=self._allowed)
                self.connected = True
            except (AiogramError, ProxyError, OSError, TimeoutError) as error:
                _log.warning("bot.webhook_not_set", error=type(error).__name__)
                await asyncio.wait({stopped}, timeout=_PAUSE)

    async def _handle(self, update: Update) -> None:
        try:
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:  # noqa: BLE001 - it stays unhandled in the database, for the next start
            _log.exception("update.failed", update=update.update_id)
