"""Which kinds of channel there are: one line each, no scanning.

The settings of every kind are light and always here. What speaks to the outside is imported when a channel of its kind
is opened: aiogram alone costs a second and more than a hundred megabytes, which `rupor status` need not pay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import cast

from pydantic import BaseModel

from channels import email, rehearsal, telegram, vk
from channels.contract import Channel, Surroundings
from channels.returns import Postbox

__all__ = ["KINDS", "SETTINGS", "Kind", "connect", "postbox"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way out: the model of its section in config.toml, and the module whose `connect` opens such a channel.

    `postbox` is the module that reads what comes back, where anything can.
    """

    settings: type[BaseModel]
    module: str
    postbox: str = ""


KINDS: Mapping[str, Kind] = {
    "telegram": Kind(telegram.Settings, "channels.telegram.opening"),
    "vk": Kind(vk.Settings, "channels.vk.channel"),
    "email": Kind(email.Settings, "channels.email.channel", "channels.email.returns.postbox"),
    "rehearsal": Kind(rehearsal.Settings, "channels.rehearsal"),
}

SETTINGS: Mapping[str, type[BaseModel]] = {name: kind.settings for name, kind in KINDS.items()}


async def connect(key: str, settings: BaseModel, surroundings: Surroundings) -> Channel:
    """Open the channel that these settings describe. Raises whatever its kind's `connect` raises."""
    return cast("Channel", await import_module(_kind_of(settings).module).connect(key, settings, surroundings))


def postbox(settings: BaseModel, now: Callable[[], datetime]) -> Postbox | None:
    """Prepare the mailbox for what comes back to a channel; None where its settings name none. Raises PostboxError."""
    kind = _kind_of(settings)
    if not kind.postbox or getattr(settings, "returns", None) is None:
        return None
    return cast("Postbox", import_module(kind.postbox).connect(settings, now))


def _kind_of(settings: BaseModel) -> Kind:
    return next(kind for kind in KINDS.values() if type(settings) is kind.settings)
