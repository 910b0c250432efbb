"""Let a broadcast correct or recall another one, and a delivery change or take away what another one brought."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# In words of SQL, since SQLite can add a column with its condition, but a condition alone only by copying the table.
_COLUMNS = (
    """ALTER TABLE broadcast ADD COLUMN kind TEXT DEFAULT 'announcement' NOT NULL
CONSTRAINT ck_broadcast_kind CHECK (kind IN ('announcement', 'correction', 'recall'))""",
    """ALTER TABLE broadcast ADD COLUMN about {number}
CONSTRAINT fk_broadcast_about REFERENCES broadcast (id)""",
    """ALTER TABLE delivery ADD COLUMN act TEXT DEFAULT 'send' NOT NULL
CONSTRAINT ck_delivery_act CHECK (act IN ('send', 'correct', 'withdraw'))""",
    """ALTER TABLE delivery ADD COLUMN about {number}
CONSTRAINT fk_delivery_about REFERENCES delivery (id)""",
)
_NUMBER = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
_ONLY = sa.text("about IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    number = _NUMBER[op.get_bind().dialect.name]
    for column in _COLUMNS:
        op.execute(column.format(number=number))
    op.create_index("ix_delivery_about", "delivery", ["about"], sqlite_where=_ONLY, postgresql_where=_ONLY)
