"""`rupor cancel`: what is not yet sent is not sent."""

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from delivery import broadcast, report
from delivery.broadcast import UnknownAnnouncementError
from delivery.model import DeliveryState

__all__ = ["cancel"]


@command("cancel", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
async def cancel(invocation: Invocation, announcement: int) -> Answer:
    """Stop queued deliveries and planned moments."""
    async with in_the_office(invocation) as desk:
        try:
            done = await broadcast.cancel(desk, announcement)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        async with desk.database.reading() as tx:
            found = await report.of(tx, announcement, troubles=0)
    counts = [one.counts for one in found.broadcasts] if found else []
    gone = sum(n for each in counts for state, n in each.items() if state is not DeliveryState.CANCELLED)
    document = {"announcement": announcement, "deliveries": done.deliveries, "schedules": done.schedules, "gone": gone}
    return Answer(texts.cancelled(announcement, done, gone), document)
