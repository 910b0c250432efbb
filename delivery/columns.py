"""What the columns of the schema are made of: an instant, a row's number, a word of a list, an index of a few rows."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Integer, TypeDecorator, text

__all__ = ["BigId", "Instant", "one_of", "only"]


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite hands back naive values, so this refuses naive input and returns aware output."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC. Raises ValueError for a naive value."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return with the offset that SQLite forgot."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


def one_of(column: str, words: type[Any]) -> CheckConstraint:
    """Let a column hold nothing but the words of an enumeration."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def only(condition: str) -> dict[str, Any]:
    """Make an index partial on both databases. The state stands as a literal: a bound one would not use the index."""
    return {f"{dialect}_where": text(condition) for dialect in ("sqlite", "postgresql")}
