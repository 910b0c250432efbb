"""Wires everything once and owns every lifetime: one exit stack, one task group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError
from aiohttp import web
from aiohttp_socks import ProxyError

from bot.alerts import Boards, tell_conflict
from bot.collector import Collector
from bot.config import Settings
from bot.dispatcher import ALLOWED_UPDATES, Face, build, introduce
from bot.incoming import replay
from bot.opening import StartCode, StartError, opened_desk, opened_postboxes
from bot.polling import Polling
from bot.watch import Watch
from bot.webhook import Webhook
from bot.working import a_worker, attend
from delivery import schema
from delivery.database import is_unreachable
from delivery.desk import Desk
from delivery.returns import Returns
from delivery.scheduler import Scheduler
from delivery.schema import Standing
from web import site

_log = structlog.get_logger()

_INTRODUCED_WITHIN = 10.0  # seconds; shorter than a stop may take
_INTRODUCED_AGAIN = 60.0


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the whole service until `stop`: bot, delivery, schedules, web. Raises StartError."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(opened_desk(settings))
        bot = _bot(settings)
        stack.push_async_callback(bot.session.close)

        kinds = _kinds(settings)
        boards = Boards(bot, desk, settings.bot, kinds)
        worker = a_worker(settings, desk, on_change=boards.poke)
        scheduler = Scheduler(desk, on_release=worker.poke, on_missed=boards.poke)

        returns = Returns(desk, opened_postboxes(settings, desk.now), on_change=boards.poke)

        def poke() -> None:
            worker.poke()
            scheduler.poke()
            collector.poke()
            boards.poke()

        face = Face(desk, settings.bot, poke, kinds)
        dispatcher = build(face)
        collector = Collector(bot, face)
        intake = _intake(settings, bot, dispatcher, face)
        await stack.enter_async_context(_listening(settings, desk, intake))
        # What handlers and collector began must be recorded before the worker's last look at the queue.
        async with asyncio.TaskGroup() as group:
            for part in (worker, scheduler, boards, collector, returns, Watch(desk, settings.bot)):
                group.create_task(part.run(stop))
            group.create_task(attend(settings, desk, stop, poke))
            await replay(bot, dispatcher, face)
            group.create_task(intake.run(stop))
            group.create_task(_introduced(bot, stop))
            _log.info("ready", kind="service", channels=list(desk.channels))
    _log.info("stopped")


async def _introduced(bot: Bot, stop: asyncio.Event) -> None:
    """Tell Telegram the bot's commands, as soon as it can be reached."""
    while not stop.is_set():
        try:
            async with asyncio.timeout(_INTRODUCED_WITHIN):
                await introduce(bot)
        except (AiogramError, ProxyError, OSError, TimeoutError) as error:
            _log.info("bot.not_introduced", error=type(error).__name__)
        else:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_INTRODUCED_AGAIN):
                await stop.wait()


def _kinds(settings: Settings) -> dict[str, str]:
    return {key: section.model_dump()["kind"] for key, section in settings.channels.items()}


def _bot(settings: Settings) -> Bot:
    first = next((proxy.get_secret_value() for proxy in settings.bot.proxies), None)
    session = AiohttpSession(proxy=first, api=TelegramAPIServer.from_base(settings.bot.api_base))
    return Bot(settings.bot.token.get_secret_value(), session=session)


def _intake(settings: Settings, bot: Bot, dispatcher: Dispatcher, face: Face) -> Polling | Webhook:
    """Choose how updates come: Telegram brings them to `webhook_url`, or without one we ask."""
    if settings.bot.webhook_url:
        return Webhook(
            bot,
            dispatcher,
            face,
            url=settings.bot.webhook_url,
            secret=settings.bot.webhook_secret.get_secret_value(),
            allowed_updates=ALLOWED_UPDATES,
        )
    return Polling(
        bot,
        dispatcher,
        face,
        allowed_updates=ALLOWED_UPDATES,
        proxies=[proxy.get_secret_value() for proxy in settings.bot.proxies],
        on_conflict=lambda: tell_conflict(bot, settings.bot),
    )


@asynccontextmanager
async def _listening(settings: Settings, desk: Desk, intake: Polling | Webhook) -> AsyncIterator[None]:
    async def database() -> bool:
        try:
            return await schema.standing(desk.database) is Standing.CURRENT
        except Exception as error:
            if is_unreachable(error):
                return False
            raise

    async def connected() -> bool:
        return intake.connected

    pages = site.Site(
        desk.database,
        settings.web.secret.get_secret_value(),
        desk.now,
        {"database": database, "bot": connected},
        intake.take if isinstance(intake, Webhook) else None,
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
