"""Numbers of things, large ones grouped."""

from bot.texts.measures import number
from bot.texts.plurals import counted

__all__ = ["deliveries", "many", "recipients"]


def many(n: int, one: str, few: str, several: str) -> str:
    """The number, its digits grouped, and its noun: 10 000 писем."""
    return counted(n, one, few, several).replace(str(n), number(n), 1)


def deliveries(n: int) -> str:
    """Count deliveries."""
    return many(n, "доставка", "доставки", "доставок")


def recipients(n: int) -> str:
    """Count recipients."""
    return many(n, "получатель", "получателя", "получателей")
