"""A community of VK on a local port, and channels that lead to it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from channels.contract import (
    Surroundings,
    TelegramAccess,
)
from channels.vk import Settings
from channels.vk.channel import VkChannel, connect
from sandbox.vk import VkStandIn
from tests.channels.vk.wall import COMMUNITY_TOKEN, GROUP, SERVICE_TOKEN, USER_TOKEN, Opener, Shelf
from tests.support.clock import Clock


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def vk(clock: Clock) -> AsyncIterator[VkStandIn]:
    async with VkStandIn(now=clock) as vk:
        vk.add_community(GROUP, "Профсоюз")
        vk.add_community_token(COMMUNITY_TOKEN, GROUP)
        vk.add_user_token(USER_TOKEN, 7, administers=[GROUP])
        vk.add_service_token(SERVICE_TOKEN)
        yield vk


@pytest.fixture
async def opened(shelf: Shelf, clock: Clock) -> AsyncIterator[Opener]:
    """Open channels at an address; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def opened(api_base: str, **more: Any) -> VkChannel:
            usual = {"group_id": GROUP, "community_token": SecretStr(COMMUNITY_TOKEN), "read_timeout": 0.3}
            settings = Settings(api_base=api_base, **usual | more)
            surroundings = Surroundings(media=shelf, telegram=TelegramAccess("0:t"), now=clock)
            channel = await connect("vk", settings, surroundings)
            stack.push_async_callback(channel.close)
            return channel

        yield opened


@pytest.fixture
async def channel(vk: VkStandIn, opened: Opener) -> VkChannel:
    """A channel with a community key only."""
    return await opened(vk.url)


@pytest.fixture
async def full(vk: VkStandIn, opened: Opener) -> VkChannel:
    """A channel with all three tokens."""
    return await opened(vk.url, user_token=SecretStr(USER_TOKEN), service_token=SecretStr(SERVICE_TOKEN))
