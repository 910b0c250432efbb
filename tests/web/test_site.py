from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from delivery.database import Database
from delivery.store import lists
from tests.support.clock import Clock
from web import tokens
from web.site import Site, application

SECRET = "a secret that only this test knows"


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_url)
    yield database
    await database.close()


@pytest.fixture
async def answers() -> dict[str, bool]:
    return {"database": True, "bot": True}


@pytest.fixture
async def url(database: Database, clock: Clock, answers: dict[str, bool]) -> AsyncIterator[str]:
    async with database.writing() as tx:
        await lists.create(tx, "news", "Новости <федерации>", clock())

    async def bot() -> bool:
        return answers["bot"]

    runner = web.AppRunner(application(Site(database, SECRET, clock, {"bot": bot})))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def suppressed(database: Database) -> set[tuple[str, str]]:
    async with database.reading() as tx:
        return set(await lists.suppressed(tx, ["news"]))


async def test_looking_at_the_link_changes_nothing(url: str, database: Database) -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    async with ClientSession() as session, session.get(f"{url}/u/{token}") as answer:
        text = await answer.text()
    assert answer.status == 200
    assert "a@example.org" in text
    assert "Новости &lt;федерации&gt;" in text
    assert await suppressed(database) == set()


async def test_one_click_takes_the_address_off_at_once(url: str, database: Database) -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    async with ClientSession() as session:
        for _ in range(2):
            async with session.post(
                f"{url}/u/{token}", data={"List-Unsubscribe": "One-Click"}, allow_redirects=False
            ) as answer:
                assert answer.status == 200
    assert await suppressed(database) == {("a@example.org", "news")}


@pytest.mark.parametrize("spoilt", ["", "x", "АБВ", "A" * 40, tokens.sign("another secret", "a@example.org", "news")])
async def test_a_forged_or_cut_link_changes_nothing(url: str, database: Database, spoilt: str) -> None:
    async with ClientSession() as session, session.post(f"{url}/u/{spoilt}") as answer:
        assert answer.status == 404
    assert await suppressed(database) == set()


def test_every_byte_of_a_token_counts() -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    assert tokens.read(SECRET, token) == ("a@example.org", "news")
    for place in range(len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert tokens.read(SECRET, changed) is None


async def test_ready_names_what_is_missing(url: str, answers: dict[str, bool]) -> None:
    async with ClientSession() as session:
        async with session.get(f"{url}/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"bot": True})
        answers["bot"] = False
        async with session.get(f"{url}/ready") as answer:
            assert (answer.status, await answer.json()) == (503, {"bot": False})
        async with session.get(f"{url}/health") as answer:
            assert answer.status == 200


def test_the_secret_is_not_in_the_repr() -> None:
    assert SECRET not in repr(Site(Database("sqlite+aiosqlite://"), SECRET, Clock()))
