"""What files change in mailing lists, and the way back. All of it set by set: a list may have a million members.

Each row of `member` names the import that wrote it last, so an undo sees which rows somebody has changed since.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, TextClause, delete, func, select, text, update

from delivery.database import Tx
from delivery.listdiff import Changes
from delivery.member import Consent, Member, joined, parted
from delivery.store.dialect import in_json, is_postgres, statement, upsert
from delivery.tables import list_change, list_import, mailing_list, member

__all__ = ["KEPT", "Import", "Undone", "find_import", "known", "last_import", "missing", "record", "size", "undo"]

KEPT = 10
"""So many imports of a list can be undone: what they changed holds names, and is not kept for ever."""

_PAGE = 5_000
_SHOWN = 20
_COLUMNS = dict.fromkeys(
    ("address", "shown", "name", "organisation", "tags", "consent", "consent_source", "consent_on"), "text"
)
_ADDRESS = {"address": "text"}


@dataclass(frozen=True, slots=True)
class Import:
    """A file that was written into a list. `made_list`: there was none before; else `name_before` was its name."""

    id: int
    list_key: str
    made_list: bool
    name_before: str
    name_after: str
    file: str
    source: str
    at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo gave back, and how many rows it left because they have changed since; the first of them by name.

    `list_gone`: the import had made the list, and nobody is left on it.
    """

    removed: int = 0
    restored: int = 0
    returned: int = 0
    kept: int = 0
    kept_named: tuple[str, ...] = ()
    list_gone: bool = False


# What is there


async def size(tx: Tx, key: str) -> int:
    """Count a list's members."""
    return int((await tx.execute(select(func.count()).where(member.c.list_key == key))).scalar_one())


