"""Everything an editor may do with an announcement now: draft, look, approve, release, cancel, retry, settle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.contract import Post, Reason, Rendering
from delivery import audience
from delivery.audience import Audience
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import (
    Announcement,
    BroadcastState,
    DeliveryState,
    Stage,
)
from delivery.store import announcements, broadcasts, deliveries, filling, schedules, talks, wake
from delivery.store.filling import Filling

RELEASABLE = (Stage.DRAFT, Stage.APPROVED)

_WORTH_A_LOOK = 1_000  # so many new deliveries change a planner's mind
_SETTLED_AT_ONCE = 500


class UnknownAnnouncementError(LookupError):
    """There is no announcement, delivery or schedule of this number."""


class BlockedError(Exception):
    """Sending would certainly fail. `preview` says where and why."""

    def __init__(self, preview: "Preview") -> None:
        super().__init__(", ".join(preview.blocked))
        self.preview = preview


class NobodyError(Exception):
    """No recipient is left in the chosen channels."""


class StageError(Exception):
    """The announcement is not where this step could be taken. `stage` says where it is."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Preview:
    """How an announcement will look in each chosen channel, and whom it reaches."""

    announcement: Announcement
    renderings: Mapping[str, Rendering]
    audience: Audience

    @property
    def blocked(self) -> list[str]:
        """The channels in which sending would certainly fail."""
        return [name for name, rendering in self.renderings.items() if rendering.blocked]


@dataclass(frozen=True, slots=True)
class Released:
    """What a release made. `fresh` is False when the same release had been asked for before."""

    broadcast_id: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was stopped: deliveries and schedules."""

    deliveries: int
    schedules: int


async def draft(
    desk: Desk,
    post: Post,
    *,
    author: str,
    author_id: int | None = None,
    targets: Sequence[str] | None = None,
    urgent: bool = False,
    request_key: str | None = None,
) -> int:
    """Store a draft and return its id; the same `request_key` finds the one that is there.

    Without `targets` it is meant for every channel and list. Raises UnknownTargetError.
    """
    async with desk.database.writing() as tx:
        return await draft_in(
            tx, desk, post, author=author, author_id=author_id, targets=targets, urgent=urgent, request_key=request_key
        )


async def draft_in(
    tx: Tx,
    desk: Desk,
    post: Post,
    *,
    author: str,
    author_id: int | None,
    targets: Sequence[str] | None,
    urgent: bool = False,
    request_key: str | None = None,
) -> int:
    """`draft`, inside somebody else's transaction."""
    if targets is None:
        targets = await audience.every_target(tx, desk.channels)
    else:
        await audience.check(tx, desk.channels, targets)
    number, _fresh = await announcements.insert(
        tx,
        post,
        author=author,
        author_id=author_id,
        targets=targets,
        urgent=urgent,
        request_key=request_key,
        now=desk.now(),
    )
    return number


async def find(desk: Desk, announcement_id: int) -> Announcement:
    """Return an announcement. Raises UnknownAnnouncementError."""
    async with desk.database.reading() as tx:
        return await find_in(tx, announcement_id)


async def find_in(tx: Tx, announcement_id: int) -> Announcement:
    """`find`, inside somebody else's transaction."""
    found = await announcements.get(tx, announcement_id)
    if found is None:
        raise UnknownAnnouncementError(announcement_id)
    return found


async def preview(desk: Desk, announcement_id: int) -> Preview:
    """Show how the announcement will look and whom it reaches. Raises UnknownAnnouncementError, UnknownTargetError."""
    async with desk.database.reading() as tx:
        return await _preview_in(tx, desk, announcement_id)


async def _preview_in(tx: Tx, desk: Desk, announcement_id: int) -> Preview:
    found = await find_in(tx, announcement_id)
    reached = await audience.expand(tx, desk.channels, found.targets)
    return Preview(found, _render(desk, found.post, reached), reached)


async def preview_post(desk: Desk, post: Post, targets: Sequence[str]) -> tuple[Mapping[str, Rendering], Audience]:
    """Show how a post would look, storing nothing. Raises UnknownTargetError."""
    async with desk.database.reading() as tx:
        reached = await audience.expand(tx, desk.channels, targets)
    return _render(desk, post, reached), reached


