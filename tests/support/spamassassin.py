"""A real SpamAssassin for the tests, asked for what it finds in a letter by itself: no network, nothing learnt.

It comes from the system or, with the Perl modules it stands on, out of Debian's packages (`tests.support.debian`); perl
itself must be there.
"""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian

PACKAGES = (
    "spamassassin",
    "libhtml-parser-perl",
    "libhtml-tagset-perl",
    "libhttp-date-perl",
    "libio-string-perl",
    "libmail-dkim-perl",
    "libmailtools-perl",
    "libnet-dns-perl",
    "libnetaddr-ip-perl",
    "libsocket6-perl",
    "libsys-hostname-long-perl",
    "libtimedate-perl",
    "liburi-perl",
)
WITHIN = 120  # seconds; a run needs two
_STATUS = re.compile(r"^X-Spam-Status: \w+, score=(-?[\d.]+) .*?tests=(.*?)\s+autolearn=", re.MULTILINE | re.DOTALL)
_HIT = re.compile(r"^ *(-?\d+(?:\.\d+)?) ([A-Z][A-Z0-9_]+) ", re.MULTILINE)


class NoSpamAssassinError(LookupError):
    """No SpamAssassin that runs: install spamassassin, or perl on a Debian with its packages in reach."""

    def __str__(self) -> str:
        return " ".join([self.__doc__ or "", *map(str, self.args)])


@dataclass(frozen=True)
class Verdict:
    """What it thinks of one letter: its score, 5.0 is spam, and the points of each rule that fired."""

    score: float
    rules: Mapping[str, float]


async def verdicts(letters: Sequence[bytes]) -> list[Verdict]:
    """Judge letters, in their order. NoSpamAssassinError when it can't be run here."""
    with tempfile.TemporaryDirectory(prefix="rupor-spam-") as folder:
        files = [Path(folder) / f"{number}.eml" for number in range(len(letters))]
        for file, letter in zip(files, letters, strict=True):
            file.write_bytes(letter)
        words, environment = _command(Path(folder))
        process = await asyncio.create_subprocess_exec(
            *words,
            *map(str, files),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        said, complained = await asyncio.wait_for(process.communicate(), WITHIN)
    answer = said.decode("utf-8", "replace")
    statuses = list(_STATUS.finditer(answer))
    if len(statuses) != len(letters):
        raise NoSpamAssassinError(complained.decode("utf-8", "replace").strip().partition("\n")[0])
    ends = [status.start() for status in statuses[1:]] + [len(answer)]
    found = []
    for status, end in zip(statuses, ends, strict=True):
        named = set("".join(status[2].split()).split(",")) - {"none"}
        points = {rule: float(each) for each, rule in _HIT.findall(answer[status.end() : end])}
        found.append(Verdict(float(status[1]), {rule: points.get(rule, 0.0) for rule in named}))
    return found


def _command(home: Path) -> tuple[list[str], dict[str, str]]:
    prefs = home / "user_prefs"
    prefs.touch()
    local = ["--local", "--test-mode", f"--prefspath={prefs}"]
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home), "LC_ALL": "C"}
    if (installed := shutil.which("spamassassin")) is not None:
        return [installed, *local], environment
    perl, root = shutil.which("perl"), debian.unpacked("spamassassin", PACKAGES)
    if perl is None or root is None:
        raise NoSpamAssassinError
    modules = [f"-I{place}" for place in (root / "usr/share/perl5", *root.glob("usr/lib/*/perl5/5.*"))]
    rules = [f"--configpath={root}/usr/share/spamassassin", f"--siteconfigpath={root}/etc/spamassassin"]
    return [perl, "-T", *modules, f"{root}/usr/bin/spamassassin", *rules, *local], environment
