"""What commands work at: settings loaded, the database opened, and a sentence where that fails."""

import getpass
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from bot.commands.frame import ExitCode, Failure, Invocation
from bot.opening import StartCode, StartError, opened_desk, opened_office
from bot.texts.cli import start as texts
from delivery.desk import Desk

__all__ = ["at_the_desk", "in_the_office", "starting", "who"]

_EXITS = {
    StartCode.DATABASE_UNREACHABLE: ExitCode.UNEXPECTED,
    StartCode.POOLER_NOT_NAMED: ExitCode.BAD_INPUT,
    StartCode.PORT_TAKEN: ExitCode.UNEXPECTED,
    StartCode.SCHEMA_MISSING: ExitCode.BAD_INPUT,
    StartCode.SCHEMA_OLDER: ExitCode.BAD_INPUT,
    StartCode.SCHEMA_NEWER: ExitCode.BAD_INPUT,
    StartCode.CHANNEL_NOT_OPENED: ExitCode.BAD_INPUT,
}


@contextmanager
def starting() -> Iterator[None]:
    """Turn a failure to start into its sentence and exit code. Raises Failure."""
    try:
        yield
    except StartError as error:
        raise Failure(_EXITS[error.code], texts.sentence(error.code, error.detail)) from None


@asynccontextmanager
async def in_the_office(invocation: Invocation, *, furnish: bool = False) -> AsyncIterator[Desk]:
    """Open a desk without channels: enough to look, to queue and to cancel. Raises Failure.

    `furnish` makes the tables of an SQLite database that has none.
    """
    settings = invocation.settings()
    with starting():
        async with opened_office(settings, furnish=furnish) as desk:
            yield desk


@asynccontextmanager
async def at_the_desk(invocation: Invocation) -> AsyncIterator[Desk]:
    """Open a desk with every channel. Raises Failure."""
    settings = invocation.settings()
    with starting():
        async with opened_desk(settings) as desk:
            yield desk


def who() -> str:
    """Return the name under which this person's deeds are recorded."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return "rupor"
