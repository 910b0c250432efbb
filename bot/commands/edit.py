"""`rupor edit`: a new text, also where the old one is out already."""

from dataclasses import replace

import click

from bot.commands import composing, following, previewing
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import at_the_desk, who
from bot.texts.cli import announce as announce_texts
from bot.texts.cli import byhand as texts
from bot.texts.cli import compose, status
from channels.contract import Post
from delivery import broadcast, corrections
from delivery.audience import UnknownTargetError
from delivery.broadcast import BlockedError, StageError, UnknownAnnouncementError
from delivery.desk import Desk
from delivery.store import broadcasts

__all__ = ["edit"]


@command("edit", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
@click.option("--text")
@click.option("--text-file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "markup", type=click.Choice(list(composing.FORMATS)), default="plain", show_default=True)
@click.option("--letters", is_flag=True)
async def edit(
    invocation: Invocation, announcement: int, text: str | None, text_file: str | None, markup: str, *, letters: bool
) -> Answer:
    """Replace the text: of what is to come, and of what is out wherever a channel can."""
    if text is None and text_file is None:
        raise Failure(ExitCode.BAD_INPUT, compose.NO_TEXT)
    body = composing.read_text(text, text_file, markup)
    async with at_the_desk(invocation) as desk:
        try:
            post = await _looked_over(desk, announcement, body)
            if await _is_out(desk, announcement):
                followed = await corrections.correct(desk, announcement, post, by=who(), letters=letters)
                return await following.answer(invocation, desk, announcement, followed, recall=False)
            revision = await broadcast.revise(desk, announcement, post, author=who())
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        except StageError:
            raise Failure(ExitCode.BAD_INPUT, texts.cancelled_before(announcement)) from None
        except BlockedError:  # a channel's settings changed in this very moment
            raise Failure(ExitCode.BAD_INPUT, announce_texts.CHANGED_MEANWHILE) from None
    document = {"announcement": announcement, "revision": revision, "channels": {}}
    return Answer(texts.revised(announcement, revision), document)


async def _is_out(desk: Desk, announcement: int) -> bool:
    async with desk.database.reading() as tx:
        return bool(await broadcasts.of_announcements(tx, [announcement]))


async def _looked_over(desk: Desk, announcement: int, body: composing.Text) -> Post:
    """Return the post with its new text, if every channel can show it. Raises Failure."""
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
    return post
