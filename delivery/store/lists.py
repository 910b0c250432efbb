"""Mailing lists, their members, and the addresses that are not to be written to."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select

from channels.contract import Recipient
from delivery.database import Tx
from delivery.listfile import Member
from delivery.store.dialect import upsert
from delivery.tables import mailing_list, member, suppression

_PAGE = 500


async def create(tx: Tx, key: str, name: str, now: datetime) -> None:
    """Make a list, or rename it."""
    statement = upsert(tx, mailing_list).values(key=key, name=name, created_at=now)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"name": name}))


async def overview(tx: Tx) -> list[tuple[str, str, int, int]]:
    """Return (key, name, members, of them suppressed) of every list, by name."""
    blocked = (suppression.c.address == member.c.address) & suppression.c.list_key.in_(("", member.c.list_key))
    counted = (
        select(
            mailing_list.c.key,
            mailing_list.c.name,
            func.count(member.c.address),
            func.count(member.c.address).filter(exists().where(blocked)),
        )
        .select_from(mailing_list)
        .join(member, member.c.list_key == mailing_list.c.key, isouter=True)
        .group_by(mailing_list.c.key, mailing_list.c.name)
        .order_by(mailing_list.c.name)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await tx.execute(counted)]


async def every(tx: Tx) -> dict[str, str]:
    """Return {key: name} of every list, by name."""
    chosen = select(mailing_list.c.key, mailing_list.c.name).order_by(mailing_list.c.name)
    return {row.key: row.name for row in await tx.execute(chosen)}


def _is_suppressed() -> ColumnElement[bool]:
    """An address is left alone for ever, or as a member of one list."""
    return exists().where(
        suppression.c.address == member.c.address, suppression.c.list_key.in_(("", member.c.list_key))
    )


async def count(tx: Tx, keys: Sequence[str]) -> int:
    """Count who would get a letter: each address once, whatever lists it is on."""
    address = member.c.address if len(keys) == 1 else member.c.address.distinct()
    counted = select(func.count(address)).where(member.c.list_key.in_(keys), ~_is_suppressed())
    return int((await tx.execute(counted)).scalar_one())


async def left_out(tx: Tx, keys: Sequence[str], *, limit: int) -> list[tuple[Recipient, str]]:
    """Return members who would get no letter through any of these lists, and why; the first ones by address."""
    same = member.alias("same")
    through_another = exists().where(
        same.c.address == member.c.address,
        same.c.list_key.in_(keys),
        ~exists().where(suppression.c.address == same.c.address, suppression.c.list_key.in_(("", same.c.list_key))),
    )
    why = (suppression.c.address == member.c.address) & suppression.c.list_key.in_(("", member.c.list_key))
    found = (
        select(member, mailing_list.c.name.label("list_name"), suppression.c.reason)
        .join(suppression, why)
        .join(mailing_list, mailing_list.c.key == member.c.list_key)
        .where(member.c.list_key.in_(keys), ~through_another)
        .order_by(member.c.address, suppression.c.list_key.desc())
        .limit(limit)
    )
    by_address = {
        row.address: (Recipient(row.address, row.name, row.organisation, row.list_key, row.list_name), row.reason)
        for row in await tx.execute(found)
    }
    return list(by_address.values())


async def members(tx: Tx, key: str) -> list[Member]:
    """Return a list's members in the order of their addresses."""
    rows = await tx.execute(select(member).where(member.c.list_key == key).order_by(member.c.address))
    return [Member(row.address, row.shown, row.name, row.organisation) for row in rows]


async def put_members(tx: Tx, key: str, people: Sequence[Member], *, source: str, now: datetime) -> None:
    """Add members, or bring their names up to date."""
    for start in range(0, len(people), _PAGE):
        rows = [
            {
                "list_key": key,
                "address": one.address,
                "shown": one.shown,
                "name": one.name,
                "organisation": one.organisation,
                "source": source,
                "added_at": now,
            }
            for one in people[start : start + _PAGE]
        ]
        statement = upsert(tx, member).values(rows)
        fields = {name: statement.excluded[name] for name in ("shown", "name", "organisation")}
        await tx.execute(statement.on_conflict_do_update(index_elements=["list_key", "address"], set_=fields))


async def remove_member(tx: Tx, key: str, address: str) -> bool:
    """Take one address off a list. False when it was not on it."""
    gone = delete(member).where(member.c.list_key == key, member.c.address == address)
    return (await tx.execute(gone)).rowcount == 1


async def suppress(tx: Tx, address: str, list_key: str, *, reason: str, now: datetime) -> bool:
    """Write to this address no more: on one list, or (`list_key` empty) on any. False when it was so already."""
    row = {"address": address, "list_key": list_key, "reason": reason, "since": now}
    return (await tx.execute(upsert(tx, suppression).values(row).on_conflict_do_nothing())).rowcount == 1


async def suppressed(tx: Tx, list_keys: Collection[str]) -> dict[tuple[str, str], str]:
    """Return {(address, list key or ""): reason} for these lists and for all."""
    chosen = select(suppression).where(suppression.c.list_key.in_({"", *list_keys}))
    return {(row.address, row.list_key): row.reason for row in await tx.execute(chosen)}


async def names(tx: Tx, keys: Iterable[str]) -> dict[str, str]:
    """Return {key: name} of the lists that exist among `keys`."""
    chosen = select(mailing_list.c.key, mailing_list.c.name).where(mailing_list.c.key.in_(set(keys)))
    return {row.key: row.name for row in await tx.execute(chosen)}
