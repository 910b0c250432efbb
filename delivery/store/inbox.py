"""What arrived from Telegram: raw updates first, then the pieces that an announcement is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from channels.contract import Post
from delivery.database import Tx
from delivery.store.codec import decode_post, encode_post
from delivery.store.dialect import upsert
from delivery.tables import incoming, piece


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of an editor, not yet or already part of an announcement. `bundle` names what belongs together."""

    chat_id: int
    message_id: int
    author_id: int
    bundle: str
    post: Post
    announcement_id: int | None = None


async def keep(tx: Tx, update_id: int, payload: dict[str, Any], now: datetime) -> bool:
    """Write a raw update. False when it is there already and was handled."""
    row = {"update_id": update_id, "payload": payload, "received_at": now}
    fresh = await tx.execute(upsert(tx, incoming).values(row).on_conflict_do_nothing())
    if fresh.rowcount == 1:
        return True
    found = await tx.execute(select(incoming.c.handled_at).where(incoming.c.update_id == update_id))
    return found.scalar_one() is None


async def handled(tx: Tx, update_id: int, now: datetime) -> None:
    """Mark an update done: a restart does not take it up again."""
    await tx.execute(update(incoming).where(incoming.c.update_id == update_id).values(handled_at=now))


async def waiting(tx: Tx) -> list[dict[str, Any]]:
    """Return the updates that a dead process left, oldest first."""
    found = select(incoming.c.payload).where(incoming.c.handled_at.is_(None)).order_by(incoming.c.update_id)
    return [row.payload for row in await tx.execute(found)]


async def add_piece(tx: Tx, one: Piece, now: datetime) -> bool:
    """Keep one message's content. False when it is there already."""
    row = {
        "chat_id": one.chat_id,
        "message_id": one.message_id,
        "author_id": one.author_id,
        "bundle": one.bundle,
        "post": encode_post(one.post),
        "received_at": now,
    }
    return (await tx.execute(upsert(tx, piece).values(row).on_conflict_do_nothing())).rowcount == 1


async def ripe(tx: Tx, before: datetime) -> list[tuple[int, str]]:
    """Return the bundles (chat, name) with a piece still without announcement, whose last piece came before."""
    last = func.max(piece.c.received_at)
    quiet = (
        select(piece.c.chat_id, piece.c.bundle)
        .group_by(piece.c.chat_id, piece.c.bundle)
        .having(last <= before, func.count() > func.count(piece.c.announcement_id))
        .order_by(func.min(piece.c.message_id))
    )
    return [(row.chat_id, row.bundle) for row in await tx.execute(quiet)]


async def pieces(tx: Tx, chat_id: int, bundle: str) -> list[Piece]:
    """Return a bundle's pieces in the order in which they were written."""
    chosen = select(piece).where(piece.c.chat_id == chat_id, piece.c.bundle == bundle).order_by(piece.c.message_id)
    return [
        Piece(row.chat_id, row.message_id, row.author_id, row.bundle, decode_post(row.post), row.announcement_id)
        for row in await tx.execute(chosen)
    ]


async def last_piece(tx: Tx, chat_id: int, author_id: int) -> tuple[Piece, datetime] | None:
    """Return the newest piece of an author in a chat and when it came."""
    chosen = (
        select(piece)
        .where(piece.c.chat_id == chat_id, piece.c.author_id == author_id)
        .order_by(piece.c.message_id.desc())
        .limit(1)
    )
    row = (await tx.execute(chosen)).one_or_none()
    if row is None:
        return None
    found = Piece(row.chat_id, row.message_id, row.author_id, row.bundle, decode_post(row.post), row.announcement_id)
    return found, row.received_at


async def assign(tx: Tx, chat_id: int, message_ids: Sequence[int], announcement_id: int) -> None:
    """Remember which announcement these pieces became part of."""
    which = (piece.c.chat_id == chat_id) & piece.c.message_id.in_(message_ids)
    await tx.execute(update(piece).where(which).values(announcement_id=announcement_id))


async def replace_piece(tx: Tx, chat_id: int, message_id: int, post: Post) -> int | None:
    """Take over an edited message's content. Returns its announcement, if it has one."""
    which = (piece.c.chat_id == chat_id) & (piece.c.message_id == message_id)
    changed = update(piece).where(which).values(post=encode_post(post)).returning(piece.c.announcement_id)
    found: int | None = (await tx.execute(changed)).scalar_one_or_none()
    return found
