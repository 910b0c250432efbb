"""The world of a journey, and the program run in it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.database import Database
from delivery.model import Delivery, DeliveryState
from delivery.store.deliveries import find as find_deliveries
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.vk import VkStandIn

ROOT = Path(__file__).parents[2]

BOT_TOKEN = "4200000042:AAH-secret-of-the-bot"
COMMUNITY_KEY = "vk1.a.secret-of-the-community"
USER_KEY = "vk1.a.secret-of-a-person"
PASSWORD = "secret-of-the-relay"
LINKS = "secret-that-signs-links"
SECRETS = (BOT_TOKEN, COMMUNITY_KEY, USER_KEY, PASSWORD, LINKS)

CHANNEL = "@smolprof"
GROUP = 101
WITHIN = 90  # seconds for anything to happen; usually it takes one or two
PATIENT_LEASE = 60  # seconds; a busy machine may keep a worker from its renewals for a while


@dataclass
class Town:
    """The three stand-ins."""

    telegram: TelegramStandIn
    vk: VkStandIn
    mail: MailStandIn

    def violations(self) -> list[str]:
        return [*self.telegram.violations, *self.vk.violations, *self.mail.violations]

    def channel_posts(self) -> int:
        return len(self.telegram.channel_posts(CHANNEL))

    def wall_posts(self) -> int:
        return len(self.vk.posts(GROUP))

    def letters(self, address: str = "a@example.org") -> int:
        return len(self.mail.letters(address))


@asynccontextmanager
async def a_town() -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(TelegramStandIn(BOT_TOKEN))
        telegram.add_person(1, "Анна")
        telegram.add_channel(-1001000000001, "Профсоюзы", CHANNEL[1:])
        vk = await stack.enter_async_context(VkStandIn())
        vk.add_community(GROUP, "Профсоюзы")
        vk.add_community_token(COMMUNITY_KEY, GROUP)
        vk.add_user_token(USER_KEY, 1, administers=[GROUP])
        mail = await stack.enter_async_context(MailStandIn(users={"press": PASSWORD}))
        yield Town(telegram, vk, mail)


def config(town: Town, database_url: str, channels: Collection[str], lease_seconds: int) -> str:
    return f"""
[database]
url = {json.dumps(database_url)}
[bot]
token = "{BOT_TOKEN}"
api_base = "{town.telegram.url}"
admins = [1]
[delivery]
lease_seconds = {lease_seconds}
[web]
port = 0
secret = "{LINKS}"
{"".join(_CHANNELS[channel](town) for channel in channels)}
"""


_CHANNELS: Mapping[str, Callable[[Town], str]] = {
    "tg": lambda _town: (
        f"""
[channels.tg]
kind = "telegram"
chat_id = "{CHANNEL}"
"""
    ),
    "vk": lambda town: (
        f"""
[channels.vk]
kind = "vk"
group_id = {GROUP}
community_token = "{COMMUNITY_KEY}"
user_token = "{USER_KEY}"
api_base = "{town.vk.url}"
"""
    ),
    "mail": lambda town: (
        f"""
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {town.mail.port}
tls = "none"
username = "press"
password = "{PASSWORD}"
sender = "Пресс-служба <press@example.org>"
connections = 2
"""
    ),
}


@dataclass(frozen=True)
class Done:
    """A program that has ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        return json.loads(self.out)


@dataclass
class Running:
    """A program that has not. `told` grows with every line on standard error."""

    process: asyncio.subprocess.Process
    told: list[str] = field(default_factory=list)

    async def ready(self) -> None:
        """Wait until it says that it is."""
        assert self.process.stderr is not None
        while line := (await self.process.stderr.readline()).decode():
            self.told.append(line)
            if '"ready"' in line or " ready" in line:
                return
        raise AssertionError("".join(self.told))

    async def ended(self, number: signal.Signals | None = None, within: float = WITHIN) -> Done:
        """Wait for the end, after a signal when one is named."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(within):
            out, err = await self.process.communicate()
        self.told.append(err.decode())
        return Done(self.process.returncode or 0, out.decode(), "".join(self.told))


class Rupor:
    """Runs `python -m bot` with one config, and remembers all that it said."""

    def __init__(self, town: Town, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.config = folder / "config.toml"
        self._town = town
        self.configure()
        self._programs: list[Running] = []
        self._said: list[str] = []

    def configure(self, *channels: str, lease_seconds: int = PATIENT_LEASE) -> None:
        """Use these channels, without names all three. A worker silent for the lease is taken for dead."""
        text = config(self._town, self.database_url, channels or tuple(_CHANNELS), lease_seconds)
        self.config.write_text(text, encoding="utf-8")

    async def start(self, *args: str) -> Running:
        """Start a command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "--config",
            str(self.config),
            *args,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RUPOR_LOG_FORMAT": "json"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._programs.append(Running(process))
        return self._programs[-1]

    async def serving(self, command: str) -> Running:
        """Start `run` or `worker` and wait until it is ready."""
        running = await self.start(command)
        async with asyncio.timeout(WITHIN):
            await running.ready()
        return running

    async def __call__(self, *args: str, within: float = WITHIN) -> Done:
        """Run a command to its end."""
        running = await self.start(*args)
        done = await running.ended(within=within)
        self._said += [done.out, done.err]
        return done

    async def a_list(self, key: str, *addresses: str) -> None:
        file = self.folder / f"{key}.csv"
        file.write_text("\n".join(addresses), encoding="utf-8")
        assert (await self("lists", "import", key, str(file))).code == 0

    async def deliveries(self, announcement: int = 1) -> list[Delivery]:
        """What stands in the database."""
        database = Database(self.database_url)
        try:
            async with database.reading() as tx:
                return await find_deliveries(tx, announcement)
        finally:
            await database.close()

    async def states(self, announcement: int = 1) -> list[DeliveryState]:
        return [one.state for one in await self.deliveries(announcement)]

    async def end(self) -> None:
        """Leave nothing running."""
        for running in self._programs:
            if running.process.returncode is None:
                running.process.kill()
                await running.process.communicate()
            self._said += running.told

    def secrets_told(self) -> list[str]:
        """The secrets that appeared in anything the program ever said."""
        said = "".join(self._said)
        return [secret for secret in SECRETS if secret in said]


async def until(condition: Callable[[], bool | Awaitable[bool]], within: float = WITHIN) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(within):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)
