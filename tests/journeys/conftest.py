"""The program as people start it, beside stand-ins for Telegram, VK and a mail relay, on SQLite and on Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.town import Rupor, Town, a_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """The outside world: a channel, a wall and a relay. Nobody may have spoken to it wrongly."""
    async with a_town() as town:
        yield town
    assert town.violations() == []


@pytest.fixture
async def rupor(town: Town, tmp_path: Path, migrated_url: str) -> AsyncIterator[Rupor]:
    """The program, configured for the town. Nothing it said holds a secret, and nothing is left running."""
    rupor = Rupor(town, tmp_path, migrated_url)
    try:
        yield rupor
    finally:
        await rupor.end()
    assert rupor.secrets_told() == []
