"""Asks Telegram for updates, at least once each: stored before the next question confirms them, then handled.

aiogram's own polling confirms an update before its handler has run, so that a crash loses it. Here a batch is in the
database before Telegram hears that it arrived, and what a dead process left unhandled is taken up at the next start.
Updates of one chat are handled in order, those of different chats side by side.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import AiogramError, TelegramConflictError, TelegramRetryAfter, TelegramUnauthorizedError
from aiogram.types import Update
from aiohttp_socks import ProxyError

from bot.face import Face
from bot.incoming import keep
from delivery.database import is_away

_log = structlog.get_logger()
_WAIT_SECONDS = 30  # the server holds the question open this long; 50 is the most it does
_CONFLICT_PAUSE = 15.0
_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)


class Polling:
    """One poller. `connected` tells whether Telegram answered the last question."""

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher,
        face: Face,
        *,
        allowed_updates: Sequence[str],
        proxies: Sequence[str] = (),
        on_conflict: Callable[[], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._face = face
        self._allowed = list(allowed_updates)
        self._proxies = cycle(proxies) if len(proxies) > 1 else None
        self._on_conflict = on_conflict
        self._lines: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._offset: int | None = None
        self._conflict_told = False
        self.connected = False

    async def run(self, stop: asyncio.Event) -> None:
        """Ask and hand on until `stop`; handlers under way are waited for."""
        async with asyncio.TaskGroup() as handlers:
            stopped = handlers.create_task(stop.wait())
            failures = 0
            while not stop.is_set():
                question = handlers.create_task(self._asked())
                await asyncio.wait({question, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not question.done():
                    question.cancel()
                    return
                updates, pause = await self._stored(question.result())
                failures = failures + 1 if pause is not None else 0
                for update in updates:
                    handlers.create_task(self._handle(update))
                if pause is not None:
                    rest = max(pause, _PAUSES[min(failures, len(_PAUSES)) - 1])
                    await asyncio.wait({stopped}, timeout=rest)

    async def _asked(self) -> list[Update] | Exception:
        """Ask for updates, and return them or what went wrong."""
        try:
            return await self._bot.get_updates(
                offset=self._offset,
                timeout=_WAIT_SECONDS if self.connected else 0,  # the first answer at once, to be sure of the line
                allowed_updates=self._allowed,
                request_timeout=_WAIT_SECONDS + 15,
            )
        except Exception as error:  # noqa: BLE001 - judged by `_pause_after`
            return error

    async def _stored(self, answer: list[Update] | Exception) -> tuple[list[Update], float | None]:
        """Store new updates and return them, with None; or nothing, and the least pause in seconds before asking again.

        What could not be stored is not confirmed, so Telegram sends it again.
        """
        if isinstance(answer, Exception):
            return [], await self._pause_after(answer)
        try:
            fresh = [update for update in answer if await keep(self._face, update)]
        except Exception as error:  # noqa: BLE001 - judged by `_pause_after`
            return [], await self._pause_after(error)
        if answer:
            self._offset = answer[-1].update_id + 1
        self.connected = True
        return fresh, None

    async def _pause_after(self, error: Exception) -> float:
        """Do what a failed question asks for, and return the least pause in seconds before the next."""
        match error:
            case TelegramConflictError() if "webhook" in error.message.lower():
                return await self._drop_webhook()
            case TelegramConflictError():
                return await self._conflict()
            case TelegramRetryAfter():
                return float(error.retry_after)
            case TelegramUnauthorizedError():
                self.connected = False
                _log.error("bot.token_refused")
                return _PAUSES[-1]
            case AiogramError() | ProxyError() | OSError() | TimeoutError() | ValueError():
                self._lost(error)
            case _ if not is_away(error):
                _log.error("updates.not_stored", exc_info=error)
            case _:
                pass
        return 0.0

    async def _handle(self, update: Update) -> None:
        async with self._lines[_chat(update)]:
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except Exception:  # noqa: BLE001 - it stays unhandled in the database, for the next start
                _log.exception("update.failed", update=update.update_id)

    async def _drop_webhook(self) -> float:
        """Take back an address that an earlier configuration had set; what waits there comes to us."""
        try:
            await self._bot.delete_webhook()
        except (AiogramError, ProxyError, OSError, TimeoutError) as error:
            self._lost(error)
        return 0.0

    async def _conflict(self) -> float:
        self.connected = False
        _log.error(
            "bot.second_poller", hint="another instance asks Telegram with the same token; delivery goes on here"
        )
        if not self._conflict_told:
            self._conflict_told = True
            await self._on_conflict()
        return _CONFLICT_PAUSE

    def _lost(self, error: Exception) -> None:
        if self.connected:
            _log.warning("bot.not_connected", error=type(error).__name__)
        self.connected = False
        if self._proxies is not None and isinstance(self._bot.session, AiohttpSession):
            self._bot.session.proxy = next(self._proxies)


def _chat(update: Update) -> int:
    if update.callback_query is not None:
        return update.callback_query.from_user.id
    message = update.message or update.edited_message
    return message.chat.id if message is not None else 0
