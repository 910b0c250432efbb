"""The world of the random histories: readers, workers that forget or come late, people who change their mind.

Beside the database stands a model of the outside. It knows what really arrived, which the engine can only learn from
answers, and how often each delivery was allowed to arrive.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from channels.contract import ChannelClosed, ChannelError, Deferred, Post, Reason, Receipt, Rejected, Unconfirmed
from channels.returns import ReturnKind
from delivery import broadcast as use
from delivery import doubts, verdict
from delivery.database import Database
from delivery.desk import Desk
from delivery.member import Member
from delivery.model import BroadcastState, Delivery, DeliveryState, Result
from delivery.returns import Returns
from delivery.store import attempts, broadcasts, deliveries, lists, queue
from delivery.tables import mailing_list, member, metadata, suppression
from delivery.worker import LEASE, Worker
from tests.delivery.builders import Scripted
from tests.delivery.mailbox import Box, marked
from tests.delivery.state_machine_truth import FINAL, Outside, Picture, Word, check, picture
from tests.support.clock import Clock

T = TypeVar("T")

WINDOW = timedelta(minutes=55)
PEOPLE = {"one": ("a@x.ru", "b@x.ru", "c@x.ru", "off@x.ru"), "two": ("b@x.ru", "d@x.ru", "left@x.ru", "off@x.ru")}
REACHED = {
    "wall": {("wall", "@wall")},
    "vk": {("vk", "-1")},
    "mail:one": {("mail", "a@x.ru"), ("mail", "b@x.ru"), ("mail", "c@x.ru")},
    "mail:two": {("mail", "b@x.ru"), ("mail", "d@x.ru")},
}


LISTS = (mailing_list, member, suppression)


class Answer(Enum):
    """What becomes of a send, and what the worker hears of it."""

    TAKEN = "taken, and told so"
    TAKEN_UNHEARD = "taken, and the answer is lost"
    LOST = "lost on the way out"
    REFUSED = "refused for ever"
    ASKED_TO_WAIT = "refused for now"
    CLOSED = "the whole channel is closed"


SAID: dict[Answer, ChannelError] = {
    Answer.TAKEN_UNHEARD: Unconfirmed("cut off"),
    Answer.LOST: Unconfirmed("cut off"),
    Answer.REFUSED: Rejected("550", Reason.NO_SUCH_MAILBOX),
    Answer.ASKED_TO_WAIT: Deferred("451", Reason.REFUSED),
    Answer.CLOSED: ChannelClosed("token", Reason.TOKEN_REVOKED),
}


@dataclass
class Held:
    """One delivery in a worker's memory: claimed, then started (`attempt`), then answered (`result`)."""

    one: Delivery
    leased_at: datetime
    attempt: int | None = None
    result: Result | None = None


class Hands:
    """A worker's memory. A crash empties it, and the next life has another lease."""

    lives = count(1)

    def __init__(self) -> None:
        self.crash()

    def crash(self) -> None:
        self.lease = f"life {next(self.lives)}"
        self.held: list[Held] = []


async def write_lists(database: Database, now: datetime) -> None:
    """Write down the mailing lists that all histories have in common."""
    async with database.writing() as tx:
        for key, people in PEOPLE.items():
            await lists.create(tx, key, key.title(), now)
            await lists.put_members(tx, key, [Member(one, one, "", "") for one in people], source="test", now=now)
        await lists.suppress(tx, "off@x.ru", "", reason="bounced", now=now)
        await lists.suppress(tx, "left@x.ru", "two", reason="asked", now=now)


