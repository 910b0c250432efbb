"""Repeats and planned announcements on the command line."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.texts.cli.status import when
from bot.texts.measures import clipped
from bot.texts.states import SCHEDULE
from delivery.model import Schedule, ScheduleState

COLUMNS = ("№", "Объявление", "Заголовок", "Состояние", "Следующая отправка", "Повтор")
NUMBERS = (0, 1)
NONE_YET = "Ничего не запланировано. Запланировать: rupor announce … --at «завтра в 9:00»."

_TITLE = 50

_DONE: Mapping[ScheduleState, str] = {
    ScheduleState.PAUSED: "Расписание {id} на паузе. Продолжить: rupor schedules resume {id}",
    ScheduleState.ACTIVE: "Расписание {id} снова действует, следующая отправка {next_at}.",
    ScheduleState.REMOVED: "Расписание {id} удалено, по нему больше ничего не выйдет.",
}


def row(one: Schedule, repeat: str, zone: ZoneInfo) -> tuple[str, ...]:
    """Tell one schedule in a row of COLUMNS."""
    return (
        str(one.id),
        str(one.announcement_id),
        clipped(" ".join(one.title.split()), _TITLE),
        SCHEDULE[one.state],
        "" if one.next_at is None else when(one.next_at, zone),
        repeat,
    )


def unknown(number: int) -> str:
    """Say that there is no such schedule."""
    return f"Расписания {number} нет. Действующие покажет rupor schedules."


def turned(one: Schedule, next_at: datetime | None, zone: ZoneInfo) -> str:
    """Say what became of a schedule."""
    if one.state is ScheduleState.FINISHED:
        return f"Расписание {one.id} завершено: его время прошло."
    return _DONE[one.state].format(id=one.id, next_at="" if next_at is None else when(next_at, zone))


def already(one: Schedule) -> str:
    """Say that it was so before."""
    return f"Расписание {one.id} и так в состоянии «{SCHEDULE[one.state]}»."


def over(one: Schedule) -> str:
    """Say that a schedule cannot be turned any more."""
    return f"С расписанием {one.id} сделать ничего нельзя, оно в состоянии «{SCHEDULE[one.state]}»."
