"""`rupor db`: the tables of the database."""

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command, group
from bot.commands.opened import starting
from bot.opening import StartCode, opened_database
from bot.texts.cli import answers as texts
from bot.texts.cli import start
from delivery import schema
from delivery.schema import Standing

__all__ = ["db"]

_REMEDIES = {
    Standing.EMPTY: StartCode.SCHEMA_MISSING,
    Standing.OLDER: StartCode.SCHEMA_OLDER,
    Standing.NEWER: StartCode.SCHEMA_NEWER,
}


@group("db")
async def db(invocation: Invocation) -> Answer:
    """Without a word after it: the version."""
    return await _current(invocation)


@command("db current", parent=db, answers_json=True)
async def current(invocation: Invocation) -> Answer:
    """Tell the version of the tables, and whether it is this program's."""
    return await _current(invocation)


async def _current(invocation: Invocation) -> Answer:
    settings = invocation.settings()
    with starting():
        async with opened_database(settings) as database:
            revision, standing = await schema.revision(database), await schema.standing(database)
    document = {"revision": revision, "newest": schema.newest(), "state": standing}
    if standing is Standing.CURRENT:
        return Answer(texts.SCHEMA_CURRENT.format(revision=revision), document)
    return Answer(start.sentence(_REMEDIES[standing]), document, ExitCode.INCOMPLETE)


@command("db upgrade", parent=db, answers_json=True)
async def upgrade(invocation: Invocation) -> Answer:
    """Bring the tables to this program's version."""
    settings = invocation.settings()
    with starting():
        async with opened_database(settings) as database:
            before = await schema.revision(database)
            standing = await schema.standing(database)
            if standing is Standing.NEWER:
                raise Failure(ExitCode.BAD_INPUT, start.sentence(StartCode.SCHEMA_NEWER))
            if standing is not Standing.CURRENT:
                await schema.upgrade(database)
    newest = schema.newest()
    words = texts.SCHEMA_CURRENT if standing is Standing.CURRENT else texts.SCHEMA_UPGRADED
    return Answer(words.format(revision=newest), {"before": before, "revision": newest})
