"""What is wrong with the settings, and what to do about it."""

from collections.abc import Callable, Mapping

from bot.config import ConfigCode, ConfigError, ConfigProblem
from bot.config.problems import FileCause, KeyCause, TomlCause, TomlType
from bot.texts import templates
from bot.texts.measures import size
from bot.texts.plurals import counted

__all__ = ["report", "sentence"]

Values = Mapping[str, str | int]


def report(error: ConfigError) -> str:
    """All problems, one on each line, under a line that counts them."""
    file = f" ({error.path})" if error.path else ""
    count = counted(len(error.problems), "ошибка", "ошибки", "ошибок")
    lines = [f"  • {sentence(problem)}" for problem in error.problems]
    return "\n".join([f"В настройках{file} {count}:", *lines])


def sentence(problem: ConfigProblem) -> str:
    """The key, what is wrong with it, and the remedy."""
    words = SENTENCES[problem.code]
    text = words(problem) if callable(words) else words.format_map(problem.values)
    place = _place(problem)
    return f"{place}: {text}" if place else text[0].upper() + text[1:]


def _place(problem: ConfigProblem) -> str:
    item, variable = problem.values.get("item"), problem.values.get("variable")
    details = [f"значение № {item}" if item else "", f"переменная {variable}" if variable else ""]
    shown = ", ".join(filter(None, details))
    return f"{problem.where} ({shown})" if shown else problem.where


def _key(problem: ConfigProblem) -> str:
    return problem.where.rpartition(".")[2]


def _variable(problem: ConfigProblem) -> str:
    return "RUPOR_" + problem.where.replace(".", "__").replace("-", "_").upper()


def _perhaps(nearest: str | int | None, otherwise: str = "") -> str:
    return f"Возможно, имелось в виду «{nearest}»." if nearest else otherwise


# Files

CAUSES: Mapping[str, str] = {
    FileCause.NOT_FOUND: "файла {path} нет. Проверьте путь: {base}.",
    FileCause.NOT_PERMITTED: "файл {path} не открывается: нет прав. Дайте право на чтение тому, кто запускает rupor.",
    FileCause.FOLDER: "{path} — это папка, а нужен файл. Допишите имя файла.",
    FileCause.NOT_UTF8: "файл {path} не в кодировке UTF-8. Сохраните его заново, выбрав UTF-8.",
    FileCause.OTHER: "файл {path} не читается. Проверьте диск и имя файла.",
}


def _file_unreadable(problem: ConfigProblem) -> str:
    base = "он отсчитывается от папки файла настроек" if problem.where else "он стоит после --config или в RUPOR_CONFIG"
    return CAUSES[str(problem.values["cause"])].format(path=problem.values["path"], base=base)


TOML_CAUSES: Mapping[str, str] = {
    TomlCause.TWICE: "один и тот же ключ или раздел назван дважды. Оставьте один.",
    TomlCause.SYNTAX: "здесь запись не по правилам TOML. Чаще всего дело в кавычках: текст пишется в кавычках, "
    "числа — без них; списки — в квадратных скобках через запятую.",
}


def _bad_toml(problem: ConfigProblem) -> str:
    line, column = problem.values["line"], problem.values["column"]
    place = f"строка {line}, знак {column}" if line else "конец файла"
    return f"{problem.values['path']}, {place}: {TOML_CAUSES[str(problem.values['cause'])]}"


# Types and ranges

TYPES: Mapping[str, str] = {
    TomlType.STRING: "текст",
    TomlType.INTEGER: "целое число",
    TomlType.NUMBER: "число",
    TomlType.BOOLEAN: "true или false",
    TomlType.LIST: "список",
    TomlType.SECTION: "раздел",
    TomlType.DATE: "дата",
}
EXAMPLES: Mapping[str, str] = {
    TomlType.STRING: 'Напишите в кавычках: {key} = "…".',
    TomlType.INTEGER: "Напишите без кавычек, например {key} = 123.",
    TomlType.NUMBER: "Напишите без кавычек, например {key} = 1.5.",
    TomlType.BOOLEAN: "Напишите без кавычек: {key} = true или {key} = false.",
    TomlType.LIST: "Напишите в квадратных скобках через запятую: {key} = […].",
    TomlType.SECTION: "Сделайте раздел: строку [{where}], а под ней его ключи.",
}


def _wrong_type(problem: ConfigProblem) -> str:
    expected = str(problem.values["expected"]).split()
    wanted = " или ".join(TYPES[each] for each in expected)
    what = f"нужно: {wanted}, а указано: {TYPES[str(problem.values['got'])]}."
    if "variable" in problem.values:
        return f"нужно: {wanted}. Исправьте значение переменной."
    return f"{what} {EXAMPLES[expected[0]].format(key=_key(problem), where=problem.where)}"


