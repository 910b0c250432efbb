"""The buttons of a draft that change it or show it: channels, preview, text."""

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot import access, keyboards, showing
from bot.drafting import replacing, typeset
from bot.face import Face
from bot.handlers.answering import Answer, StaleError
from bot.handlers.common import Press, composer, current, here, pressed
from bot.handlers.content import take
from bot.handlers.dialogues import Waiting, about, wait_for
from bot.keyboards import Act, Do, Toggle
from bot.pieces import content_of
from bot.talking import Screen, show
from bot.texts import bot as texts
from delivery import audience, broadcast
from delivery.broadcast import RELEASABLE, StageError
from delivery.database import Tx
from delivery.model import Announcement
from delivery.store import lists, schedules, talks


async def preview(query: CallbackQuery, callback_data: Do, bot: Bot, face: Face, answer: Answer) -> None:
    """Show what will go out, and the card below it."""
    press = pressed(query)
    seen = await broadcast.preview(face.desk, callback_data.id)
    await answer()
    try:
        await showing.preview(bot, face, press.chat_id, seen)
    finally:
        async with face.desk.database.writing() as tx:
            await talks.card_at(tx, seen.announcement.id, press.chat_id, press.message_id)
            await talks.want_card(tx, seen.announcement.id, press.chat_id, anew=True)
        face.poke()


# Channels and lists


async def choose_targets(query: CallbackQuery, callback_data: Do, bot: Bot, face: Face) -> None:
    """Show the switches."""
    press = pressed(query)
    composer(face, press)
    one = await current(face, callback_data.id, callback_data.rev)
    await _may_choose(face, one, press)
    await _show_targets(bot, face, one, press, 0)


async def toggle(query: CallbackQuery, callback_data: Toggle, bot: Bot, face: Face) -> None:
    """Switch one target on or off, or turn the page."""
    press = pressed(query)
    composer(face, press)
    one = await broadcast.find(face.desk, callback_data.id)
    await _may_choose(face, one, press)
    if callback_data.tag:
        await _switch(face, one, callback_data.tag, press)
        one = await broadcast.find(face.desk, one.id)
    await _show_targets(bot, face, one, press, callback_data.page)


async def _may_choose(face: Face, one: Announcement, press: Press) -> None:
    """Raise StageError where the audience is settled: what was planned with consent is not changed by its editor."""
    if one.stage in RELEASABLE:
        return
    async with face.desk.database.reading() as tx:
        planned = await schedules.living(tx, one.id)
    if not planned or not access.may_send(face.settings, press.user_id):
        raise StageError(one.stage)


async def _switch(face: Face, one: Announcement, tag: str, press: Press) -> None:
    async with face.desk.database.reading() as tx:
        every = await audience.every_target(tx, face.desk.channels)
        chosen = await _single(tx, face, one.targets)
    target = keyboards.named(tag, every)
    if target is None:
        raise StaleError(texts.UNKNOWN_TARGET)
    chosen ^= {target}
    await broadcast.choose(face.desk, one.id, [each for each in every if each in chosen])
    async with face.desk.database.writing() as tx:
        await talks.want_cards(tx, one.id, but=press.chat_id)
    face.poke()


async def _show_targets(bot: Bot, face: Face, one: Announcement, press: Press, page: int) -> None:
    names = face.names
    async with face.desk.database.reading() as tx:
        every = await audience.every_target(tx, face.desk.channels)
        chosen = await _single(tx, face, one.targets)
        known = {key: (name, members - suppressed) for key, name, members, suppressed in await lists.overview(tx)}
        reached = await audience.expand(tx, face.desk.channels, [each for each in every if each in chosen])
    several = sum(map(names.is_letters, face.desk.channels)) > 1
    rows = []
    for target in every:
        channel, _, key = target.partition(":")
        label = f"{known[key][0]} · {known[key][1]}" if key in known else names[channel]
        label += f" · {names[channel]}" if key and several else ""
        rows.append((target, label, target in chosen))
    people = {channel: reach.count for channel, reach in reached.reaches.items() if reach.count}
    addresses = sum(count for channel, count in people.items() if names.is_letters(channel))
    places = sum(not names.is_letters(channel) for channel in people)
    screen = Screen(texts.targets(one.id, addresses, places), keyboards.keyboard(keyboards.targets(one.id, rows, page)))
    await show(bot, press.chat_id, press.message_id, screen)


async def _single(tx: Tx, face: Face, targets: tuple[str, ...]) -> set[str]:
    """Return the targets with "all lists of a channel" spelled out list by list."""
    every = await audience.every_target(tx, face.desk.channels)
    return {each for each in every if each in targets or each.partition(":")[0] in targets}


# Typography


async def switch_typography(query: CallbackQuery, callback_data: Do, face: Face) -> str:
    """Let the text be shown with its quotation marks, dashes and spaces put in order, or as it was typed."""
    press = pressed(query)
    composer(face, press)
    one = await current(face, callback_data.id, callback_data.rev)
    wanted, guarded = not one.post.typography, not access.may_send(face.settings, press.user_id)
    async with face.desk.database.writing() as tx:
        notes = await typeset(tx, face.desk, one, wanted=wanted, author=press.name, guarded=guarded)
        await talks.want_card(tx, one.id, press.chat_id, note=notes)
    await here(face, one.id, press)
    return texts.TYPESET if wanted else texts.AS_TYPED


# Another text


async def ask_for_text(query: CallbackQuery, callback_data: Do, bot: Bot, face: Face, state: FSMContext) -> None:
    """Ask for the text that is to replace the one there is."""
    press = pressed(query)
    composer(face, press)
    one = await broadcast.find(face.desk, callback_data.id)
    async with face.desk.database.writing() as tx:
        await talks.card_at(tx, one.id, press.chat_id, press.message_id)
    await wait_for(state, Waiting.text, one.id)
    screen = Screen(texts.new_text(one.id), keyboards.keyboard(keyboards.back_to_card(one.id)))
    await show(bot, press.chat_id, press.message_id, screen)


async def new_text(message: Message, face: Face, state: FSMContext) -> None:
    """Take a message for the new text."""
    number, post = await about(state), content_of(message)
    await state.clear()
    if post is not None:
        bundle = replacing(number, message.message_id) if number else None
        await take(message, face, post, bundle=bundle)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.callback_query.register(preview, Do.filter(F.act == Act.PREVIEW))
    own.callback_query.register(choose_targets, Do.filter(F.act == Act.TARGETS))
    own.callback_query.register(toggle, Toggle.filter())
    own.callback_query.register(switch_typography, Do.filter(F.act == Act.TYPESET))
    own.callback_query.register(ask_for_text, Do.filter(F.act == Act.EDIT))
    own.message.register(new_text, Waiting.text, F.text, ~F.text.startswith("/"))
    return own
