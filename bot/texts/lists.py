"""Mailing lists: what a file holds, what is wrong with its lines, what it would change, what is on the lists."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bot.texts.measures import clipped, listed, number, size
from bot.texts.plurals import counted, plural
from delivery.imports import Plan
from delivery.listdiff import Changes, Update
from delivery.listfile import ListFile, ListFileCode, ListFileError
from delivery.listlines import BadLine, BadLineCode
from delivery.member import NO_CONSENT, Consent, Member, SuppressionReason
from delivery.store.imports import Undone

__all__ = [
    "BAD_LINES",
    "CONSENT",
    "FILES",
    "LEFT_OUT",
    "applied",
    "bad_line",
    "changed",
    "consent",
    "file_refused",
    "found",
    "left_out",
    "not_taken",
    "overview",
    "preview",
    "said_of_bad",
    "undone",
]

EMPTY = "—"
_LINES_SHOWN = 10
_LINES_NAMED = 3
_NAMED = 3
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
    BadLineCode.ERASED: lambda _of: "удалён по просьбе владельца, не добавлен",
}

LEFT_OUT: Mapping[str, tuple[str, str, str]] = {
    SuppressionReason.UNSUBSCRIBED: ("отписался", "отписались", "отписались"),
    SuppressionReason.BOUNCED: ("не принимает почту", "не принимают почту", "не принимают почту"),
    SuppressionReason.COMPLAINED: ("пожаловался на спам", "пожаловались на спам", "пожаловались на спам"),
    SuppressionReason.BY_HAND: ("отключён вручную", "отключены вручную", "отключены вручную"),
    NO_CONSENT: ("не дал согласия", "не дали согласия", "не дали согласия"),
}
_LEFT_OUT_OTHERWISE = ("не получает писем", "не получают писем", "не получают писем")

CONSENT: Mapping[Consent, str] = {Consent.YES: "есть", Consent.NO: "нет", Consent.UNKNOWN: "неизвестно"}

_NOT_A_TABLE = "Это не таблица. Сохраните список в программе таблиц как XLSX или CSV и пришлите снова."
NOT_TEXT: Mapping[str, str] = {
    "protected": "Файл закрыт паролем. Сохраните его без пароля и пришлите снова.",
    "broken": "Файл таблицы повреждён. Откройте его, сохраните заново как XLSX или CSV и пришлите снова.",
}

FILES: Mapping[ListFileCode, Callable[[Mapping[str, Any]], str]] = {
    ListFileCode.EMPTY: lambda _of: "Файл пустой.",
    ListFileCode.TOO_LARGE: lambda of: (
        f"Файл слишком большой: можно до {size(int(of['limit']))}. Разделите его на части."
    ),
    ListFileCode.TOO_MANY_LINES: lambda of: (
        f"В файле слишком много строк: можно до {number(int(of['limit']))}. Разделите его на части."
    ),
    ListFileCode.NOT_TEXT: lambda of: NOT_TEXT.get(of.get("format", ""), _NOT_A_TABLE),
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
    if file.unclear:
        lines.append(Markup.escape(not_understood(file)))
    lines += _bad_lines(file.bad)
    lines += [Markup(), Markup("В какой список записать?")]
    return Markup("\n").join(lines)


def not_taken(n: int) -> str:
    """Say how many lines are left out: «Не взята 1 строка»."""
    return f"{plural(n, 'Не взята', 'Не взяты', 'Не взято')} {counted(n, 'строка', 'строки', 'строк')}"


def not_understood(file: ListFile) -> str:
    """Say which remarks about tags and consent say nothing clear."""
    first = file.unclear[0]
    more = f", всего таких {number(len(file.unclear))}" if len(file.unclear) > 1 else ""
    return f"Метка, согласие или дата не понята и пропущена: строка {first.line} («{clipped(first.text, 40)}»){more}."


def left_out(why: Mapping[str, int]) -> str:
    """Say how many get no letter, reason by reason: «2 отписались, 1 не дал согласия»."""
    return listed(counted(n, *LEFT_OUT.get(reason, _LEFT_OUT_OTHERWISE)) for reason, n in why.items())


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


# What a file would change

_NEW = ("новый", "новых", "новых")
_GONE = ("исчез", "исчезли", "исчезли")
_MENDED = ("исправлен", "исправлены", "исправлены")
_SAME = ("без изменений", "без изменений", "без изменений")


def changed(changes: Changes, bad: Sequence[BadLine]) -> str:
    """Say it in one line: «12 новых, 3 исчезли, 2 исправлены, 1 с ошибкой (строка 7)»."""
    words = [
        _many(n, forms)
        for n, forms in ((len(changes.added), _NEW), (changes.missing, _GONE), (len(changes.updated), _MENDED))
        if n
    ]
    return listed([*words, *([said_of_bad(bad)] if bad else [])]) or "ничего не изменится"


def _many(n: int, forms: tuple[str, str, str]) -> str:
    return counted(n, *forms).replace(str(n), number(n), 1)


def said_of_bad(bad: Sequence[BadLine]) -> str:
    """Say how many lines have a mistake, and which: «3 с ошибками (строки 7, 9, 12)»."""
    numbers = sorted({one.line for one in bad})
    which = listed(map(str, numbers), most=_LINES_NAMED)
    return (
        f"{counted(len(bad), 'с ошибкой', 'с ошибками', 'с ошибками')} "
        f"({'строка' if len(numbers) == 1 else 'строки'} {which})"
    )


APPLY = "Применить"
UNDO = "Вернуть как было"


def apply_and_remove(n: int) -> str:
    """Name the button that also takes out whoever is missing in the file."""
    return f"Применить и убрать исчезнувших ({number(n)})"


def preview(list_name: str, plan: Plan, *, again: bool = False) -> Markup:
    """Show what a file would change in a list, and ask. `again`: the list has changed since it was shown before."""
    lines = [Markup("<b>Что изменится в списке «{}»</b>").format(list_name)]
    lines += [Markup("Список только что изменился, посмотрите ещё раз.")] if again else []
    lines.append(Markup("{}.").format(_capital(changed(plan.changes, plan.file.bad))))
    lines += [Markup.escape(line) for line in _named(plan.changes)]
    if plan.changes.missing:
        lines += [Markup(), Markup.escape(_of_missing(plan))]
    lines += _bad_lines(plan.file.bad)
    return Markup("\n").join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(changes: Changes) -> Iterator[str]:
    if changes.added:
        yield f"Новые: {listed((one.shown for one in changes.added), most=_NAMED)}."
    if changes.updated:
        yield f"Исправлены: {listed(map(difference, changes.updated[:_NAMED]))}{_rest(len(changes.updated))}."
    if changes.missing:
        shown = listed(one.shown for one in changes.missing_named[:_NAMED])
        yield f"Исчезли: {shown}{_rest(changes.missing)}."


def _rest(n: int) -> str:
    return f" и ещё {number(n - _NAMED)}" if n > _NAMED else ""


def difference(one: Update) -> str:
    """Say what a file changes of one member."""
    before, after = one.before, one.after
    pairs = (
        (before.name, after.name),
        (before.organisation, after.organisation),
        (listed(before.tags or ()), listed(after.tags or ())),
        (consent(before), consent(after)),
    )
    return f"{after.shown} ({'; '.join(f'{old or EMPTY} → {new or EMPTY}' for old, new in pairs if old != new)})"


def consent(one: Member) -> str:
    """Say what is known of a member's consent: «есть, заявление, 2026-03-01»."""
    known = CONSENT[one.consent] if one.consent is not Consent.UNKNOWN else ""
    return listed(filter(None, (known, one.consent_source, one.consent_on)))


