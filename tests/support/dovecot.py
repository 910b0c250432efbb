"""A real IMAP server for the tests: Dovecot's own `imap`, one process for each session, behind a door of ours.

Dovecot as a whole wants to be installed, with users of its own; the program that knows folders, searches and UIDs does
not. So the door greets, secures the line and takes the password, and whoever passes talks to Dovecot. It comes from
DOVECOT (a folder with usr/bin/doveconf and usr/lib/dovecot/imap), from the system, or out of Debian's packages, which
are unpacked into the virtual environment and not installed: that needs no rights and changes nothing of the system.
"""

import asyncio
import os
import pwd
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.postgres import UNPRIVILEGED

PACKAGES = ("dovecot-core", "dovecot-imapd")
DOWNLOAD_WITHIN = 60  # seconds for each package
KEPT_IN = Path(sys.prefix) / "share" / "rupor-tests" / "dovecot"
PROGRAM, READER = "usr/lib/dovecot/imap", "usr/bin/doveconf"
USER, PASSWORD = "press", "box-key"


class NoDovecotError(LookupError):
    """No Dovecot that starts: install dovecot-imapd, set DOVECOT, or run on Debian with its packages in reach."""

    def __str__(self) -> str:
        return self.__doc__ or ""


@cache
def find() -> Path:
    """Return the folder of a Dovecot that starts, bringing one if need be. NoDovecotError when no way led to one."""
    for root in (Path(os.environ.get("DOVECOT", "/")), KEPT_IN, _brought()):
        if root is not None and (root / PROGRAM).exists() and (root / READER).exists() and _starts(root):
            return root
    raise NoDovecotError


def _brought() -> Path | None:
    if KEPT_IN.exists() or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    KEPT_IN.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT_IN.parent) as folder:
        for package in PACKAGES:
            with suppress(subprocess.TimeoutExpired):
                command = ["apt-get", "download", package]
                subprocess.run(command, cwd=folder, capture_output=True, timeout=DOWNLOAD_WITHIN, check=False)
        for file in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", file, "unpacked"], cwd=folder, capture_output=True, check=False)
        with suppress(OSError):  # another process of the tests was quicker
            (Path(folder) / "unpacked").rename(KEPT_IN)
    return KEPT_IN


def _starts(root: Path) -> bool:
    """Tell whether it finds its libraries; some of them are of other packages."""
    try:
        done = subprocess.run(["ldd", root / PROGRAM], env=_libraries(root), capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and b"not found" not in done.stdout


def _libraries(root: Path) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(root / "usr/lib/dovecot"), "PATH": "/usr/bin:/bin"}


