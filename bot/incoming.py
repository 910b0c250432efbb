"""Lets in whom the bot knows, stores what they send before anything else happens, and handles each update once.

A kill at any moment leaves the update in the database, unhandled; `replay` takes it up at the next start. Strangers
leave nothing in the database: they get one polite answer an hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from aiogram import BaseMiddleware, Bot, Dispatcher
from aiogram.exceptions import AiogramError
from aiogram.types import Chat, TelegramObject, Update, User

from bot import access
from bot.face import Face
from bot.texts import bot as texts
from delivery.store import inbox

__all__ = ["ALLOWED_UPDATES", "Intake", "Once", "keep", "replay"]

_log = structlog.get_logger()

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""Telegram remembers the last list it was given, so it is always given."""

_KEPT_FOR = timedelta(days=7)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


async def keep(face: Face, update: Update) -> bool:
    """Write an update down. False when it was handled before; what is not for us is not written, only looked at."""
    person, chat = _origin(update)
    if not _is_private(person, chat) or person is None or not access.admitted(face.settings, person.id):
        return True
    payload = update.model_dump(mode="json", exclude_none=True, exclude_unset=True, by_alias=True)
    async with face.desk.database.writing() as tx:
        return await inbox.keep(tx, update.update_id, payload, face.desk.now())


class Intake(BaseMiddleware):
    """The door. Outermost of all: nothing of a stranger's gets further, everything else is stored."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._refusals = access.Refusals()

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Store and pass on, or refuse."""
        if not isinstance(event, Update):
            return None
        person, chat = _origin(event)
        if person is None or chat is None or not _is_private(person, chat):
            return None
        if not access.admitted(self._face.settings, person.id):
            await self._refuse(data["bot"], event, person, chat)
            return None
        return await handler(event, data) if await keep(self._face, event) else None

    async def _refuse(self, bot: Bot, update: Update, person: User, chat: Chat) -> None:
        if not self._refusals.due(person.id, asyncio.get_running_loop().time()):
            return
        _log.info("stranger.refused")
        with suppress(AiogramError, OSError, TimeoutError):
            if update.callback_query is not None:
                await bot.answer_callback_query(update.callback_query.id, texts.refusal(person.id), show_alert=True)
            else:
                await bot.send_message(chat.id, texts.refusal(person.id))


class Once(BaseMiddleware):
    """Handles an update unless it was, and marks it handled. Stands inside the lock that serialises one person's talk.

    What fails for a reason of ours stays open, for the next start. When only the answer could not be sent, what the
    update asked for is done.
    """

    def __init__(self, face: Face) -> None:
        self._database = face.desk.database
        self._now = face.desk.now

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Handle once."""
        if not isinstance(event, Update):
            return None
        async with self._database.reading() as tx:
            if not await inbox.is_open(tx, event.update_id):
                return None
        try:
            answer = await handler(event, data)
        except AiogramError:
            await self._done(event)
            raise
        await self._done(event)
        return answer

    async def _done(self, update: Update) -> None:
        async with self._database.writing() as tx:
            await inbox.handled(tx, update.update_id, self._now())


async def replay(bot: Bot, dispatcher: Dispatcher, face: Face) -> int:
    """Handle what a dead process had stored and not handled, oldest first. Returns how many there were."""
    async with face.desk.database.writing() as tx:
        await inbox.forget_handled(tx, face.desk.now() - _KEPT_FOR)
        left = await inbox.waiting(tx)
    for payload in left:
        update = Update.model_validate(payload, context={"bot": bot})
        person, _chat = _origin(update)
        if person is None or not access.admitted(face.settings, person.id):
            async with face.desk.database.writing() as tx:
                await inbox.handled(tx, update.update_id, face.desk.now())
            continue
        try:
            await dispatcher.feed_update(bot, update)
        except Exception:  # noqa: BLE001 - one update that can't be handled must not keep the others waiting
            _log.exception("update.failed", update=update.update_id)
    if left:
        _log.info("updates.replayed", updates=len(left))
    return len(left)


def _is_private(person: User | None, chat: Chat | None) -> bool:
    """Tell whether a person speaks with the bot alone: in groups it keeps silent."""
    return person is not None and not person.is_bot and chat is not None and chat.type == "private"


def _origin(update: Update) -> tuple[User | None, Chat | None]:
    """Return who sent an update, and where."""
    query = update.callback_query
    if query is not None:
        return query.from_user, query.message.chat if query.message is not None else None
    message = update.message or update.edited_message
    return (message.from_user, message.chat) if message is not None else (None, None)
