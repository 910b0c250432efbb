"""What arrived from Telegram: raw updates first, then the pieces that an announcement is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from channels.contract import Attachment, Post
from delivery.database import Tx
from delivery.store.codec import decode_post, encode_post
from delivery.store.dialect import upsert
from delivery.tables import incoming, piece


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of an editor, not yet or already part of an announcement. `bundle` names what belongs together.

    `sent_at` is Telegram's own date. More may follow until `quiet_until`; None: a person must say what it is.
    """

    chat_id: int
    message_id: int
    author_id: int
    author: str
    bundle: str
    post: Post
    sent_at: datetime
    quiet_until: datetime | None
    album: str | None = None
    forwarded: bool = False
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


async def forget_handled(tx: Tx, before: datetime) -> None:
    """Drop updates that were handled long ago: Telegram repeats none for longer than a day."""
    await tx.execute(delete(incoming).where(incoming.c.handled_at < before))


async def is_open(tx: Tx, update_id: int) -> bool:
    """Tell whether an update is kept and still to be handled."""
    found = select(incoming.c.update_id).where(incoming.c.update_id == update_id, incoming.c.handled_at.is_(None))
    return (await tx.execute(found)).one_or_none() is not None


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
        "author": one.author,
        "bundle": one.bundle,
        "album": one.album,
        "forwarded": one.forwarded,
        "post": encode_post(one.post),
        "sent_at": one.sent_at,
        "received_at": now,
        "quiet_until": one.quiet_until,
    }
    return (await tx.execute(upsert(tx, piece).values(row).on_conflict_do_nothing())).rowcount == 1


async def ripe(tx: Tx, now: datetime) -> list[tuple[int, str]]:
    """Return the bundles (chat, name) with a piece still without announcement, to which nothing more is expected."""
    quiet = (
        select(piece.c.chat_id, piece.c.bundle)
        .where(piece.c.announcement_id.is_(None))
        .group_by(piece.c.chat_id, piece.c.bundle)
        .having(func.max(piece.c.quiet_until) <= now)
        .order_by(func.min(piece.c.message_id))
    )
    return [(row.chat_id, row.bundle) for row in await tx.execute(quiet)]


async def next_ripe(tx: Tx, after: datetime) -> datetime | None:
    """Tell when, after a moment, the next bundle may be complete."""
    found = select(func.min(piece.c.quiet_until)).where(piece.c.announcement_id.is_(None), piece.c.quiet_until > after)
    moment: datetime | None = (await tx.execute(found)).scalar_one()
    return moment


async def pieces(tx: Tx, chat_id: int, bundle: str) -> list[Piece]:
    """Return a bundle's pieces in the order in which they were written."""
    chosen = select(piece).where(piece.c.chat_id == chat_id, piece.c.bundle == bundle).order_by(piece.c.message_id)
    return [_piece(row) for row in await tx.execute(chosen)]


async def one_piece(tx: Tx, chat_id: int, message_id: int) -> Piece | None:
    """Return one message's piece."""
    chosen = select(piece).where(piece.c.chat_id == chat_id, piece.c.message_id == message_id)
    row = (await tx.execute(chosen)).one_or_none()
    return None if row is None else _piece(row)


async def last_piece(tx: Tx, chat_id: int, author_id: int, before: int) -> Piece | None:
    """Return an author's newest piece in a chat that was written before a message."""
    chosen = (
        select(piece)
        .where(piece.c.chat_id == chat_id, piece.c.author_id == author_id, piece.c.message_id < before)
        .order_by(piece.c.message_id.desc())
        .limit(1)
    )
    row = (await tx.execute(chosen)).one_or_none()
    return None if row is None else _piece(row)


async def bundle_of_album(tx: Tx, chat_id: int, album: str) -> str | None:
    """Return the bundle to which an album's first items went."""
    found = select(piece.c.bundle).where(piece.c.chat_id == chat_id, piece.c.album == album).limit(1)
    return (await tx.execute(found)).scalar_one_or_none()


async def assign(tx: Tx, chat_id: int, message_ids: Sequence[int], announcement_id: int) -> None:
    """Remember which announcement these pieces became part of."""
    which = (piece.c.chat_id == chat_id) & piece.c.message_id.in_(message_ids)
    await tx.execute(update(piece).where(which).values(announcement_id=announcement_id))


async def rebundle(tx: Tx, chat_id: int, message_id: int, *, bundle: str, quiet_until: datetime) -> bool:
    """Let a piece that waited for a person's word become part of an announcement. False when it is one already."""
    which = (piece.c.chat_id == chat_id) & (piece.c.message_id == message_id) & piece.c.announcement_id.is_(None)
    changed = update(piece).where(which, piece.c.quiet_until.is_(None))
    return (await tx.execute(changed.values(bundle=bundle, quiet_until=quiet_until))).rowcount == 1


async def keep_bytes(tx: Tx, one: Piece, attachment: Attachment, digest: str, size: int) -> None:
    """Note in a piece, as it is by now, where the bytes of one of its files are."""
    current = await one_piece(tx, one.chat_id, one.message_id)
    if current is None:
        return
    kept = tuple(
        replace(each, digest=digest, size=size) if each.telegram_file_id == attachment.telegram_file_id else each
        for each in current.post.attachments
    )
    await replace_piece(tx, one.chat_id, one.message_id, replace(current.post, attachments=kept))


async def replace_piece(tx: Tx, chat_id: int, message_id: int, post: Post) -> int | None:
    """Take over an edited message's content. Returns its announcement, if it has one."""
    which = (piece.c.chat_id == chat_id) & (piece.c.message_id == message_id)
    changed = update(piece).where(which).values(post=encode_post(post)).returning(piece.c.announcement_id)
    found: int | None = (await tx.execute(changed)).scalar_one_or_none()
    return found


def _piece(row: Row[Any]) -> Piece:
    return Piece(
        chat_id=row.chat_id,
        message_id=row.message_id,
        author_id=row.author_id,
        author=row.author,
        bundle=row.bundle,
        post=decode_post(row.post),
        sent_at=row.sent_at,
        quiet_until=row.quiet_until,
        album=row.album,
        forwarded=row.forwarded,
        announcement_id=row.announcement_id,
    )
