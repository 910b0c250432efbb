"""The poller over the wire: nothing lost, nothing handled twice, and it says when somebody else polls too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message

from bot.face import Face
from bot.incoming import ALLOWED_UPDATES
from bot.polling import Polling
from delivery.database import Database
from delivery.desk import Desk
from delivery.store import inbox
from sandbox.faults import Fault, Kind
from sandbox.telegram import TelegramStandIn
from tests.bot.newsroom import ANNA, settings
from tests.support.clock import Clock
from tests.support.waiting import eventually


@pytest.fixture
async def tg() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn() as tg:
        tg.add_person(ANNA, "Анна")
        yield tg


@pytest.fixture
async def face(url: str, clock: Clock) -> AsyncIterator[Face]:
    database = Database(url)
    yield Face(Desk(database, {}, clock, ZoneInfo("Europe/Moscow")), settings(), lambda: None)
    await database.close()


@asynccontextmanager
async def polled(
    tg: TelegramStandIn, face: Face, dispatcher: Dispatcher, told: asyncio.Event
) -> AsyncIterator[Polling]:
    async def conflict() -> None:
        told.set()

    bot = Bot(tg.token, session=AiohttpSession(api=TelegramAPIServer.from_base(tg.url)))
    polling = Polling(bot, dispatcher, face, allowed_updates=ALLOWED_UPDATES, on_conflict=conflict)
    stop = asyncio.Event()
    async with bot.session, asyncio.TaskGroup() as group:
        group.create_task(polling.run(stop))
        yield polling
        stop.set()


def noting(heard: list[str], event: asyncio.Event | None = None) -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def note(message: Message) -> None:
        if event is not None:
            await event.wait()
        heard.append(message.text or "")

    return dispatcher


async def test_hands_on_what_people_write_in_their_order(tg: TelegramStandIn, face: Face) -> None:
    heard: list[str] = []
    for number in range(30):
        await tg.say(ANNA, str(number))
    async with polled(tg, face, noting(heard), asyncio.Event()):
        await eventually(lambda: len(heard) == 30)
    assert heard == [str(number) for number in range(30)]


async def test_an_update_is_in_the_database_before_telegram_hears_that_it_arrived(
    tg: TelegramStandIn, face: Face
) -> None:
    held = asyncio.Event()
    async with polled(tg, face, noting([], held), asyncio.Event()):
        await tg.say(ANNA, "важное")
        waiting = await _waiting(face)
        held.set()
    assert [update["message"]["text"] for update in waiting] == ["важное"]


async def _waiting(face: Face) -> list[dict[str, dict[str, str]]]:
    """Return what is stored and not handled, as soon as there is something."""
    async with asyncio.timeout(30):
        while True:
            async with face.desk.database.reading() as tx:
                found = await inbox.waiting(tx)
            if found:
                return found
            await asyncio.sleep(0.01)


async def test_waits_for_its_handlers_at_the_end(tg: TelegramStandIn, face: Face) -> None:
    heard: list[str] = []
    held = asyncio.Event()
    async with asyncio.TaskGroup() as group, polled(tg, face, noting(heard, held), asyncio.Event()):
        await tg.say(ANNA, "важное")
        assert await _waiting(face)
        group.create_task(_later(held))
    assert heard == ["важное"]


async def _later(event: asyncio.Event) -> None:
    await asyncio.sleep(0.1)
    event.set()


async def test_a_second_poller_is_reported_once_and_ends_nothing(tg: TelegramStandIn, face: Face) -> None:
    told = asyncio.Event()
    async with polled(tg, face, noting([]), told) as polling:
        other = Bot(tg.token, session=AiohttpSession(api=TelegramAPIServer.from_base(tg.url)))
        async with other.session, asyncio.timeout(30):
            while not told.is_set():
                await other.get_updates(timeout=0)
                await asyncio.sleep(0.05)
        assert not polling.connected


@pytest.mark.parametrize("kind", [Kind.DROPS_BEFORE, Kind.BAD_GATEWAY, Kind.HALF_ANSWER, Kind.LOSES_RIGHTS])
async def test_goes_on_asking_after_any_mishap(
    tg: TelegramStandIn, face: Face, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.polling._PAUSES", (0.05,))
    heard: list[str] = []
    tg.faults.add("getUpdates", Fault(kind, times=2))
    async with polled(tg, face, noting(heard), asyncio.Event()) as polling:
        await tg.say(ANNA, "слышно?")
        await eventually(lambda: heard)
        assert polling.connected
    assert heard == ["слышно?"]
