"""What the benchmarks share."""

import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from sandbox.telegram import TelegramStandIn


def quiet() -> None:
    """Log warnings only, as on a terminal: the figures should not be those of the log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


RESULTS = "RUPOR_BENCH_RESULTS"
"""The variable that names the file in which the benchmarks of one run leave their figures for the table."""


def note(name: str, value: float) -> None:
    """Leave one figure for the table of this run, if there is to be one."""
    if path := os.environ.get(RESULTS):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value]) + "\n")


CONFIG = """
[database]
url = "sqlite+aiosqlite:///rupor.db"
[bot]
token = "{token}"
api_base = "{api_base}"
admins = [{editor}]
grace_seconds = 0
[web]
port = 0
[channels.tg]
kind = "telegram"
chat_id = "@smolprof"
"""

EDITOR = 1001
CHANNEL = -1001000000001


@asynccontextmanager
async def telegram_and_config(folder: Path) -> AsyncIterator[tuple[TelegramStandIn, Path]]:
    """Start a Telegram stand-in with one editor and one channel; yields it, and the path of a config.toml for it."""
    async with TelegramStandIn() as tg:
        tg.add_person(EDITOR, "Анна")
        tg.add_channel(CHANNEL, "Профсоюзы", "smolprof")
        config = folder / "config.toml"
        config.write_text(CONFIG.format(token=tg.token, api_base=tg.url, editor=EDITOR), encoding="utf-8")
        yield tg, config
