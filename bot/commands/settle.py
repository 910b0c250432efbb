"""`rupor settle`: a person's word about deliveries of which nobody knows whether they arrived."""

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office, who
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from bot.texts.doubts import last_word
from delivery import broadcast, report
from delivery.desk import Desk
from delivery.model import Delivery, DeliveryState
from delivery.store import deliveries

__all__ = ["settle"]

_SENT, _NOT_SENT = "sent", "not-sent"
_STATES = {_SENT: DeliveryState.SENT, _NOT_SENT: DeliveryState.FAILED}


@command("settle", answers_json=True)
@click.argument("number", type=click.IntRange(min=1))
@click.argument("verdict", type=click.Choice(list(_STATES)))
@click.option("--all", "every", is_flag=True)
@click.option("--channel")
async def settle(invocation: Invocation, number: int, verdict: str, every: bool, channel: str | None) -> Answer:
    """Write the word down. Said twice, it is taken once."""
    if channel is not None and not every:
        raise Failure(ExitCode.BAD_INPUT, texts.CHANNEL_ALONE)
    async with in_the_office(invocation) as desk:
        if every:
            return await _all(desk, number, verdict, channel)
        return await _one(desk, number, verdict)


async def _one(desk: Desk, delivery: int, verdict: str) -> Answer:
    wanted, sent = _STATES[verdict], verdict == _SENT
    before = await _found(desk, delivery)
    settled = await broadcast.settle(desk, delivery, sent=sent, by=who())
    document = {"delivery": delivery, "state": wanted}
    if settled:
        return Answer(texts.settled(delivery, sent=sent, announcement=before.announcement_id), document)
    after = await _found(desk, delivery)
    if after.state is not wanted:
        raise Failure(ExitCode.BAD_INPUT, texts.not_in_doubt(delivery, after.state))
    async with desk.database.reading() as tx:
        last = last_word(await deliveries.attempts_of(tx, delivery))
    return Answer(texts.settled_already(delivery, wanted, last, desk.now(), desk.zone), document)


async def _found(desk: Desk, delivery: int) -> Delivery:
    async with desk.database.reading() as tx:
        found = await deliveries.get(tx, delivery)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, status.unknown_delivery(delivery))
    return found


async def _all(desk: Desk, announcement: int, verdict: str, channel: str | None) -> Answer:
    async with desk.database.reading() as tx:
        found = await report.of(tx, announcement, troubles=0)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement))
    known = list(dict.fromkeys(key for each in found.broadcasts for key in each.channels))
    if channel is not None and channel not in known:
        raise Failure(ExitCode.BAD_INPUT, texts.not_its_channel(announcement, channel, known))
    sent = verdict == _SENT
    count = await broadcast.settle_all(desk, announcement, sent=sent, by=who(), channel=channel)
    document = {"announcement": announcement, "channel": channel, "state": _STATES[verdict], "settled": count}
    return Answer(texts.all_settled(announcement, count, sent=sent), document)