class Mailserver:
    """One mailbox. `fault`: "silent" greets nobody, "deaf" answers nobody who logged in, "cut" hangs up on them."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.port = 0
        self.fault = ""
        self.logins = 0
        self.offers = "IMAP4rev1 AUTH=PLAIN STARTTLS"
        self.context: ssl.SSLContext | None = None
        self.clients: set[asyncio.Task[Any]] = set()
        self._names = count(1)

    def arrives(self, octets: bytes) -> None:
        """Deliver a letter, as a mail server does to a Maildir."""
        new = self.folder / "mail" / USER / "new"
        for each in (new, new.parent / "cur", new.parent / "tmp"):
            each.mkdir(parents=True, exist_ok=True)
        (new / f"{1_800_000_000 + next(self._names)}.rupor.test").write_bytes(octets)
        self.own()

    def lies_in(self, name: str = "") -> list[str]:
        """Return the flags of every letter of a folder, "S" for seen, "" for none; the inbox without a name."""
        place = self.folder / "mail" / USER / (f".{name}" if name else "")
        names = [file.name for kind in ("new", "cur") for file in (place / kind).glob("*")]
        return [name.partition(":2,")[2] for name in sorted(names)]

    def is_rebuilt(self) -> None:
        """Forget all numbers, as after a restore: letters get new ones, and another UIDVALIDITY."""
        for file in (self.folder / "mail" / USER).glob("dovecot*"):
            file.unlink()

    def own(self) -> None:
        """Let the user whom it runs as have what is its own."""
        for path in [self.folder, *self.folder.rglob("*")]:
            if os.geteuid() == 0:
                shutil.chown(path, UNPRIVILEGED)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one client through the door, and through to Dovecot."""
        me = asyncio.current_task()
        assert me
        self.clients.add(me)
        try:
            if self.fault == "silent":
                await reader.read()
            elif tag := await self._log_in(reader, writer):
                await self._talk(tag, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        finally:
            self.clients.discard(me)
            writer.transport.abort()

    async def close(self) -> None:
        """Hang up on everybody."""
        clients = list(self.clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients)

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Return the tag of the LOGIN that was right; empty when the client left."""
        writer.write(b"* OK ready\r\n")
        while line := (await reader.readline()).decode():
            tag, command, *words = line.split()
            match command.upper():
                case "CAPABILITY":
                    writer.write(f"* CAPABILITY {self.offers}\r\n{tag} OK done\r\n".encode())
                case "STARTTLS" if self.context is not None:
                    writer.write(f"{tag} OK begin\r\n".encode())
                    await writer.start_tls(self.context)
                case "LOGIN" if [word.strip('"') for word in words] == [USER, PASSWORD]:
                    self.logins += 1
                    return tag
                case "LOGIN":
                    writer.write(f"{tag} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n".encode())
                case "LOGOUT":
                    writer.write(f"* BYE\r\n{tag} OK bye\r\n".encode())
                    break
                case _:
                    writer.write(f"{tag} BAD not here\r\n".encode())
        return ""

    async def _talk(self, tag: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault == "cut":
            return
        writer.write(f"{tag} OK Logged in\r\n".encode())
        if self.fault == "deaf":
            await reader.read()
            return
        session = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_libraries(self.root) | {"USER": USER, "HOME": str(self.folder)},
            cwd=self.folder,
            **_owner(),
        )
        assert session.stdin
        assert session.stdout
        await session.stdout.readline()  # its greeting
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_carry(reader, session.stdin))
                group.create_task(_carry(session.stdout, writer))
        finally:
            with suppress(ProcessLookupError):
                session.kill()
            await session.wait()

    def _command(self) -> list[str]:
        config = ["-f", "service=imap", "-c", str(self.folder / "dovecot.conf"), "-m", "imap"]
        return [str(self.root / READER), *config, "-e", str(self.root / PROGRAM)]


async def _carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while octets := await source.read(65_536):
            to.write(octets)
            await to.drain()
    to.close()


def _owner() -> dict[str, Any]:
    """The user to run as: Dovecot serves no mail to root."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


@asynccontextmanager
async def running(context: ssl.SSLContext | None = None, *, implicit: bool = False) -> AsyncIterator[Mailserver]:
    """Run a server on the loopback; with `context` it offers STARTTLS, or speaks TLS from the first octet."""
    found = find()
    with tempfile.TemporaryDirectory(prefix="rupor-imap-", dir="/tmp") as name:
        folder = Path(name)
        root = found if os.geteuid() != 0 or found == Path("/") else _copied(found, folder)
        server = Mailserver(root, folder)
        server.context = None if implicit else context
        (folder / "dovecot.conf").write_text(
            f"base_dir = {folder}\nstate_dir = {folder}\nlog_path = {folder}/log\nprotocols = imap\nssl = no\n"
            f"import_environment = TZ LD_LIBRARY_PATH\nmail_location = maildir:{folder}/mail/%u\nfirst_valid_uid = 1\n"
            "stats_writer_socket_path =\n"
        )
        server.own()
        door = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context if implicit else None)
        async with door:
            server.port = door.sockets[0].getsockname()[1]
            try:
                yield server
            finally:
                await server.close()


def _copied(found: Path, folder: Path) -> Path:
    """Copy what runs to where an unprivileged user may read it."""
    for part in ("usr/bin", "usr/lib/dovecot"):
        ignored = shutil.ignore_patterns("modules")
        shutil.copytree(found / part, folder / "root" / part, symlinks=True, ignore=ignored)
    return folder / "root"
