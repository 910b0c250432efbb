"""Why a text or a file on the command line cannot be taken."""

from collections.abc import Mapping

from bot.texts.measures import size

__all__ = [
    "EMPTY",
    "NOT_UTF8_ARGUMENT",
    "NO_TEXT",
    "STANDARD_INPUT",
    "TWO_TEXTS",
    "bad_markup",
    "file_empty",
    "file_too_large",
    "not_readable",
    "not_utf8",
    "text_too_large",
]

EMPTY = "Объявление пустое: нет ни текста, ни вложений. Добавьте --text, --text-file или --media."
NO_TEXT = "Нет нового текста. Добавьте --text или --text-file."
TWO_TEXTS = "Текст указан дважды. Оставьте --text или --text-file."
NOT_UTF8_ARGUMENT = "Текст --text не в кодировке UTF-8. Сохраните его в файл UTF-8 и укажите --text-file."
STANDARD_INPUT = "стандартный ввод"

_MARKUP: Mapping[str, str] = {
    "unclosed": "тег <{tag}> открыт и не закрыт. Допишите </{tag}>.",
    "unopened": "тег </{tag}> закрыт, но не открыт. Уберите его или допишите <{tag}>.",
    "unfinished": "тег <{tag} обрывается. Допишите > или, если это просто знак, напишите &lt;.",
}


def bad_markup(fault: str, tag: str, line: int, column: int) -> str:
    """Say what is wrong with a marked-up text. `fault` is a code of channels.markup."""
    return f"Разметка, строка {line}, знак {column}: {_MARKUP[fault].format(tag=tag)}"


def not_readable(name: str) -> str:
    """Say that a file cannot be read."""
    return f"Файл «{name}» не читается. Проверьте имя и права."


def not_utf8(name: str, line: int) -> str:
    """Say that a text is in some other encoding."""
    return f"«{name}», строка {line}: это не UTF-8. Сохраните текст заново, выбрав кодировку UTF-8."


def text_too_large(name: str, limit: int) -> str:
    """Say that a file is no text for people."""
    return f"«{name}» слишком велик для текста: можно до {size(limit)}. Может быть, это вложение (--media)?"


def file_too_large(name: str, bytes_: int, limit: int) -> str:
    """Say that an attachment is too large for every channel."""
    return (
        f"Файл «{name}» слишком большой: {size(bytes_)}, а можно до {size(limit)}. Уменьшите его или выложите в "
        "интернет и дайте в тексте ссылку."
    )


def file_empty(name: str) -> str:
    """Say that an attachment holds nothing."""
    return f"Файл «{name}» пустой. Проверьте, тот ли это файл."
