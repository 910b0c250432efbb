"""Brings a database to the schema of this code, and tells where it stands."""

from enum import StrEnum

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from delivery.database import Database


class Standing(StrEnum):
    """How the database's schema relates to the code's."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


def newest() -> str:
    """Return the revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the migrations folder holds no migration")
    return head


async def revision(database: Database) -> str | None:
    """Return the revision of the database, None when it holds no schema of ours."""
    async with database.reading() as tx:
        return await tx.run_sync(lambda connection: MigrationContext.configure(connection).get_current_revision())


async def standing(database: Database) -> Standing:
    """Compare the database's schema with the code's."""
    found = await revision(database)
    if found is None:
        return Standing.EMPTY
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    if found not in known:
        return Standing.NEWER
    return Standing.CURRENT if found == known[0] else Standing.OLDER


async def upgrade(database: Database) -> None:
    """Run every migration that is missing. Two processes that start together take turns."""
    async with database.engine.connect() as connection:
        # Migrations bring their own transactions, and on SQLite they rebuild tables with foreign keys off.
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    return config


__all__ = ["Standing", "newest", "revision", "standing", "upgrade"]
