"""A mailbox for returns in memory, and what may lie in it."""

from itertools import count

from channels.contract import Reason
from channels.returns import Batch, Bookmark, PostboxCode, PostboxError, Return, ReturnKind, Sort, Taken
from delivery.model import Delivery

__all__ = ["Box", "marked"]


class Box:
    """A mailbox in memory. `fails` is raised by the next calls; a mark is genuine where it ends in the key."""

    every_seconds = 60.0

    def __init__(self) -> None:
        self.validity = 7
        self.letters: list[Taken] = []
        self.put: list[int] = []
        self.fails: list[Exception] = []
        self.at_once = 50
        self._uids = count(1)

    def arrives(self, *found: Return, sort: Sort = Sort.BOUNCE, digest: str = "") -> int:
        uid = next(self._uids)
        self.letters.append(Taken(uid, digest or f"digest {uid}", sort, found))
        return uid

    async def read(self, since: Bookmark | None) -> Batch:
        self._fail()
        last = since.uid if since is not None and since.validity == self.validity else 0
        new = [one for one in self.letters if one.uid > last]
        chosen = new[: self.at_once]
        upto = Bookmark(self.validity, chosen[-1].uid if chosen else last)
        return Batch(upto, tuple(chosen), len(new) > len(chosen))

    async def put_away(self, validity: int, uids: frozenset[int]) -> bool:
        self._fail()
        if validity != self.validity:
            return False
        self.put += sorted(uids)
        return True

    def genuine(self, mark: str, key: str) -> bool:
        return mark.partition("/")[2] == key

    def number(self, mark: str) -> int | None:
        head = mark.partition("/")[0]
        return int(head) if head.isdigit() else None

    def break_off(self) -> None:
        self.fails.append(PostboxError(PostboxCode.NOT_REACHED, "broken off"))

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)


def marked(one: Delivery, kind: ReturnKind = ReturnKind.HARD, reason: Reason = Reason.NO_SUCH_MAILBOX) -> Return:
    return Return(kind, reason, "550 5.1.1 no such user", mark=f"{one.id}/{one.key}")
