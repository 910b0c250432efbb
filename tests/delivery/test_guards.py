"""The database refuses what the table of states forbids, counts what moves, and comes there from the first schema."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from delivery import guards, schema
from delivery.database import Database, Tx
from delivery.model import TRANSITIONS, DeliveryState
from delivery.schema import Standing
from delivery.tables import announcement, attempt, broadcast, delivery, progress
from tests.support import drawing

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
Counts = dict[tuple[int, str], dict[str, int]]


async def a_broadcast(tx: Tx) -> int:
    values = {"stage": "confirmed", "author": "e", "targets": [], "urgent": False, "created_at": NOW}
    number = (await tx.execute(insert(announcement).values(values).returning(announcement.c.id))).scalar_one()
    its = {
        "announcement_id": number,
        "revision": 1,
        "release_key": f"{number}",
        "state": "running",
        "urgent": False,
        "released_by": "e",
        "released_at": NOW,
    }
    found: int = (await tx.execute(insert(broadcast).values(its).returning(broadcast.c.id))).scalar_one()
    return found


async def put(
    tx: Tx, broadcast_id: int, states: Sequence[str], channel: str = "mail", first: int = 0, list_key: str = ""
) -> None:
    rows = [
        {
            "broadcast_id": broadcast_id,
            "revision": 1,
            "channel": channel,
            "address": f"{first + place:06}@x.ru",
            "part": 1,
            "name": "",
            "organisation": "",
            "list_key": list_key,
            "list_name": "",
            "state": state,
            "key": "k",
            "doubtful": False,
            "due_at": NOW,
            "attempts": 0,
            "detail": "",
            "queued_at": NOW,
            "updated_at": NOW,
        }
        for place, state in enumerate(states)
    ]
    await tx.execute(insert(delivery).values(rows))


async def counted(database: Database) -> Counts:
    """What the database has counted, without what it counts as none."""
    sums = [func.sum(progress.c[state.value]).label(state.value) for state in DeliveryState]
    chosen = select(progress.c.broadcast_id, progress.c.channel, *sums).group_by(progress.c[0], progress.c[1])
    async with database.reading() as tx:
        found = await tx.execute(chosen)
        return {(row[0], row[1]): {s.value: int(row._mapping[s.value]) for s in DeliveryState} for row in found}


async def true(database: Database) -> Counts:
    """What counting the rows says."""
    each = [func.count().filter(delivery.c.state == state.value).label(state.value) for state in DeliveryState]
    chosen = select(delivery.c.broadcast_id, delivery.c.channel, *each).group_by(delivery.c[1], delivery.c.channel)
    async with database.reading() as tx:
        found = await tx.execute(chosen)
        return {(row[0], row[1]): {s.value: int(row._mapping[s.value]) for s in DeliveryState} for row in found}


# Steps


async def is_possible(database: Database, number: int, before: DeliveryState, after: DeliveryState) -> bool:
    address = f"{list(DeliveryState).index(after):06}@x.ru"
    async with database.writing() as tx:
        await put(tx, number, [before], first=list(DeliveryState).index(after))
    with nullcontext() if after in {before, *TRANSITIONS[before]} else pytest.raises(DBAPIError, match=guards.REFUSAL):
        async with database.writing() as tx:
            moved = text("UPDATE delivery SET state = :after WHERE address = :address")
            await tx.execute(moved, {"after": after.value, "address": address})
    async with database.reading() as tx:
        found = await tx.execute(select(delivery.c.state).where(delivery.c.address == address))
        return bool(found.scalar_one() == after)


@pytest.mark.parametrize("before", DeliveryState)
async def test_only_the_steps_of_the_table_are_possible(database: Database, before: DeliveryState) -> None:
    async with database.writing() as tx:
        number = await a_broadcast(tx)
    possible = {after for after in DeliveryState if await is_possible(database, number, before, after)}
    assert possible == TRANSITIONS[before] | {before}  # standing still is no step
    assert await counted(database) == await true(database)


async def test_one_forbidden_step_takes_back_the_whole_statement(database: Database) -> None:
    async with database.writing() as tx:
        await put(tx, await a_broadcast(tx), ["queued", "sent", "queued"])
    before = await true(database)
    with pytest.raises(DBAPIError, match=guards.REFUSAL):
        async with database.writing() as tx:
            await tx.execute(text("UPDATE delivery SET state = 'sending'"))
    assert await true(database) == await counted(database) == before


def test_every_state_can_be_reached_and_left_as_the_words_say() -> None:
    steps = {(before, after) for before, after in product(DeliveryState, repeat=2) if after in TRANSITIONS[before]}
    assert {after for _before, after in steps} == set(DeliveryState)
    assert {state for state in DeliveryState if not TRANSITIONS[state]} == {"cancelled"}


def test_the_page_shows_the_states_of_the_code() -> None:
    _before, diagram, _behind = drawing.parted(drawing.PAGE.read_text(encoding="utf-8"))
    assert diagram == drawing.drawn(), "python -m tests.support.drawing draws it anew"


def test_the_page_says_of_every_state_what_is_known() -> None:
    _before, _diagram, behind = drawing.parted(drawing.PAGE.read_text(encoding="utf-8"))
    told = [line.split("`")[1] for line in behind.splitlines() if line.startswith("| `")]
    assert told == [state.value for state in DeliveryState]


# Guards in place

_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_POSTGRES = """
SELECT tgname, pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t
 WHERE NOT tgisinternal AND tgrelid = 'delivery'::regclass
