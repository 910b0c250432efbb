"""No random history loses, doubles or hides anything, and bugs that are planted are found.

`RUPOR_TEST_MACHINES=2000` runs more histories.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import aiosqlite
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from channels.contract import Unconfirmed
from delivery import verdict
from delivery.database import Database, Tx
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.store import attempts, broadcasts, deliveries, filling
from delivery.tables import broadcast
from delivery.worker import Worker
from tests.delivery.state_machine import Histories
from tests.delivery.state_machine_world import write_lists
from tests.support.clock import START
from tests.support.effort import AT_LENGTH

T = TypeVar("T")

MACHINES = int(os.environ.get("RUPOR_TEST_MACHINES", "0"))


@pytest.mark.slow
@pytest.mark.timeout(900 + MACHINES * 10)
def test_no_history_loses_doubles_or_hides_anything(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = MACHINES or (30 if migrated_url.startswith("sqlite") else 6)
    _try(migrated_url, monkeypatch, settings(max_examples=machines))


def _try(url: str, monkeypatch: pytest.MonkeyPatch, chosen: settings) -> None:
    """Try so many random histories on an empty database. Raises what the first one that goes wrong raises."""
    # Slices so small that there are several, and no rests: nobody else writes here.
    for size in ("SLICE", "AT_ONCE"):
        monkeypatch.setattr(filling, size, 2, raising=False)
    for sliced in (filling.take_slice, broadcasts.sweep_cancelled):
        monkeypatch.setattr(sliced, "__kwdefaults__", {"most": 2})
    monkeypatch.setattr("delivery.database._REST_SECONDS", 0)
    on_sqlite = url.startswith("sqlite")
    if on_sqlite:
        # The driver's thread costs more than all the rest.
        monkeypatch.setattr(aiosqlite, "connect", partial(aiosqlite.connect, check_same_thread=False))
        monkeypatch.setattr(aiosqlite.Connection, "_execute", _at_once)
    with asyncio.Runner() as runner:
        database = Database(url)
        if on_sqlite:
            event.listen(database.engine.sync_engine, "connect", _in_haste)
        Histories.runner, Histories.database = runner, database
        try:
            runner.run(write_lists(database, START))
            how = settings(chosen, stateful_step_count=22, deadline=None, suppress_health_check=list(HealthCheck))
            run_state_machine_as_test(Histories, settings=how)
        finally:
            runner.run(database.close())


async def _at_once(_connection: aiosqlite.Connection, work: Callable[..., T], *args: Any, **options: Any) -> T:
    return work(*args, **options)


def _in_haste(connection: Any, _record: Any) -> None:
    """A file that nobody will read after a power cut need not be safe from one."""
    connection.execute("PRAGMA synchronous=OFF")


# What they would find


def _without(module: Any, words: str, *names: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Plant a bug: leave these words out of a module's statements."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        for name in names:
            sql = getattr(module, name)
            assert words in sql
            monkeypatch.setattr(module, name, sql.replace(words, ""))

    return plant


def _instead(module: Any, name: str, other: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Plant a bug: let something else stand for a function."""
    return lambda monkeypatch: monkeypatch.setattr(module, name, other)


async def _nothing(*_args: Any, **_options: Any) -> None:
    return


async def _everything(tx: Tx, announcement_id: int, _now: datetime) -> list[int]:
    its = broadcast.c.announcement_id == announcement_id, broadcast.c.state == "cancelled"
    return [row[0] for row in await tx.execute(select(broadcast.c.id).where(*its))]


async def _none(*_args: Any, **_options: Any) -> int:
    return 0


def _again_at_once(one: Delivery, attempt: int, error: Unconfirmed, *_args: Any, **_options: Any) -> Result:
    return Result(one, attempt, Outcome.UNCONFIRMED, DeliveryState.QUEUED, error.detail, error.reason, due_at=START)


def _forgetful(tx: Tx, one: Result, written: Callable[[Tx, Result], list[Any]] = attempts._written) -> list[Any]:
    return [*written(tx, one)[:-1], False]


PLANTED: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    "what was begun is begun again": _instead(verdict, "in_doubt", _again_at_once),
    "a late result overwrites another": _without(
        attempts, " AND delivery.attempt_id = r.attempt", "_MOVE", "_CLOSE_AND_MOVE", "_EXCHANGE"
    ),
    "a lease that is over still starts": _without(
        attempts, " AND d.lease_until > :now", "_OPEN", "_OPEN_AND_MARK", "_EXCHANGE"
    ),
    "any lease starts": _without(attempts, "d.lease = :lease AND ", "_OPEN", "_OPEN_AND_MARK", "_EXCHANGE"),
    "what was stopped is started": _without(
        attempts,
        "AND 'running' = (SELECT b.state FROM broadcast b WHERE b.id = d.broadcast_id)",
        "_OPEN",
        "_OPEN_AND_MARK",
        "_EXCHANGE",
    ),
    "parts wait for one that is lost": _instead(attempts, "hold_back", _nothing),
    "a doubt is forgotten": _instead(attempts, "_written", _forgetful),
    "a doubtful key becomes younger": _instead(attempts, "_window_start", lambda _one, _window, now: now),
    "a list is left out": _without(
        broadcasts, "AND NOT EXISTS (SELECT 1 FROM filling f WHERE f.broadcast_id = r.id)", "_DONE", "_SETTLE"
    ),
    "what is on the wire is not waited for": _without(broadcasts, " + p.sending", "_DONE", "_SETTLE"),
    "cancelled rows stay queued": _instead(broadcasts, "sweep_cancelled", _none),
    "what follows a late word is forgotten": _instead(deliveries, "go_on", _nothing),
    "a revived broadcast sends what was cancelled": _instead(deliveries, "write_cancellation", _everything),
    "nobody rescues": _instead(Worker, "rescue", _none),
}


# Found within a second or two on SQLite; the others, and Postgres, take two minutes: RUPOR_CHAOS=long.
SOON = (
    "what was begun is begun again",
    "what was stopped is started",
    "parts wait for one that is lost",
    "a doubtful key becomes younger",
    "a list is left out",
    "what is on the wire is not waited for",
    "what follows a late word is forgotten",
    "nobody rescues",
)


@pytest.mark.slow
@(pytest.mark.every_postgres if AT_LENGTH else pytest.mark.one_database)
@pytest.mark.parametrize("bug", PLANTED if AT_LENGTH else SOON)
def test_a_planted_bug_is_found(migrated_url: str, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    PLANTED[bug](monkeypatch)
    chosen = settings(max_examples=200, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises((AssertionError, DBAPIError)):
        _try(migrated_url, monkeypatch, chosen)
