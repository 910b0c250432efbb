"""Storing an announcement and letting it go out, in one transaction: either all of it happened, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.contract import Post
from delivery import audience
from delivery.broadcast import RELEASABLE, Preview, draft_in, find_in, release_in
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import Stage
from delivery.planning import plan_in
from delivery.store import announcements, broadcasts, media, schedules

__all__ = ["Announced", "Draft", "Plan", "announce", "announced"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be announced. `files` are the bytes of the attachments; `key` makes it happen once, empty: no key."""

    post: Post
    files: Sequence[bytes]
    targets: Sequence[str]
    urgent: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """When it goes out, if not now: at a moment, or by `cron`, until `until`. All moments are aware."""

    at: datetime | None = None
    cron: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """What came of it: a broadcast, or a schedule that will make one."""

    announcement: int
    broadcast: int | None
    schedule: int | None = None
    fresh: bool = True


async def announced(desk: Desk, key: str) -> Announced | None:
    """Return what an earlier call with the same key has made, None when there was none that came to its end."""
    async with desk.database.reading() as tx:
        number = await announcements.by_request_key(tx, _request(key)) if key else None
        if number is None or (await find_in(tx, number)).stage in RELEASABLE:
            return None
        return await _made(tx, number)


async def announce(desk: Desk, one: Draft, plan: Plan | None, *, by: str) -> Announced:
    """Store the announcement and release or schedule it; the same key finds what is there.

    Raises UnknownTargetError, BlockedError, NobodyError, PastError, RecurrenceError; nothing is stored then.
    """
    async with desk.database.writing() as tx:
        for content in one.files:
            await media.keep(tx, content, desk.now())
        number = await draft_in(
            tx,
            desk,
            one.post,
            author=by,
            author_id=None,
            targets=one.targets,
            urgent=one.urgent,
            request_key=_request(one.key) if one.key else None,
        )
        if not await announcements.move(tx, number, to=Stage.CONFIRMED, come_from=RELEASABLE):
            return await _made(tx, number)
        seen = await _seen(tx, desk, number)
        if plan is not None:
            schedule = await plan_in(tx, desk, seen, at=plan.at, cron=plan.cron, until=plan.until, by=by)
            return Announced(number, None, schedule)
        released = await release_in(tx, desk, seen, by=by, release_key=_release(number))
        return Announced(number, released.broadcast_id)


async def _seen(tx: Tx, desk: Desk, number: int) -> Preview:
    found = await find_in(tx, number)
    reached = await audience.expand(tx, desk.channels, found.targets)
    return Preview(found, {name: desk.channels[name].render(found.post) for name in reached.reaches}, reached)


async def _made(tx: Tx, number: int) -> Announced:
    schedule = await schedules.first_of(tx, number)
    broadcast = None if schedule is not None else await broadcasts.by_release_key(tx, _release(number))
    return Announced(number, broadcast, schedule, fresh=False)


def _request(key: str) -> str:
    return f"cli:{key}"


def _release(number: int) -> str:
    """The key of an announcement's own release. Source: delivery.broadcast.release."""
    return f"announcement:{number}"