def _pages(tx: Tx, rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
    for start in range(0, len(rows), _PAGE):
        yield in_json(tx, rows[start : start + _PAGE])


# CROSS JOIN, because SQLite would else read the rows anew for each member of the list.
_KNOWN = """
SELECT m.* FROM {rows} CROSS JOIN member m WHERE m.list_key = :list AND m.address = r.address
"""


async def known(tx: Tx, key: str, addresses: Sequence[str]) -> dict[str, Member]:
    """Return those of a list's members who have one of these addresses."""
    found: dict[str, Member] = {}
    for rows in _pages(tx, [[one] for one in addresses]):
        for row in await tx.execute(statement(tx, _KNOWN, _ADDRESS), {"rows": rows, "list": key}):
            found[row.address] = as_member(row)
    return found


def as_member(row: Row[Any]) -> Member:
    """Make a member of a row of `member`."""
    return Member(
        row.address,
        row.shown,
        row.name,
        row.organisation,
        parted(row.tags),
        Consent(row.consent),
        row.consent_source,
        row.consent_on,
    )


_MISSING = """
SELECT m.* FROM member m WHERE m.list_key = :list AND {absent} ORDER BY m.address LIMIT :most
"""
# Each database reads the rows once in one of these forms, and for each member anew in the other.
_ABSENT = {
    "sqlite": "m.address NOT IN (SELECT r.address FROM {rows})",
    "postgresql": "NOT EXISTS (SELECT 1 FROM {rows} WHERE r.address = m.address)",
}


def _of_absent(tx: Tx, sql: str) -> TextClause:
    """Prepare a statement about those members m who have none of the addresses in :rows."""
    return statement(tx, sql.replace("{absent}", _ABSENT[tx.dialect.name]), _ADDRESS)


async def missing(tx: Tx, key: str, addresses: Sequence[str], *, limit: int) -> tuple[Member, ...]:
    """Return a list's members who have none of these addresses; the first ones by address."""
    values = {"rows": in_json(tx, [[one] for one in addresses]), "list": key, "most": limit}
    return tuple(as_member(row) for row in await tx.execute(_of_absent(tx, _MISSING), values))


# What an import writes

_ADD = """
INSERT INTO member (list_key, address, shown, name, organisation, tags, consent, consent_source, consent_on, source,
                    added_at, import_id)
SELECT :list, r.address, r.shown, r.name, r.organisation, r.tags, r.consent, r.consent_source, r.consent_on, :source,
       :now, :id
  FROM {rows}
"""
_NOTE_ADDED = "INSERT INTO list_change (import_id, address, kind) SELECT :id, r.address, 'added' FROM {rows}"
_NOTE = """
INSERT INTO list_change (import_id, address, kind, shown, name, organisation, tags, consent, consent_source, consent_on,
                         source, added_at, previous_import)
SELECT :id, m.address, '%s', m.shown, m.name, m.organisation, m.tags, m.consent, m.consent_source, m.consent_on,
       m.source, m.added_at, m.import_id
"""
_NOTE_UPDATED = _NOTE % "updated" + "FROM {rows} CROSS JOIN member m WHERE m.list_key = :list AND m.address = r.address"
_UPDATE = (
    _ADD
    + """WHERE true
ON CONFLICT (list_key, address) DO UPDATE
   SET shown = excluded.shown, name = excluded.name, organisation = excluded.organisation, tags = excluded.tags,
       consent = excluded.consent, consent_source = excluded.consent_source, consent_on = excluded.consent_on,
       import_id = excluded.import_id
"""
)
_NOTE_REMOVED = _NOTE % "removed" + "FROM member m WHERE m.list_key = :list AND {absent}"
_REMOVE = """
DELETE FROM member WHERE list_key = :list AND address IN (
  SELECT address FROM list_change WHERE import_id = :id AND kind = 'removed')
"""


async def record(
    tx: Tx,
    key: str,
    changes: Changes,
    *,
    keep_only: Sequence[str] | None,
    name: str | None,
    file: str,
    source: str,
    now: datetime,
) -> int | None:
    """Write the changes, and how it was before. Returns the import's number, None when nothing was to be changed.

    `keep_only`: whoever has none of these addresses is taken out of the list. `name`: what the list is called from now
    on; a new one without a name is called by its key.
    """
    before = await _hold(tx, key)
    after = name or before or key
    gone = keep_only is not None and changes.missing > 0
    if before == after and not (changes.added or changes.updated or gone):
        return None
    if before is None:
        await tx.execute(upsert(tx, mailing_list).values(key=key, name=after, created_at=now).on_conflict_do_nothing())
        await _hold(tx, key)
    elif before != after:
        await tx.execute(update(mailing_list).where(mailing_list.c.key == key).values(name=after))
    values = {
        "list_key": key,
        "made_list": before is None,
        "name_before": before or "",
        "name_after": after,
        "file": file,
        "source": source,
        "at": now,
    }
    number = int((await tx.execute(list_import.insert().values(values).returning(list_import.c.id))).scalar_one())
    common = {"id": number, "list": key}
    for rows in _pages(tx, [_values(one) for one in changes.added]):
        await tx.execute(statement(tx, _ADD, _COLUMNS), common | {"rows": rows, "source": source, "now": now})
        await tx.execute(statement(tx, _NOTE_ADDED, _COLUMNS), {"id": number, "rows": rows})
    for rows in _pages(tx, [_values(one.after) for one in changes.updated]):
        await tx.execute(statement(tx, _NOTE_UPDATED, _COLUMNS), common | {"rows": rows})
        await tx.execute(statement(tx, _UPDATE, _COLUMNS), common | {"rows": rows, "source": source, "now": now})
    if keep_only is not None and gone:
        rows = in_json(tx, [[one] for one in keep_only])
        await tx.execute(_of_absent(tx, _NOTE_REMOVED), common | {"rows": rows})
        await tx.execute(text(_REMOVE), common)
    await _forget_old(tx, key)
    return number


async def _hold(tx: Tx, key: str) -> str | None:
    """Return a list's name, and let no other import of it run meanwhile. None: there is no such list."""
    if is_postgres(tx):  # a statement about a million members may take longer than others are given
        await tx.execute(text("SET LOCAL statement_timeout = '60s'"))
    found = select(mailing_list.c.name).where(mailing_list.c.key == key).with_for_update()
    return (await tx.execute(found)).scalar_one_or_none()


def _values(one: Member) -> list[str]:
    remarks = (joined(one.tags), one.consent, one.consent_source, one.consent_on)
    return [one.address, one.shown, one.name, one.organisation, *remarks]


async def _forget_old(tx: Tx, key: str) -> None:
    newest = select(list_import.c.id).where(list_import.c.list_key == key).order_by(list_import.c.id.desc())
    oldest_kept = (await tx.execute(newest.offset(KEPT - 1).limit(1))).scalar_one_or_none()
    if oldest_kept is not None:
        old = select(list_import.c.id).where(list_import.c.list_key == key, list_import.c.id < oldest_kept)
        await tx.execute(delete(list_change).where(list_change.c.import_id.in_(old)))


# The way back


async def last_import(tx: Tx, key: str) -> Import | None:
    """Return the newest import of a list that can still be undone."""
    newest = select(list_import).where(list_import.c.list_key == key).order_by(list_import.c.id.desc()).limit(KEPT)
    found = [_import(row) for row in await tx.execute(newest)]
    return next((one for one in found if one.undone_at is None), None)


async def find_import(tx: Tx, number: int) -> Import | None:
    """Return an import by its number."""
    row = (await tx.execute(select(list_import).where(list_import.c.id == number))).one_or_none()
    return None if row is None else _import(row)


async def is_kept(tx: Tx, one: Import) -> bool:
    """Tell whether it is still known what this import changed."""
    later = select(func.count()).where(list_import.c.list_key == one.list_key, list_import.c.id > one.id)
    return bool((await tx.execute(later)).scalar_one() < KEPT)


def _import(row: Row[Any]) -> Import:
    return Import(
        id=row.id,
        list_key=row.list_key,
        made_list=row.made_list,
        name_before=row.name_before,
        name_after=row.name_after,
        file=row.file,
        source=row.source,
        at=row.at,
        undone_at=row.undone_at,
    )


_CHANGED_SINCE = """
  FROM list_change c LEFT JOIN member m ON m.list_key = :list AND m.address = c.address
 WHERE c.import_id = :id
   AND CASE c.kind WHEN 'added' THEN m.address IS NOT NULL AND coalesce(m.import_id, 0) <> :id
                   WHEN 'updated' THEN coalesce(m.import_id, 0) <> :id
                   ELSE m.address IS NOT NULL END
"""
_COUNT_CHANGED = f"SELECT count(*) {_CHANGED_SINCE}"
_NAME_CHANGED = f"""
SELECT coalesce(m.shown, c.shown, c.address) AS shown {_CHANGED_SINCE} ORDER BY c.address LIMIT {_SHOWN}
"""
_TAKE_BACK_ADDED = """
DELETE FROM member WHERE list_key = :list AND import_id = :id AND address IN (
  SELECT address FROM list_change WHERE import_id = :id AND kind = 'added')
"""
_TAKE_BACK_UPDATED = """
UPDATE member AS m
   SET shown = c.shown, name = c.name, organisation = c.organisation, tags = c.tags, consent = c.consent,
       consent_source = c.consent_source, consent_on = c.consent_on, import_id = c.previous_import
  FROM list_change c
 WHERE c.import_id = :id AND c.kind = 'updated' AND m.list_key = :list AND m.address = c.address AND m.import_id = :id
"""
_BRING_BACK_REMOVED = """
INSERT INTO member (list_key, address, shown, name, organisation, tags, consent, consent_source, consent_on, source,
                    added_at, import_id)
SELECT :list, c.address, c.shown, c.name, c.organisation, c.tags, c.consent, c.consent_source, c.consent_on, c.source,
       c.added_at, c.previous_import
  FROM list_change c
 WHERE c.import_id = :id AND c.kind = 'removed'
   AND NOT EXISTS (SELECT 1 FROM member m WHERE m.list_key = :list AND m.address = c.address)
"""


async def undo(tx: Tx, one: Import, now: datetime) -> Undone | None:
    """Bring a list back to how it was before an import. None when that was done already.

    Rows that somebody has changed since stay as they are.
    """
    await _hold(tx, one.list_key)
    free = (list_import.c.id == one.id) & list_import.c.undone_at.is_(None)
    if (await tx.execute(update(list_import).where(free).values(undone_at=now))).rowcount != 1:
        return None
    values = {"list": one.list_key, "id": one.id}
    kept = int((await tx.execute(text(_COUNT_CHANGED), values)).scalar_one())
    named = [row.shown for row in await tx.execute(text(_NAME_CHANGED), values)] if kept else []
    removed, restored, returned = [
        (await tx.execute(text(sql), values)).rowcount
        for sql in (_TAKE_BACK_ADDED, _TAKE_BACK_UPDATED, _BRING_BACK_REMOVED)
    ]
    gone = one.made_list and await size(tx, one.list_key) == 0
    if gone:
        await tx.execute(delete(mailing_list).where(mailing_list.c.key == one.list_key))
    elif not one.made_list and one.name_before != one.name_after:
        same = (mailing_list.c.key == one.list_key) & (mailing_list.c.name == one.name_after)
        await tx.execute(update(mailing_list).where(same).values(name=one.name_before))
    await tx.execute(delete(list_change).where(list_change.c.import_id == one.id))
    return Undone(removed, restored, returned, kept, tuple(named), list_gone=gone)
