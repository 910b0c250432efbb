"""Puts what the bot says on the wire: a new message, or new words in one that is there."""

from dataclasses import dataclass
from hashlib import sha256

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import InlineKeyboardMarkup, LinkPreviewOptions
from markupsafe import Markup

__all__ = ["GoneError", "Screen", "remove", "say", "show"]

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_LIMIT = 4096
_NOT_MODIFIED = "message is not modified"


class GoneError(Exception):
    """The message to change is there no more, or the person has blocked the bot."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What one message shows."""

    text: Markup
    keyboard: InlineKeyboardMarkup | None = None

    @property
    def digest(self) -> str:
        """Tell one screen from another."""
        buttons = self.keyboard.model_dump_json(exclude_none=True) if self.keyboard else ""
        return sha256(f"{self.text}\0{buttons}".encode()).hexdigest()[:32]


async def say(bot: Bot, chat_id: int, screen: Screen) -> int:
    """Send a new message and return its id. Raises aiogram's errors."""
    sent = await bot.send_message(
        chat_id,
        _fitted(screen.text),
        parse_mode="HTML",
        reply_markup=screen.keyboard,
        link_preview_options=_NO_PREVIEW,
    )
    return sent.message_id


async def show(bot: Bot, chat_id: int, message_id: int, screen: Screen) -> None:
    """Change what a message shows; that it shows it already is fine. Raises GoneError, aiogram's other errors."""
    try:
        await bot.edit_message_text(
            _fitted(screen.text),
            chat_id=chat_id,
            message_id=message_id,
            parse_mode="HTML",
            reply_markup=screen.keyboard,
            link_preview_options=_NO_PREVIEW,
        )
    except TelegramForbiddenError:
        raise GoneError from None
    except TelegramBadRequest as error:
        if _NOT_MODIFIED in error.message:
            return
        if "message" in error.message and ("not found" in error.message or "can't be edited" in error.message):
            raise GoneError from None
        raise


async def remove(bot: Bot, chat_id: int, message_id: int) -> None:
    """Take a message away; when that is not possible any more, it stays."""
    try:
        await bot.delete_message(chat_id, message_id)
    except (TelegramBadRequest, TelegramForbiddenError):
        return


def _fitted(text: Markup) -> str:
    """Cut at the end of a line, where no tag is open, what is longer than a message may be."""
    if len(text) <= _LIMIT:
        return text
    return text[: text.rfind("\n", 0, _LIMIT - 2)] + "\n…"
