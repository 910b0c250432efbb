"""The buttons of what is uncertain: people say what is true, or have the channel looked at."""

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery
from markupsafe import Markup

from bot import keyboards
from bot.face import Face
from bot.handlers.answering import Answer, StaleError
from bot.handlers.common import Press, composer, pressed, redraw
from bot.keyboards import Doubt, Word
from bot.talking import Screen, remove, say
from bot.texts import bot as texts
from bot.texts import doubts as doubt_texts
from delivery import broadcast, doubts
from delivery.model import Delivery, DeliveryState
from delivery.store import deliveries


async def sent(query: CallbackQuery, callback_data: Doubt, face: Face) -> str:
    """Take a person's word that everything in doubt in one channel has gone out."""
    press = pressed(query)
    composer(face, press)
    channel = _channel(face, callback_data)
    doubtful = await _doubtful(face, callback_data, channel)
    changed = [await broadcast.settle(face.desk, one.id, sent=True, by=press.name) for one in doubtful]
    await redraw(face, callback_data.broadcast, press)
    return texts.SETTLED_SENT if any(changed) else await _already(face, callback_data)


async def again(query: CallbackQuery, callback_data: Doubt, bot: Bot, face: Face) -> str | None:
    """Send again what is in doubt in one channel; where that is many letters, ask once more."""
    press = pressed(query)
    composer(face, press)
    channel = _channel(face, callback_data)
    doubtful = await _doubtful(face, callback_data, channel)
    if len(doubtful) <= doubt_texts.FEW:
        return await _send_again(face, callback_data, doubtful, press)
    rows = keyboards.sure(callback_data.id, callback_data.broadcast, channel, callback_data.first, len(doubtful))
    question = doubt_texts.question(len(doubtful), callback_data.id)
    await say(bot, press.chat_id, Screen(question, keyboards.keyboard(rows)))
    return None


async def surely(query: CallbackQuery, callback_data: Doubt, bot: Bot, face: Face) -> str:
    """Send many letters again, now that the question was answered."""
    press = pressed(query)
    composer(face, press)
    doubtful = await _doubtful(face, callback_data, _channel(face, callback_data))
    words = await _send_again(face, callback_data, doubtful, press)
    await remove(bot, press.chat_id, press.message_id)
    return words


async def keep(query: CallbackQuery, bot: Bot) -> None:
    """Take the question away; nothing was decided."""
    press = pressed(query)
    await remove(bot, press.chat_id, press.message_id)


async def look(query: CallbackQuery, callback_data: Doubt, bot: Bot, face: Face, answer: Answer) -> None:
    """Have the channel looked at, and say what was seen."""
    press = pressed(query)
    composer(face, press)
    channel = _channel(face, callback_data)
    doubtful = await _doubtful(face, callback_data, channel)
    if not doubtful:
        await answer(await _already(face, callback_data))
        await redraw(face, callback_data.broadcast, press)
        return
    await answer(texts.LOOKING)
    said = [await _look(face, one, press) for one in doubtful]
    await redraw(face, callback_data.broadcast, press)
    head = Markup("<b>{}</b> · №{}").format(face.names[channel], callback_data.id)
    await say(bot, press.chat_id, Screen(Markup("\n").join([head, *said])))


async def _look(face: Face, one: Delivery, press: Press) -> Markup:
    seen = await doubts.look(face.desk, one.id, by=f"{doubt_texts.LOOKED}{press.name}")
    async with face.desk.database.reading() as tx:
        after = await deliveries.get(tx, one.id)
    return doubt_texts.looked(seen, after.receipt.link if after and after.receipt else None)


def _channel(face: Face, data: Doubt) -> str:
    channel = keyboards.named(data.tag, face.desk.channels)
    if channel is None:
        raise StaleError(texts.OLD_BUTTON)
    return channel


async def _doubtful(face: Face, data: Doubt, channel: str) -> list[Delivery]:
    async with face.desk.database.reading() as tx:
        found = await deliveries.find(tx, data.id, states=[DeliveryState.UNCONFIRMED], broadcast_id=data.broadcast)
    return [one for one in found if one.channel == channel]


async def _send_again(face: Face, data: Doubt, doubtful: list[Delivery], press: Press) -> str:
    """Note the word first: of two who say it at once, one settles the doubt, and only that one sends."""
    ours = [one for one in doubtful if await broadcast.settle(face.desk, one.id, sent=False, by=press.name)]
    for one in ours:
        await broadcast.retry(face.desk, data.id, delivery_id=one.id)
    await redraw(face, data.broadcast, press)
    return texts.QUEUED_AGAIN if ours else await _already(face, data)


async def _already(face: Face, data: Doubt) -> str:
    """Say who was quicker."""
    async with face.desk.database.reading() as tx:
        history = await deliveries.attempts_of(tx, data.first)
    return doubt_texts.already(doubt_texts.last_word(history), face.desk.now(), face.zone)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.callback_query.register(sent, Doubt.filter(F.word == Word.SENT))
    own.callback_query.register(again, Doubt.filter(F.word == Word.AGAIN))
    own.callback_query.register(surely, Doubt.filter(F.word == Word.SURE))
    own.callback_query.register(keep, Doubt.filter(F.word == Word.KEEP))
    own.callback_query.register(look, Doubt.filter(F.word == Word.LOOK))
    return own
