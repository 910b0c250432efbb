"""Programs out of Debian's packages, unpacked into the virtual environment and not installed.

That needs no rights and changes nothing of the system. What was fetched once stays; what could not be fetched is tried
again in the next run of the tests.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

DOWNLOAD_WITHIN = 60  # seconds for all packages of one program


def unpacked(name: str, packages: Sequence[str]) -> Path | None:
    """Return the folder with what `packages` hold, bringing it if need be; None where one of them is out of reach."""
    kept_in = Path(sys.prefix) / "share" / "rupor-tests" / name
    if kept_in.exists():
        return kept_in
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept_in.parent) as folder:
        command = ["apt-get", "download", *packages]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=DOWNLOAD_WITHIN, check=True)
            for file in Path(folder).glob("*.deb"):
                subprocess.run(["dpkg", "-x", file, "unpacked"], cwd=folder, capture_output=True, check=True)
        except (subprocess.SubprocessError, OSError):
            return None
        with suppress(OSError):  # another process of the tests was quicker
            (Path(folder) / "unpacked").rename(kept_in)
    return kept_in
