"""Draws what one announcement looks like at this moment for one person: draft, request for consent, plan, report.

Everything comes from the database, so that it is right after a restart and for everybody who looks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from bot import access, keyboards
from bot.face import Face
from bot.keyboards import Doubtful, Rows, Turn
from bot.talking import Screen
from bot.texts import board as board_texts
from bot.texts import bot as texts
from bot.texts import card as card_texts
from bot.texts import limits
from bot.texts import plan as plan_texts
from bot.texts.board import Around
from bot.texts.channels import Names
from bot.texts.reasons import WORTH_REPEATING
from channels.contract import Reason
from channels.markup import can_be_typeset
from channels.readers import CountsReaders
from delivery import broadcast, forecast, report
from delivery.audience import UnknownTargetError
from delivery.broadcast import Preview
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import BroadcastKind, BroadcastState, Delivery, DeliveryState, Stage
from delivery.report import BroadcastReport, Report
from delivery.store import announcements, talks

__all__ = ["OUT", "board_screen", "doubts_shown", "draw", "fresh_doubts", "remember_doubts"]

OUT = (DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCONFIRMED)
"""What readers may have seen already."""

_UNDER_WAY = (BroadcastState.RUNNING, BroadcastState.PAUSED)

Notes = Sequence[Mapping[str, Any]]


async def draw(face: Face, announcement_id: int, viewer: int, notes: Notes = ()) -> Screen | None:
    """Return the screen of an announcement for a person, None when there is none of that number."""
    async with face.desk.database.reading() as tx:
        whole = await report.of(tx, announcement_id)
        if whole is None:
            return None
        if whole.broadcasts and not whole.schedules:
            grace = face.settings.grace_seconds
            return await board_screen(tx, face.desk, whole, whole.broadcasts[-1], face.names, grace)
    if whole.announcement.stage is Stage.CANCELLED:
        rows = keyboards.dropped(announcement_id) if access.may_compose(face.settings, viewer) else []
        return _screen(card_texts.dropped(announcement_id, whole.title), rows)
    return await _unsent(face, whole, viewer, notes)


async def _unsent(face: Face, whole: Report, viewer: int, notes: Notes) -> Screen:
    one, settings = whole.announcement, face.settings
    try:
        seen = await broadcast.preview(face.desk, one.id)
    except UnknownTargetError as error:
        rows = keyboards.draft(one.id, one.revision, blocked=(), may_send=False, names=face.names)[1:]
        return _screen(card_texts.lost_target(one.id, whole.title, error.target), rows)
    if one.stage is Stage.AWAITING_APPROVAL:
        async with face.desk.database.reading() as tx:
            author = await announcements.author_of(tx, one.id)
        approver = access.may_approve(settings, viewer, one.author_id)
        composer = access.may_compose(settings, viewer)
        buttons = keyboards.awaiting(one.id, one.revision, author=composer, approver=approver)
        return _screen(card_texts.approval_request(seen, face.names, author, notes), buttons)
    if whole.schedules:
        text = plan_texts.planned(seen, whole.schedules, face.names, face.desk, notes)
        return _screen(text, _plan_buttons(face, whole, viewer))
    expected = await _foreseen(face, seen)
    return _screen(card_texts.card(seen, face.names, notes, expected), _draft_buttons(face, seen, viewer))


async def _foreseen(face: Face, seen: Preview) -> dict[str, str]:
    """Say by channel when its last one would leave, where limits keep it waiting."""
    desk, names = face.desk, face.names
    added = {
        channel: reach.count * len(seen.renderings[channel].parts) for channel, reach in seen.audience.reaches.items()
    }
    async with desk.database.reading() as tx:
        ends = await forecast.would_end(tx, desk, added, urgent=seen.announcement.urgent)
    return {
        channel: limits.foreseen(
            desk.channels[channel].pace, at, desk.now(), desk.zone, letters=names.is_letters(channel)
        )
        for channel, at in ends.items()
    }


def _plan_buttons(face: Face, whole: Report, viewer: int) -> Rows:
    one = whole.announcement
    if not access.may_compose(face.settings, viewer):
        return []
    return keyboards.planned(
        one.id,
        one.revision,
        repeats=any(plan.cron for plan in whole.schedules),
        editable=access.may_send(face.settings, viewer),
        last=whole.broadcasts[-1].broadcast.id if whole.broadcasts else None,
    )


def _draft_buttons(face: Face, seen: Preview, viewer: int) -> Rows:
    one = seen.announcement
    if not access.may_compose(face.settings, viewer):
        return []
    may_send = access.may_send(face.settings, viewer) or one.stage in {Stage.APPROVED, Stage.CONFIRMED}
    return keyboards.draft(
        one.id,
        one.revision,
        blocked=seen.blocked,
        may_send=may_send,
        names=face.names,
        typography=one.post.typography if can_be_typeset(one.post) else None,
    )


async def board_screen(
    tx: Tx, desk: Desk, whole: Report, one: BroadcastReport, names: Names, grace_seconds: int
) -> Screen:
    """Return the screen of one broadcast."""
    until = _grace_ends(desk, one, grace_seconds)
    lookable = frozenset(key for key, channel in desk.channels.items() if channel.can_look)
    expected = await _expected(tx, desk, one, names)
    text = board_texts.board(whole, one, names, Around(desk.now(), desk.zone, until, expected, lookable))
    troubles = [each for each in whole.troubles if each.broadcast_id == one.broadcast.id]
    rows = keyboards.board(
        whole.announcement.id,
        one.broadcast.id,
        stop=_stop_word(whole, one, until),
        turn=_turn(one, until),
        retry=any(each.state is DeliveryState.FAILED and _may_fare_better(each) for each in troubles),
        details=bool(troubles or await doubts_shown(tx, one.broadcast.id)),
        copy=_nothing_went_out(one),
        out=_may_be_followed(whole, one),
        counted=_is_counted(one, desk),
        doubtful=_doubtful(one, troubles, lookable),
        names=names,
    )
    return _screen(text, rows)


async def _expected(tx: Tx, desk: Desk, one: BroadcastReport, names: Names) -> dict[str, str]:
    """Say by channel when its last one leaves, where limits keep it waiting."""
    ends = await forecast.ends(tx, desk, one)
    return {
        channel: limits.running(
            desk.channels[channel].pace, at, desk.now(), desk.zone, letters=names.is_letters(channel)
        )
        for channel, at in ends.items()
    }


def _doubtful(one: BroadcastReport, troubles: Sequence[Delivery], lookable: frozenset[str]) -> list[Doubtful]:
    first = {each.channel: each.id for each in reversed(troubles) if each.state is DeliveryState.UNCONFIRMED}
    return [
        Doubtful(channel, first.get(channel, 0), channel in lookable)
        for channel, its in one.channels.items()
        if its.counts[DeliveryState.UNCONFIRMED]
    ]


async def doubts_shown(tx: Tx, broadcast_id: int) -> list[int]:
    """Return the deliveries that a board has ever shown in doubt: who settled them can be asked for afterwards."""
    _state, data = await talks.read(tx, _doubts_of(broadcast_id))
    return list(data.get("deliveries", ()))


async def remember_doubts(tx: Tx, broadcast_id: int, fresh: Sequence[int]) -> None:
    """Note which further deliveries of a broadcast a board shows in doubt."""
    known = await doubts_shown(tx, broadcast_id)
    await talks.write(tx, _doubts_of(broadcast_id), data={"deliveries": sorted({*known, *fresh})})


async def fresh_doubts(tx: Tx, one: BroadcastReport, troubles: Sequence[Delivery]) -> list[int]:
    """Return the deliveries of a broadcast that are in doubt and that no board has shown so yet."""
    known = await doubts_shown(tx, one.broadcast.id)
    its = [each for each in troubles if each.broadcast_id == one.broadcast.id]
    return [each.id for each in its if each.state is DeliveryState.UNCONFIRMED and each.id not in known]


def _doubts_of(broadcast_id: int) -> str:
    return f"doubts:{broadcast_id}"


def _may_fare_better(one: Delivery) -> bool:
    """Tell whether repeating can help. A later part alone never goes: it follows its beginning."""
    return one.reason is not Reason.PREVIOUS_PART_MISSING and (one.reason is None or one.reason in WORTH_REPEATING)


def _grace_ends(desk: Desk, one: BroadcastReport, grace_seconds: int) -> datetime | None:
    until = one.broadcast.released_at + timedelta(seconds=grace_seconds)
    untouched = one.counts[DeliveryState.QUEUED] == sum(one.counts.values())
    running = one.broadcast.state is BroadcastState.RUNNING
    return until if running and untouched and until > desk.now() else None


def _stop_word(whole: Report, one: BroadcastReport, until: datetime | None) -> str:
    """Return the word for stopping what has not gone out; a repeat's broadcast is stopped with its schedule only."""
    if one.broadcast.state not in _UNDER_WAY or whole.schedules:
        return ""
    if until is not None:
        return texts.STOP_IN_GRACE
    return texts.STOP if one.counts[DeliveryState.QUEUED] else ""


