"""What short commands answer: retry, settle, cancel, db, backup."""

from collections.abc import Sequence

from bot.texts.cli.amounts import deliveries
from bot.texts.measures import listed, size
from bot.texts.plurals import counted, plural
from bot.texts.states import DELIVERY
from delivery.broadcast import Cancelled
from delivery.model import DeliveryState

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


def settled_already(delivery: int, state: DeliveryState) -> str:
    """Say that the word changes nothing."""
    return f"Так уже и записано: доставка {delivery} в состоянии «{DELIVERY[state]}»."


def not_in_doubt(delivery: int, state: DeliveryState) -> str:
    """Say that there is nothing to decide."""
    return f"О доставке {delivery} решать нечего, она в состоянии «{DELIVERY[state]}»."


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
