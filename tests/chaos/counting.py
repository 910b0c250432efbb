"""Worlds whose clock is not the service's, desks set up for the trouble at hand, whole workers in this process, and the
four numbers at the end: lost, doubled, silent, and how many are in doubt.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import func, select

from channels import email, telegram, vk
from channels.contract import Channel, Surroundings, TelegramAccess
from channels.email.channel import connect as connect_mail
from channels.email.connection import Timeouts
from channels.telegram.channel import connect as connect_telegram
from channels.telegram.line import Patience
from channels.vk.channel import connect as connect_vk
from delivery.database import Database, is_away
from delivery.desk import Desk
from delivery.store.media import Media
from delivery.tables import broadcast, delivery, filling
from delivery.worker import Worker
from sandbox.faults import Fault, Faults, Kind
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.vk import VkStandIn
from tests.chaos.outside import UNKNOWN, Outside, Verdict, judged, port_of
from tests.chaos.place import CHAT, COMMUNITY_KEY, GROUP, SENDER, TOKEN, USER_KEY, SharedClock

SERVICE_CHAT = -4001
SERVICE_KEY = "vk1.a.secret-of-an-application"
NEVER_STALE = 10_000  # hours
_OTHER_CHAT = -1001000000001


# Worlds


class Stepped:
    """The clock of a machine that somebody sets: what `true` says, and an error."""

    def __init__(self, true: SharedClock) -> None:
        self.true = true
        self.error = timedelta(0)

    def __call__(self) -> datetime:
        return self.true() + self.error

    def step(self, by: timedelta) -> None:
        self.error += by


@asynccontextmanager
async def a_world(
    folder: Path,
    *,
    speed: float = 1,
    messenger: type[TelegramStandIn] = TelegramStandIn,
    mail: MailStandIn | None = None,
) -> AsyncIterator[Outside]:
    """The three stand-ins, on a clock that goes `speed` times as fast as the machine's. They must find no fault."""
    file = folder / "clock"
    clock = SharedClock(file)
    clock.go_at(speed)
    async with AsyncExitStack() as stack:
        chats = await stack.enter_async_context(messenger(TOKEN, clock=lambda: clock().timestamp()))
        chats.add_channel(_OTHER_CHAT, "Профсоюзы", CHAT[1:])
        chats.add_group(SERVICE_CHAT, "Служебный")
        wall = await stack.enter_async_context(VkStandIn(now=clock))
        wall.add_community(GROUP, "Профсоюзы")
        wall.add_community_token(COMMUNITY_KEY, GROUP)
        wall.add_user_token(USER_KEY, 1, administers=[GROUP])
        wall.add_service_token(SERVICE_KEY)
        relay = await stack.enter_async_context(mail or MailStandIn())
        relay.unknown_mailboxes.add(UNKNOWN)
        world = Outside(chats, wall, relay, clock, file, ports=(port_of(chats.url), port_of(wall.url), relay.port))
        yield world
        assert world.violations() == []


@asynccontextmanager
async def a_desk(
    world: Outside,
    url: str,
    *,
    now: Callable[[], datetime] | None = None,
    hosts: Sequence[str] = ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
    looks: bool = False,
    seconds: float = 5,
    only: Sequence[str] = ("tg", "vk", "mail"),
    **mail: Any,
) -> AsyncIterator[Desk]:
    """A desk on this world. `looks`: doubtful posts may be looked at. `seconds`: how long an answer is waited for.

    `hosts` are the names under which Telegram, VK and the relay are known; `mail` are settings of the relay.
    """
    async with AsyncExitStack() as stack:
        database = Database(url)
        stack.push_async_callback(database.close)
        clock = now or world.clock
        at = [f"http://{host}:{port}" for host, port in zip(hosts, world.ports, strict=True)]
        around = Surroundings(Media(database), TelegramAccess(TOKEN, at[0]), now=clock)
        chat = telegram.Settings(chat_id=CHAT, service_chat=SERVICE_CHAT if looks else "", stale_hours=NEVER_STALE)
        wall = vk.Settings(
            group_id=GROUP,
            community_token=SecretStr(COMMUNITY_KEY),
            service_token=SecretStr(SERVICE_KEY if looks else ""),
            api_base=at[1],
            read_timeout=seconds,
            stale_hours=NEVER_STALE,
        )
        relay = email.Settings(
            **{
                "host": hosts[2],
                "port": world.ports[2],
                "tls": "none",
                "sender": SENDER,
                "connections": 2,
                "stale_hours": NEVER_STALE,
            }
            | mail
        )
        patience = Patience(connection=seconds, answer=seconds, between_messages=0, landing=0.05)
        limits = Timeouts(seconds, seconds, seconds, seconds, seconds, seconds, seconds, quit=1)
        channels: dict[str, Channel] = {
            "tg": await connect_telegram("tg", chat, around, patience),
            "vk": await connect_vk("vk", wall, around),
            "mail": await connect_mail("mail", relay, around, timeouts=limits),
        }
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        _hasten(channels["vk"])
        chosen = {key: channel for key, channel in channels.items() if key in only}
        yield Desk(database, chosen, clock, ZoneInfo("Europe/Moscow"))


