"""Keeps one Postgres server alive exactly as long as its parent: `postgres_guard.py FOLDER OWNER COMMAND…`.

Standard input is the reading end of a pipe whose writing end only the parent holds. When it closes, whatever the
reason, the server is stopped and FOLDER removed. OWNER is the user to run as, or "-" for the present one.
A line on it stops the server, "fast" or "immediate" as `pg_ctl stop -m` means them, and "start" starts it again.
Uses nothing but the standard library: it must not depend on what the tests have installed.
"""

import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_WITHIN = 20.0  # seconds for a fast shutdown before the server is killed
STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Guard:
    """The server, and what its parent wants of it."""

    def __init__(self, owner: str, command: list[str]) -> None:
        self._owner = owner
        self._command = command
        self._server = self._started()
        self._stopped = False  # on the parent's word, to be started again
        self._go_on = threading.Event()
        self._orphaned = threading.Event()

    def run(self) -> int:
        """Run the server until it ends by itself or the parent does; return its exit code."""
        threading.Thread(target=self._obey, daemon=True).start()
        while True:
            code = self._server.wait()
            if not self._stopped or self._orphaned.is_set():
                return code
            self._go_on.wait()
            self._go_on.clear()
            if self._orphaned.is_set():
                return code
            self._stopped = False
            self._server = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        group = None if self._owner == "-" else pwd.getpwnam(self._owner).pw_gid
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            user=None if group is None else self._owner,
            group=group,
            extra_groups=None if group is None else [],
        )

    def _obey(self) -> None:
        """Do as the parent says. When the pipe closes, ask for a fast shutdown, then insist."""
        for line in sys.stdin:
            if line.strip() in STOPS:
                self._stopped = True
                self._server.send_signal(STOPS[line.strip()])
            else:
                self._go_on.set()
        self._orphaned.set()
        self._go_on.set()
        self._server.send_signal(signal.SIGINT)
        try:
            self._server.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._server.kill()


def main(folder: Path, owner: str, command: list[str]) -> int:
    """Keep `command` running; remove `folder` at the end."""
    try:
        return Guard(owner, command).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the pipe is the only word that counts
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
