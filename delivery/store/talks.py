"""What the bot must remember between messages: where a dialogue stands, and which message shows which broadcast."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from delivery.database import Tx
from delivery.store.dialect import upsert
from delivery.tables import board, broadcast, conversation


async def read(tx: Tx, key: str) -> tuple[str | None, dict[str, Any]]:
    """Return the state and data of a conversation."""
    row = (await tx.execute(select(conversation).where(conversation.c.key == key))).one_or_none()
    return (None, {}) if row is None else (row.state, dict(row.data))


async def write(tx: Tx, key: str, *, state: str | None = None, data: dict[str, Any] | None = None) -> None:
    """Set the state, or the data when `data` is given."""
    change: dict[str, Any] = {"state": state} if data is None else {"data": data}
    statement = upsert(tx, conversation).values({"key": key, "state": None, "data": {}} | change)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=change))


@dataclass(frozen=True, slots=True)
class Board:
    """The living message that shows a broadcast's progress in a chat. `shown` is a digest of what stands there."""

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
