"""`--dry-run`: how a post would look in each channel, and what stands in its way."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bot.commands.documents import moment
from bot.texts.cli import announce as texts
from bot.texts.limits import foreseen
from bot.texts.problems import problem
from channels.contract import Part, Problem, Rendering
from delivery import forecast
from delivery.audience import Audience
from delivery.desk import Desk

__all__ = ["document", "ends", "in_words", "obstacles"]

Renderings = Mapping[str, Rendering]
Ends = Mapping[str, datetime]


def obstacles(renderings: Renderings, *, certain: bool) -> Iterator[tuple[str, Problem]]:
    """Yield the problems with their channels: those that surely end badly, or those that may."""
    for channel, rendering in renderings.items():
        yield from ((channel, one) for one in rendering.problems if one.certain is certain)


async def ends(desk: Desk, renderings: Renderings, audience: Audience, *, urgent: bool) -> Ends:
    """Return when the last would have left if it were sent now, by channel, where limits keep it waiting."""
    added = {channel: audience.reaches[channel].count * len(one.parts) for channel, one in renderings.items()}
    async with desk.database.reading() as tx:
        return await forecast.would_end(tx, desk, added, urgent=urgent)


def in_words(desk: Desk, renderings: Renderings, audience: Audience, ends: Ends) -> str:
    """Show everything to people."""
    blocks = [
        "\n".join(_channel(channel, one, audience, _end(desk, channel, ends))) for channel, one in renderings.items()
    ]
    return "\n\n".join([*blocks, texts.NOT_SENT])


def _end(desk: Desk, channel: str, ends: Ends) -> str:
    if channel not in ends:
        return ""
    way = desk.channels[channel]
    return foreseen(way.pace, ends[channel], desk.now(), desk.zone, letters=way.address is None)


def _channel(channel: str, one: Rendering, audience: Audience, end: str) -> Iterator[str]:
    yield texts.preview_heading(channel, audience)
    if end:
        yield end
    yield from map(texts.sign, one.problems)
    if left_out := texts.left_out(channel, audience):
        yield left_out
    for number, each in enumerate(one.parts, 1):
        yield texts.part(each, number, len(one.parts))


def document(renderings: Renderings, audience: Audience, ends: Ends) -> dict[str, Any]:
    """Show everything to programs. `ok` is false when something is certain to fail, or nobody would be reached."""
    blocked = any(one.blocked for one in renderings.values())
    return {
        "ok": not blocked and audience.size > 0,
        "channels": {
            channel: {
                "recipients": audience.reaches[channel].count,
                "suppressed": [one.recipient.address for one in audience.suppressed if one.channel == channel],
                "problems": [_problem(each) for each in one.problems],
                "parts": [_part(each) for each in one.parts],
            }
            | ({"expected_end": moment(ends[channel])} if channel in ends else {})
            for channel, one in renderings.items()
        },
    }


def _problem(one: Problem) -> dict[str, Any]:
    return {"code": one.code, "certain": one.certain, "values": dict(one.values), "message": problem(one)}


def _part(one: Part) -> dict[str, Any]:
    files = [{"kind": each.kind, "name": each.name, "size": each.size} for each in one.attachments]
    entities = [{name: value for name, value in asdict(each).items() if value is not None} for each in one.entities]
    return {"title": one.title, "text": one.text, "entities": entities, "html": one.html, "attachments": files}
