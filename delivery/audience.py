"""Targets become recipients: lists expanded, one letter per address, suppressed addresses shown and not hidden."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from channels.contract import Channel, Recipient
from delivery.database import Tx
from delivery.store import lists


class UnknownTargetError(Exception):
    """A target names a channel or list that is not there. `nearest` is the most similar one that is, or empty."""

    def __init__(self, target: str, nearest: str) -> None:
        super().__init__(target)
        self.target = target
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A recipient who will not be written to, and why."""

    channel: str
    recipient: Recipient
    reason: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a broadcast would reach, by channel in the order of the targets."""

    recipients: Mapping[str, Sequence[Recipient]]
    suppressed: Sequence[Suppressed] = ()

    @property
    def size(self) -> int:
        """How many recipients in all."""
        return sum(len(people) for people in self.recipients.values())


async def every_target(tx: Tx, channels: Mapping[str, Channel]) -> list[str]:
    """Return all there is to choose from: each channel, and each mailing list of each channel that sends to lists."""
    keys = [key for key, _name, _count, _suppressed in await lists.overview(tx)]
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
    """Return the recipients of these targets. Raises UnknownTargetError."""
    await check(tx, channels, targets)
    recipients: dict[str, list[Recipient]] = {}
    suppressed: list[Suppressed] = []
    for target in targets:
        name, _, list_key = target.partition(":")
        address = channels[name].address
        found = recipients.setdefault(name, [])
        if address is not None:
            if not found:
                found.append(Recipient(address))
            continue
        keys = [list_key] if list_key else [key for key, *_ in await lists.overview(tx)]
        for key in keys:
            await _add_list(tx, name, key, found, suppressed)
    return Audience(recipients, suppressed)


async def _add_list(tx: Tx, channel: str, key: str, found: list[Recipient], suppressed: list[Suppressed]) -> None:
    list_name = (await lists.names(tx, [key])).get(key, key)
    blocked = await lists.suppressed(tx, [key])
    there = {recipient.address for recipient in found} | {
        one.recipient.address for one in suppressed if one.channel == channel
    }
    for member in await lists.members(tx, key):
        if member.address in there:
            continue
        recipient = Recipient(member.address, member.name, member.organisation, key, list_name)
        reason = blocked.get((member.address, key)) or blocked.get((member.address, ""))
        if reason is None:
            found.append(recipient)
        else:
            suppressed.append(Suppressed(channel, recipient, reason))
