"""The bot at work over the wire: a Telegram stand-in with people, the real dispatcher, a worker, boards."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.alerts import Boards
from bot.collector import Collector
from bot.config import BotSettings
from bot.dispatcher import ALLOWED_UPDATES, Face, build
from bot.incoming import replay
from bot.polling import Polling
from channels.contract import Channel
from delivery.database import Database
from delivery.desk import Desk
from delivery.scheduler import Scheduler
from delivery.worker import Worker
from sandbox.telegram import TelegramStandIn
from tests.delivery.builders import Scripted
from tests.support.clock import START

ADMIN, ANNA, BORIS, CHAIR, STRANGER = 1, 2, 3, 4, 99

Message = dict[str, Any]


class Ticking:
    """A clock that goes on by itself and can be put forward."""

    def __init__(self, start: datetime = START) -> None:
        self._start, self._began = start, time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def advance(self, **by: float) -> None:
        self._start += timedelta(**by)


@dataclass
class Newsroom:
    """Everything a test touches."""

    tg: TelegramStandIn
    bot: Bot
    desk: Desk
    face: Face
    dispatcher: Dispatcher
    collector: Collector
    boards: Boards
    worker: Worker
    scheduler: Scheduler
    channels: Mapping[str, Any]
    clock: Ticking
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, it ends this bot's polling: another one takes over."""

    def texts(self, user: int = ANNA) -> list[str]:
        """What the bot has said to a person and what still stands there, oldest first."""
        return [words(message) for message in self.said(user)]

    def said(self, user: int = ANNA) -> list[Message]:
        return [message for message in self.tg.chat(user) if message["from"]["is_bot"]]

    def find(self, text: str, user: int = ANNA) -> Message | None:
        """The newest message of the bot that holds these words, in its text or on a button."""
        for message in reversed(self.said(user)):
            if text in words(message) or any(text in label for label in labels(message)):
                return message
        return None

    async def sees(self, text: str, user: int = ANNA, within: float = 25) -> Message:
        """Wait until the bot shows these words to a person."""
        try:
            return await self.tg.wait_for(lambda: self.find(text, user), within)
        except TimeoutError:
            shown = "\n---\n".join(f"{words(each)}\n{labels(each)}" for each in self.said(user))
            raise AssertionError(f"{text!r} was never shown. There is:\n{shown}") from None

    async def press(self, label: str, user: int = ANNA, message: Message | None = None) -> str:
        """Press the newest button of that label and return the bot's answer to it."""
        found = message or await self.sees(label, user)
        before = len(self._answers(user))
        await self.tg.press(user, found["message_id"], label)
        await self.tg.wait_for(lambda: len(self._answers(user)) > before)
        return self._answers(user)[before].replace("\u00a0", " ")

    def _answers(self, user: int) -> list[str]:
        return [str(each["text"]) for each in self.tg.callback_answers if each["user_id"] == user]

    def calls(self, method: str) -> list[dict[str, Any]]:
        return [call.values for call in self.tg.calls if call.method == method]


async def _conflict() -> None:
    raise AssertionError("two pollers at once")


def words(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "").replace("\u00a0", " ")


def labels(message: Message) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def settings(**changes: Any) -> BotSettings:
    values: dict[str, Any] = {"admins": (ADMIN,), "editors": (ANNA, BORIS), "grace_seconds": 0}
    return BotSettings(**(values | changes))


@asynccontextmanager
async def newsroom(
    url: str,
    *,
    channels: Mapping[str, Channel] | None = None,
    kinds: Mapping[str, str] | None = None,
    people: Sequence[int] = (ADMIN, ANNA, BORIS, CHAIR),
    tg: TelegramStandIn | None = None,
    polling: bool = True,
    quiet: float = 0.3,
    pause: float = 0.05,
    **changes: Any,
) -> AsyncIterator[Newsroom]:
    """Open the bot for editors Anna and Boris, the administrator, and whoever else `people` names."""
    if tg is not None:
        async with _at_work(url, tg, channels, kinds, polling, quiet, pause, settings(**changes)) as room:
            yield room
        return
    async with TelegramStandIn() as own:
        for user_id, name in zip((ADMIN, ANNA, BORIS, CHAIR), ("Админ", "Анна", "Борис", "Председатель"), strict=True):
            if user_id in people:
                own.add_person(user_id, name)
        async with _at_work(url, own, channels, kinds, polling, quiet, pause, settings(**changes)) as room:
            yield room
        assert own.violations == []


@asynccontextmanager
async def _at_work(
    url: str,
    tg: TelegramStandIn,
    channels: Mapping[str, Channel] | None,
    kinds: Mapping[str, str] | None,
    polling: bool,
    quiet: float,
    pause: float,
    bot_settings: BotSettings,
) -> AsyncIterator[Newsroom]:
    if channels is None:
        channels = {"wall": Scripted("@smolprof"), "mail": Scripted(None)}
        kinds = {"wall": "vk", "mail": "email"} if kinds is None else kinds
    database, clock, stop = Database(url), Ticking(), asyncio.Event()
    desk = Desk(database, channels, clock, ZoneInfo("Europe/Moscow"))
    bot = Bot(tg.token, session=AiohttpSession(api=TelegramAPIServer.from_base(tg.url)))

    def wake_boards() -> None:
        boards.poke()

    worker = Worker(desk, name="w1", jitter=lambda: 0.0, on_change=wake_boards)
    scheduler = Scheduler(desk, on_release=worker.poke, on_missed=wake_boards)
    boards = Boards(bot, desk, bot_settings, kinds, pause=pause)

    def poke() -> None:
        for part in (worker, scheduler, boards, collector):
            part.poke()

    face = Face(desk, bot_settings, poke, kinds or {}, timedelta(seconds=quiet))
    collector = Collector(bot, face, pauses=(0.1, 0.1, 0.1))
    dispatcher = build(face)
    room = Newsroom(tg, bot, desk, face, dispatcher, collector, boards, worker, scheduler, channels, clock)
    try:
        async with asyncio.TaskGroup() as group:
            for part in (worker, scheduler, boards, collector):
                group.create_task(part.run(stop))
            if polling:
                await replay(bot, dispatcher, face)
                poller = Polling(bot, dispatcher, face, allowed_updates=ALLOWED_UPDATES, on_conflict=_conflict)
                group.create_task(poller.run(room.hung_up))
            try:
                yield room
            finally:
                stop.set()
                room.hung_up.set()
                scheduler.poke()
    finally:
        await bot.session.close()
        await database.close()
