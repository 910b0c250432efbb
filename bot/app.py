"""Wires everything once and owns every lifetime: one exit stack, one task group. The only file that opens channels."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiohttp import web

from bot.alerts import Boards, tell_conflict
from bot.collector import Collector
from bot.config import Settings
from bot.dispatcher import ALLOWED_UPDATES, Face, build
from bot.incoming import replay
from bot.polling import Polling
from channels import registry
from channels.contract import Channel, ChannelError, Surroundings, TelegramAccess
from delivery import schema
from delivery.database import Database, is_unreachable
from delivery.desk import Desk
from delivery.scheduler import Scheduler
from delivery.schema import Standing
from delivery.store.media import Media
from delivery.worker import Worker
from web import site, tokens

_log = structlog.get_logger()


class StartCode(StrEnum):
    """Why the service cannot start."""

    DATABASE_UNREACHABLE = "database_unreachable"
    SCHEMA_MISSING = "schema_missing"
    SCHEMA_OLDER = "schema_older"
    SCHEMA_NEWER = "schema_newer"
    CHANNEL_NOT_OPENED = "channel_not_opened"
    PORT_TAKEN = "port_taken"


class StartError(Exception):
    """The service cannot start. `detail` names the channel, the port, or what the database said."""

    def __init__(self, code: StartCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


_STANDINGS = {
    Standing.EMPTY: StartCode.SCHEMA_MISSING,
    Standing.OLDER: StartCode.SCHEMA_OLDER,
    Standing.NEWER: StartCode.SCHEMA_NEWER,
}


def utc_now() -> datetime:
    """The one place that asks the clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database, whatever its schema. Raises StartError when it cannot be reached."""
    database = Database(settings.database.url.get_secret_value())
    try:
        await schema.revision(database)
    except Exception as error:
        await database.close()
        if is_unreachable(error):
            raise StartError(StartCode.DATABASE_UNREACHABLE, _cause(error)) from None
        raise
    try:
        yield database
    finally:
        await database.close()


def _cause(error: Exception) -> str:
    """Return the driver's own words, without the statement and the address that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


async def prepare(database: Database) -> None:
    """Bring an SQLite database up to date; a Postgres one is shared, and must be already. Raises StartError."""
    found = await schema.standing(database)
    if database.dialect == "sqlite" and found in {Standing.EMPTY, Standing.OLDER}:
        await schema.upgrade(database)
    elif found is not Standing.CURRENT:
        raise StartError(_STANDINGS[found])


@asynccontextmanager
async def opened_desk(settings: Settings, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Desk]:
    """Open the database with a current schema, and every channel. Raises StartError."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened_database(settings))
        await prepare(database)
        surroundings = _surroundings(settings, database, now)
        channels: dict[str, Channel] = {}
        for key, section in settings.channels.items():
            try:
                channels[key] = await registry.connect(key, section, surroundings)
            except (ChannelError, ValueError, OSError) as error:
                raise StartError(StartCode.CHANNEL_NOT_OPENED, f"{key}: {error}") from None
            stack.push_async_callback(channels[key].close)
        yield Desk(database, channels, now, settings.timezone)


def _surroundings(settings: Settings, database: Database, now: Callable[[], datetime]) -> Surroundings:
    public, secret = settings.web.public_url, settings.web.secret.get_secret_value()

    def unsubscribe_url(address: str, list_key: str) -> str | None:
        return f"{public}/u/{tokens.sign(secret, address, list_key)}" if public and secret else None

    telegram = TelegramAccess(
        token=settings.bot.token.get_secret_value(),
        api_base=settings.bot.api_base,
        proxies=tuple(proxy.get_secret_value() for proxy in settings.bot.proxies),
    )
    return Surroundings(Media(database), telegram, unsubscribe_url, now)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver, and nothing else, until `stop`. Raises StartError."""
    async with opened_desk(settings) as desk:
        _log.info("ready", kind="worker")
        await a_worker(settings, desk, on_change=lambda: None).run(stop)


def a_worker(settings: Settings, desk: Desk, on_change: Callable[[], None]) -> Worker:
    """Make this process's worker."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    lease = timedelta(seconds=settings.delivery.lease_seconds)
    return Worker(desk, name=name, lease=lease, on_change=on_change)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the whole service until `stop`: bot, delivery, schedules, web. Raises StartError."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(opened_desk(settings))
        bot = _bot(settings)
        stack.push_async_callback(bot.session.close)

        boards = Boards(bot, desk, settings.bot)
        worker = a_worker(settings, desk, on_change=boards.poke)
        scheduler = Scheduler(desk, on_release=worker.poke, on_missed=boards.poke)

        def poke() -> None:
            worker.poke()
            scheduler.poke()
            boards.poke()

        face = Face(desk, settings.bot, poke)
        dispatcher = build(face)
        collector = Collector(bot, face)
        polling = Polling(
            bot,
            dispatcher,
            desk,
            allowed_updates=ALLOWED_UPDATES,
            proxies=[proxy.get_secret_value() for proxy in settings.bot.proxies],
            on_conflict=lambda: tell_conflict(bot, settings.bot),
        )
        await stack.enter_async_context(_listening(settings, desk, polling))
        # What handlers and collector began must be recorded before the worker's last look at the queue.
        async with asyncio.TaskGroup() as group:
            for part in (worker, scheduler, boards, collector, polling):
                group.create_task(part.run(stop))
            await replay(bot, dispatcher, face)
            _log.info("ready", kind="service", channels=list(desk.channels))
    _log.info("stopped")


def _bot(settings: Settings) -> Bot:
    first = next((proxy.get_secret_value() for proxy in settings.bot.proxies), None)
    session = AiohttpSession(proxy=first, api=TelegramAPIServer.from_base(settings.bot.api_base))
    return Bot(settings.bot.token.get_secret_value(), session=session)


@asynccontextmanager
async def _listening(settings: Settings, desk: Desk, polling: Polling) -> AsyncIterator[None]:
    async def database() -> bool:
        try:
            return await schema.standing(desk.database) is Standing.CURRENT
        except Exception as error:
            if is_unreachable(error):
                return False
            raise

    async def connected() -> bool:
        return polling.connected

    pages = site.Site(
        desk.database,
        settings.web.secret.get_secret_value(),
        desk.now,
        {"database": database, "bot": connected},
    )
    runner = web.AppRunner(site.application(pages), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.web.host, settings.web.port).start()
        except OSError as error:
            raise StartError(StartCode.PORT_TAKEN, f"{settings.web.host}:{settings.web.port} ({error})") from None
        yield
    finally:
        await runner.cleanup()


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal ends the process at once.

    A handler is needed at all because a process with id 1, as in a container, ignores signals without one.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)  # what was on the wire is settled by the next start, as after any crash
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin, number)
    return stop
