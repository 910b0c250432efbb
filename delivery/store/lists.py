"""Mailing lists, their members, and the addresses that are not to be written to.

A *selection* is a list's key, or `key#tag` for those of its members who bear the tag.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, delete, exists, func, or_, select

from channels.contract import Recipient
from delivery.database import Tx
from delivery.member import NO_CONSENT, Consent, Member, joined, parted, pattern, selection
from delivery.store.dialect import upsert
from delivery.store.imports import as_member
from delivery.tables import mailing_list, member, suppression

_PAGE = 500


async def create(tx: Tx, key: str, name: str, now: datetime) -> None:
    """Make a list, or rename it."""
    statement = upsert(tx, mailing_list).values(key=key, name=name, created_at=now)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"name": name}))


async def every(tx: Tx) -> dict[str, str]:
    """Return {key: name} of every list, by name."""
    chosen = select(mailing_list.c.key, mailing_list.c.name).order_by(mailing_list.c.name)
    return {row.key: row.name for row in await tx.execute(chosen)}


async def names(tx: Tx, keys: Iterable[str]) -> dict[str, str]:
    """Return {key: name} of the lists that exist among `keys`."""
    chosen = select(mailing_list.c.key, mailing_list.c.name).where(mailing_list.c.key.in_(set(keys)))
    return {row.key: row.name for row in await tx.execute(chosen)}


# Who gets a letter, and who does not


def _left_alone(who: FromClause) -> ColumnElement[bool]:
    """An address is suppressed for ever or as a member of one list, or its owner has said no to letters."""
    suppressed = exists().where(
        suppression.c.address == who.c.address, suppression.c.list_key.in_(("", who.c.list_key))
    )
    return or_(who.c.consent == Consent.NO, suppressed)


def _chosen(who: FromClause, selections: Sequence[str]) -> ColumnElement[bool]:
    every: list[ColumnElement[bool]] = []
    whole = [key for key, tag in map(selection, selections) if not tag]
    if whole:
        every.append(who.c.list_key.in_(whole))
    for key, tag in map(selection, selections):
        if tag and key not in whole:
            every.append(and_(who.c.list_key == key, who.c.tags.like(pattern(tag), escape="/")))
    return or_(*every) if every else who.c.list_key.in_(())


def _with_reasons() -> tuple[FromClause, ColumnElement[Any]]:
    """Return members with why each of them gets no letter; NULL for those who do."""
    own, everywhere = suppression.alias("own"), suppression.alias("everywhere")
    joined_ = member.outerjoin(
        own, and_(own.c.address == member.c.address, own.c.list_key == member.c.list_key)
    ).outerjoin(everywhere, and_(everywhere.c.address == member.c.address, everywhere.c.list_key == ""))
    refused = case((member.c.consent == Consent.NO, NO_CONSENT))
    return joined_, func.coalesce(own.c.reason, everywhere.c.reason, refused)


async def overview(tx: Tx) -> list[tuple[str, str, int, int]]:
    """Return (key, name, members, of them left out) of every list, by name."""
    counted = (
        select(
            mailing_list.c.key,
            mailing_list.c.name,
            func.count(member.c.address),
            func.count(member.c.address).filter(_left_alone(member)),
        )
        .select_from(mailing_list)
        .join(member, member.c.list_key == mailing_list.c.key, isouter=True)
        .group_by(mailing_list.c.key, mailing_list.c.name)
        .order_by(mailing_list.c.name)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await tx.execute(counted)]


async def reasons(tx: Tx, selections: Sequence[str] | None = None) -> dict[str, dict[str, int]]:
    """Count by list, and then by reason, who is on it and gets no letter. None: on every list."""
    source, reason = _with_reasons()
    counted = (
        select(member.c.list_key, reason.label("reason"), func.count())
        .select_from(source)
        .where(reason.is_not(None))
        .group_by(member.c.list_key, reason)
        .order_by(member.c.list_key, func.count().desc(), reason)
    )
    if selections is not None:
        counted = counted.where(_chosen(member, selections))
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for key, why, n in await tx.execute(counted):
        found[key][why] = n
    return dict(found)


async def count(tx: Tx, selections: Sequence[str]) -> int:
    """Count who would get a letter: each address once, whatever lists it is on."""
    address = member.c.address if len(selections) == 1 else member.c.address.distinct()
    counted = select(func.count(address)).where(_chosen(member, selections), ~_left_alone(member))
    return int((await tx.execute(counted)).scalar_one())


async def left_out(tx: Tx, selections: Sequence[str], *, limit: int) -> list[tuple[Recipient, str]]:
    """Return members who would get no letter through any of these lists, and why; the first ones by address."""
    source, reason = _with_reasons()
    same = member.alias("same")
    through_another = exists().where(same.c.address == member.c.address, _chosen(same, selections), ~_left_alone(same))
    found = (
        select(member, mailing_list.c.name.label("list_name"), reason.label("reason"))
        .select_from(source.join(mailing_list, mailing_list.c.key == member.c.list_key))
        .where(_chosen(member, selections), reason.is_not(None), ~through_another)
        .order_by(member.c.address, member.c.list_key)
        .limit(limit)
    )
    by_address = {
        row.address: (Recipient(row.address, row.name, row.organisation, row.list_key, row.list_name), row.reason)
        for row in await tx.execute(found)
    }
    return list(by_address.values())


# Members


async def members(tx: Tx, key: str) -> list[Member]:
    """Return a list's members in the order of their addresses."""
    rows = await tx.execute(select(member).where(member.c.list_key == key).order_by(member.c.address))
    return [as_member(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Listed:
    """A member with all that is known: where the address came from and when, and why it gets no letter, or None."""

    member: Member
    source: str
    added_at: datetime
    left_out: str | None


async def page(tx: Tx, key: str, *, after: str, most: int) -> list[Listed]:
    """Return the members behind an address, in the order of their addresses."""
    source, reason = _with_reasons()
    chosen = (
        select(member, reason.label("reason"))
        .select_from(source)
        .where(member.c.list_key == key, member.c.address > after)
        .order_by(member.c.address)
        .limit(most)
    )
    return [Listed(as_member(row), row.source, row.added_at, row.reason) for row in await tx.execute(chosen)]


async def tags(tx: Tx, key: str) -> dict[str, int]:
    """Count a list's members by tag. Reads all of it."""
    rows = select(member.c.tags, func.count()).where(member.c.list_key == key, member.c.tags != "")
    found: defaultdict[str, int] = defaultdict(int)
    for written, n in await tx.execute(rows.group_by(member.c.tags)):
        for tag in parted(written):
            found[tag] += n
    return dict(sorted(found.items()))


async def bears(tx: Tx, selected: str) -> bool:
    """Tell whether anybody is meant by a selection with a tag."""
    found = select(member.c.address).where(_chosen(member, [selected])).limit(1)
    return (await tx.execute(found)).first() is not None


async def put_members(tx: Tx, key: str, people: Sequence[Member], *, source: str, now: datetime) -> None:
    """Add members, or bring them up to date, as no import: it cannot be undone."""
    for start in range(0, len(people), _PAGE):
        rows = [
            {
                "list_key": key,
                "address": one.address,
                "shown": one.shown,
                "name": one.name,
                "organisation": one.organisation,
                "tags": joined(one.tags),
                "consent": one.consent,
                "consent_source": one.consent_source,
                "consent_on": one.consent_on,
                "source": source,
                "added_at": now,
                "import_id": None,
            }
            for one in people[start : start + _PAGE]
        ]
        statement = upsert(tx, member).values(rows)
        kept = {"list_key", "address", "source", "added_at"}
        fields = {name: statement.excluded[name] for name in rows[0].keys() - kept}
        await tx.execute(statement.on_conflict_do_update(index_elements=["list_key", "address"], set_=fields))


async def remove_member(tx: Tx, key: str, address: str) -> bool:
    """Take one address off a list. False when it was not on it."""
    gone = delete(member).where(member.c.list_key == key, member.c.address == address)
    return (await tx.execute(gone)).rowcount == 1


# Suppression


async def suppress(tx: Tx, address: str, list_key: str, *, reason: str, now: datetime) -> bool:
    """Write to this address no more: on one list, or (`list_key` empty) on any. False when it was so already."""
    row = {"address": address, "list_key": list_key, "reason": reason, "since": now}
    return (await tx.execute(upsert(tx, suppression).values(row).on_conflict_do_nothing())).rowcount == 1


async def unsuppress(tx: Tx, address: str, list_key: str | None) -> dict[str, str]:
    """Write to this address again: as a member of one list, or (None) of all. Returns {list key or "": reason}."""
    gone = delete(suppression).where(suppression.c.address == address)
    if list_key is not None:
        gone = gone.where(suppression.c.list_key == list_key)
    found = await tx.execute(gone.returning(suppression.c.list_key, suppression.c.reason))
    return {row.list_key: row.reason for row in found}


async def suppressed(tx: Tx, list_keys: Collection[str]) -> dict[tuple[str, str], str]:
    """Return {(address, list key or ""): reason} for these lists and for all."""
    chosen = select(suppression).where(suppression.c.list_key.in_({"", *list_keys}))
    return {(row.address, row.list_key): row.reason for row in await tx.execute(chosen)}
