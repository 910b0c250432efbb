"""Many broadcasts at once: they take turns, the urgent ones go first, every limit holds by the other side's clock, and
neither a slow mail host nor a hanging connection takes more than its share.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from delivery import broadcast, lane
from delivery.desk import Desk
from delivery.tables import delivery
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from sandbox.mail.relay import Envelope
from tests.chaos.counting import a_desk, a_world, at_work, counted, over
from tests.chaos.outside import Outside, a_post, lists_stored
from tests.chaos.place import CHAT, GROUP, SharedClock
from tests.support.databases import SQLITE, Databases
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("quick"), pytest.mark.sqlite]

FEW = tuple(f"few{number}@f{number}.example" for number in range(5))
MANY = tuple(f"many{number}@m{number % 9}.example" for number in range(150))
LEASE = timedelta(days=3)
PER_SECOND, PER_MINUTE = 15, 400


class Arrivals(MailStandIn):
    """A relay that notes when each letter came, and its subject."""

    clock: SharedClock | None = None
    log: list[tuple[datetime, str]]

    def accept(self, envelope: Envelope, raw: bytes) -> None:
        super().accept(envelope, raw)
        assert self.clock is not None
        subject = self.letters(envelope.recipients[0])[-1].header("Subject")
        self.log.append((self.clock(), subject))


def a_relay() -> Arrivals:
    relay = Arrivals()
    relay.log = []
    return relay


async def released(desk: Desk, title: str, targets: Sequence[str], *, urgent: bool = False) -> int:
    number = await broadcast.draft(desk, a_post(title), author="editor", targets=targets, urgent=urgent)
    await broadcast.release(desk, number, by="editor")
    return number


@asynccontextmanager
async def standing(desk: Desk, clock: SharedClock, tick: timedelta) -> AsyncIterator[None]:
    """A clock that stands as long as anything is in hand: what starts in a moment arrives in that very moment."""

    over_now = asyncio.Event()

    async def go_on() -> None:
        in_hand = select(delivery.c.id).where(delivery.c.state == "sending").limit(1)
        while not over_now.is_set():
            async with desk.database.writing() as tx:  # nobody starts anything meanwhile
                if (await tx.execute(in_hand)).first() is None:
                    clock.advance(tick)
            await asyncio.sleep(0.01)

    clock.go_at(0)
    async with asyncio.TaskGroup() as group:
        group.create_task(go_on())
        try:
            yield
        finally:
            over_now.set()


def most_within(moments: Sequence[datetime], span: timedelta) -> int:
    """The most that happened in any such span."""
    return max(sum(1 for each in moments if start <= each < start + span) for start in moments)


@pytest.mark.at_length
async def test_a_hundred_broadcasts_at_once(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    url, relay = databases.migrated(SQLITE, tmp_path), a_relay()
    large, small, urgent = (10, 80, 10) if at_length else (2, 24, 4)
    async with a_world(tmp_path, mail=relay) as world:
        relay.clock = world.clock
        async with a_desk(world, url, per_second=PER_SECOND, per_minute=PER_MINUTE) as desk:
            await lists_stored(desk, {"few": FEW, "many": MANY})
            expected: dict[int, int] = {}
            for number in range(large):
                expected[await released(desk, f"Большая {number}", ["tg", "vk", "mail:many"])] = 2 + len(MANY)
            for number in range(small):
                expected[await released(desk, f"Малая {number}", ["tg", "vk", "mail:few"])] = 2 + len(FEW)
            titles = [f"Срочная {number}" for number in range(urgent)]
            for title in titles:
                expected[await released(desk, title, ["tg", "vk", "mail:few"], urgent=True)] = 2 + len(FEW)
            async with standing(desk, world.clock, timedelta(seconds=0.55)), at_work(desk, lease=LEASE):
                await over(desk, within=1500)
            await counted(f"{len(expected)} broadcasts at once", desk, world, expected, in_flight=0)
    subjects = [subject for _, subject in relay.log]
    urgent_letters, senders = urgent * len(FEW), desk.channels["mail"].pace.concurrency
    places = [place for place, subject in enumerate(subjects) if subject in titles]
    assert max(places) < urgent_letters + senders, "the urgent ones go first"
    for wall in (posts_of(world), [post.text for post in world.vk.posts(GROUP)]):
        assert all(text.startswith("Срочная") for text in wall[:urgent])
    begun = max(subjects.index(title) for title in set(subjects))
    before = Counter(subjects[:begun])
    assert max(before.values()) <= 2 * lane._MOST_CLAIMED, "nobody has a third turn before everybody has had one"
    moments = [moment for moment, _ in relay.log]
    found = most_within(moments, timedelta(seconds=1)), most_within(moments, timedelta(minutes=1))
    chat = [datetime.fromtimestamp(post["date"], moments[0].tzinfo) for post in world.telegram.channel_posts(CHAT)]
    print(f"letters: {found[0]} in a second, {found[1]} in a minute; posts in a minute: {most_of(chat)}")  # noqa: T201
    assert found[0] <= PER_SECOND
    assert found[1] <= PER_MINUTE
    assert most_of(chat) <= 21  # twenty, by a clock of whole seconds


def posts_of(world: Outside) -> list[str]:
    return [post["text"] for post in world.telegram.channel_posts(CHAT)]


def most_of(moments: Sequence[datetime]) -> int:
    return most_within(moments, timedelta(minutes=1))


async def test_an_urgent_one_overtakes_thousands(databases: Databases, tmp_path: Path, at_length: bool) -> None:
    """Over a relay that takes ten letters a second. Counted in letters, since seconds depend on the machine."""
    url, relay = databases.migrated(SQLITE, tmp_path), a_relay()
    crowd = tuple(f"c{number}@c{number % 50}.example" for number in range(5000 if at_length else 600))
    press = tuple(f"press{number}@p{number}.example" for number in range(23))
    async with a_world(tmp_path, speed=20, mail=relay) as world:
        relay.clock = world.clock
        async with a_desk(world, url, only=("mail",), connections=10, per_second=10) as desk:
            await lists_stored(desk, {"crowd": crowd, "press": press})
            expected = {await released(desk, "Обычная", ["mail:crowd"]): len(crowd)}
            async with at_work(desk, lease=LEASE) as (worker,):
                await eventually(lambda: relay.accepted >= 60)
                expected[await released(desk, "Срочная", ["mail:press"], urgent=True)] = len(press)
                at = relay.accepted
                worker.poke()
                await eventually(lambda: sum(subject == "Срочная" for _, subject in relay.log) == len(press))
                world.clock.go_at(2000)  # the rest is of no interest
                await over(desk, within=600)
            await counted(f"an urgent one over {len(crowd):,}", desk, world, expected, in_flight=0)
    after = [subject for _, subject in relay.log[at:]]
    first, last = after.index("Срочная"), len(after) - after[::-1].index("Срочная")
    others = after[:last].count("Обычная")
    print(f"before the first urgent letter {first} others, before the last {others}")  # noqa: T201
    assert others <= 10  # what a second lets out was in hand or on the wire


@pytest.mark.parametrize(
    "share",
    [
        2,
        0,
    ],
    ids=["half", "default"],
)
async def test_a_slow_mail_host_takes_its_share_only(databases: Databases, tmp_path: Path, share: int) -> None:
    """Its letters hang on the wire for as long as it likes; those of all others leave meanwhile."""
    url = databases.migrated(SQLITE, tmp_path)
    slow = tuple(f"s{number}@slow.example" for number in range(40))
    async with (
        a_world(tmp_path) as world,
        a_desk(world, url, only=("mail",), seconds=60, connections=4, per_domain=share) as desk,
    ):
        await lists_stored(desk, {"slow": slow, "many": MANY})
        world.mail.faults.add("RCPT", Fault(Kind.HANGS, before=True, match="@slow.example", times=0))
        expected = {
            await released(desk, "Всем", ["mail:slow", "mail:many"]): len(slow) + len(MANY),
            await released(desk, "Ещё всем", ["mail:slow", "mail:many"]): len(slow) + len(MANY),
        }
        async with at_work(desk, lease=LEASE):
            await eventually(lambda: world.mail.accepted == 2 * len(MANY), within=40)
            assert await on_the_wire(desk) <= 16  # four in hand for each connection
            world.mail.faults.clear()
            world.mail.cut_all()
            world.clock.go_at(600)
            await over(desk)
        await counted("a slow mail host", desk, world, expected, in_flight=0)


async def on_the_wire(desk: Desk) -> int:
    """How many attempts are begun and not ended."""
    chosen = select(delivery.c.id).where(delivery.c.state == "sending", delivery.c.attempt_id.is_not(None))
    async with desk.database.reading() as tx:
        return len((await tx.execute(chosen)).all())


async def test_a_hanging_connection_takes_one_place(databases: Databases, tmp_path: Path) -> None:
    url = databases.migrated(SQLITE, tmp_path)
    async with a_world(tmp_path) as world, a_desk(world, url, only=("mail",), seconds=60, connections=2) as desk:
        await lists_stored(desk, {"few": FEW, "many": MANY})
        first = await released(desk, "Сначала", ["mail:few"])
        # The lease outlives the jump of the clock below, however late this machine is.
        async with at_work(desk, lease=timedelta(hours=1)):
            await over(desk)  # the login has worked: from now on nobody waits at the door
            world.mail.cut_all()
            world.mail.faults.add("EHLO", Fault(Kind.HANGS, before=True))
            number = await released(desk, "Всем", ["mail:many"])
            await eventually(lambda: world.mail.accepted >= len(FEW) + len(MANY) - 2, within=50)
            world.mail.cut_all()
            world.clock.go_at(600)
            await over(desk)
        expected = {first: len(FEW), number: len(MANY)}
        # The line that works may be cut in the middle of the last two letters.
        await counted("a hanging connection", desk, world, expected, in_flight=2)
