"""Targets become numbers of recipients: lists counted, one letter per address, suppressed addresses shown, not hidden.

Nobody is fetched: a list may have a million members. Who they are is settled inside the database (`store.filling`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from channels.contract import Channel, Recipient
from delivery.database import Tx
from delivery.store import lists

_SUPPRESSED_SHOWN = 100


class UnknownTargetError(Exception):
    """A target names a channel or list that is not there. `nearest` is the most similar one that is, or empty."""

    def __init__(self, target: str, nearest: str) -> None:
        super().__init__(target)
        self.target = target
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a broadcast would reach in one channel: its only recipient, or so many members of these lists.

    `lists` holds the names of the lists by their keys, in the order of the targets; empty for a single recipient.
    """

    count: int
    recipient: Recipient | None = None
    lists: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A recipient who will not be written to, and why."""

    channel: str
    recipient: Recipient
    reason: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a broadcast would reach, by channel in the order of the targets. `suppressed` shows the first hundred."""

    reaches: Mapping[str, Reach]
    suppressed: Sequence[Suppressed] = ()

    @property
    def size(self) -> int:
        """How many recipients in all."""
        return sum(reach.count for reach in self.reaches.values())


async def every_target(tx: Tx, channels: Mapping[str, Channel]) -> list[str]:
    """Return all there is to choose from: each channel, and each mailing list of each channel that sends to lists."""
    keys = list(await lists.every(tx))
    targets: list[str] = []
    for name, channel in channels.items():
        targets += [name] if channel.address is not None else [f"{name}:{key}" for key in keys]
    return targets


async def check(tx: Tx, channels: Mapping[str, Channel], targets: Iterable[str]) -> None:
    """Raise UnknownTargetError for the first target that is not there."""
    known = [*channels, *await every_target(tx, channels)]
    for target in targets:
        if target not in known:
            raise UnknownTargetError(target, next(iter(get_close_matches(target, known, 1, 0.5)), ""))


async def expand(tx: Tx, channels: Mapping[str, Channel], targets: Sequence[str]) -> Audience:
    """Count the recipients of these targets. Raises UnknownTargetError."""
    await check(tx, channels, targets)
    every = await lists.every(tx)
    chosen: dict[str, list[str]] = {}
    for target in targets:
        name, _, list_key = target.partition(":")
        its = chosen.setdefault(name, [])
        if channels[name].address is None:
            its += [key for key in ([list_key] if list_key else every) if key not in its]
    reaches: dict[str, Reach] = {}
    suppressed: list[Suppressed] = []
    for name, keys in chosen.items():
        address = channels[name].address
        if address is not None:
            reaches[name] = Reach(1, recipient=Recipient(address))
            continue
        reaches[name] = Reach(await lists.count(tx, keys), lists={key: every[key] for key in keys})
        left_out = await lists.left_out(tx, keys, limit=_SUPPRESSED_SHOWN)
        suppressed += [Suppressed(name, recipient, reason) for recipient, reason in left_out]
    return Audience(reaches, suppressed)
