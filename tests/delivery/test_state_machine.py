"""Random histories over the real store: workers die, come late or hear no answer, and people change their mind.

Beside the database stands a model of the outside world. It knows what really arrived, which the engine can only
learn from answers, and how often each delivery was allowed to arrive. `RUPOR_TEST_MACHINES=2000` runs more of them.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import aiosqlite
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select, text

from channels.contract import ChannelClosed, ChannelError, Deferred, Post, Reason, Receipt, Rejected, Unconfirmed
from delivery import broadcast as use
from delivery import doubts, verdict
from delivery.database import Database
from delivery.desk import Desk
from delivery.model import UNFINISHED, BroadcastState, Delivery, DeliveryState, Outcome, Result
from delivery.store import broadcasts, filling, lists, queue
from delivery.store import deliveries as store
from delivery.tables import attempt, broadcast, delivery, metadata, progress
from delivery.tables import filling as filling_table
from delivery.worker import LEASE, Worker
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, states
from tests.support.clock import Clock

T = TypeVar("T")

MACHINES = int(os.environ.get("RUPOR_TEST_MACHINES", "0"))
WINDOW = timedelta(minutes=55)
JUMPS = (1, 6, 25, 61, 40 * 60, 56 * 60, 3 * 3600, 25 * 3600)  # seconds
PEOPLE = {"one": ("a@x.ru", "b@x.ru", "off@x.ru"), "two": ("b@x.ru", "d@x.ru", "left@x.ru", "off@x.ru")}
TARGETS = (("wall",), ("vk",), ("mail:one",), ("mail:one", "mail:two"), ("wall", "vk", "mail:two"))
FINAL = frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED})
LOST = frozenset({DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED})
IN_TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)


class Answer(Enum):
    """What becomes of a send, and what the worker hears of it."""

    TAKEN = "taken, and told so"
    TAKEN_UNHEARD = "taken, and the answer is lost"
    LOST = "lost on the way out"
    REFUSED = "refused for ever"
    ASKED_TO_WAIT = "refused for now"
    CLOSED = "the whole channel is closed"


SAID: dict[Answer, ChannelError] = {
    Answer.TAKEN_UNHEARD: Unconfirmed("cut off"),
    Answer.LOST: Unconfirmed("cut off"),
    Answer.REFUSED: Rejected("550", Reason.NO_SUCH_MAILBOX),
    Answer.ASKED_TO_WAIT: Deferred("451", Reason.REFUSED),
    Answer.CLOSED: ChannelClosed("token", Reason.TOKEN_REVOKED),
}


@dataclass
class Outside:
    """What readers can see. A key shows once for as long as its channel promises, and again after that."""

    shown_at: dict[str, datetime] = field(default_factory=dict)
    seen: Counter[int] = field(default_factory=Counter)
    """How often each delivery has appeared."""

    def take(self, one: Delivery, window: timedelta, now: datetime) -> None:
        before = self.shown_at.get(one.key)
        if before is not None and now < before + window:
            return
        self.shown_at[one.key] = now
        self.seen[one.id] += 1


@dataclass
class Held:
    """One delivery in a worker's memory: claimed, then started (`attempt`), then answered (`result`)."""

    one: Delivery
    leased_at: datetime
    attempt: int | None = None
    result: Result | None = None


class Hands:
    """A worker's memory. A crash empties it, and the next life has another lease."""

    lives = count(1)

    def __init__(self) -> None:
        self.crash()

    def crash(self) -> None:
        self.lease = f"life {next(self.lives)}"
        self.held: list[Held] = []


WORKERS = st.integers(0, 1)
PICK = st.integers(0, 30)
MOST = st.integers(1, 4)
DEPTH = st.sampled_from((1, 2, 3, 3, 4))
ANSWERS = st.sampled_from((*Answer, Answer.TAKEN_UNHEARD, Answer.REFUSED))
HEARD = st.sampled_from((True, True, True, False))


