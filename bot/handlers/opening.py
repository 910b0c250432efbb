"""Puts an announcement below the talk: its card while it has not gone out, its board afterwards."""

from bot.face import Face
from delivery import report
from delivery.broadcast import UnknownAnnouncementError
from delivery.store import talks

__all__ = ["open_below"]


async def open_below(face: Face, number: int, chat_id: int) -> None:
    """Show an announcement as a new message. Raises UnknownAnnouncementError."""
    async with face.desk.database.writing() as tx:
        whole = await report.of(tx, number, troubles=0)
        if whole is None:
            raise UnknownAnnouncementError(number)
        if whole.broadcasts and not whole.schedules:
            await talks.put_board(tx, whole.broadcasts[-1].broadcast.id, chat_id, talks.NO_MESSAGE)
        else:
            await talks.want_card(tx, number, chat_id, anew=True)
    face.poke()
