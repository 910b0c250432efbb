"""What the database itself holds true of deliveries, as triggers: which state may follow which, and how many there are.

A bug of ours, a second program or a person with an SQL prompt meets the same refusal, and whoever moves a delivery
also moves its counter, in one transaction. The texts are made from the table of states; a migration holds a copy of
them, and a test compares both with what stands in a database. Pure: text only.
"""

from collections.abc import Sequence

from delivery.model import TRANSITIONS, DeliveryState

REFUSAL = "forbidden step of a delivery"
"""Begins the error that the database gives."""

SHARDS = 8
"""On Postgres, connections count in so many rows of each broadcast and channel rather than wait for one."""

_STATES = [state.value for state in DeliveryState]


def statements(dialect: str) -> Sequence[str]:
    """Return the statements that put every guard in place, for "sqlite" or "postgresql"."""
    return _SQLITE if dialect == "sqlite" else _POSTGRES


def allowed(old: str, new: str) -> str:
    """Return an SQL condition: the step from column `old` to column `new` is in the table of states."""
    steps = []
    for before, followers in TRANSITIONS.items():
        if followers:
            listed = ", ".join(f"'{state}'" for state in sorted(followers))
            steps.append(f"{old} = '{before}' AND {new} IN ({listed})")
    return "\n  OR ".join(steps)


def _per_state(form: str) -> str:
    return ",\n    ".join(form.format(state=state) for state in _STATES)


_COLUMNS = ", ".join(_STATES)
_NEW = _per_state("NEW.state = '{state}'")
_RAISED = _per_state("{state} = {state} + excluded.{state}")
_SHIFTED = _per_state("{state} = {state} + (NEW.state = '{state}') - (OLD.state = '{state}')")

_SQLITE = (
    f"""CREATE TRIGGER delivery_step BEFORE UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state AND NOT (
  {allowed("OLD.state", "NEW.state")}
)
BEGIN
  SELECT RAISE(ABORT, '{REFUSAL}');
END""",
    f"""CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
BEGIN
  INSERT INTO progress (broadcast_id, channel, shard, {_COLUMNS})
  VALUES (NEW.broadcast_id, NEW.channel, 0,
    {_NEW})
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    {_RAISED};
END""",  # noqa: S608 - nothing but constants
    f"""CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE progress SET
    {_SHIFTED}
  WHERE broadcast_id = NEW.broadcast_id AND channel = NEW.channel AND shard = 0;
END""",  # noqa: S608 - nothing but constants
)

_ADDED = _per_state("count(*) FILTER (WHERE n.state = '{state}')")
_MOVED = _per_state("coalesce(sum(moved) FILTER (WHERE state = '{state}'), 0)")
_SUMMED = _per_state("{state} = p.{state} + excluded.{state}")

# Sums of both sides and no join of them: its plan is made for the few rows of the first call, and is kept.
_POSTGRES = (
    f"""CREATE FUNCTION delivery_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{REFUSAL}: % -> %', OLD.state, NEW.state;
END $$""",
    f"""CREATE TRIGGER delivery_step BEFORE UPDATE OF state ON delivery FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
  {allowed("OLD.state", "NEW.state")}
))
EXECUTE FUNCTION delivery_step()""",
    f"""CREATE FUNCTION delivery_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard, {_COLUMNS})
  SELECT n.broadcast_id, n.channel, pg_backend_pid() % {SHARDS},
    {_ADDED}
  FROM added n GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    {_SUMMED};
  RETURN NULL;
END $$""",  # noqa: S608 - nothing but constants
    """CREATE TRIGGER delivery_counted AFTER INSERT ON delivery
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION delivery_counted()""",
    f"""CREATE FUNCTION delivery_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO progress AS p (broadcast_id, channel, shard, {_COLUMNS})
  SELECT broadcast_id, channel, pg_backend_pid() % {SHARDS},
    {_MOVED}
  FROM (
    SELECT broadcast_id, channel, state, sum(by) AS moved FROM (
      SELECT broadcast_id, channel, state, 1 AS by FROM after
      UNION ALL SELECT broadcast_id, channel, state, -1 FROM before) AS both_sides
    GROUP BY 1, 2, 3 HAVING sum(by) <> 0) AS net
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (broadcast_id, channel, shard) DO UPDATE SET
    {_SUMMED};
  RETURN NULL;
END $$""",  # noqa: S608 - nothing but constants
    """CREATE TRIGGER delivery_moved AFTER UPDATE ON delivery
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION delivery_moved()""",
)
