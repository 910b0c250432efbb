"""Writes the starts and results of many sends together.

A transaction costs a millisecond or two and a row microseconds, so whoever comes while a transaction is under way
shares the next one with all the others who came: ten letters in parallel make one commit, a lone post its own.
A result is never given up: while the database is away it waits in memory, since the outside world already knows it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from delivery.database import Database, is_away
from delivery.model import Delivery
from delivery.store import queue
from delivery.store.queue import Result

_log = structlog.get_logger()
_RETRY_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Entry:
    result: Result | None
    following: Delivery | None
    written: asyncio.Future[int | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Ledger:
    """One per worker. `windows` says by channel how long a key shows once."""

    def __init__(
        self,
        database: Database,
        *,
        lease: str,
        actor: str,
        windows: Mapping[str, timedelta],
        now: Callable[[], datetime],
        on_settled: Callable[[list[int]], None],
    ) -> None:
        self._database = database
        self._lease = lease
        self._actor = actor
        self._windows = windows
        self._now = now
        self._on_settled = on_settled
        self._waiting: list[_Entry] = []
        self._line = asyncio.Lock()

    async def record(self, result: Result) -> None:
        """Close an attempt."""
        await self._write(_Entry(result, None))

    async def start(self, one: Delivery) -> int | None:
        """Open an attempt, durably. None when the delivery is no longer ours."""
        return await self._write(_Entry(None, one))

    async def exchange(self, result: Result, following: Delivery) -> int | None:
        """Close one attempt and open the next in the same transaction."""
        return await self._write(_Entry(result, following))

    async def _write(self, entry: _Entry) -> int | None:
        self._waiting.append(entry)
        async with self._line:
            if self._waiting:
                batch, self._waiting = self._waiting, []
                # Shielded: the others' entries must not go down with a cancelled leader.
                await asyncio.shield(self._write_batch(batch))
        return await entry.written

    async def _write_batch(self, batch: list[_Entry]) -> None:
        while True:
            try:
                opened, settled = await self._commit(batch)
                break
            except Exception as error:  # noqa: BLE001 - the waiting senders get it, whatever it is
                if not is_away(error):
                    _log.exception("ledger.failed", entries=len(batch))
                    for entry in batch:
                        entry.written.set_exception(error)
                    return
                _log.warning("ledger.waits_for_database", entries=len(batch), error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        for entry in batch:
            entry.written.set_result(None if entry.following is None else opened.get(entry.following.id))
        if settled:
            self._on_settled(settled)

    async def _commit(self, batch: list[_Entry]) -> tuple[dict[int, int], list[int]]:
        """Write the batch. Safe to repeat: a start is found again by its lease, a result by its attempt."""
        results = [entry.result for entry in batch if entry.result is not None]
        starts = [entry.following for entry in batch if entry.following is not None]
        opened: dict[int, int] = {}
        settled: list[int] = []
        async with self._database.writing() as tx:
            now = self._now()
            if results:
                settled = await queue.record(tx, results, now)
            if starts:
                opened = await queue.start(
                    tx, starts, lease=self._lease, actor=self._actor, windows=self._windows, now=now
                )
        return opened, settled