"""


async def standing_guards(tx: Tx) -> dict[str, str]:
    sqlite = tx.dialect.name == "sqlite"
    found = await tx.execute(text(_SQLITE if sqlite else _POSTGRES))
    return {row[0]: " ".join(row[1].split()) for row in found}


async def test_what_stands_in_a_migrated_database_is_what_the_code_makes(database: Database) -> None:
    async with database.writing() as tx:
        migrated = await standing_guards(tx)
        for name in migrated:
            await tx.exec_driver_sql(
                f"DROP TRIGGER {name}" if database.dialect == "sqlite" else f"DROP FUNCTION {name} CASCADE"
            )
        assert await standing_guards(tx) == {}
        for statement in guards.statements(database.dialect):
            await tx.exec_driver_sql(statement)
        made = await standing_guards(tx)
    assert migrated == made
    assert set(made) == {"delivery_step", "delivery_counted", "delivery_moved"}


# Counters


async def test_counters_follow_inserts_moves_and_rollbacks(database: Database) -> None:
    async with database.writing() as tx:
        one, two = await a_broadcast(tx), await a_broadcast(tx)
        await put(tx, one, ["queued"] * 5 + ["sending"] * 3)
        await put(tx, one, ["queued"] * 2, channel="wall")
        await put(tx, two, ["failed", "unconfirmed", "sent", "cancelled"])
    async with database.writing() as tx:
        await tx.execute(text("UPDATE delivery SET state = 'sent' WHERE state = 'sending'"))
        await tx.execute(text("UPDATE delivery SET state = 'queued' WHERE state IN ('failed', 'unconfirmed')"))
        await tx.execute(text("UPDATE delivery SET detail = 'x'"))
    async with database.engine.connect() as tx:
        await tx.execute(text("UPDATE delivery SET state = 'sending' WHERE state = 'queued'"))
        await put(tx, two, ["queued"], channel="wall")
        await tx.rollback()
    nothing = dict.fromkeys(DeliveryState, 0)
    assert await counted(database) == {
        (one, "mail"): nothing | {"queued": 5, "sent": 3},
        (one, "wall"): nothing | {"queued": 2},
        (two, "mail"): nothing | {"queued": 2, "sent": 1, "cancelled": 1},
    }
    assert await counted(database) == await true(database)


async def test_counters_are_right_when_many_count_at_once(database: Database) -> None:
    workers, rounds = 6, 20
    async with database.writing() as tx:
        number = await a_broadcast(tx)

    async def work(me: int) -> None:
        for turn in range(rounds):
            async with database.writing() as tx:
                await put(tx, number, ["queued"] * 2, first=(me * rounds + turn) * 2)
            for after in ("sending", "sent"):
                async with database.writing() as tx:
                    moved = "UPDATE delivery SET state = :after WHERE address >= :low AND address < :high"
                    low, high = (me * rounds + turn) * 2, (me * rounds + turn) * 2 + 1 + (after == "sending")
                    values = {"after": after, "low": f"{low:06}", "high": f"{high:06}"}
                    await tx.execute(text(moved), values)

    async with asyncio.TaskGroup() as group:
        for me in range(workers):
            group.create_task(work(me))
    assert await counted(database) == await true(database)
    assert (await counted(database))[number, "mail"]["sent"] == workers * rounds


# From the first schema

STATES_OF_OLD = ("queued", "sending", "sent", "failed", "unconfirmed", "cancelled")


@pytest.fixture
async def old(database_url: str) -> AsyncIterator[Database]:
    """A database as the first migration left it, with a delivery in each state of that time."""
    database = Database(database_url)
    async with database.engine.connect() as connection:
        await connection.run_sync(_first_schema)
    async with database.writing() as tx:
        number = await a_broadcast(tx)
        await put(tx, number, STATES_OF_OLD, list_key="all")
        await put(tx, number, ["queued", "sent", "sent"], channel="wall")
        for row in list(await tx.execute(select(delivery.c.id))):
            tried = {"delivery_id": row.id, "number": 1, "started_at": NOW, "detail": "", "actor": "w"}
            await tx.execute(insert(attempt).values(tried))
    yield database
    await database.close()


def _first_schema(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def rows_of(database: Database, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    async with database.reading() as tx:
        chosen = select(*(table.c[name] for name in columns)).order_by(table.c.id)
        return [tuple(row) for row in await tx.execute(chosen)]


async def test_an_old_database_is_told_from_a_current_one(old: Database) -> None:
    assert await schema.standing(old) is Standing.OLDER
    await schema.upgrade(old)
    assert await schema.standing(old) is Standing.CURRENT


async def test_an_upgrade_keeps_every_row_and_counts_them(old: Database) -> None:
    added = {"destination", "act", "about"}
    columns = [column.name for column in delivery.c if column.name not in added]
    before = await rows_of(old, delivery, *columns)
    sent_out = await rows_of(old, broadcast, "id", "state", "release_key", "released_at")
    await schema.upgrade(old)
    assert await rows_of(old, delivery, *columns) == before
    assert await rows_of(old, broadcast, "id", "state", "release_key", "released_at") == sent_out
    assert await counted(old) == await true(old)
    assert (await counted(old))[1, "mail"] == dict.fromkeys(DeliveryState, 0) | dict.fromkeys(STATES_OF_OLD, 1)
    channels = await rows_of(old, attempt, "channel")
    assert channels == [("mail",)] * 6 + [("wall",)] * 3
    assert await rows_of(old, delivery, "destination") == [("x.ru",)] * 6 + [("",)] * 3
    assert await rows_of(old, delivery, "act", "about") == [("send", None)] * 9
    assert await rows_of(old, broadcast, "kind", "about") == [("announcement", None)] * len(sent_out)


async def test_an_upgraded_database_guards_and_counts(old: Database) -> None:
    await schema.upgrade(old)
    async with old.writing() as tx:
        await tx.execute(text("UPDATE broadcast SET state = 'paused'"))
        await tx.execute(text("UPDATE delivery SET state = 'sending' WHERE state = 'queued'"))
        await put(tx, 1, ["queued"], first=100)
    assert await counted(old) == await true(old)
    with pytest.raises(DBAPIError, match=guards.REFUSAL):
        async with old.writing() as tx:
            await tx.execute(text("UPDATE delivery SET state = 'queued' WHERE state = 'sent'"))
    async with old.writing() as tx:
        await tx.execute(text("UPDATE delivery SET state = 'returned' WHERE state = 'sent'"))
    assert await counted(old) == await true(old)


async def test_an_upgraded_database_has_the_indexes_of_a_new_one(old: Database, database: Database) -> None:
    await schema.upgrade(old)

    def indexes(connection: Connection) -> dict[str, list[tuple[str, list[str | None]]]]:
        looked = inspect(connection)
        return {
            table: sorted((str(index["name"]), index["column_names"]) for index in looked.get_indexes(table))
            for table in looked.get_table_names()
        }

    async with old.reading() as first, database.reading() as second:
        assert await first.run_sync(indexes) == await second.run_sync(indexes)
