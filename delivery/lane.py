"""One channel's way through a worker: claims what is due, sends it, records what came of it.

All thought is in `step`; the worker only repeats it. The order is fixed by what a crash may cost: claim (a lease) ->
attempt row committed -> wire -> result committed. While a step runs, a feeder claims on, a little ahead of the
senders and never further than they get in about a second, so that something urgent is soon the next to go.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from channels.contract import (
    Channel,
    ChannelClosed,
    ChannelError,
    Deferred,
    Reason,
    Receipt,
    Rejected,
    Unconfirmed,
)
from delivery import retry, verdict
from delivery.database import Tx, is_away
from delivery.desk import Desk
from delivery.hand import Hand
from delivery.ledger import Ledger
from delivery.loading import Freight, Loader, take
from delivery.model import Act, Delivery, Outcome, Result
from delivery.pace import limits_of
from delivery.store import broadcasts, holds, limits, queue

__all__ = ["Lane", "Standing"]

_log = structlog.get_logger()

_MOST_CLAIMED = 200
_AHEAD_SECONDS = 0.5
_SHORT_REST_SECONDS = 0.25
_PATIENCE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 3.0
# So many sends in a row that reach nobody are no accident of one recipient.
_SIGNS_OF_OUTAGE = 3
# Where nobody answers, editors are told at the so-manieth failure, some four minutes after the first.
_TELL_AT = 6


@dataclass(frozen=True, slots=True)
class Standing:
    """What all lanes of a worker have in common. `jitter` is drawn from 0..1."""

    desk: Desk
    name: str
    lease: str
    lease_time: timedelta
    jitter: Callable[[], float]
    on_change: Callable[[], None]


class Lane:
    """Delivers through one channel. `stopping` is set from outside: finish what is on the wire, give back the rest."""

    def __init__(self, channel: str, standing: Standing) -> None:
        self.stopping = False
        self.opens_at: datetime | None = None
        """When the channel's limits let the next delivery out, if they keep it waiting now."""
        self._channel = channel
        self._standing = standing
        self._pace = standing.desk.channels[channel].pace
        self._desk = standing.desk
        self._way: Channel = standing.desk.channels[channel]
        self._limits = limits_of(self._pace)
        self._terms = _terms_of(self._way)
        self._leased_at: dict[int, float] = {}  # until its result is written: when the lease was last known to be ours
        self._holding: set[int] = set()  # what waits in hand or is being sent
        self._again: dict[int, tuple[Delivery, float]] = {}  # what of it was claimed once more, and when
        self._held = False
        self._hand: Hand | None = None
        self._failures = 0  # in a row, of those that reached nobody
        self._served = 0  # the broadcast that had its turn last
        self._in_vain = (frozenset[str](), float("-inf"))  # without these destinations nothing was due, at that time
        self._speed = 0.0  # deliveries a second
        self._finished = 0
        self._measured_at = 0.0
        self._loader = Loader(standing.desk, channel)
        self._ledger = Ledger(
            standing.desk.database,
            lease=standing.lease,
            actor=standing.name,
            windows={channel: self._way.repeatable_for},
            limits=self._limits,
            now=standing.desk.now,
            on_settled=lambda _broadcasts: standing.on_change(),
            more=self._more,
        )

    @property
    def in_hand(self) -> set[int]:
        """The deliveries whose lease is to be renewed."""
        return set(self._leased_at)

    def renewed(self, ids: set[int], at: float) -> None:
        """Note that leases were prolonged; `at` is the loop's time before that."""
        for one in ids & self._leased_at.keys():
            self._leased_at[one] = at

    async def step(self) -> bool:
        """Deliver what is due now. Tells whether there was something to do."""
        self.opens_at = None
        self._pace, self._terms = self._way.pace, _terms_of(self._way)
        now = self._desk.now()
        async with self._desk.database.reading() as tx:
            due = await queue.due(tx, self._channel, now, after=self._served)
            held = None if due is None else await holds.hold_of(tx, self._channel)
        self._held = held is not None
        if due is None or (held is not None and held.retry_at > now):
            return False
        hand = self._hand = Hand(self._pace.per_destination)
        if not await self._claim(hand, 1 if held else self._wanted(hand)):
            return False
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(1 if held else self._pace.concurrency):
                    group.create_task(self._send_all(hand))
                if held is None:
                    await self._feed(hand)
                else:
                    hand.end()
            await self._give_back(hand.drain())
        finally:
            self._leased_at.clear()
            self._holding.clear()
            self._again.clear()
        await self._settle()
        self._standing.on_change()
        return True

    async def _settle(self) -> None:
        """Settle what no record has seen the end of: of two that wrote the last results at once, neither may have."""
        async with self._desk.database.reading() as tx:
            _cancelled, finished = await broadcasts.left_to_tidy(tx)
        if finished:
            async with self._desk.database.writing() as tx:
                await broadcasts.settle_finished(tx, self._desk.now())

    def _more(self) -> bool:
        """Tell whether so much waits in hand that hardly a broadcast ends with the next record."""
        return self._hand is not None and len(self._hand) > self._pace.concurrency

    # Claiming

    async def _feed(self, hand: Hand) -> None:
        """Claim on as long as something is due, or something is on the wire that may leave room for more."""
        while not hand.ended:
            if self.stopping:
                await self._give_back(hand.drain())
                return
            wanted = self._wanted(hand)
            ready = hand.ready
            more = ready <= wanted // 4 and await self._claims_more(hand, wanted - ready)
            if not more and not hand.under_way and not len(hand):
                hand.end()
            elif not more:
                await _within(_SHORT_REST_SECONDS, hand.changed())

    async def _claims_more(self, hand: Hand, wanted: int) -> bool:
        try:
            return await self._claim(hand, wanted)
        except Exception as error:  # noqa: BLE001 - what is under way goes on, and what waits can wait
            if not is_away(error):
                _log.exception("lane.claim_failed", channel=self._channel)
            hand.end()
            return False

    async def _claim(self, hand: Hand, wanted: int) -> bool:
        """Take up to so many more deliveries into the hand, as far as the channel's limits have room for them."""
        at = asyncio.get_running_loop().time()
        crowded, has = frozenset(hand.crowded), len(hand)
        nothing_without, then = self._in_vain
        if crowded and crowded >= nothing_without and at < then + _SHORT_REST_SECONDS:
            return False
        claimed = await self._desk.database.transact(lambda tx: self._claim_in(tx, wanted, has, crowded))
        if claimed:
            self._served = claimed[0].broadcast_id
            # What another worker took for lost, or an edit has taken back, may be in this very hand still: once is
            # enough, unless that one is refused (`_resume`).
            fresh = [one for one in claimed if one.id not in self._holding]
            self._again |= {one.id: (one, at) for one in claimed if one.id in self._holding}
            self._leased_at |= dict.fromkeys((one.id for one in claimed), at)
            self._holding.update(one.id for one in fresh)
            hand.put(fresh)
        elif crowded:
            self._in_vain = (crowded, at)
        return bool(claimed)

    async def _claim_in(self, tx: Tx, wanted: int, has: int, crowded: Collection[str]) -> list[Delivery]:
        now = self._desk.now()
        if self._limits:
            room = await limits.room(tx, self._channel, self._limits, wanted + has, now)
            self.opens_at = room.opens_at
            wanted = room.count - has
        if wanted <= 0:
            return []
        return await queue.claim(
            tx,
            self._channel,
            limit=wanted,
            lease=self._standing.lease,
            until=now + self._standing.lease_time,
            now=now,
            after=self._served,
            without=crowded,
        )

    def _wanted(self, hand: Hand) -> int:
        """Return how many should wait in hand: what the senders need now, and what they get through in a moment."""
        now = asyncio.get_running_loop().time()
        passed = now - self._measured_at
        if passed > _AHEAD_SECONDS / 2:
            self._speed, self._finished, self._measured_at = self._finished / passed, 0, now
        idle = self._pace.concurrency - hand.under_way
        return max(1, idle, min(_MOST_CLAIMED, round(self._speed * _AHEAD_SECONDS)))

    # Sending

    async def _send_all(self, hand: Hand) -> None:
        """Send one delivery after the other until the hand ends.

        Nothing but cancellation leaves here: an error of one send must not cut the others off on the wire.
        """
        result: Result | None = None
        while True:
            one = None if self.stopping else hand.take()
            if one is None and result is None:
                if hand.ended and (not len(hand) or self.stopping):
                    return
                await hand.changed()
                continue
            refused = False
            try:
                attempt = await self._write(result, one)
                result = None
                if one is not None:
                    refused = attempt is None
                    result = None if attempt is None else await self._attempt(one, attempt)
                    self._after(hand, result)
                    if hand.ended:
                        await self._give_back(hand.drain())
            except Exception:  # noqa: BLE001 - what it had in hand is rescued when the lease ends
                _log.exception("lane.sender_failed", channel=self._channel)
                result = None
            finally:
                again = None
                if one is not None:
                    self._holding.discard(one.id)
                    hand.done(one)
                    if result is None:
                        self._leased_at.pop(one.id, None)
                    again = self._again.pop(one.id, None)
            if again is not None and refused:
                await self._resume(hand, *again)

    async def _resume(self, hand: Hand, one: Delivery, at: float) -> None:
        """Take up what was claimed once more while its sender still had it, and then was not let begin.

        It bears our lease, and nobody else would come for it until that ends.
        """
        if hand.ended:
            await self._give_back([one])
            return
        self._holding.add(one.id)
        self._leased_at[one.id] = at
        hand.put([one])

    async def _write(self, result: Result | None, following: Delivery | None) -> int | None:
        """Write down what came of one delivery and that the next one begins; returns the attempt's id.

        The lease is renewed until then: while the database is away nobody else may take a known outcome for a doubt.
        """
        try:
            if following is None:
                if result is not None:
                    await self._ledger.record(result)
                return None
            return await (self._ledger.exchange(result, following) if result else self._ledger.start(following))
        finally:
            if result is not None:
                self._leased_at.pop(result.delivery.id, None)

    def _after(self, hand: Hand, result: Result | None) -> None:
        """Count, and end the hand when the channel has turned out to be closed or out of reach."""
        self._finished += 1
        if result is not None and (result.outcome is Outcome.CLOSED or self._held):
            hand.end()

    async def _attempt(self, one: Delivery, attempt: int) -> Result:
        jitter = self._standing.jitter()
        too_late = verdict.before_sending(one, attempt, self._terms[one.act], self._desk.now(), jitter)
        if too_late is not None:
            return too_late
        outcome = await self._send(one, attempt)
        if isinstance(outcome, ChannelError):
            return verdict.judge(one, attempt, outcome, self._terms[one.act], self._desk.now(), jitter)
        return verdict.sent(one, attempt, outcome)

    async def _send(self, one: Delivery, attempt: int) -> Receipt | ChannelError:
        freight = await self._loaded(one, attempt)
        if isinstance(freight, ChannelError):
            return freight
        if not self._still_ours(one):
            return Deferred("the lease had almost ended", retry_after=timedelta(0), counts=False)
        try:
            receipt = await take(self._way, freight)
        except ChannelError as error:
            _log.info(
                "delivery.not_sent",
                error=type(error).__name__,
                reason=error.reason,
                detail=error.detail,
                **self._ids(one, attempt),
            )
            if isinstance(error, ChannelClosed) and one.act is not Act.SEND:
                return Rejected(error.detail, error.reason)  # it needs rights of its own: a send tells more
            await self._mind(error)
            return error
        except asyncio.CancelledError:
            # The end of the service's patience: whether it went out is unknown, and that must be on record. While the
            # database is away it cannot be; then the next worker says so of what it finds begun.
            cut_off = Unconfirmed("cut off at shutdown")
            doubt = verdict.in_doubt(
                one, attempt, cut_off, self._terms[one.act], self._desk.now(), self._standing.jitter()
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._ledger.record(doubt)
            raise
        except Exception:  # noqa: BLE001 - nor may a bug in a channel
            _log.exception("delivery.program_error", **self._ids(one, attempt))
            return Unconfirmed("an error of the program", Reason.PROGRAM_ERROR)
        await self._reopen()
        if self._way.address is not None:  # letters have their rows; a hundred thousand lines would tell nobody more
            _log.info("delivery.sent", link=receipt.link, **self._ids(one, attempt))
        return receipt

    async def _loaded(self, one: Delivery, attempt: int) -> Freight | ChannelError:
        try:
            return await self._loader.load(one)
        except ChannelError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a letter that can't be made must not end the others
            if is_away(error):
                return Deferred("the database was away", retry_after=timedelta(seconds=5), counts=False)
            _log.exception("delivery.not_prepared", **self._ids(one, attempt))
            return Rejected("could not be prepared", Reason.PROGRAM_ERROR)

    def _ids(self, one: Delivery, attempt: int) -> dict[str, int | str]:
        """Name everything that a line of the log may be looked up by."""
        return {
            "announcement": one.announcement_id,
            "broadcast": one.broadcast_id,
            "delivery": one.id,
            "attempt": attempt,
            "channel": self._channel,
        }

    def _still_ours(self, one: Delivery) -> bool:
        """Tell whether enough of the lease is left: a process that stood still may have lost it meanwhile."""
        at = self._leased_at.get(one.id, float("-inf"))
        left = self._standing.lease_time.total_seconds() - (asyncio.get_running_loop().time() - at)
        return left >= self._standing.lease_time.total_seconds() / 3

    # Closed channels

    async def _mind(self, error: ChannelError) -> None:
        """Hold the channel when it refuses everybody, or when send after send finds nobody there."""
        out_of_reach = isinstance(error, Deferred) and error.reason is Reason.NOT_CONNECTED
        self._failures = self._failures + 1 if out_of_reach else 0
        if isinstance(error, ChannelClosed) or self._failures >= min(_SIGNS_OF_OUTAGE, self._pace.concurrency):
            rest = self._hand.drain() if self._hand else []  # at once: nobody is to try while this is written down
            await self._insist(lambda: self._hold(error))
            await self._give_back(rest)

    async def _hold(self, error: ChannelError) -> None:
        now = self._desk.now()
        async with self._desk.database.writing() as tx:
            before = await holds.hold_of(tx, self._channel)
            if before is not None and before.retry_at > now and before.reason is error.reason:
                self._held = True  # the others on the wire have said so already
                return
            tries = 1 if before is None else before.tries + 1
            until = now + retry.hold_pause(error.reason, tries)
            quiet = error.reason is Reason.NOT_CONNECTED
            news = before is None or before.reason is Reason.NOT_CONNECTED
            await holds.close(
                tx,
                self._channel,
                reason=error.reason,
                detail=error.detail,
                retry_at=until,
                tell=tries == _TELL_AT if quiet else news,
                now=now,
            )
        self._held = True
        known = {"reason": error.reason, "detail": error.detail, "until": until.isoformat()}
        _log.error("channel.closed", channel=self._channel, **known)
        self._standing.on_change()

    async def _reopen(self) -> None:
        self._failures = 0
        if self._held:
            await self._insist(self._open_again)

    async def _open_again(self) -> None:
        async with self._desk.database.writing() as tx:
            await holds.open_again(tx, self._channel)
        self._held = False
        _log.info("channel.open_again", channel=self._channel)

    async def _give_back(self, rest: list[Delivery]) -> None:
        """Put what was claimed and not started into the queue again."""
        if rest:
            await self._insist(lambda: self._return(rest))
            for one in rest:
                self._leased_at.pop(one.id, None)
                self._holding.discard(one.id)
                self._again.pop(one.id, None)

    async def _return(self, rest: list[Delivery]) -> None:
        async with self._desk.database.writing() as tx:
            await queue.give_back(tx, rest, lease=self._standing.lease, now=self._desk.now())

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write something besides the outcome of a send, and wait for the database as long as that takes.

        Whatever goes wrong here must not cost the outcome, which is still to be recorded.
        """
        while True:
            try:
                await write()
            except Exception as error:  # noqa: BLE001 - see above
                if not is_away(error):
                    _log.exception("lane.not_written", channel=self._channel)
                    return
                _log.warning("lane.waits_for_database", channel=self._channel, error=str(error))
                await asyncio.sleep(_PATIENCE_SECONDS)
            else:
                return


def _terms_of(way: Channel) -> Mapping[Act, verdict.Terms]:
    return {act: verdict.terms_of(way, act) for act in Act}


async def _within(seconds: float, waiting: Awaitable[None]) -> None:
    """Wait for something, but not longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting
