"""No random history loses, doubles or hides anything. `RUPOR_TEST_MACHINES=2000` runs more of them."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from delivery.database import Database
from delivery.store import broadcasts, filling
from tests.delivery.state_machine import Histories
from tests.delivery.state_machine_world import write_lists
from tests.support.clock import START

T = TypeVar("T")

MACHINES = int(os.environ.get("RUPOR_TEST_MACHINES", "0"))


@pytest.mark.slow
@pytest.mark.timeout(900 + MACHINES * 10)
def test_no_history_loses_doubles_or_hides_anything(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Slices so small that there are several, and no rests: nobody else writes here.
    for size in ("SLICE", "AT_ONCE"):
        monkeypatch.setattr(filling, size, 2, raising=False)
    for sliced in (filling.take_slice, broadcasts.sweep_cancelled):
        monkeypatch.setattr(sliced, "__kwdefaults__", {"most": 2})
    monkeypatch.setattr("delivery.database._REST_SECONDS", 0)
    on_sqlite = migrated_url.startswith("sqlite")
    machines = MACHINES or (30 if on_sqlite else 6)
    if on_sqlite:
        # The driver's thread costs more than all the rest.
        monkeypatch.setattr(aiosqlite, "connect", partial(aiosqlite.connect, check_same_thread=False))
        monkeypatch.setattr(aiosqlite.Connection, "_execute", _at_once)
    with asyncio.Runner() as runner:
        database = Database(migrated_url)
        if on_sqlite:
            event.listen(database.engine.sync_engine, "connect", _in_haste)
        Histories.runner, Histories.database = runner, database
        try:
            runner.run(write_lists(database, START))
            run_state_machine_as_test(
                Histories,
                settings=settings(
                    max_examples=machines,
                    stateful_step_count=22,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())


async def _at_once(_connection: aiosqlite.Connection, work: Callable[..., T], *args: Any, **options: Any) -> T:
    return work(*args, **options)


def _in_haste(connection: Any, _record: Any) -> None:
    """A file that nobody will read after a power cut need not be safe from one."""
    connection.execute("PRAGMA synchronous=OFF")
