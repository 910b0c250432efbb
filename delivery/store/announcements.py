"""Announcements and their revisions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from channels.contract import Post
from delivery.database import Tx
from delivery.model import Announcement, Stage
from delivery.store.codec import decode_post, encode_post
from delivery.store.dialect import upsert
from delivery.tables import announcement, revision

_any = revision.alias("any_revision")
_latest = select(func.max(_any.c.number)).where(_any.c.announcement_id == announcement.c.id).scalar_subquery()
_whole = (
    select(announcement, revision.c.number, revision.c.post)
    .select_from(announcement)
    .join(revision, (revision.c.announcement_id == announcement.c.id) & (revision.c.number == _latest))
)


async def insert(
    tx: Tx,
    post: Post,
    *,
    author: str,
    author_id: int | None,
    targets: Sequence[str],
    urgent: bool,
    request_key: str | None,
    now: datetime,
) -> tuple[int, bool]:
    """Store a draft. Returns its id and True, or the id of the one with the same `request_key` and False."""
    values = {
        "request_key": request_key,
        "stage": Stage.DRAFT,
        "author": author,
        "author_id": author_id,
        "targets": list(targets),
        "urgent": urgent,
        "created_at": now,
    }
    statement = upsert(tx, announcement).values(values).on_conflict_do_nothing().returning(announcement.c.id)
    new_id = (await tx.execute(statement)).scalar_one_or_none()
    if new_id is None:
        found = await tx.execute(select(announcement.c.id).where(announcement.c.request_key == request_key))
        return int(found.scalar_one()), False
    await _add(tx, new_id, 1, post, author, now)
    return int(new_id), True


async def revise(tx: Tx, announcement_id: int, post: Post, *, author: str, now: datetime) -> int:
    """Add a revision and return its number."""
    newest = select(func.max(revision.c.number)).where(revision.c.announcement_id == announcement_id)
    number = (await tx.execute(newest)).scalar_one() + 1
    await _add(tx, announcement_id, number, post, author, now)
    return int(number)


async def get(tx: Tx, announcement_id: int) -> Announcement | None:
    """Return the announcement with its latest revision."""
    row = (await tx.execute(_whole.where(announcement.c.id == announcement_id))).one_or_none()
    return None if row is None else _announcement(row)


async def hold(tx: Tx, announcement_id: int) -> None:
    """Let nobody else change or release the announcement until the transaction ends."""
    row = select(announcement.c.id).where(announcement.c.id == announcement_id).with_for_update()
    await tx.execute(row)


async def by_request_key(tx: Tx, request_key: str) -> int | None:
    """Return the announcement that this request made, if it did."""
    found = await tx.execute(select(announcement.c.id).where(announcement.c.request_key == request_key))
    return found.scalar_one_or_none()


async def author_of(tx: Tx, announcement_id: int) -> str:
    """Return who wrote the announcement, empty when unknown."""
    found = await tx.execute(select(announcement.c.author).where(announcement.c.id == announcement_id))
    return found.scalar_one_or_none() or ""


async def latest(tx: Tx, limit: int) -> list[Announcement]:
    """Return the newest announcements, newest first."""
    rows = await tx.execute(_whole.order_by(announcement.c.id.desc()).limit(limit))
    return [_announcement(row) for row in rows]


async def post_of(tx: Tx, announcement_id: int, number: int) -> Post:
    """Return one revision's content."""
    found = select(revision.c.post).where(revision.c.announcement_id == announcement_id, revision.c.number == number)
    return decode_post((await tx.execute(found)).scalar_one())


async def move(tx: Tx, announcement_id: int, *, to: Stage, come_from: Sequence[Stage], by: int | None = None) -> bool:
    """Move to another stage if it stands in one of `come_from`. Of two who ask at once, one gets True."""
    values: dict[str, Any] = {"stage": to} | ({} if by is None else {"decided_by": by})
    guarded = update(announcement).where(announcement.c.id == announcement_id, announcement.c.stage.in_(come_from))
    return (await tx.execute(guarded.values(values))).rowcount == 1


async def set_targets(tx: Tx, announcement_id: int, targets: Sequence[str]) -> None:
    """Choose the channels and lists."""
    await tx.execute(update(announcement).where(announcement.c.id == announcement_id).values(targets=list(targets)))


async def set_urgent(tx: Tx, announcement_id: int, *, urgent: bool) -> None:
    """Let it overtake the others, or not."""
    await tx.execute(update(announcement).where(announcement.c.id == announcement_id).values(urgent=urgent))


async def _add(tx: Tx, announcement_id: int, number: int, post: Post, author: str, now: datetime) -> None:
    values = {
        "announcement_id": announcement_id,
        "number": number,
        "post": encode_post(post),
        "author": author,
        "created_at": now,
    }
    await tx.execute(revision.insert().values(values))


def _announcement(row: Row[Any]) -> Announcement:
    return Announcement(
        id=row.id,
        stage=Stage(row.stage),
        author_id=row.author_id,
        targets=tuple(row.targets),
        urgent=row.urgent,
        revision=row.number,
        post=decode_post(row.post),
        created_at=row.created_at,
    )
