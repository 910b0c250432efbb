"""Four eyes: an editor asks for consent, an approver gives or refuses it."""

from typing import Any

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot import access
from bot.face import Face
from bot.handlers.answering import NotAllowedError
from bot.handlers.common import Press, composer, current, here, pressed
from bot.keyboards import Act, Do
from bot.texts import bot as texts
from delivery import broadcast
from delivery.broadcast import StageError
from delivery.model import Announcement, Stage
from delivery.store import talks


async def submit(query: CallbackQuery, callback_data: Do, face: Face) -> str:
    """Ask for consent."""
    press = pressed(query)
    composer(face, press)
    one = await current(face, callback_data.id, callback_data.rev)
    await broadcast.submit(face.desk, one.id)
    await _ask_approvers(face, one)
    await here(face, one.id, press)
    return texts.SUBMITTED


async def remind(query: CallbackQuery, callback_data: Do, face: Face) -> str:
    """Ask once more."""
    press = pressed(query)
    composer(face, press)
    one = await broadcast.find(face.desk, callback_data.id)
    if one.stage is not Stage.AWAITING_APPROVAL:
        raise StageError(one.stage)
    await _ask_approvers(face, one)
    return texts.REMINDED


async def _ask_approvers(face: Face, one: Announcement) -> None:
    """Put the request, with what will go out above it, before everybody who may consent."""
    async with face.desk.database.writing() as tx:
        for user_id in access.approvers_of(face.settings, one.author_id):
            await talks.want_card_afresh(tx, one.id, user_id)
    face.poke()


async def approve(query: CallbackQuery, callback_data: Do, face: Face) -> str:
    """Give consent to what was shown."""
    press, one = await _request(query, callback_data, face)
    await broadcast.approve(face.desk, one.id, by=press.user_id)
    await _tell(face, one, press, "approved")
    return texts.APPROVED


async def decline(query: CallbackQuery, callback_data: Do, face: Face) -> str:
    """Give the draft back to its author."""
    press, one = await _request(query, callback_data, face)
    await broadcast.decline(face.desk, one.id, by=press.user_id)
    await _tell(face, one, press, "declined")
    return texts.DECLINED


async def _request(query: CallbackQuery, data: Do, face: Face) -> tuple[Press, Announcement]:
    press = pressed(query)
    one = await current(face, data.id, data.rev)
    if not access.may_approve(face.settings, press.user_id, one.author_id):
        raise NotAllowedError(texts.NOT_YOUR_APPROVAL)
    return press, one


async def _tell(face: Face, one: Announcement, press: Press, code: str) -> None:
    """Note the decision on every card; who may go on with the draft gets it below the talk."""
    note: list[Any] = [{"code": code, "by": press.name}]
    async with face.desk.database.writing() as tx:
        for card in await talks.cards(tx, one.id):
            looks = card.chat_id != press.chat_id and access.may_compose(face.settings, card.chat_id)
            await talks.want_card(tx, one.id, card.chat_id, anew=looks and card.chat_id == one.author_id, note=note)
    await here(face, one.id, press)


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.callback_query.register(submit, Do.filter(F.act == Act.SUBMIT))
    own.callback_query.register(remind, Do.filter(F.act == Act.REMIND))
    own.callback_query.register(approve, Do.filter(F.act == Act.APPROVE))
    own.callback_query.register(decline, Do.filter(F.act == Act.DECLINE))
    return own
