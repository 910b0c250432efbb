"""A furnished town with its page's server."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.configuration import config_toml
from sandbox.server import PageServer
from sandbox.town import Town
from tests.sandbox.visiting import Act, Json


class Table:
    """The delivery table that the service would fill."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    async def __call__(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rows]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with Town() as town:
        yield town


@pytest.fixture
async def page_server(town: Town, table: Table, tmp_path: Any) -> AsyncIterator[PageServer]:
    async with PageServer(town, config_toml(town, tmp_path / "rupor.db"), table) as server:
        yield server


@pytest.fixture
async def http(page_server: PageServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=page_server.url) as http:
        yield http


@pytest.fixture
def act(http: aiohttp.ClientSession) -> Act:
    async def act(action: str, **given: Any) -> Json:
        async with http.post(f"/api/{action}", json=given) as answer:
            return Json(await answer.json()) | ({} if answer.ok else {"status": answer.status})

    return act
