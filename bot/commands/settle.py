"""`rupor settle`: a person's word about a delivery of which nobody knows whether it arrived."""

import click

from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import in_the_office, who
from bot.texts.cli import answers as texts
from bot.texts.cli import status
from delivery import broadcast
from delivery.desk import Desk
from delivery.model import Delivery, DeliveryState
from delivery.store import deliveries

__all__ = ["settle"]

_SENT, _NOT_SENT = "sent", "not-sent"
_STATES = {_SENT: DeliveryState.SENT, _NOT_SENT: DeliveryState.FAILED}


@command("settle", answers_json=True)
@click.argument("delivery", type=click.IntRange(min=1))
@click.argument("verdict", type=click.Choice(list(_STATES)))
async def settle(invocation: Invocation, delivery: int, verdict: str) -> Answer:
    """Write the word down. Said twice, it is taken once."""
    wanted = _STATES[verdict]
    async with in_the_office(invocation) as desk:
        before = await _found(desk, delivery)
        sent = verdict == _SENT
        settled = await broadcast.settle(desk, delivery, sent=sent, by=who())
        after = before if settled else await _found(desk, delivery)
    if settled:
        said = texts.settled(delivery, sent=sent, announcement=before.announcement_id)
        return Answer(said, {"delivery": delivery, "state": wanted})
    if after.state is wanted:
        return Answer(texts.settled_already(delivery, wanted), {"delivery": delivery, "state": wanted})
    raise Failure(ExitCode.BAD_INPUT, texts.not_in_doubt(delivery, after.state))


async def _found(desk: Desk, delivery: int) -> Delivery:
    async with desk.database.reading() as tx:
        found = await deliveries.get(tx, delivery)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, status.unknown_delivery(delivery))
    return found
