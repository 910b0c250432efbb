"""What every test may ask for, and the line that says where the tests ran."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.async_api import Browser

from channels.light_aiogram import load
from tests.support import postgres
from tests.support.browser import find, launched
from tests.support.clock import Clock
from tests.support.databases import POSTGRES, SQLITE, Databases

load()  # as the program does, before anything else imports aiogram

OF_TESTS = ("RUPOR_CHAOS", "RUPOR_CHROMIUM", "RUPOR_NO_BROWSER", "RUPOR_SCREENSHOTS", "RUPOR_TEST_POSTGRES")
PLACE = "place"
PLACES = {"sqlite": "on SQLite", "postgres": "on Postgres", "browser": "in the browser"}
MARKS = (
    "sqlite: runs on SQLite (set by database_url)",
    "postgres: runs on a real Postgres (set by database_url)",
    "browser: runs in a real browser (set by the fixture browser)",
    "every_postgres: repeat on every Postgres version that is there, not on the first choice only",
    "one_database: runs on SQLite only, as what it shows does not depend on the database",
    "slow: takes more than a few seconds",
    "at_length: only `make chaos` runs it (its clock runs so fast that a busy machine is late by hours)",
)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at 2026-11-24 09:00 UTC until a test moves it."""
    return Clock()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The database servers of this process."""
    with Databases(tmp_path_factory.mktemp("templates")) as databases:
        yield databases


@pytest.fixture
def database_url(database_kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty database: once on SQLite, once on Postgres."""
    url = databases.empty(database_kind, tmp_path)
    yield url
    databases.drop(database_kind, url)


@pytest.fixture
def migrated_url(database_kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A database with the present schema and no rows: once on SQLite, once on Postgres."""
    url = databases.migrated(database_kind, tmp_path)
    yield url
    databases.drop(database_kind, url)


# The fixture `store` belongs here: it opens a store on `migrated_url` and closes it.


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The program of a real browser. Where none starts, its tests fail unless RUPOR_NO_BROWSER=1."""
    if os.environ.get("RUPOR_NO_BROWSER") == "1":
        pytest.skip("RUPOR_NO_BROWSER=1")
    return find()


@pytest.fixture
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """A browser of the test's own event loop; pages come from `tests.support.browser.opened`."""
    async with launched(chromium) as browser:
        yield browser


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks, and forget the settings of whoever types `make test`."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    for variable in [name for name in os.environ if name.startswith("RUPOR_") and name not in OF_TESTS]:
        del os.environ[variable]
    # A busy machine is no failure, and what CI found must be found again.
    settings.register_profile("rupor", deadline=None, derandomize="CI" in os.environ, print_blob=True)
    settings.load_profile("rupor")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever stands on a database on SQLite and on Postgres.

    RUPOR_TEST_POSTGRES ("18" or "15,18") chooses the versions. Without it: the wheel's, and every version that is
    there for tests marked `every_postgres`.
    """
    if "database_kind" not in metafunc.fixturenames:
        return
    chosen = os.environ.get("RUPOR_TEST_POSTGRES", "")
    if metafunc.definition.get_closest_marker("one_database") is not None:
        metafunc.parametrize("database_kind", [pytest.param(SQLITE, marks=pytest.mark.sqlite)])
        return
    every = not chosen and metafunc.definition.get_closest_marker("every_postgres") is not None
    versions = postgres.installations() if every else postgres.choose(chosen)
    kinds = [pytest.param(SQLITE, marks=pytest.mark.sqlite)]
    kinds += [pytest.param(f"{POSTGRES}{each.major}", marks=pytest.mark.postgres) for each in versions]
    metafunc.parametrize("database_kind", kinds)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note in each test where it runs; the note travels with its report, from other processes too."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        item.user_properties += [(PLACE, _place(item, mark)) for mark in PLACES if item.get_closest_marker(mark)]


def _place(item: pytest.Item, mark: str) -> str:
    callspec = getattr(item, "callspec", None)  # what parametrisation leaves on a test
    version = callspec.params.get("database_kind", "").removeprefix(POSTGRES) if callspec and mark == POSTGRES else ""
    return f"{PLACES[mark]} {version}".rstrip()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran where, above pytest's own last line."""
    ran = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    counts = Counter(value for report in ran for key, value in report.user_properties if key == PLACE)
    for word in PLACES.values():
        if not any(place.startswith(word) for place in counts):
            counts[word] = 0
    terminalreporter.write_line("ran: " + ", ".join(f"{count} {place}" for place, count in sorted(counts.items())))
