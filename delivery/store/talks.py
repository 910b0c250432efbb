"""What the bot must remember between messages: where a talk stands, which message shows what, what is to be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, false, select, update

from delivery.database import Tx
from delivery.model import BroadcastState
from delivery.store.dialect import upsert
from delivery.tables import announcement, board, broadcast, card, channel_hold, conversation, news, occurrence


async def read(tx: Tx, key: str) -> tuple[str | None, dict[str, Any]]:
    """Return the state and data of a conversation."""
    row = (await tx.execute(select(conversation).where(conversation.c.key == key))).one_or_none()
    return (None, {}) if row is None else (row.state, dict(row.data))


async def write(tx: Tx, key: str, *, state: str | None = None, data: dict[str, Any] | None = None) -> None:
    """Set the state, or the data when `data` is given."""
    change: dict[str, Any] = {"state": state} if data is None else {"data": data}
    statement = upsert(tx, conversation).values({"key": key, "state": None, "data": {}} | change)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=change))


NO_MESSAGE = 0


@dataclass(frozen=True, slots=True)
class Board:
    """The living message that shows a broadcast's progress in a chat. `shown` is a digest of what stands there.

    A `message_id` of NO_MESSAGE means that it is still to be sent.
    """

    broadcast_id: int
    announcement_id: int
    chat_id: int
    message_id: int
    shown: str


async def put_board(tx: Tx, broadcast_id: int, chat_id: int, message_id: int) -> None:
    """Let this message show the broadcast from now on."""
    fresh = {"message_id": message_id, "shown": "", "done": False}
    statement = upsert(tx, board).values({"broadcast_id": broadcast_id, "chat_id": chat_id} | fresh)
    await tx.execute(statement.on_conflict_do_update(index_elements=["broadcast_id", "chat_id"], set_=fresh))


async def boards(tx: Tx) -> list[Board]:
    """Return the boards that may still change."""
    chosen = (
        select(board, broadcast.c.announcement_id)
        .join(broadcast, broadcast.c.id == board.c.broadcast_id)
        .where(board.c.done.is_(False))
        .order_by(board.c.broadcast_id)
    )
    return [
        Board(row.broadcast_id, row.announcement_id, row.chat_id, row.message_id, row.shown)
        for row in await tx.execute(chosen)
    ]


async def board_in(tx: Tx, broadcast_id: int, chat_id: int) -> int | None:
    """Return the message that shows a broadcast in a chat."""
    which = (board.c.broadcast_id == broadcast_id) & (board.c.chat_id == chat_id)
    return (await tx.execute(select(board.c.message_id).where(which))).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Unreported:
    """A settled broadcast that no message shows. `released_by` is the word of who let it out."""

    broadcast_id: int
    announcement_id: int
    author_id: int | None
    released_by: str


async def unreported(tx: Tx, since: datetime) -> list[Unreported]:
    """Return the broadcasts settled after a moment that no message shows: a schedule's, the command line's."""
    chosen = (
        select(broadcast.c.id, broadcast.c.announcement_id, broadcast.c.released_by, announcement.c.author_id)
        .join(announcement, announcement.c.id == broadcast.c.announcement_id)
        .where(broadcast.c.state == BroadcastState.SETTLED, broadcast.c.settled_at > since)
        .where(~exists().where(board.c.broadcast_id == broadcast.c.id))
        .order_by(broadcast.c.id)
    )
    return [Unreported(row.id, row.announcement_id, row.author_id, row.released_by) for row in await tx.execute(chosen)]


async def mark_shown(tx: Tx, one: Board, *, shown: str, done: bool) -> None:
    """Remember what stands there, and whether it is the last word."""
    which = (board.c.broadcast_id == one.broadcast_id) & (board.c.chat_id == one.chat_id)
    await tx.execute(update(board).where(which).values(shown=shown, done=done))


async def reopen_boards(tx: Tx, announcement_id: int) -> None:
    """Let the finished boards of an announcement live again: something of it was put in the queue."""
    of_it = select(broadcast.c.id).where(broadcast.c.announcement_id == announcement_id)
    await tx.execute(update(board).where(board.c.broadcast_id.in_(of_it)).values(done=False))


async def forget_board(tx: Tx, broadcast_id: int, chat_id: int) -> None:
    """Show the broadcast there no more: the message is gone."""
    await tx.execute(delete(board).where(board.c.broadcast_id == broadcast_id, board.c.chat_id == chat_id))


@dataclass(frozen=True, slots=True)
class Card:
    """The living message that shows an announcement before it goes out, in one chat.

    `wanted` counts the wishes to draw it. `anew`: below the talk, as a new message. `note` is a list of codes for
    the last line.
    """

    announcement_id: int
    chat_id: int
    message_id: int | None
    wanted: int
    anew: bool
    note: list[Any]


async def want_card(
    tx: Tx, announcement_id: int, chat_id: int, *, anew: bool = False, note: Sequence[Any] | None = None
) -> None:
    """Ask for a card in a chat, or for the one that is there to be drawn again."""
    row = {"announcement_id": announcement_id, "chat_id": chat_id, "message_id": None, "wanted": 1, "drawn": 0}
    statement = upsert(tx, card).values(row | {"anew": anew, "note": list(note or [])})
    change: dict[str, Any] = {"wanted": card.c.wanted + 1}
    change |= {"anew": True} if anew else {}
    change |= {"note": list(note)} if note is not None else {}
    await tx.execute(statement.on_conflict_do_update(index_elements=["announcement_id", "chat_id"], set_=change))


async def want_card_afresh(tx: Tx, announcement_id: int, chat_id: int) -> None:
    """Ask for a card as if there had been none; what shows it now is left as it stands."""
    await want_card(tx, announcement_id, chat_id, anew=True, note=())
    which = (card.c.announcement_id == announcement_id) & (card.c.chat_id == chat_id)
    await tx.execute(update(card).where(which).values(message_id=None))


async def card_at(tx: Tx, announcement_id: int, chat_id: int, message_id: int) -> None:
    """Let this message be the card from now on, and ask for it to be drawn."""
    row = {"announcement_id": announcement_id, "chat_id": chat_id, "message_id": message_id, "wanted": 1, "drawn": 0}
    statement = upsert(tx, card).values(row | {"anew": False, "note": []})
    change = {"message_id": message_id, "wanted": card.c.wanted + 1}
    await tx.execute(statement.on_conflict_do_update(index_elements=["announcement_id", "chat_id"], set_=change))


async def move_card(tx: Tx, announcement_id: int, chat_id: int, message_id: int) -> int | None:
    """Let this message be the card, as it stands. Returns the message that was."""
    before = await card_in(tx, announcement_id, chat_id)
    await card_at(tx, announcement_id, chat_id, message_id)
    which = (card.c.announcement_id == announcement_id) & (card.c.chat_id == chat_id)
    await tx.execute(update(card).where(which).values(drawn=card.c.wanted, anew=False))
    return None if before is None else before.message_id


async def want_cards(tx: Tx, announcement_id: int, *, but: int | None = None) -> None:
    """Ask for every card of an announcement to be drawn again, `but` that in one chat."""
    which = update(card).where(card.c.announcement_id == announcement_id)
    which = which if but is None else which.where(card.c.chat_id != but)
    await tx.execute(which.values(wanted=card.c.wanted + 1))


async def wanted_cards(tx: Tx) -> list[Card]:
    """Return the cards that show less than they should."""
    chosen = select(card).where(card.c.wanted > card.c.drawn).order_by(card.c.announcement_id, card.c.chat_id)
    return [_card(row) for row in await tx.execute(chosen)]


async def cards(tx: Tx, announcement_id: int) -> list[Card]:
    """Return an announcement's cards."""
    chosen = select(card).where(card.c.announcement_id == announcement_id).order_by(card.c.chat_id)
    return [_card(row) for row in await tx.execute(chosen)]


