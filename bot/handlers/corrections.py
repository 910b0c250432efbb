"""Correct or recall what is out: a new text is shown with what it changes and what can be done, and then done."""

from dataclasses import replace
from typing import Any

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from markupsafe import Markup

from bot import access, keyboards
from bot.face import Face
from bot.handlers.answering import Alert, NotAllowedError, StaleError
from bot.handlers.common import Press, composer, pressed
from bot.handlers.dialogues import Waiting
from bot.keyboards import Fix, Mend, On, Turn
from bot.pieces import content_of
from bot.talking import Screen, say, show
from bot.texts import bot as bot_texts
from bot.texts import corrections as texts
from bot.texts.recalled import RECALLED
from channels.contract import Correction, Post
from delivery import broadcast, corrections, report
from delivery.broadcast import StageError
from delivery.corrections import Followed
from delivery.store import schedules, talks
from delivery.store.codec import decode_post, encode_post
from delivery.store.followups import Trace

__all__ = ["router"]


def _allowed(face: Face, press: Press) -> None:
    """Raise NotAllowedError unless this person may put something out alone: a correction is read at once."""
    composer(face, press)
    if not access.may_send(face.settings, press.user_id):
        raise NotAllowedError(texts.NOT_WITHOUT_CONSENT)


def _able(face: Face, traces: list[Trace], *, recall: bool) -> dict[str, bool]:
    ways = {one.channel: face.desk.channels.get(one.channel) for one in traces}
    return {
        channel: way is not None and (way.withdraws if recall else way.corrects is Correction.IN_PLACE)
        for channel, way in ways.items()
    }


def _letters(face: Face, traces: list[Trace]) -> bool:
    """Tell whether somebody could be written to about it."""
    ways = [face.desk.channels.get(one.channel) for one in traces if one.out]
    return any(way is not None and way.corrects is Correction.ANOTHER for way in ways)


# A new text


async def ask(query: CallbackQuery, callback_data: On, bot: Bot, face: Face, state: FSMContext) -> None:
    """Ask for the text that should stand there instead."""
    press = pressed(query)
    _allowed(face, press)
    one = await broadcast.find(face.desk, callback_data.id)
    await state.set_data({"id": one.id, "broadcast": callback_data.broadcast})
    await state.set_state(Waiting.correction)
    rows = keyboards.keep(one.id, callback_data.broadcast)
    await say(bot, press.chat_id, Screen(texts.ask(one.id, one.post.text), keyboards.keyboard(rows)))


async def new_text(message: Message, bot: Bot, face: Face, state: FSMContext) -> None:
    """Show what this text would change, and where."""
    data, content = await state.get_data(), content_of(message)
    if content is None:
        return
    one = await broadcast.find(face.desk, int(data["id"]))
    post = replace(one.post, text=content.text, entities=content.entities)
    if post == one.post:
        await say(bot, message.chat.id, Screen(Markup.escape(texts.SAME_TEXT)))
        return
    found = list(await corrections.traces(face.desk, one.id))
    shown = texts.correction(one.id, one.post.text, post.text, found, _able(face, found, recall=False), face.names)
    rows = keyboards.correction(one.id, int(data["broadcast"]), letters=_letters(face, found))
    await state.set_data(data | {"post": encode_post(post), "revision": one.revision})
    await say(bot, message.chat.id, Screen(shown, keyboards.keyboard(rows)))


async def correct(query: CallbackQuery, callback_data: Mend, bot: Bot, face: Face, state: FSMContext) -> str | Alert:
    """Put the new text in place of the old one."""
    press = pressed(query)
    _allowed(face, press)
    data: dict[str, Any] = await state.get_data()
    if int(data.get("id", 0)) != callback_data.id or "post" not in data:
        raise StaleError(bot_texts.OLD_BUTTON)
    if (await broadcast.find(face.desk, callback_data.id)).revision > int(data["revision"]):
        raise StaleError(bot_texts.CHANGED_MEANWHILE)
    letters = callback_data.fix is Fix.CORRECT_AND_WRITE
    post, by = decode_post(data["post"]), f"editor:{press.user_id}"
    try:
        followed = await corrections.correct(face.desk, callback_data.id, post, by=by, letters=letters)
    except StageError:
        return Alert(texts.NOTHING_OUT)
    await state.clear()
    await _watch(bot, face, press, followed, recall=False)
    return ""


# Recall


async def ask_to_recall(query: CallbackQuery, callback_data: On, bot: Bot, face: Face) -> None:
    """Say what taking it back would do, and ask once."""
    press = pressed(query)
    _allowed(face, press)
    one = await broadcast.find(face.desk, callback_data.id)
    found = list(await corrections.traces(face.desk, one.id))
    async with face.desk.database.reading() as tx:
        repeats = bool(await schedules.living(tx, one.id))
    able, title = _able(face, found, recall=True), report.title_of(one)
    shown = texts.recall(one.id, title, found, able, face.names, repeats=repeats)
    rows = keyboards.recall(one.id, callback_data.broadcast, letters=_letters(face, found))
    await say(bot, press.chat_id, Screen(shown, keyboards.keyboard(rows)))


async def recall(query: CallbackQuery, callback_data: Mend, bot: Bot, face: Face) -> str | Alert:
    """Take it back."""
    press = pressed(query)
    _allowed(face, press)
    words = Post(RECALLED, title=report.title_of(await broadcast.find(face.desk, callback_data.id)))
    letters = callback_data.fix is Fix.RECALL_AND_WRITE
    by = f"editor:{press.user_id}"
    try:
        followed = await corrections.recall(face.desk, callback_data.id, words, by=by, letters=letters)
    except StageError:
        return Alert(texts.NOTHING_OUT)
    await _watch(bot, face, press, followed, recall=True)
    return ""


async def _watch(bot: Bot, face: Face, press: Press, followed: Followed, *, recall: bool) -> None:
    """Let the message become the board of what was begun."""
    if not followed.broadcasts:
        screen = Screen(texts.begun(followed.untouched, face.names, recall=recall))
        await show(bot, press.chat_id, press.message_id, screen)
        return
    async with face.desk.database.writing() as tx:
        await talks.put_board(tx, followed.broadcasts[-1], press.chat_id, press.message_id)
    face.poke()


async def keep(query: CallbackQuery, bot: Bot, state: FSMContext) -> None:
    """Leave everything as it is."""
    press = pressed(query)
    await state.clear()
    await show(bot, press.chat_id, press.message_id, Screen(Markup.escape(texts.KEPT)))


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.callback_query.register(ask, On.filter(F.turn == Turn.CORRECT))
    own.callback_query.register(ask_to_recall, On.filter(F.turn == Turn.RECALL))
    own.callback_query.register(correct, Mend.filter(F.fix.in_({Fix.CORRECT, Fix.CORRECT_AND_WRITE})))
    own.callback_query.register(recall, Mend.filter(F.fix.in_({Fix.RECALL, Fix.RECALL_AND_WRITE})))
    own.callback_query.register(keep, Mend.filter(F.fix == Fix.KEEP))
    own.message.register(new_text, Waiting.correction, F.text, ~F.text.startswith("/"))
    return own
