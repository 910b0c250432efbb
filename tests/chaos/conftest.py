"""What all ill-treatment needs: how long it is to last, and a worker's rests made short."""

import os
from collections.abc import Callable, Iterator

import pytest
import structlog

from delivery import lane, ledger, worker
from tests.chaos import harness

COUNTED = "counted"


@pytest.fixture(scope="session")
def at_length() -> bool:
    """Whether `make chaos` asks for everything: RUPOR_CHAOS=long."""
    return _at_length()


def _at_length() -> bool:
    return os.environ.get("RUPOR_CHAOS") == "long"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the short form leave out the cases of which a module says `only_at_length`."""
    if _at_length():
        return
    left = [item for item in items if _only_at_length(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def _only_at_length(item: pytest.Item) -> bool:
    if item.get_closest_marker("at_length") is not None:
        return True
    says = getattr(getattr(item, "module", None), "only_at_length", None)
    callspec = getattr(item, "callspec", None)
    return says is not None and callspec is not None and bool(says(callspec.params))


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell what a test has counted; the lines stand at the end of pytest's report."""
    return lambda line: record_property(COUNTED, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]:
        name = report.nodeid.rpartition("::")[2]
        for key, line in report.user_properties:
            if key == COUNTED and report.when == "call":
                terminalreporter.write_line(f"{name}: {line}")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process rest as little as a harness does."""
    for module, name in (
        (worker, "_REST_SECONDS"),
        (worker, "_FAULT_REST_SECONDS"),
        (lane, "_SHORT_REST_SECONDS"),
        (ledger, "_RETRY_SECONDS"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    harness.hurry()
    harness.speak_plainly()
    yield
    structlog.reset_defaults()
