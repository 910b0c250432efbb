"""What became of a broadcast: the message that lives while it runs and is the report afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.bot import NO_TITLE
from bot.texts.channels import Names
from bot.texts.doubts import FEW, history, together, unknown_post
from bot.texts.measures import clipped, listed, moment, number
from bot.texts.plurals import counted
from bot.texts.reasons import after_return, while_held, why
from bot.texts.states import DELIVERY
from channels.contract import Reason
from delivery.model import UNFINISHED, Attempt, BroadcastKind, BroadcastState, Delivery, DeliveryState, Hold
from delivery.report import TROUBLE, BroadcastReport, ChannelReport, Counts, Report

__all__ = ["Around", "Story", "board", "details"]

_TITLE = 120
_LINKS = 3
_NAMED = 5
_DETAIL = 200
_D = DeliveryState
_UNHEARD = "ответ не пришёл"
_NOT_ARRIVED = (_D.FAILED, _D.RETURNED)
_BESIDE = (
    (_D.FAILED, "не дошло"),
    (_D.RETURNED, "вернулось"),
    (_D.UNCONFIRMED, "неизвестно"),
    (_D.CANCELLED, "отменено"),
)


@dataclass(frozen=True, slots=True)
class Around:
    """What a board shows beside the broadcast's own numbers.

    `stoppable_until` is the end of the grace, None when it is over; `expected` says by channel when its last one
    leaves; `lookable` are the channels that can look whether a doubtful post is there.
    """

    now: datetime
    zone: ZoneInfo
    stoppable_until: datetime | None = None
    expected: Mapping[str, str] = field(default_factory=dict)
    lookable: frozenset[str] = frozenset()


def board(whole: Report, one: BroadcastReport, names: Names, around: Around) -> Markup:
    """Show one broadcast."""
    lines = [
        Markup("<b>{}</b>").format(_headline(one, around)),
        Markup("№{} · {}").format(whole.announcement.id, clipped(whole.title or NO_TITLE, _TITLE)),
        Markup(),
    ]
    troubles = [each for each in whole.troubles if each.broadcast_id == one.broadcast.id]
    held = {hold.channel: hold for hold in whole.holds}
    for channel, its in one.channels.items():
        lines += _channel(channel, its, _SAID[one.broadcast.kind].a_part, names)
        if one.broadcast.state is not BroadcastState.PAUSED:
            lines += _what_is_awaited(channel, its, held.get(channel), around)
        lines += _doubts(channel, its, troubles, names, around)
        lines += _failures([each for each in troubles if each.channel == channel], its, names)
    return Markup("\n").join(lines)


class _Said(NamedTuple):
    """What a broadcast does, in the words of its kind. `doing` and `waits` are followed by numbers."""

    doing: str
    waits: str
    done: str
    partly: str
    not_at_all: str
    unsure: str
    a_part: str


_SAID: Mapping[BroadcastKind, _Said] = {
    BroadcastKind.ANNOUNCEMENT: _Said(
        doing="Отправляется",
        waits="Приостановлена",
        done="Готово. Всё вышло.",
        partly="Готово, но дошло не всё.",
        not_at_all="Не отправилось.",
        unsure="Готово, но не всё известно.",
        a_part="вышло",
    ),
    BroadcastKind.CORRECTION: _Said(
        doing="Исправляется",
        waits="Исправление приостановлено",
        done="Исправлено.",
        partly="Исправлено не всё.",
        not_at_all="Исправить не получилось.",
        unsure="Исправлено, но не всё известно.",
        a_part="исправлено",
    ),
    BroadcastKind.RECALL: _Said(
        doing="Отзывается",
        waits="Отзыв приостановлен",
        done="Отозвано.",
        partly="Отозвано не всё.",
        not_at_all="Отозвать не получилось.",
        unsure="Отозвано, но не всё известно.",
        a_part="убрано",
    ),
}


def _headline(one: BroadcastReport, around: Around) -> str:
    counts, total = one.counts, sum(one.counts.values())
    waiting = sum(counts[state] for state in UNFINISHED)
    stoppable_until, zone, said = around.stoppable_until, around.zone, _SAID[one.broadcast.kind]
    if one.broadcast.state is BroadcastState.CANCELLED and not waiting:
        return _stopped(_gone(counts), counts[_D.CANCELLED], total)
    if one.broadcast.state is BroadcastState.PAUSED:
        return f"{said.waits}. Ушло: {number(_gone(counts))}, ждёт: {number(waiting)}."
    if one.broadcast.state is not BroadcastState.SETTLED:
        if stoppable_until is not None:
            return f"Отправка в {stoppable_until.astimezone(zone):%H:%M:%S}. Пока можно отменить."
        return f"{said.doing}: {number(total - waiting)} из {number(total)}."
    return _ended(counts, said)


def _gone(counts: Counts) -> int:
    return counts[_D.SENT] + counts[_D.RETURNED]


def _stopped(sent: int, cancelled: int, total: int) -> str:
    if cancelled == total:
        return "Отменено. Ничего не ушло."
    return f"Остановлено. Успело уйти: {number(sent)} из {number(total)}, отменено: {number(cancelled)}."


def _ended(counts: Counts, said: _Said) -> str:
    if counts[_D.UNCONFIRMED]:
        return said.unsure
    if counts[_D.FAILED] or counts[_D.RETURNED]:
        nothing = "Отправлено, но вернулось." if counts[_D.RETURNED] else said.not_at_all
        return said.partly if counts[_D.SENT] else nothing
    return said.done


def _channel(channel: str, its: ChannelReport, said: str, names: Names) -> Iterator[Markup]:
    counts, total = its.counts, sum(its.counts.values())
    name = Markup("<b>{}</b>").format(names[channel])
    if names.is_letters(channel):
        yield Markup("{}: {}").format(name, _letters(its, total))
    elif counts[_D.SENT] == total:
        yield Markup("{}: {} {}").format(name, said, _links(its.links)).strip()
    elif counts[_D.SENT]:
        words = f"{said} {counts[_D.SENT]} из {counted(total, 'части', 'частей', 'частей')}"
        yield Markup("{}: {} {}").format(name, words, _links(its.links)).strip()
    else:
        worst = _worst(its)
        yield Markup("{}: {}").format(name, _UNHEARD if worst is _D.UNCONFIRMED else DELIVERY[worst])


def _what_is_awaited(channel: str, its: ChannelReport, hold: Hold | None, around: Around) -> Iterator[Markup]:
    """Say why what waits is waiting, and how long."""
    if not any(its.counts[state] for state in UNFINISHED):
        return
    if hold is None:
        if channel in around.expected:
            yield Markup.escape(around.expected[channel])
    elif hold.reason is Reason.NOT_CONNECTED:
        yield Markup("Связи нет с {}. {}").format(moment(hold.since, around.now, around.zone), while_held(hold.reason))
    else:
        yield Markup("Канал недоступен: {}. {} Остальное уйдёт само, когда он заработает.").format(
            why(hold.reason).what, while_held(hold.reason)
        )


def _letters(its: ChannelReport, total: int) -> str:
    counts = its.counts
    words = [f"принято {number(counts[_D.SENT])} из {counted(total, 'письма', 'писем', 'писем')}"]
    for state, said in _BESIDE:
        if counts[state]:
            words.append(f"{said}: {number(counts[state])}")
    return ", ".join(words)


def _worst(its: ChannelReport) -> DeliveryState:
    order = (_D.UNCONFIRMED, _D.FAILED, _D.RETURNED, _D.SENDING, _D.QUEUED, _D.CANCELLED, _D.SENT)
    return next(state for state in order if its.counts[state])


def _links(links: Sequence[str]) -> Markup:
    if len(links) == 1:
        return Markup('— <a href="{}">посмотреть</a>').format(links[0])
    shown = [Markup('<a href="{}">{}</a>').format(link, n) for n, link in enumerate(links[:_LINKS], 1)]
    return Markup("— посмотреть: ") + Markup(", ").join(shown) if shown else Markup()


def _doubts(
    channel: str, its: ChannelReport, troubles: Sequence[Delivery], names: Names, around: Around
) -> Iterator[Markup]:
    """Tell what may have gone out unheard: a post, a few letters by their addresses, many as a number."""
    count = its.counts[_D.UNCONFIRMED]
    if not count:
        return
    if not names.is_letters(channel):
        yield Markup("❔ {}").format(unknown_post(can_look=channel in around.lookable))
        return
    yield Markup("❔ {}").format(together(count))
    if count <= FEW:
        doubtful = [each for each in troubles if each.channel == channel and each.state is _D.UNCONFIRMED]
        yield Markup.escape(listed(map(_who, doubtful)))


def _failures(troubles: Sequence[Delivery], its: ChannelReport, names: Names) -> Iterator[Markup]:
    """Tell failures, together where the reason is the same."""
    failed = [one for one in troubles if one.state in _NOT_ARRIVED]
    groups: dict[tuple[DeliveryState, Reason | None], list[Delivery]] = {}
    for one in failed:
        if one.reason is not Reason.PREVIOUS_PART_MISSING:
            groups.setdefault((one.state, one.reason), []).append(one)
    for members in groups.values():
        what, remedy = _cause(members[0])
        who = f": {listed(map(_who, members), most=_NAMED)}" if names.is_letters(members[0].channel) else ""
        sign = "↩️" if members[0].state is _D.RETURNED else "✖️"
        yield Markup("{} {}{}. {}").format(sign, what, who, remedy)
    hidden = sum(its.counts[state] for state in _NOT_ARRIVED) - len(failed)
    if hidden > 0:
        yield Markup("И ещё {}: все — в «Подробнее».").format(number(hidden))


def _cause(one: Delivery) -> tuple[str, str]:
    """Return what happened, as the beginning of a sentence, and what to do."""
    words = why(one.reason)
    if one.state is _D.RETURNED:
        return f"Вернулось: {words.what}", after_return(one.reason)
    return words.what[0].upper() + words.what[1:], words.remedy


def _who(one: Delivery) -> str:
    person = one.recipient
    return f"{person.address} ({clipped(person.organisation, 40)})" if person.organisation else person.address


@dataclass(frozen=True, slots=True)
class Story:
    """One delivery and what was tried and said about it, oldest first."""

    delivery: Delivery
    attempts: Sequence[Attempt]


def details(
    whole: Report, page: Sequence[Story], names: Names, *, first: int, total: int, now: datetime, zone: ZoneInfo
) -> Markup:
    """Tell single deliveries that went wrong or were in doubt, with the other side's own words."""
    lines = [Markup("<b>Подробнее</b> · №{} · {}").format(whole.announcement.id, clipped(whole.title, _TITLE))]
    if not total:
        lines.append(Markup("Неудачных доставок нет."))
    elif total > len(page):
        lines.append(Markup("{}–{} из {}").format(first, first + len(page) - 1, number(total)))
    for story in page:
        one = story.delivery
        who = _who(one) if names.is_letters(one.channel) else names[one.channel]
        lines += [Markup(), Markup("<b>{}</b>").format(who), _fate(one)]
        known = one.detail if one.state in TROUBLE else ""
        if known:
            lines.append(Markup("Дословный ответ: <i>{}</i>").format(clipped(known, _DETAIL)))
        lines += history(story.attempts, now, zone, known=known)
    return Markup("\n").join(lines)


def _fate(one: Delivery) -> Markup:
    if one.state not in TROUBLE:
        return Markup("{}").format(DELIVERY[one.state].capitalize())
    return Markup("{}. {}").format(*_cause(one))
