"""The steps of the Dockerfile, taken without an engine: in a bare folder, from what the image would be given.

Each COPY and RUN of the first stage is carried out with the image's folders moved under a temporary one. What needs
an engine (the base image, the user, the volume) is only read.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Instruction:
    word: str
    rest: str

    def json(self) -> list[str]:
        """The exec form; ValueError for the shell form."""
        loaded: list[str] = json.loads(self.rest)
        return loaded


def stages() -> list[list[Instruction]]:
    """The Dockerfile's instructions, stage by stage."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append(Instruction(word, " ".join(rest.split())))
    return found


def only(word: str, stage: list[Instruction]) -> Instruction:
    (found,) = [each for each in stage if each.word == word]
    return found


def test_the_image_is_small_unprivileged_and_stops_when_asked() -> None:
    build, final = stages()
    assert only("FROM", build).rest.removesuffix(" AS build") == only("FROM", final).rest
    assert re.fullmatch(r"python:3\.1[123]-slim-[a-z]+", only("FROM", final).rest)
    assert re.fullmatch(r"\d+:\d+", only("USER", final).rest)
    assert only("STOPSIGNAL", final).rest == "SIGTERM"
    assert only("ENTRYPOINT", final).json() == ["rupor"]
    assert only("CMD", final).json() == ["run"]
    assert [each.rest for each in final if each.word == "COPY"] == ["--from=build /opt/rupor /opt/rupor"]
    assert not [each for each in final if each.word == "RUN" and re.search(r"\b(?:apt|pip|gcc)", each.rest)]


def test_nothing_private_can_enter_the_image(tmp_path: Path) -> None:
    """Settings, secrets and databases that lie beside the sources stay outside."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    copied = [part for each in stages()[0] if each.word == "COPY" for part in each.rest.split()[:-1]]
    assert sorted(let_in) == sorted(copied)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root folder as the first stage leaves it."""
    root = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", root / "python"], check=True)
    workdir = root
    environment = {
        "PATH": f"{root / 'python' / 'bin'}:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", str(root)),
        "LANG": "C.UTF-8",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for step in stages()[0]:
        match step.word:
            case "WORKDIR":
                workdir = root / step.rest.lstrip("/")
                workdir.mkdir(parents=True)
            case "COPY":
                *files, target = step.rest.split()
                for file in files:
                    _copy(ROOT / file, workdir / target)
            case "RUN":
                command = re.sub(r"(?<=\s)/(?=opt/|build/)", f"{shlex.quote(str(root))}/", step.rest)
                done = subprocess.run(
                    ["/bin/sh", "-c", command],
                    cwd=workdir,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, f"{step.rest}\n{done.stdout}\n{done.stderr}"
    yield root
    shutil.rmtree(root)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy(source, target / source.name if target.is_dir() else target)
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


UPGRADE = """
import asyncio, sys
from delivery import schema
from delivery.database import Database

async def main():
    database = Database(sys.argv[1])
    await schema.upgrade(database)
    print(await schema.standing(database))
    await database.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_image_runs_without_the_sources(image: Path, tmp_path: Path) -> None:
    """One test, since the image takes a while to make."""
    programs = image / "opt/rupor/bin"

    def said(*command: str) -> str:
        done = subprocess.run(
            [programs / command[0], *command[1:]],
            cwd=tmp_path,
            env={"PATH": str(programs), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    (wheel,) = (image / "build" / "dist").glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in _files_of_the_packages() if name not in packed] == []
    assert not [name for name in packed if name.startswith(("tests/", "docs/", "benchmarks/"))]
    assert any(name.startswith("migrations/versions/") for name in packed)

    (site,) = (image / "opt/rupor/lib").glob("python*/site-packages")
    assert not [tool for tool in ("pip", "hatchling", "editables", "setuptools", "pytest") if (site / tool).exists()]

    assert re.search(r"\d+\.\d+", said("rupor", "--version"))
    assert said("python", "-c", UPGRADE, f"sqlite+aiosqlite:///{tmp_path}/rupor.db") == "current"


def _files_of_the_packages() -> list[str]:
    """Modules, templates, descriptions of the services: everything but what running leaves behind."""
    return [
        path.relative_to(ROOT).as_posix()
        for package in ("bot", "channels", "delivery", "migrations", "sandbox", "web")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


@pytest.mark.parametrize(("status", "verdict"), [(200, 0), (503, 1)])
def test_the_health_check_believes_what_health_says(status: int, verdict: int) -> None:
    asked: list[str] = []

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the library's name
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        command = Instruction("CMD", only("HEALTHCHECK", stages()[1]).rest.partition(" CMD ")[2]).json()
        assert command[0] == "python"
        here = [sys.executable, *(part.replace(":8090/", f":{server.server_port}/") for part in command[1:])]
        done = subprocess.run(here, capture_output=True, check=False)
        server.shutdown()
    assert asked == ["/health"]
    assert min(done.returncode, 1) == verdict
