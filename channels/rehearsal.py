"""A way out that leads nowhere: it sends nothing, remembers everything, and misbehaves when told to.

For demonstrations and tests, and the file to copy for a new channel: every kind has a `Settings`, a `connect`, and a
class with these properties and methods.
"""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from channels.contract import (
    POST_PAUSES,
    Correction,
    Finding,
    FindingCode,
    Pace,
    Part,
    Post,
    Problem,
    ProblemCode,
    Reason,
    Receipt,
    Rejected,
    Rendering,
    Shipment,
    Surroundings,
)
from channels.markup import prepared

__all__ = ["Mishap", "RehearsalChannel", "Settings", "connect"]

Limit = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """One `[channels.…]` section of kind "rehearsal".

    `address` is the only recipient; empty: recipients come from mailing lists, as with letters. `journal` is a file
    that gets a line of JSON for each part; empty: nothing is written. `text_limit` counts characters, 0 means none.
    `repeatable_minutes` is how long one key is said to show once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rehearsal"] = "rehearsal"
    address: str = "rehearsal"
    journal: Path | None = None
    text_limit: Limit = 0
    concurrency: Annotated[int, Field(ge=1, le=100)] = 1
    per_minute: Limit = 0
    repeatable_minutes: Limit = 0
    stale_hours: Annotated[float, Field(gt=0)] = 2


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong with coming sends: `error` is raised, before the part is remembered or `after` it.

    `times` counts down per send; 0 means until `behave`. `address`, when set, limits it to one recipient.
    """

    error: Exception
    after: bool = False
    times: int = 1
    address: str = ""


async def connect(key: str, settings: Settings, surroundings: Surroundings) -> "RehearsalChannel":  # noqa: ARG001
    """Open the channel named `key`. A real channel takes from `surroundings` what it needs, and connects lazily."""
    return RehearsalChannel(key, settings)


class RehearsalChannel:
    """Remembers what it was given. Implements channels.contract.Channel.

    `sent` holds every part that "went out", in order; a key repeated within `repeatable_for` is not added again.
    `standing` is what a reader sees now, by the number in its receipt.
    """

    def __init__(self, key: str, settings: Settings) -> None:
        self.sent: list[Shipment] = []
        self.standing: dict[str, Part] = {}
        self.closed = False
        self._key = key
        self._settings = settings
        self._mishaps: list[Mishap] = []
        self._receipts: dict[tuple[str, Part], Receipt] = {}

    # How it wants to be used

    @property
    def pace(self) -> Pace:
        """As configured."""
        return Pace(concurrency=self._settings.concurrency, per_minute=self._settings.per_minute)

    @property
    def address(self) -> str | None:
        """The only recipient, or None when recipients come from mailing lists."""
        return self._settings.address or None

    @property
    def repeatable_for(self) -> timedelta:
        """How long a repeated key shows once. Zero: never."""
        return timedelta(minutes=self._settings.repeatable_minutes)

    @property
    def retry_pauses(self) -> Sequence[timedelta]:
        """Like a wall's."""
        return POST_PAUSES

    @property
    def stale_after(self) -> timedelta:
        """As configured."""
        return timedelta(hours=self._settings.stale_hours)

    @property
    def can_look(self) -> bool:
        """It remembers everything."""
        return True

    @property
    def corrects(self) -> Correction:
        """A wall's posts are changed, a letter is followed by another."""
        return Correction.IN_PLACE if self.address else Correction.ANOTHER

    @property
    def withdraws(self) -> bool:
        """Like a wall."""
        return bool(self.address)

    # What it does

    def render(self, post: Post) -> Rendering:
        """One part that holds everything as it was written, or as it is to be typeset."""
        post = prepared(post) if post.typography else post
        part = Part(post.text, post.entities, post.attachments, title=post.title)
        return Rendering((part,), tuple(self._problems(post)))

    def _problems(self, post: Post) -> Sequence[Problem]:
        limit, length = self._settings.text_limit, len(post.text)
        if not post.text.strip() and not post.attachments:
            return [Problem(ProblemCode.EMPTY, certain=True)]
        if limit and length > limit:
            values = {"length": length, "limit": limit, "over": length - limit}
            return [Problem(ProblemCode.TEXT_TOO_LONG, certain=True, values=values)]
        return []

    async def send(self, shipment: Shipment) -> Receipt:
        """Remember the part. Raises the mishap in waiting, if there is one for this recipient."""
        return await self._with_mishaps(shipment, self._remember(shipment))

    async def _with_mishaps(self, shipment: Shipment, act: Coroutine[Any, Any, Receipt]) -> Receipt:
        mishap = self._next_mishap(shipment.recipient.address)
        if mishap and not mishap.after:
            act.close()
            raise mishap.error
        receipt = await act
        if mishap:
            raise mishap.error
        return receipt

    async def _remember(self, shipment: Shipment) -> Receipt:
        once = (shipment.key, shipment.part)
        if self.repeatable_for and once in self._receipts:
            return self._receipts[once]
        self.sent.append(shipment)
        number = str(len(self.sent))
        self.standing[number] = shipment.part
        receipt = Receipt((number,), link=f"rehearsal:{self._key}/{number}")
        self._receipts[once] = receipt
        if self._settings.journal:
            await asyncio.to_thread(_write, self._settings.journal, asdict(shipment))
        return receipt

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:  # noqa: ARG002
        """Return what a part of this key and text was given, None when it never went out."""
        return self._receipts.get((shipment.key, shipment.part))

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Write over what stands under that number, or add what follows it."""
        act = self._remember(shipment) if self.corrects is Correction.ANOTHER else self._replace(there, shipment)
        return await self._with_mishaps(shipment, act)

    async def _replace(self, there: Receipt, shipment: Shipment) -> Receipt:
        (number,) = there.external_ids
        if number not in self.standing:
            raise Rejected("nothing stands there", Reason.GONE)
        self.standing[number] = shipment.part
        return there

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Forget what stands under that number."""
        return await self._with_mishaps(shipment, self._forget(there))

    async def _forget(self, there: Receipt) -> Receipt:
        for number in there.external_ids:
            self.standing.pop(number, None)
        return Receipt()

    async def check(self) -> Sequence[Finding]:
        """Nothing can be wrong with nowhere."""
        return [Finding(FindingCode.REACHED, values={"name": self._key})]

    async def close(self) -> None:
        """Only notes that it happened."""
        self.closed = True

    # Misbehaviour

    def misbehave(self, *mishaps: Mishap) -> None:
        """Let coming sends go wrong, in this order."""
        self._mishaps.extend(mishaps)

    def behave(self) -> None:
        """Forget every mishap in waiting."""
        self._mishaps.clear()

    def _next_mishap(self, address: str) -> Mishap | None:
        for index, mishap in enumerate(self._mishaps):
            if mishap.address in {"", address}:
                if mishap.times == 1:
                    del self._mishaps[index]
                elif mishap.times:
                    self._mishaps[index] = Mishap(mishap.error, mishap.after, mishap.times - 1, mishap.address)
                return mishap
        return None


def _write(journal: Path, shipment: dict[str, Any]) -> None:
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(shipment, ensure_ascii=False) + "\n")