def _render(desk: Desk, post: Post, reached: Audience) -> dict[str, Rendering]:
    return {name: desk.channels[name].render(post) for name in reached.reaches}


async def revise(desk: Desk, announcement_id: int, post: Post, *, author: str) -> int:
    """Add a revision to an announcement that has not gone out yet, or that will go out again.

    What is on its way keeps the revision that it was released with; an approval given before no longer counts. Returns
    the revision's number. Raises UnknownAnnouncementError; StageError once it has gone out for good or was cancelled.
    """
    async with desk.database.writing() as tx:
        return await revise_in(tx, desk, announcement_id, post, author=author)


async def revise_in(tx: Tx, desk: Desk, announcement_id: int, post: Post, *, author: str) -> int:
    """`revise`, inside somebody else's transaction."""
    await announcements.hold(tx, announcement_id)  # or a release could come between the look and the change
    found = await find_in(tx, announcement_id)
    gone = await broadcasts.of_announcements(tx, [announcement_id])
    if found.stage is Stage.CANCELLED or (gone and not await schedules.living(tx, announcement_id)):
        raise StageError(found.stage)
    await _take_back_approval(tx, announcement_id)
    return await announcements.revise(tx, announcement_id, post, author=author, now=desk.now())


async def choose(desk: Desk, announcement_id: int, targets: Sequence[str]) -> None:
    """Set the channels and lists of a draft, or of what is planned; an approval given for others no longer counts.

    Raises UnknownTargetError, UnknownAnnouncementError, StageError.
    """
    async with desk.database.writing() as tx:
        await announcements.hold(tx, announcement_id)
        found = await find_in(tx, announcement_id)
        if found.stage not in RELEASABLE and not await schedules.living(tx, announcement_id):
            raise StageError(found.stage)
        await audience.check(tx, desk.channels, targets)
        if set(targets) != set(found.targets):
            await _take_back_approval(tx, announcement_id)
        await announcements.set_targets(tx, announcement_id, targets)


async def _take_back_approval(tx: Tx, announcement_id: int) -> None:
    await announcements.move(tx, announcement_id, to=Stage.DRAFT, come_from=(Stage.AWAITING_APPROVAL, Stage.APPROVED))


async def reopen(desk: Desk, announcement_id: int) -> bool:
    """Make a draft again of one that was cancelled before anything went out. False when that cannot be.

    Raises UnknownAnnouncementError.
    """
    async with desk.database.writing() as tx:
        await find_in(tx, announcement_id)
        if await broadcasts.of_announcements(tx, [announcement_id]):
            return False
        return await announcements.move(tx, announcement_id, to=Stage.DRAFT, come_from=(Stage.CANCELLED,))


async def release(
    desk: Desk,
    announcement_id: int,
    *,
    by: str,
    release_key: str | None = None,
    grace: timedelta = timedelta(0),
    come_from: Sequence[Stage] = RELEASABLE,
) -> Released:
    """Write a broadcast with all its deliveries in one transaction; the first goes out when `grace` is over.

    A second call with the same `release_key` (by default one per announcement) finds the same broadcast.
    Raises UnknownAnnouncementError, UnknownTargetError, BlockedError, NobodyError; StageError when the announcement
    awaits approval or was cancelled.
    """
    key = release_key or f"announcement:{announcement_id}"
    async with desk.database.reading() as tx:
        there = await broadcasts.by_release_key(tx, key)
    if there is not None:
        return Released(there, fresh=False)
    seen = await preview(desk, announcement_id)
    async with desk.database.writing() as tx:
        await announcements.hold(tx, announcement_id)
        if await find_in(tx, announcement_id) != seen.announcement:
            seen = await _preview_in(tx, desk, announcement_id)  # edited in this very moment: the newest text goes out
        released = await release_in(tx, desk, seen, by=by, release_key=key, grace=grace)
        if released.fresh and not await announcements.move(
            tx, announcement_id, to=Stage.CONFIRMED, come_from=[*come_from, Stage.CONFIRMED]
        ):
            raise StageError((await find_in(tx, announcement_id)).stage)
        return released


