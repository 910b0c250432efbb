"""Brings a database to the schema of this code, and tells where it stands.

Where it stands is read without Alembic: loading that costs a quarter of a second, which `rupor status` need not pay.
Each migration is a file `NNNN_words.py`, and NNNN is its revision; Alembic keeps the last one in a table of its own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import resources

from sqlalchemy import Connection, inspect, text

from delivery.database import Database

__all__ = ["Standing", "newest", "revision", "revisions", "standing", "upgrade"]

_MIGRATIONS = "migrations.versions"
_MIGRATION = re.compile(r"(?P<revision>\d{4})_\w+\.py")
_VERSIONS = "alembic_version"


class Standing(StrEnum):
    """How the database's schema relates to the code's."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


def revisions() -> list[str]:
    """Return every revision that this code knows, the oldest first."""
    names = (file.name for file in resources.files(_MIGRATIONS).iterdir())
    return sorted(found["revision"] for found in map(_MIGRATION.fullmatch, names) if found)


def newest() -> str:
    """Return the revision that this code needs."""
    return revisions()[-1]


async def revision(database: Database) -> str | None:
    """Return the revision of the database, None when it holds no schema of ours."""
    async with database.reading() as tx:
        if not await tx.run_sync(lambda connection: inspect(connection).has_table(_VERSIONS)):
            return None
        found: str | None = (await tx.execute(text(f"SELECT version_num FROM {_VERSIONS}"))).scalar_one_or_none()  # noqa: S608
        return found


async def standing(database: Database) -> Standing:
    """Compare the database's schema with the code's."""
    found, known = await revision(database), revisions()
    if found is None:
        return Standing.EMPTY
    if found not in known:
        return Standing.NEWER
    return Standing.CURRENT if found == known[-1] else Standing.OLDER


async def upgrade(database: Database) -> None:
    """Run every migration that is missing. Two processes that start together take turns."""
    async with database.without_limits() as connection:
        # Migrations bring their own transactions.
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "migrations:.")
    config.attributes["connection"] = connection
    with _foreign_keys_off(connection):
        command.upgrade(config, "head")


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Let a table of SQLite be rebuilt although rows of others point to it: https://sqlite.org/lang_altertable.html.

    Inside a transaction the pragma does nothing, and SQLAlchemy begins one with the first statement that it sees.
    Raises RuntimeError when a row points nowhere afterwards.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        cursor.execute("PRAGMA foreign_key_check")
        if lost := cursor.fetchall():
            raise RuntimeError(f"rows that point nowhere: {lost[:5]}")
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
