"""Updates that Telegram brings: the secret is checked, each is stored and handled once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiohttp import ClientSession, web

from bot.face import Face
from bot.incoming import ALLOWED_UPDATES
from bot.polling import Polling
from bot.webhook import PATH, Webhook
from delivery.database import Database
from delivery.desk import Desk
from sandbox.telegram import TelegramStandIn
from tests.bot.newsroom import ANNA, settings
from tests.support.clock import Clock
from tests.support.waiting import eventually
from web.site import Site, application

SECRET = "a-secret-of-this-test"


@pytest.fixture
async def tg() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn() as tg:
        tg.add_person(ANNA, "Анна")
        yield tg
        assert tg.violations == []


@pytest.fixture
async def face(url: str, clock: Clock) -> AsyncIterator[Face]:
    database = Database(url)
    yield Face(Desk(database, {}, clock, ZoneInfo("Europe/Moscow")), settings(), lambda: None)
    await database.close()


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def dispatcher(heard: list[str]) -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def note(message: Message) -> None:
        heard.append(message.text or "")

    return dispatcher


def a_bot(tg: TelegramStandIn) -> Bot:
    return Bot(tg.token, session=AiohttpSession(api=TelegramAPIServer.from_base(tg.url)))


@asynccontextmanager
async def hooked(tg: TelegramStandIn, face: Face, dispatcher: Dispatcher) -> AsyncIterator[str]:
    """Serve the web hook; yields its address."""
    hooks: list[Webhook] = []

    async def take(secret: str, body: bytes) -> int:
        return await hooks[0].take(secret, body)

    runner = web.AppRunner(application(Site(face.desk.database, "x" * 16, face.desk.now, hook=take)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    stop = asyncio.Event()
    async with a_bot(tg) as bot:
        hooks.append(Webhook(bot, dispatcher, face, url=base, secret=SECRET, allowed_updates=ALLOWED_UPDATES))
        async with asyncio.TaskGroup() as group:
            group.create_task(hooks[0].run(stop))
            await eventually(lambda: hooks[0].connected)
            yield base + PATH
            stop.set()
    await runner.cleanup()


async def test_what_people_write_is_brought_and_handled(
    tg: TelegramStandIn, face: Face, dispatcher: Dispatcher, heard: list[str]
) -> None:
    async with hooked(tg, face, dispatcher):
        await tg.say(ANNA, "важное")
        await eventually(lambda: heard)
    assert heard == ["важное"]


@pytest.mark.parametrize("secret", [None, "", "a-guess"])
async def test_a_stranger_without_the_secret_is_turned_away(
    tg: TelegramStandIn, face: Face, dispatcher: Dispatcher, heard: list[str], secret: str | None
) -> None:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with (
        hooked(tg, face, dispatcher) as address,
        ClientSession() as session,
        session.post(address, json={"update_id": 1}, headers=headers) as answer,
    ):
        assert answer.status == 401
    assert heard == []


async def test_what_is_no_update_is_refused(tg: TelegramStandIn, face: Face, dispatcher: Dispatcher) -> None:
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with hooked(tg, face, dispatcher) as address, ClientSession() as session:
        for body in (b"", b"[]", b"{}", b"\xff"):
            async with session.post(address, data=body, headers=headers) as answer:
                assert answer.status == 400


async def test_polling_takes_an_old_address_back(
    tg: TelegramStandIn, face: Face, dispatcher: Dispatcher, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.polling._PAUSES", (0.05,))

    async def never() -> None:
        raise AssertionError("nobody else polls")

    stop = asyncio.Event()
    async with a_bot(tg) as bot:
        await bot.set_webhook("http://127.0.0.1:9/telegram/webhook", secret_token=SECRET)
        polling = Polling(bot, dispatcher, face, allowed_updates=ALLOWED_UPDATES, on_conflict=never)
        async with asyncio.TaskGroup() as group:
            group.create_task(polling.run(stop))
            await tg.say(ANNA, "важное")
            await eventually(lambda: heard)
            stop.set()


@pytest.mark.parametrize("written", ["https://example.org", "https://example.org/", f"https://example.org{PATH}"])
def test_the_address_may_be_written_with_its_path_or_without(face: Face, dispatcher: Dispatcher, written: str) -> None:
    hook = Webhook(Bot("42:x"), dispatcher, face, url=written, secret=SECRET, allowed_updates=())
    assert repr(hook) == f"Webhook(https://example.org{PATH})"


def test_the_secret_is_not_in_the_repr(face: Face, dispatcher: Dispatcher) -> None:
    hook = Webhook(Bot("42:x"), dispatcher, face, url="https://example.org", secret=SECRET, allowed_updates=())
    assert SECRET not in repr(hook)