class Histories(RuleBasedStateMachine):
    """`runner` and `database` are lent by the test; each history begins with empty tables."""

    runner: ClassVar[asyncio.Runner]
    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.ways = {"wall": Scripted("@wall"), "vk": Scripted("-1"), "mail": Scripted(None)}
        self.ways["vk"].repeatable_for = WINDOW
        for way in self.ways.values():
            way.looks = True
        self.desk = Desk(self.database, self.ways, self.clock, ZoneInfo("Europe/Moscow"))
        self.keeper = Worker(self.desk, name="keeper", jitter=lambda: 0.0)
        self.workers = (Hands(), Hands())
        self.outside = Outside()
        self.base: Counter[int] = Counter()
        """How often a delivery had been seen when it was last allowed to go out."""
        self.said: dict[int, bool] = {}
        """What a person said last of a doubtful delivery: it is there, or it is not."""
        self.stopped: set[int] = set()
        """What a cancellation forbids to begin."""
        self.closed_rows: dict[int, int] = {}
        """How many deliveries each cancelled broadcast had: there must never be more."""
        self.begun: set[int] = set()
        self.numbers: list[int] = []
        self.rows: list[Any] = []
        self.broadcasts: list[Any] = []
        self.fillings: list[Any] = []
        self.run(self._clear())

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    async def _clear(self) -> None:
        async with self.database.writing() as tx:
            for table in reversed(metadata.sorted_tables):
                await tx.execute(table.delete())

    # What stands in the database

    async def _read(self) -> None:
        async with self.database.reading() as tx:
            chosen = select(delivery, broadcast.c.state.label("its"), broadcast.c.announcement_id).join(broadcast)
            self.rows = list(await tx.execute(chosen.order_by(delivery.c.id)))
            self.attempts = list(await tx.execute(select(attempt)))
            self.counted = list(await tx.execute(select(progress)))
            self.broadcasts = list(await tx.execute(select(broadcast)))
            self.fillings = list(await tx.execute(select(filling_table)))

    def read(self) -> list[Any]:
        self.run(self._read())
        return self.rows

    # People

    @initialize(audience=st.sampled_from(TARGETS), parts=st.integers(1, 3))
    def lists_are_there(self, audience: Sequence[str], parts: int) -> None:
        async def write() -> None:
            for key, people in PEOPLE.items():
                await a_list(self.desk, key, *people)
            async with self.database.writing() as tx:
                await lists.suppress(tx, "off@x.ru", "", reason="bounced", now=self.clock())
                await lists.suppress(tx, "left@x.ru", "two", reason="asked", now=self.clock())

        self.run(write())
        self.release(audience, parts)

    @precondition(lambda self: len(self.numbers) < 3)
    @rule(audience=st.sampled_from(TARGETS), parts=st.integers(1, 3))
    def release(self, audience: Sequence[str], parts: int) -> None:
        async def go() -> None:
            number = await use.draft(self.desk, Post("|".join("абв"[:parts])), author="e", targets=audience)
            self.numbers.append(number)
            first = await use.release(self.desk, number, by="e")
            assert await use.release(self.desk, number, by="e") == use.Released(first.broadcast_id, fresh=False)

        self.run(go())

    @precondition(lambda self: self._there_is(UNFINISHED))
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        number = next(self._some(pick, tuple(UNFINISHED))).announcement_id
        self.run(use.cancel(self.desk, number))
        its = [row for row in self.read() if row.announcement_id == number and row.its == BroadcastState.CANCELLED]
        for row in its:
            if row.state in {DeliveryState.QUEUED, DeliveryState.SENDING}:
                self.stopped.add(row.id)
        self.closed_rows |= Counter(row.broadcast_id for row in its)

    @precondition(lambda self: self._there_is(UNFINISHED))
    @rule(pick=PICK)
    def pause_or_resume(self, pick: int) -> None:
        for row in self._some(pick, tuple(UNFINISHED)):
            turn = use.resume if row.its == BroadcastState.PAUSED else use.pause
            self.run(turn(self.desk, row.announcement_id))

    @precondition(lambda self: self._there_is(IN_TROUBLE))
    @rule(pick=PICK, states=st.sampled_from([IN_TROUBLE, IN_TROUBLE[:1], IN_TROUBLE[1:]]))
    def retry_all(self, pick: int, states: Sequence[DeliveryState]) -> None:
        self._retry(self._chosen(pick), states, None)

    @precondition(lambda self: self._there_is(IN_TROUBLE))
    @rule(pick=PICK)
    def retry_one(self, pick: int) -> None:
        for row in self._some(pick, IN_TROUBLE):
            self._retry(row.announcement_id, IN_TROUBLE, row.id)

    def _retry(self, number: int, states: Sequence[DeliveryState], one: int | None) -> None:
        again = self.run(use.retry(self.desk, number, states=states, delivery_id=one))
        rows = {row.id: row for row in self.read()}
        revived = {rows[each].broadcast_id for each in again}
        for each in again:
            self.base[each] = self.outside.seen[each]
            self.said.pop(each, None)
            self.stopped.discard(each)
        for row in rows.values():
            if row.broadcast_id in revived:
                self.closed_rows.pop(row.broadcast_id, None)
                if row.state == DeliveryState.SENDING and row.attempt_id is not None:
                    self.stopped.discard(row.id)  # it is on the wire, and nobody has stopped what runs now

    @precondition(lambda self: self._there_is({DeliveryState.UNCONFIRMED}))
    @rule(pick=PICK, sent=st.booleans())
    def settle(self, pick: int, sent: bool) -> None:
        for row in self._some(pick, (DeliveryState.UNCONFIRMED,)):
            assert self.run(use.settle(self.desk, row.id, sent=sent, by="e"))
            assert not self.run(use.settle(self.desk, row.id, sent=not sent, by="e"))
            self.said[row.id] = sent

    @precondition(lambda self: self._there_is({DeliveryState.UNCONFIRMED}))
    @rule(pick=PICK)
    def settle_all(self, pick: int) -> None:
        number = self._chosen(pick)
        doubtful = [row.id for row in self.rows if (row.announcement_id, row.state) == (number, "unconfirmed")]
        assert self.run(use.settle_all(self.desk, number, sent=True, by="e")) == len(doubtful)
        self.said |= dict.fromkeys(doubtful, True)

    @precondition(lambda self: self._there_is({DeliveryState.UNCONFIRMED}))
    @rule(pick=PICK)
    def look(self, pick: int) -> None:
        for row in self._some(pick, (DeliveryState.UNCONFIRMED,)):
            there = self.outside.seen[row.id] > 0
            self.ways[row.channel].seen = Receipt((f"seen {row.id}",), f"https://x.ru/{row.id}") if there else None
            self.run(doubts.look(self.desk, row.id, by="channel"))

    def _waiting(self, pick: int) -> str:
        channels = sorted({row.channel for row in self.rows if row.state == DeliveryState.QUEUED})
        return str(channels[pick % len(channels)])

    def _there_is(self, states: Collection[DeliveryState]) -> bool:
        return any(row.state in states for row in self.rows)

    def _chosen(self, pick: int) -> int:
        return self.numbers[pick % len(self.numbers)]

    def _some(self, pick: int, states: Sequence[DeliveryState]) -> Iterator[Any]:
        found = [row for row in self.rows if row.state in states]
        yield from found[pick % len(found) :][:1] if found else ()

    # Workers

    @precondition(lambda self: self._there_is({DeliveryState.QUEUED}))
    @rule(who=WORKERS, pick=PICK, most=MOST, depth=DEPTH, answer=ANSWERS)
    def begin(self, who: int, pick: int, most: int, depth: int, answer: Answer) -> None:
        """Claim, and go on with what was claimed as far as `depth` says."""
        held = self.run(self._claim(self.workers[who], self._waiting(pick), most))
        for _ in range(depth - 1):
            for each in held:
                self._further(self.workers[who], each, answer, heard=True)

    @precondition(lambda self: self._there_is({DeliveryState.QUEUED}))
    @rule(who=WORKERS, pick=PICK)
    def claim_unheard(self, who: int, pick: int) -> None:
        self.run(self._claim(self.workers[who], self._waiting(pick), 2))
        self.workers[who].held = [each for each in self.workers[who].held if each.attempt is not None]

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(pick=PICK, answer=ANSWERS, heard=HEARD)
    def go_on(self, pick: int, answer: Answer, heard: bool) -> None:
        worker, each = self._held(pick)
        self._further(worker, each, answer, heard=heard)

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        worker, _each = self._held(pick)
        rest = [each for each in worker.held if each.attempt is None]
        worker.held = [each for each in worker.held if each.attempt is not None]

        async def write() -> None:
            async with self.database.writing() as tx:
                await queue.give_back(tx, [each.one for each in rest], lease=worker.lease, now=self.clock())

        if rest:
            self.run(write())

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(pick=PICK)
    def renew(self, pick: int) -> None:
        worker, _each = self._held(pick)

        async def write() -> None:
            ids = [each.one.id for each in worker.held]
            async with self.database.writing() as tx:
                await queue.renew(tx, worker.lease, ids, self.clock() + LEASE)

        self.run(write())
        for each in worker.held:
            each.leased_at = self.clock()

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(who=WORKERS)
    def crash(self, who: int) -> None:
        self.workers[who].crash()

    @precondition(lambda self: any(len(worker.held) > 1 for worker in self.workers))
    @rule(answer=ANSWERS, heard=HEARD)
    def exchange(self, answer: Answer, heard: bool) -> None:
        """Record what is answered and start what is claimed, in one transaction."""
        worker = max(self.workers, key=lambda one: len(one.held))
        for each in [each for each in worker.held if each.attempt is not None and each.result is None]:
            self._further(worker, each, answer, heard=True)
        self.run(self._write(worker, list(worker.held), heard=heard))

    def _held(self, pick: int) -> tuple[Hands, Held]:
        every = [(worker, each) for worker in self.workers for each in worker.held]
        return every[pick % len(every)]

    def _further(self, worker: Hands, each: Held, answer: Answer, *, heard: bool) -> None:
        if each not in worker.held:
            return
        if each.attempt is not None and each.result is None:
            each.result = self._sent(each.one, each.attempt, each.leased_at, answer)
        else:
            self.run(self._write(worker, [each], heard=heard))

    async def _claim(self, worker: Hands, channel: str, most: int) -> list[Held]:
        now = self.clock()
        async with self.database.writing() as tx:
            claimed = await queue.claim(tx, channel, limit=most, lease=worker.lease, until=now + LEASE, now=now)
        held = [Held(one, now) for one in claimed]
        taken = {one.id for one in claimed}
        worker.held = [each for each in worker.held if each.one.id not in taken or each.attempt] + held
        return held

    async def _write(self, worker: Hands, group: Sequence[Held], *, heard: bool) -> None:
        """Record and start, as the ledger does. Not `heard`: it is committed, and the worker does not know."""
        now = self.clock()
        results = [each.result for each in group if each.result is not None]
        starts = [each.one for each in group if each.attempt is None]
        before = {one.id: one.state for one in self.broadcasts}
        async with self.database.writing() as tx:
            if results:
                await queue.record(tx, results, now)
            opened: dict[int, int] = {}
            for channel in {one.channel for one in starts}:
                opened |= await queue.start(
                    tx,
                    [one for one in starts if one.channel == channel],
                    lease=worker.lease,
                    actor="w",
                    windows={channel: self.ways[channel].repeatable_for},
                    now=now,
                )
        known = {each.attempt for each in worker.held}
        for one in starts:
            if one.id in opened and opened[one.id] not in known:
                self._may_start(one, before[one.broadcast_id], opened[one.id])
        if heard:
            for each in group:
                if each.attempt is None:
                    each.attempt = opened.get(each.one.id)
                if each.result is not None or each.attempt is None:
                    worker.held.remove(each)

    def _may_start(self, one: Delivery, its: str, number: int) -> None:
        if number in self.begun:
            return
        self.begun.add(number)
        assert one.id not in self.stopped, "a cancelled delivery began"
        assert its == BroadcastState.RUNNING, f"a delivery of a broadcast that is {its} began"

    def _sent(self, one: Delivery, number: int, leased_at: datetime, answer: Answer) -> Result:
        """Go through what a lane does between start and record."""
        now, way = self.clock(), self.ways[one.channel]
        terms = verdict.terms_of(way)
        early = verdict.before_sending(one, number, terms, now)
        if early is not None:
            return early
        if now - leased_at > LEASE * 2 / 3:
            late = Deferred("the lease had almost ended", retry_after=timedelta(0), counts=False)
            return verdict.judge(one, number, late, terms, now)
        if answer in {Answer.TAKEN, Answer.TAKEN_UNHEARD}:
            self.outside.take(one, way.repeatable_for, now)
        if answer is Answer.TAKEN:
            return verdict.sent(one, number, Receipt((str(one.id),), f"https://x.ru/{one.id}"))
        return verdict.judge(one, number, SAID[answer], terms, now)

    # Housekeeping and time

    @rule(seconds=st.sampled_from(JUMPS), rescued=st.booleans())
    def time_passes(self, seconds: int, rescued: bool) -> None:
        self.clock.advance(seconds=seconds)
        if rescued:
            self.run(self.keeper.rescue())

    @precondition(lambda self: bool(self.fillings))
    @rule()
    def fill(self) -> None:
        self.run(self.keeper.fill())

    @precondition(lambda self: any(row.its == BroadcastState.CANCELLED and row.state == "queued" for row in self.rows))
    @rule()
    def tidy(self) -> None:
        self.run(self.keeper.tidy())

    # What must be true at every moment

    @invariant()
    def nothing_is_lost_doubled_or_silent(self) -> None:
        self.read()
        self._check_counters()
        self._check_broadcasts()
        parts: dict[tuple[int, str, str], set[str]] = {}
        tried: dict[int, list[Any]] = {row.id: [] for row in self.rows}
        for one in self.attempts:
            tried[one.delivery_id].append(one)
        for row in sorted(self.rows, key=lambda row: int(row.part)):
            before = parts.setdefault((row.broadcast_id, row.channel, row.address), set())
            self._check_delivery(row, tried[row.id], before)
            before.add(row.state)

    def _check_counters(self) -> None:
        true = Counter((row.broadcast_id, row.channel, row.state) for row in self.rows)
        told: Counter[tuple[int, str, str]] = Counter()
        for row in self.counted:
            for state in DeliveryState:
                told[row.broadcast_id, row.channel, state.value] += row._mapping[state.value]
        assert {key: number for key, number in told.items() if number} == dict(true)

    def _check_broadcasts(self) -> None:
        waiting = {one.broadcast_id for one in self.fillings}
        unfinished = {row.broadcast_id for row in self.rows if row.state in {"queued", "sending"}}
        for one in self.broadcasts:
            if one.state == BroadcastState.SETTLED:
                assert one.id not in waiting | unfinished, "settled, with something left to do"
            if one.state == BroadcastState.CANCELLED:
                assert one.id not in waiting
            assert (one.settled_at is None) == (one.state in {"running", "paused"})
        sizes = Counter(row.broadcast_id for row in self.rows)
        assert all(sizes[number] == size for number, size in self.closed_rows.items()), "a cancelled broadcast grew"

    def _check_delivery(self, row: Any, attempts: Sequence[Any], before: set[str]) -> None:
        fresh = self.outside.seen[row.id] - self.base[row.id]
        assert fresh <= 1, "doubled without permission"
        open_ones = [one.id for one in attempts if one.ended_at is None]
        if row.state == "sending":
            assert row.lease_until is not None, "nobody will ever come back to it"
            assert open_ones == ([] if row.attempt_id is None else [row.attempt_id])
        else:
            assert not open_ones, "an attempt was left open"
        if row.state == "queued" and row.its != BroadcastState.CANCELLED:
            assert not before & LOST, "it waits for a part that never comes"
        if row.reason == Reason.PREVIOUS_PART_MISSING:
            assert row.state == "failed"
            assert before & LOST or row.its == "cancelled", "held back for a part that is not missing"
        if row.state == "unconfirmed":
            assert any(one.outcome == Outcome.UNCONFIRMED for one in attempts), "in doubt without a reason"
        if row.state == "sent":
            assert self.outside.seen[row.id] or self.said.get(row.id), "told as sent, and it is not there"
        if row.state in {"failed", "cancelled"} and self.said.get(row.id) is not False:
            assert not fresh, f"told as {row.state}, and it is there"

    # The end

    def teardown(self) -> None:
        for number in self.numbers:
            self.run(use.resume(self.desk, number))
            with pytest.raises(use.StageError):  # what has gone out stays as it was
                self.run(use.revise(self.desk, number, Post("г"), author="e"))
        for worker in self.workers:
            worker.crash()
        for _ in range(100):
            busy = self._work_on()
            pending = [row.lease_until or row.due_at for row in self.read() if row.state not in FINAL]
            if not busy and not pending:
                break
            if not busy:
                ahead = [moment for moment in pending if moment >= self.clock()]
                assert ahead, "something waits for nothing"
                self.clock.advance(seconds=(min(ahead) - self.clock()).total_seconds() + 1)
        self.nothing_is_lost_doubled_or_silent()
        left = [(row.state, row.its) for row in self.rows if row.state not in FINAL]
        assert not left, "something waits for ever"
        assert {one.state for one in self.broadcasts} <= {"settled", "cancelled"}
        assert not self.fillings

    def _work_on(self) -> bool:
        """Do what is due now, as workers do that nothing befalls. Tells whether there was something."""
        self.read()
        filled = self.run(self.keeper.fill())
        rescued = self.run(self.keeper.rescue())
        swept = self.run(self.keeper.tidy())
        worker, done = self.workers[0], 0
        for channel in self.ways:
            held = self.run(self._claim(worker, channel, 20))
            done += len(held)
            self.run(self._write(worker, held, heard=True))
            for each in worker.held:
                self._further(worker, each, Answer.TAKEN, heard=True)
            self.run(self._write(worker, list(worker.held), heard=True))
        return bool(filled or rescued or swept or done)


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
            run_state_machine_as_test(
                Histories,
                settings=settings(
                    max_examples=machines,
                    stateful_step_count=30,
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


# Histories that once went wrong


def lease_of(clock: Clock, seconds: float = 60) -> datetime:
    return clock() + timedelta(seconds=seconds)


async def begun(desk: Desk, clock: Clock, channel: str, lease: str, window: timedelta = timedelta(0)) -> Result:
    """Claim one delivery and begin it; returns its success, which is not yet recorded."""
    async with desk.database.writing() as tx:
        (one,) = await queue.claim(tx, channel, limit=1, lease=lease, until=lease_of(clock), now=clock())
    async with desk.database.writing() as tx:
        opened = await queue.start(tx, [one], lease=lease, actor=lease, windows={channel: window}, now=clock())
    return verdict.sent(one, opened[one.id], Receipt(("1",), "https://x.ru/1"))


async def recorded(desk: Desk, clock: Clock, result: Result) -> None:
    async with desk.database.writing() as tx:
        await queue.record(tx, [result], clock())


async def lost(desk: Desk, clock: Clock) -> None:
    """The worker is not heard of any more."""
    clock.advance(seconds=61)
    assert await a_worker(desk).rescue() == 1


def refused(result: Result) -> Result:
    return replace(result, outcome=Outcome.REJECTED, state=DeliveryState.FAILED, receipt=None)


def deferred(result: Result, due_at: datetime) -> Result:
    return replace(result, outcome=Outcome.DEFERRED, state=DeliveryState.QUEUED, receipt=None, due_at=due_at)


async def broadcast_state(desk: Desk, number: int) -> BroadcastState:
    async with desk.database.reading() as tx:
        (one,) = await broadcasts.of_announcements(tx, [number])
    return one.state


async def test_a_claim_takes_no_more_than_it_asked_for(desk: Desk, clock: Clock) -> None:
    await a_list(desk, "l", *(f"{number}@x.ru" for number in range(20)))
    await a_broadcast(desk, targets=("mail:l",))
    for _ in range(5):
        async with desk.database.writing() as tx:
            assert len(await queue.claim(tx, "mail", limit=3, lease="w", until=lease_of(clock), now=clock())) == 3


async def test_a_refusal_that_comes_too_late_holds_nothing_back(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk, "один|два")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await use.retry(desk, number, states=IN_TROUBLE)
    await recorded(desk, clock, await begun(desk, clock, "wall", "quick"))
    await recorded(desk, clock, refused(late))
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.QUEUED]


async def test_a_late_success_lets_the_rest_follow(desk: Desk, clock: Clock, wall: Scripted) -> None:
    number = await a_broadcast(desk, "один|два|три")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED
    await recorded(desk, clock, late)
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.QUEUED]
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["два", "три"]


