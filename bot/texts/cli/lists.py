"""Mailing lists on the command line."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from bot.texts.cli.amounts import many
from bot.texts.lists import bad_line, not_taken
from bot.texts.measures import listed, number
from delivery.listfile import Changes, ListFile, Member

COLUMNS = ("Список", "Название", "Адресов", "Не получают")
NUMBERS = (2, 3)
MEMBER_COLUMNS = ("Адрес", "Имя", "Организация", "Не получает")
NONE_YET = "Списков рассылки пока нет. Первый: rupor lists import СПИСОК ФАЙЛ."

_SHOWN = 20

_SUPPRESSED = {"unsubscribed": "отписался"}


def row(one: tuple[str, str, int, int]) -> tuple[str, ...]:
    """Tell one list in a row of COLUMNS."""
    key, name, addresses, suppressed = one
    return key, name, number(addresses), number(suppressed) if suppressed else ""


def member(one: Member, suppressed: str | None) -> tuple[str, ...]:
    """Tell one address in a row of MEMBER_COLUMNS."""
    return one.shown, one.name, one.organisation, _SUPPRESSED.get(suppressed, suppressed) if suppressed else ""


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


def imported(key: str, found: ListFile, changes: Changes, *, dry_run: bool) -> str:
    """Say what an import has changed, or would change."""
    return "\n".join(_imported(key, found, changes, dry_run=dry_run))


def _imported(key: str, found: ListFile, changes: Changes, *, dry_run: bool) -> Iterator[str]:
    if not found.members:
        yield f"Список {key}: ничего не записано, годных строк нет."
    else:
        yield f"Список {key}: {'проба, ничего не записано' if dry_run else 'записано'}."
        counts = (("новых", changes.added), ("изменено", changes.updated), ("без изменений", changes.unchanged))
        yield f"  {listed(f'{word} {number(len(members))}' for word, members in counts)}"
    if dry_run:
        yield from _named("Добавятся", [one.shown for one in changes.added])
        yield from _named("Изменятся", [_change(one.before, one.after) for one in changes.updated])
    if changes.missing and found.members:
        yield f"  в файле нет, в списке остаются: {number(len(changes.missing))}"
    if found.duplicates:
        yield f"  повторных адресов: {number(len(found.duplicates))}, взяты по разу"
    if found.formulas:
        yield f"  формулы вместо имён взяты как текст: {number(len(found.formulas))}"
    if found.other_sheets:
        yield f"  прочитан лист «{found.sheet}», адреса есть и на других: {listed(found.other_sheets, most=5)}"
    if found.bad:
        yield f"{not_taken(len(found.bad))}:"
        yield from (f"  {bad_line(one)}" for one in found.bad)


def _named(heading: str, words: Sequence[str]) -> Iterator[str]:
    if words:
        yield f"{heading}:"
        yield from (f"  {word}" for word in words[:_SHOWN])
        if len(words) > _SHOWN:
            yield f"  и ещё {number(len(words) - _SHOWN)}"


def _change(before: Member, after: Member) -> str:
    parts = [
        f"{old or '—'} → {new}"
        for old, new in ((before.name, after.name), (before.organisation, after.organisation))
        if old != new
    ]
    return f"{after.shown}: {', '.join(parts)}"


def exported(key: str, file: str, addresses: int) -> str:
    """Say where the list is."""
    return f"Список {key} сохранён: {file}, {many(addresses, 'адрес', 'адреса', 'адресов')}."


def not_writable(file: str) -> str:
    """Say that a file cannot be written."""
    return f"Файл «{file}» не записался. Проверьте папку, права и место на диске."


def bad_address(address: str, reason: str) -> str:
    """Say what is wrong with an address."""
    return f"«{address}»: {reason}."


def not_on_the_list(address: str, key: str) -> str:
    """Say that there was nothing to remove."""
    return f"Адреса {address} в списке {key} нет. Кто в нём есть: rupor lists show {key}."


def removed(address: str, key: str) -> str:
    """Say that an address is off the list."""
    return f"Адрес {address} убран из списка {key}."
