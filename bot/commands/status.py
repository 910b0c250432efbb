"""`rupor status`: what was delivered, what was not, and why."""

from collections.abc import AsyncIterator

import click

from bot.commands import documents
from bot.commands.foreseeing import Foreseen, foresee
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, Page, command
from bot.commands.opened import in_the_office
from bot.commands.tables import table
from bot.texts.cli import status as texts
from delivery import report
from delivery.desk import Desk
from delivery.model import BroadcastState, Delivery, DeliveryState
from delivery.report import BroadcastReport, Report
from delivery.store import deliveries

__all__ = ["in_words", "status"]

_LATEST = 20
_PAGE = 500
_STATES = [state.value for state in DeliveryState]


@command("status", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1), required=False)
@click.option("--deliveries", is_flag=True)
@click.option("--state", type=click.Choice(_STATES))
@click.option("--limit", type=click.IntRange(min=1))
async def status(
    invocation: Invocation, announcement: int | None, deliveries: bool, state: str | None, limit: int | None
) -> Answer:
    """Tell one announcement, or the latest."""
    if deliveries and announcement is None:
        raise Failure(ExitCode.BAD_INPUT, texts.DELIVERIES_OF_WHICH)
    if state and not deliveries:
        raise Failure(ExitCode.BAD_INPUT, texts.STATE_OF_DELIVERIES)
    if announcement is None:
        return await _latest(invocation, limit or _LATEST)
    async with in_the_office(invocation) as desk:
        found = await _found(desk, announcement)
        foreseen = await foresee(invocation.settings(), desk, [found])
        document = documents.report(found, foreseen.ends)
        if not deliveries:
            return Answer(in_words(found, desk, foreseen), document)
    states = (DeliveryState(state),) if state else tuple(DeliveryState)
    head = texts.heading(found)
    pages = _pages(invocation, announcement, states, limit)
    return Answer(head, document, pages=pages, pages_key="deliveries")


async def _latest(invocation: Invocation, limit: int) -> Answer:
    async with in_the_office(invocation) as desk:
        async with desk.database.reading() as tx:
            found = await report.latest(tx, limit)
        foreseen = await foresee(invocation.settings(), desk, found)
    rows = [texts.latest(one, desk.zone) for one in found]
    text = table(texts.LATEST_COLUMNS, rows, right=texts.LATEST_NUMBERS) if rows else texts.NOTHING_YET
    return Answer(text, {"announcements": [documents.report(one, foreseen.ends) for one in found]})


async def _found(desk: Desk, announcement: int) -> Report:
    async with desk.database.reading() as tx:
        found = await report.of(tx, announcement)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, texts.unknown_announcement(announcement))
    return found


def in_words(one: Report, desk: Desk, foreseen: Foreseen) -> str:
    """Tell an announcement to people: its broadcasts counted by channel, when they end, and what went wrong."""
    blocks = [texts.heading(one)]
    for each in one.broadcasts:
        rows = [texts.channel(key, its) for key, its in each.channels.items()]
        drawn = table(texts.CHANNEL_COLUMNS, rows, right=texts.CHANNEL_NUMBERS)
        ends = [f"{key}: {said}" for key, said in foreseen.said.get(each.broadcast.id, {}).items()]
        blocks.append("\n".join([texts.broadcast(each, desk.zone), drawn, *ends, *_never_begun(each)]))
    return "\n\n".join([*blocks, *texts.notes(one, desk.now(), desk.zone)])


def _never_begun(one: BroadcastReport) -> list[str]:
    if one.broadcast.state in (BroadcastState.RUNNING, BroadcastState.PAUSED):
        return []  # not yet
    return [texts.never_begun(key, its) for key, its in one.channels.items() if its.unwritten]


async def _pages(
    invocation: Invocation, announcement: int, states: tuple[DeliveryState, ...], limit: int | None
) -> AsyncIterator[Page]:
    """Read deliveries a page at a time: there may be more than fit in memory."""
    async with in_the_office(invocation) as desk:
        left, after, some = limit, 0, False
        while left is None or left > 0:
            async with desk.database.reading() as tx:
                found = await deliveries.find(
                    tx, announcement, states=states, after=after, limit=_PAGE if left is None else min(_PAGE, left)
                )
            if not found:
                break
            some, after = True, found[-1].id
            left = None if left is None else left - len(found)
            yield Page(_drawn(found, desk), [documents.delivery(one) for one in found])
        if not some:
            yield Page(texts.NO_DELIVERIES, [])


def _drawn(found: list[Delivery], desk: Desk) -> str:
    rows = [texts.delivery(one, desk.zone) for one in found]
    return "\n" + table(texts.DELIVERY_COLUMNS, rows, right=texts.DELIVERY_NUMBERS)