def _out_of_range(problem: ConfigProblem) -> str:
    least, most = problem.values.get("least"), problem.values.get("most")
    bounds = [f"от {least}" if least is not None else "", f"до {most}" if most is not None else ""]
    return f"{problem.values.get('value', 'это число')} не подходит. Укажите число {' '.join(filter(None, bounds))}."


def _not_one_of(problem: ConfigProblem) -> str:
    return f"такого значения нет. {_perhaps(problem.values['nearest'])} Можно: {problem.values['known']}.".replace(
        "  ", " "
    )


# Names


def _unknown_section(problem: ConfigProblem) -> str:
    known = f"Удалите его; есть разделы: {problem.values['known']}."
    return f"такого раздела нет. {_perhaps(problem.values['nearest'], known)}"


def _unknown_key(problem: ConfigProblem) -> str:
    known = f"Удалите его; есть ключи: {problem.values['known']}."
    return f"такого ключа нет. {_perhaps(problem.values['nearest'], known)}"


def _unknown_kind(problem: ConfigProblem) -> str:
    guess = _perhaps(problem.values["nearest"])
    return f"канала вида «{problem.values['value']}» нет. {guess} Есть виды: {problem.values['known']}.".replace(
        "  ", " "
    )


def _unknown_timezone(problem: ConfigProblem) -> str:
    examples = "Укажите, например, Europe/Moscow, Europe/Samara или Asia/Yekaterinburg."
    return f"часового пояса «{problem.values['value']}» нет. {_perhaps(problem.values['nearest'], examples)}"


def _bad_database_url(problem: ConfigProblem) -> str:
    if _key(problem) == "listen_url":
        return (
            "адрес базы данных не годится. Напишите прямой адрес сервера, мимо пулера: "
            "postgresql+asyncpg://имя:пароль@сервер/база."
        )
    guess = f"Начните адрес так: {problem.values['nearest']}. " if problem.values["nearest"] else ""
    return (
        f"адрес базы данных не годится. {guess}Напишите sqlite+aiosqlite:///rupor.db (файл рядом с настройками) "
        "или postgresql+asyncpg://имя:пароль@сервер/база."
    )


# Secrets

SOURCES: Mapping[str, str] = {
    "bot.token": "Ключ бота выдаёт @BotFather в Telegram.",
    "bot.webhook_secret": "Он нужен, раз задан webhook_url: придумайте от 1 до 256 знаков из A–Z, a–z, 0–9, _ и -.",
    "web.secret": "Он подписывает ссылки отписки и отчётов, раз задан public_url: возьмите 32 случайных знака.",
}


def _missing_secret(problem: ConfigProblem) -> str:
    source, key = SOURCES.get(problem.where, ""), _key(problem)
    ways = f'Впишите {key} = "…", или {key}_file = "путь к файлу", или задайте переменную {_variable(problem)}.'
    return " ".join(filter(None, ["не указано.", source, ways]))


def _missing(problem: ConfigProblem) -> str:
    return f"не указано. Впишите {_key(problem)} = … или задайте переменную {_variable(problem)}."


def _given_twice(problem: ConfigProblem) -> str:
    return f"то же задано и ключом {problem.values['other']}. Оставьте что-нибудь одно."


def _too_short(problem: ConfigProblem) -> str:
    return f"слишком коротко. Нужно не меньше {counted(int(problem.values['least']), 'знака', 'знаков', 'знаков')}."


KEY_CAUSES: Mapping[str, str] = {
    KeyCause.UNREADABLE: "это не похоже на закрытый ключ. Нужен весь файл PEM: от строки -----BEGIN PRIVATE KEY----- "
    "до строки -----END PRIVATE KEY-----.",
    KeyCause.ENCRYPTED: "ключ закрыт паролем. Сохраните его без пароля: openssl pkey -in ключ.pem -out без-пароля.pem.",
    KeyCause.KIND: "это ключ другого вида.",
    KeyCause.LENGTH: "в ключе {bits} бит, а почтовые службы считаются с ключами от 2048 до 4096.",
}
NEW_KEYS: Mapping[str, str] = {
    "rsa": "Новый делает команда openssl genrsa -out dkim.pem 2048.",
    "ed25519": "Новый делает команда openssl genpkey -algorithm ed25519 -out dkim-ed25519.pem.",
}


def _bad_signing_key(problem: ConfigProblem) -> str:
    cause = KEY_CAUSES[str(problem.values["cause"])].format_map(problem.values)
    return f"{cause} {NEW_KEYS[str(problem.values['algorithm'])]}"


