"""A real PgBouncer for the tests, in front of a `postgres.Server`: a connection to the server lasts a transaction.

It comes from `PGBOUNCER`, from PATH, or out of Debian's and Ubuntu's packages, which are unpacked into the
virtual environment and not installed: that needs no rights and changes nothing of the system.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.postgres import START_WITHIN, UNPRIVILEGED, USER, Server

PACKAGES = ("pgbouncer", "libevent-2.1-7", "libevent-2.1-7t64", "libc-ares2", "libcares2")  # as releases name them
DOWNLOAD_WITHIN = 60  # seconds for each package
KEPT_IN = Path(sys.prefix) / "share" / "rupor-tests" / "pgbouncer"


class NoPoolerError(LookupError):
    """No PgBouncer that starts: install one, set PGBOUNCER, or run on Debian with its packages in reach."""

    def __str__(self) -> str:
        return self.__doc__ or ""


@cache
def find() -> Path:
    """Return a PgBouncer that starts, bringing one if need be. NoPoolerError when no way led to one."""
    for way in (_installed, _kept, _brought):
        program = way()
        if program is not None and _starts(program):
            return program
    raise NoPoolerError


def _installed() -> Path | None:
    named = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer")
    return Path(named) if named else None


def _kept() -> Path | None:
    return next(KEPT_IN.glob("usr/sbin/pgbouncer"), None)


def _brought() -> Path | None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    KEPT_IN.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT_IN.parent) as folder:
        for package in PACKAGES:
            _run(["apt-get", "download", package], folder)
        for file in Path(folder).glob("*.deb"):
            _run(["dpkg", "-x", file, "unpacked"], folder)
        unpacked = Path(folder) / "unpacked"
        if not unpacked.exists():
            return None
        with suppress(OSError):  # another process of the tests was quicker
            unpacked.rename(KEPT_IN)
    return _kept()


def _run(command: list[str | Path], folder: str) -> bool:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=DOWNLOAD_WITHIN, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _libraries(program: Path) -> list[Path]:
    """What was unpacked beside the program; one that is installed finds its own."""
    return sorted(KEPT_IN.glob("usr/lib/*/lib*.so.*")) if program.is_relative_to(KEPT_IN) else []


def _starts(program: Path) -> bool:
    environment = {"LD_LIBRARY_PATH": ":".join({str(library.parent) for library in _libraries(program)})}
    try:
        done = subprocess.run(
            [program, "--version"], env=environment, capture_output=True, check=False, timeout=DOWNLOAD_WITHIN
        )
    except OSError:
        return False
    return done.returncode == 0


@contextmanager
def pooling(server: Server, *, transactions: bool = True) -> Iterator[int]:
    """Run a pooler in front of the server and yield its port on the loopback; `url` makes an address of it.

    Without `transactions` a client keeps its connection to the server as long as it likes.
    """
    program = find()
    with tempfile.TemporaryDirectory(prefix="rupor-pgb-", dir="/tmp") as name:
        folder, port = Path(name), _free_port()
        _furnish(folder, program, server, port, "transaction" if transactions else "session")
        with subprocess.Popen(
            [folder / "bin" / "pgbouncer", folder / "pgbouncer.ini"],
            env={"LD_LIBRARY_PATH": str(folder / "bin")},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_owner(),
        ) as process:
            try:
                _wait_until_it_answers(port, process, folder / "log")
                yield port
            finally:
                process.terminate()  # at once, without waiting for its clients


def url(port: int, database: str) -> str:
    """Return SQLAlchemy's address of a database behind the pooler."""
    return f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/{database}"


def _furnish(folder: Path, program: Path, server: Server, port: int, mode: str) -> None:
    """Give it what it needs where an unprivileged user may read it."""
    (folder / "bin").mkdir()
    shutil.copy(program, folder / "bin" / "pgbouncer")
    for library in _libraries(program):
        shutil.copy(library, folder / "bin")
    (folder / "users").write_text(f'"{USER}" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.folder}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder}/users\nlogfile = {folder}/log\n"
        f"pool_mode = {mode}\nmax_client_conn = 200\ndefault_pool_size = 10\nserver_login_retry = 1\n"
    )
    for path in [folder, *folder.rglob("*")]:
        if os.geteuid() == 0:
            shutil.chown(path, UNPRIVILEGED)


def _owner() -> dict[str, Any]:
    """The user to run as: as root it refuses to."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        with closing(socket.socket()) as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PgBouncer did not start: {log.read_text() if log.exists() else 'no log'}")
        time.sleep(0.01)