def _of_missing(plan: Plan) -> str:
    words = "Исчезли — значит, есть в списке, но нет в файле. «Применить» оставит их в списке."
    if not plan.may_remove:
        return f"{words} Убрать их можно файлом без ошибок: вдруг ошибка как раз в их адресе."
    return words


def applied(list_name: str, plan: Plan, *, removed: bool) -> Markup:
    """Say what an import has changed."""
    changes = plan.changes
    said = [
        (len(changes.added), _NEW),
        (len(changes.updated), _MENDED),
        (changes.missing if removed else 0, ("убран", "убраны", "убраны")),
        (changes.unchanged, _SAME),
    ]
    words = [_many(n, forms) for n, forms in said if n]
    lines = [Markup("<b>Записано в список «{}»</b>").format(list_name)]
    lines += [Markup("Адреса: {}.").format(listed(words))] if words else []
    if changes.missing and not removed:
        lines.append(
            Markup("Есть в списке, но нет в файле: {}. Они остались в списке.").format(number(changes.missing))
        )
    if plan.file.bad:
        lines.append(Markup("Не взято: {}.").format(said_of_bad(plan.file.bad)))
    return Markup("\n").join(lines)


def not_applied(list_name: str) -> Markup:
    """Say that nothing was written."""
    return Markup("Список «{}» не изменился. Если передумаете, пришлите файл ещё раз.").format(list_name)


def undone(list_name: str, done: Undone) -> Markup:
    """Say what an undo has brought back."""
    if done.list_gone:
        return Markup("<b>Как было</b>\nСписка «{}» больше нет: его создал этот файл.").format(list_name)
    left = Markup("<b>Список «{}»: вернулось не всё</b>")
    head = left if done.kept else Markup("<b>Список «{}» снова как был</b>")
    lines = [head.format(list_name), *map(Markup.escape, sentences_of(done))]
    return Markup("\n").join(lines)


def sentences_of(done: Undone) -> Iterator[str]:
    """Say in numbers what an undo has done, and what it had to leave."""
    counts = (
        ("убрано новых", done.removed),
        ("возвращено исчезнувших", done.returned),
        ("возвращены прежние данные", done.restored),
    )
    words = listed(f"{word}: {number(n)}" for word, n in counts if n)
    if words:
        yield f"{_capital(words)}."
    if done.kept:
        named = listed(done.kept_named[:_NAMED])
        yield f"Не тронуты, потому что с тех пор изменены: {named}{_rest(done.kept)}."


NOTHING_TO_UNDO = "Возвращать нечего: это уже отменено или было слишком давно."


# What there is


def overview(rows: Sequence[tuple[str, str, int, int]], why: Mapping[str, Mapping[str, int]]) -> Markup:
    """Show every list as (key, name, members, left out), and why they are left out, by the list's key."""
    if not rows:
        return Markup(
            "Списков рассылки пока нет.\n\n"
            "Пришлите таблицу: XLSX, CSV, ODS или XLS. В столбцах адрес почты, имя, организация."
        )
    lines = [Markup("<b>Списки рассылки</b>")]
    for key, name, members, silent in rows:
        lines.append(Markup("{}: {}").format(name, counted(members, "адрес", "адреса", "адресов")))
        if silent:
            lines.append(Markup("   писем не получат {}: {}").format(number(silent), left_out(why.get(key, {}))))
    lines += [Markup(), Markup("Чтобы добавить или обновить список, пришлите таблицу: XLSX, CSV, ODS или XLS.")]
    return Markup("\n").join(lines)