class World:
    """One database with nothing but lists, and all who have to do with it. `there` is the last picture of the rows."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self._loop = runner.get_loop()  # run() would look after signals, each time
        self._database = database
        self.clock = Clock()
        self.ways = {"wall": Scripted("@wall"), "vk": Scripted("-1"), "mail": Scripted(None)}
        self.ways["vk"].repeatable_for = WINDOW
        for way in self.ways.values():
            way.looks = True
        self.desk = Desk(database, self.ways, self.clock, ZoneInfo("Europe/Moscow"))
        self.keeper = Worker(self.desk, name="keeper", jitter=lambda: 0.0)
        self.workers = (Hands(), Hands())
        self.outside, self.word, self.there = Outside(), Word(), Picture()
        self.numbers: list[int] = []
        self._begun: set[int] = set()
        self._box = Box()
        self.run(self._clear())

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self._loop.run_until_complete(awaited())

    async def _clear(self) -> None:
        async with self._database.writing() as tx:
            for table in reversed(metadata.sorted_tables):
                if table not in LISTS:
                    await tx.execute(table.delete())

    def look_around(self) -> Sequence[Any]:
        """Read everything again, and hold it against what has happened. Returns the deliveries."""
        before, self.there = self.there, self.run(picture(self._database))
        check(self.there, before, self.word, self.outside)
        return self.there.deliveries

    def row(self, delivery_id: int) -> Any:
        return next(row for row in self.there.deliveries if row.id == delivery_id)

    # People

    def release(self, audience: Sequence[str], parts: int) -> None:
        post = Post("|".join("абв"[:parts]))
        number = self.run(use.draft(self.desk, post, author="e", targets=audience))
        first = self.run(use.release(self.desk, number, by="e"))
        assert self.run(use.release(self.desk, number, by="e")) == use.Released(first.broadcast_id, fresh=False)
        self.numbers.append(number)
        reached = {each for target in audience for each in REACHED[target]}
        self.word.meant[number] = {(*each, part) for each in reached for part in range(1, parts + 1)}

    def pause(self, number: int) -> None:
        self.run(use.pause(self.desk, number))

    def resume(self, number: int) -> None:
        self.run(use.resume(self.desk, number))

    def cancel(self, number: int) -> None:
        self.run(use.cancel(self.desk, number))
        its = [one for one in self.look_around() if one.announcement_id == number and one.its == "cancelled"]
        self.word.stopped |= {one.id for one in its if one.state not in FINAL}
        self.word.closed |= Counter(one.broadcast_id for one in its)
        for one in self.there.broadcasts:
            if one.announcement_id == number and one.state == "cancelled":
                self._all_are_told(one.id, self.word.meant.pop(number, None))

    def _all_are_told(self, broadcast_id: int, meant: Collection[object] | None) -> None:
        """Whoever it was meant for is counted, also those who were never written."""
        its = [row._mapping for row in self.there.progress if row.broadcast_id == broadcast_id]
        told = sum(row[state.value] for row in its for state in DeliveryState)
        assert meant is None or told == len(meant), "it was meant for more, or for fewer"

    def retry(self, number: int, states: Sequence[DeliveryState], one: int | None = None) -> None:
        again = self.run(use.retry(self.desk, number, states=states, delivery_id=one))
        for each in again:
            self.word.base[each] = self.outside.seen[each]
            self.word.settled.pop(each, None)
            self.word.stopped.discard(each)
        revived = {self.row(each).broadcast_id for each in again}
        for number in revived:
            self.word.closed.pop(number, None)
            if self.there.state_of(number) is BroadcastState.CANCELLED:
                self.word.revived.add(number)
        for row in self.look_around() if again else ():
            if row.broadcast_id in revived and row.state == DeliveryState.SENDING and row.attempt_id is not None:
                self.word.stopped.discard(row.id)  # it is on the wire, and nobody has stopped what runs now
            if row.id in again:
                past = (row.attempts, row.doubtful, row.attempt_id, row.lease, row.reason)
                assert past == (0, False, None, None, None), "sent again, with something of its past"

    def settle(self, delivery_id: int, *, sent: bool) -> None:
        assert self.run(use.settle(self.desk, delivery_id, sent=sent, by="e"))
        assert not self.run(use.settle(self.desk, delivery_id, sent=not sent, by="e"))
        self.word.settled[delivery_id] = sent

    def settle_all(self, number: int) -> None:
        its = [row for row in self.there.deliveries if row.announcement_id == number]
        doubtful = [row.id for row in its if row.state == "unconfirmed"]
        assert self.run(use.settle_all(self.desk, number, sent=True, by="e")) == len(doubtful)
        self.word.settled |= dict.fromkeys(doubtful, True)

    def comes_back(self, delivery_id: int) -> None:
        """Let the letter that appeared last come back. Nobody is taken off for it: other histories write to them."""

        async def read() -> None:
            async with self._database.reading() as tx:
                one = await deliveries.get(tx, delivery_id)
            assert one is not None
            its = marked(one, ReturnKind.REFUSED, Reason.REFUSED_AS_SPAM)
            self._box.arrives(replace(its, written_at=self.outside.shown_at[one.key]))
            await Returns(self.desk, {"mail": self._box}).step("mail")

        self.run(read())

    def look(self, delivery_id: int) -> None:
        there = self.outside.seen[delivery_id] > 0
        receipt = Receipt((f"seen {delivery_id}",), f"https://x.ru/{delivery_id}") if there else None
        self.ways[self.row(delivery_id).channel].seen = receipt
        self.run(doubts.look(self.desk, delivery_id, by="channel"))

    # Workers

    def claim(self, worker: Hands, channel: str, most: int) -> list[Held]:
        """Take what is due into a worker's memory."""
        now = self.clock()

        async def take() -> list[Delivery]:
            async with self._database.writing() as tx:
                return await queue.claim(tx, channel, limit=most, lease=worker.lease, until=now + LEASE, now=now)

        claimed = self.run(take())
        assert len(claimed) <= most
        assert all(self.there.state_of(one.broadcast_id) is BroadcastState.RUNNING for one in claimed)
        taken = {one.id for one in claimed}
        held = [Held(one, now) for one in claimed]
        worker.held = [each for each in worker.held if each.one.id not in taken or each.attempt] + held
        return held

    def further(self, worker: Hands, each: Held, answer: Answer, *, heard: bool = True) -> None:
        """Take the next step with one delivery: start, send, or record."""
        if each not in worker.held:
            return
        if each.attempt is not None and each.result is None:
            each.result = self._sent(each.one, each.attempt, each.leased_at, answer)
        else:
            self.write(worker, [each], heard=heard)

    def write(self, worker: Hands, group: Sequence[Held], *, heard: bool) -> None:
        """Record and start, as the ledger does. Not `heard`: it is committed, and the worker does not know."""
        if not group:
            return
        now = self.clock()
        opened = self.run(self._write(worker, group, now))
        known = {each.attempt for each in worker.held}
        for each in group:
            number = opened.get(each.one.id)
            if each.attempt is None and number is not None and number not in self._begun | known:
                self._may_begin(each, now)
                self._begun.add(number)
        for each in group if heard else ():
            if each.attempt is None:
                each.attempt = opened.get(each.one.id)
            if each.result is not None or each.attempt is None:
                worker.held.remove(each)

    async def _write(self, worker: Hands, group: Sequence[Held], now: datetime) -> dict[int, int]:
        opened = await self._exchange(worker, group, now) if self._database.has_singles else None
        if opened is not None:
            async with self._database.writing() as tx:
                await broadcasts.settle_finished(tx, now)
            return opened
        results = [each.result for each in group if each.result is not None]
        starts = [each.one for each in group if each.attempt is None]
        opened = {}
        async with self._database.writing() as tx:
            if results:
                await attempts.record(tx, results, now)
            for channel in {one.channel for one in starts}:
                opened |= await attempts.start(
                    tx,
                    [one for one in starts if one.channel == channel],
                    lease=worker.lease,
                    actor="w",
                    windows={channel: self.ways[channel].repeatable_for},
                    now=now,
                )
        return opened

    async def _exchange(self, worker: Hands, group: Sequence[Held], now: datetime) -> dict[int, int] | None:
        pairs = [(each.result, each.one if each.attempt is None else None) for each in group]
        windows = {channel: way.repeatable_for for channel, way in self.ways.items()}
        async with self._database.single() as tx:
            return await attempts.exchange(tx, pairs, lease=worker.lease, actor="w", windows=windows, now=now)

    def _may_begin(self, each: Held, now: datetime) -> None:
        its = self.there.state_of(each.one.broadcast_id)
        assert each.one.id not in self.word.stopped, "a cancelled delivery began"
        assert its is BroadcastState.RUNNING, f"a delivery of a broadcast that is {its} began"
        assert now < each.leased_at + LEASE, "a delivery began under a lease that was over"

    def _sent(self, one: Delivery, number: int, leased_at: datetime, answer: Answer) -> Result:
        """Go through what a lane does between start and record."""
        now, way = self.clock(), self.ways[one.channel]
        terms = verdict.terms_of(way)
        early = verdict.before_sending(one, number, terms, now)
        if early is not None:
            return early
        if now - leased_at > LEASE * 2 / 3:
            late = Deferred("the lease had almost ended", retry_after=timedelta(0), counts=False)
            return verdict.judge(one, number, late, terms, now)
        if answer in {Answer.TAKEN, Answer.TAKEN_UNHEARD}:
            self.outside.take(one, way.repeatable_for, now)
        if answer is Answer.TAKEN:
            return verdict.sent(one, number, Receipt((str(one.id),), f"https://x.ru/{one.id}"))
        return verdict.judge(one, number, SAID[answer], terms, now)

    def give_back(self, worker: Hands) -> None:
        rest = [each for each in worker.held if each.attempt is None]
        worker.held = [each for each in worker.held if each.attempt is not None]

        async def write() -> None:
            async with self._database.writing() as tx:
                await queue.give_back(tx, [each.one for each in rest], lease=worker.lease, now=self.clock())

        self.run(write())

    def renew(self, worker: Hands) -> None:
        async def write() -> None:
            ids = [each.one.id for each in worker.held]
            async with self._database.writing() as tx:
                await queue.renew(tx, worker.lease, ids, self.clock() + LEASE)

        self.run(write())
        for each in worker.held:
            each.leased_at = self.clock()

    def speak_late(self) -> None:
        """Let the workers say what they know by now; nobody tells them that they have been given up."""
        for worker in self.workers:
            for each in worker.held:
                if each.attempt is not None and each.result is None:
                    self.further(worker, each, Answer.TAKEN)
            self.write(worker, list(worker.held), heard=False)

    # Housekeeping

    def rescue(self) -> int:
        return self.run(self.keeper.rescue())

    def fill(self) -> bool:
        return self.run(self.keeper.fill())

    def tidy(self) -> bool:
        return self.run(self.keeper.tidy())
