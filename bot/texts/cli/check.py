"""What `rupor check` answers."""

from collections.abc import Mapping

from bot.texts.cli.amounts import many
from bot.texts.findings import finding
from channels.contract import Finding

__all__ = [
    "DATABASE",
    "NOT_HEARD",
    "NO_CHANNELS",
    "NO_LISTENING",
    "SCHEMA_TO_COME",
    "database",
    "limits",
    "line",
    "marked",
    "not_listening",
    "slow",
    "verdict",
]

_WELL = ("reached", "current", "able", "letters_signed")

DATABASE = "База данных"
NO_CHANNELS = "Каналов в настройках нет: добавьте раздел [channels.…]."
SCHEMA_TO_COME = "Таблиц ещё нет или они старше программы: rupor run создаст и обновит их сам."
NOT_HEARD = (
    "Уведомления о новой работе не доходят, и другие процессы замечают её с задержкой до секунды. Похоже, перед базой "
    "стоит пулер соединений: укажите в разделе [database] pooler = true, а в listen_url — прямой адрес сервера."
)
NO_LISTENING = (
    "Через пулер уведомления о новой работе не доходят, и другие процессы замечают её с задержкой до секунды. Чтобы "
    "без неё, укажите в listen_url прямой адрес сервера."
)


def not_listening(detail: str) -> str:
    """Say that the address for notifications does not answer."""
    return f"Адрес для уведомлений не отвечает: {detail.rstrip('.')}. Проверьте listen_url в разделе [database]."


def limits(role: str, missing: Mapping[str, str]) -> str:
    """Say which time limits are not in force, and the statements that set them."""
    statements = " ".join(f"ALTER ROLE {role} SET {name} = '{value}';" for name, value in missing.items())
    return (
        f"Пулер не передаёт ограничения времени, и зависший запрос может держать работу. Выполните в базе: {statements}"
    )


def database(revision: str) -> str:
    """Say that the database is well."""
    return f"На связи, таблицы версии {revision}."


def marked(code: str, message: str, *, fatal: bool) -> str:
    """Put a sign before a finding: well, to be known, in the way."""
    sign = "✖" if fatal else "✔" if code in _WELL else "!"
    return f"  {sign} {message}"


def slow(seconds: float) -> str:
    """Say that a channel did not answer in time."""
    return f"Не отвечает дольше {seconds:.0f} с. Проверьте адрес, интернет и прокси."


def line(one: Finding) -> str:
    """Say one finding, with the other side's own words."""
    detail = f" ({one.detail})" if one.detail and one.fatal else ""
    return finding(one) + detail


def verdict(troubles: int) -> str:
    """Sum up."""
    if not troubles:
        return "Всё готово: рассылка сейчас прошла бы."
    return f"Рассылка сейчас прошла бы не вся: {many(troubles, 'препятствие', 'препятствия', 'препятствий')}."
