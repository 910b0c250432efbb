"""What all ill-treatment needs: how long it is to last, and a worker's rests made short."""

import os
from collections.abc import Iterator

import pytest
import structlog

from tests.chaos import harness


@pytest.fixture(scope="session")
def at_length() -> bool:
    """Whether `make chaos` asks for everything: RUPOR_CHAOS=long."""
    return os.environ.get("RUPOR_CHAOS") == "long"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process rest as little as a harness does."""
    for module, name in (
        (harness.worker, "_REST_SECONDS"),
        (harness.worker, "_FAULT_REST_SECONDS"),
        (harness.lane, "_SHORT_REST_SECONDS"),
        (harness.ledger, "_RETRY_SECONDS"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    harness.hurry()
    harness.speak_plainly()
    yield
    structlog.reset_defaults()
