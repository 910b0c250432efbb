"""`rupor recall`: where an announcement is out, and how it is removed there."""

import click

from bot.commands import byhand
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office
from bot.texts.cli import byhand as texts
from bot.texts.cli import status
from delivery import report
from delivery.model import DeliveryState

__all__ = ["recall"]


@command("recall", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
async def recall(invocation: Invocation, announcement: int) -> Answer:
    """Remove nothing: no channel can, yet."""
    async with in_the_office(invocation) as desk, desk.database.reading() as tx:
        found = await report.of(tx, announcement, troubles=0)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement))
    out = byhand.places(found)
    waiting = sum(each.counts[DeliveryState.QUEUED] for each in found.broadcasts)
    document = {"announcement": announcement, "channels": byhand.document(out), "queued": waiting}
    lines = [texts.still_waiting(announcement, waiting)] if waiting else []
    if out:
        by_hand = byhand.lines(out, byhand.kinds(invocation.settings()), texts.recall)
        lines = [texts.recall_heading(announcement), *by_hand, *lines]
    text = "\n".join(lines or [texts.nothing_out(announcement)])
    return Answer(text, document, ExitCode.INCOMPLETE if lines else ExitCode.DONE)
