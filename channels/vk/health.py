"""Asks VK whether a broadcast would work now, and what the keys that are there allow, without posting anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from channels.contract import Finding, FindingCode
from channels.vk.client import TOKEN_ENDED, Client, Failure, Refused

__all__ = ["Ability", "Health", "examine", "expiring"]

_UNFIT = frozenset({20, 21, 27, 28, 1051})
_NO_NUMBER = 100
"""What VK says of a call that names no community, unless the key belongs to one."""

_NEEDED_RIGHTS = {"wall": True, "docs": False}
"""Right of a community key -> whether no broadcast works without it."""

_WALL_BIT = 8192
"""The right to walls in the mask of a person's token. Source: dev.vk.com, "Права доступа токена пользователя"."""


_TOLD_BEFORE = 3  # days


class Ability(StrEnum):
    """What can be done on a wall with the keys that there are."""

    POST = "post"
    FILES = "files"
    PICTURES = "pictures"
    CHANGE = "change"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Health:
    """What came to light, and what can be done."""

    findings: Sequence[Finding] = ()
    abilities: frozenset[Ability] = frozenset()

    def __add__(self, other: "Health") -> "Health":
        return Health((*self.findings, *other.findings), self.abilities | other.abilities)


async def examine(group_id: int, community: Client, *, service: Client | None, user: Client | None) -> Health:
    """Ask for the community, the rights of its key, and what the two optional tokens can do. Raises nothing."""
    own = await _community(community, group_id)
    person = await _user(user, group_id)
    others = await _service(service, group_id, needed=Ability.LOOK not in person.abilities) + person
    if Ability.POST not in own.abilities:
        return own + others
    able = own.abilities | others.abilities
    said = Finding(FindingCode.ABLE, values={"abilities": ",".join(one for one in Ability if one in able)})
    reached, *rest = own.findings
    return Health((reached, said, *rest, *others.findings), able)


async def _community(client: Client, group_id: int) -> Health:
    try:
        # Without a number, a community key answers with its own community.
        group = (await client.call("groups.getById"))["groups"][0]
        permissions = (await client.call("groups.getTokenPermissions"))["permissions"]
        held = {permission["name"] for permission in permissions}
        number, name = int(group["id"]), str(group.get("name", ""))
    except Failure as failure:
        if isinstance(failure, Refused) and failure.code == _NO_NUMBER:
            unfit = Finding(FindingCode.TOKEN_UNFIT, True, failure.detail, {"token": "community_token"})
            return Health([unfit])
        return Health([_not_reached(failure, "community_token")])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        detail = f"the answer makes no sense: {error!r}"
        return Health([Finding(FindingCode.NOT_REACHED, fatal=True, detail=detail)])
    if number != group_id:
        detail = f"community_token belongs to club{number}"
        chat = {"chat": f"club{group_id}"}
        return Health([Finding(FindingCode.MAY_NOT_POST, fatal=True, detail=detail, values=chat)])
    findings = [Finding(FindingCode.REACHED, values={"name": name}), *_missing(held)]
    abilities = {"wall": Ability.POST, "docs": Ability.FILES}
    return Health(findings, frozenset(abilities[right] for right in held & abilities.keys()))


def _missing(held: set[str]) -> Iterator[Finding]:
    for right, fatal in _NEEDED_RIGHTS.items():
        if right not in held:
            yield _right_missing(right, "community_token", "community_token", fatal=fatal)


async def _service(client: Client | None, group_id: int, *, needed: bool) -> Health:
    if client is None:
        return Health([Finding(FindingCode.NO_SERVICE_TOKEN)] if needed else [])
    try:
        await client.call("wall.get", owner_id=-group_id, count=1)
    except Failure as failure:
        return Health([_lacking(failure, "wall", "service_token", fatal=False)])
    return Health(abilities=frozenset({Ability.LOOK}))


async def _user(client: Client | None, group_id: int) -> Health:
    """Ask for an upload server: that needs the very rights that a picture needs, and uploads nothing."""
    if client is None:
        return Health([Finding(FindingCode.NO_USER_TOKEN)])
    try:
        await client.call("photos.getWallUploadServer", group_id=group_id)
    except Failure as failure:
        # A token that is there is relied upon: the first picture would close the channel.
        return Health([_lacking(failure, "photos", "user_token", fatal=True)])
    try:
        mask = int(await client.call("account.getAppPermissions"))
    except (Failure, TypeError, ValueError):
        mask = _WALL_BIT  # it works with pictures; whether with the wall, the first correction will tell
    if mask & _WALL_BIT:
        return Health(abilities=frozenset({Ability.PICTURES, Ability.CHANGE, Ability.LOOK}))
    finding = _right_missing("wall", "user_token", f"mask {mask}", fatal=False)
    return Health([finding], frozenset({Ability.PICTURES}))


def expiring(dies_at: datetime | None, now: datetime) -> Sequence[Finding]:
    """Say how many days a person's token has left when they are few; `dies_at` None: for ever, or nobody knows."""
    if dies_at is None:
        return []
    days = max(0, ceil((dies_at - now) / timedelta(days=1)))
    values: Mapping[str, int | str] = {"token": "user_token", "days": days}
    return [Finding(FindingCode.TOKEN_EXPIRES, values=values)] if days <= _TOLD_BEFORE else []


def _right_missing(right: str, token: str, detail: str, *, fatal: bool) -> Finding:
    values: Mapping[str, int | str] = {"right": right, "token": token}
    return Finding(FindingCode.RIGHT_MISSING, fatal=fatal, detail=detail, values=values)


def _lacking(failure: Failure, right: str, token: str, *, fatal: bool) -> Finding:
    if isinstance(failure, Refused) and failure.code not in TOKEN_ENDED | _UNFIT:
        return _right_missing(right, token, failure.detail, fatal=fatal)
    return _not_reached(failure, token, fatal=fatal)


def _not_reached(failure: Failure, token: str, *, fatal: bool = True) -> Finding:
    code = FindingCode.NOT_REACHED
    if isinstance(failure, Refused) and failure.code in TOKEN_ENDED | _UNFIT:
        code = FindingCode.TOKEN_REFUSED if failure.code in TOKEN_ENDED else FindingCode.TOKEN_UNFIT
    return Finding(code, fatal=fatal, detail=failure.detail, values={"token": token})
