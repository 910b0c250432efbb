"""Answers every pressed button once, and turns what can go wrong into words."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.exceptions import AiogramError
from aiogram.types import CallbackQuery, ErrorEvent, TelegramObject

from bot.face import Face
from bot.talking import GoneError
from bot.texts import bot as texts
from bot.texts.states import STAGE
from delivery.audience import UnknownTargetError
from delivery.broadcast import BlockedError, NobodyError, StageError, UnknownAnnouncementError
from delivery.database import is_away
from delivery.store import talks

__all__ = ["Alert", "Answer", "Answering", "NotAllowedError", "StaleError", "apologise"]

_log = structlog.get_logger()
_LONGEST = 200
"""Characters. Source: Bot API, answerCallbackQuery."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An answer that stays until it is read."""

    text: str


class NotAllowedError(Exception):
    """This person may not do this. The message is the sentence to say."""


class StaleError(Exception):
    """The button belongs to something that has changed since. The message is the sentence to say."""


def _stage(error: Exception) -> str:
    return STAGE[error.stage] if isinstance(error, StageError) else texts.OLD_BUTTON


SENTENCES: Mapping[type[Exception], Callable[[Exception], str]] = {
    NotAllowedError: str,
    StaleError: str,
    StageError: _stage,
    BlockedError: lambda _error: texts.BLOCKED,
    NobodyError: lambda _error: texts.NOBODY,
    UnknownAnnouncementError: lambda _error: texts.UNKNOWN_ANNOUNCEMENT,
    UnknownTargetError: lambda _error: texts.UNKNOWN_TARGET,
    GoneError: lambda _error: texts.MOVED_BELOW,
}


def sentence(error: Exception) -> str | None:
    """Return what to say of an error that is nobody's fault, None for one of ours."""
    say = next((say for kind, say in SENTENCES.items() if isinstance(error, kind)), None)
    return say(error) if say else None


class Answer:
    """The one answer to a pressed button. A handler that takes long calls it first; afterwards nothing is added."""

    def __init__(self, query: CallbackQuery) -> None:
        self._query = query
        self._given = False

    async def __call__(self, words: object = None) -> None:
        """Answer with words, an Alert, or silently, unless that was done."""
        if self._given:
            return
        self._given = True
        text = words.text if isinstance(words, Alert) else words if isinstance(words, str) else None
        try:
            await self._query.answer(text[:_LONGEST] if text else None, show_alert=isinstance(words, Alert))
        except (AiogramError, OSError, TimeoutError) as error:  # pressed long ago, or Telegram is out of reach
            _log.info("button.not_answered", error=str(error))


class Answering(BaseMiddleware):
    """Around every handler of a pressed button. What the handler returns is the answer: words, an Alert, or None."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Handle, and answer."""
        if not isinstance(event, CallbackQuery):
            return await handler(event, data)
        answer = data["answer"] = Answer(event)
        try:
            await answer(await handler(event, data))
        except AiogramError as error:
            _log.warning("button.half_done", data=event.data, error=str(error))
            await answer(Alert(texts.TELEGRAM_AWAY))
        except Exception as error:  # noqa: BLE001 - whatever it is, the person gets an answer
            await answer(await self._excuse(data["face"], event, data, error))
            if sentence(error) is None and not is_away(error):
                _log.error("button.failed", data=event.data, exc_info=error)
        return None

    async def _excuse(self, face: Face, event: CallbackQuery, data: dict[str, Any], error: Exception) -> Alert:
        words = sentence(error)
        if words is None and is_away(error):
            _log.warning("button.waits_for_database", data=event.data, error=str(error))
            return Alert(texts.DATABASE_AWAY)
        if words is None:
            return Alert(texts.TROUBLE)
        number = getattr(data.get("callback_data"), "id", None)
        if isinstance(number, int) and not isinstance(error, NotAllowedError):
            async with face.desk.database.writing() as tx:
                await talks.want_cards(tx, number)
            face.poke()
        return Alert(words)


async def apologise(event: ErrorEvent) -> None:
    """Say that a message could not be handled. It stays in the database, so nothing is lost."""
    message = event.update.message or event.update.edited_message
    words = sentence(event.exception)
    if message is not None and not isinstance(event.exception, AiogramError):
        try:
            await message.answer(words or (texts.DATABASE_AWAY if is_away(event.exception) else texts.TROUBLE))
        except (AiogramError, OSError, TimeoutError):
            _log.warning("apology.not_sent", update=event.update.update_id)
    if words is None:
        _log.error("update.failed", update=event.update.update_id, exc_info=event.exception)