def _hasten(wall: Any) -> None:
    """Let a token of VK call as often as it likes: the stand-in does not mind."""
    for client in (wall._community, wall._service):
        if client is not None:
            client._vk.RPS_DELAY = 0


# Work


@asynccontextmanager
async def at_work(*desks: Desk, lease: timedelta = timedelta(seconds=60)) -> AsyncIterator[Sequence[Worker]]:
    """Whole workers, one for each desk, as long as the block lasts."""
    stop = asyncio.Event()
    workers = [Worker(desk, name=f"w{n}", lease=lease, jitter=lambda: 0.0) for n, desk in enumerate(desks, 1)]
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run(stop))
        try:
            yield workers
        finally:
            stop.set()


async def left(desk: Desk, *, doubts: bool = False) -> Counter[str]:
    """What is not over: deliveries by state, lists to be taken, broadcasts that run. `doubts` are not over either."""
    states = ("queued", "sending", "unconfirmed") if doubts else ("queued", "sending")
    async with desk.database.reading() as tx:
        rows = select(delivery.c.state, func.count()).where(delivery.c.state.in_(states)).group_by(delivery.c.state)
        found = Counter({str(state): count for state, count in await tx.execute(rows)})
        for name, of_it in (("filling", filling), ("running", broadcast)):
            chosen = select(func.count()).select_from(of_it)
            if of_it is broadcast:
                chosen = chosen.where(broadcast.c.state == "running")
            found[name] += (await tx.execute(chosen)).scalar_one()
    return +found


async def over(desk: Desk, *, within: float = 100, doubts: bool = False) -> None:
    """Wait until nothing is left to do, by a desk whose database may be away for a while."""
    found: Counter[str] = Counter()
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    found = await left(desk, doubts=doubts)
                except Exception as error:
                    if not is_away(error):
                        raise
                else:
                    if not found:
                        return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"still to do: {dict(found)}") from None


async def counted(what: str, desk: Desk, world: Outside, expected: Mapping[int, int], *, in_flight: int) -> Verdict:
    """Hold the four numbers against what may be, and print them."""
    verdict = await judged(desk, world, expected)
    print(f"\n{what}, {verdict.line()} (in flight {in_flight:,})")  # noqa: T201
    assert verdict.fault == [], verdict.fault
    assert verdict.unconfirmed <= in_flight
    return verdict


# Drawn faults


@dataclass(frozen=True)
class Mishap:
    """One way in which an answer may be lost. `before`: nothing has been done."""

    kind: Kind
    before: bool = False


class Drawn(Faults):
    """Faults at random: the uses of `calls` go wrong in one of so many, until `most` have."""

    def __init__(self, calls: Mapping[str, Sequence[Mishap]], *, seed: int, one_in: float, most: int) -> None:
        super().__init__()
        self.happened: Counter[Mishap] = Counter()
        self._calls = calls
        self._random = random.Random(seed)
        self._one_in = one_in
        self._most = most

    def take(self, call: str, target: str = "") -> Fault | None:
        ways = self._calls.get(call, ())
        if not ways or self.happened.total() >= self._most or self._random.random() * self._one_in >= 1:
            return super().take(call, target)
        way = self._random.choice(ways)
        self.happened[way] += 1
        return Fault(way.kind, before=way.before)