async def release_in(
    tx: Tx, desk: Desk, seen: Preview, *, by: str, release_key: str, grace: timedelta = timedelta(0)
) -> Released:
    """`release`, inside somebody else's transaction. Raises BlockedError, NobodyError."""
    if seen.blocked:
        raise BlockedError(seen)
    reached = await audience.expand(tx, desk.channels, seen.announcement.targets)
    if reached.size == 0:
        raise NobodyError
    now = desk.now()
    broadcast_id, fresh = await broadcasts.insert(
        tx,
        announcement_id=seen.announcement.id,
        revision=seen.announcement.revision,
        release_key=release_key,
        urgent=seen.announcement.urgent,
        by=by,
        now=now,
    )
    if fresh:
        await _queue(tx, seen, reached, broadcast_id, due_at=now + grace, now=now)
        await wake.announce(tx)
    return Released(broadcast_id, fresh)


async def _queue(
    tx: Tx, seen: Preview, reached: Audience, broadcast_id: int, *, due_at: datetime, now: datetime
) -> None:
    """Write the deliveries; those to a large audience follow in slices, while others may write in between."""
    revision = seen.announcement.revision
    for channel, reach in reached.reaches.items():
        parts = len(seen.renderings[channel].parts)
        if reach.recipient is not None:
            for part in range(1, parts + 1):
                await broadcasts.add_delivery(
                    tx, broadcast_id, revision, channel, reach.recipient, part, due_at=due_at, now=now
                )
        for key in reach.lists or ():
            await filling.add(
                tx, broadcast_id, revision, channel, key, parts=parts, expected=reach.count * parts, due_at=due_at
            )
    if reached.size <= filling.AT_ONCE:
        for each in await filling.of_broadcast(tx, broadcast_id):
            left: Filling | None = each
            while left is not None:
                left = await filling.take_slice(tx, left, now, most=filling.AT_ONCE)
        if reached.size > _WORTH_A_LOOK:
            await filling.look_over(tx)


async def submit(desk: Desk, announcement_id: int) -> None:
    """Hand a draft to an approver. Raises UnknownAnnouncementError, BlockedError, StageError."""
    seen = await preview(desk, announcement_id)
    if seen.blocked:
        raise BlockedError(seen)
    await _step(desk, announcement_id, Stage.AWAITING_APPROVAL, (Stage.DRAFT,))


async def approve(desk: Desk, announcement_id: int, *, by: int) -> None:
    """Give an approver's consent. Raises UnknownAnnouncementError, StageError."""
    await _step(desk, announcement_id, Stage.APPROVED, (Stage.AWAITING_APPROVAL,), by)


async def decline(desk: Desk, announcement_id: int, *, by: int) -> None:
    """Give the announcement back to its editor. Raises UnknownAnnouncementError, StageError."""
    await _step(desk, announcement_id, Stage.DRAFT, (Stage.AWAITING_APPROVAL,), by)


async def _step(desk: Desk, announcement_id: int, to: Stage, come_from: Sequence[Stage], by: int | None = None) -> None:
    async with desk.database.writing() as tx:
        found = await find_in(tx, announcement_id)
        if not await announcements.move(tx, announcement_id, to=to, come_from=come_from, by=by):
            raise StageError(found.stage)


async def cancel(desk: Desk, announcement_id: int) -> Cancelled:
    """Stop what is not yet sent: queued deliveries, planned moments, the draft itself.

    One word in each broadcast, however many deliveries wait. What is on the wire at this moment finishes. Raises
    UnknownAnnouncementError.
    """
    async with desk.database.writing() as tx:
        await find_in(tx, announcement_id)
        return await cancel_in(tx, desk, announcement_id)


async def cancel_in(tx: Tx, desk: Desk, announcement_id: int) -> Cancelled:
    """`cancel`, inside somebody else's transaction, of an announcement that exists."""
    await announcements.hold(tx, announcement_id)  # or a release at this moment would go out all the same
    removed = await schedules.remove_of(tx, announcement_id)
    stopped, count = await broadcasts.cancel(tx, announcement_id, desk.now())
    gone = await broadcasts.of_announcements(tx, [announcement_id])
    if stopped or removed or not gone:
        await announcements.move(tx, announcement_id, to=Stage.CANCELLED, come_from=tuple(Stage))
    return Cancelled(count, removed)


