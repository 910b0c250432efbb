"""Postgres writes a plain group of a large broadcast in one statement, and exactly what two would have written."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from channels.contract import Reason, Receipt
from delivery import broadcast
from delivery.database import Database
from delivery.desk import Desk
from delivery.ledger import Ledger
from delivery.model import Delivery, DeliveryState, Outcome, Result
from delivery.pace import Limit
from delivery.store import attempts, queue
from delivery.store.dialect import statement
from delivery.tables import attempt, delivery
from tests.chaos.tripwire import Moment, Tripwire
from tests.delivery.builders import a_broadcast, a_list, states
from tests.support import postgres
from tests.support.clock import Clock
from tests.support.databases import POSTGRES, Databases

pytestmark = pytest.mark.postgres
SENT, QUEUED, SENDING = DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.SENDING
WINDOWS = {"mail": timedelta(minutes=55)}
ENDS: Sequence[dict[str, Any]] = (
    {"outcome": Outcome.SENT, "state": SENT, "receipt": Receipt(("7", "8"), "https://example.org/7")},
    {"outcome": Outcome.SENT, "state": SENT, "receipt": Receipt((), None), "detail": "250 Принято"},
    {"outcome": Outcome.DEFERRED, "state": QUEUED, "reason": Reason.REFUSED, "detail": "451 «Позже»"},
    {"outcome": Outcome.DEFERRED, "state": QUEUED, "reason": Reason.NOT_CONNECTED, "counts": False},
    {"outcome": Outcome.UNCONFIRMED, "state": QUEUED, "reason": Reason.NO_ANSWER},
)


@pytest.fixture
def migrated_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    kind = f"{POSTGRES}{postgres.choose()[0].major}"
    url = databases.migrated(kind, tmp_path)
    yield url
    databases.drop(kind, url)


async def claimed(desk: Desk, key: str, count: int) -> tuple[int, list[Delivery]]:
    await a_list(desk, key, *(f"a{number:03}@example.org" for number in range(count)))
    number = await a_broadcast(desk, targets=(f"mail:{key}",))
    now = desk.now()
    async with desk.database.writing() as tx:
        return number, await queue.claim(
            tx, "mail", limit=count, lease="w", until=now + timedelta(minutes=1), now=now, after=number - 1
        )


async def reclaimed(desk: Desk) -> list[Delivery]:
    now = desk.now()
    async with desk.database.writing() as tx:
        return await queue.claim(tx, "mail", limit=9, lease="w", until=now + timedelta(minutes=1), now=now)


async def started(desk: Desk, group: Sequence[Delivery]) -> dict[int, int]:
    async with desk.database.writing() as tx:
        return await attempts.start(tx, group, lease="w", actor="w", windows=WINDOWS, now=desk.now())


async def exchanged(desk: Desk, pairs: Sequence[tuple[Result | None, Delivery | None]]) -> dict[int, int] | None:
    async with desk.database.single() as tx:
        return await attempts.exchange(tx, pairs, lease="w", actor="w", windows=WINDOWS, now=desk.now())


async def ended(desk: Desk, group: Sequence[Delivery]) -> list[Result]:
    """Start each of the group, and let it end in one of the ways that leave the group plain."""
    opened = await started(desk, group)
    later = desk.now() + timedelta(minutes=5)
    ends = [end | ({"due_at": later} if end["state"] is QUEUED else {}) for end in ENDS]
    return [Result(one, opened[one.id], **end) for one, end in zip(group, ends, strict=True)]


async def written(desk: Desk, group: Sequence[Delivery]) -> list[tuple[Any, ...]]:
    """Everything that stands in the rows, but for what differs from one broadcast to the next."""
    own = {"id", "broadcast_id", "key", "attempt_id", "list_key", "list_name", "delivery_id"}
    columns = [each for each in delivery.c if each.name not in own]
    tried = [each for each in attempt.c if each.name not in own]
    rows = []
    async with desk.database.reading() as tx:
        for one in group:
            row = (await tx.execute(select(*columns).where(delivery.c.id == one.id))).one()
            history = await tx.execute(select(*tried).where(attempt.c.delivery_id == one.id).order_by(attempt.c.id))
            rows.append((*row, *(tuple(each) for each in history)))
    return rows


async def test_one_statement_writes_what_two_would(desk: Desk, clock: Clock) -> None:
    _number, one_way = await claimed(desk, "one", 9)
    _number, other_way = await claimed(desk, "two", 9)
    results, reference = await ended(desk, one_way[:5]), await ended(desk, other_way[:5])
    clock.advance(seconds=3)

    opened = await exchanged(desk, list(zip_longest(results[:3], one_way[5:])) + [(one, None) for one in results[3:]])
    assert opened is not None
    assert set(opened) == {one.id for one in one_way[5:]}
    async with desk.database.writing() as tx:
        await attempts.record(tx, reference, desk.now(), more=True)
    await started(desk, other_way[5:])

    there = await written(desk, one_way)
    assert there == await written(desk, other_way)
    assert len({row[-1] for row in there}) > 3, "the rows tell different stories"
    assert opened == await started(desk, one_way[5:]), "and they are the attempts that are in hand"


async def test_what_others_wait_for_is_left_to_the_way_that_looks_after_them(desk: Desk) -> None:
    _number, (one, two) = await claimed(desk, "one", 2)
    (attempt_id,) = (await started(desk, [one])).values()
    for state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED):
        lost = Result(one, attempt_id, Outcome.REJECTED, state, reason=Reason.NO_SUCH_MAILBOX)
        before = await written(desk, [one, two])
        assert await exchanged(desk, [(lost, two)]) is None
        assert await written(desk, [one, two]) == before


async def test_what_was_edited_in_hand_does_not_begin(desk: Desk) -> None:
    number, (one, two) = await claimed(desk, "one", 2)
    (attempt_id,) = (await started(desk, [one])).values()
    async with desk.database.writing() as tx:
        await tx.execute(update(delivery).where(delivery.c.id == two.id).values(revision=2))
    sent = Result(one, attempt_id, Outcome.SENT, SENT, receipt=Receipt((), None))
    assert await exchanged(desk, [(sent, two)]) is None
    assert await started(desk, [two]) == {}
    assert await states(desk, number) == [SENT, QUEUED]
    [again] = await reclaimed(desk)
    assert set(await started(desk, [again])) == {two.id}


async def test_what_may_not_go_out_is_let_go(desk: Desk) -> None:
    number, (one, two) = await claimed(desk, "one", 2)
    (attempt_id,) = (await started(desk, [one])).values()
    await broadcast.pause(desk, number)
    sent = Result(one, attempt_id, Outcome.SENT, SENT, receipt=Receipt((), None))
    assert await exchanged(desk, [(sent, two)]) is None
    assert await states(desk, number) == [SENT, SENDING], "what was sent is on record all the same"
    assert await started(desk, [two]) == {}
    assert await states(desk, number) == [SENT, QUEUED]


async def test_asked_twice_it_changes_nothing(desk: Desk) -> None:
    """A COMMIT whose answer was lost."""
    number, (one, two) = await claimed(desk, "one", 2)
    (attempt_id,) = (await started(desk, [one])).values()
    sent = Result(one, attempt_id, Outcome.SENT, SENT, receipt=Receipt((), None))
    opened = await exchanged(desk, [(sent, two)])
    before = await written(desk, [one, two])
    assert await exchanged(desk, [(sent, two)]) is None
    async with desk.database.writing() as tx:
        await attempts.record(tx, [sent], desk.now(), more=True)
    assert await started(desk, [two]) == opened
    assert await written(desk, [one, two]) == before
    assert await states(desk, number) == [SENT, SENDING]


async def test_its_plan_finds_every_row_by_its_number(desk: Desk) -> None:
    """Kept since the tables were empty, and no worse for that."""
    async with desk.database.single() as tx:
        asked = statement(tx, attempts._EXCHANGE, attempts._RESULT | attempts._FOLLOWING)
        types = "text[], timestamptz, text, text"
        numbered = asked.text
        for place, name in enumerate(("rows", "now", "lease", "actor"), start=1):
            numbered = numbered.replace(f":{name}", f"${place}")
        await tx.exec_driver_sql(f"PREPARE its ({types}) AS {numbered}")
        found = await tx.exec_driver_sql("EXPLAIN EXECUTE its (ARRAY[]::text[], now(), 'w', 'w')")
        plan = "\n".join(row[0] for row in found)
    assert "Seq Scan" not in plan, plan
    assert "ix_" not in plan, plan
    assert plan.count("pk_delivery") >= 3, plan
    assert plan.count("pk_attempt") >= 1, plan


# In the ledger


def a_ledger(desk: Desk, *, limits: Sequence[Limit] = ()) -> Ledger:
    return Ledger(
        desk.database,
        lease="w",
        actor="w",
        windows=WINDOWS,
        limits=limits,
        now=desk.now,
        on_settled=lambda _broadcasts: None,
        more=lambda: True,
    )


async def send(ledger: Ledger, group: Sequence[Delivery], sending: Sequence[Delivery] = ()) -> None:
    """Send one after the other, as a lane's sender does."""
    result: Result | None = None
    for one in group:
        attempt_id = await (ledger.exchange(result, one) if result else ledger.start(one))
        assert attempt_id is not None
        result = Result(one, attempt_id, Outcome.SENT, SENT, receipt=Receipt((), None))
    assert result is not None
    await ledger.record(result)


