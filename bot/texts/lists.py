"""Mailing lists: what a file holds, what is wrong with its lines, what is on the lists."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bot.texts.measures import clipped, listed, number, size
from bot.texts.plurals import counted, plural
from delivery.listfile import BadLine, BadLineCode, Changes, ListFile, ListFileCode, ListFileError

__all__ = ["BAD_LINES", "FILES", "applied", "bad_line", "file_refused", "found", "not_taken", "overview"]

_LINES_SHOWN = 10
_LINE = 60

BAD_LINES: Mapping[BadLineCode, Callable[[Mapping[str, Any]], str]] = {
    BadLineCode.NO_ADDRESS: lambda _of: "нет адреса",
    BadLineCode.NO_AT: lambda _of: "в адресе нет знака @",
    BadLineCode.EXTRA_TEXT: lambda of: f"кроме адреса стоит лишнее: «{of.get('extra', '')}»",
    BadLineCode.BAD_LOCAL: lambda of: f"ошибка до знака @: «{of.get('part', '')}»",
    BadLineCode.BAD_DOMAIN: lambda of: f"ошибка после знака @: «{of.get('part', '')}»",
    BadLineCode.NOT_LATIN: lambda of: f"в адресе русские буквы, а нужны латинские: «{of.get('letters', '')}»",
    BadLineCode.MIXED_LETTERS: lambda of: f"русские буквы среди латинских: «{of.get('letters', '')}»",
    BadLineCode.TOO_LONG: lambda of: f"адрес слишком длинный: {of.get('length', '')} знаков",
    BadLineCode.FORMULA: lambda _of: "вместо адреса формула",
    BadLineCode.SHIFTED: lambda of: (
        f"столбцы сдвинуты: их {of.get('found', '')}, а в заголовке {of.get('expected', '')}"
    ),
    BadLineCode.UNCLOSED_QUOTE: lambda _of: "кавычка открыта и не закрыта",
}

FILES: Mapping[ListFileCode, Callable[[Mapping[str, Any]], str]] = {
    ListFileCode.EMPTY: lambda _of: "Файл пустой.",
    ListFileCode.TOO_LARGE: lambda of: (
        f"Файл слишком большой: можно до {size(int(of['limit']))}. Разделите его на части."
    ),
    ListFileCode.TOO_MANY_LINES: lambda of: (
        f"В файле слишком много строк: можно до {number(int(of['limit']))}. Разделите его на части."
    ),
    ListFileCode.NOT_TEXT: lambda _of: (
        "Это не таблица. Сохраните список в программе таблиц как XLSX или CSV и пришлите снова."
    ),
    ListFileCode.NO_ADDRESSES: lambda _of: "В файле нет ни одного адреса почты.",
}


def bad_line(one: BadLine) -> str:
    """Say what is wrong with a line."""
    reason = BAD_LINES[one.code](one.values)
    return f"строка {one.line}: {reason}" + (f" («{clipped(one.text, _LINE)}»)" if one.text else "")


def file_refused(error: ListFileError) -> str:
    """Say why a whole file gives no list."""
    return FILES[error.code](error.values)


def found(name: str, file: ListFile) -> Markup:
    """Show what a file holds, and ask for which list it is."""
    lines = [
        Markup("<b>Это список рассылки?</b>"),
        Markup("«{}»: {}.").format(clipped(name, _LINE), counted(len(file.members), "адрес", "адреса", "адресов")),
    ]
    if file.duplicates:
        lines.append(Markup("Повторных адресов: {}, взяты по разу.").format(len(file.duplicates)))
    if file.sheet and file.other_sheets:
        lines.append(
            Markup("Прочитан лист «{}». Адреса есть и на других: {}.").format(
                file.sheet, listed(file.other_sheets, most=3)
            )
        )
    if file.formulas:
        lines.append(Markup("Формулы вместо имён взяты как обычный текст: {}.").format(len(file.formulas)))
    lines += _bad_lines(file.bad)
    lines += [Markup(), Markup("В какой список записать?")]
    return Markup("\n").join(lines)


def not_taken(n: int) -> str:
    """Say how many lines are left out: «Не взята 1 строка»."""
    return f"{plural(n, 'Не взята', 'Не взяты', 'Не взято')} {counted(n, 'строка', 'строки', 'строк')}"


def _suppressed(n: int) -> str:
    return f"{number(n)}\u00a0{plural(n, 'отписался', 'отписались', 'отписались')}"


def _bad_lines(bad: Sequence[BadLine]) -> list[Markup]:
    if not bad:
        return []
    lines = [Markup(), Markup("{}:").format(not_taken(len(bad)))]
    lines += [Markup.escape(bad_line(one)) for one in bad[:_LINES_SHOWN]]
    if len(bad) > _LINES_SHOWN:
        lines.append(Markup("и ещё {}").format(number(len(bad) - _LINES_SHOWN)))
    return lines


def refused(name: str, sentence: str) -> Markup:
    """Say that a file gives no list, and what can be done with it."""
    return Markup("<b>Список из «{}» прочитать не удалось</b>\n{}").format(clipped(name, _LINE), sentence)


NOT_DOWNLOADED = "Telegram сейчас не отдаёт файл. Попробуйте через минуту: он сохранён в переписке."
TOO_LARGE_TO_DOWNLOAD = "Файл больше 20\u00a0МБ, бот не может его скачать. Разделите его на части."
IS_ANNOUNCEMENT = Markup("Хорошо, это объявление с файлом. Карточка ниже.")
READ_AGAIN = "Прочитать ещё раз"


def new_list(name: str) -> str:
    """Name the button that makes a list."""
    return f"Новый список «{clipped(name, 40)}»"


def applied(list_name: str, changes: Changes, bad: int) -> Markup:
    """Say what an import has changed."""
    said = [
        (len(changes.added), ("новый", "новых", "новых")),
        (len(changes.updated), ("изменён", "изменено", "изменено")),
        (len(changes.unchanged), ("без изменений", "без изменений", "без изменений")),
    ]
    words = [counted(n, *forms) for n, forms in said if n]
    lines = [Markup("<b>Записано в список «{}»</b>").format(list_name), Markup("Адреса: {}.").format(listed(words))]
    if changes.missing:
        lines.append(
            Markup("Есть в списке, но нет в файле: {}. Они остались в списке.").format(number(len(changes.missing)))
        )
    if bad:
        lines.append(Markup("{} из-за ошибок.").format(not_taken(bad)))
    return Markup("\n").join(lines)


def overview(rows: Sequence[tuple[str, str, int, int]]) -> Markup:
    """Show every list as (key, name, members, suppressed)."""
    if not rows:
        return Markup(
            "Списков рассылки пока нет.\n\nПришлите файл CSV или XLSX: в столбцах адрес почты, имя, организация."
        )
    lines = [Markup("<b>Списки рассылки</b>")]
    for _key, name, members, suppressed in rows:
        left_out = f", {_suppressed(suppressed)}" if suppressed else ""
        lines.append(Markup("{}: {}{}").format(name, counted(members, "адрес", "адреса", "адресов"), left_out))
    lines += [Markup(), Markup("Чтобы добавить или обновить список, пришлите файл CSV или XLSX.")]
    return Markup("\n").join(lines)
