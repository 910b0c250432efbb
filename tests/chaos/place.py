"""Where the ill-treated live: the desk of a worker, opened in this process or in a harness, and the clock they share.

Nothing here imports the stand-ins: a harness is to be small and quick.
"""

import asyncio
import mmap
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr
from sqlalchemy import func, select

from channels import email, registry, telegram, vk
from channels.contract import Channel, Surroundings, TelegramAccess
from delivery.database import Database, is_away
from delivery.desk import Desk
from delivery.store.media import Media
from delivery.tables import channel_hold, delivery, filling
from delivery.worker import Worker

TOKEN = "4200000042:AAH-secret-of-the-bot"
COMMUNITY_KEY = "vk1.a.secret-of-the-community"
USER_KEY = "vk1.a.secret-of-a-person"
CHAT = "@smolprof"
GROUP = 101
SENDER = "press@example.org"
EVERY = ("tg", "vk", "mail")
LEASE = timedelta(seconds=60)

_START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC).timestamp()
_LONGEST_JUMP = timedelta(hours=1)
_MOST_JUMPS = 80


class SharedClock:
    """One clock for many processes, kept in a file. Call it for the present moment; `advance` moves it for all.

    It goes `speed` times as fast as the machine's.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("3d", _START, time.monotonic(), 1.0))
        with path.open("r+b") as file:
            self._kept = mmap.mmap(file.fileno(), 24)

    def __call__(self) -> datetime:
        base, origin, speed = struct.unpack("3d", self._kept)
        return datetime.fromtimestamp(base + (time.monotonic() - origin) * speed, UTC)

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        (base,) = struct.unpack_from("d", self._kept)
        struct.pack_into("d", self._kept, 0, base + by.total_seconds())

    def go_at(self, speed: float) -> None:
        """Change the speed. Nobody else may be looking."""
        self._kept[:] = struct.pack("3d", self().timestamp(), time.monotonic(), speed)


@dataclass(frozen=True)
class Place:
    """What a worker must know to work: addresses, and which of the channels it serves."""

    database: str
    clock: str
    telegram: str
    vk: str
    mail: int
    channels: tuple[str, ...] = EVERY
    connections: int = 2
    per_domain: int = 0  # of these connections; 0: all

    def packed(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> Self:
        """Back again."""
        return cls(**packed | {"channels": tuple(packed["channels"])})


def email_settings(port: int, connections: int, per_domain: int = 0) -> email.Settings:
    """The relay on this machine."""
    share = per_domain or connections
    return email.Settings(
        host="127.0.0.1", port=port, tls="none", sender=SENDER, connections=connections, per_domain=share
    )


def _settings(place: Place) -> dict[str, BaseModel]:
    return {
        "tg": telegram.Settings(chat_id=CHAT),
        "vk": vk.Settings(
            group_id=GROUP,
            community_token=SecretStr(COMMUNITY_KEY),
            user_token=SecretStr(USER_KEY),
            api_base=place.vk,
        ),
        "mail": email_settings(place.mail, place.connections, place.per_domain),
    }


@asynccontextmanager
async def opened_desk(place: Place) -> AsyncIterator[Desk]:
    """Open the database and the channels of a place."""
    async with AsyncExitStack() as stack:
        database = Database(place.database)
        stack.push_async_callback(database.close)
        clock = SharedClock(Path(place.clock))
        around = Surroundings(Media(database), TelegramAccess(TOKEN, place.telegram), now=clock)
        channels: dict[str, Channel] = {}
        for key, settings in _settings(place).items():
            if key in place.channels:
                channels[key] = await registry.connect(key, settings, around)
                _hasten(channels[key])
                stack.push_async_callback(_end, channels[key])
        yield Desk(database, channels, clock, ZoneInfo("Europe/Moscow"))


async def _end(channel: Channel) -> None:
    await channel.close()  # looked up late: a harness may have put something in its place


def _hasten(channel: Any) -> None:
    """Let a person's token of VK call as often as it likes: the stand-in does not mind."""
    if user := getattr(channel, "_user", None):
        user._vk.RPS_DELAY = 0


def a_worker(desk: Desk, name: str) -> Worker:
    return Worker(desk, name=name, lease=LEASE, jitter=lambda: 0.0)


# Working without waiting


Complaints = list[str]


async def deliver(desk: Desk, name: str, *, jumps: int = _MOST_JUMPS, complaints: Complaints | None = None) -> bool:
    """Let a worker deliver everything, moving the clock on whenever it has nothing to do. True when nothing is left.

    A failure of a step is treated as the worker's own loops do; one that is not the database's is a complaint.
    """
    worker = a_worker(desk, name)
    wrong: Complaints = [] if complaints is None else complaints
    for _ in range(jumps + 1):
        for _round in range(20):
            found = await asyncio.gather(*(_guarded(worker.step(channel), wrong) for channel in desk.channels))
            if not any(found):
                break
        for chore in (worker.rescue, worker.tidy):
            await _guarded(chore(), wrong)
        moment = await _guarded(_next_moment(desk), wrong)
        if isinstance(moment, datetime):
            now = desk.now()
            jump = min(max(moment - now, timedelta(seconds=1.2)), _LONGEST_JUMP)
            assert isinstance(desk.now, SharedClock)
            desk.now.advance(jump)
        elif moment is None:
            return True
    return False


async def _guarded(work: Any, complaints: Complaints) -> Any:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - as the worker's own loops do
        if not _is_away(error):
            complaints.append(repr(error))
        return False


def _is_away(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_away, error.exceptions))
    return is_away(error)


async def _next_moment(desk: Desk) -> datetime | None:
    """When something may be due: a delivery, the end of a lease or of a hold. None: nothing is left to do."""
    async with desk.database.reading() as tx:
        queued = select(func.min(delivery.c.due_at)).where(delivery.c.state == "queued")
        leased = select(func.min(delivery.c.lease_until)).where(delivery.c.state == "sending")
        held = select(func.min(channel_hold.c.retry_at))
        first, lease, hold = [(await tx.execute(each)).scalar_one() for each in (queued, leased, held)]
        more = (await tx.execute(select(filling.c.id).limit(1))).first() is not None
    now = desk.now()
    if first is not None and first <= now and hold is not None and hold > now:
        first = None  # it waits for its channel
    moments = [each for each in (first, lease) if each is not None]
    if moments or more:
        return max(now, min(moments, default=now))
    return hold if hold is not None and await _anything_queued(desk) else None


async def _anything_queued(desk: Desk) -> bool:
    queued = select(delivery.c.id).where(delivery.c.state == "queued").limit(1)
    async with desk.database.reading() as tx:
        return (await tx.execute(queued)).first() is not None