async def send_all(desk: Desk, ledger: Ledger, found: Sequence[Delivery], senders: int) -> list[str]:
    """Let senders share the letters. Returns the statements that it took."""
    said: list[str] = []
    assert desk.database._singles is not None
    engines = [desk.database.engine.sync_engine, desk.database._singles.sync_engine]

    def note(_connection: Any, _cursor: Any, words: str, *_rest: Any) -> None:
        said.append(words)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for first in range(senders):
                group.create_task(send(ledger, found[first::senders]))
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    return said


async def test_a_group_costs_one_statement(desk: Desk) -> None:
    number, found = await claimed(desk, "one", 60)
    said = await send_all(desk, a_ledger(desk), found, senders=10)
    assert await states(desk, number) == [SENT] * 60
    assert len(said) <= 3 * (60 // 10 + 1), "a group for each round of the senders, at worst three small ones"


async def test_behind_a_pooler_a_group_is_written_in_a_transaction(desk: Desk, migrated_url: str) -> None:
    number, found = await claimed(desk, "one", 12)
    behind = Database(migrated_url, pooler=True)
    try:
        assert not behind.has_singles
        async with asyncio.timeout(60):
            await send(a_ledger(replace(desk, database=behind)), found)
    finally:
        await behind.close()
    assert await states(desk, number) == [SENT] * 12


async def test_where_starts_are_counted_they_are_counted_first(desk: Desk) -> None:
    number, found = await claimed(desk, "one", 12)
    said = await send_all(desk, a_ledger(desk, limits=[Limit(100, timedelta(hours=1))]), found, senders=3)
    assert await states(desk, number) == [SENT] * 12
    assert any("pg_advisory_xact_lock" in words for words in said)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
async def test_a_lost_line_loses_no_word(desk: Desk, n: int, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th call fails, or happens and its answer is lost."""
    monkeypatch.setattr("delivery.ledger._RETRY_SECONDS", 0.01)
    number, found = await claimed(desk, "one", 12)
    wire = Tripwire()
    wire.arm(n, moment)
    with wire.laid():
        await send_all(desk, a_ledger(desk), found, senders=3)
    assert wire.tripped
    assert await states(desk, number) == [SENT] * 12
    async with desk.database.reading() as tx:
        rows = list(await tx.execute(select(attempt.c.outcome)))
    assert [row.outcome for row in rows] == [Outcome.SENT] * 12, "one attempt each, and all of them closed"
