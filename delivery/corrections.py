"""Correct or recall what is out already: in each channel as far as it can be done there, tracked like any sending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from channels.contract import Channel, Correction, Post
from delivery import broadcast
from delivery.audience import Audience
from delivery.broadcast import BlockedError, Preview, StageError
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import Act, Announcement, Broadcast, BroadcastKind, Delivery, Stage
from delivery.store import announcements, broadcasts, followups, talks, wake
from delivery.store.followups import Trace, is_out

__all__ = ["Followed", "Steps", "correct", "recall", "steps", "traces"]

# A letter that is on the wire just now should be there before its correction.
_LETTERS_WAIT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Followed:
    """What was begun: the new revision, and a broadcast for each one that it follows. `fresh`: not asked before.

    `traces` is what each channel had before. `untouched` are the channels in which readers keep what they have.
    """

    revision: int
    broadcasts: Sequence[int]
    traces: Sequence[Trace]
    untouched: Sequence[str]
    fresh: bool


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be done about the parts of one broadcast in one channel.

    `renewed` and `cancelled` have not gone out; `acts` says what happens to those that have; `added` are the numbers of
    new parts, which go out in the broadcast `comes_with` as long as something is still to come in it.
    """

    renewed: Sequence[int] = ()
    cancelled: Sequence[int] = ()
    acts: Sequence[tuple[int, Act]] = ()
    added: Sequence[int] = ()
    comes_with: int | None = None


def steps(group: Sequence[Delivery], parts: int, kind: BroadcastKind, way: Channel) -> Steps:
    """Say how parts that are out, or to come, become those of a text with so many parts. Pure."""
    out = [one for one in group if is_out(one)]
    to_come = [one for one in group if not is_out(one)]
    if kind is BroadcastKind.RECALL:
        return Steps(acts=[(one.id, Act.WITHDRAW) for one in out] if way.withdraws else ())
    acts: list[tuple[int, Act]] = []
    if way.corrects is Correction.IN_PLACE:
        acts += [(one.id, Act.CORRECT) for one in out if one.part <= parts]
    if acts and way.withdraws:
        acts += [(one.id, Act.WITHDRAW) for one in out if one.part > parts]
    last = max(one.part for one in group)
    return Steps(
        renewed=[one.id for one in to_come if one.part <= parts],
        cancelled=[one.id for one in to_come if one.part > parts],
        acts=acts,
        added=range(last + 1, parts + 1) if acts or not out else (),
        comes_with=to_come[-1].broadcast_id if to_come else None,
    )


async def traces(desk: Desk, announcement_id: int) -> Sequence[Trace]:
    """Count what each channel has of an announcement. Raises UnknownAnnouncementError."""
    async with desk.database.reading() as tx:
        await broadcast.find_in(tx, announcement_id)
        return await followups.traces(tx, announcement_id)


async def correct(desk: Desk, announcement_id: int, post: Post, *, by: str, letters: bool = False) -> Followed:
    """Put another text in place of what is out, and of what is still to come; with `letters`, write to who got it.

    The same text a second time finds what was begun. Raises UnknownAnnouncementError; StageError when nothing has gone
    out (see `broadcast.revise`) or all was recalled; BlockedError when some channel could not show it.
    """
    async with desk.database.writing() as tx:
        new = await _revised(tx, desk, announcement_id, post, by)
        if new.stage is Stage.CANCELLED and await _recalled(tx, new):
            raise StageError(new.stage)
        return await _follow(tx, desk, new, BroadcastKind.CORRECTION, by=by, letters=letters)


async def recall(desk: Desk, announcement_id: int, words: Post, *, by: str, letters: bool = False) -> Followed:
    """Take away what is out, stop what is to come and what is planned; with `letters`, write to who got it.

    `words` stand where something can be changed but not removed any more. Asked again, it finds what was begun. Raises
    UnknownAnnouncementError; StageError when nothing has gone out.
    """
    async with desk.database.writing() as tx:
        new = await _revised(tx, desk, announcement_id, words, by)
        if not await _recalled(tx, new):
            await broadcast.cancel_in(tx, desk, announcement_id)
            await announcements.move(tx, announcement_id, to=Stage.CANCELLED, come_from=tuple(Stage))
        return await _follow(tx, desk, new, BroadcastKind.RECALL, by=by, letters=letters)


async def _revised(tx: Tx, desk: Desk, announcement_id: int, post: Post, by: str) -> Announcement:
    await announcements.hold(tx, announcement_id)
    found = await broadcast.find_in(tx, announcement_id)
    if found.post == post:
        return found
    number = await announcements.revise(tx, announcement_id, post, author=by, now=desk.now())
    return replace(found, post=post, revision=number)


