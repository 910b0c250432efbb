"""Runs the migrations on the connection that `delivery.schema` hands over."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from delivery.tables import metadata

_LOCK = 7_408_226_411  # any number, the same in every process: migrations of one Postgres take turns


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.run_migrations()
    connection.commit()


_connection: Any = context.config.attributes["connection"]
_run(_connection)
