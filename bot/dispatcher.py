"""Puts the bot together: the door, the memory, and the handlers in the order in which they are asked."""

from aiogram import Bot, Dispatcher
from aiogram.fsm.storage.memory import SimpleEventIsolation
from aiogram.types import BotCommand

from bot.face import Face
from bot.handlers import (
    approval,
    board,
    card,
    content,
    corrections,
    lists,
    old,
    planning,
    schedules,
    sending,
    start,
    status,
)
from bot.handlers.answering import Answering, apologise
from bot.incoming import ALLOWED_UPDATES, Intake, Once
from bot.membership import Membership
from bot.memory import Memory
from bot.texts import bot as texts

__all__ = ["ALLOWED_UPDATES", "Face", "build", "introduce"]

_IN_ORDER = (start, status, schedules, planning, lists, card, sending, approval, corrections, board, old, content)
"""Commands and dialogues before `content`, which takes every message; `old` after every other button."""


async def introduce(bot: Bot) -> None:
    """Tell Telegram the bot's commands, for the menu beside the input field. Raises aiogram's errors."""
    await bot.set_my_commands([BotCommand(command=name, description=words) for name, words in texts.COMMANDS.items()])


def build(face: Face) -> Dispatcher:
    """Return the dispatcher. One person's updates are handled one after the other, in order."""
    # aiogram's own order would ask the memory before the door; so its middleware is put in its place by hand.
    dispatcher = Dispatcher(
        storage=Memory(face.desk.database), events_isolation=SimpleEventIsolation(), disable_fsm=True, face=face
    )
    dispatcher.update.outer_middleware(Membership(face))
    dispatcher.update.outer_middleware(Intake(face))
    dispatcher.update.outer_middleware(dispatcher.fsm)
    dispatcher.update.outer_middleware(Once(face))
    dispatcher.callback_query.middleware(Answering())
    dispatcher.errors.register(apologise)
    dispatcher.include_routers(*(module.router() for module in _IN_ORDER))
    return dispatcher
