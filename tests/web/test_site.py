from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from aiohttp import ClientSession, web
from bs4 import BeautifulSoup

from delivery.database import Database
from delivery.store import erasure, lists
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


async def test_the_page_lets_one_choose_this_list_or_all_of_them(url: str, database: Database) -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    async with ClientSession() as session:
        async with session.get(f"{url}/u/{token}") as answer:
            page = BeautifulSoup(await answer.text(), "html.parser")
        forms = {form.get_text(strip=True): form for form in page.find_all("form")}
        assert list(forms) == ["Отписаться от этого списка", "Отписаться от всех рассылок"]
        fields = {str(one["name"]): str(one["value"]) for one in forms["Отписаться от всех рассылок"].find_all("input")}
        async with session.post(f"{url}/u/{token}", data=fields) as answer:
            assert "Ни одно письмо" in await answer.text()
    assert await suppressed(database) == {("a@example.org", "")}


async def test_the_button_of_this_list_leaves_the_others(url: str, database: Database) -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    async with ClientSession() as session, session.post(f"{url}/u/{token}") as answer:
        assert "Новости &lt;федерации&gt;" in await answer.text()
    assert await suppressed(database) == {("a@example.org", "news")}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe%%%&&&==", "application/x-www-form-urlencoded"),
        (b"scope=\xff", "application/x-www-form-urlencoded; charset=utf-8"),
        (b"scope=all", "application/x-www-form-urlencoded; charset=no-such"),
        (b"no parts at all", "multipart/form-data; boundary=x"),
        (b"no parts at all", "multipart/form-data"),
        (b"--x\r\nno header\r\n", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"x=" + b"y" * (2 * 1024 * 1024), "application/x-www-form-urlencoded"),
    ],
)
async def test_whatever_is_posted_takes_the_address_off_its_list(
    url: str, database: Database, body: bytes, kind: str
) -> None:
    token = tokens.sign(SECRET, "a@example.org", "news")
    headers = {"Content-Type": kind}
    async with (
        ClientSession() as session,
        session.post(f"{url}/u/{token}", data=BytesIO(body), headers=headers) as answer,
    ):
        assert answer.status == 200
    assert await suppressed(database) == {("a@example.org", "news")}


async def test_a_link_of_somebody_erased_writes_nothing_down(url: str, database: Database, clock: Clock) -> None:
    async with database.writing() as tx:
        await erasure.erase(tx, "a@example.org", clock())
    token = tokens.sign(SECRET, "a@example.org", "news")
    async with ClientSession() as session, session.post(f"{url}/u/{token}") as answer:
        assert answer.status == 200
    assert await suppressed(database) == set()


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
