"""What the bot is waiting for in a chat. A talk is about one announcement; whatever does not fit ends it."""

from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup

from bot.face import Face
from delivery.store import talks

__all__ = ["Waiting", "about", "end", "wait_for"]


class Waiting(StatesGroup):
    """For a new text of a draft, for a moment, for a repeat, for the right text of what is out."""

    text = State()
    moment = State()
    repeat = State()
    correction = State()


async def wait_for(state: FSMContext, what: State, number: int) -> None:
    """Wait for this about an announcement."""
    await state.set_data({"id": number})
    await state.set_state(what)


async def about(state: FSMContext) -> int:
    """Return which announcement the talk is about."""
    return int((await state.get_data()).get("id", 0))


async def end(state: FSMContext, face: Face, chat_id: int) -> bool:
    """End the talk, and let the card of its announcement stand below it again. False when there was none."""
    if await state.get_state() is None:
        return False
    number = await about(state)
    await state.clear()
    async with face.desk.database.writing() as tx:
        if await talks.card_in(tx, number, chat_id) is not None:
            await talks.want_card(tx, number, chat_id, anew=True)
    face.poke()
    return True
