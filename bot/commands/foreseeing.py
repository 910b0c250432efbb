"""When the last delivery will have left: what reports say that were read without opening channels."""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.config import Settings
from bot.opening import StartError, opened_channel
from bot.texts.limits import running
from channels.contract import Channel
from delivery import forecast
from delivery.desk import Desk
from delivery.model import BroadcastState, DeliveryState
from delivery.report import Report

__all__ = ["Foreseen", "foresee"]

_LIMITS = ("per_second", "per_minute", "per_hour", "per_day")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The ends of what is under way, by broadcast and channel: as moments, and said to people."""

    ends: Mapping[int, Mapping[str, datetime]] = field(default_factory=dict)
    said: Mapping[int, Mapping[str, str]] = field(default_factory=dict)


async def foresee(settings: Settings, desk: Desk, reports: Iterable[Report]) -> Foreseen:
    """Look ahead for every broadcast under way.

    Only channels that have something waiting, and limits in their settings, are opened: the others cost time and have
    nothing to say.
    """
    under_way = [each for one in reports for each in one.broadcasts if each.broadcast.state is BroadcastState.RUNNING]
    waiting = {key for each in under_way for key, its in each.channels.items() if its.counts[DeliveryState.QUEUED]}
    async with AsyncExitStack() as stack:
        opened: dict[str, Channel] = {}
        for key in sorted(waiting & settings.channels.keys()):
            section = settings.channels[key]
            if any(getattr(section, limit, 0) for limit in _LIMITS):
                try:
                    channel = opened_channel(settings, key, desk.database, desk.now)
                    opened[key] = await stack.enter_async_context(channel)
                except StartError:  # `rupor check` says why; what has happened can be told all the same
                    continue
        if not opened:
            return Foreseen()
        able = replace(desk, channels=opened)
        async with desk.database.reading() as tx:
            ends = {each.broadcast.id: await forecast.ends(tx, able, each) for each in under_way}
        said = {number: {key: _said(able, key, at) for key, at in its.items()} for number, its in ends.items()}
    return Foreseen(ends, said)


def _said(desk: Desk, key: str, at: datetime) -> str:
    channel = desk.channels[key]
    return running(channel.pace, at, desk.now(), desk.zone, letters=channel.address is None)
