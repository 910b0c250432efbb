"""The latest announcements in a line or two each."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.bot import NO_TITLE
from bot.texts.measures import clipped, number
from bot.texts.states import ANNOUNCEMENT, PAUSED
from delivery.model import UNFINISHED, BroadcastState, DeliveryState
from delivery.report import Report

__all__ = ["latest"]

_TITLE = 60


def latest(found: Sequence[Report], zone: ZoneInfo) -> Markup:
    """List announcements, newest first."""
    if not found:
        return Markup("Объявлений пока не было. Пришлите первое.")
    lines = [Markup("<b>Последние объявления</b>")]
    for one in found:
        at = one.broadcasts[-1].broadcast.released_at if one.broadcasts else one.announcement.created_at
        title = clipped(one.title or NO_TITLE, _TITLE)
        lines += [Markup(), Markup("<b>№{}</b> {}").format(one.announcement.id, title)]
        lines.append(Markup("{:%d.%m %H:%M} · {}{}").format(at.astimezone(zone), _state(one), _counts(one)))
    return Markup("\n").join(lines)


def _state(one: Report) -> str:
    paused = one.broadcasts and one.broadcasts[-1].broadcast.state is BroadcastState.PAUSED
    return PAUSED if paused else ANNOUNCEMENT[one.state]


def _counts(one: Report) -> str:
    if not one.broadcasts:
        return ""
    counts = one.broadcasts[-1].counts
    said = [
        (DeliveryState.SENT, "ушло"),
        (DeliveryState.FAILED, "не дошло"),
        (DeliveryState.RETURNED, "вернулось"),
        (DeliveryState.UNCONFIRMED, "неизвестно"),
    ]
    words = [f"{word} {number(counts[state])}" for state, word in said if counts[state]]
    waiting = sum(counts[state] for state in UNFINISHED)
    words += [f"в очереди {number(waiting)}"] if waiting else []
    return f": {', '.join(words)}" if words else ""
