"""Why the service cannot start, and what to do about it."""

from collections.abc import Mapping

__all__ = ["START", "sentence"]

START: Mapping[str, str] = {
    "database_unreachable": "База данных недоступна: {detail}. Проверьте, что она запущена и что адрес в разделе "
    "[database] верен.",
    "pooler_not_named": "База данных недоступна: {detail}. Похоже, перед ней стоит пулер соединений, например "
    "PgBouncer: добавьте pooler = true в раздел [database].",
    "schema_missing": "В базе данных ещё нет таблиц Рупора. Создайте их: rupor db upgrade.",
    "schema_older": "Таблицы в базе данных старше программы. Сделайте копию базы и обновите их: rupor db upgrade.",
    "schema_newer": "Таблицы в базе данных новее программы: их обновила более новая версия Рупора. "
    "Установите её или верните копию базы.",
    "channel_not_opened": "Канал не открывается: {detail}. Проверьте его раздел в настройках.",
    "port_taken": "Порт для веб-страниц занят: {detail}. Остановите того, кто его занимает, или укажите другой port "
    "в разделе [web].",
}


def sentence(code: str, detail: str = "") -> str:
    """Say what is in the way. `detail` is the channel, the port, or what the database said."""
    return START[code].format(detail=detail.rstrip("."))
