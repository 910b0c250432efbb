"""How readers received a broadcast, asked of the channels that count them when somebody wants to know."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.face import Face
from bot.handlers.answering import Alert
from bot.handlers.common import composer, pressed
from bot.keyboards import On, Turn
from bot.texts import readers as texts
from channels.contract import Deferred, Receipt
from channels.readers import CountsReaders, Figures
from delivery.model import DeliveryState
from delivery.store import deliveries

__all__ = ["router"]

_PATIENCE = 8.0  # seconds; the answer to a button may not take much longer


async def figures(query: CallbackQuery, callback_data: On, face: Face) -> Alert:
    """Say how often what is out was seen, liked, shared and answered."""
    composer(face, pressed(query))
    async with face.desk.database.reading() as tx:
        sent = await deliveries.find(
            tx, callback_data.id, states=[DeliveryState.SENT], broadcast_id=callback_data.broadcast
        )
    receipts = defaultdict[str, list[Receipt]](list)
    for one in sent:
        if one.receipt is not None and isinstance(face.desk.channels.get(one.channel), CountsReaders):
            receipts[one.channel].append(one.receipt)
    return Alert(texts.figures({face.names[key]: await _asked(face, key, its) for key, its in receipts.items()}))


async def _asked(face: Face, channel: str, receipts: Sequence[Receipt]) -> Sequence[Figures] | None:
    way = face.desk.channels[channel]
    if not isinstance(way, CountsReaders) or not way.can_count:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            return [one for one in await way.figures(receipts) if one is not None]
    except (Deferred, TimeoutError):
        return None


def router() -> Router:
    """Return the handler with what it answers to."""
    own = Router(name=__name__)
    own.callback_query.register(figures, On.filter(F.turn == Turn.FIGURES))
    return own
