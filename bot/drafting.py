"""Pieces become drafts: made, extended by what came late, replaced in their text, changed with their source message."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from bot.pieces import joined
from channels.contract import Attachment, Post
from delivery import broadcast
from delivery.broadcast import StageError
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import Announcement, Stage
from delivery.store import inbox, talks
from delivery.store.inbox import Piece

__all__ = ["Edit", "edited", "gather", "replacing", "typeset"]

Note = dict[str, Any]
_REPLACES = "replace:"


def replacing(announcement_id: int, message_id: int) -> str:
    """Return the name of a bundle whose text is to replace that of an announcement."""
    return f"{_REPLACES}{announcement_id}:{message_id}"


async def gather(
    tx: Tx, desk: Desk, chat_id: int, bundle: str, missing: Sequence[str] = (), *, guarded: bool = False
) -> int | None:
    """Make a draft of a bundle, or let what is new in it join the draft that is there; ask for its card.

    `missing` names files whose bytes could not be had. `guarded`: what is planned has somebody's consent and is not to
    be changed by this author. Returns the announcement's number, None when nothing is new.
    """
    pieces = await inbox.pieces(tx, chat_id, bundle)
    fresh = [one for one in pieces if one.announcement_id is None]
    if not fresh:
        return None
    number, notes = await _store(tx, desk, pieces, fresh, guarded=guarded)
    await inbox.assign(tx, chat_id, [one.message_id for one in fresh], number)
    if missing:
        notes.append({"code": "file_missing", "names": list(missing)})
    await talks.want_cards(tx, number)
    await talks.want_card(tx, number, chat_id, anew=True, note=notes)
    return number


async def _store(
    tx: Tx, desk: Desk, pieces: Sequence[Piece], fresh: Sequence[Piece], *, guarded: bool
) -> tuple[int, list[Note]]:
    if pieces[0].bundle.startswith(_REPLACES):
        return await _replace(tx, desk, pieces, guarded=guarded)
    known = [one.announcement_id for one in pieces if one.announcement_id is not None]
    if not known:
        return await _new(tx, desk, fresh), []
    found = await broadcast.find_in(tx, max(known))
    its = [one for one in pieces if one.announcement_id == found.id]
    untouched = found.post == _wished_as(found.post, joined(its))
    post = _wished_as(found.post, joined([*its, *fresh])) if untouched else _appended(found.post, joined(fresh))
    try:
        notes = await _revise(tx, desk, found, post, fresh[0].author, guarded=guarded)
    except StageError:
        return await _new(tx, desk, fresh), [{"code": "came_late", "number": found.id}]
    return found.id, [_added(fresh), *notes]


async def _new(tx: Tx, desk: Desk, fresh: Sequence[Piece]) -> int:
    first = fresh[0]
    return await broadcast.draft_in(
        tx,
        desk,
        joined(fresh),
        author=first.author,
        author_id=first.author_id,
        targets=None,
        request_key=f"telegram:{first.chat_id}:{first.message_id}",
    )


async def _replace(tx: Tx, desk: Desk, pieces: Sequence[Piece], *, guarded: bool) -> tuple[int, list[Note]]:
    number = int(pieces[0].bundle.removeprefix(_REPLACES).partition(":")[0])
    found, new = await broadcast.find_in(tx, number), joined(pieces)
    post = replace(found.post, text=new.text, entities=new.entities)
    try:
        notes = await _revise(tx, desk, found, post, pieces[0].author, guarded=guarded)
    except StageError:
        return await _new(tx, desk, pieces), [{"code": "came_late", "number": number}]
    return number, [{"code": "text_replaced"}, *notes]


async def typeset(
    tx: Tx, desk: Desk, found: Announcement, *, wanted: bool, author: str, guarded: bool = False
) -> list[Note]:
    """Let a draft be shown with its typography put in order, or as it was typed. `guarded` as in `gather`.

    Returns a note when an approval no longer counts for it. Raises StageError.
    """
    return await _revise(tx, desk, found, replace(found.post, typography=wanted), author, guarded=guarded)


def _wished_as(post: Post, made: Post) -> Post:
    """What the editor switched on for a post holds for what its messages make of it later."""
    return replace(made, typography=post.typography)


async def _revise(tx: Tx, desk: Desk, found: Announcement, post: Post, author: str, *, guarded: bool) -> list[Note]:
    """Add a revision. Returns a note when an approval no longer counts for it. Raises StageError."""
    if post == found.post:
        return []
    if guarded and found.stage is Stage.CONFIRMED:
        raise StageError(found.stage)
    await broadcast.revise_in(tx, desk, found.id, post, author=author)
    return [{"code": "approval_lapsed"}] if found.stage in {Stage.APPROVED, Stage.AWAITING_APPROVAL} else []


def _appended(post: Post, new: Post) -> Post:
    """Put what came late at the end of a post that was changed by hand."""
    text = f"{post.text}\n\n{new.text}".strip() if new.text else post.text
    return replace(post, text=text, attachments=post.attachments + new.attachments)


def _added(fresh: Sequence[Piece]) -> Note:
    kinds = Counter(str(attachment.kind) for one in fresh for attachment in one.post.attachments)
    texts = sum(1 for one in fresh if one.post.text and not one.post.attachments)
    return {"code": "added", **kinds} | ({"text": texts} if texts else {})


class Edit(StrEnum):
    """What came of an edited message."""

    TAKEN = "taken"
    PASSED_OVER = "passed_over"  # the draft's text was changed by hand since
    TOO_LATE = "too_late"  # it has gone out


async def edited(
    tx: Tx, desk: Desk, chat_id: int, message_id: int, post: Post, *, guarded: bool = False
) -> tuple[Edit, int] | None:
    """Let an edited message change its draft. Returns what came of it and the number, None when it is in no draft."""
    piece = await inbox.one_piece(tx, chat_id, message_id)
    if piece is None:
        return None
    before = await _of_same_draft(tx, piece)
    await inbox.replace_piece(tx, chat_id, message_id, _with_bytes(post, piece.post.attachments))
    if piece.announcement_id is None:
        return None
    after = await _of_same_draft(tx, piece)
    found = await broadcast.find_in(tx, piece.announcement_id)
    try:
        outcome, notes = await _follow(tx, desk, found, joined(before), joined(after), piece, guarded=guarded)
    except StageError:
        return Edit.TOO_LATE, found.id
    await talks.want_cards(tx, found.id)
    await talks.want_card(tx, found.id, chat_id, note=notes)
    return outcome, found.id


async def _follow(
    tx: Tx, desk: Desk, found: Announcement, before: Post, after: Post, piece: Piece, *, guarded: bool
) -> tuple[Edit, list[Note]]:
    if piece.bundle.startswith(_REPLACES):
        before = replace(before, attachments=found.post.attachments)
        after = replace(after, attachments=found.post.attachments)
    before, after = _wished_as(found.post, before), _wished_as(found.post, after)
    if found.post != before:
        if found.stage is Stage.CANCELLED:
            raise StageError(found.stage)
        return Edit.PASSED_OVER, [{"code": "edit_passed_over"}]
    notes = await _revise(tx, desk, found, after, piece.author, guarded=guarded)
    return Edit.TAKEN, [{"code": "edited"}, *notes]


async def _of_same_draft(tx: Tx, piece: Piece) -> list[Piece]:
    every = await inbox.pieces(tx, piece.chat_id, piece.bundle)
    return [one for one in every if one.announcement_id == piece.announcement_id]


def _with_bytes(post: Post, kept: Sequence[Attachment]) -> Post:
    """An edited message names its file anew; the bytes that are kept already stay."""
    by_file = {one.telegram_file_id: one for one in kept}
    return replace(post, attachments=tuple(by_file.get(one.telegram_file_id, one) for one in post.attachments))
