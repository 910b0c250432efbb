"""What asking a channel "would it work now?" brought to light, in words: what is so, and what to do."""

from collections.abc import Callable, Mapping
from typing import Any

from channels.contract import Finding, FindingCode

__all__ = ["FINDINGS", "finding"]

# As VK's own page names them where a key is made.
_RIGHTS: Mapping[str, str] = {
    "wall": "Стена сообщества",
    "docs": "Файлы",
    "photos": "Фотографии",
    "manage": "Управление сообществом",
}


def _right(of: Mapping[str, Any]) -> str:
    right = str(of.get("right", ""))
    return _RIGHTS.get(right, right)


def _may_not_post(of: Mapping[str, Any]) -> str:
    where = str(of.get("chat", ""))
    if where.startswith("club"):  # a community of VK: its key belongs to another one
        return f"Этот ключ не подходит к сообществу {where}: он от другого. Исправьте group_id или ключ."
    if "@" in where[1:]:  # a mailbox
        return f"Почтовый сервер не разрешает отправлять от имени {where}. Исправьте sender: нужен ваш ящик."
    return f"У бота нет права публиковать в {where or 'канале'}. Дайте его в настройках администраторов канала."


FINDINGS: Mapping[FindingCode, Callable[[Mapping[str, Any]], str]] = {
    FindingCode.REACHED: lambda of: f"На связи: {of['name']}." if of.get("name") else "На связи.",
    FindingCode.NOT_REACHED: lambda _of: "Нет связи. Проверьте адрес сервера, интернет и прокси.",
    FindingCode.TOKEN_REFUSED: lambda _of: (
        "Ключ доступа не подошёл: он отозван или вписан с ошибкой. Получите новый и впишите его в настройки."
    ),
    FindingCode.LOGIN_REFUSED: lambda _of: "Почтовый сервер не принял имя или пароль. Проверьте их в настройках.",
    FindingCode.CHAT_NOT_FOUND: lambda of: (
        f"Чат {of.get('chat', '')} не найден. Проверьте адрес и добавьте туда бота администратором."
    ),
    FindingCode.NOT_ADMINISTRATOR: lambda of: (
        f"Бот не администратор в {of.get('chat', 'канале')}. Назначьте его администратором с правом публиковать."
    ),
    FindingCode.MAY_NOT_POST: _may_not_post,
    FindingCode.MAY_NOT_EDIT: lambda _of: "У бота нет права изменять сообщения. Отправлять это не мешает.",
    FindingCode.MAY_NOT_DELETE: lambda _of: "У бота нет права удалять сообщения. Отправлять это не мешает.",
    FindingCode.RIGHT_MISSING: lambda of: (
        f"У ключа нет права «{_right(of)}». Создайте ключ с этим правом и впишите его в настройки."
    ),
    FindingCode.NO_USER_TOKEN: lambda _of: "Ключа пользователя нет: картинки выйдут файлами, а не в посте.",
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
}


def finding(one: Finding) -> str:
    """Say one finding as a sentence or two."""
    return FINDINGS[one.code](one.values)
