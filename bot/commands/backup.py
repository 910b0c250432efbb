"""`rupor backup`: a copy of an SQLite database, taken while the service goes on."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office
from bot.texts.cli import answers as texts
from delivery.database import Database

__all__ = ["backup"]


@command("backup", answers_json=True)
@click.argument("file", type=click.Path(path_type=Path))
async def backup(invocation: Invocation, file: Path) -> Answer:
    """Copy the database. Never writes over a file that is there."""
    async with in_the_office(invocation) as desk:
        if desk.database.dialect != "sqlite":
            raise Failure(ExitCode.BAD_INPUT, texts.BACKUP_OF_POSTGRES)
        _claim(file)
        size = await _copied(desk.database, file)
    return Answer(texts.backed_up(str(file), size), {"file": file, "size": size})


def _claim(file: Path) -> None:
    """Make the file, so that no other can come between the look and the write. It holds addresses of people."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise Failure(ExitCode.BAD_INPUT, texts.BACKUP_IS_THERE.format(file=file)) from None
    except OSError:
        raise Failure(ExitCode.BAD_INPUT, texts.BACKUP_NOT_WRITTEN.format(file=file)) from None


async def _copied(database: Database, file: Path) -> int:
    """Copy, leaving nothing half done; return the size in bytes."""
    try:
        await _copy(database, file)
        return await asyncio.to_thread(lambda: file.stat().st_size)
    except (OSError, sqlite3.Error):
        await asyncio.to_thread(file.unlink)
        raise Failure(ExitCode.UNEXPECTED, texts.BACKUP_NOT_WRITTEN.format(file=file)) from None


async def _copy(database: Database, file: Path) -> None:
    """Copy in one go: a copy in steps begins anew with every write of somebody else. Source: sqlite3_backup_step."""
    async with database.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        # The driver copies in its own thread, hence check_same_thread.
        with closing(sqlite3.connect(file, check_same_thread=False)) as target:
            await raw.backup(target)
