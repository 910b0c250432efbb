"""When the last of a channel's deliveries will have left, where limits keep them waiting. Numbers, no prose."""

from collections.abc import Mapping
from datetime import datetime

from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import BroadcastState, DeliveryState
from delivery.pace import limits_of
from delivery.report import BroadcastReport
from delivery.store import broadcasts, limits

__all__ = ["ends", "would_end"]

_SHORTEST = 60
"""An end nearer than so many seconds is not worth a word."""


async def ends(tx: Tx, desk: Desk, one: BroadcastReport) -> Mapping[str, datetime]:
    """Return when the last delivery of a running broadcast will have left, for each channel whose limits bind it."""
    if one.broadcast.state is not BroadcastState.RUNNING:
        return {}
    found = {}
    for channel, its in one.channels.items():
        own = its.counts[DeliveryState.QUEUED]
        if own and channel in desk.channels:
            ahead = own if one.broadcast.urgent else await broadcasts.waiting(tx, channel)
            moment = await _last(tx, desk, channel, ahead)
            if moment is not None:
                found[channel] = moment
    return found


async def would_end(tx: Tx, desk: Desk, added: Mapping[str, int], *, urgent: bool = False) -> Mapping[str, datetime]:
    """Return when the last delivery would have left if so many were released now, by channel."""
    found = {}
    for channel, count in added.items():
        ahead = count if urgent else count + await broadcasts.waiting(tx, channel)
        moment = await _last(tx, desk, channel, ahead) if count else None
        if moment is not None:
            found[channel] = moment
    return found


async def _last(tx: Tx, desk: Desk, channel: str, waiting: int) -> datetime | None:
    now = desk.now()
    moment = await limits.last_leaves_at(tx, channel, limits_of(desk.channels[channel].pace), waiting, now)
    return moment if moment is not None and (moment - now).total_seconds() >= _SHORTEST else None
