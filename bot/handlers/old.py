"""Buttons that nobody answers to any more: of an older version, of a forged message."""

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handlers.answering import Alert
from bot.texts import bot as texts


async def old(query: CallbackQuery) -> Alert:  # noqa: ARG001 - whatever it was
    """Say kindly that the button does nothing."""
    return Alert(texts.OLD_BUTTON)


def router() -> Router:
    """Return the handlers with what they answer to. Must be asked last."""
    own = Router(name=__name__)
    own.callback_query.register(old)
    return own
