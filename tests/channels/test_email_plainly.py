"""Letters keep every promise of `channels.contract` also where the relay takes one command at a time."""

from collections.abc import AsyncIterator

import pytest

from tests.channels.harnesses import Harness, an_email_harness
from tests.channels.test_contract import *  # noqa: F403 - all of its tests, with the fixture below


@pytest.fixture  # type: ignore[no-redef]
async def one() -> AsyncIterator[Harness]:
    async with an_email_harness(pipelining=False) as harness:
        yield harness
        assert harness.violations() == []
