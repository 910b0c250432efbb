"""Random histories over the real store: workers die, come late or hear no answer, and people change their mind."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from enum import Enum
from itertools import cycle
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from channels.contract import Post
from delivery import broadcast as use
from delivery.database import Database
from delivery.model import UNFINISHED, BroadcastState, DeliveryState
from delivery.worker import LEASE
from tests.delivery.state_machine_truth import CAME_BACK, IN_TROUBLE, check_end
from tests.delivery.state_machine_world import Answer, Hands, Held, World

DOUBT = (DeliveryState.UNCONFIRMED,)
OPEN = (BroadcastState.RUNNING, BroadcastState.PAUSED)
TARGETS = (
    ("wall",),
    ("vk",),
    ("vk", "mail:one"),
    ("wall", "vk"),
    ("mail:one", "mail:two"),
    ("wall", "vk", "mail:two"),
)
LEASE_OVER = int(LEASE.total_seconds()) + 1
JUMPS = (0, 0, 6, LEASE_OVER, 40 * 60, 3 * 3600, 3 * 3600, 25 * 3600)  # seconds; 0: until something is due


class Event(Enum):
    """What may happen while a worker has a delivery in hand."""

    PAUSED = "a person pauses its broadcast"
    RESUMED = "a person lets its broadcast go on"
    CANCELLED = "a person cancels its broadcast"
    LATE = "the lease ends, and nobody has noticed yet"
    LOST = "the lease ends, and the worker is given up"
    SETTLED_SENT = "a person says that it is there"
    SETTLED_NOT_SENT = "a person says that it is not there"
    LOOKED_FOR = "the channel is asked whether it is there"
    SENT_AGAIN = "a person has all sent again that is in trouble"
    TAKEN = "another worker takes what is due"
    TAKEN_OVER = "another worker takes what is due, and begins"
    CAME_BACK = "the letter comes back"


_E = Event
STORIES: Sequence[Sequence[Event]] = (
    (_E.PAUSED,),
    (_E.CANCELLED,),
    (_E.LATE,),
    (_E.LOST,),
    (_E.PAUSED, _E.RESUMED),
    (_E.CANCELLED, _E.SENT_AGAIN),
    (_E.TAKEN_OVER, _E.CANCELLED, _E.SENT_AGAIN),
    (_E.CANCELLED, _E.LOST),
    (_E.LATE, _E.CANCELLED),
    (_E.LOST, _E.TAKEN),
    (_E.LOST, _E.TAKEN_OVER),
    (_E.LOST, _E.SENT_AGAIN, _E.TAKEN_OVER),
    (_E.LOST, _E.SETTLED_SENT),
    (_E.LOST, _E.SETTLED_NOT_SENT),
    (_E.LOST, _E.SETTLED_NOT_SENT, _E.SENT_AGAIN),
    (_E.LOST, _E.LOOKED_FOR),
    (_E.LOST, _E.CANCELLED, _E.SENT_AGAIN),
    (_E.CAME_BACK,),
    (_E.LOST, _E.CAME_BACK, _E.SENT_AGAIN),
    (_E.LOST, _E.SETTLED_SENT, _E.CAME_BACK),
    (_E.LOST, _E.SETTLED_NOT_SENT, _E.CAME_BACK),
)
"""The races that are known to be hard; any others come by chance."""

AUDIENCES = st.sampled_from(TARGETS)
PARTS = st.integers(1, 3)
WORKERS = st.integers(0, 1)
PICK = st.integers(0, 30)
MOST = st.integers(1, 4)
STEPS = st.sampled_from((1, 2, 3, 3))
ANSWERS = st.sampled_from((*Answer, Answer.TAKEN, Answer.TAKEN_UNHEARD, Answer.REFUSED))
HEARD = st.sampled_from((True, True, True, False))
EVENTS = st.lists(st.sampled_from(Event), max_size=3)


class Histories(RuleBasedStateMachine):
    """`runner` and `database` are lent by the test; each history begins with empty tables."""

    runner: ClassVar[asyncio.Runner]
    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.runner, self.database)
        self.night = False
        """Whether hours pass before all comes to its end."""

    @invariant()
    def nothing_is_lost_doubled_or_silent(self) -> None:
        self.world.look_around()

    # People

    @initialize(audience=AUDIENCES, parts=PARTS, most=MOST, steps=STEPS, answer=ANSWERS, night=st.booleans())
    def the_first_goes_out(
        self, audience: Sequence[str], parts: int, most: int, steps: int, answer: Answer, night: bool
    ) -> None:
        self.night = night
        self.world.release(audience, parts)
        self.world.fill()
        self.world.look_around()
        self.begin(0, 0, most, 1, steps, answer)

    @precondition(lambda self: len(self.world.numbers) < 5 and self._open_broadcasts() < 2)
    @rule(audience=AUDIENCES, parts=PARTS)
    def release(self, audience: Sequence[str], parts: int) -> None:
        self.world.release(audience, parts)

    @precondition(lambda self: self._rows(UNFINISHED, its="running") and (self._in_hand() or self._rows(IN_TROUBLE)))
    @rule(pick=PICK, cancelled=st.booleans(), just_then=st.booleans())
    def stop(self, pick: int, cancelled: bool, just_then: bool) -> None:
        row = self._one(pick, UNFINISHED, its="running")
        if just_then:
            self.world.claim(self.world.workers[1], row.channel, 2)
        if cancelled:
            self.world.cancel(row.announcement_id)
        else:
            self.world.pause(row.announcement_id)
        if just_then:
            self._begin_what_is_claimed()

    @precondition(lambda self: self._stoppable_in_trouble())
    @rule(pick=PICK)
    def cancel_all_but_what_is_in_trouble(self, pick: int) -> None:
        numbers = self._stoppable_in_trouble()
        number = numbers[pick % len(numbers)]
        for channel in self._due_channels():
            self.world.claim(self.world.workers[1], channel, 2)
        self.world.cancel(number)
        self.world.retry(number, IN_TROUBLE)
        self._begin_what_is_claimed()

    @precondition(lambda self: self._rows(UNFINISHED, its="paused"))
    @rule(pick=PICK)
    def resume(self, pick: int) -> None:
        self.world.resume(self._one(pick, UNFINISHED, its="paused").announcement_id)

    @precondition(lambda self: self._rows((*IN_TROUBLE, *CAME_BACK)))
    @rule(pick=PICK, states=st.sampled_from((IN_TROUBLE, IN_TROUBLE[:1], DOUBT, CAME_BACK)), alone=st.booleans())
    def send_again(self, pick: int, states: Sequence[DeliveryState], alone: bool) -> None:
        row = self._one(pick, (*IN_TROUBLE, *CAME_BACK))
        self.world.retry(row.announcement_id, states, row.id if alone else None)

    @precondition(lambda self: self._rows(DOUBT))
    @rule(pick=PICK, sent=st.booleans())
    def settle(self, pick: int, sent: bool) -> None:
        self.world.settle(self._one(pick, DOUBT).id, sent=sent)

    @precondition(lambda self: self._rows(DOUBT))
    @rule(pick=PICK, alone=st.booleans())
    def look_or_settle_all(self, pick: int, alone: bool) -> None:
        row = self._one(pick, DOUBT)
        if alone:
            self.world.look(row.id)
        else:
            self.world.settle_all(row.announcement_id)

    @precondition(lambda self: self._out())
    @rule(pick=PICK)
    def comes_back(self, pick: int) -> None:
        """A letter that has appeared comes back, wherever its delivery stands by then."""
        out = self._out()
        self.world.comes_back(out[pick % len(out)])

    def _out(self) -> list[int]:
        its = [row.id for row in self.world.there.deliveries if row.channel == "mail"]
        return [one for one in its if self.world.outside.seen[one]]

    # Workers

    @precondition(lambda self: self._due_channels())
    @rule(who=WORKERS, pick=PICK, most=MOST, first=st.integers(0, 2), steps=STEPS, answer=ANSWERS)
    def begin(self, who: int, pick: int, most: int, first: int, steps: int, answer: Answer) -> None:
        """Claim, and go so many steps further with the `first` of what was claimed."""
        worker, channels = self.world.workers[who], self._due_channels()
        held = self.world.claim(worker, channels[pick % len(channels)], most) if channels else []
        self._go(worker, held[:first], steps, answer)

    @precondition(lambda self: self._in_hand() or self._due_channels())
    @rule(pick=PICK, events=st.sampled_from(STORIES), steps=STEPS, answer=ANSWERS, heard=HEARD)
    def race(self, pick: int, events: Sequence[Event], steps: int, answer: Answer, heard: bool) -> None:
        """Things happen between two steps of a worker, and it goes on as if they had not."""
        if not self._in_hand():
            self.begin(0, pick, 2, pick % 3, 1, answer)
        worker, each = self._held(pick)
        for event in events:
            self._happens(event, worker, each)
            self.world.look_around()
        self._go(worker, [each], steps, answer, heard=heard)

    @precondition(lambda self: self._in_hand())
    @rule(pick=PICK, events=EVENTS, steps=STEPS, answer=ANSWERS, heard=HEARD)
    def go_on(self, pick: int, events: Sequence[Event], steps: int, answer: Answer, heard: bool) -> None:
        self.race(pick, events, steps, answer, heard)

    @precondition(lambda self: any(len(worker.held) > 1 for worker in self.world.workers))
    @rule(answer=ANSWERS, heard=HEARD)
    def exchange(self, answer: Answer, heard: bool) -> None:
        """Record what is answered and start what is claimed, in one transaction."""
        worker = max(self.world.workers, key=lambda one: len(one.held))
        for each in [each for each in worker.held if each.attempt is not None and each.result is None]:
            self.world.further(worker, each, answer)
        self.world.write(worker, list(worker.held), heard=heard)

    @precondition(lambda self: self._in_hand())
    @rule(pick=PICK, how=st.sampled_from(("crash", "give back", "renew")))
    def let_go_or_renew(self, pick: int, how: str) -> None:
        worker, _each = self._held(pick)
        if how == "crash":
            worker.crash()
        elif how == "renew":
            self.world.renew(worker)
        else:
            self.world.give_back(worker)

    def _begin_what_is_claimed(self) -> None:
        for worker in self.world.workers:
            self.world.write(worker, [each for each in worker.held if each.attempt is None], heard=True)

    def _go(self, worker: Hands, held: Sequence[Held], steps: int, answer: Answer, *, heard: bool = True) -> None:
        for each in held:
            for _ in range(steps):
                self.world.further(worker, each, answer, heard=heard)

    def _happens(self, event: Event, worker: Hands, each: Held) -> None:
        world, row = self.world, self.world.row(each.one.id)
        match event:
            case Event.PAUSED:
                world.pause(row.announcement_id)
            case Event.RESUMED:
                world.resume(row.announcement_id)
            case Event.CANCELLED:
                world.cancel(row.announcement_id)
            case Event.LATE:
                world.clock.advance(seconds=LEASE_OVER)
            case Event.LOST:
                world.clock.advance(seconds=LEASE_OVER)
                world.rescue()
            case Event.SETTLED_SENT | Event.SETTLED_NOT_SENT if row.state == "unconfirmed":
                world.settle(row.id, sent=event is Event.SETTLED_SENT)
            case Event.LOOKED_FOR if row.state == "unconfirmed":
                world.look(row.id)
            case Event.CAME_BACK if row.id in self._out():
                world.comes_back(row.id)
            case Event.SENT_AGAIN:
                world.retry(row.announcement_id, IN_TROUBLE)
            case Event.TAKEN | Event.TAKEN_OVER:
                other = next(one for one in world.workers if one is not worker)
                taken = world.claim(other, row.channel, 4)
                self._go(other, taken if event is Event.TAKEN_OVER else [], 1, Answer.TAKEN)

    # Housekeeping and time

    @precondition(lambda self: self._rows((*UNFINISHED, *DOUBT)))
    @rule(seconds=st.sampled_from(JUMPS), rescued=st.booleans())
    def time_passes(self, seconds: int, rescued: bool) -> None:
        pending = [row.lease_until or row.due_at for row in self._rows(UNFINISHED)]
        ahead = [moment - self.world.clock() for moment in pending if moment > self.world.clock()]
        self.world.clock.advance(seconds=seconds or min(ahead, default=timedelta(seconds=1)).total_seconds())
        if rescued:
            self.world.rescue()

    @precondition(lambda self: self.world.there.fillings or self._rows(("queued",), its="cancelled"))
    @rule()
    def keep_house(self) -> None:
        self.world.fill()
        self.world.tidy()

    # What there is to choose from

    def _rows(self, states: Collection[str], **wanted: object) -> list[Any]:
        rows = [row for row in self.world.there.deliveries if row.state in states]
        return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]

    def _one(self, pick: int, states: Collection[str], **wanted: object) -> Any:
        found = self._rows(states, **wanted)
        return found[pick % len(found)]

    def _stoppable_in_trouble(self) -> list[int]:
        return sorted(
            {row.announcement_id for row in self._rows(UNFINISHED)}
            & {row.announcement_id for row in self._rows(IN_TROUBLE)}
        )

    def _open_broadcasts(self) -> int:
        return sum(one.state in OPEN for one in self.world.there.broadcasts)

    def _due_channels(self) -> list[str]:
        waiting = [row for row in self._rows(("queued",), its="running") if row.due_at <= self.world.clock()]
        out = {(row.broadcast_id, row.channel, row.address, row.part + 1) for row in self._rows(("sent", "returned"))}
        turns = [
            row for row in waiting if row.part == 1 or (row.broadcast_id, row.channel, row.address, row.part) in out
        ]
        return sorted({row.channel for row in turns})

    def _in_hand(self) -> list[tuple[Hands, Held]]:
        return [(worker, each) for worker in self.world.workers for each in worker.held]

    def _held(self, pick: int) -> tuple[Hands, Held]:
        every = self._in_hand()
        return every[pick % len(every)]

    # The end

    def teardown(self) -> None:
        """Whoever was given up speaks late, people decide what is in doubt, and all that may go out does."""
        world = self.world
        for one in world.there.broadcasts:
            if one.state == BroadcastState.PAUSED:
                world.resume(one.announcement_id)
        world.look_around()
        with pytest.raises(use.StageError):  # what has gone out stays as it was
            world.run(use.revise(world.desk, world.numbers[0], Post("г"), author="e"))
        if not self.night:
            self._put_on_the_wire()
        world.clock.advance(seconds=LEASE_OVER)
        if self.night:
            self._begin_what_is_claimed()  # nobody has noticed yet that the lease is over
        world.rescue()
        world.clock.advance(hours=3 if self.night else 0)
        self._work_off()
        for row, sent in zip(self._rows(DOUBT), cycle((True, False, None)), strict=False):
            if sent is not None:
                world.settle(row.id, sent=sent)
        world.speak_late()
        world.look_around()
        for number in sorted({row.announcement_id for row in self._rows(IN_TROUBLE)}):
            world.retry(number, IN_TROUBLE)
        self._work_off()
        check_end(world.there, world.word)

    def _put_on_the_wire(self) -> None:
        """Let all that is in hand, and something more, be taken outside, with nobody there to record it."""
        for channel in self._due_channels():
            self.world.claim(self.world.workers[0], channel, 2)
        self._begin_what_is_claimed()
        for worker, each in self._in_hand():
            if each.result is None:
                self.world.further(worker, each, Answer.TAKEN)

    def _work_off(self) -> None:
        """Do what there is to do, as workers do that nothing befalls, until there is nothing left."""
        world, worker = self.world, Hands()
        for round_ in range(100):
            world.look_around()
            started = [each for channel in self._due_channels() for each in world.claim(worker, channel, 20)]
            world.write(worker, started, heard=True)
            if round_ == 0:
                world.speak_late()
            for each in started:
                world.further(worker, each, Answer.TAKEN)
            world.write(worker, started[:1], heard=True)
            world.look_around()
            world.write(worker, started[1:], heard=True)
            if not started and not any([world.fill(), world.rescue() > 0, world.tidy()]) and round_ > 0:
                waiting = self._rows(UNFINISHED)
                if not waiting:
                    return
                ahead = [at for at in (row.lease_until or row.due_at for row in waiting) if at >= world.clock()]
                assert ahead, "something waits for nothing"
                world.clock.advance(seconds=(min(ahead) - world.clock()).total_seconds() + 1)
        raise AssertionError("it never comes to an end")