async def test_what_surely_did_not_go_out_is_sent_although_that_is_known_late(desk: Desk, clock: Clock) -> None:
    number = await a_broadcast(desk, "один|два")
    late = await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await recorded(desk, clock, deferred(late, clock()))
    while await a_worker(desk).step("wall"):
        pass
    assert await states(desk, number) == [DeliveryState.SENT, DeliveryState.SENT]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


@pytest.mark.parametrize("whole", [False, True])
async def test_the_parts_behind_follow_when_a_person_sends_the_first_again(
    desk: Desk, clock: Clock, wall: Scripted, whole: bool
) -> None:
    number = await a_broadcast(desk, "один|два|три")
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    first = (await deliveries(desk, number))[0]
    one = None if whole else first.id
    assert len(await use.retry(desk, number, states=(DeliveryState.UNCONFIRMED,), delivery_id=one)) == 3
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["один", "два", "три"]


async def test_the_parts_behind_follow_what_a_look_did_not_find(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.looks = True
    number = await a_broadcast(desk, "один|два")
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    first = (await deliveries(desk, number))[0]
    assert await doubts.look(desk, first.id, by="channel") is doubts.Sight.NOT_THERE
    while await a_worker(desk).step("wall"):
        pass
    assert [shipment.part.text for shipment in wall.sent] == ["один", "два"]


@pytest.mark.parametrize("there", [False, True])
async def test_a_look_sends_nothing_of_a_cancelled_broadcast(
    desk: Desk, clock: Clock, wall: Scripted, there: bool
) -> None:
    wall.looks = True
    wall.seen = Receipt(("7",), "https://x.ru/7") if there else None
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk, "один|два", targets=("wall", "mail:l"))
    await begun(desk, clock, "wall", "slow")
    await lost(desk, clock)
    await use.cancel(desk, number)
    first = (await deliveries(desk, number))[0]
    await doubts.look(desk, first.id, by="channel")
    while await a_worker(desk).step("wall") or await a_worker(desk).tidy():
        pass
    assert wall.sent == []
    assert await broadcast_state(desk, number) is BroadcastState.CANCELLED
    known = DeliveryState.SENT if there else DeliveryState.FAILED
    assert (await states(desk, number))[:2] == [known, DeliveryState.FAILED]


