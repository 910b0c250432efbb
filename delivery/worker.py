"""Claims deliveries, sends them, records what came of each; picks up what a dead worker left.

One lane per channel, so that channels do not wait for each other. All thought is in `step`; the lane only repeats it.
The order is fixed by what a crash may cost: claim (a lease) -> attempt row committed -> wire -> result committed.
"""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from channels.contract import (
    Channel,
    ChannelClosed,
    ChannelError,
    Deferred,
    Part,
    Reason,
    Receipt,
    Rejected,
    Rendering,
    Shipment,
    Unconfirmed,
)
from delivery import retry
from delivery.database import is_away
from delivery.desk import Desk
from delivery.ledger import Ledger
from delivery.model import Delivery, DeliveryState, Outcome
from delivery.pace import LONGEST, Turnstile
from delivery.store import announcements, holds, queue
from delivery.store.queue import Result

_log = structlog.get_logger()

LEASE = timedelta(seconds=60)
_CLAIM = 200
_REST_SECONDS = 1.0
_FAULT_REST_SECONDS = 5.0
_KEPT_RENDERINGS = 32


class Worker:
    """Delivers through every channel of the desk. `poke` wakes it; `on_change` is called when broadcasts settle."""

    def __init__(
        self,
        desk: Desk,
        *,
        name: str,
        lease: timedelta = LEASE,
        jitter: Callable[[], float] = random.random,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._lease_time = lease
        self._lease = uuid4().hex
        self._jitter = jitter
        self._on_change = on_change
        self._stopping = False
        self._held: set[str] = set()
        self._in_hand: set[int] = set()
        self._wake = {channel: asyncio.Event() for channel in desk.channels}
        self._turnstiles: dict[str, Turnstile] = {}
        self._renderings: OrderedDict[tuple[int, int, str], Rendering] = OrderedDict()
        self._ledger = Ledger(
            desk.database,
            lease=self._lease,
            actor=name,
            windows={key: channel.repeatable_for for key, channel in desk.channels.items()},
            now=desk.now,
            on_settled=lambda _broadcasts: on_change(),
        )

    def poke(self) -> None:
        """Look at the queue now rather than at the next poll."""
        for event in self._wake.values():
            event.set()

    async def run(self, stop: asyncio.Event, *, finish_within: float = 20) -> None:
        """Deliver until `stop`; then finish what is on the wire, at most so many seconds, and give back the rest."""
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._lane(channel)) for channel in self._desk.channels]
            upkeep = group.create_task(self._upkeep())
            await stop.wait()
            self._stopping = True
            self.poke()
            if lanes:
                _done, late = await asyncio.wait(lanes, timeout=finish_within)
                for lane in late:
                    lane.cancel()
            upkeep.cancel()

    async def _lane(self, channel: str) -> None:
        while not self._stopping:
            self._wake[channel].clear()
            rest = _REST_SECONDS
            try:
                if await self.step(channel):
                    continue
            except Exception as error:  # noqa: BLE001 - a lane outlives every fault of a step
                rest = _FAULT_REST_SECONDS
                if is_away(error):
                    _log.warning("worker.waits_for_database", channel=channel, error=str(error))
                else:
                    _log.exception("worker.step_failed", channel=channel)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake[channel].wait()

    async def _upkeep(self) -> None:
        """Prolong the leases of this worker and look for those of dead ones."""
        while True:
            try:
                await self.renew()
                if await self.rescue():
                    self.poke()
            except Exception as error:  # noqa: BLE001 - leases must go on being renewed
                if not is_away(error):
                    _log.exception("worker.upkeep_failed")
            await asyncio.sleep(self._lease_time.total_seconds() / 4)

    async def step(self, channel: str) -> bool:
        """Deliver what is due in a channel now. Tells whether there was something to do."""
        way = self._desk.channels[channel]
        turnstile = await self._turnstile(channel, way)
        now = self._desk.now()
        async with self._desk.database.reading() as tx:
            due = await queue.next_due(tx, [channel])
            held = {hold.channel: hold for hold in await holds.holds(tx)}.get(channel)
        if held is not None:
            self._held.add(channel)
        if due is None or due > now or (held is not None and held.retry_at > now):
            return False
        most = 1 if held is not None else _CLAIM
        most = turnstile.room(now, most)
        if most == 0:
            return False
        async with self._desk.database.writing() as tx:
            claimed = await queue.claim(
                tx, channel, limit=most, lease=self._lease, until=now + self._lease_time, now=now
            )
        if not claimed:
            return False
        ids = {one.id for one in claimed}
        self._in_hand |= ids
        try:
            waiting = deque(claimed)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(way.pace.concurrency, len(claimed))):
                    group.create_task(self._send_all(way, channel, waiting, turnstile))
            await self._give_back(list(waiting))
        finally:
            self._in_hand -= ids
        self._on_change()
        return True

    async def renew(self) -> None:
        """Prolong the leases of what this worker has in hand. What it lost track of expires, and is rescued."""
        if self._in_hand:
            async with self._desk.database.writing() as tx:
                await queue.renew(tx, self._lease, self._in_hand, self._desk.now() + self._lease_time)

    async def rescue(self) -> int:
        """Decide what becomes of deliveries whose worker died; return how many there were.

        Never started: queued again. Started: in doubt, and repeated only where one key shows once.
        """
        now = self._desk.now()
        async with self._desk.database.writing() as tx:
            found = await queue.expired(tx, now)
            await queue.release_expired(tx, [one for one, attempt in found if attempt is None], now)
            doubtful = [
                self._in_doubt(
                    one,
                    attempt,
                    Unconfirmed("the worker was lost while sending", Reason.WORKER_DIED),
                    tries=one.attempts,
                )
                for one, attempt in found
                if attempt is not None
            ]
            settled = await queue.record(tx, doubtful, now) if doubtful else []
        if found:
            _log.warning("worker.rescued", deliveries=len(found), doubtful=len(doubtful))
            self._on_change()
        return len(found) + len(settled)

    async def _turnstile(self, channel: str, way: Channel) -> Turnstile:
        if channel not in self._turnstiles:
            async with self._desk.database.reading() as tx:
                past = await queue.started_times(tx, channel, self._desk.now() - LONGEST)
            self._turnstiles[channel] = Turnstile(way.pace, past)
        return self._turnstiles[channel]

    async def _send_all(self, way: Channel, channel: str, waiting: deque[Delivery], turnstile: Turnstile) -> None:
        """Send one delivery after the other until none is left, the channel closes, or the worker stops.

        Nothing but cancellation leaves here: an error of one send must not cut the others off on the wire.
        """
        result: Result | None = None
        try:
            while waiting and not self._stopping:
                pause = (turnstile.opens_at(self._desk.now()) - self._desk.now()).total_seconds()
                if pause > 0:
                    await self._recorded(result)
                    result = None
                    await asyncio.sleep(pause)
                    continue
                one = waiting.popleft()
                turnstile.passed(self._desk.now())
                attempt = await (self._ledger.exchange(result, one) if result else self._ledger.start(one))
                result = None if attempt is None else await self._attempt(way, channel, one, attempt)
                if result is not None and result.outcome is Outcome.CLOSED:
                    await self._give_back(_drained(waiting))
            await self._recorded(result)
        except Exception:  # noqa: BLE001 - what it had in hand is rescued when the lease ends
            _log.exception("worker.sender_failed", channel=channel)

    async def _recorded(self, result: Result | None) -> None:
        if result is not None:
            await self._ledger.record(result)

    async def _attempt(self, way: Channel, channel: str, one: Delivery, attempt: int) -> Result:
        if self._key_forgotten(way, one):
            return self._in_doubt(one, attempt, Unconfirmed("the key may be forgotten by now"))
        if not one.doubtful and self._too_late(way, one):
            return _failed(one, attempt, Rejected("the channel was out of reach for too long", Reason.TOO_LATE))
        return await self._send(way, channel, one, attempt)

    async def _send(self, way: Channel, channel: str, one: Delivery, attempt: int) -> Result:
        log = _log.bind(
            announcement=one.announcement_id,
            broadcast=one.broadcast_id,
            delivery=one.id,
            attempt=attempt,
            channel=channel,
        )
        try:
            shipment = await self._shipment(way, channel, one)
        except Exception as error:
            if is_away(error):
                away = Deferred("the database was away", retry_after=timedelta(seconds=5), counts=False)
                return self._deferred(way, one, attempt, away)
            log.exception("delivery.not_prepared")
            return _failed(one, attempt, Rejected("could not be prepared", Reason.PROGRAM_ERROR))
        try:
            receipt = await way.send(shipment)
        except ChannelError as error:
            log.info("delivery.not_sent", error=type(error).__name__, reason=error.reason, detail=error.detail)
            if isinstance(error, ChannelClosed):
                await self._hold(channel, error)
            return self._judge(way, one, attempt, error)
        except asyncio.CancelledError:
            # The end of the service's patience: whether it went out is unknown, and that must be on record.
            await self._ledger.record(self._in_doubt(one, attempt, Unconfirmed("cut off at shutdown")))
            raise
        except Exception:
            log.exception("delivery.program_error")
            return self._in_doubt(one, attempt, Unconfirmed("an error of the program", Reason.PROGRAM_ERROR))
        log.info("delivery.sent", link=receipt.link)
        await self._reopen(channel)
        return _sent(one, attempt, receipt)

    async def _shipment(self, way: Channel, channel: str, one: Delivery) -> Shipment:
        key = (one.announcement_id, one.revision, channel)
        rendering = self._renderings.get(key)
        previous: Receipt | None = None
        if rendering is None or one.part > 1:
            async with self._desk.database.reading() as tx:
                if rendering is None:
                    rendering = way.render(await announcements.post_of(tx, one.announcement_id, one.revision))
                if one.part > 1:
                    previous = await queue.previous_receipt(tx, one)
        self._renderings[key] = rendering
        self._renderings.move_to_end(key)
        if len(self._renderings) > _KEPT_RENDERINGS:
            self._renderings.popitem(last=False)
        part: Part = rendering.parts[one.part - 1]
        return Shipment(part, one.recipient, one.key, previous)

    def _key_forgotten(self, way: Channel, one: Delivery) -> bool:
        """Tell whether sending this again could show it twice."""
        return one.doubtful and (one.key_since is None or self._desk.now() >= one.key_since + way.repeatable_for)

    def _too_late(self, way: Channel, one: Delivery) -> bool:
        """Tell whether a closed channel or a dead service kept it until it was no news any more.

        Letters that a limit per hour or day keeps waiting are not late: that was known when they were released.
        """
        limited = way.pace.per_hour or way.pace.per_day
        return not limited and self._desk.now() > one.queued_at + way.stale_after

    def _judge(self, way: Channel, one: Delivery, attempt: int, error: ChannelError) -> Result:
        match error:
            case Deferred():
                return self._deferred(way, one, attempt, error)
            case ChannelClosed():
                return Result(
                    one,
                    attempt,
                    Outcome.CLOSED,
                    DeliveryState.QUEUED,
                    detail=error.detail,
                    reason=error.reason,
                    due_at=self._desk.now(),
                    counts=False,
                )
            case Unconfirmed():
                return self._in_doubt(one, attempt, error)
            case _ if one.doubtful:
                # A refusal now says nothing of the attempt before it, which may be public.
                return Result(one, attempt, Outcome.REJECTED, DeliveryState.UNCONFIRMED, error.detail, error.reason)
            case _:
                return _failed(one, attempt, error)

    def _deferred(self, way: Channel, one: Delivery, attempt: int, error: Deferred) -> Result:
        moment = retry.retry_at(
            error,
            attempts=one.attempts + 1,
            pauses=way.retry_pauses,
            now=self._desk.now(),
            give_up_at=one.queued_at + way.stale_after,
            jitter=self._jitter(),
        )
        if moment is None and one.doubtful:
            return Result(one, attempt, Outcome.DEFERRED, DeliveryState.UNCONFIRMED, error.detail, error.reason)
        if moment is None:
            return _failed(one, attempt, Rejected(error.detail, Reason.TOO_LATE))
        return Result(
            one,
            attempt,
            Outcome.DEFERRED,
            DeliveryState.QUEUED,
            detail=error.detail,
            reason=error.reason,
            due_at=moment,
            counts=error.counts,
        )

    def _in_doubt(self, one: Delivery, attempt: int, error: Unconfirmed, tries: int | None = None) -> Result:
        """Repeat or put to a person. `tries` counts this attempt too; by default `one` was read before it began."""
        now = self._desk.now()
        way = self._desk.channels.get(one.channel)
        again = retry.repeat_at(
            attempts=one.attempts + 1 if tries is None else tries,
            key_since=one.key_since or now,
            window=way.repeatable_for if way else timedelta(0),
            now=now,
            jitter=self._jitter(),
        )
        state = DeliveryState.UNCONFIRMED if again is None else DeliveryState.QUEUED
        return Result(one, attempt, Outcome.UNCONFIRMED, state, error.detail, error.reason, due_at=again)

    async def _hold(self, channel: str, error: ChannelClosed) -> None:
        self._held.add(channel)
        now = self._desk.now()
        async with self._desk.database.writing() as tx:
            tries = {hold.channel: hold.tries for hold in await holds.holds(tx)}.get(channel, 0)
            until = now + retry.pause(retry.HOLD_PAUSES, tries + 1)
            await holds.close(tx, channel, reason=error.reason, detail=error.detail, retry_at=until, now=now)
        _log.error("channel.closed", channel=channel, reason=error.reason, detail=error.detail, until=until.isoformat())
        self._on_change()

    async def _reopen(self, channel: str) -> None:
        if channel in self._held:
            async with self._desk.database.writing() as tx:
                await holds.open_again(tx, channel)
            self._held.discard(channel)
            _log.info("channel.open_again", channel=channel)

    async def _give_back(self, deliveries: list[Delivery]) -> None:
        if deliveries:
            now = self._desk.now()
            async with self._desk.database.writing() as tx:
                await queue.give_back(tx, deliveries, lease=self._lease, due_at=now, now=now)


def _drained(waiting: deque[Delivery]) -> list[Delivery]:
    rest = list(waiting)
    waiting.clear()
    return rest


def _sent(one: Delivery, attempt: int, receipt: Receipt) -> Result:
    return Result(one, attempt, Outcome.SENT, DeliveryState.SENT, detail=receipt.detail, receipt=receipt)


def _failed(one: Delivery, attempt: int, error: ChannelError) -> Result:
    return Result(one, attempt, Outcome.REJECTED, DeliveryState.FAILED, detail=error.detail, reason=error.reason)