async def _recalled(tx: Tx, one: Announcement) -> bool:
    its = await broadcasts.of_announcements(tx, [one.id])
    return any(each.kind is BroadcastKind.RECALL for each in its)


async def _follow(tx: Tx, desk: Desk, new: Announcement, kind: BroadcastKind, *, by: str, letters: bool) -> Followed:
    its = [one for one in await broadcasts.of_announcements(tx, [new.id]) if one.kind is BroadcastKind.ANNOUNCEMENT]
    if not its:
        raise StageError(new.stage)
    await followups.take_back(tx, new.id, desk.now())
    had = await followups.traces(tx, new.id)
    ways = {one.channel: desk.channels[one.channel] for one in had if one.channel in desk.channels}
    renderings = {channel: way.render(new.post) for channel, way in ways.items()}
    seen = Preview(new, renderings, Audience({}))
    if seen.blocked:
        raise BlockedError(seen)
    if kind is BroadcastKind.CORRECTION:  # an older correction that came later would bring the older text back
        await followups.renew_broadcasts(tx, new.id, new.revision)
        older = [one for one in await broadcasts.of_announcements(tx, [new.id]) if one.revision < new.revision]
        if any(one.kind is kind for one in older):
            await broadcasts.cancel(tx, new.id, desk.now(), kinds=(kind,))
    following = _Following(tx, {one.id: one for one in its}, new, kind, by, desk.now())
    walls = {channel: way for channel, way in ways.items() if way.address is not None}
    there = await followups.posts(tx, new.id, walls)
    for (number, channel), group in groupby(there, key=lambda each: (each[0], each[1].channel)):
        parts = [one for _root, one in group]
        await following.posts(number, parts, len(renderings[channel].parts), walls[channel])
    for channel, way in ways.items():
        if way.address is None:
            reached = any(one.out for one in had if one.channel == channel)
            await following.letters(channel, answer=letters and reached and way.corrects is not Correction.NONE)
    if following.begun:
        await wake.announce(tx)
    await talks.reopen_boards(tx, new.id)
    untouched = [one.channel for one in had if one.out and one.channel not in following.touched]
    return Followed(new.revision, sorted(following.begun.values()), had, untouched, following.fresh)


class _Following:
    """Writes the follow-ups of one announcement, a broadcast for each one that had something out."""

    def __init__(
        self, tx: Tx, its: Mapping[int, Broadcast], new: Announcement, kind: BroadcastKind, by: str, now: datetime
    ) -> None:
        self.begun: dict[int, int] = {}
        self.touched: set[str] = set()
        self.fresh = False
        self._tx = tx
        self._its = its
        self._new = new
        self._kind = kind
        self._by = by
        self._now = now

    async def posts(self, number: int, group: Sequence[Delivery], parts: int, way: Channel) -> None:
        """Follow the parts of one broadcast in one channel."""
        found = steps(group, parts, self._kind, way)
        revision, now = self._new.revision, self._now
        await followups.renew(self._tx, found.renewed, revision, now)
        await followups.cancel(self._tx, found.cancelled, now)
        if found.acts:
            follow_up = await self._broadcast(number)
            await followups.queue(self._tx, follow_up, revision, found.acts, due_at=now, now=now)
            self.touched.add(group[0].channel)
        for part in found.added:
            where = found.comes_with or await self._broadcast(number)
            await broadcasts.add_delivery(
                self._tx, where, revision, group[0].channel, group[0].recipient, part, due_at=now, now=now
            )

    async def letters(self, channel: str, *, answer: bool) -> None:
        """Follow what a channel sent to lists: what waits takes the new text, who got the old one is written to."""
        if self._kind is BroadcastKind.CORRECTION:
            await followups.renew_all(self._tx, self._new.id, channel, self._new.revision, self._now)
        if not answer:
            return
        for number in self._its:
            await followups.answer_all(
                self._tx,
                await self._broadcast(number),
                self._new.revision,
                original=number,
                channel=channel,
                due_at=self._now + _LETTERS_WAIT,
                now=self._now,
            )
        self.touched.add(channel)

    async def _broadcast(self, number: int) -> int:
        """Return the follow-up of a broadcast, written when it is first needed."""
        if number not in self.begun:
            self.begun[number], fresh = await broadcasts.insert(
                self._tx,
                announcement_id=self._new.id,
                revision=self._new.revision,
                release_key=f"{self._kind}:{number}:{self._new.revision}",
                urgent=self._its[number].urgent,
                by=self._by,
                now=self._now,
                kind=self._kind,
                about=number,
            )
            self.fresh = self.fresh or fresh
        return self.begun[number]
