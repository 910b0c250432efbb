"""`rupor look`: ask the channel whether a doubtful delivery is there."""

from dataclasses import replace

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office, starting, who
from bot.opening import opened_channel
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from bot.texts.doubts import LOOKED
from delivery import doubts
from delivery.doubts import Sight
from delivery.store import deliveries

__all__ = ["look"]


@command("look", answers_json=True)
@click.argument("delivery", type=click.IntRange(min=1))
async def look(invocation: Invocation, delivery: int) -> Answer:
    """Look, and act on what is seen: it is sent, or goes out again, or stays in doubt."""
    settings = invocation.settings()
    async with in_the_office(invocation) as desk:
        async with desk.database.reading() as tx:
            found = await deliveries.get(tx, delivery)
        if found is None:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_delivery(delivery))
        if found.channel not in settings.channels:
            raise Failure(ExitCode.BAD_INPUT, texts.no_such_channel(found.channel, list(settings.channels)))
        with starting():
            async with opened_channel(settings, found.channel, desk.database, desk.now) as channel:
                able = replace(desk, channels={found.channel: channel})
                seen = await doubts.look(able, delivery, by=f"{LOOKED}{who()}")
        async with desk.database.reading() as tx:
            after = await deliveries.get(tx, delivery) or found
    if seen.sight is Sight.NO_WAY:
        raise Failure(ExitCode.BAD_INPUT, texts.cannot_look(delivery, found.channel))
    link = after.receipt.link if after.receipt else None
    document = {"delivery": delivery, "seen": seen.sight, "state": after.state, "link": link}
    if seen.sight is not Sight.UNCERTAIN:
        return Answer(texts.looked(after, seen, link), document)
    return Answer(texts.looked(after, seen, link), document | {"reason": seen.reason}, ExitCode.INCOMPLETE)