async def pause(desk: Desk, announcement_id: int) -> bool:
    """Keep what is not yet sent waiting; what is on the wire finishes. False when nothing was under way.

    Raises UnknownAnnouncementError.
    """
    return await _turn(desk, announcement_id, BroadcastState.PAUSED)


async def resume(desk: Desk, announcement_id: int) -> bool:
    """Go on with what was paused; nothing has become late by the pause. False when nothing was paused.

    Raises UnknownAnnouncementError.
    """
    return await _turn(desk, announcement_id, BroadcastState.RUNNING)


async def _turn(desk: Desk, announcement_id: int, to: BroadcastState) -> bool:
    async with desk.database.writing() as tx:
        await find_in(tx, announcement_id)
        turned = await broadcasts.turn(tx, announcement_id, to=to, now=desk.now())
        if turned:
            await talks.reopen_boards(tx, announcement_id)
            await wake.announce(tx)
        return bool(turned)


async def retry(
    desk: Desk,
    announcement_id: int,
    *,
    states: Sequence[DeliveryState] = (DeliveryState.FAILED,),
    delivery_id: int | None = None,
    reasons: Sequence[Reason] | None = None,
) -> list[int]:
    """Put failed (or doubtful) deliveries in the queue again on a person's word; return which.

    With `reasons`, only what failed for one of them.

    Raises UnknownAnnouncementError when there is no such announcement, or no such delivery in it.
    """
    async with desk.database.writing() as tx:
        await find_in(tx, announcement_id)
        if delivery_id is not None:
            one = await deliveries.get(tx, delivery_id)
            if one is None or one.announcement_id != announcement_id:
                raise UnknownAnnouncementError(delivery_id)
        again = await deliveries.requeue(
            tx, announcement_id, states=states, delivery_id=delivery_id, reasons=reasons, now=desk.now()
        )
        if again:
            await talks.reopen_boards(tx, announcement_id)
            await wake.announce(tx)
        return again


async def settle(desk: Desk, delivery_id: int, *, sent: bool, by: str) -> bool:
    """Take a person's word about an unconfirmed delivery; False when it is no longer in doubt.

    Parts that waited for this one go out after "sent". Raises UnknownAnnouncementError.
    """
    async with desk.database.writing() as tx:
        one = await deliveries.get(tx, delivery_id)
        if one is None:
            raise UnknownAnnouncementError(delivery_id)
        if not await deliveries.settle_by_person(tx, one, sent=sent, actor=by, now=desk.now()):
            return False
        if sent:
            await let_follow(tx, [one.id], desk.now())
        await talks.reopen_boards(tx, one.announcement_id)
        return True


async def settle_all(desk: Desk, announcement_id: int, *, sent: bool, by: str, channel: str | None = None) -> int:
    """Take a person's word about every unconfirmed delivery, or those of one channel; return how many there were.

    Some hundreds at a time, while others write in between; what comes to be in doubt meanwhile is not meant. Raises
    UnknownAnnouncementError.
    """
    async with desk.database.reading() as tx:
        await find_in(tx, announcement_id)
        doubtful = await deliveries.in_doubt(tx, announcement_id, channel=channel)
    settled = 0
    for start in range(0, len(doubtful), _SETTLED_AT_ONCE):
        async with desk.database.writing() as tx:
            some = doubtful[start : start + _SETTLED_AT_ONCE]
            those = await deliveries.settle_all(tx, some, sent=sent, actor=by, now=desk.now())
            if sent:
                await let_follow(tx, those, desk.now())
            await talks.reopen_boards(tx, announcement_id)
        settled += len(those)
    return settled


async def let_follow(tx: Tx, delivery_ids: Sequence[int], now: datetime) -> None:
    """Let the parts go out that waited for these deliveries, now that they are known to stand there."""
    if await deliveries.let_follow(tx, delivery_ids, now):
        await wake.announce(tx)
