"""What programs are told: the JSON of announcements, deliveries and schedules, with the names of the outer contract."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels.contract import Receipt
from delivery.model import Delivery, Schedule
from delivery.report import BroadcastReport, ChannelReport, Counts, Report

__all__ = ["Ends", "delivery", "moment", "report", "schedule"]


Ends = Mapping[int, Mapping[str, datetime]]
"""When the last delivery of a broadcast will have left, by broadcast and channel, where limits keep it waiting."""


def report(one: Report, ends: Ends) -> dict[str, Any]:
    """An announcement with its broadcasts, without single deliveries."""
    return {
        "announcement": one.announcement.id,
        "title": one.title,
        "revision": one.announcement.revision,
        "state": one.state,
        "broadcasts": [_broadcast(each, ends.get(each.broadcast.id, {})) for each in one.broadcasts],
    }


def _broadcast(one: BroadcastReport, ends: Mapping[str, datetime]) -> dict[str, Any]:
    """A broadcast; one that corrects or recalls another says so, and which."""
    about = {} if one.broadcast.about is None else {"kind": one.broadcast.kind, "about": one.broadcast.about}
    return {
        "id": one.broadcast.id,
        **about,
        "state": one.broadcast.state,
        "released_at": moment(one.broadcast.released_at),
        "counts": _counts(one.counts),
        **_unwritten(one.unwritten),
        "channels": {key: _channel(its, ends.get(key)) for key, its in one.channels.items()},
    }


def _channel(its: ChannelReport, end: datetime | None) -> dict[str, Any]:
    """One channel's share: only the states that occur, links where there are any, the end where limits set it."""
    found: dict[str, Any] = {"counts": {state: n for state, n in _counts(its.counts).items() if n}}
    found |= _unwritten(its.unwritten)
    found |= {"links": list(its.links)} if its.links else {}
    return found | ({} if end is None else {"expected_end": moment(end)})


def _unwritten(n: int) -> dict[str, int]:
    """How many of the counts no delivery is shown for; nothing where each has one."""
    return {"unwritten": n} if n else {}


def _counts(counts: Counts) -> Mapping[str, int]:
    return {state.value: n for state, n in counts.items()}


def delivery(one: Delivery) -> dict[str, Any]:
    """One delivery."""
    return {
        "id": one.id,
        "broadcast": one.broadcast_id,
        "channel": one.channel,
        "recipient": one.recipient.address,
        "state": one.state,
        "attempts": one.attempts,
        "receipt": None if one.receipt is None else _proof(one.receipt),
        "link": None if one.receipt is None else one.receipt.link,
        "reason": one.reason,
        "detail": one.detail,
        "updated_at": moment(one.updated_at),
    }


def _proof(receipt: Receipt) -> str:
    """The other side's ids, several with commas (an album has one for each picture); else what it said."""
    return ",".join(receipt.external_ids) or receipt.detail


def schedule(one: Schedule) -> dict[str, Any]:
    """One schedule. `cron` is null for a single moment."""
    return {
        "schedule": one.id,
        "announcement": one.announcement_id,
        "title": one.title,
        "state": one.state,
        "cron": one.cron or None,
        "timezone": one.zone,
        "next_at": None if one.next_at is None else moment(one.next_at),
        "until": None if one.until is None else moment(one.until),
    }


def moment(at: datetime) -> datetime:
    """A moment as programs get it: whole seconds."""
    return at.replace(microsecond=0)
