"""Where does the time of a letter go? Samples a worker while it sends, on SQLite or Postgres.

Prints what share of its processor time each group of code takes, and the functions that take most by themselves.

    python -m benchmarks.profile [sqlite|postgres] [--letters N] [--functions N]
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.letters import released
from benchmarks.office import LETTER, given_letters, load, new_database, write_config
from benchmarks.relays import sink, sink_name
from benchmarks.sampling import Call, Stack, read
from benchmarks.support import quiet
from bot.opening import opened_desk

# The innermost call whose file has one of these words in its path tells the group; of the words the first that fits.
_GROUPS = {
    "/delivery/store/": "database: our statements",
    "/delivery/database.py": "database: transactions and drivers",
    "/sqlalchemy/": "database: transactions and drivers",
    "/aiosqlite/": "database: transactions and drivers",
    "/asyncpg/": "database: transactions and drivers",
    "/greenlet/": "database: transactions and drivers",
    "/channels/email/pipeline.py": "SMTP",
    "/channels/email/pool.py": "SMTP",
    "/channels/email/connection.py": "SMTP",
    "/channels/email/answers.py": "SMTP",
    "/aiosmtplib/": "SMTP",
    "/channels/": "rendering and splicing",
    "/jinja2/": "rendering and splicing",
    "/web/": "rendering and splicing",
    "/email/": "rendering and splicing",
    "/delivery/": "engine",
    "/structlog/": "engine",
    "/asyncio/selector_events.py": "sockets",
    "/asyncio/": "asyncio",
    "/selectors.py": "asyncio",
}
_OTHER = "other"
_SQLITE_THREADS = (("/aiosqlite/core.py", "_connection_worker_thread"), ("/concurrent/futures/thread.py", "_worker"))


def group_of(stack: Stack) -> str:
    """Return what a stack worked for. SQLite has threads of its own, which are one group: see `sampling`."""
    if any(call.file.endswith(file) and call.function == name for call in stack for file, name in _SQLITE_THREADS):
        return "database: whole transactions in SQLite's threads"
    for call in stack:
        for word, group in _GROUPS.items():
            if word in call.file:
                return group
    return _OTHER


async def profile(database: str, letters: int) -> tuple[float, Counter[Stack]]:
    """Send so many letters. Returns the seconds that it took, and each stack's processor seconds."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, _server = await stack.enter_async_context(new_database(database, folder))
        path = write_config(folder, url, await stack.enter_async_context(sink()))
        desk = await stack.enter_async_context(opened_desk(load(path)))
        number = await released(desk, LETTER, letters)
        seconds, _shares = await given_letters(desk, number, [path], "--profile", str(folder / "samples"))
        return seconds, read(folder / "samples")


def _print(title: str, spent: Mapping[str, float], total: float, letters: int, most: int) -> None:
    print(f"\n{title:70} share  µs per letter")
    for name, seconds in Counter(spent).most_common(most):
        print(f"  {name:68} {seconds / total:5.1%}  {seconds / letters * 1e6:6.1f}")


def _place(call: Call) -> str:
    parts = Path(call.file).parts
    start = parts.index("site-packages") + 1 if "site-packages" in parts else max(0, len(parts) - 3)
    return f"{'/'.join(parts[start:])}:{call.line} {call.function}"


def main(database: str, letters: int, most: int) -> None:
    """Measure and print."""
    seconds, spent = asyncio.run(profile(database, letters))
    total = sum(spent.values())
    groups: Counter[str] = Counter()
    own: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    here = str(Path(__file__).parent.parent)
    for stack, cost in spent.items():
        groups[group_of(stack)] += cost
        own[f"{stack[0].file.rpartition('/')[2]} {stack[0].function}"] += cost
        lines = {_place(call) for call in stack if call.file.startswith(here) and "site-packages" not in call.file}
        for place in lines - {""}:
            ours[place] += cost
    print(f"{letters:,} letters to {sink_name()} on {database}: {seconds:.2f} s, of which the processor {total:.2f} s")
    _print("group", groups, total, letters, most)
    _print("function, by itself", own, total, letters, most)
    _print("line of ours, with what it calls", ours, total, letters, most)


if __name__ == "__main__":
    quiet()
    parser = argparse.ArgumentParser()
    parser.add_argument("database", nargs="?", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--functions", type=int, default=20)
    chosen = parser.parse_args()
    main(chosen.database, chosen.letters, chosen.functions)
