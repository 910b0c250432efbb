"""Writes the starts and results of many sends together.

A transaction costs a millisecond or two and a row microseconds, so whoever comes while a transaction is under way
shares the next one with all the others who came: twenty letters in parallel make one commit, a lone post its own.
A result is never given up: while the database is away it waits in memory, since the outside world already knows it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import structlog

from delivery.database import Database, Tx, is_away
from delivery.model import Delivery, Result
from delivery.pace import Limit
from delivery.store import attempts

_log = structlog.get_logger()
_RETRY_SECONDS = 1.0
_LAST_WORDS_SECONDS = 3.0
_GATHER_SECONDS = 0.001
# So many transactions at once: SQLite has one writer, while a Postgres leaves time between the statements of one.
_WRITERS = {"sqlite": 1, "postgresql": 2}


def _word() -> asyncio.Future[object]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Entry:
    """One sender's wish. `word` comes true when it is written, or is _LEAD: write for everybody who waits.

    Of a sender that was cut off the word is cancelled; what it wished is written all the same.
    """

    result: Result | None
    following: Delivery | None
    word: asyncio.Future[object] = field(default_factory=_word)

    def answer(self, attempt: int | None) -> None:
        if not self.word.done():
            self.word.set_result(attempt)


_LEAD = object()


class Ledger:
    """One for each channel of a worker. `windows` says how long a key of the channel shows once.

    While `more` is true, the end of no broadcast is near enough to look for.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: str,
        actor: str,
        windows: Mapping[str, timedelta],
        limits: Sequence[Limit],
        now: Callable[[], datetime],
        on_settled: Callable[[list[int]], None],
        more: Callable[[], bool],
    ) -> None:
        self._database = database
        self._lease = lease
        self._actor = actor
        self._windows = windows
        self._limits = limits
        self._now = now
        self._on_settled = on_settled
        self._more = more
        self._waiting: list[_Entry] = []
        self._writing = 0
        self._gathering = False  # somebody is about to write everything that waits

    async def record(self, result: Result) -> None:
        """Close an attempt."""
        await self._write(_Entry(result, None))

    async def start(self, one: Delivery) -> int | None:
        """Open an attempt, durably. None when the delivery may not go out now; it is then no longer ours."""
        return await self._write(_Entry(None, one))

    async def exchange(self, result: Result, following: Delivery) -> int | None:
        """Close one attempt and open the next in the same transaction."""
        return await self._write(_Entry(result, following))

    async def _write(self, entry: _Entry) -> int | None:
        self._waiting.append(entry)
        if self._gathering or self._writing >= _WRITERS[self._database.dialect]:
            word = await self._heard(entry)
            if word is not _LEAD:
                return cast("int | None", word)
            entry.word = _word()
        else:
            self._gathering = True
            self._writing += 1
        # Shielded: the others' entries must not go down with a cancelled leader.
        await asyncio.shield(self._lead())
        return cast("int | None", await entry.word)

    async def _heard(self, entry: _Entry) -> object:
        try:
            return await entry.word
        except asyncio.CancelledError:
            word = entry.word
            if not word.cancelled() and word.exception() is None and word.result() is _LEAD:  # cut off, pen in hand
                entry.word = _word()
                with suppress(TimeoutError):  # the pen goes on, though nobody waits
                    async with asyncio.timeout(_LAST_WORDS_SECONDS):
                        await asyncio.shield(self._lead())
            raise

    async def _lead(self) -> None:
        """Write everything that waits, then hand the pen to one of those who came meanwhile."""
        while True:
            settled = await self._write_batch()
            if settled:
                self._on_settled(settled)
            if self._gathering or not self._waiting:
                self._writing -= 1
                return
            self._gathering = True
            heir = next((entry for entry in self._waiting if not entry.word.done()), None)
            if heir is not None:
                heir.word.set_result(_LEAD)
                return

    async def _write_batch(self) -> list[int]:
        if self._more():  # in the middle of a large broadcast a fuller transaction is worth a millisecond
            await asyncio.sleep(_GATHER_SECONDS)
        batch: list[_Entry] = []
        joined = False

        def join() -> None:  # also who came while the transaction waited for its turn
            nonlocal joined
            if not joined:
                joined, self._gathering = True, False
                batch.extend(self._waiting)
                self._waiting.clear()

        try:
            return await self._persist(batch, join)
        except Exception:  # noqa: BLE001 - whatever it is, it must not take the others along
            _log.exception("ledger.failed", entries=len(batch))
            join()
            return await self._one_by_one(batch)

    async def _persist(self, batch: list[_Entry], join: Callable[[], None] = lambda: None) -> list[int]:
        """Write the entries in one transaction and answer them. Returns the broadcasts that are settled by it.

        While the database is away it is tried again, which is safe: a start is found again by its lease, a result by
        its attempt. Raises what the database has against the entries.
        """
        while True:
            try:
                written = await self._in_one_statement(batch, join)
                if written is None:
                    written = await self._database.transact(lambda tx: self._enter(tx, batch), at_start=join)
                opened, settled = written
                break
            except Exception as error:
                if not is_away(error):
                    raise
                _log.warning("ledger.waits_for_database", entries=len(batch), error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        for entry in batch:
            entry.answer(None if entry.following is None else opened.get(entry.following.id))
        return settled

    async def _one_by_one(self, batch: Sequence[_Entry]) -> list[int]:
        """Write each entry by itself, so that only those fail that have something wrong with them."""
        settled: list[int] = []
        for entry in batch:
            try:
                settled += await self._persist([entry])
            except Exception as error:  # noqa: BLE001 - its sender gets it, whatever it is
                if not entry.word.done():
                    entry.word.set_exception(error)
        return settled

    async def _in_one_statement(
        self, batch: Sequence[_Entry], join: Callable[[], None]
    ) -> tuple[dict[int, int], list[int]] | None:
        """Write a group in the middle of a large broadcast on Postgres. None when there is more to do than that."""
        if not self._database.has_singles or self._limits or not self._more():
            return None
        async with self._database.single() as tx:
            join()
            opened = await attempts.exchange(
                tx,
                [(entry.result, entry.following) for entry in batch],
                lease=self._lease,
                actor=self._actor,
                windows=self._windows,
                now=self._now(),
            )
        return None if opened is None else (opened, [])

    async def _enter(self, tx: Tx, batch: Sequence[_Entry]) -> tuple[dict[int, int], list[int]]:
        results = [entry.result for entry in batch if entry.result is not None]
        starts = [entry.following for entry in batch if entry.following is not None]
        opened: dict[int, int] = {}
        settled: list[int] = []
        now = self._now()
        if results:
            settled = await attempts.record(tx, results, now, more=self._more())
        if starts:
            opened = await attempts.start(
                tx,
                starts,
                lease=self._lease,
                actor=self._actor,
                windows=self._windows,
                limits=self._limits,
                now=now,
            )
        return opened, settled