async def test_a_cancelled_broadcast_revived_for_one_delivery_sends_that_one_alone(
    desk: Desk, clock: Clock, mail: Scripted
) -> None:
    await a_list(desk, "l", "a@x.ru", "b@x.ru", "c@x.ru")
    number = await a_broadcast(desk, targets=("mail:l",))
    await recorded(desk, clock, refused(await begun(desk, clock, "mail", "w")))
    async with desk.database.writing() as tx:
        (claimed,) = await queue.claim(tx, "mail", limit=1, lease="w", until=lease_of(clock), now=clock())
    await use.cancel(desk, number)
    assert len(await use.retry(desk, number)) == 1
    async with desk.database.writing() as tx:
        assert await queue.start(tx, [claimed], lease="w", actor="w", windows={}, now=clock()) == {}
    while await a_worker(desk).step("mail"):
        pass
    assert [shipment.recipient.address for shipment in mail.sent] == ["a@x.ru"]
    cancelled = DeliveryState.CANCELLED
    assert await states(desk, number) == [DeliveryState.SENT, cancelled, cancelled]


async def test_a_doubtful_key_does_not_become_younger_by_another_try(desk: Desk, clock: Clock, wall: Scripted) -> None:
    wall.repeatable_for = WINDOW
    number = await a_broadcast(desk)
    await begun(desk, clock, "wall", "first", WINDOW)
    await lost(desk, clock)
    assert await states(desk, number) == [DeliveryState.QUEUED]
    clock.advance(hours=3)
    await begun(desk, clock, "wall", "second", WINDOW)
    await lost(desk, clock)
    assert await states(desk, number) == [DeliveryState.UNCONFIRMED]