async def card_in(tx: Tx, announcement_id: int, chat_id: int) -> Card | None:
    """Return the card of an announcement in a chat."""
    chosen = select(card).where(card.c.announcement_id == announcement_id, card.c.chat_id == chat_id)
    row = (await tx.execute(chosen)).one_or_none()
    return None if row is None else _card(row)


async def card_drawn(tx: Tx, one: Card, message_id: int) -> bool:
    """Remember which message shows the card, and which wish it fulfils.

    Tells whether it does: while it was drawn, the card may have moved to another message, or have been wanted afresh.
    """
    which = (card.c.announcement_id == one.announcement_id) & (card.c.chat_id == one.chat_id)
    which &= card.c.message_id.is_not_distinct_from(one.message_id)
    if one.message_id is None and not one.anew:
        which &= card.c.anew.is_(False)
    below = card.c.anew & (card.c.wanted != one.wanted) if not one.anew else false()
    drawn = update(card).where(which).values(message_id=message_id, drawn=one.wanted, anew=below)
    return bool((await tx.execute(drawn)).rowcount)


async def forget_card(tx: Tx, announcement_id: int, chat_id: int) -> None:
    """Show the announcement there no more."""
    await tx.execute(delete(card).where(card.c.announcement_id == announcement_id, card.c.chat_id == chat_id))


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell a person, until it was told. `payload` is code and values, no prose."""

    id: int
    chat_id: int
    payload: dict[str, Any]


async def tell(tx: Tx, chat_ids: Iterable[int], payload: dict[str, Any], now: datetime) -> None:
    """Let these people be told, now or when Telegram can be reached again."""
    rows = [{"chat_id": chat_id, "payload": payload, "created_at": now} for chat_id in chat_ids]
    if rows:
        await tx.execute(news.insert(), rows)


async def something_happened(tx: Tx) -> bool:
    """Tell whether a hold or a moment that went by is still to be made news of."""
    held = select(channel_hold.c.channel).where(channel_hold.c.told.is_(False))
    passed = select(occurrence.c.schedule_id).where(occurrence.c.told.is_(False))
    return bool((await tx.execute(select(held.exists() | passed.exists()))).scalar_one())


async def untold(tx: Tx) -> list[News]:
    """Return what is still to be told, oldest first."""
    return [News(row.id, row.chat_id, dict(row.payload)) for row in await tx.execute(select(news).order_by(news.c.id))]


async def told(tx: Tx, news_id: int) -> None:
    """Forget what was told."""
    await tx.execute(delete(news).where(news.c.id == news_id))


def _card(row: Row[Any]) -> Card:
    return Card(row.announcement_id, row.chat_id, row.message_id, row.wanted, row.anew, list(row.note))
