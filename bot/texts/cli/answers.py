"""What short commands answer: retry, settle, look, pause, resume, cancel, db, backup."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.texts.cli.amounts import deliveries
from bot.texts.doubts import decided, unclear
from bot.texts.measures import listed, number, size
from bot.texts.plurals import counted, plural
from bot.texts.states import DELIVERY
from delivery.broadcast import Cancelled
from delivery.doubts import Seen, Sight
from delivery.model import Attempt, Delivery, DeliveryState

_WHO_SENDS = "Отправит служба (rupor run) или rupor worker."


# retry


def queued_again(announcement: int, n: int, asked_now: Sequence[str]) -> str:
    """Say how many deliveries are in the queue again, and which held channels will be asked at once."""
    lines = []
    if n:
        lines.append(f"В очереди снова: {deliveries(n)}. {_WHO_SENDS} Ход: rupor status {announcement}")
    if asked_now:
        lines.append(f"Недоступные каналы будут проверены сразу: {listed(asked_now)}.")
    return "\n".join(lines) or f"Повторять нечего: у объявления {announcement} таких доставок нет."


def not_to_retry(delivery: int, state: DeliveryState) -> str:
    """Say why one delivery is not repeated as it was asked for."""
    if state is DeliveryState.UNCONFIRMED:
        return (
            f"О доставке {delivery} неизвестно, дошла ли она: повтор может выйти дважды. Если уверены, добавьте "
            "--state unconfirmed."
        )
    return f"Доставку {delivery} повторять не нужно, она в состоянии «{DELIVERY[state]}»."


# settle


def settled(delivery: int, *, sent: bool, announcement: int) -> str:
    """Say what was written down about a doubtful delivery."""
    if sent:
        return f"Записано: доставка {delivery} дошла."
    return (
        f"Записано: доставка {delivery} не дошла. Отправить ещё раз: rupor retry {announcement} --delivery {delivery}"
    )


def settled_already(delivery: int, state: DeliveryState, last: Attempt | None, now: datetime, zone: ZoneInfo) -> str:
    """Say that the word changes nothing, and whose word it was if somebody said it."""
    who = f" ({decided(last, now, zone)})" if last else ""
    return f"Так уже и записано{who}: доставка {delivery} в состоянии «{DELIVERY[state]}»."


def all_settled(announcement: int, n: int, *, sent: bool) -> str:
    """Say what was written down about everything in doubt."""
    if not n:
        return f"У объявления {announcement} неподтверждённых доставок нет."
    if sent:
        return f"Записано: {plural(n, 'дошла', 'дошли', 'дошло')} {deliveries(n)}."
    words = f"Записано: не {plural(n, 'дошла', 'дошли', 'дошло')} {deliveries(n)}."
    return f"{words} Отправить ещё раз: rupor retry {announcement}"


CHANNEL_ALONE = "--channel выбирает канал для --all: добавьте --all."


def not_its_channel(announcement: int, channel: str, known: Sequence[str]) -> str:
    """Say that the announcement has not gone to this channel."""
    there = f"Есть: {listed(known)}." if known else "Оно ещё никуда не отправлялось."
    return f"Канала «{channel}» у объявления {announcement} нет. {there}"


def not_in_doubt(delivery: int, state: DeliveryState) -> str:
    """Say that there is nothing to decide."""
    return f"О доставке {delivery} решать нечего, она в состоянии «{DELIVERY[state]}»."


# look


def looked(one: Delivery, seen: Seen, link: str | None) -> str:
    """Say what a look has shown."""
    match seen.sight:
        case Sight.THERE:
            return f"Нашлась: доставка {one.id} вышла. {link or ''}".rstrip()
        case Sight.NOT_THERE:
            return f"Доставки {one.id} там нет, она снова в очереди. {_WHO_SENDS}"
        case Sight.UNCERTAIN:
            return (
                f"Проверить доставку {one.id} не удалось: {unclear(seen.reason)} Посмотрите сами и скажите: "
                f"rupor settle {one.id} sent или rupor settle {one.id} not-sent"
            )
        case Sight.SETTLED:
            return f"Проверять нечего: доставка {one.id} в состоянии «{DELIVERY[one.state]}»."
        case Sight.NO_WAY:
            return cannot_look(one.id, one.channel)


def cannot_look(delivery: int, channel: str) -> str:
    """Say that nobody but a person can look."""
    return (
        f"В канале «{channel}» Рупор смотреть не может. Посмотрите сами и скажите: rupor settle {delivery} sent или "
        f"rupor settle {delivery} not-sent"
    )


def no_such_channel(channel: str, known: Sequence[str]) -> str:
    """Say that the channel is gone from the configuration."""
    there = f"Есть: {listed(known)}." if known else "Там нет ни одного канала."
    return f"Канала «{channel}» в настройках больше нет. {there}"


# pause, resume


class Stand(NamedTuple):
    """How an announcement's broadcasts stand after a pause or its end, as deliveries that wait and that are gone."""

    announcement: int
    changed: bool
    paused: bool
    waiting: int
    gone: int


def paused(one: Stand) -> str:
    """Say what waits now."""
    if not one.paused:
        return f"Объявление {one.announcement}: приостанавливать нечего, отправка не идёт."
    head = "приостановлено" if one.changed else "и так приостановлено"
    return (
        f"Объявление {one.announcement}: {head}. Ждёт {deliveries(one.waiting)}, уже ушло: {number(one.gone)}. "
        f"Продолжить: rupor resume {one.announcement}"
    )


def resumed(one: Stand) -> str:
    """Say that it goes on."""
    if not one.changed:
        return f"Объявление {one.announcement}: не приостановлено, продолжать нечего."
    head = f"Объявление {one.announcement}: отправка продолжается, осталось {deliveries(one.waiting)}."
    return f"{head} {_WHO_SENDS} Ход: rupor status {one.announcement}"


# cancel


def cancelled(announcement: int, done: Cancelled, gone: int) -> str:
    """Say what was stopped and what could not be."""
    stopped = [deliveries(done.deliveries)] if done.deliveries else []
    if done.schedules:
        stopped.append(counted(done.schedules, "расписание", "расписания", "расписаний"))
    if stopped:
        head = f"Объявление {announcement}: остановлено {listed(stopped)}."
    elif gone:
        return f"Объявление {announcement}: останавливать нечего, всё уже ушло."
    else:
        return f"Объявление {announcement} отменено. Ничего не отправлено."
    if not gone:
        return f"{head} Ничего не отправлено."
    verb = plural(gone, "ушла", "ушли", "ушло")
    return f"{head} Уже {verb} {deliveries(gone)}. Что можно исправить: rupor recall {announcement}"


# db, backup

SCHEMA_CURRENT = "Таблицы в порядке, версия {revision}."
SCHEMA_UPGRADED = "Таблицы обновлены до версии {revision}."
BACKUP_OF_POSTGRES = "Копию базы PostgreSQL делает её собственная программа: pg_dump --format=custom --file=КОПИЯ БАЗА."
BACKUP_IS_THERE = "Файл «{file}» уже есть. Выберите другое имя: чужую копию Рупор не затирает."
BACKUP_NOT_WRITTEN = "Файл «{file}» не записался. Проверьте папку, права и место на диске."


def backed_up(file: str, bytes_: int) -> str:
    """Say where the copy is."""
    return f"Копия базы сохранена: {file}, {size(bytes_)}."
