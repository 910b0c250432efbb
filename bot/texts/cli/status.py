"""What became of announcements."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.texts.measures import clipped, moment, number
from bot.texts.reasons import after_return, while_held, why
from bot.texts.states import ANNOUNCEMENT, BROADCAST, DELIVERY, SCHEDULE
from channels.contract import Reason
from delivery.model import BroadcastKind, BroadcastState, Delivery, DeliveryState, Hold, Schedule
from delivery.report import TROUBLE, BroadcastReport, ChannelReport, Report

__all__ = [
    "CHANNEL_COLUMNS",
    "CHANNEL_NUMBERS",
    "DELIVERIES_OF_WHICH",
    "DELIVERY_COLUMNS",
    "DELIVERY_NUMBERS",
    "LATEST_COLUMNS",
    "LATEST_NUMBERS",
    "NOTHING_YET",
    "NO_DELIVERIES",
    "STATE_OF_DELIVERIES",
    "broadcast",
    "channel",
    "delivery",
    "heading",
    "held",
    "latest",
    "never_begun",
    "notes",
    "paused",
    "unknown_announcement",
    "unknown_delivery",
    "when",
]

_D = DeliveryState
_TITLE = 60
_DETAIL = 160

NOTHING_YET = "Объявлений ещё не было. Первое: rupor announce --help."
NO_DELIVERIES = "Таких доставок нет."
DELIVERIES_OF_WHICH = "Укажите номер объявления: rupor status НОМЕР --deliveries."
STATE_OF_DELIVERIES = "--state отбирает доставки: добавьте --deliveries."

LATEST_COLUMNS = ("№", "Состояние", "Заголовок", "Когда", "Отправлено", "Не дошло", "Неизвестно")
LATEST_NUMBERS = (0, 4, 5, 6)
CHANNEL_COLUMNS = (
    "Канал",
    "Всего",
    "Отправлено",
    "Не дошло",
    "Вернулось",
    "Неизвестно",
    "Отправляется",
    "Ждёт",
    "Отменено",
    "Ссылки",
)
CHANNEL_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8)
DELIVERY_COLUMNS = ("№", "Канал", "Получатель", "Организация", "Состояние", "Попыток", "Когда", "Причина", "Ссылка")
DELIVERY_NUMBERS = (0, 5)

# The bot's remedies speak of its buttons; here there are commands.
_REMEDIES: Mapping[Reason, str] = {
    Reason.REFUSED: "Попробуйте повторить.",
    Reason.NO_ANSWER: "",
    Reason.WORKER_DIED: "",
    Reason.PREVIOUS_PART_MISSING: "Она уйдёт следом, когда выйдет предыдущая.",
}


def when(at: datetime, zone: ZoneInfo) -> str:
    """Say a moment to the minute, in the organisation's time."""
    return f"{at.astimezone(zone):%d.%m.%Y %H:%M}"


def unknown_announcement(number_: int) -> str:
    """Say that there is no such announcement."""
    return f"Объявления {number_} нет. Последние покажет rupor status."


def unknown_delivery(number_: int) -> str:
    """Say that there is no such delivery."""
    return f"Доставки {number_} нет. Номера покажет rupor status НОМЕР --deliveries."


def latest(one: Report, zone: ZoneInfo) -> tuple[str, ...]:
    """Tell one announcement in a row of LATEST_COLUMNS."""
    counts = {state: sum(each.counts[state] for each in one.broadcasts) for state in _D}
    total = sum(counts.values())
    return (
        str(one.announcement.id),
        ANNOUNCEMENT[one.state],
        clipped(one.title, _TITLE),
        when(_moment(one), zone),
        f"{number(counts[_D.SENT])} из {number(total)}" if total else "",
        _unless_none(counts[_D.FAILED] + counts[_D.RETURNED]),
        _unless_none(counts[_D.UNCONFIRMED]),
    )


def _moment(one: Report) -> datetime:
    """When it went out last, else when it will, else when it was written."""
    if one.broadcasts:
        return one.broadcasts[-1].broadcast.released_at
    planned = [plan.next_at for plan in one.schedules if plan.next_at is not None]
    return min(planned, default=one.announcement.created_at)


def heading(one: Report) -> str:
    """Name an announcement and its state."""
    lines = [f"Объявление {one.announcement.id}: {ANNOUNCEMENT[one.state]}", one.title]
    if one.announcement.revision > 1:
        lines.append(f"Редакция {one.announcement.revision}")
    return "\n".join(filter(None, lines))


_KINDS: Mapping[BroadcastKind, str] = {
    BroadcastKind.ANNOUNCEMENT: "Рассылка",
    BroadcastKind.CORRECTION: "Исправление",
    BroadcastKind.RECALL: "Отзыв",
}


def broadcast(one: BroadcastReport, zone: ZoneInfo) -> str:
    """Name one broadcast, or what followed one."""
    its = one.broadcast
    return f"{_KINDS[its.kind]} {its.id}, {when(its.released_at, zone)}: {BROADCAST[its.state]}"


