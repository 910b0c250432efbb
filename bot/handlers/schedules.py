"""/schedules: what is planned, and its buttons: pause, resume, remove."""

from aiogram import Bot, F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot import keyboards
from bot.face import Face
from bot.handlers.answering import StaleError
from bot.handlers.common import composer, pressed
from bot.keyboards import PlanAct, Planned
from bot.talking import Screen, say, show
from bot.texts import bot as texts
from bot.texts import plan as plan_texts
from delivery import broadcast, planning, report
from delivery.model import ScheduleState
from delivery.store import schedules as store
from delivery.store import talks


async def listing(message: Message, bot: Bot, face: Face) -> None:
    """List what is planned."""
    await say(bot, message.chat.id, await _screen(face))


async def _screen(face: Face) -> Screen:
    async with face.desk.database.reading() as tx:
        plans = await store.living(tx)
    return Screen(plan_texts.schedules(plans, face.desk), keyboards.keyboard(keyboards.schedules(plans)))


async def back(query: CallbackQuery, bot: Bot, face: Face) -> None:
    """Show the list again."""
    press = pressed(query)
    await show(bot, press.chat_id, press.message_id, await _screen(face))


async def turn(query: CallbackQuery, callback_data: Planned, bot: Bot, face: Face) -> None:
    """Pause or resume."""
    press = pressed(query)
    composer(face, press)
    to = ScheduleState.PAUSED if callback_data.act is PlanAct.PAUSE else ScheduleState.ACTIVE
    await planning.turn_schedule(face.desk, callback_data.id, to)
    await _redraw_card(face, callback_data.id)
    await show(bot, press.chat_id, press.message_id, await _screen(face))


async def ask(query: CallbackQuery, callback_data: Planned, bot: Bot, face: Face) -> None:
    """Ask whether it is really to go."""
    press = pressed(query)
    composer(face, press)
    async with face.desk.database.reading() as tx:
        plan = await store.get(tx, callback_data.id)
    if plan is None or plan.state not in store.LIVING:
        raise StaleError(texts.OLD_BUTTON)
    rows = keyboards.confirm_removal(plan.id)
    await show(
        bot, press.chat_id, press.message_id, Screen(plan_texts.removal(plan, face.desk), keyboards.keyboard(rows))
    )


async def remove(query: CallbackQuery, callback_data: Planned, bot: Bot, face: Face) -> None:
    """Take it out of the plan. An announcement that nothing else is left of is cancelled with it."""
    press = pressed(query)
    composer(face, press)
    async with face.desk.database.reading() as tx:
        plan = await store.get(tx, callback_data.id)
        whole = await report.of(tx, plan.announcement_id, troubles=0) if plan else None
    if plan is None or whole is None:
        raise StaleError(texts.OLD_BUTTON)
    if whole.broadcasts or len(whole.schedules) > 1:
        await planning.turn_schedule(face.desk, plan.id, ScheduleState.REMOVED)
    else:
        await broadcast.cancel(face.desk, plan.announcement_id)
    await _redraw_card(face, plan.id)
    await show(bot, press.chat_id, press.message_id, await _screen(face))


async def _redraw_card(face: Face, schedule_id: int) -> None:
    async with face.desk.database.writing() as tx:
        plan = await store.get(tx, schedule_id)
        if plan is not None:
            await talks.want_cards(tx, plan.announcement_id)
    face.poke()


def router() -> Router:
    """Return the handlers with what they answer to."""
    own = Router(name=__name__)
    own.message.register(listing, Command("schedules"))
    own.callback_query.register(turn, Planned.filter(F.act.in_({PlanAct.PAUSE, PlanAct.RESUME})))
    own.callback_query.register(ask, Planned.filter(F.act == PlanAct.ASK))
    own.callback_query.register(remove, Planned.filter(F.act == PlanAct.REMOVE))
    own.callback_query.register(back, Planned.filter(F.act == PlanAct.LIST))
    return own
