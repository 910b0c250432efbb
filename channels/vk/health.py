"""Asks VK whether a broadcast would work now, without posting anything."""

from collections.abc import Sequence

from channels.contract import Finding, FindingCode
from channels.vk.client import Client, Failure, Refused

__all__ = ["findings"]

_TOKEN_CODES = frozenset({5, 27, 1051, 1114, 1116, 1117, 3609})
_NEEDED_RIGHTS = {"wall": True, "docs": False}
"""Right of a community key -> whether no broadcast works without it."""


async def findings(
    group_id: int, community: Client, *, service: Client | None, user: Client | None
) -> Sequence[Finding]:
    """Ask for the community, the rights of its key, and what the two optional tokens can do. Raises nothing."""
    return [
        *await _community(community, group_id),
        *await _service(service, group_id),
        *await _user(user, group_id),
    ]


async def _community(client: Client, group_id: int) -> Sequence[Finding]:
    try:
        # Without a number, a community key answers with its own community.
        group = (await client.call("groups.getById"))["groups"][0]
        permissions = (await client.call("groups.getTokenPermissions"))["permissions"]
        held = {permission["name"] for permission in permissions}
        number, name = int(group["id"]), str(group.get("name", ""))
    except Failure as failure:
        return [_not_reached(failure)]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        return [Finding(FindingCode.NOT_REACHED, fatal=True, detail=f"the answer makes no sense: {error!r}")]
    if number != group_id:
        detail = f"community_token belongs to club{number}"
        return [Finding(FindingCode.MAY_NOT_POST, fatal=True, detail=detail, values={"chat": f"club{group_id}"})]
    return [Finding(FindingCode.REACHED, values={"name": name}), *_missing(held)]


def _missing(held: set[str]) -> Sequence[Finding]:
    return [
        Finding(FindingCode.RIGHT_MISSING, fatal=fatal, detail="community_token", values={"right": right})
        for right, fatal in _NEEDED_RIGHTS.items()
        if right not in held
    ]


async def _service(client: Client | None, group_id: int) -> Sequence[Finding]:
    if client is None:
        return [Finding(FindingCode.NO_SERVICE_TOKEN)]
    try:
        await client.call("wall.get", owner_id=-group_id, count=1)
    except Failure as failure:
        return [_lacking(failure, "wall", fatal=False)]
    return []


async def _user(client: Client | None, group_id: int) -> Sequence[Finding]:
    """Ask for an upload server: that needs the very rights that a picture needs, and uploads nothing."""
    if client is None:
        return [Finding(FindingCode.NO_USER_TOKEN)]
    try:
        await client.call("photos.getWallUploadServer", group_id=group_id)
    except Failure as failure:
        # A token that is there is relied upon: the first picture would close the channel.
        return [_lacking(failure, "photos", fatal=True)]
    return []


def _lacking(failure: Failure, right: str, *, fatal: bool) -> Finding:
    if isinstance(failure, Refused) and failure.code not in _TOKEN_CODES:
        return Finding(FindingCode.RIGHT_MISSING, fatal=fatal, detail=failure.detail, values={"right": right})
    return _not_reached(failure, fatal=fatal)


def _not_reached(failure: Failure, *, fatal: bool = True) -> Finding:
    refused = isinstance(failure, Refused) and failure.code in _TOKEN_CODES
    code = FindingCode.TOKEN_REFUSED if refused else FindingCode.NOT_REACHED
    return Finding(code, fatal=fatal, detail=failure.detail)
