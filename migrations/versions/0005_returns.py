"""Let a delivery come back, and remember what mailboxes for returns have brought."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import delivery.columns

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "'queued', 'sending', 'sent', 'failed', 'unconfirmed', 'cancelled', 'returned'"

# Copies of what `delivery.guards` says: a migration must not change when the code does.
_GUARDS = {
    "sqlite": (
        """CREATE TRIGGER delivery_step BEFORE UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state AND NOT (
  OLD.state = 'queued' AND NEW.state IN ('cancelled', 'failed', 'sending', 'unconfirmed')
  OR OLD.state = 'sending' AND NEW.state IN ('cancelled', 'failed', 'queued', 'sent', 'unconfirmed')
  OR OLD.state = 'sent' AND NEW.state IN ('returned')
  OR OLD.state = 'failed' AND NEW.state IN ('queued')
  OR OLD.state = 'unconfirmed' AND NEW.state IN ('failed', 'queued', 'returned', 'sent')
  OR OLD.state = 'returned' AND NEW.state IN ('queued')
)
BEGIN
  SELECT RAISE(ABORT, 'forbidden step of a delivery');
END""",
        """CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
BEGIN
  INSERT INTO progress (broadcast_id, channel, shard, queued, sending, sent, failed, unconfirmed, cancelled, returned)
  VALUES (NEW.broadcast_id, NEW.channel, 0,
    NEW.state = 'queued',
    NEW.state = 'sending',
    NEW.state = 'sent',
    NEW.state = 'failed',
    NEW.state = 'unconfirmed',
    NEW.state = 'cancelled',
    NEW.state = 'returned')
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    queued = queued + excluded.queued,
    sending = sending + excluded.sending,
    sent = sent + excluded.sent,
    failed = failed + excluded.failed,
    unconfirmed = unconfirmed + excluded.unconfirmed,
    cancelled = cancelled + excluded.cancelled,
    returned = returned + excluded.returned;
END""",
        """CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE progress SET
    queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
    sending = sending + (NEW.state = 'sending') - (OLD.state = 'sending'),
    sent = sent + (NEW.state = 'sent') - (OLD.state = 'sent'),
    failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
    unconfirmed = unconfirmed + (NEW.state = 'unconfirmed') - (OLD.state = 'unconfirmed'),
    cancelled = cancelled + (NEW.state = 'cancelled') - (OLD.state = 'cancelled'),
    returned = returned + (NEW.state = 'returned') - (OLD.state = 'returned')
  WHERE broadcast_id = NEW.broadcast_id AND channel = NEW.channel AND shard = 0;
END""",
    ),
    "postgresql": (
        """CREATE FUNCTION delivery_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'forbidden step of a delivery: % -> %', OLD.state, NEW.state;
END $$""",
        """CREATE TRIGGER delivery_step BEFORE UPDATE OF state ON delivery FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
  OLD.state = 'queued' AND NEW.state IN ('cancelled', 'failed', 'sending', 'unconfirmed')
  OR OLD.state = 'sending' AND NEW.state IN ('cancelled', 'failed', 'queued', 'sent', 'unconfirmed')
  OR OLD.state = 'sent' AND NEW.state IN ('returned')
  OR OLD.state = 'failed' AND NEW.state IN ('queued')
  OR OLD.state = 'unconfirmed' AND NEW.state IN ('failed', 'queued', 'returned', 'sent')
  OR OLD.state = 'returned' AND NEW.state IN ('queued')
))
EXECUTE FUNCTION delivery_step()""",
        """CREATE FUNCTION delivery_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard,
    queued, sending, sent, failed, unconfirmed, cancelled, returned)
  SELECT n.broadcast_id, n.channel, pg_backend_pid() % 8,
    count(*) FILTER (WHERE n.state = 'queued'),
    count(*) FILTER (WHERE n.state = 'sending'),
    count(*) FILTER (WHERE n.state = 'sent'),
    count(*) FILTER (WHERE n.state = 'failed'),
    count(*) FILTER (WHERE n.state = 'unconfirmed'),
    count(*) FILTER (WHERE n.state = 'cancelled'),
    count(*) FILTER (WHERE n.state = 'returned')
  FROM added n GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    queued = p.queued + excluded.queued,
    sending = p.sending + excluded.sending,
    sent = p.sent + excluded.sent,
    failed = p.failed + excluded.failed,
    unconfirmed = p.unconfirmed + excluded.unconfirmed,
    cancelled = p.cancelled + excluded.cancelled,
    returned = p.returned + excluded.returned;
  RETURN NULL;
