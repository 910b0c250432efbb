"""`rupor recall`: take away what is out, and stop what is to come."""

import click

from bot.commands import following
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import at_the_desk, who
from bot.texts.cli import byhand as texts
from bot.texts.cli import status
from bot.texts.recalled import RECALLED
from channels.contract import Post
from delivery import broadcast, corrections, report
from delivery.broadcast import StageError, UnknownAnnouncementError

__all__ = ["recall"]


@command("recall", answers_json=True)
@click.argument("announcement", type=click.IntRange(min=1))
@click.option("--letters", is_flag=True)
async def recall(invocation: Invocation, announcement: int, *, letters: bool) -> Answer:
    """Recall an announcement wherever a channel can; say where it cannot."""
    async with at_the_desk(invocation) as desk:
        try:
            words = Post(RECALLED, title=report.title_of(await broadcast.find(desk, announcement)))
            followed = await corrections.recall(desk, announcement, words, by=who(), letters=letters)
        except UnknownAnnouncementError:
            raise Failure(ExitCode.NOT_FOUND, status.unknown_announcement(announcement)) from None
        except StageError:
            document = {"announcement": announcement, "channels": {}}
            return Answer(texts.nothing_out(announcement), document)
        return await following.answer(invocation, desk, announcement, followed, recall=True)
