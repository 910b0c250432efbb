"""What `rupor announce` says: what stands in the way, how it will look, what came of it."""

from collections.abc import Collection, Mapping, Sequence

from bot.texts import lists as list_texts
from bot.texts.card import attached
from bot.texts.cli import amounts
from bot.texts.measures import listed, number
from bot.texts.problems import problem
from channels.contract import Part, Problem
from delivery.audience import Audience
from delivery.model import DeliveryState

NOBODY = "Отправлять некому: в выбранных списках нет адресов."
NO_TARGET = "Не указано, куда отправлять: после --to нужны ключи каналов через запятую."
PAST = "Это время уже прошло. Укажите время впереди."
UNTIL_ALONE = "--until говорит, когда кончаются повторы: добавьте --repeat."
TIMEOUT_ALONE = "--timeout говорит, сколько ждать: добавьте --wait."
WAIT_FOR_PLANNED = "Запланированное отправит служба в своё время: уберите --wait. Ход покажет rupor status."
BLOCKED = "Так отправить нельзя, ничего не сохранено:"
SENDING = "Отправляется"
CHANGED_MEANWHILE = "Списки или каналы только что изменились, ничего не сохранено. Повторите команду."


def unknown_target(target: str, nearest: str, channels: Collection[str], known: Sequence[str]) -> str:
    """Say that --to names nobody, and what it might have meant."""
    name, _colon, list_key = target.partition(":")
    what = f"Списка «{list_key}»" if list_key and name in channels else f"Канала «{name}»"
    guess = f"Возможно, имелось в виду «{nearest}»." if nearest else ""
    there = f"Есть: {listed(known, most=12)}." if known else "В настройках нет ни одного канала."
    return " ".join(filter(None, [f"{what} нет.", guess, there]))


def doubt(channel: str, one: Problem) -> str:
    """Say a problem of a channel."""
    return f"  {channel}: {problem(one)}"


# How it will look


def preview_heading(channel: str, audience: Audience) -> str:
    """Name a channel and whom it reaches."""
    reach = audience.reaches[channel]
    if reach.recipient is not None:
        return f"{channel} → {reach.recipient.address}"
    lists = list((reach.lists or {}).values())
    return f"{channel} → {amounts.recipients(reach.count)}" + (f" ({listed(lists, most=6)})" if lists else "")


def sign(one: Problem) -> str:
    """Say a problem below its channel."""
    return f"{'⛔ Не выйдет.' if one.certain else '⚠ Внимание.'} {problem(one)}"


def left_out(channel: str, audience: Audience) -> str:
    """Say how many of each list will not be written to, and why; empty when nobody."""
    said = [f"«{name}» — {list_texts.left_out(why)}" for name, why in audience.left_out.get(channel, ())]
    return f"⚠ Не получат письма: {'; '.join(said)}." if said else ""


def part(one: Part, n: int, of: int) -> str:
    """Show one message as it will stand there."""
    head = f"── {n} из {of} ──" if of > 1 else "──"
    lines = [head, f"Тема: {one.title}" if one.title else "", one.text]
    if one.attachments:
        lines.append(f"Вложения: {attached(one.attachments)}")
    return "\n".join(filter(None, lines))


NOT_SENT = "Это проба: ничего не отправлено и не сохранено."


# What came of it


def released(announcement: int, broadcast: int, deliveries: int, *, fresh: bool) -> str:
    """Say that it is in the queue."""
    if not fresh:
        return f"Уже объявлено раньше: объявление {announcement}, рассылка {broadcast}. Второй раз не уйдёт."
    head = f"Объявление {announcement} в очереди: рассылка {broadcast}, {amounts.deliveries(deliveries)}."
    return f"{head} Отправит служба (rupor run) или rupor worker. Ход: rupor status {announcement}"


def planned(announcement: int, schedule: int, moment: str, repeat: str) -> str:
    """Say when it will go out."""
    again = f", потом {repeat}" if repeat else ""
    return (
        f"Объявление {announcement} запланировано: {moment}{again}. Расписание {schedule}. Отправит служба (rupor run)."
    )


def made_before(announcement: int, schedule: int | None) -> str:
    """Say that the same key has been used before and led to no broadcast of its own."""
    if schedule is not None:
        return f"Уже запланировано раньше: объявление {announcement}, расписание {schedule}."
    return f"Этот ключ уже был: объявление {announcement} отменено и не отправится."


def so_far(counts: Mapping[DeliveryState, int]) -> str:
    """Say what has gone wrong so far, for the progress bar."""
    failed = counts[DeliveryState.FAILED] + counts[DeliveryState.RETURNED]
    doubtful = counts[DeliveryState.UNCONFIRMED]
    words = [
        f"не дошло: {number(failed)}" if failed else "",
        f"неизвестно: {number(doubtful)}" if doubtful else "",
    ]
    return ", ".join(filter(None, words))


def not_settled(announcement: int) -> str:
    """Say that the time is over."""
    return f"Время ожидания вышло, отправлено ещё не всё. Остальное отправит служба. Ход: rupor status {announcement}"
