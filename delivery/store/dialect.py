"""The one statement that SQLAlchemy spells differently for SQLite and Postgres: insert unless it is there."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from delivery.database import Tx

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(tx: Tx, table: Table) -> Any:
    """Return an INSERT of the database in use, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return _INSERTS[tx.dialect.name](table)
