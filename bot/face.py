"""What the handlers of the bot have at hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.config import BotSettings
from bot.texts.channels import Names
from delivery.desk import Desk

QUIET = timedelta(seconds=1.5)
"""How long after the last of several messages no more are expected. Albums arrive with gaps of up to a second."""


@dataclass(frozen=True, slots=True)
class Face:
    """The desk, the bot's settings, and `poke`, which wakes worker, scheduler, collector and boards.

    `kinds` says by channel key of which kind it is ("telegram", "vk", …), for the words that people read.
    """

    desk: Desk
    settings: BotSettings
    poke: Callable[[], None]
    kinds: Mapping[str, str] = field(default_factory=dict)
    quiet: timedelta = QUIET

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone."""
        return self.desk.zone

    @property
    def grace(self) -> timedelta:
        """How long «Отменить» stops what was just sent."""
        return timedelta(seconds=self.settings.grace_seconds)

    @property
    def names(self) -> Names:
        """What people call the channels."""
        return Names(self.kinds, {key: channel.address for key, channel in self.desk.channels.items()})
