"""The buttons of a broadcast: stop, pause, repeat, details; and those of news about channels and missed moments."""

from datetime import UTC, datetime

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery

from bot import keyboards
from bot.cards import doubts_shown
from bot.face import Face
from bot.handlers import doubts, readers
from bot.handlers.answering import Alert, StaleError
from bot.handlers.common import composer, pressed, redraw
from bot.keyboards import Ask, Late, On, Turn
from bot.talking import Screen, say, show
from bot.texts import board as board_texts
from bot.texts import bot as texts
from bot.texts.board import Story
from bot.texts.reasons import WORTH_REPEATING
from delivery import broadcast, report
from delivery.broadcast import UnknownAnnouncementError
from delivery.model import BroadcastState
from delivery.report import TROUBLE
from delivery.store import broadcasts, deliveries, holds, talks

_PAGE = 8


async def stop(query: CallbackQuery, callback_data: On, face: Face) -> str | Alert:
    """Stop what has not gone out."""
    press = pressed(query)
    composer(face, press)
    done = await broadcast.cancel(face.desk, callback_data.id)
    await redraw(face, callback_data.broadcast, press)
    return texts.stopped(done.deliveries) if done.deliveries else Alert(texts.NOTHING_LEFT_TO_STOP)


async def pause(query: CallbackQuery, callback_data: On, face: Face) -> str | Alert:
    """Let what has not gone out wait."""
    press = pressed(query)
    composer(face, press)
    done = await broadcast.pause(face.desk, callback_data.id)
    await redraw(face, callback_data.broadcast, press)
    if done:
        return texts.PAUSED
    paused = await _state(face, callback_data.broadcast) is BroadcastState.PAUSED
    return texts.ALREADY_PAUSED if paused else Alert(texts.NOTHING_LEFT_TO_PAUSE)


async def resume(query: CallbackQuery, callback_data: On, face: Face) -> str:
    """Go on with what was paused."""
    press = pressed(query)
    composer(face, press)
    done = await broadcast.resume(face.desk, callback_data.id)
    await redraw(face, callback_data.broadcast, press)
    return texts.GOES_ON if done else texts.NOT_PAUSED


async def _state(face: Face, broadcast_id: int) -> BroadcastState | None:
    async with face.desk.database.reading() as tx:
        found = await broadcasts.get(tx, broadcast_id)
    return None if found is None else found.state


async def retry(query: CallbackQuery, callback_data: On, face: Face) -> str:
    """Put what failed, and may fare better, in the queue again."""
    press = pressed(query)
    composer(face, press)
    again = await broadcast.retry(face.desk, callback_data.id, reasons=WORTH_REPEATING)
    await redraw(face, callback_data.broadcast, press)
    return texts.retried(len(again)) if again else texts.NOTHING_TO_RETRY


async def copy(query: CallbackQuery, callback_data: On, face: Face) -> None:
    """Make a new draft of what was stopped before anything went out."""
    press = pressed(query)
    composer(face, press)
    old = await broadcast.find(face.desk, callback_data.id)
    number = await broadcast.draft(
        face.desk,
        old.post,
        author=press.name,
        author_id=press.user_id,
        targets=old.targets,
        urgent=old.urgent,
        request_key=f"copy:{callback_data.broadcast}",
    )
    async with face.desk.database.writing() as tx:
        await talks.want_card(tx, number, press.chat_id)
    face.poke()


async def show_board(query: CallbackQuery, callback_data: On, face: Face) -> None:
    """Show a broadcast's report below the talk."""
    press = pressed(query)
    async with face.desk.database.writing() as tx:
        if await broadcasts.get(tx, callback_data.broadcast) is None:
            raise StaleError(texts.OLD_BUTTON)
        await talks.put_board(tx, callback_data.broadcast, press.chat_id, talks.NO_MESSAGE)
    face.poke()


# Details


async def details(query: CallbackQuery, callback_data: On, bot: Bot, face: Face) -> None:
    """Show each delivery that went wrong, in a message of its own."""
    press = pressed(query)
    await say(bot, press.chat_id, await _details(face, callback_data))


async def turn_page(query: CallbackQuery, callback_data: On, bot: Bot, face: Face) -> None:
    """Show another page of the details in the same message."""
    press = pressed(query)
    await show(bot, press.chat_id, press.message_id, await _details(face, callback_data))


async def _details(face: Face, data: On) -> Screen:
    async with face.desk.database.reading() as tx:
        whole = await report.of(tx, data.id, troubles=0)
        troubles = await deliveries.find(tx, data.id, states=TROUBLE, broadcast_id=data.broadcast)
        known = {one.id for one in troubles}
        doubted = [
            await deliveries.get(tx, each) for each in await doubts_shown(tx, data.broadcast) if each not in known
        ]
        told = [*troubles, *(one for one in doubted if one is not None)]
        first = data.page * _PAGE
        page = [Story(one, await deliveries.attempts_of(tx, one.id)) for one in told[first : first + _PAGE]]
    if whole is None:
        raise UnknownAnnouncementError(data.id)
    more, now = len(told) > first + _PAGE, face.desk.now()
    text = board_texts.details(whole, page, face.names, first=first + 1, total=len(told), now=now, zone=face.zone)
    return Screen(text, keyboards.keyboard(keyboards.pages(data.id, data.broadcast, data.page, more=more)))


# News


async def ask_now(query: CallbackQuery, callback_data: Ask, face: Face) -> str:
    """Try a held channel now."""
    composer(face, pressed(query))
    channel = keyboards.named(callback_data.tag, face.desk.channels)
    async with face.desk.database.writing() as tx:
        held = {hold.channel for hold in await holds.holds(tx)}
        if channel is None or channel not in held:
            return texts.NOT_HELD
        await holds.ask_now(tx, channel, face.desk.now())
    face.poke()
    return texts.CHECKING


async def release_late(query: CallbackQuery, callback_data: Late, face: Face) -> str:
    """Release an occurrence that its schedule did not; of two who press at once, one does."""
    press = pressed(query)
    composer(face, press)
    at = datetime.fromtimestamp(callback_data.at, UTC)
    released = await broadcast.release(
        face.desk,
        callback_data.id,
        by=f"editor:{press.user_id}",
        release_key=f"late:{callback_data.schedule}:{at.isoformat()}",
        grace=face.grace,
    )
    async with face.desk.database.writing() as tx:  # who came second wants to see what comes of it as well
        if released.fresh or await talks.board_in(tx, released.broadcast_id, press.chat_id) is None:
            await talks.put_board(tx, released.broadcast_id, press.chat_id, press.message_id)
    face.poke()
    return texts.RELEASED if released.fresh else texts.ALREADY_RELEASED


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.include_router(doubts.router())
    own.include_router(readers.router())
    own.callback_query.register(stop, On.filter(F.turn == Turn.STOP))
    own.callback_query.register(pause, On.filter(F.turn == Turn.PAUSE))
    own.callback_query.register(resume, On.filter(F.turn == Turn.RESUME))
    own.callback_query.register(retry, On.filter(F.turn == Turn.RETRY))
    own.callback_query.register(copy, On.filter(F.turn == Turn.COPY))
    own.callback_query.register(show_board, On.filter(F.turn == Turn.SHOW))
    own.callback_query.register(details, On.filter(F.turn == Turn.DETAILS))
    own.callback_query.register(turn_page, On.filter(F.turn == Turn.PAGE))
    own.callback_query.register(ask_now, Ask.filter())
    own.callback_query.register(release_late, Late.filter())
    return own