END $$""",
        """CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION delivery_counted()""",
        """CREATE FUNCTION delivery_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard,
    queued, sending, sent, failed, unconfirmed, cancelled, returned)
  SELECT broadcast_id, channel, pg_backend_pid() % 8,
    coalesce(sum(moved) FILTER (WHERE state = 'queued'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'sending'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'sent'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'failed'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'unconfirmed'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'cancelled'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'returned'), 0)
  FROM (
    SELECT broadcast_id, channel, state, sum(by) AS moved FROM (
      SELECT broadcast_id, channel, state, 1 AS by FROM after
      UNION ALL SELECT broadcast_id, channel, state, -1 FROM before) AS both_sides
    GROUP BY 1, 2, 3 HAVING sum(by) <> 0) AS net
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    queued = p.queued + excluded.queued,
    sending = p.sending + excluded.sending,
    sent = p.sent + excluded.sent,
    failed = p.failed + excluded.failed,
    unconfirmed = p.unconfirmed + excluded.unconfirmed,
    cancelled = p.cancelled + excluded.cancelled,
    returned = p.returned + excluded.returned;
  RETURN NULL;
END $$""",
        """CREATE TRIGGER delivery_moved AFTER UPDATE ON delivery
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION delivery_moved()""",
    ),
}
_OLD_GUARDS = ("delivery_step", "delivery_counted", "delivery_moved")


def upgrade() -> None:
    """Apply."""
    on_postgres = op.get_bind().dialect.name == "postgresql"
    for name in _OLD_GUARDS:
        op.execute(f"DROP FUNCTION {name} CASCADE" if on_postgres else f"DROP TRIGGER {name}")
    op.drop_index("ix_delivery_trouble", "delivery")
    # SQLite tells no name of a key that a column brought along: it gets its own again.
    with op.batch_alter_table("delivery", naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s"}) as batch:
        batch.drop_constraint(op.f("ck_delivery_state"), type_="check")
        batch.create_check_constraint(op.f("ck_delivery_state"), f"state IN ({_STATES})")
    _index(
        "ix_delivery_trouble",
        "delivery",
        ["broadcast_id", "id"],
        "state IN ('failed', 'unconfirmed', 'returned')",
    )
    op.execute("ALTER TABLE progress ADD COLUMN returned BIGINT DEFAULT 0 NOT NULL")
    op.create_table(
        "returned_letter",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.Column("put_away", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "digest", name=op.f("pk_returned_letter")),
    )
    _index("ix_returned_letter_lying", "returned_letter", ["channel", "validity"], "NOT put_away")
    op.create_table(
        "returned",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("delivery_id", _NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("written_at", delivery.columns.Instant(timezone=True), nullable=True),
        sa.Column("at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_returned_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returned")),
    )
    op.create_index(op.f("ix_returned_delivery_id"), "returned", ["delivery_id"])
    _index("ix_returned_counting", "returned", ["address", "at"], "counts")
    _index("ix_returned_waiting", "returned", ["id"], "waits")
    op.create_table(
        "return_box",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("read_at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.Column("forged", sa.BigInteger(), nullable=False),
        sa.Column("strange", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_return_box")),
    )
    for guard in _GUARDS["postgresql" if on_postgres else "sqlite"]:
        op.execute(guard)


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
