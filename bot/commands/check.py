"""`rupor check`: would a broadcast work now, and what to do where not."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from bot.commands.frame import Answer, ExitCode, Invocation, command
from bot.config import Settings
from bot.opening import StartCode, StartError, a_database, opened_channel, opened_database
from bot.texts.cli import check as texts
from bot.texts.cli import start
from channels.contract import Channel, FindingCode
from delivery import schema
from delivery.database import Database, missing_limits
from delivery.schema import Standing
from delivery.wakeup import is_heard

__all__ = ["check"]

_PATIENCE = 20.0  # seconds for one channel

_STANDINGS = {
    Standing.EMPTY: StartCode.SCHEMA_MISSING,
    Standing.OLDER: StartCode.SCHEMA_OLDER,
    Standing.NEWER: StartCode.SCHEMA_NEWER,
}
_GROWS_BY_ITSELF = (Standing.EMPTY, Standing.OLDER)


@dataclass(frozen=True, slots=True)
class _Line:
    """One thing found out. `fatal`: a broadcast would fail now."""

    code: str
    message: str
    fatal: bool = False
    detail: str = ""


@command("check", answers_json=True)
async def check(invocation: Invocation) -> Answer:
    """Ask the database, then every channel at once."""
    settings = invocation.settings()
    database = await _database(settings)
    channels = await _channels(settings)
    troubles = sum(line.fatal for lines in [database, *channels.values()] for line in lines)
    troubles += not channels
    document = {
        "ok": not troubles,
        "database": _document(database[0]) | {"findings": [_document(line) for line in database[1:]]},
        "channels": {key: _channel_document(lines) for key, lines in channels.items()},
    }
    text = "\n".join([*_said(database, channels), "", texts.verdict(troubles)])
    return Answer(text, document, ExitCode.INCOMPLETE if troubles else ExitCode.DONE)


async def _database(settings: Settings) -> Sequence[_Line]:
    """How the database stands, then what to know of it."""
    try:
        async with opened_database(settings) as database:
            standing = await schema.standing(database)
            if standing is Standing.CURRENT:
                return [_Line(standing, texts.database(schema.newest())), *await _on_postgres(settings, database)]
            if standing in _GROWS_BY_ITSELF and database.dialect == "sqlite":
                return [_Line(standing, texts.SCHEMA_TO_COME)]
            return [_Line(_STANDINGS[standing], start.sentence(_STANDINGS[standing]), fatal=True)]
    except StartError as error:
        return [_Line(error.code, start.sentence(error.code, error.detail), fatal=True)]


async def _on_postgres(settings: Settings, database: Database) -> list[_Line]:
    if database.dialect != "postgresql":
        return []
    async with database.reading() as tx:
        missing = await missing_limits(tx)
    role = database.engine.url.username or "rupor"
    limits = [_Line("no_limits", texts.limits(role, missing))] if missing else []
    return [*await _heard(settings, database), *limits]


async def _heard(settings: Settings, database: Database) -> list[_Line]:
    """Look whether a word of new work arrives; without it all goes on, but later."""
    address = settings.database.listening_at()
    if address is None:
        return [_Line("no_listening", texts.NO_LISTENING)]
    try:
        heard = await is_heard(database, address.get_secret_value())
    except ConnectionError as error:
        return [_Line("not_listening", texts.not_listening(str(error)))]
    return [] if heard else [_Line("not_heard", texts.NOT_HEARD)]


async def _channels(settings: Settings) -> dict[str, Sequence[_Line]]:
    lines: dict[str, Sequence[_Line]] = {}
    async with AsyncExitStack() as stack:
        database = a_database(settings)  # channels read files from it; not now
        stack.push_async_callback(database.close)
        opened: dict[str, Channel] = {}
        # One after the other, before any clock runs: opening loads libraries, and nobody is answered meanwhile.
        for key in settings.channels:
            try:
                opened[key] = await stack.enter_async_context(opened_channel(settings, key, database))
            except StartError as error:
                lines[key] = [_Line(error.code, start.sentence(error.code, error.detail), fatal=True)]
        async with asyncio.TaskGroup() as group:
            asked = {key: group.create_task(_asked(channel)) for key, channel in opened.items()}
        lines |= {key: task.result() for key, task in asked.items()}
    return {key: lines[key] for key in settings.channels}


async def _asked(channel: Channel) -> Sequence[_Line]:
    try:
        async with asyncio.timeout(_PATIENCE):
            findings = await channel.check()
    except TimeoutError:
        return [_Line(FindingCode.NOT_REACHED, texts.slow(_PATIENCE), fatal=True)]
    return [_Line(one.code, texts.line(one), one.fatal, one.detail) for one in findings]


def _channel_document(lines: Sequence[_Line]) -> dict[str, Any]:
    return {"ok": not any(line.fatal for line in lines), "findings": [_document(line) for line in lines]}


def _document(line: _Line) -> dict[str, Any]:
    return {"code": line.code, "fatal": line.fatal, "message": line.message, "detail": line.detail}


def _said(database: Sequence[_Line], channels: dict[str, Sequence[_Line]]) -> list[str]:
    said = []
    for heading, lines in {texts.DATABASE: database, **channels}.items():
        said += [heading, *(texts.marked(line.code, line.message, fatal=line.fatal) for line in lines), ""]
    return said[:-1] if channels else [*said, texts.NO_CHANNELS]
