"""Keeps one Postgres server alive exactly as long as its parent: `postgres_guard.py FOLDER OWNER COMMAND…`.

Standard input is the reading end of a pipe whose writing end only the parent holds. When it closes, whatever the
reason, the server is stopped and FOLDER removed. OWNER is the user to run as, or "-" for the present one.
Uses nothing but the standard library: it must not depend on what the tests have installed.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_WITHIN = 20.0  # seconds for a fast shutdown before the server is killed


def main(folder: Path, owner: str, command: list[str]) -> int:
    """Run `command` until it ends or the parent does; return its exit code."""
    group = None if owner == "-" else pwd.getpwnam(owner).pw_gid
    user = None if group is None else owner
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, user=user, group=group, extra_groups=None if group is None else []
    )
    threading.Thread(target=stop_with_parent, args=(server,), daemon=True).start()
    try:
        return server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stop_with_parent(server: subprocess.Popen[bytes]) -> None:
    """Wait for the pipe to close, then ask for a fast shutdown, then insist."""
    while os.read(0, 1024):
        pass
    server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the pipe is the only word that counts
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
