"""Small disks that fill up, and what stands in for one where nobody may mount."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk of its own")


@contextmanager
def a_disk(folder: Path, size: str, owner: str = "") -> Iterator[Path]:
    """Mount a disk of so many bytes ("3m") in memory, at a folder that is not there yet."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    if owner:
        shutil.chown(folder, owner)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, option: str) -> None:
    """Change a disk in use: "size=40m", "ro", "rw"."""
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let this process write no file beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
