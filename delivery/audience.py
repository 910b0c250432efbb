"""Targets become numbers of recipients: lists counted, one letter per address, whoever is left out counted as well.

Nobody is fetched: a list may have a million members. Who they are is settled inside the database (`store.filling`).
A target is a channel's name, `channel:list`, or `channel:list#tag`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from channels.contract import Channel, Recipient
from delivery.database import Tx
from delivery.member import selection
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

    `lists` names the lists by their keys (or `key#tag`), in the order of the targets; empty for a single recipient.
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
    """Whom a broadcast would reach, by channel in the order of the targets. `suppressed` shows the first hundred.

    `left_out` counts by reason who is on a chosen list and gets no letter through it: by channel, then list by list.
    """

    reaches: Mapping[str, Reach]
    suppressed: Sequence[Suppressed] = ()
    left_out: Mapping[str, Sequence[tuple[str, Mapping[str, int]]]] = field(default_factory=dict)

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
    """Raise UnknownTargetError for the first target that is not there, or whose tag nobody bears."""
    known = [*channels, *await every_target(tx, channels)]
    for target in targets:
        whole, tagged, _tag = target.partition("#")
        if whole not in known or (tagged and ":" not in whole):
            raise UnknownTargetError(target, _nearest(target, known))
        selected = whole.partition(":")[2]
        if tagged and not await lists.bears(tx, target.partition(":")[2]):
            there = [f"{whole}#{tag}" for tag in await lists.tags(tx, selected)]
            raise UnknownTargetError(target, _nearest(target, there))


def _nearest(target: str, known: Sequence[str]) -> str:
    return next(iter(get_close_matches(target, known, 1, 0.5)), "")


async def expand(tx: Tx, channels: Mapping[str, Channel], targets: Sequence[str]) -> Audience:
    """Count the recipients of these targets. Raises UnknownTargetError."""
    await check(tx, channels, targets)
    every = await lists.every(tx)
    chosen: dict[str, list[str]] = {}
    for target in targets:
        name, _, selected = target.partition(":")
        its = chosen.setdefault(name, [])
        if channels[name].address is None:
            its += [one for one in ([selected] if selected else every) if one not in its]
    reaches: dict[str, Reach] = {}
    suppressed: list[Suppressed] = []
    left_out: dict[str, Sequence[tuple[str, Mapping[str, int]]]] = {}
    for name, selections in chosen.items():
        address = channels[name].address
        if address is not None:
            reaches[name] = Reach(1, recipient=Recipient(address))
            continue
        names = {one: _name(one, every) for one in selections}
        reaches[name] = Reach(await lists.count(tx, selections), lists=names)
        if counted := await lists.reasons(tx, selections):
            left_out[name] = [(every[key], why) for key, why in counted.items()]
            found = await lists.left_out(tx, selections, limit=_SUPPRESSED_SHOWN)
            suppressed += [Suppressed(name, recipient, reason) for recipient, reason in found]
    return Audience(reaches, suppressed, left_out)


def _name(selected: str, names: Mapping[str, str]) -> str:
    key, tag = selection(selected)
    return f"{names[key]} · {tag}" if tag else names[key]
