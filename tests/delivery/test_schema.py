"""Where a database stands, told without Alembic, agrees with what Alembic says."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from delivery import schema
from delivery.database import Database
from delivery.schema import Standing


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def set_revision(database: Database, revision: str) -> None:
    async with database.writing() as tx:
        await tx.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


def test_files_are_named_as_alembic_chains_them() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    chained = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert schema.revisions() == chained[::-1]


async def test_a_database_is_empty_then_current(empty: Database) -> None:
    assert (await schema.revision(empty), await schema.standing(empty)) == (None, Standing.EMPTY)
    await schema.upgrade(empty)
    assert await schema.standing(empty) is Standing.CURRENT
    async with empty.reading() as tx:
        by_alembic = await tx.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    assert await schema.revision(empty) == by_alembic == schema.newest()


async def test_a_revision_that_nobody_knows_is_a_newer_one(empty: Database) -> None:
    await schema.upgrade(empty)
    await set_revision(empty, "9999")
    assert await schema.standing(empty) is Standing.NEWER


async def test_a_database_whose_first_migration_never_ended_is_empty(empty: Database) -> None:
    await schema.upgrade(empty)
    async with empty.writing() as tx:
        await tx.exec_driver_sql("DELETE FROM alembic_version")
    assert await schema.standing(empty) is Standing.EMPTY


async def test_a_migration_that_leaves_rows_pointing_nowhere_is_refused(empty: Database) -> None:
    if empty.dialect != "sqlite":
        pytest.skip("Postgres looks at every row itself")
    await schema.upgrade(empty)

    def leaves_an_orphan(connection: Connection) -> None:
        with schema._foreign_keys_off(connection):
            connection.exec_driver_sql(
                "INSERT INTO filling VALUES (1, 99, 1, 'mail', 'no such list', 1, '', 'now', 0, '')"
            )

    async with empty.without_limits() as connection:
        with pytest.raises(RuntimeError, match="point nowhere"):
            await connection.run_sync(leaves_an_orphan)


def test_looking_loads_no_alembic() -> None:
    script = "import sys, delivery.schema as schema; schema.newest(); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
