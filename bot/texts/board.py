"""What became of a broadcast: the message that lives while it runs and is the report afterwards."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.bot import NO_TITLE
from bot.texts.channels import Names
from bot.texts.measures import clipped, listed, number
from bot.texts.plurals import counted
from bot.texts.reasons import while_held, why
from bot.texts.states import DELIVERY
from channels.contract import Reason
from delivery.model import UNFINISHED, BroadcastState, Delivery, DeliveryState, Hold
from delivery.report import BroadcastReport, ChannelReport, Counts, Report

__all__ = ["board", "details", "recall"]

_TITLE = 120
_LINKS = 3
_NAMED = 5
_DETAIL = 200
_D = DeliveryState


def board(
    whole: Report, one: BroadcastReport, names: Names, *, stoppable_until: datetime | None, zone: ZoneInfo
) -> Markup:
    """Show one broadcast. `stoppable_until` is the end of the grace, None when it is over."""
    lines = [
        Markup("<b>{}</b>").format(_headline(one, stoppable_until, zone)),
        Markup("№{} · {}").format(whole.announcement.id, clipped(whole.title or NO_TITLE, _TITLE)),
        Markup(),
    ]
    troubles = [each for each in whole.troubles if each.broadcast_id == one.broadcast.id]
    held = {hold.channel: hold for hold in whole.holds}
    for channel, its in one.channels.items():
        lines += _channel(channel, its, names, held.get(channel))
        lines += _troubles([each for each in troubles if each.channel == channel], its, names)
    return Markup("\n").join(lines)


def _headline(one: BroadcastReport, stoppable_until: datetime | None, zone: ZoneInfo) -> str:
    counts, total = one.counts, sum(one.counts.values())
    waiting = sum(counts[state] for state in UNFINISHED)
    if one.broadcast.state is BroadcastState.CANCELLED and not waiting:
        return _stopped(counts[_D.SENT], counts[_D.CANCELLED], total)
    if one.broadcast.state is not BroadcastState.SETTLED:
        if stoppable_until is not None:
            return f"Отправка в {stoppable_until.astimezone(zone):%H:%M:%S}. Пока можно отменить."
        return f"Отправляется: {number(total - waiting)} из {number(total)}."
    return _ended(counts)


def _stopped(sent: int, cancelled: int, total: int) -> str:
    if cancelled == total:
        return "Отменено. Ничего не ушло."
    return f"Остановлено. Успело уйти: {number(sent)}, отменено: {number(cancelled)}."


def _ended(counts: Counts) -> str:
    if counts[_D.UNCONFIRMED]:
        return "Готово, но не всё известно."
    if counts[_D.FAILED]:
        return "Готово, но дошло не всё." if counts[_D.SENT] else "Не отправилось."
    return "Готово. Всё вышло."


def _channel(channel: str, its: ChannelReport, names: Names, hold: Hold | None) -> Iterator[Markup]:
    counts, total = its.counts, sum(its.counts.values())
    name = Markup("<b>{}</b>").format(names[channel])
    if names.is_letters(channel):
        yield Markup("{}: {}").format(name, _letters(its, total))
    elif counts[_D.SENT] == total:
        yield Markup("{}: вышло {}").format(name, _links(its.links)).strip()
    elif counts[_D.SENT]:
        words = f"вышло {counts[_D.SENT]} из {counted(total, 'части', 'частей', 'частей')}"
        yield Markup("{}: {} {}").format(name, words, _links(its.links)).strip()
    else:
        yield Markup("{}: {}").format(name, DELIVERY[_worst(its)])
    if hold is not None and any(counts[state] for state in UNFINISHED):
        yield Markup("Канал недоступен: {}. {} Остальное уйдёт само, когда он заработает.").format(
            why(hold.reason).what, while_held(hold.reason)
        )


def _letters(its: ChannelReport, total: int) -> str:
    counts = its.counts
    words = [f"принято {number(counts[_D.SENT])} из {counted(total, 'письма', 'писем', 'писем')}"]
    for state, said in ((_D.FAILED, "не дошло"), (_D.UNCONFIRMED, "неизвестно"), (_D.CANCELLED, "отменено")):
        if counts[state]:
            words.append(f"{said}: {number(counts[state])}")
    return ", ".join(words)


def _worst(its: ChannelReport) -> DeliveryState:
    order = (_D.UNCONFIRMED, _D.FAILED, _D.SENDING, _D.QUEUED, _D.CANCELLED, _D.SENT)
    return next(state for state in order if its.counts[state])


def _links(links: Sequence[str]) -> Markup:
    if len(links) == 1:
        return Markup('— <a href="{}">посмотреть</a>').format(links[0])
    shown = [Markup('<a href="{}">{}</a>').format(link, n) for n, link in enumerate(links[:_LINKS], 1)]
    return Markup("— посмотреть: ") + Markup(", ").join(shown) if shown else Markup()


def _troubles(troubles: Sequence[Delivery], its: ChannelReport, names: Names) -> Iterator[Markup]:
    """Tell failures and doubts, together where the reason is the same."""
    groups: dict[tuple[DeliveryState, Reason | None], list[Delivery]] = {}
    for one in troubles:
        if one.reason is not Reason.PREVIOUS_PART_MISSING:
            groups.setdefault((one.state, one.reason), []).append(one)
    for (state, reason), members in groups.items():
        words = why(reason)
        what = words.what[0].upper() + words.what[1:]
        sign = "❔" if state is _D.UNCONFIRMED else "✖️"
        who = f": {listed(map(_who, members), most=_NAMED)}" if names.is_letters(members[0].channel) else ""
        yield Markup("{} {}{}. {}").format(sign, what, who, words.remedy)
    hidden = its.counts[_D.FAILED] + its.counts[_D.UNCONFIRMED] - len(troubles)
    if hidden > 0:
        yield Markup("И ещё {}: все — в «Подробнее».").format(number(hidden))


def _who(one: Delivery) -> str:
    person = one.recipient
    return f"{person.address} ({clipped(person.organisation, 40)})" if person.organisation else person.address


def details(whole: Report, page: Sequence[Delivery], names: Names, *, first: int, total: int) -> Markup:
    """Tell single deliveries that went wrong, with the other side's own words."""
    lines = [Markup("<b>Подробнее</b> · №{} · {}").format(whole.announcement.id, clipped(whole.title, _TITLE))]
    if not total:
        lines.append(Markup("Неудачных доставок нет."))
    elif total > len(page):
        lines.append(Markup("{}–{} из {}").format(first, first + len(page) - 1, number(total)))
    for one in page:
        words = why(one.reason)
        what = words.what[0].upper() + words.what[1:]
        who = _who(one) if names.is_letters(one.channel) else names[one.channel]
        lines += [Markup(), Markup("<b>{}</b>").format(who), Markup("{}. {}").format(what, words.remedy)]
        if one.detail:
            lines.append(Markup("Дословный ответ: <i>{}</i>").format(clipped(one.detail, _DETAIL)))
    return Markup("\n").join(lines)


_BY_HAND = {
    "telegram": "откройте пост под своим именем администратора и выберите «Удалить».",
    "vk": "откройте запись и выберите «Удалить запись».",
    "email": "отправленное письмо вернуть нельзя. Пришлите сюда уточнение новым объявлением.",
}
_ELSEWHERE = "удалить можно только в самом канале."


def recall(whole: Report, channels: Sequence[str], names: Names) -> Markup:
    """Say where an announcement is out, and how a person takes it back there."""
    lines = [
        Markup("<b>Отозвать №{}</b>").format(whole.announcement.id),
        Markup("Вышедшее Рупор сам пока не удаляет. Что сделать:"),
    ]
    for channel in channels:
        words = _BY_HAND.get(names.kind(channel), _ELSEWHERE)
        lines += [Markup(), Markup("<b>{}</b>: {}").format(names[channel], words)]
    if whole.schedules:
        lines += [Markup(), Markup("Повторы ещё запланированы: остановить их — /schedules")]
    return Markup("\n").join(lines)
