"""`rupor pause` and `rupor resume`: what is not yet sent waits, and goes on."""

from collections.abc import Awaitable, Callable

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from delivery import broadcast, report
from delivery.broadcast import UnknownAnnouncementError
from delivery.desk import Desk
from delivery.model import UNFINISHED, BroadcastState, DeliveryState

__all__ = ["pause", "resume"]

_NOT_GONE = UNFINISHED | {DeliveryState.CANCELLED}


@command("pause", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
async def pause(invocation: Invocation, announcement: int) -> Answer:
    """Let what is queued wait; what is on the wire finishes."""
    return await _turned(invocation, announcement, broadcast.pause, texts.paused)


@command("resume", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
async def resume(invocation: Invocation, announcement: int) -> Answer:
    """Go on."""
    return await _turned(invocation, announcement, broadcast.resume, texts.resumed)


async def _turned(
    invocation: Invocation,
    announcement: int,
    turn: Callable[[Desk, int], Awaitable[bool]],
    words: Callable[[texts.Stand], str],
) -> Answer:
    async with in_the_office(invocation) as desk:
        try:
            changed = await turn(desk, announcement)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        async with desk.database.reading() as tx:
            found = await report.of(tx, announcement, troubles=0)
    its = found.broadcasts if found else []
    stand = texts.Stand(
        announcement=announcement,
        changed=changed,
        paused=any(each.broadcast.state is BroadcastState.PAUSED for each in its),
        waiting=sum(each.counts[state] for each in its for state in UNFINISHED),
        gone=sum(n for each in its for state, n in each.counts.items() if state not in _NOT_GONE),
    )
    return Answer(words(stand), stand._asdict())
