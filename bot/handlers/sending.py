"""The buttons of a draft that lead out of it: send, leave a channel out, drop, take back."""

from aiogram import F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot import access, keyboards
from bot.face import Face
from bot.handlers.answering import NotAllowedError
from bot.handlers.common import Press, composer, current, here, pressed
from bot.keyboards import Act, Do, Leave
from bot.texts import bot as texts
from delivery import broadcast
from delivery.broadcast import RELEASABLE
from delivery.model import Stage
from delivery.store import talks


async def send(query: CallbackQuery, callback_data: Do, face: Face, state: FSMContext) -> str:
    """Release the announcement. A second press finds the same broadcast."""
    press = pressed(query)
    composer(face, press)
    one = await current(face, callback_data.id, callback_data.rev)
    if one.stage is Stage.DRAFT and not access.may_send(face.settings, press.user_id):
        raise NotAllowedError(texts.NEEDS_APPROVAL)
    await state.clear()
    come_from = RELEASABLE if access.may_send(face.settings, press.user_id) else (Stage.APPROVED,)
    released = await broadcast.release(
        face.desk, one.id, by=f"editor:{press.user_id}", grace=face.grace, come_from=come_from
    )
    await _show_board(face, one.id, released.broadcast_id, press, fresh=released.fresh)
    face.poke()
    return texts.RELEASED if released.fresh else texts.ALREADY_RELEASED


async def _show_board(face: Face, number: int, broadcast_id: int, press: Press, *, fresh: bool) -> None:
    """Turn every card of the announcement into the broadcast's board."""
    async with face.desk.database.writing() as tx:
        if fresh:
            for card in await talks.cards(tx, number):
                if card.message_id is not None and card.chat_id != press.chat_id:
                    await talks.put_board(tx, broadcast_id, card.chat_id, card.message_id)
        if fresh or await talks.board_in(tx, broadcast_id, press.chat_id) is None:
            await talks.put_board(tx, broadcast_id, press.chat_id, press.message_id)


async def leave_out(query: CallbackQuery, callback_data: Leave, face: Face) -> None:
    """Take a channel that would certainly fail out of the audience."""
    press = pressed(query)
    composer(face, press)
    one = await current(face, callback_data.id, callback_data.rev)
    channel = keyboards.named(callback_data.tag, face.desk.channels)
    kept = [target for target in one.targets if target.partition(":")[0] != channel]
    await broadcast.choose(face.desk, one.id, kept)
    await here(face, one.id, press)


async def drop(query: CallbackQuery, callback_data: Do, face: Face, state: FSMContext) -> str:
    """Cancel a draft, or an announcement that is planned. It can be taken back."""
    press = pressed(query)
    composer(face, press)
    await state.clear()
    one = await broadcast.find(face.desk, callback_data.id)
    if one.stage is Stage.CANCELLED:
        await here(face, one.id, press)
        return texts.ALREADY_CANCELLED
    await broadcast.cancel(face.desk, one.id)
    await here(face, one.id, press)
    return texts.CANCELLED


async def restore(query: CallbackQuery, callback_data: Do, face: Face) -> str | None:
    """Take a dropped draft back."""
    press = pressed(query)
    composer(face, press)
    done = await broadcast.reopen(face.desk, callback_data.id)
    await here(face, callback_data.id, press)
    return None if done else texts.OLD_BUTTON


async def back(query: CallbackQuery, callback_data: Do, face: Face, state: FSMContext) -> None:
    """Show the card again."""
    await state.clear()
    await here(face, callback_data.id, pressed(query))


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.callback_query.register(send, Do.filter(F.act == Act.SEND))
    own.callback_query.register(leave_out, Leave.filter())
    own.callback_query.register(drop, Do.filter(F.act == Act.DROP))
    own.callback_query.register(restore, Do.filter(F.act == Act.RESTORE))
    own.callback_query.register(back, Do.filter(F.act == Act.CARD))
    return own
