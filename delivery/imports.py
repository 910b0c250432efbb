"""A file of addresses into a mailing list: look first, then write, then perhaps take it back.

Whoever was erased on request is taken out of the file before anything is compared, and told as a bad line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from delivery.database import Tx
from delivery.listdiff import Changes, compare
from delivery.listfile import ListFile, without
from delivery.listlines import BadLineCode
from delivery.store import erasure
from delivery.store import imports as store
from delivery.store.imports import Undone

__all__ = ["MISSING_SHOWN", "NothingToUndoError", "Plan", "RemovalError", "look", "undo_last", "undo_one", "write"]

MISSING_SHOWN = 1_000
"""So many of the addresses that a file lacks are named; all of them are counted."""

# A line that gave no member may hold an address of the list, misspelt. One of these cannot.
_HARMLESS = frozenset({BadLineCode.NO_ADDRESS, BadLineCode.ERASED})


class RemovalError(Exception):
    """Whoever is missing in a file cannot be taken out: a bad line may be theirs, or nobody is left in the file."""


class NothingToUndoError(Exception):
    """There is no import of that list that could be undone, or it was undone already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would change. `file` has whoever was erased on request among its bad lines."""

    file: ListFile
    changes: Changes

    @property
    def may_remove(self) -> bool:
        """Whether whoever is missing in the file may be taken out of the list."""
        return bool(self.file.members) and all(bad.code in _HARMLESS for bad in self.file.bad)


async def look(tx: Tx, key: str, file: ListFile) -> Plan:
    """Return what a file would change in a list, which need not exist."""
    file = without(file, await erasure.among(tx, [one.address for one in file.members]), BadLineCode.ERASED)
    addresses = _addresses(file)
    known = await store.known(tx, key, addresses)
    changes = compare(known, file.members, size=await store.size(tx, key))
    if changes.missing:
        named = await store.missing(tx, key, addresses, limit=MISSING_SHOWN)
        changes = replace(changes, missing_named=named)
    return Plan(file, changes)


def _addresses(file: ListFile) -> Sequence[str]:
    return [one.address for one in file.members]


async def write(
    tx: Tx,
    key: str,
    plan: Plan,
    *,
    remove_missing: bool,
    name: str | None,
    file_name: str,
    source: str,
    now: datetime,
) -> int | None:
    """Write what `look` saw in the same transaction. Returns the import's number, None when nothing was to change.

    Nobody is taken out of the list unless `remove_missing`. Raises RemovalError.
    """
    if remove_missing and not plan.may_remove:
        raise RemovalError
    return await store.record(
        tx,
        key,
        plan.changes,
        keep_only=_addresses(plan.file) if remove_missing else None,
        name=name,
        file=file_name,
        source=source,
        now=now,
    )


async def undo_last(tx: Tx, key: str, now: datetime) -> tuple[store.Import, Undone]:
    """Bring a list back to how it was before its newest import. Raises NothingToUndoError."""
    return await _undo(tx, await store.last_import(tx, key), now)


async def undo_one(tx: Tx, number: int, now: datetime) -> tuple[store.Import, Undone]:
    """Take back one import; rows that have changed since stay as they are. Raises NothingToUndoError."""
    found = await store.find_import(tx, number)
    return await _undo(tx, found if found and await store.is_kept(tx, found) else None, now)


async def _undo(tx: Tx, one: store.Import | None, now: datetime) -> tuple[store.Import, Undone]:
    done = await store.undo(tx, one, now) if one else None
    if one is None or done is None:
        raise NothingToUndoError
    return one, done
