"""How many examples a test tries: a sample in `make test`, all of them in `make chaos` (RUPOR_CHAOS=long)."""

import os

import pytest
from hypothesis import HealthCheck, settings

AT_LENGTH = os.environ.get("RUPOR_CHAOS") == "long"
MANY = 10_000

patient = pytest.mark.timeout(3600 if AT_LENGTH else 120)
"""The time for as many."""


def examples(few: int) -> settings:
    """Return settings for `few` examples, MANY at length. A busy machine is no failure."""
    return settings(
        deadline=None,
        database=None,
        max_examples=MANY if AT_LENGTH else few,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
        derandomize="CI" in os.environ,
    )