def channel(key: str, its: ChannelReport) -> tuple[str, ...]:
    """Count one channel in a row of CHANNEL_COLUMNS."""
    counts = its.counts
    rest = (_D.FAILED, _D.RETURNED, _D.UNCONFIRMED, _D.SENDING, _D.QUEUED, _D.CANCELLED)
    return (
        key,
        number(sum(counts.values())),
        number(counts[_D.SENT]),
        *(_unless_none(counts[state]) for state in rest),
        " ".join(its.links),
    )


def never_begun(key: str, its: ChannelReport) -> str:
    """Say how many of a large list were cancelled before they were even queued."""
    whole = number(sum(its.counts.values()))
    return f"{key}: до {number(its.unwritten)} из {whole} очередь не дошла. Среди доставок (--deliveries) их нет."


def delivery(one: Delivery, zone: ZoneInfo) -> tuple[str, ...]:
    """Tell one delivery in a row of DELIVERY_COLUMNS."""
    link = one.receipt.link if one.receipt else None
    return (
        str(one.id),
        one.channel,
        one.recipient.address,
        one.recipient.organisation,
        DELIVERY[one.state],
        str(one.attempts),
        when(one.updated_at, zone),
        _cause(one) if one.reason is not None else "",
        link or "",
    )


def notes(one: Report, now: datetime, zone: ZoneInfo) -> Iterator[str]:
    """Tell what went wrong, what waits, and what to do about it."""
    if any(each.broadcast.state is BroadcastState.PAUSED for each in one.broadcasts):
        yield paused(one.announcement.id)
    waiting = {key for each in one.broadcasts for key, its in each.channels.items() if its.counts[_D.QUEUED]}
    for hold in one.holds:
        if hold.channel in waiting:
            yield held(hold, now, zone)
    for plan in one.schedules:
        yield _planned(plan, zone)
    yield from _troubles(one)


def paused(announcement: int) -> str:
    """Say that nothing moves, and how to go on."""
    return f"Приостановлено. Продолжить: rupor resume {announcement}"


def _troubles(one: Report) -> Iterator[str]:
    failed = [each for each in one.troubles if each.state is _D.FAILED]
    doubtful = [each for each in one.troubles if each.state is _D.UNCONFIRMED]
    returned = [each for each in one.troubles if each.state is _D.RETURNED]
    id_ = one.announcement.id
    if failed:
        yield "\n".join(["Не дошло:", *map(_line, failed), f"Отправить ещё раз: rupor retry {id_}"])
    if doubtful:
        ask = [
            "Посмотрите сами и скажите: rupor settle ДОСТАВКА sent или rupor settle ДОСТАВКА not-sent",
            f"Обо всех сразу: rupor settle --all {id_} sent. Спросить сам канал, если он умеет: rupor look ДОСТАВКА",
        ]
        yield "\n".join(["Неизвестно, дошло ли:", *map(_line, doubtful), *ask])
    if returned:
        again = f"Исправьте адреса в списках. Отправить ещё раз всё равно: rupor retry {id_} --state returned"
        yield "\n".join(["Вернулось:", *map(_line, returned), again])
    hidden = sum(each.counts[state] for each in one.broadcasts for state in TROUBLE)
    hidden -= len(one.troubles)
    if hidden > 0:
        yield f"И ещё {number(hidden)}: rupor status {id_} --deliveries --state failed (или unconfirmed, returned)"


def _line(one: Delivery) -> str:
    return f"  {one.id}  {one.channel}  {one.recipient.address}: {_cause(one)}. {_remedy(one)}".rstrip()


def _remedy(one: Delivery) -> str:
    if one.state is _D.RETURNED:
        return after_return(one.reason)
    remedy = why(one.reason).remedy
    return remedy if one.reason is None else _REMEDIES.get(one.reason, remedy)


def _cause(one: Delivery) -> str:
    what = why(one.reason).what
    return f"{what} ({clipped(one.detail, _DETAIL)})" if one.detail else what


def held(hold: Hold, now: datetime, zone: ZoneInfo) -> str:
    """Say why a channel refuses everybody, or since when nobody answers there."""
    if hold.reason is Reason.NOT_CONNECTED:
        return f"Канал {hold.channel} не отвечает с {moment(hold.since, now, zone)}. {while_held(hold.reason)}"
    what, remedy = why(hold.reason).what, while_held(hold.reason)
    return f"Канал {hold.channel} недоступен: {what}. {remedy} Остальное уйдёт само, когда он заработает."


def _planned(plan: Schedule, zone: ZoneInfo) -> str:
    at = "" if plan.next_at is None else f", следующая отправка {when(plan.next_at, zone)}"
    return f"Расписание {plan.id}: {SCHEDULE[plan.state]}{at}"


def _unless_none(n: int) -> str:
    return number(n) if n else ""
