"""Count deliveries as they move, refuse forbidden steps, let a broadcast be paused, fill large ones in slices."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import delivery.columns

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOMAIN = {
    "sqlite": "lower(substr(address, instr(address, '@') + 1))",
    "postgresql": "lower(split_part(address, '@', 2))",
}
_STATES = ("queued", "sending", "sent", "failed", "unconfirmed", "cancelled")

# Copies of what `delivery.guards` says: a migration must not change when the code does.
_GUARDS = {
    "sqlite": (
        """CREATE TRIGGER delivery_step BEFORE UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state AND NOT (
  OLD.state = 'queued' AND NEW.state IN ('cancelled', 'failed', 'sending', 'unconfirmed')
  OR OLD.state = 'sending' AND NEW.state IN ('cancelled', 'failed', 'queued', 'sent', 'unconfirmed')
  OR OLD.state = 'failed' AND NEW.state IN ('queued')
  OR OLD.state = 'unconfirmed' AND NEW.state IN ('failed', 'queued', 'sent')
)
BEGIN
  SELECT RAISE(ABORT, 'forbidden step of a delivery');
END""",
        """CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
BEGIN
  INSERT INTO progress (broadcast_id, channel, shard, queued, sending, sent, failed, unconfirmed, cancelled)
  VALUES (NEW.broadcast_id, NEW.channel, 0,
    NEW.state = 'queued',
    NEW.state = 'sending',
    NEW.state = 'sent',
    NEW.state = 'failed',
    NEW.state = 'unconfirmed',
    NEW.state = 'cancelled')
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    queued = queued + excluded.queued,
    sending = sending + excluded.sending,
    sent = sent + excluded.sent,
    failed = failed + excluded.failed,
    unconfirmed = unconfirmed + excluded.unconfirmed,
    cancelled = cancelled + excluded.cancelled;
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
    cancelled = cancelled + (NEW.state = 'cancelled') - (OLD.state = 'cancelled')
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
  OR OLD.state = 'failed' AND NEW.state IN ('queued')
  OR OLD.state = 'unconfirmed' AND NEW.state IN ('failed', 'queued', 'sent')
))
EXECUTE FUNCTION delivery_step()""",
        """CREATE FUNCTION delivery_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard, queued, sending, sent, failed, unconfirmed, cancelled)
  SELECT n.broadcast_id, n.channel, pg_backend_pid() % 8,
    count(*) FILTER (WHERE n.state = 'queued'),
    count(*) FILTER (WHERE n.state = 'sending'),
    count(*) FILTER (WHERE n.state = 'sent'),
    count(*) FILTER (WHERE n.state = 'failed'),
    count(*) FILTER (WHERE n.state = 'unconfirmed'),
    count(*) FILTER (WHERE n.state = 'cancelled')
  FROM added n GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    queued = p.queued + excluded.queued,
    sending = p.sending + excluded.sending,
    sent = p.sent + excluded.sent,
    failed = p.failed + excluded.failed,
    unconfirmed = p.unconfirmed + excluded.unconfirmed,
    cancelled = p.cancelled + excluded.cancelled;
  RETURN NULL;
END $$""",
        """CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION delivery_counted()""",
        """CREATE FUNCTION delivery_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard, queued, sending, sent, failed, unconfirmed, cancelled)
  SELECT broadcast_id, channel, pg_backend_pid() % 8,
    coalesce(sum(moved) FILTER (WHERE state = 'queued'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'sending'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'sent'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'failed'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'unconfirmed'), 0),
    coalesce(sum(moved) FILTER (WHERE state = 'cancelled'), 0)
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
    cancelled = p.cancelled + excluded.cancelled;
  RETURN NULL;
END $$""",
        """CREATE TRIGGER delivery_moved AFTER UPDATE ON delivery
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION delivery_moved()""",
    ),
}


def upgrade() -> None:
    with op.batch_alter_table("broadcast") as batch:
        batch.add_column(sa.Column("resumed_at", delivery.columns.Instant(timezone=True), nullable=True))
        batch.drop_constraint(op.f("ck_broadcast_state"), type_="check")
        batch.create_check_constraint(
            op.f("ck_broadcast_state"), "state IN ('running', 'paused', 'settled', 'cancelled')"
        )
    op.add_column("delivery", sa.Column("destination", sa.Text(), server_default="", nullable=False))
    op.execute(f"UPDATE delivery SET destination = {_DOMAIN[op.get_bind().dialect.name]} WHERE list_key <> ''")  # noqa: S608
    op.add_column("attempt", sa.Column("channel", sa.Text(), nullable=True))
    op.execute("UPDATE attempt SET channel = (SELECT d.channel FROM delivery d WHERE d.id = attempt.delivery_id)")
    op.create_index("ix_attempt_start", "attempt", ["channel", "started_at"])
    op.create_table(
        "progress",
        sa.Column("broadcast_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        *(sa.Column(state, sa.BigInteger(), server_default=sa.text("0"), nullable=False) for state in _STATES),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_progress_broadcast_id")),
        sa.PrimaryKeyConstraint("broadcast_id", "channel", "shard", name=op.f("pk_progress")),
    )
    op.create_table(
        "filling",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("list_key", sa.Text(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("after_address", sa.Text(), nullable=False),
        sa.Column("due_at", delivery.columns.Instant(timezone=True), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_filling_broadcast_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filling")),
    )
    op.create_index(op.f("ix_filling_broadcast_id"), "filling", ["broadcast_id"])
    op.drop_index("ix_delivery_due", "delivery")
    op.drop_index("ix_delivery_state", "delivery")
    _index("ix_broadcast_running", ["id"], "state = 'running'", table="broadcast")
    _index("ix_delivery_due", ["broadcast_id", "channel", "due_at", "id"], "state = 'queued'")
    _index(
        "ix_delivery_elsewhere",
        ["broadcast_id", "channel", "destination", "due_at", "id"],
        "state = 'queued' AND destination <> ''",
    )
    _index("ix_delivery_trouble", ["broadcast_id", "id"], "state IN ('failed', 'unconfirmed')")
    _index("ix_delivery_repeat", ["key_since"], "doubtful AND state = 'queued'")
    _index("ix_delivery_link", ["broadcast_id", "id"], "link IS NOT NULL")
    counted = ", ".join(f"count(*) FILTER (WHERE state = '{state}')" for state in _STATES)
    op.execute(
        f"INSERT INTO progress (broadcast_id, channel, shard, {', '.join(_STATES)}) "  # noqa: S608 - constants
        f"SELECT broadcast_id, channel, 0, {counted} FROM delivery GROUP BY broadcast_id, channel"
    )
    if op.get_bind().dialect.name == "postgresql":
        # `state` stands in the conditions of the indexes, so every move leaves a dead row: clean up early.
        op.execute("ALTER TABLE delivery SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01)")
    for guard in _GUARDS[op.get_bind().dialect.name]:
        op.execute(guard)


def _index(name: str, columns: list[str], condition: str, table: str = "delivery") -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
