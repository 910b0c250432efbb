"""`rupor schedules`: repeats and planned announcements, with their next moments."""

import click

from bot.commands import documents
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command, group
from bot.commands.opened import in_the_office
from bot.commands.tables import table
from bot.moments import repeat_in_words
from bot.texts.cli import schedules as texts
from delivery.broadcast import UnknownAnnouncementError
from delivery.desk import Desk
from delivery.model import Schedule, ScheduleState
from delivery.planning import turn_schedule
from delivery.store import schedules as store

__all__ = ["schedules"]


@group("schedules", answers_json=True)
async def schedules(invocation: Invocation) -> Answer:
    """Everything that is still to come, the next first."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        found = await store.living(tx)
    rows = [texts.row(one, _repeat(one, desk), desk.zone) for one in found]
    text = table(texts.COLUMNS, rows, right=texts.NUMBERS) if rows else texts.NONE_YET
    return Answer(text, {"schedules": [documents.schedule(one) for one in found]})


def _repeat(one: Schedule, desk: Desk) -> str:
    if not one.cron:
        return ""
    until = None if one.until is None else one.until.astimezone(desk.zone)
    return repeat_in_words(one.cron, until, desk.now())


@command("schedules pause", parent=schedules, answers_json=True)
@click.argument("schedule", type=click.IntRange(min=1))
async def pause(invocation: Invocation, schedule: int) -> Answer:
    """Let nothing go out by it for a while."""
    return await _turn(invocation, schedule, ScheduleState.PAUSED)


@command("schedules resume", parent=schedules, answers_json=True)
@click.argument("schedule", type=click.IntRange(min=1))
async def resume(invocation: Invocation, schedule: int) -> Answer:
    """Go on with the next moment."""
    return await _turn(invocation, schedule, ScheduleState.ACTIVE)


@command("schedules remove", parent=schedules, answers_json=True)
@click.argument("schedule", type=click.IntRange(min=1))
async def remove(invocation: Invocation, schedule: int) -> Answer:
    """End it for good."""
    return await _turn(invocation, schedule, ScheduleState.REMOVED)


async def _turn(invocation: Invocation, schedule: int, to: ScheduleState) -> Answer:
    async with in_the_office(invocation) as desk:
        try:
            turned = await turn_schedule(desk, schedule, to)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, texts.unknown(schedule)) from None
        async with desk.database.reading() as tx:
            found = await store.get(tx, schedule)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, texts.unknown(schedule))
    if turned:
        return Answer(texts.turned(found, found.next_at, desk.zone), documents.schedule(found))
    if found.state is to:
        return Answer(texts.already(found), documents.schedule(found))
    raise Failure(ExitCode.BAD_INPUT, texts.over(found))
