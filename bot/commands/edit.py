"""`rupor edit`: a new revision of what has not gone out yet."""

from dataclasses import replace

import click

from bot.commands import byhand, composing, previewing
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import at_the_desk, who
from bot.texts.cli import announce as announce_texts
from bot.texts.cli import byhand as texts
from bot.texts.cli import compose, status
from delivery import broadcast, report
from delivery.audience import UnknownTargetError
from delivery.broadcast import StageError, UnknownAnnouncementError
from delivery.desk import Desk
from delivery.model import DeliveryState, Stage

__all__ = ["edit"]


@command("edit", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
@click.option("--text")
@click.option("--text-file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "markup", type=click.Choice(list(composing.FORMATS)), default="plain", show_default=True)
async def edit(
    invocation: Invocation, announcement: int, text: str | None, text_file: str | None, markup: str
) -> Answer:
    """Replace the text. What is out stays as it is, and that is said."""
    if text is None and text_file is None:
        raise Failure(ExitCode.BAD_INPUT, compose.NO_TEXT)
    body = composing.read_text(text, text_file, markup)
    async with at_the_desk(invocation) as desk:
        try:
            revision = await _revised(desk, announcement, body)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        except StageError as error:
            if error.stage is Stage.CANCELLED:
                raise Failure(ExitCode.BAD_INPUT, texts.cancelled_before(announcement)) from None
            return await _by_hand(invocation, desk, announcement)
    document = {"announcement": announcement, "revision": revision, "channels": {}}
    return Answer(texts.revised(announcement, revision), document)


async def _revised(desk: Desk, announcement: int, body: composing.Text) -> int:
    found = await broadcast.find(desk, announcement)
    post = replace(found.post, text=body[0], entities=body[1])
    if not post.text and not post.attachments:
        raise Failure(ExitCode.BAD_INPUT, compose.EMPTY)
    try:
        renderings, _reached = await broadcast.preview_post(desk, post, found.targets)
    except UnknownTargetError:  # a list that went away is for the release to tell
        renderings = {}
    certain = [announce_texts.doubt(channel, one) for channel, one in previewing.obstacles(renderings, certain=True)]
    if certain:
        raise Failure(ExitCode.BAD_INPUT, "\n".join([announce_texts.BLOCKED, *certain]))
    return await broadcast.revise(desk, announcement, post, author=who())


async def _by_hand(invocation: Invocation, desk: Desk, announcement: int) -> Answer:
    async with desk.database.reading() as tx:
        found = await report.of(tx, announcement, troubles=0)
    if found is None:
        raise UnknownAnnouncementError(announcement)
    out = byhand.places(found)
    waiting = sum(each.counts[DeliveryState.QUEUED] for each in found.broadcasts)
    lines = [texts.edit_heading(announcement), *byhand.lines(out, byhand.kinds(invocation.settings()), texts.edit)]
    if waiting:
        lines.append(texts.still_waiting(announcement, waiting))
    document = {"announcement": announcement, "revision": None, "channels": byhand.document(out)}
    return Answer("\n".join(lines), document, ExitCode.INCOMPLETE)