def _turn(one: BroadcastReport, until: datetime | None) -> Turn | None:
    """Return the way to pause what waits, or to let it go on. In the grace there is nothing to pause yet."""
    if one.broadcast.state is BroadcastState.PAUSED:
        return Turn.RESUME
    waits = one.broadcast.state is BroadcastState.RUNNING and one.counts[DeliveryState.QUEUED]
    return Turn.PAUSE if waits and until is None else None


def _may_be_followed(whole: Report, one: BroadcastReport) -> bool:
    """Tell whether readers have something that may be put right. What was recalled is not recalled again."""
    recalled = any(each.broadcast.kind is BroadcastKind.RECALL for each in whole.broadcasts)
    return not recalled and any(one.counts[state] for state in OUT)


def _is_counted(one: BroadcastReport, desk: Desk) -> bool:
    """Tell whether some channel can say how readers received what this broadcast brought."""
    counting = {key for key, way in desk.channels.items() if isinstance(way, CountsReaders) and way.can_count}
    brought = one.broadcast.kind is BroadcastKind.ANNOUNCEMENT
    return brought and any(its.counts[DeliveryState.SENT] for key, its in one.channels.items() if key in counting)


def _nothing_went_out(one: BroadcastReport) -> bool:
    cancelled = one.counts[DeliveryState.CANCELLED]
    return one.broadcast.state is BroadcastState.CANCELLED and cancelled == sum(one.counts.values())


def _screen(text: Markup, rows: Rows) -> Screen:
    return Screen(text, keyboards.keyboard(rows))
