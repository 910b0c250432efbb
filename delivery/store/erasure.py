"""Addresses that are forgotten because their owners ask for it, and how one is known when it comes back.

What is kept of an address is an HMAC-SHA-256 under a salt of this database: nobody can read it back, and whoever has
the address can tell that it is the same. The salt stays here and not in the settings, so that a changed secret does
not bring back everybody.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import Text as TextType
from sqlalchemy import cast, delete, exists, select, update

from delivery.database import Tx
from delivery.model import DeliveryState
from delivery.store.broadcasts import STOPPED, settle
from delivery.store.dialect import upsert
from delivery.tables import (
    NAMELESS,
    attempt,
    delivery,
    erased,
    list_change,
    media,
    member,
    piece,
    returned,
    revision,
    suppression,
)

__all__ = ["Erasure", "among", "erase", "forgive"]

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was forgotten: `lists` the address was on, deliveries made nameless, files of addresses with all they held.

    `stopped` deliveries were still waiting. `in_flight` ones are on the wire, and keep the address until asked again.
    """

    lists: tuple[str, ...] = ()
    suppressions: int = 0
    deliveries: int = 0
    stopped: int = 0
    in_flight: int = 0
    files: int = 0
    before: bool = False


def _mark(salt: str, address: str) -> str:
    return hmac.new(bytes.fromhex(salt), address.encode(), "sha256").hexdigest()


async def _salts(tx: Tx) -> list[str]:
    """The salts in use: one, unless two first erasures met."""
    return list((await tx.execute(select(erased.c.salt).distinct())).scalars())


async def among(tx: Tx, addresses: Iterable[str]) -> frozenset[str]:
    """Return those of the addresses that were erased."""
    salts = await _salts(tx)
    if not salts:
        return frozenset()
    marks = set((await tx.execute(select(erased.c.mark))).scalars())
    return frozenset(one for one in addresses if any(_mark(salt, one) in marks for salt in salts))


async def forgive(tx: Tx, address: str) -> bool:
    """Let an address that was erased come back with the next import. False when it was not erased."""
    marks = [_mark(salt, address) for salt in await _salts(tx)]
    return bool((await tx.execute(delete(erased).where(erased.c.mark.in_(marks)))).rowcount)


async def erase(tx: Tx, address: str, now: datetime) -> Erasure:
    """Forget an address everywhere but on the wire. What is waiting for it is stopped."""
    before = bool(await among(tx, [address]))
    salt = next(iter(await _salts(tx)), token_hex(_SALT_BYTES))
    mark = _mark(salt, address)
    await tx.execute(upsert(tx, erased).values(mark=mark, salt=salt, at=now).on_conflict_do_nothing())
    gone = delete(member).where(member.c.address == address).returning(member.c.list_key)
    lists = sorted((await tx.execute(gone)).scalars())
    await tx.execute(delete(list_change).where(list_change.c.address == address))
    suppressions = (await tx.execute(delete(suppression).where(suppression.c.address == address))).rowcount
    stopped, deliveries, in_flight = await _from_deliveries(tx, address, f"{NAMELESS}{mark[:32]}", now)
    return Erasure(
        lists=tuple(lists),
        suppressions=suppressions,
        deliveries=deliveries,
        stopped=stopped,
        in_flight=in_flight,
        files=await _files(tx),
        before=before,
    )


async def _from_deliveries(tx: Tx, address: str, instead: str, now: datetime) -> tuple[int, int, int]:
    """Return how many were stopped, made nameless, and left because they are on the wire."""
    rows = await tx.execute(
        select(delivery.c.id, delivery.c.broadcast_id, delivery.c.state).where(delivery.c.address == address)
    )
    found = list(rows)
    in_flight = [row.id for row in found if row.state == DeliveryState.SENDING]
    ids = [row.id for row in found if row.state != DeliveryState.SENDING]
    waiting = (delivery.c.id.in_(ids)) & (delivery.c.state == DeliveryState.QUEUED)
    stop = update(delivery).where(waiting).values(state=STOPPED, updated_at=now)
    stopped = (await tx.execute(stop)).rowcount
    # Claimed at this very moment: left for the next time, like what was on the wire before.
    still = delivery.c.id.in_(ids) & (delivery.c.state != DeliveryState.SENDING)
    nameless: dict[str, Any] = {"address": instead, "name": "", "organisation": "", "destination": "", "detail": ""}
    changed = (await tx.execute(update(delivery).where(still).values(nameless))).rowcount
    theirs = attempt.c.delivery_id.in_(ids)
    await tx.execute(update(attempt).where(theirs).values(detail=""))  # servers repeat the address in their answers
    came_back = (returned.c.address == address) | returned.c.delivery_id.in_(ids)
    await tx.execute(update(returned).where(came_back).values(address=instead, detail=""))
    if stopped:
        await settle(tx, {row.broadcast_id for row in found}, now)
    return stopped, changed, len(in_flight) + len(ids) - changed


async def _files(tx: Tx) -> int:
    """Forget the bytes of files of addresses that editors sent: whoever was erased stands in them.

    What is part of an announcement as well stays.
    """
    rows = (await tx.execute(select(piece.c.post).where(piece.c.bundle.like("list:%")))).scalars()
    digests = {each.get("digest") for post in rows for each in _attachments(post)} - {None, ""}
    gone = 0
    for digest in digests:
        used = exists().where(cast(revision.c.post, TextType).contains(digest))
        dropped = delete(media).where(media.c.digest == digest, ~used)
        gone += (await tx.execute(dropped)).rowcount
    return gone


def _attachments(post: Any) -> Sequence[dict[str, Any]]:
    return post.get("attachments", ()) if isinstance(post, dict) else ()
