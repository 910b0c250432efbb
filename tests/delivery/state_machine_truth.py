"""What must be true at every moment of a random history: pictures of the database, held against what has happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from channels.contract import Reason
from delivery.database import Database
from delivery.model import BroadcastState, Delivery, DeliveryState, Outcome
from delivery.tables import UNWRITTEN, attempt, broadcast, delivery, filling, progress

LOST = frozenset({DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED})
FINAL = LOST | {DeliveryState.SENT, DeliveryState.RETURNED}
IN_TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)
CAME_BACK = (DeliveryState.RETURNED,)


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
class Word:
    """What people have said, delivery by delivery, and broadcast by broadcast."""

    meant: dict[int, set[tuple[str, str, int]]] = field(default_factory=dict)
    """Whom each announcement was released for, as (channel, address, part); not of what was cancelled later."""
    base: Counter[int] = field(default_factory=Counter)
    """How often a delivery had been seen when it was last allowed to go out."""
    settled: dict[int, bool] = field(default_factory=dict)
    """What a person said last of a doubtful delivery: it is there, or it is not."""
    stopped: set[int] = field(default_factory=set)
    """What a cancellation forbids to begin."""
    revived: set[int] = field(default_factory=set)
    """The broadcasts that were cancelled and run again for some of their deliveries alone."""
    closed: dict[int, int] = field(default_factory=dict)
    """How many deliveries each cancelled broadcast had: there must never be more."""


@dataclass(frozen=True)
class Picture:
    """All rows that a history is about. Those of `deliveries` know `its` state, the broadcast's."""

    deliveries: Sequence[Any] = ()
    attempts: Sequence[Any] = ()
    progress: Sequence[Any] = ()
    broadcasts: Sequence[Any] = ()
    fillings: Sequence[Any] = ()

    def state_of(self, broadcast_id: int) -> BroadcastState:
        return next(BroadcastState(one.state) for one in self.broadcasts if one.id == broadcast_id)


_d, _a, _b = delivery.c, attempt.c, broadcast.c
_PLACE = (_d.id, _d.broadcast_id, _d.channel, _d.address, _d.part)
_STANDING = (_d.state, _d.attempt_id, _d.lease, _d.lease_until, _d.due_at, _d.attempts, _d.doubtful, _d.key_since)
_DELIVERIES = select(*_PLACE, *_STANDING, _d.reason, _b.state.label("its"), _b.announcement_id).join(broadcast)
_ATTEMPTS = select(_a.delivery_id, _a.id, _a.ended_at, _a.outcome)
_BROADCASTS = select(_b.id, _b.announcement_id, _b.state, _b.settled_at)


async def picture(database: Database) -> Picture:
    async with database.reading() as tx:
        return Picture(
            list(await tx.execute(_DELIVERIES.order_by(_d.id))),
            list(await tx.execute(_ATTEMPTS)),
            list(await tx.execute(select(progress))),
            list(await tx.execute(_BROADCASTS)),
            list(await tx.execute(select(filling.c.broadcast_id))),
        )


def check(now: Picture, before: Picture, word: Word, outside: Outside) -> None:
    """Nothing is doubled without permission, nothing stands without a way on, nothing is told otherwise than it is."""
    _check_counters(now)
    _check_broadcasts(now, word)
    parts: dict[tuple[int, str, str], set[str]] = {}
    tried: dict[int, list[Any]] = {row.id: [] for row in now.deliveries}
    for one in now.attempts:
        tried[one.delivery_id].append(one)
    for row in sorted(now.deliveries, key=lambda row: int(row.part)):
        ahead = parts.setdefault((row.broadcast_id, row.channel, row.address), set())
        _check_way_on(row, tried[row.id], ahead, word)
        _check_told(row, tried[row.id], word, outside)
        ahead.add(row.state)
    earlier = {row.id: row for row in before.deliveries}
    for row in now.deliveries:
        if row.id in earlier:
            _check_step(earlier[row.id], row)


def _check_counters(now: Picture) -> None:
    true = Counter((row.broadcast_id, row.channel, row.state) for row in now.deliveries)
    told: Counter[tuple[int, str, str]] = Counter()
    for row in now.progress:
        if row.shard == UNWRITTEN:
            _check_unwritten(now, row)
            continue
        for state in DeliveryState:
            told[row.broadcast_id, row.channel, state.value] += row._mapping[state.value]
    assert {key: number for key, number in told.items() if number} == dict(true), "the counters are not the rows"