def _bad_logo(problem: ConfigProblem) -> str:
    file = f"файл {problem.values['path']}"
    if problem.values["cause"] == "too_large":
        return f"{file} слишком большой. Уменьшите логотип: хватит {size(int(problem.values['limit']))}."
    return f"{file} — не картинка, которую покажет почта. Сохраните логотип как PNG или JPEG."


HINTS: Mapping[str, str] = {
    "chat_id": "Напишите @имя канала или его номер вида -1001234567890.",
    "service_chat": "Напишите @имя чата или его номер вида -1001234567890.",
    "host": "Напишите имя сервера без https:// и без порта, например smtp.example.org.",
    "dkim_selector": "Возьмите латинские буквы и цифры, например rupor.",
    "dkim_ed25519_selector": "Возьмите латинские буквы и цифры, например rupor-ed25519.",
}


def _bad_value(problem: ConfigProblem) -> str:
    detail = problem.values.get("detail")
    what = f"значение не подходит ({detail})." if detail else "значение не подходит."
    return f"{what} {HINTS.get(_key(problem), 'Что здесь пишут, сказано в docs/settings.md.')}"


Words = str | Callable[[ConfigProblem], str]

SENTENCES: Mapping[ConfigCode, Words] = {
    ConfigCode.NO_CONFIG: "настроек нет: здесь нет файла config.toml и не задана переменная RUPOR_CONFIG. "
    "Скопируйте config.example.toml в config.toml и заполните; "
    "файл в другом месте укажите так: rupor --config ФАЙЛ.",
    ConfigCode.FILE_UNREADABLE: _file_unreadable,
    ConfigCode.BAD_TOML: _bad_toml,
    ConfigCode.UNKNOWN_SECTION: _unknown_section,
    ConfigCode.UNKNOWN_KEY: _unknown_key,
    ConfigCode.CHANNEL_NAME: "имя канала не годится. Возьмите до 32 латинских букв, цифр, знаков - и _; "
    "первой — буква или цифра.",
    ConfigCode.KIND_MISSING: 'не указан вид канала. Впишите kind = "…"; есть виды: {known}.',
    ConfigCode.UNKNOWN_KIND: _unknown_kind,
    ConfigCode.WRONG_TYPE: _wrong_type,
    ConfigCode.OUT_OF_RANGE: _out_of_range,
    ConfigCode.NOT_ONE_OF: _not_one_of,
    ConfigCode.MISSING: _missing,
    ConfigCode.MISSING_SECRET: _missing_secret,
    ConfigCode.GIVEN_TWICE: _given_twice,
    ConfigCode.TOO_SHORT: _too_short,
    ConfigCode.UNKNOWN_TIMEZONE: _unknown_timezone,
    ConfigCode.BAD_DATABASE_URL: _bad_database_url,
    ConfigCode.BAD_PROXY: "адрес прокси не годится. Напишите socks5://имя:пароль@сервер:порт или http://сервер:порт.",
    ConfigCode.BAD_TOKEN: "это не похоже на ключ бота. Скопируйте его у @BotFather целиком: число, двоеточие и знаки "
    "после него, без пробелов и без слова bot впереди.",
    ConfigCode.BAD_URL: "это не похоже на адрес. Напишите его целиком, начиная с https://.",
    ConfigCode.NOT_HTTPS: "адрес должен начинаться с https://: почтовые службы и Telegram не откроют другого. "
    "Настройте сертификат и исправьте адрес или оставьте ключ пустым.",
    ConfigCode.BAD_WEBHOOK_SECRET: "Telegram примет только от 1 до 256 знаков из A–Z, a–z, 0–9, _ и -. "
    "Придумайте другой.",
    ConfigCode.BAD_ADDRESS: "это не похоже на почтовый адрес. Напишите press@example.org "
    "или «Пресс-служба <press@example.org>».",
    ConfigCode.BAD_SIGNING_KEY: _bad_signing_key,
    ConfigCode.BAD_COLOUR: "это не похоже на цвет. Напишите # и шесть знаков из 0–9 и A–F, например #c8102e.",
    ConfigCode.BAD_LOGO: _bad_logo,
    ConfigCode.BAD_TEMPLATES: lambda problem: templates.faults(str(problem.values["faults"])),
    ConfigCode.BAD_RETURN_PATH: "нужен почтовый адрес с одной звёздочкой перед @, на месте метки: press+*@example.org. "
    "Знаков перед @ вместе с меткой — не больше 64, так что на имя остаётся 26.",
    ConfigCode.BAD_VALUE: _bad_value,
}
