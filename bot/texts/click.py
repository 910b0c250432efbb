"""The Russian of the command line's own words: what click says of options, arguments and files.

Keys are click's own sentences (its gettext ids; of a plural pair, the singular). A triple holds the forms for 1, 2, 5.
"""

from collections.abc import Mapping

__all__ = ["RUSSIAN"]

RUSSIAN: Mapping[str, str | tuple[str, str, str]] = {
    # Help pages
    "Usage:": "Вызов:",
    "Options": "Параметры",
    "Positional arguments": "Аргументы",
    "Commands": "Команды",
    "Show this message and exit.": "Показать эту справку.",
    "Show the version and exit.": "Показать версию.",
    "%(prog)s, version %(version)s": "%(prog)s %(version)s",
    "env var: {var}": "переменная {var}",
    "default: {default}": "по умолчанию {default}",
    "required": "обязательно",
    "(dynamic)": "(вычисляется)",
    "deprecated": "устарело",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}": "Команда {name} устарела.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}": "{name} больше не используется."
    "{extra_message}",
    # What was called wrongly
    "Error: {message}": "Ошибка: {message}",
    "Try '{command} {option}' for help.": "Справка: {command} {option}",
    "Missing command.": "Не указана команда.",
    "Missing argument": "Не указано:",
    "Missing option": "Не указан параметр",
    "Missing parameter": "Не указано:",
    "Missing {param_type}": "Не указано:",
    "Missing parameter: {param_name}": "Не указано: {param_name}",
    "No such option {name!r}.": "Параметра {name} нет.",
    "No such command {name!r}.": "Команды {name} нет.",
    "Did you mean {possibility}?": (
        "Возможно, имелось в виду {possibility}.",
        "Возможно, имелось в виду одно из: {possibilities}.",
        "Возможно, имелось в виду одно из: {possibilities}.",
    ),
    "Option {name!r} does not take a value.": "Параметру {name} значение не нужно.",
    "Option {name!r} requires an argument.": (
        "Параметру {name} нужно значение.",
        "Параметру {name} нужно несколько значений: {nargs}.",
        "Параметру {name} нужно несколько значений: {nargs}.",
    ),
    "Argument {name!r} takes {nargs} values.": "{name}: нужно значений: {nargs}.",
    "Takes {nargs} values but 1 was given.": (
        "нужно значений: {nargs}, а указано одно.",
        "нужно значений: {nargs}, а указано: {len}.",
        "нужно значений: {nargs}, а указано: {len}.",
    ),
    "{len_type} values are required, but {len_value} was given.": (
        "нужно значений: {len_type}, а указано: {len_value}.",
        "нужно значений: {len_type}, а указано: {len_value}.",
        "нужно значений: {len_type}, а указано: {len_value}.",
    ),
    "Got unexpected extra argument ({args})": (
        "Лишнее слово: {args}. Текст с пробелами пишут в кавычках.",
        "Лишние слова: {args}. Текст с пробелами пишут в кавычках.",
        "Лишние слова: {args}. Текст с пробелами пишут в кавычках.",
    ),
    "Invalid value: {message}": "Значение не подходит: {message}",
    "Invalid value for {param_hint}: {message}": "{param_hint}: {message}",
    "Value must be an iterable.": "нужен список.",
    "{value!r} is not a valid {number_type}.": "«{value}» — не число.",
    "{value} is not in the range {range}.": "{value} не подходит, нужно {range}.",
    "Choose from:\n\t{choices}": "Можно:\n\t{choices}",
    "{value!r} is not {choice}.": (
        "«{value}» не подходит. Можно: {choice}.",
        "«{value}» не подходит. Можно: {choices}.",
        "«{value}» не подходит. Можно: {choices}.",
    ),
    "{value!r} does not match the format {format}.": (
        "«{value}» не подходит, нужно так: {format}.",
        "«{value}» не подходит, нужно так: {formats}.",
        "«{value}» не подходит, нужно так: {formats}.",
    ),
    "{value!r} is not a valid boolean. Recognized values: {states}": "«{value}» не подходит. Можно: {states}",
    "{value!r} is not a valid UUID.": "«{value}» не подходит: нужен UUID.",
    # Files
    "file": "файл",
    "directory": "папка",
    "path": "путь",
    "{name} {filename!r} does not exist.": "{name} «{filename}»: не найдено. Проверьте имя.",
    "{name} {filename!r} is a file.": "{name} «{filename}»: это файл, а нужна папка.",
    "{name} {filename!r} is a directory.": "{name} «{filename}»: это папка, а нужен файл.",
    "{name} {filename!r} is not readable.": "{name} «{filename}»: нет прав на чтение.",
    "{name} {filename!r} is not writable.": "{name} «{filename}»: нет прав на запись.",
    "{name} {filename!r} is not executable.": "{name} «{filename}»: нет прав на запуск.",
    "Could not open file {filename!r}: {message}": "Файл «{filename}» не открылся: {message}",
    "unknown error": "неизвестная ошибка",
    # Questions
    "Aborted!": "Прервано.",
    "Do you want to continue?": "Продолжить?",
    "Confirm the action without prompting.": "Не переспрашивать.",
    "Repeat for confirmation": "Повторите",
    "Error: The two entered values do not match.": "Ошибка: введено по-разному.",
    "Error: invalid input": "Ошибка: непонятный ответ",
    "Press any key to continue...": "Нажмите любую клавишу…",
}
