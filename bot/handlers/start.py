"""The commands that begin and end things: /start, /help, /new, /cancel."""

from aiogram import Bot, Router
from aiogram.filters import Command, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from bot import access, keyboards
from bot.face import Face
from bot.handlers.dialogues import end
from bot.talking import Screen, say
from bot.texts import bot as texts
from delivery import report
from delivery.model import AnnouncementState

_LOOKED_AT = 20


async def start(message: Message, bot: Bot, face: Face) -> None:
    """Greet, and say what to do first."""
    composes = message.from_user is not None and access.may_compose(face.settings, message.from_user.id)
    await say(bot, message.chat.id, Screen(texts.START if composes else texts.START_APPROVER))


async def help_(message: Message, bot: Bot) -> None:
    """Say what can be done and how."""
    await say(bot, message.chat.id, Screen(texts.HELP))


async def new(message: Message, bot: Bot, face: Face, state: FSMContext) -> None:
    """Invite to write, and remind of a draft that was left."""
    await end(state, face, message.chat.id)
    async with face.desk.database.reading() as tx:
        found = await report.latest(tx, _LOOKED_AT)
    left = next(
        (
            one
            for one in found
            if one.state is AnnouncementState.DRAFT and one.announcement.author_id == message.chat.id
        ),
        None,
    )
    if left is None:
        await say(bot, message.chat.id, Screen(texts.NEW))
        return
    number = left.announcement.id
    text = texts.unfinished(number, left.title)
    await say(bot, message.chat.id, Screen(text, keyboards.keyboard(keyboards.opening(number))))


async def cancel(message: Message, face: Face, state: FSMContext) -> None:
    """Break off what the bot was waiting for."""
    broken_off = await end(state, face, message.chat.id)
    await message.answer(texts.STOPPED if broken_off else texts.NOTHING_STARTED)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.message.register(start, CommandStart())
    own.message.register(help_, Command("help"))
    own.message.register(new, Command("new"))
    own.message.register(cancel, Command("cancel"))
    return own
