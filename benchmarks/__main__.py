"""Runs every benchmark, one after the other, and prints the aims beside what was measured in this run.

python -m benchmarks [NAME [ARGUMENT…]]
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support import RESULTS
from benchmarks.table import read, table

NAMES = ("letters", "million", "press", "start", "lists", "signing", "profile")


def main(words: Sequence[str]) -> int:
    """Run what was asked for; return the exit code."""
    names, arguments = ([words[0]], words[1:]) if words else (NAMES, ())
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        for name in names:
            print(f"\n== {name}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
            if subprocess.run(command, env=os.environ | {RESULTS: str(results)}, check=False).returncode:
                failed.append(name)
        print(f"\n{table(read(results))}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
