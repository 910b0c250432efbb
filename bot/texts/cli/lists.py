"""Mailing lists on the command line: what is there, what a file changes, what an undo brings back."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from bot.texts.cli.amounts import many
from bot.texts.lists import (
    LEFT_OUT,
    bad_line,
    changed,
    consent,
    difference,
    left_out,
    not_taken,
    not_understood,
    said_of_bad,
    sentences_of,
)
from bot.texts.measures import listed, number
from delivery.imports import Plan
from delivery.listlines import BadLine
from delivery.store.imports import Import, Undone
from delivery.store.lists import Listed

COLUMNS = ("Список", "Название", "Адресов", "Не получают", "Почему")
NUMBERS = (2, 3)
MEMBER_COLUMNS = ("Адрес", "Имя", "Организация", "Метки", "Согласие", "Не получает")
REMARK_COLUMNS = ("Не получает", "Откуда адрес", "Добавлен")  # behind a member's own, in an exported file
NONE_YET = "Списков рассылки пока нет. Первый: rupor lists import СПИСОК ФАЙЛ."

_SHOWN = 20


def row(one: tuple[str, str, int, int], why: Mapping[str, int]) -> tuple[str, ...]:
    """Tell one list in a row of COLUMNS."""
    key, name, addresses, silent = one
    return key, name, number(addresses), number(silent) if silent else "", left_out(why)


def member(one: Listed) -> tuple[str, ...]:
    """Tell one address in a row of MEMBER_COLUMNS."""
    who = one.member
    return who.shown, who.name, who.organisation, listed(who.tags or ()), consent(who), reason(one.left_out)


def reason(code: str | None) -> str:
    """Say why one address gets no letters; empty when it does."""
    if code is None:
        return ""
    return LEFT_OUT[code][0] if code in LEFT_OUT else code


def remarks(one: Listed, zone: ZoneInfo) -> tuple[str, ...]:
    """Say what stands in an exported file behind a member's own columns."""
    return reason(one.left_out), one.source, f"{one.added_at.astimezone(zone):%Y-%m-%d %H:%M}"


def tags(counted: Mapping[str, int]) -> str:
    """Say which tags there are; empty for none."""
    return f"Метки: {listed(f'{tag} ({number(n)})' for tag, n in counted.items())}" if counted else ""


def empty(key: str) -> str:
    """Say that a list holds nobody."""
    return f"В списке {key} нет адресов. Добавить: rupor lists import {key} ФАЙЛ."


def unknown(named: str, there: Sequence[str]) -> str:
    """Say that there is no such list, and which there are."""
    near = get_close_matches(named, there, 1, 0.5)
    guess = f" Возможно, имелось в виду «{near[0]}»." if near else ""
    return f"Списка «{named}» нет.{guess} {f'Есть: {listed(there, most=12)}.' if there else NONE_YET}"


def bad_key(key: str) -> str:
    """Say how a list may be called."""
    return (
        f"«{key}» не годится как имя списка в командах: возьмите до 32 латинских букв, цифр, точек, знаков - и _. "
        "Название для людей укажите так: --name."
    )


def not_readable(file: str) -> str:
    """Say that a file cannot be read."""
    return f"Файл «{file}» не читается. Проверьте имя и права."


def refused(file: str, sentence: str) -> str:
    """Say that a file gives no list."""
    return f"{file}: {sentence[0].lower()}{sentence[1:]}"


def no_removal(bad: Sequence[BadLine]) -> str:
    """Say why nobody may be taken out of the list by this file."""
    if not bad:
        return "В файле не осталось ни одного адреса, поэтому из списка никто не убран. Проверьте файл."
    return (
        f"В файле есть ошибки: {said_of_bad(bad)}. Вдруг это адреса тех, кого пришлось бы убрать, поэтому ничего не "
        "сделано. Исправьте файл или уберите --remove-missing."
    )


def imported(key: str, plan: Plan, *, dry_run: bool, removes: bool, undoable: bool) -> str:
    """Say what an import has changed, or would change."""
    return "\n".join(_imported(key, plan, dry_run=dry_run, removes=removes, undoable=undoable))


def _imported(key: str, plan: Plan, *, dry_run: bool, removes: bool, undoable: bool) -> Iterator[str]:
    found, changes = plan.file, plan.changes
    if not found.members:
        yield f"Список {key}: ничего не записано, годных строк нет."
    else:
        yield f"Список {key}: {'проба, ничего не записано' if dry_run else 'записано'}."
        yield f"  {changed(changes, found.bad)}"
        yield f"  без изменений {number(changes.unchanged)}"
    if dry_run:
        yield from _named("Новые", [one.shown for one in changes.added], len(changes.added))
        yield from _named("Исправлены", list(map(difference, changes.updated[:_SHOWN])), len(changes.updated))
        yield from _named("Исчезли", [one.shown for one in changes.missing_named[:_SHOWN]], changes.missing)
    if changes.missing and found.members:
        yield f"  {_of_missing(changes.missing, dry_run=dry_run, removes=removes)}"
    if found.duplicates:
        yield f"  повторных адресов: {number(len(found.duplicates))}, взяты по разу"
    if found.formulas:
        yield f"  формулы вместо имён взяты как текст: {number(len(found.formulas))}"
    if found.unclear:
        yield f"  {not_understood(found)}"
    if found.other_sheets:
        yield f"  прочитан лист «{found.sheet}», адреса есть и на других: {listed(found.other_sheets, most=5)}"
    if found.bad:
        yield f"{not_taken(len(found.bad))}:"
        yield from (f"  {bad_line(one)}" for one in found.bad)
    if undoable:
        yield f"Вернуть как было: rupor lists undo {key}"


def _of_missing(n: int, *, dry_run: bool, removes: bool) -> str:
    if removes:
        return f"в файле нет, {'будут убраны' if dry_run else 'убраны'} из списка: {number(n)}"
    return f"в файле нет, в списке остаются: {number(n)} (убрать их: --remove-missing)"


def _named(heading: str, words: Sequence[str], of: int) -> Iterator[str]:
    if words:
        yield f"{heading}:"
        yield from (f"  {word}" for word in words[:_SHOWN])
        if of > _SHOWN:
            yield f"  и ещё {number(of - _SHOWN)}"


def nothing_to_undo(key: str) -> str:
    """Say that no import of the list can be taken back."""
    return f"Возвращать нечего: все недавние загрузки в список {key} уже отменены, или их не было."


def undone(one: Import, done: Undone, zone: ZoneInfo) -> str:
    """Say what an undo has brought back."""
    what = f"загрузка «{one.file}» от {one.at.astimezone(zone):%d.%m.%Y %H:%M} отменена"
    lines = [f"Список {one.list_key}: {what}.", *(f"  {line}" for line in sentences_of(done))]
    if done.list_gone:
        lines.append("  Списка больше нет: его создала эта загрузка.")
    return "\n".join(lines)


def exported(key: str, file: str, addresses: int) -> str:
    """Say where the list is."""
    return f"Список {key} сохранён: {file}, {many(addresses, 'адрес', 'адреса', 'адресов')}."


def not_writable(file: str) -> str:
    """Say that a file cannot be written."""
    return f"Файл «{file}» не записался. Проверьте папку, права и место на диске."
