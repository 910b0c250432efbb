"""What SQLite and Postgres spell differently, and a way to hand over many rows as one parameter.

A statement that takes a whole group of rows as one JSON text costs one journey to the database, where `executemany`
costs one for each row on Postgres and a good deal of Python on both.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Table, TextClause, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite

from delivery.columns import Instant
from delivery.database import Tx

__all__ = ["in_json", "is_postgres", "moment", "read_moment", "statement", "upsert"]

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_FRAGMENTS = {
    "sqlite": {
        "new_key": "lower(hex(randomblob(16)))",
        "domain_m": "lower(substr(m.address, instr(m.address, '@') + 1))",
        "lock_d": "",  # the writing transaction holds the whole file
        "skip_locked_d": "",
    },
    "postgresql": {
        "new_key": "replace(CAST(gen_random_uuid() AS text), '-', '')",
        "domain_m": "lower(split_part(m.address, '@', 2))",
        "lock_d": "FOR UPDATE OF d",
        "skip_locked_d": "FOR UPDATE OF d SKIP LOCKED",
    },
}


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def is_postgres(tx: Tx) -> bool:
    """Tell whether the database in use is Postgres."""
    return tx.dialect.name == "postgresql"


def upsert(tx: Tx, table: Table) -> Any:
    """Return an INSERT of the database in use, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return _INSERTS[tx.dialect.name](table)


@cache
def _statement(dialect: str, sql: str, columns: tuple[tuple[str, str], ...]) -> TextClause:
    fragments = dict(_FRAGMENTS[dialect])
    if dialect == "sqlite":
        fields = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, (name, _type) in enumerate(columns))
        fragments["rows"] = f"(SELECT {fields} FROM json_each(:rows)) AS r"  # noqa: S608 - names of ours
    else:
        # An array, because of that the planner knows the length.
        fields = ", ".join(f"CAST(row ->> {i} AS {type_}) AS {name}" for i, (name, type_) in enumerate(columns))
        listed = "SELECT CAST(one AS jsonb) AS row FROM unnest(CAST(:rows AS text[])) AS one"
        fragments["rows"] = f"(SELECT {fields} FROM ({listed}) AS listed) AS r"  # noqa: S608 - names of ours
    found = text(sql.format(**fragments))
    moments = [bindparam(name, type_=Instant()) for name in ("now", "due", "until") if f":{name}" in sql]
    return found.bindparams(*moments)


def statement(tx: Tx, sql: str, columns: Mapping[str, str] | None = None) -> TextClause:
    """Return `sql` for the database in use; the parameters :now, :due and :until are instants.

    {rows} becomes a table `r` with these columns (name -> Postgres type), read from the parameter :rows, which
    `in_json` writes; {new_key} makes 32 hexadecimal digits for each row; {domain_m} is what stands behind the @ in the
    address of the alias m; {lock_d} locks the rows of the alias d, and {skip_locked_d} those that nobody else has
    locked.
    """
    return _statement(tx.dialect.name, sql, tuple((columns or {}).items()))


def in_json(tx: Tx, rows: Sequence[Sequence[Any]]) -> str | list[str]:
    """Write rows for the parameter :rows."""
    return list(map(_encoder.encode, rows)) if is_postgres(tx) else _encoder.encode(rows)


def moment(tx: Tx, value: datetime | None) -> str | None:
    """Write an instant as the database in use keeps it, for a column of {rows}."""
    if value is None:
        return None
    utc = value.astimezone(UTC)
    return utc.isoformat() if is_postgres(tx) else utc.strftime("%Y-%m-%d %H:%M:%S.%f")


def read_moment(value: datetime | str | None) -> datetime | None:
    """Read an instant that came back of a statement in text: SQLite keeps it as text without an offset."""
    if isinstance(value, str):
        return _read_utc(value)
    return None if value is None else value.astimezone(UTC)


@lru_cache(maxsize=64)  # what was released together waits since the same moment
def _read_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
