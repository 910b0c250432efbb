"""What happened so far, as numbers and reasons. No prose: faces turn it into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from delivery.database import Tx
from delivery.model import (
    Announcement,
    AnnouncementState,
    Broadcast,
    BroadcastState,
    Delivery,
    DeliveryState,
    Hold,
    Schedule,
    ScheduleState,
    Stage,
)
from delivery.store import announcements, broadcasts, deliveries, holds, schedules

TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.RETURNED)

Counts = Mapping[DeliveryState, int]
"""How many deliveries are in each state; every state is there."""


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One channel's share of a broadcast.

    So many of the counts are `unwritten`: no delivery yet, or cancelled before they became one.
    """

    counts: Counts
    links: Sequence[str]
    unwritten: int = 0


@dataclass(frozen=True, slots=True)
class BroadcastReport:
    """One broadcast, counted as a whole and by channel."""

    broadcast: Broadcast
    counts: Counts
    channels: Mapping[str, ChannelReport]

    @property
    def unwritten(self) -> int:
        """How many of the counts are no deliveries that could be shown."""
        return sum(its.unwritten for its in self.channels.values())


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of an announcement. `troubles` are its deliveries in a state of TROUBLE, up to a limit."""

    announcement: Announcement
    state: AnnouncementState
    title: str
    broadcasts: Sequence[BroadcastReport]
    schedules: Sequence[Schedule]
    troubles: Sequence[Delivery] = field(default=())
    holds: Sequence[Hold] = field(default=())


async def of(tx: Tx, announcement_id: int, *, troubles: int = 50) -> Report | None:
    """Report on one announcement, with at most so many troubled deliveries."""
    found = await announcements.get(tx, announcement_id)
    if found is None:
        return None
    bare = (await _reports(tx, [found]))[0]
    bad = await deliveries.find(tx, announcement_id, states=TROUBLE, limit=troubles)
    return Report(
        announcement=found,
        state=bare.state,
        title=bare.title,
        broadcasts=bare.broadcasts,
        schedules=bare.schedules,
        troubles=bad,
        holds=await holds.holds(tx),
    )


async def latest(tx: Tx, limit: int) -> list[Report]:
    """Report on the newest announcements, newest first, without single deliveries."""
    return await _reports(tx, await announcements.latest(tx, limit))


async def _reports(tx: Tx, found: Sequence[Announcement]) -> list[Report]:
    ids = [one.id for one in found]
    sent_out = await broadcasts.of_announcements(tx, ids)
    counted = _by_broadcast(await broadcasts.counts(tx, [one.id for one in sent_out]))
    unwritten = await broadcasts.unwritten(tx, [one.id for one in sent_out])
    linked = await broadcasts.links(tx, [one.id for one in sent_out])
    planned = await schedules.living(tx)
    reports = []
    for one in found:
        its = [
            _broadcast(
                sent,
                _in_order(counted.get(sent.id, {}), one),
                [row[1:] for row in linked if row[0] == sent.id],
                {channel: number for (its, channel), number in unwritten.items() if its == sent.id},
            )
            for sent in sent_out
            if sent.announcement_id == one.id
        ]
        plans = [plan for plan in planned if plan.announcement_id == one.id]
        reports.append(Report(one, state_of(one, its, plans), title_of(one), its, plans))
    return reports


def _in_order(
    counted: Mapping[str, Mapping[DeliveryState, int]], one: Announcement
) -> Mapping[str, Mapping[DeliveryState, int]]:
    """Put the channels in the order in which the editor chose them."""
    places = {target.partition(":")[0]: place for place, target in reversed(list(enumerate(one.targets)))}
    return dict(sorted(counted.items(), key=lambda item: (places.get(item[0], len(places)), item[0])))


def _by_broadcast(
    rows: Sequence[tuple[int, str, DeliveryState, int]],
) -> dict[int, dict[str, dict[DeliveryState, int]]]:
    found: dict[int, dict[str, dict[DeliveryState, int]]] = {}
    for broadcast_id, channel, state, count in rows:
        found.setdefault(broadcast_id, {}).setdefault(channel, {})[state] = count
    return found


def _broadcast(
    sent: Broadcast,
    counted: Mapping[str, Mapping[DeliveryState, int]],
    linked: Sequence[tuple[str, str]],
    unwritten: Mapping[str, int],
) -> BroadcastReport:
    channels = {
        channel: ChannelReport(
            _whole(counts), [link for name, link in linked if name == channel], unwritten.get(channel, 0)
        )
        for channel, counts in counted.items()
    }
    total = {state: sum(one.counts[state] for one in channels.values()) for state in DeliveryState}
    return BroadcastReport(sent, total, channels)


def _whole(counts: Mapping[DeliveryState, int]) -> Counts:
    return {state: counts.get(state, 0) for state in DeliveryState}


_BY_STAGE = {
    Stage.DRAFT: AnnouncementState.DRAFT,
    Stage.APPROVED: AnnouncementState.DRAFT,
    Stage.AWAITING_APPROVAL: AnnouncementState.AWAITING_APPROVAL,
    Stage.CANCELLED: AnnouncementState.CANCELLED,
}


def state_of(one: Announcement, its: Sequence[BroadcastReport], plans: Sequence[Schedule]) -> AnnouncementState:
    """Derive the one word for an announcement from its stage, its broadcasts and its schedules."""
    if any(sent.broadcast.state in (BroadcastState.RUNNING, BroadcastState.PAUSED) for sent in its):
        return AnnouncementState.RUNNING
    if one.stage in _BY_STAGE:
        return _BY_STAGE[one.stage]
    if any(plan.state is ScheduleState.ACTIVE for plan in plans) or (plans and not its):
        return AnnouncementState.SCHEDULED
    # Confirmed for a moment that was missed: nothing has gone out, and it may still be sent.
    return AnnouncementState.SETTLED if its else AnnouncementState.DRAFT


def title_of(one: Announcement, limit: int = 80) -> str:
    """Return the title, or else the beginning of the first line of the text."""
    first = one.post.title or next((line.strip() for line in one.post.text.splitlines() if line.strip()), "")
    return first if len(first) <= limit else first[: limit - 1].rstrip() + "…"
