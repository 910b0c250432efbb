"""The rules of the house: what no single package can promise for itself."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PRODUCT = ("bot", "web", "delivery", "channels", "sandbox", "migrations")
OURS = (*PRODUCT, "benchmarks", "tests")
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-test.txt")
LONG, TOO_LONG = 450, 500  # lines; a test's table of cases may grow longer, and is only mentioned

# Sentences for people live here; elsewhere there are codes, so that a face can change and the engine need not know.
CATALOGUES = ("bot/texts/", "bot/moments", "sandbox/")
# Words that people write and programs look for: the headings and remarks of a mailing list.
VOCABULARIES = (
    "channels/email/returns/meaning.py",
    "delivery/listcolumns.py",
    "delivery/listout.py",
    "delivery/listremarks.py",
)
PHRASE = re.compile(r"[а-яё]{2,},? +[а-яё]{2,}", re.IGNORECASE)

# Only the wiring and the command line read the clock; whoever is below gets `now`. Surroundings offers a default.
MAY_ASK_THE_CLOCK = ("bot/app.py", "bot/commands/", "bot/logs.py", "channels/contract.py", "sandbox/")
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}

# A letter of each in brackets, since this file is searched too.
PRIVATE_PLACES = re.compile(r"(?<![\w.])/(?:[w]ork|[r]oot)/")
REGISTRIES = re.compile(r"py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|deb\.[d]ebian\.org")


class LongFileWarning(UserWarning):
    """A file nears the limit: think of the second subject that it holds."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def sources(*packages: str) -> tuple[Path, ...]:
    return tuple(path for package in packages for path in sorted((ROOT / package).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def written_by_us() -> Iterator[tuple[str, str]]:
    """Name and text of every file of the repository; where there is no git, of every file but what make creates."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / part for part in listed.stdout.decode().split("\0") if part]
    else:
        found = [path for path in ROOT.rglob("*") if not {".venv", "__pycache__"} & set(path.parts)]
    for path in found:
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name(path), content.decode(errors="replace")


def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return loaded


def pinned(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {
        canonicalize_name(found[1]): found[2] for found in re.finditer(r"^([\w.-]+)==([^ ;\\]+)", text, re.MULTILINE)
    }


# Structure


def test_imports_point_down() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.filterwarnings("default::tests.test_house.LongFileWarning")
def test_no_file_grows_into_two_subjects() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*OURS)}
    long = {name(path): length for path, length in lengths.items() if length > LONG}
    broken = {path: length for path, length in long.items() if length > TOO_LONG and not path.startswith("tests/")}
    assert broken == {}
    for path, length in long.items():
        warnings.warn(f"{path}: {length} lines", LongFileWarning, stacklevel=1)


def test_background_work_starts_in_task_groups_only() -> None:
    """A task that nobody waits for takes its failure with it; `group.create_task` is the way.

    The stand-ins are excused: fixtures enter and leave them from different tasks, which a task group forbids.
    """
    loose = re.compile(r"(?:asyncio|loop|get_(?:running_|event_)?loop\(\))\.(?:create_task|ensure_future)\(")
    found = [
        f"{name(path)}:{node.lineno}"
        for path in sources(*PRODUCT)
        if not name(path).startswith("sandbox/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and loose.search(ast.unparse(node.func) + "(")
    ]
    assert found == []


def test_the_clock_is_read_at_the_top_only() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in sources(*PRODUCT)
        if not name(path).startswith(MAY_ASK_THE_CLOCK)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node).removeprefix("datetime.") in CLOCKS
    ]
    assert found == []


def test_sentences_live_in_the_catalogues() -> None:
    found = [
        f"{name(path)}:{line}: {said}"
        for path in sources(*PRODUCT)
        if not name(path).startswith((*CATALOGUES, *VOCABULARIES))
        for line, said in _phrases(tree(path))
    ]
    assert found == []


def _phrases(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Two Russian words in a row inside a string; docstrings may quote."""
    notes = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and id(node) not in notes and PHRASE.search(str(node.value)):
            yield node.lineno, str(node.value)


@pytest.mark.every_postgres
async def test_migrations_make_exactly_the_tables(database_url: str) -> None:
    from migrations import check  # noqa: PLC0415, a broken import here must not hide the other rules

    assert await check.differences(database_url) == []


# Settings and channels


def test_the_example_config_loads_and_shows_every_kind_of_channel() -> None:
    from bot import config  # noqa: PLC0415, a broken import here must not hide the other rules
    from channels import registry  # noqa: PLC0415

    secrets = {"RUPOR_BOT__TOKEN": "1:secret", "RUPOR_CHANNELS__VK__COMMUNITY_TOKEN": "secret"}
    settings = config.load(ROOT / "config.example.toml", secrets, registry.SETTINGS)
    shown = {type(channel) for channel in settings.channels.values()}
    assert {kind for kind, model in registry.SETTINGS.items() if model not in shown} <= {"rehearsal"}


# What the repository says about itself


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path}: {hit[0]}"
        for path, text in written_by_us()
        for hit in (*PRIVATE_PLACES.finditer(text), *REGISTRIES.finditer(text))
    ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_with_hashes_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[\w])", text)
    assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_dependency_is_used() -> None:
    """What nothing imports goes; drivers and helpers that a library loads by name are excused."""
    loaded_by_name = {"aiohttp-socks", "aiosqlite", "asyncpg", "tzdata"}
    imported = {
        module.partition(".")[0]
        for path in sources(*PRODUCT)
        for node in ast.walk(tree(path))
        for module in _modules(node)
    }
    owners = packages_distributions()
    used = {canonicalize_name(each) for module in imported for each in owners.get(module, [])}
    declared = project()
    runtime = [*declared["dependencies"], *declared["optional-dependencies"].get("sandbox", [])]
    assert {canonicalize_name(Requirement(each).name) for each in runtime} - used - loaded_by_name == set()


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module)):
            return [module]
        case _:
            return []


