"""Moments and repeats: asked for, read back, listed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from bot.moments import in_words, repeat_in_words
from bot.texts.card import notes_of, shown_channels
from bot.texts.channels import Names
from bot.texts.measures import clipped
from bot.texts.states import SCHEDULE
from delivery.broadcast import Preview
from delivery.desk import Desk
from delivery.model import Schedule, ScheduleState
from delivery.report import title_of

__all__ = ["ask_moment", "ask_repeat", "moment", "planned", "removal", "repeat", "schedules"]

_TITLE = 120
_LINE = 60

PAST = "Этот момент уже прошёл. Выберите другой."
WEEKDAYS = ("Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс")
LAST_DAY = "Последний день"
ENDS = {"none": "Без конца", "1m": "Месяц", "3m": "Три месяца", "year": "До конца года"}
TOMORROW_AT_NINE = "Завтра в 9:00"
MONDAY_AT_TEN = "В понедельник в 10:00"


def ask_moment(number: int) -> Markup:
    """Ask when."""
    return Markup(
        "<b>Когда отправить №{}?</b>\nНапишите словами, например:\n"
        "завтра в 9:00\nв пятницу 18:30\n1 мая в 10:00\nчерез 2 часа"
    ).format(number)


def moment(number: int, title: str, at: datetime, now: datetime) -> Markup:
    """Read a moment back in full."""
    words = in_words(at, now)
    return Markup("<b>Когда: {}. Запланировать?</b>\n№{} · {}").format(words, number, clipped(title, _TITLE))


def ask_repeat(number: int) -> Markup:
    """Ask how often."""
    return Markup(
        "<b>Как часто повторять №{}?</b>\nВыберите или напишите словами, например:\n"
        "каждую среду в 10:00 до 1 июня\n1 числа каждого месяца в 9:00"
    ).format(number)


def ask_day(number: int, *, of_week: bool) -> Markup:
    """Ask on which day."""
    what = "В какой день недели" if of_week else "Какого числа"
    return Markup("<b>{} повторять №{}?</b>").format(what, number)


def ask_time(number: int) -> Markup:
    """Ask at what hour."""
    return Markup("<b>В котором часу повторять №{}?</b>").format(number)


def ask_end(number: int) -> Markup:
    """Ask how long."""
    return Markup("<b>Как долго повторять №{}?</b>").format(number)


def repeat(number: int, title: str, cron: str, until: datetime | None, first: datetime, now: datetime) -> Markup:
    """Read a repeat back in full."""
    return Markup("<b>Повторять {}?</b>\n№{} · {}\n\nПервый раз: {}.").format(
        repeat_in_words(cron, until, now), number, clipped(title, _TITLE), in_words(first, now)
    )


def planned(
    seen: Preview, plans: Sequence[Schedule], names: Names, desk: Desk, notes: Sequence[Mapping[str, Any]] = ()
) -> Markup:
    """Show an announcement that is planned."""
    lines = [
        Markup("<b>Запланировано · №{}</b>\n{}").format(
            seen.announcement.id, clipped(title_of(seen.announcement), _TITLE)
        )
    ]
    lines += [Markup.escape(line) for plan in plans for line in _plan(plan, desk)]
    lines += shown_channels(seen, names)
    lines += [Markup.escape(line) for line in notes_of(notes)]
    return Markup("\n").join(lines)


def _plan(plan: Schedule, desk: Desk) -> Iterator[str]:
    now = desk.now()
    if plan.cron:
        until = plan.until.astimezone(desk.zone) if plan.until else None
        words = repeat_in_words(plan.cron, until, now)
        yield f"Повтор: {words}."
    if plan.state is not ScheduleState.ACTIVE:
        yield f"Сейчас {SCHEDULE[plan.state]}."
    elif plan.next_at is not None:
        label = "Следующий раз" if plan.cron else "Выйдет"
        yield f"{label}: {in_words(plan.next_at.astimezone(desk.zone), now)}."


def schedules(plans: Sequence[Schedule], desk: Desk) -> Markup:
    """List what is planned, the next first."""
    if not plans:
        return Markup("Ничего не запланировано.\n\nЧтобы запланировать, пришлите объявление и нажмите «Запланировать».")
    lines = [Markup("<b>Запланированное</b>")]
    for plan in plans:
        title = clipped(next(iter(plan.title.splitlines()), ""), _LINE)
        lines += [Markup(), Markup("<b>№{}</b> {}").format(plan.announcement_id, title)]
        lines += [Markup.escape(line) for line in _plan(plan, desk)]
    return Markup("\n").join(lines)


def removal(plan: Schedule, desk: Desk) -> Markup:
    """Ask whether a schedule is really to go."""
    title = clipped(next(iter(plan.title.splitlines()), ""), _LINE)
    lines = [Markup("<b>Удалить из плана?</b>"), Markup("№{} {}").format(plan.announcement_id, title)]
    lines += [Markup.escape(line) for line in _plan(plan, desk)]
    end = "Что уже вышло, останется." if plan.cron else "Объявление будет отменено."
    return Markup("\n").join([*lines, Markup(), Markup.escape(end)])
