"""Keep tags and consent of addresses, what imports changed, and marks of addresses that were erased on request."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import delivery.columns

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# In words of SQL, since SQLite can add a column with its condition, but a condition alone only by copying the table.
_COLUMNS = (
    "ALTER TABLE member ADD COLUMN tags TEXT DEFAULT '' NOT NULL",
    """ALTER TABLE member ADD COLUMN consent TEXT DEFAULT 'unknown' NOT NULL
CONSTRAINT ck_member_consent CHECK (consent IN ('yes', 'no', 'unknown'))""",
    "ALTER TABLE member ADD COLUMN consent_source TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE member ADD COLUMN consent_on TEXT DEFAULT '' NOT NULL",
    """ALTER TABLE member ADD COLUMN import_id {number}
CONSTRAINT fk_member_import_id REFERENCES list_import (id)""",
    "ALTER TABLE filling ADD COLUMN tag TEXT DEFAULT '' NOT NULL",
)
_NUMBERS = {"sqlite": "INTEGER", "postgresql": "BIGINT"}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "list_import",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("list_key", sa.Text(), nullable=False),
        sa.Column("made_list", sa.Boolean(), nullable=False),
        sa.Column("name_before", sa.Text(), nullable=False),
        sa.Column("name_after", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.Column("undone_at", delivery.columns.Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_import")),
    )
    op.create_index("ix_list_import_list", "list_import", ["list_key", "id"])
    op.create_table(
        "list_change",
        sa.Column("import_id", _NUMBER, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("consent", sa.Text(), nullable=True),
        sa.Column("consent_source", sa.Text(), nullable=True),
        sa.Column("consent_on", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("added_at", delivery.columns.Instant(timezone=True), nullable=True),
        sa.Column("previous_import", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('added', 'updated', 'removed')", name=op.f("ck_list_change_kind")),
        sa.ForeignKeyConstraint(["import_id"], ["list_import.id"], name=op.f("fk_list_change_import_id")),
        sa.PrimaryKeyConstraint("import_id", "address", name=op.f("pk_list_change")),
    )
    op.create_index("ix_list_change_address", "list_change", ["address"])
    op.create_table(
        "erased",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_erased")),
    )
    number = _NUMBERS[op.get_bind().dialect.name]
    for column in _COLUMNS:
        op.execute(column.format(number=number))
