"""What `rupor check` answers."""

from bot.texts.cli.amounts import many
from bot.texts.findings import finding
from channels.contract import Finding

__all__ = ["DATABASE", "NO_CHANNELS", "SCHEMA_TO_COME", "database", "line", "marked", "slow", "verdict"]

_WELL = ("reached", "current")

DATABASE = "База данных"
NO_CHANNELS = "Каналов в настройках нет: добавьте раздел [channels.…]."
SCHEMA_TO_COME = "Таблиц ещё нет или они старше программы: rupor run создаст и обновит их сам."


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
