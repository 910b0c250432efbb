"""Which kinds of channel there are: one line each, no scanning."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from channels import email, rehearsal, telegram, vk
from channels.contract import Channel, Surroundings

__all__ = ["KINDS", "SETTINGS", "Kind", "connect"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way out: the model of its section in config.toml, and what makes a channel of such a section.

    `connect` is called with the channel's key, an instance of `settings`, and the surroundings.
    """

    settings: type[BaseModel]
    connect: Callable[[str, Any, Surroundings], Awaitable[Channel]]


KINDS: Mapping[str, Kind] = {
    "telegram": Kind(telegram.Settings, telegram.connect),
    "vk": Kind(vk.Settings, vk.connect),
    "email": Kind(email.Settings, email.connect),
    "rehearsal": Kind(rehearsal.Settings, rehearsal.connect),
}

SETTINGS: Mapping[str, type[BaseModel]] = {name: kind.settings for name, kind in KINDS.items()}


async def connect(key: str, settings: BaseModel, surroundings: Surroundings) -> Channel:
    """Open the channel that these settings describe. Raises whatever its kind's `connect` raises."""
    kind = next(kind for kind in KINDS.values() if type(settings) is kind.settings)
    return await kind.connect(key, settings, surroundings)
