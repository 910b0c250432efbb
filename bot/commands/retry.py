"""`rupor retry`: failed deliveries go into the queue again."""

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from delivery import broadcast, report
from delivery.broadcast import UnknownAnnouncementError
from delivery.desk import Desk
from delivery.model import UNFINISHED, Delivery, DeliveryState
from delivery.store import deliveries, holds

__all__ = ["retry"]


@command("retry", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
@click.option("--state", type=click.Choice([state.value for state in report.TROUBLE]))
@click.option("--delivery", type=click.IntRange(min=1))
async def retry(invocation: Invocation, announcement: int, state: str | None, delivery: int | None) -> Answer:
    """Queue again; a doubtful delivery only when that was said."""
    chosen = DeliveryState(state or DeliveryState.FAILED)
    async with in_the_office(invocation) as desk:
        if delivery is not None:
            await _check(desk, announcement, delivery, chosen)
        try:
            again = await broadcast.retry(desk, announcement, states=(chosen,), delivery_id=delivery)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        asked = await _ask_held_channels(desk, announcement)
    document = {"announcement": announcement, "queued": again, "asked_now": asked}
    return Answer(texts.queued_again(announcement, len(again), asked), document)


async def _check(desk: Desk, announcement: int, delivery: int, chosen: DeliveryState) -> None:
    async with desk.database.reading() as tx:
        found = await deliveries.get(tx, delivery)
    if found is None or found.announcement_id != announcement:
        raise Failure(ExitCode.NOT_FOUND, status.unknown_delivery(delivery))
    if not _may(found, chosen):
        raise Failure(ExitCode.BAD_INPUT, texts.not_to_retry(delivery, found.state))


def _may(found: Delivery, chosen: DeliveryState) -> bool:
    return found.state is chosen


async def _ask_held_channels(desk: Desk, announcement: int) -> list[str]:
    """Somebody may have mended a closed channel: let the next delivery try it now. Returns which channels."""
    async with desk.database.writing() as tx:
        found = await report.of(tx, announcement, troubles=0)
        if found is None:
            return []
        waiting = {
            key
            for each in found.broadcasts
            for key, its in each.channels.items()
            if any(its.counts[state] for state in UNFINISHED)
        }
        held = [hold.channel for hold in found.holds if hold.channel in waiting]
        for channel in held:
            await holds.ask_now(tx, channel, desk.now())
    return held
