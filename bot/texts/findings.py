"""What asking a channel "would it work now?" brought to light, in words: what is so, and what to do."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.texts.plurals import counted
from channels.contract import Finding, FindingCode
from channels.returns import PostboxCode

__all__ = ["FINDINGS", "finding"]

# As VK's own page names them where a key is made.
_RIGHTS: Mapping[str, str] = {
    "wall": "Стена сообщества",
    "docs": "Файлы",
    "photos": "Фотографии",
    "manage": "Управление сообществом",
}


# Keys of config.toml, as people call them.
_KEYS: Mapping[str, str] = {
    "community_token": "Ключ сообщества",
    "service_token": "Сервисный ключ",
    "user_token": "Ключ пользователя",
}

_ABILITIES: Mapping[str, str] = {
    "post": "публиковать",
    "files": "прикладывать файлы",
    "pictures": "показывать картинки и видео",
    "change": "исправлять и удалять вышедшее",
    "look": "проверять, вышел ли пост",
}


_IN_DNS: Mapping[str, str] = {
    "absent": "Ключа подписи нет в DNS, и почтовые службы её не засчитают. Добавьте запись и подождите час.",
    "another": "В DNS другой ключ подписи, и почтовые службы её не засчитают. Исправьте запись или dkim_key.",
    "unknown": "DNS не ответил, есть ли там ключ подписи. Проверьте запись сами.",
}


def _able(of: Mapping[str, Any]) -> str:
    held = str(of.get("abilities", "")).split(",")
    return f"С этими ключами Рупор может: {', '.join(words for one, words in _ABILITIES.items() if one in held)}."


def _key(of: Mapping[str, Any]) -> str:
    return _KEYS.get(str(of.get("token", "")), "Ключ доступа")


def _unfit(of: Mapping[str, Any]) -> str:
    match of.get("token"):
        case "user_token":
            return (
                "Ключ пользователя не даёт прав на стену: так бывает с ключами VK ID. Запросите эти права для "
                "приложения в поддержке разработчиков ВКонтакте или уберите ключ: тогда картинки выйдут файлами."
            )
        case "service_token":
            return "Вместо сервисного ключа вписан другой. Возьмите его в настройках своего приложения ВКонтакте."
        case _:
            return "Это не ключ сообщества. Создайте его: «Управление» → «Работа с API» → «Ключи доступа»."


def _expires(of: Mapping[str, Any]) -> str:
    days = int(of.get("days", 0))
    when = f"перестанет действовать через {counted(days, 'день', 'дня', 'дней')}" if days else "больше не действует"
    return f"{_key(of)} {when}, и продлить его не удаётся. Получите новый и положите в его файл или в настройки."


def _right_missing(of: Mapping[str, Any]) -> str:
    right = str(of.get("right", ""))
    match of.get("token"):
        case "service_token":
            return (
                "Сервисный ключ не может читать эту стену: он читает только открытые. Проверять, вышел ли пост, "
                "придётся вам."
            )
        case "user_token" if right == "wall":
            return "У ключа пользователя нет права wall: исправлять и удалять вышедшее Рупор не сможет."
        case "user_token":
            return (
                f"Ключ пользователя не подходит: у него нет права {right} или это не администратор сообщества. "
                "Получите другой ключ или уберите его: тогда картинки выйдут файлами."
            )
        case _:
            name = _RIGHTS.get(right, right)
            return f"У ключа нет права «{name}». Создайте ключ с этим правом и впишите его в настройки."


def _may_not_post(of: Mapping[str, Any]) -> str:
    where = str(of.get("chat", ""))
    if where.startswith("club"):  # a community of VK: its key belongs to another one
        return f"Этот ключ не подходит к сообществу {where}: он от другого. Исправьте group_id или ключ."
    if "@" in where[1:]:  # a mailbox
        return f"Почтовый сервер не разрешает отправлять от имени {where}. Исправьте sender: нужен ваш ящик."
    return f"У бота нет права публиковать в {where or 'канале'}. Дайте его в настройках администраторов канала."


_WHY_NOT_READ: Mapping[str, str] = {
    PostboxCode.NOT_REACHED: "нет связи с {name}. Проверьте host и port.",
    PostboxCode.TLS_FAILED: "защищённое соединение не удалось. Проверьте port, tls и сертификат.",
    PostboxCode.LOGIN_REFUSED: "имя или пароль не подошли. У Яндекса и Mail.ru нужен пароль приложения, а вход по IMAP "
    "включают в настройках ящика.",
    PostboxCode.NO_SUCH_FOLDER: "папки «{folder}» в нём нет. Исправьте folder.",
    PostboxCode.REFUSED: "сервер отказал. Проверьте, что вход по IMAP разрешён.",
}


def _returns_not_read(of: Mapping[str, Any]) -> str:
    words = _WHY_NOT_READ[str(of.get("why") or PostboxCode.REFUSED)]
    said = words.format(name=of.get("name", ""), folder=of.get("folder", ""))
    return f"Ящик для вернувшихся писем не открылся: {said} Письма уходят, но о возвратах Рупор не узнает."


FINDINGS: Mapping[FindingCode, Callable[[Mapping[str, Any]], str]] = {
    FindingCode.REACHED: lambda of: f"На связи: {of['name']}." if of.get("name") else "На связи.",
    FindingCode.ABLE: _able,
    FindingCode.NOT_REACHED: lambda _of: "Нет связи. Проверьте адрес сервера, интернет и прокси.",
    FindingCode.TOKEN_REFUSED: lambda of: (
        f"{_key(of)} не подошёл: он отозван или вписан с ошибкой. Получите новый и впишите его в настройки."
    ),
    FindingCode.TOKEN_UNFIT: _unfit,
    FindingCode.TOKEN_EXPIRES: _expires,
    FindingCode.LOGIN_REFUSED: lambda _of: "Почтовый сервер не принял имя или пароль. Проверьте их в настройках.",
    FindingCode.CHAT_NOT_FOUND: lambda of: (
        f"Чат {of.get('chat', '')} не найден. Проверьте адрес и добавьте туда бота администратором."
    ),
    FindingCode.NOT_ADMINISTRATOR: lambda of: (
        f"Бот не администратор в {of.get('chat', 'канале')}. Назначьте его администратором с правом публиковать."
    ),
    FindingCode.MAY_NOT_POST: _may_not_post,
    FindingCode.MAY_NOT_PIN: lambda of: (
        f"У бота нет права закреплять сообщения в {of.get('chat', 'чате')}: объявления выйдут, но незакреплёнными. "
        "Дайте это право или уберите pin из настроек."
    ),
    FindingCode.NO_RICH_MESSAGES: lambda _of: (
        "Сервер Bot API не умеет больших публикаций, нужна версия 10.1 или новее: длинные тексты не выйдут. Обновите "
        "его или уберите long_text из настроек."
    ),
    FindingCode.RIGHT_MISSING: _right_missing,
    FindingCode.NO_USER_TOKEN: lambda _of: (
        "Ключа пользователя нет: картинки выйдут файлами, а не в посте, и исправлять или удалять вышедшее Рупор не "
        "сможет."
    ),
    FindingCode.NO_SERVICE_TOKEN: lambda _of: (
        "Сервисного ключа нет: если связь оборвётся, проверять, вышел ли пост, придётся вам."
    ),
    FindingCode.SERVICE_CHAT_IS_READ: lambda of: (
        f"Служебный чат {of.get('chat', '')} читают те же люди, что и канал, поэтому проверять, вышел ли пост, бот не "
        "станет: пересланное увидели бы все. Заведите для него отдельный чат и впишите в service_chat."
    ),
    FindingCode.TLS_FAILED: lambda _of: (
        "Защищённое соединение не удалось. Проверьте, что сертификат выдан этому серверу, и порт."
    ),
    FindingCode.TLS_OFF: lambda _of: (
        "Соединение с почтовым сервером не защищено: пароль и письма идут открыто. Включите tls, если сервер позволяет."
    ),
    FindingCode.NO_PUBLIC_URL: lambda _of: (
        "Нет адреса для ссылки «Отписаться». Впишите public_url: без неё письма чаще попадают в спам."
    ),
    FindingCode.LETTERS_SIGNED: lambda of: f"Письма подписываются (DKIM), ключ в DNS на месте: {of['name']}.",
    FindingCode.KEY_NOT_PUBLISHED: lambda of: (
        f"{_IN_DNS[str(of['published'])]} Запись TXT для подписи (DKIM) — имя: {of['name']} — текст: {of['record']}"
    ),
    FindingCode.SIGNED_FOR_ANOTHER: lambda of: (
        f"Письма подписаны от домена {of['domain']}, а уходят от {of['sender']}: почтовые службы такую подпись не "
        "засчитают. Исправьте dkim_domain или sender."
    ),
    FindingCode.RETURNS_READ: lambda of: f"Ящик для вернувшихся писем на связи: {of['name']}.",
    FindingCode.RETURNS_NOT_READ: _returns_not_read,
}


def finding(one: Finding) -> str:
    """Say one finding as a sentence or two."""
    return FINDINGS[one.code](one.values)