def _check_unwritten(now: Picture, row: Any) -> None:
    assert row.cancelled > 0, "nobody was left out"
    assert all(row._mapping[state.value] == 0 for state in DeliveryState if state != "cancelled")
    assert row.broadcast_id not in {one.broadcast_id for one in now.fillings}, "they are still to come"


def _check_broadcasts(now: Picture, word: Word) -> None:
    waiting = {one.broadcast_id for one in now.fillings}
    unfinished = {row.broadcast_id for row in now.deliveries if row.state not in FINAL}
    for one in now.broadcasts:
        if one.state == BroadcastState.SETTLED:
            assert one.id not in waiting | unfinished, "settled, with something left to do"
        if one.state == BroadcastState.CANCELLED:
            assert one.id not in waiting, "cancelled, and its lists are still to be taken"
        assert (one.settled_at is None) == (one.state in {"running", "paused"})
    sizes = Counter(row.broadcast_id for row in now.deliveries)
    assert all(sizes[number] == size for number, size in word.closed.items()), "a cancelled broadcast grew"


def _check_way_on(row: Any, attempts: Sequence[Any], ahead: set[str], word: Word) -> None:
    open_ones = [one.id for one in attempts if one.ended_at is None]
    if row.state == "sending":
        assert row.lease_until is not None, "nobody will ever come back to it"
        assert open_ones == ([] if row.attempt_id is None else [row.attempt_id])
    else:
        assert row.lease is None, "held by somebody who has nothing to do with it"
        assert not open_ones, "an attempt was left open"
    if row.state == "queued" and row.its != BroadcastState.CANCELLED:
        assert not ahead & LOST, "it waits for a part that never comes"
    if row.reason == Reason.PREVIOUS_PART_MISSING:
        assert row.state == "failed"
        missing = ahead & (LOST | set(CAME_BACK))
        stopped = row.its == "cancelled" or row.broadcast_id in word.revived  # then nothing follows by itself
        assert missing or stopped, "held back for a part that is not missing"


def _check_told(row: Any, attempts: Sequence[Any], word: Word, outside: Outside) -> None:
    fresh = outside.seen[row.id] - word.base[row.id]
    settled = word.settled.get(row.id)
    assert fresh <= 1, "doubled without permission"
    if settled is not None:
        assert row.state == ("sent" if settled else "failed"), "a person's word was overruled"
    if row.state == "unconfirmed":
        assert any(one.outcome == Outcome.UNCONFIRMED for one in attempts), "in doubt without a reason"
    if row.state == "returned":
        assert outside.seen[row.id], "told as come back, and it was never out"
    if row.state == "sent":
        assert outside.seen[row.id] or settled, "told as sent, and it is not there"
    if row.state in {"failed", "cancelled"} and settled is not False:
        assert not fresh, f"told as {row.state}, and it is there"


def _check_step(before: Any, row: Any) -> None:
    if before.its == row.its == "cancelled" and before.state == "sending" and before.attempt_id is None:
        assert row.state != "queued", "back in the queue, although it was cancelled"
    if before.doubtful and row.doubtful:
        assert row.key_since == before.key_since, "a doubtful key became younger by another try"


def check_end(now: Picture, word: Word) -> None:
    """Everybody was allowed everything, and nothing went wrong any more: then all is out that was meant to be."""
    left = [(row.state, row.its) for row in now.deliveries if row.state not in FINAL]
    assert not left, "something waits for ever"
    assert {one.state for one in now.broadcasts} <= {"settled", "cancelled"}
    assert not now.fillings
    stopped = {(row.broadcast_id, row.channel, row.address) for row in now.deliveries if row.state == "cancelled"}
    for row in now.deliveries:
        if row.state in IN_TROUBLE:
            assert row.reason == Reason.PREVIOUS_PART_MISSING, f"{row.state} in spite of a person's word"
            assert (row.broadcast_id, row.channel, row.address) in stopped
    for number, meant in word.meant.items():
        its = {(row.channel, row.address, row.part) for row in now.deliveries if row.announcement_id == number}
        assert its == meant, "somebody was forgotten, or should not have been asked"