def test_every_dependency_is_locked_at_a_version_that_fits() -> None:
    """A red line here means: run `make lock`."""
    declared = project()
    extras = declared["optional-dependencies"]
    wanted = {
        "requirements.txt": declared["dependencies"],
        "requirements-test.txt": [*declared["dependencies"], *extras["test"]],
        "requirements-build.txt": ["hatchling", "editables"],
    }
    for lock, requirements in wanted.items():
        versions = pinned(lock)
        for requirement in map(Requirement, requirements):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{lock} lacks {requirement.name}"
            assert requirement.specifier.contains(version), f"{lock} has {requirement.name} {version}"


def test_the_locks_agree_with_each_other() -> None:
    versions = [pinned(lock) for lock in LOCKS]
    for package in {package for lock in versions for package in lock}:
        assert len({lock[package] for lock in versions if package in lock}) == 1, package


def test_nothing_that_is_needed_is_left_out_of_the_lock() -> None:
    """Pip installs what the lock names and nothing else."""
    found = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


# Make


@pytest.mark.parametrize("target", ["run", "test", "lint", "check", "bench"])
def test_make_knows_what_the_newcomer_types(target: str) -> None:
    assert _make("--dry-run", target, folder=ROOT, path=os.environ["PATH"]).returncode == 0


def test_without_a_suitable_python_make_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "Мои проекты"
    tools = tmp_path / "tools"
    folder.mkdir()
    tools.mkdir()
    for file in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / file, folder)
    done = _make("run", folder=folder, path=str(tools))
    assert done.returncode == 2
    assert "Нужен Python 3.11, 3.12 или 3.13" in done.stderr
    assert not (folder / ".venv").exists()


def _make(*arguments: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    assert make is not None
    environment = {"PATH": path, "LC_ALL": "C"}  # none of MAKEFLAGS: these tests themselves are run by make
    return subprocess.run([make, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