async def test_nothing_queued_again_is_lost_in_a_broadcast_that_settles_just_then(desk: Desk, clock: Clock) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    await a_list(desk, "l", "a@x.ru", "b@x.ru")
    number = await a_broadcast(desk, targets=("mail:l",))
    await recorded(desk, clock, refused(await begun(desk, clock, "mail", "w")))
    last = await begun(desk, clock, "mail", "w")
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        again, its = await store.requeue(tx, number, states=IN_TROUBLE, delivery_id=None, now=clock())
        await broadcasts.run_again(tx, its, clock(), keep=again)
        group.create_task(recorded(desk, clock, last))
        await until_somebody_waits(desk)
    assert await states(desk, number) == [DeliveryState.QUEUED, DeliveryState.SENT]
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING


async def test_a_cancellation_and_the_last_slice_of_a_list_do_not_block_each_other(desk: Desk, clock: Clock) -> None:
    if desk.database.dialect == "sqlite":
        pytest.skip("one writes after the other there")
    await a_list(desk, "l", "a@x.ru")
    number = await a_broadcast(desk)
    await recorded(desk, clock, await begun(desk, clock, "wall", "w"))
    async with desk.database.writing() as tx:
        (its,) = await broadcasts.of_announcements(tx, [number])
        await filling.add(tx, its.id, 1, "mail", "l", parts=0, due_at=clock())
        await tx.execute(broadcast.update().values(state="running", settled_at=None))
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        one = await filling.unfinished(tx)
        assert one is not None
        group.create_task(use.cancel(desk, number))
        await until_somebody_waits(desk)
        left = await filling.take_slice(tx, one, clock())
        assert left is not None
        assert await filling.take_slice(tx, left, clock()) is None
        assert await broadcasts.settle(tx, [its.id], clock()) == [its.id]
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


async def until_somebody_waits(desk: Desk) -> None:
    """Wait until another transaction stands at a lock of Postgres."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(30):
        while True:
            async with desk.database.reading() as tx:
                if (await tx.execute(waits)).scalar_one():
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("claimed", [False, True])
async def test_what_was_cancelled_while_in_doubt_is_put_to_a_person(
    desk: Desk, clock: Clock, wall: Scripted, claimed: bool
) -> None:
    wall.repeatable_for = WINDOW
    number = await a_broadcast(desk, "один|два")
    await begun(desk, clock, "wall", "w", WINDOW)
    await lost(desk, clock)
    clock.advance(seconds=5)
    if claimed:
        async with desk.database.writing() as tx:
            await queue.claim(tx, "wall", limit=1, lease="x", until=lease_of(clock), now=clock())
    await use.cancel(desk, number)
    clock.advance(seconds=61)
    worker = a_worker(desk)
    await worker.rescue()
    while await worker.tidy():
        pass
    assert await states(desk, number) == [DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED]
    assert wall.sent == []
