"""What several handlers need: who pressed, on which message, and whether the button still means what it says."""

from dataclasses import dataclass

from aiogram.types import CallbackQuery

from bot import access
from bot.face import Face
from bot.handlers.answering import NotAllowedError, StaleError
from bot.texts import bot as texts
from delivery import broadcast
from delivery.model import Announcement
from delivery.store import broadcasts, talks

__all__ = ["Press", "composer", "current", "here", "pressed", "redraw"]


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed a button, and in which message of which chat."""

    user_id: int
    name: str
    chat_id: int
    message_id: int


def pressed(query: CallbackQuery) -> Press:
    """Return who pressed what. Raises StaleError when Telegram no longer says where."""
    if query.message is None:
        raise StaleError(texts.OLD_BUTTON)
    who = query.from_user
    return Press(who.id, who.full_name, query.message.chat.id, query.message.message_id)


def composer(face: Face, press: Press) -> None:
    """Raise NotAllowedError unless this person may write announcements."""
    if not access.may_compose(face.settings, press.user_id):
        raise NotAllowedError(texts.NOT_YOURS)


async def current(face: Face, number: int, revision: int) -> Announcement:
    """Return the announcement if it is still as the card showed it. Raises StaleError, UnknownAnnouncementError."""
    one = await broadcast.find(face.desk, number)
    if revision and one.revision != revision:
        raise StaleError(texts.CHANGED_MEANWHILE)
    return one


async def here(face: Face, number: int, press: Press) -> None:
    """Let the message whose button was pressed show the announcement as it is now, and every other card too."""
    async with face.desk.database.writing() as tx:
        await talks.want_cards(tx, number)
        await talks.card_at(tx, number, press.chat_id, press.message_id)
    face.poke()


async def redraw(face: Face, broadcast_id: int, press: Press) -> None:
    """Let the message whose button was pressed be the broadcast's board, unless another one is. Raises StaleError."""
    async with face.desk.database.writing() as tx:
        found = await broadcasts.get(tx, broadcast_id)
        if found is None:
            raise StaleError(texts.OLD_BUTTON)
        if await talks.board_in(tx, broadcast_id, press.chat_id) is None:
            await talks.put_board(tx, broadcast_id, press.chat_id, press.message_id)
        await talks.reopen_boards(tx, found.announcement_id)
    face.poke()
