"""`rupor announce`: store an announcement, and release or schedule it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bot.commands import announcing, composing, previewing, waiting
from bot.commands.announcing import Announced, Draft, Plan
from bot.commands.foreseeing import Foreseen
from bot.commands.frame import Answer, ExitCode, Failure, Invocation, command
from bot.commands.opened import starting, who
from bot.commands.status import in_words
from bot.config import Settings
from bot.moments import (
    MomentError,
    parse_moment,
    parse_repeat,
    parse_until,
    repeat_in_words,
)
from bot.moments import (
    in_words as moment_in_words,
)
from bot.opening import opened_desk
from bot.texts import moments
from bot.texts.cli import announce as texts
from bot.working import stop_on_signals
from channels.contract import Rendering
from delivery import audience, broadcast, report
from delivery.audience import Audience, UnknownTargetError
from delivery.broadcast import BlockedError, NobodyError
from delivery.desk import Desk
from delivery.model import DeliveryState
from delivery.planning import PastError
from delivery.store import schedules

__all__ = ["announce"]

_READABLE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@command("announce", answers_json=True)
@click.option("--text")
@click.option("--text-file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "markup", type=click.Choice(list(composing.FORMATS)), default="plain", show_default=True)
@click.option("--typography", is_flag=True)
@click.option("--title", default="")
@click.option("--media", type=_READABLE, multiple=True)
@click.option("--to", multiple=True, required=True)
@click.option("--at")
@click.option("--repeat")
@click.option("--until")
@click.option("--urgent", is_flag=True)
@click.option("--key", default="")
@click.option("--dry-run", is_flag=True)
@click.option("--wait", is_flag=True)
@click.option("--timeout", type=click.FloatRange(min=0))
async def announce(
    invocation: Invocation,
    text: str | None,
    text_file: str | None,
    markup: str,
    typography: bool,
    title: str,
    media: Sequence[Path],
    to: Sequence[str],
    at: str | None,
    repeat: str | None,
    until: str | None,
    urgent: bool,
    key: str,
    dry_run: bool,
    wait: bool,
    timeout: float | None,  # noqa: ASYNC109 - the option's name
) -> Answer:
    """Look first, store then: what surely fails leaves nothing behind."""
    when = _When(at, repeat, until)
    _refuse_nonsense(when, wait=wait, timeout=timeout)
    settings = invocation.settings()
    body = composing.read_text(text, text_file, markup)
    composed = await composing.compose(body, title, media, typography=typography)
    draft = Draft(composed.post, composed.files, _targets(to), urgent=urgent, key=key)
    with starting():
        async with opened_desk(settings) as desk:
            if dry_run:
                return await _rehearsed(desk, draft, when)
            made = await announcing.announced(desk, key) or await _announced(desk, draft, when)
            if made.broadcast is None or not wait:
                return await _answer(desk, made)
            return await _waited(desk, settings, made, made.broadcast, timeout)


@dataclass(frozen=True, slots=True)
class _When:
    """--at, --repeat and --until as they were said."""

    at: str | None
    repeat: str | None
    until: str | None

    def plan(self, desk: Desk) -> Plan | None:
        """Understand them; None means now. Raises Failure."""
        now = desk.now()
        try:
            at = None if self.at is None else parse_moment(self.at, now, desk.zone)
            repeat = None if self.repeat is None else parse_repeat(self.repeat, now, desk.zone)
            until = None if self.until is None else parse_until(self.until, now, desk.zone)
        except MomentError as error:
            raise Failure(ExitCode.BAD_INPUT, moments.sentence(error)) from None
        if at is None and repeat is None:
            return None
        if repeat is None:
            return Plan(at)
        return Plan(at, repeat.cron, until or repeat.until)


def _refuse_nonsense(when: _When, *, wait: bool, timeout: float | None) -> None:
    if when.until is not None and when.repeat is None:
        raise Failure(ExitCode.BAD_INPUT, texts.UNTIL_ALONE)
    if timeout is not None and not wait:
        raise Failure(ExitCode.BAD_INPUT, texts.TIMEOUT_ALONE)
    if wait and (when.at is not None or when.repeat is not None):
        raise Failure(ExitCode.BAD_INPUT, texts.WAIT_FOR_PLANNED)


def _targets(to: Sequence[str]) -> list[str]:
    named = (target.strip() for each in to for target in each.split(","))
    targets = list(dict.fromkeys(filter(None, named)))
    if not targets:
        raise Failure(ExitCode.BAD_INPUT, texts.NO_TARGET)
    return targets


# Looking


async def _rehearsed(desk: Desk, draft: Draft, when: _When) -> Answer:
    plan = when.plan(desk)
    renderings, reached = await _look(desk, draft)
    ends = await previewing.ends(desk, renderings, reached, urgent=draft.urgent) if plan is None else {}
    document = previewing.document(renderings, reached, ends)
    text = previewing.in_words(desk, renderings, reached, ends)
    if reached.size == 0:
        text = f"{text}\n{texts.NOBODY}"
    return Answer(text, document, ExitCode.DONE if document["ok"] else ExitCode.BAD_INPUT)


async def _look(desk: Desk, draft: Draft) -> tuple[dict[str, Rendering], Audience]:
    try:
        renderings, reached = await broadcast.preview_post(desk, draft.post, draft.targets)
    except UnknownTargetError as error:
        async with desk.database.reading() as tx:
            known = await audience.every_target(tx, desk.channels)
        raise Failure(
            ExitCode.BAD_INPUT, texts.unknown_target(error.target, error.nearest, desk.channels, known)
        ) from None
    return dict(renderings), reached


# Storing


async def _announced(desk: Desk, draft: Draft, when: _When) -> Announced:
    plan = when.plan(desk)
    renderings, _reached = await _look(desk, draft)
    certain = [texts.doubt(channel, one) for channel, one in previewing.obstacles(renderings, certain=True)]
    if certain:
        raise Failure(ExitCode.BAD_INPUT, "\n".join([texts.BLOCKED, *certain]))
    for channel, one in previewing.obstacles(renderings, certain=False):
        click.echo(texts.doubt(channel, one), err=True)
    try:
        return await announcing.announce(desk, draft, plan, by=who())
    except NobodyError:
        raise Failure(ExitCode.BAD_INPUT, texts.NOBODY) from None
    except PastError:
        raise Failure(ExitCode.BAD_INPUT, texts.PAST) from None
    except (BlockedError, UnknownTargetError):  # a list went away, or a draft of an earlier call is found
        raise Failure(ExitCode.BAD_INPUT, texts.CHANGED_MEANWHILE) from None


async def _answer(desk: Desk, made: Announced) -> Answer:
    document = {"announcement": made.announcement, "broadcast": made.broadcast}
    if made.broadcast is not None:
        async with desk.database.reading() as tx:
            found = await report.of(tx, made.announcement, troubles=0)
        total = sum(sum(each.counts.values()) for each in found.broadcasts) if found else 0
        return Answer(texts.released(made.announcement, made.broadcast, total, fresh=made.fresh), document)
    document |= {"schedule": made.schedule}
    if made.schedule is None or not made.fresh:
        return Answer(texts.made_before(made.announcement, made.schedule), document)
    async with desk.database.reading() as tx:
        plan = await schedules.get(tx, made.schedule)
    if plan is None or plan.next_at is None:
        raise RuntimeError(f"schedule {made.schedule} has no next moment")
    now = desk.now()
    until = None if plan.until is None else plan.until.astimezone(desk.zone)
    repeat = repeat_in_words(plan.cron, until, now) if plan.cron else ""
    moment = moment_in_words(plan.next_at.astimezone(desk.zone), now)
    return Answer(texts.planned(made.announcement, made.schedule, moment, repeat), document)


# Waiting


async def _waited(desk: Desk, settings: Settings, made: Announced, number: int, patience: float | None) -> Answer:
    told = stop_on_signals()  # left alone, a signal would cut what is on the wire, and nobody would know its fate
    settled = await waiting.settle(settings, desk, number, patience=patience, told=told)
    if told.is_set():
        raise KeyboardInterrupt
    async with desk.database.reading() as tx:
        found = await report.of(tx, made.announcement)
    if found is None:
        raise RuntimeError(f"announcement {made.announcement} is gone")
    counts = next(each.counts for each in found.broadcasts if each.broadcast.id == number)
    whole = counts[DeliveryState.SENT] == sum(counts.values())
    text = in_words(found, desk, Foreseen())
    if not settled:
        text = f"{text}\n\n{texts.not_settled(made.announcement)}"
    document = {"announcement": made.announcement, "broadcast": number}
    return Answer(text, document, ExitCode.DONE if whole else ExitCode.INCOMPLETE)
