"""Opens a Telegram channel where aiogram may not be loaded yet: in a worker, or for `rupor announce --wait`."""

from channels.contract import Channel, Surroundings
from channels.light_aiogram import load
from channels.telegram.settings import Settings


async def connect(key: str, settings: Settings, surroundings: Surroundings) -> Channel:
    """Open the channel named `key`; see `channels.telegram.channel.connect`."""
    load()
    from channels.telegram import channel  # noqa: PLC0415 - after aiogram was loaded the light way

    return await channel.connect(key, settings, surroundings)
