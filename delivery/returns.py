"""Letters that come back: what each says of its delivery and of its address, and the round that reads the mailbox.

The rules are pure and stand first. A return is believed only with a proof: a sealed mark out of the envelope sender, or
the key of the delivery, which nobody but its recipient and the servers on the way has seen.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from channels.contract import Reason
from channels.returns import Batch, Bookmark, Postbox, PostboxError, Return, ReturnKind, Sort, Taken
from delivery.database import Tx, is_away
from delivery.desk import Desk
from delivery.member import SuppressionReason
from delivery.model import Delivery, DeliveryState, Outcome
from delivery.store import deliveries, lists, talks
from delivery.store import returns as store

__all__ = ["ENOUGH", "ENOUGH_WITHIN", "Fate", "Returns", "fate"]

_log = structlog.get_logger()

ENOUGH = 5
ENOUGH_WITHIN = timedelta(days=30)
"""So many deliveries to an address that came back within so long, and nothing more is sent to it."""

_KNOWN_FOR = timedelta(days=60)  # so far back broadcasts are searched for a key; a bounce takes days, not months
_CLOCK_SLACK = timedelta(minutes=2)  # between a letter's Date and the start of its attempt
_ACTOR = "return"
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds, while a mailbox can't be read


class Fate(StrEnum):
    """What a return does to the state of its delivery."""

    RETURNED = "returned"
    STAYS = "stays"
    WAITS = "waits"  # its result is still to be recorded


def fate(
    kind: ReturnKind,
    state: DeliveryState,
    *,
    last_outcome: Outcome | None,
    tried_at: datetime | None,
    written_at: datetime | None,
) -> Fate:
    """Decide what becomes of a delivery of which something came back.

    `last_outcome` is the last word in its history, `tried_at` when it was last tried, `written_at` the Date of the
    letter that came back. A letter that was complained of has arrived. What was written before the last try is another
    attempt's. What a person has said of a doubt stands, since they may have asked the reader: mail that is passed on
    comes back too, although it was read. All else that came back did not arrive.
    """
    if kind is ReturnKind.COMPLAINT:
        return Fate.STAYS
    if written_at is not None and tried_at is not None and written_at < tried_at - _CLOCK_SLACK:
        return Fate.STAYS
    if state is DeliveryState.SENDING:
        return Fate.WAITS
    if state is DeliveryState.UNCONFIRMED:
        return Fate.RETURNED
    if state is DeliveryState.SENT and last_outcome is not Outcome.SETTLED_SENT:
        return Fate.RETURNED
    return Fate.STAYS  # in the queue again, failed, cancelled, or known to have come back


def counts_against(one: Return, address: str) -> ReturnKind:
    """Return what a return counts as for the address that we wrote to.

    Where somebody passes letters on and the next mailbox is gone, that is no more than a sign that ours is of little
    use: it counts, and does not take the address off at once.
    """
    passed_on = one.about not in {"", address.lower()}
    return ReturnKind.SOFT if one.kind is ReturnKind.HARD and passed_on else one.kind


@dataclass(frozen=True, slots=True)
class _Done:
    """What a batch has come to."""

    returned: int = 0
    suppressed: int = 0
    forged: int = 0
    strange: int = 0

    def __add__(self, other: "_Done") -> "_Done":
        return _Done(
            self.returned + other.returned,
            self.suppressed + other.suppressed,
            self.forged + other.forged,
            self.strange + other.strange,
        )


class Returns:
    """Reads the mailboxes of those channels that have one. `on_change` is called when a delivery came back."""

    def __init__(
        self, desk: Desk, boxes: Mapping[str, Postbox], *, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._desk = desk
        self._boxes = boxes
        self._on_change = on_change

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`. No fault leaves here."""
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(self._read_on(channel, box, stop)) for channel, box in self._boxes.items()]
            await stop.wait()
            for box in self._boxes.values():
                box.break_off()
            await asyncio.gather(*readers)

    async def _read_on(self, channel: str, box: Postbox, stop: asyncio.Event) -> None:
        pause = _FIRST_PAUSE
        while not stop.is_set():
            rest = box.every_seconds
            try:
                while not stop.is_set() and await self.step(channel):
                    pass
                pause = _FIRST_PAUSE
            except PostboxError as error:
                if not stop.is_set():
                    _log.warning("returns.not_read", channel=channel, code=error.code, detail=error.detail)
                rest, pause = max(rest, pause), min(2 * pause, _LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - it is read again
                if is_away(error):
                    _log.warning("returns.waits_for_database", channel=channel, error=str(error))
                else:
                    _log.exception("returns.step_failed", channel=channel)
                rest = _FIRST_PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await stop.wait()

    async def step(self, channel: str) -> bool:
        """Read the next letters of a channel's mailbox, record what they say, and put them away in this order.

        Tells whether there is more. Raises PostboxError, and what the database raises.
        """
        box = self._boxes[channel]
        await self._look_again()
        async with self._desk.database.reading() as tx:
            since = await store.bookmark(tx, channel)
        batch = await box.read(since)
        if batch.letters or batch.upto != since:
            await self._record(channel, box, batch)
        await self._put_away(channel, box, batch.upto)
        return batch.more

    async def _record(self, channel: str, box: Postbox, batch: Batch) -> None:
        """Write all that a batch says, and how far the mailbox is read now, in one transaction."""
        now, done = self._desk.now(), _Done()
        async with self._desk.database.writing() as tx:
            for letter in batch.letters:
                if _is_ours(letter) and await store.is_fresh(
                    tx, channel, letter.digest, validity=batch.upto.validity, uid=letter.uid, now=now
                ):
                    for one in letter.returns:
                        done += await self._take(tx, channel, box, one, now)
            await store.set_bookmark(tx, channel, batch.upto, forged=done.forged, strange=done.strange, now=now)
        if batch.letters:
            sorts = {sort.value: n for sort in Sort if (n := sum(each.sort is sort for each in batch.letters))}
            _log.info("returns.read", channel=channel, **sorts, **_counts(done))
        if done.returned or done.suppressed:
            self._on_change()

    async def _take(self, tx: Tx, channel: str, box: Postbox, one: Return, now: datetime) -> _Done:
        found = await _whose(tx, channel, box, one, now)
        if found is None:
            return _Done(forged=1) if one.mark else _Done(strange=1)
        address = found.recipient.address
        if "@" not in address:  # it was erased at its owner's wish, and servers repeat it in what they say
            return _Done()
        detail, kind = _detail(one, address), counts_against(one, address)
        tried_at, outcome = await store.last_word(tx, found.id)
        its = fate(one.kind, found.state, last_outcome=outcome, tried_at=tried_at, written_at=one.written_at)
        reason = one.reason if kind is one.kind else Reason.REFUSED  # it is not our address that does not exist
        what = replace(one, detail=detail, reason=reason)
        await store.note(tx, found, what, counts=kind is ReturnKind.SOFT, waits=its is Fate.WAITS, now=now)
        word = Outcome.COMPLAINED if one.kind is ReturnKind.COMPLAINT else Outcome.RETURNED
        await store.note_attempt(tx, found, word, detail, _ACTOR, now)
        moved = its is Fate.RETURNED and await store.move(tx, found, reason=reason, detail=detail, now=now)
        if moved:
            await talks.reopen_boards(tx, found.announcement_id)
        return _Done(returned=int(moved), suppressed=int(await self._suppress(tx, kind, address, now)))

    async def _suppress(self, tx: Tx, kind: ReturnKind, address: str, now: datetime) -> bool:
        """Write to an address no more, where that is the consequence. False when it was so already, or is not yet."""
        reason = await self._why_suppressed(tx, kind, address, now)
        if reason is None:
            return False
        await store.write_off(tx, address)
        return await lists.suppress(tx, address, "", reason=reason, now=now)

    async def _why_suppressed(self, tx: Tx, kind: ReturnKind, address: str, now: datetime) -> SuppressionReason | None:
        match kind:
            case ReturnKind.COMPLAINT:
                return SuppressionReason.COMPLAINED
            case ReturnKind.HARD:
                return SuppressionReason.BOUNCED
            case ReturnKind.SOFT:
                enough = await store.count(tx, address, since=now - ENOUGH_WITHIN) >= ENOUGH
                return SuppressionReason.BOUNCED if enough else None
            case ReturnKind.REFUSED:
                return None

    async def _look_again(self) -> None:
        """Say of deliveries that were under way when something of them came back what can be said by now."""
        async with self._desk.database.reading() as tx:
            if not await store.waiting(tx, limit=1):
                return
        now = self._desk.now()
        async with self._desk.database.writing() as tx:
            for noted in await store.waiting(tx):
                found = await deliveries.get(tx, noted.delivery_id)
                tried_at, outcome = await store.last_word(tx, noted.delivery_id)
                await store.resolve(tx, noted.id)
                if found is not None and Fate.RETURNED is fate(
                    noted.kind, found.state, last_outcome=outcome, tried_at=tried_at, written_at=noted.written_at
                ):
                    await store.move(tx, found, reason=noted.reason, detail=noted.detail, now=now)
                    await talks.reopen_boards(tx, found.announcement_id)
        self._on_change()

    async def _put_away(self, channel: str, box: Postbox, at: Bookmark) -> None:
        """Mark or move in the mailbox what is on record. A process that dies in between does it the next time."""
        async with self._desk.database.reading() as tx:
            uids = await store.lying(tx, channel, at.validity)
        if uids and await box.put_away(at.validity, uids):
            async with self._desk.database.writing() as tx:
                await store.mark_put_away(tx, channel, at.validity, uids)


async def _whose(tx: Tx, channel: str, box: Postbox, one: Return, now: datetime) -> Delivery | None:
    """Return the delivery that a return proves to be about."""
    number = box.number(one.mark)
    if number is not None:
        found = await deliveries.get(tx, number)
        if found is not None and found.channel == channel and box.genuine(one.mark, found.key):
            return found
    if not one.key:
        return None
    return await store.by_key(tx, channel, one.key, {one.to, one.about} - {""}, since=now - _KNOWN_FOR)


def _is_ours(letter: Taken) -> bool:
    return bool(letter.returns) and letter.sort in {Sort.BOUNCE, Sort.COMPLAINT}


def _detail(one: Return, address: str) -> str:
    """Return the server's words, and whose they are where somebody passes letters on."""
    return one.detail if one.about in {"", address.lower()} else f"{one.about}: {one.detail}"


def _counts(done: _Done) -> dict[str, int]:
    named = {"returned": done.returned, "suppressed": done.suppressed, "forged": done.forged, "strange": done.strange}
    return {name: n for name, n in named.items() if n}
