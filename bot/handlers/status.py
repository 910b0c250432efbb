"""/status: the latest announcements, or one of them."""

from aiogram import Bot, F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot import keyboards
from bot.face import Face
from bot.handlers.common import pressed
from bot.handlers.opening import open_below
from bot.keyboards import Act, Do
from bot.talking import Screen, say
from bot.texts import status as texts
from delivery import report

_LATEST = 8


async def status(message: Message, command: CommandObject, bot: Bot, face: Face) -> None:
    """List the latest announcements, or open the one whose number was given."""
    asked = (command.args or "").strip().lstrip("№#")
    if asked.isdecimal():
        await open_below(face, min(int(asked), 2**62), message.chat.id)
        return
    async with face.desk.database.reading() as tx:
        found = await report.latest(tx, _LATEST)
    rows = keyboards.listing([one.announcement.id for one in found])
    await say(bot, message.chat.id, Screen(texts.latest(found, face.zone), keyboards.keyboard(rows)))


async def open_one(query: CallbackQuery, callback_data: Do, face: Face) -> None:
    """Show an announcement below the talk."""
    await open_below(face, callback_data.id, pressed(query).chat_id)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.message.register(status, Command("status"))
    own.callback_query.register(open_one, Do.filter(F.act == Act.OPEN))
    return own
