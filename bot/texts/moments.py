"""Why words about time could not be taken, in words: what is wrong, and how to say it."""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from bot.moments import MomentCode, MomentError
from bot.moments.words import MONTHS_OF, WEEKDAYS

__all__ = ["MOMENTS", "sentence"]

_EXAMPLE = "Напишите, например, «завтра в 9:00» или «1 мая в 10:00»."


def _shown(text: str) -> str:
    """Say a date, an hour or a moment of ISO 8601; anything else stays as it is."""
    try:
        if ":" in text and "-" not in text:
            hour = time.fromisoformat(text)
            return f"{hour.hour}:{hour.minute:02}"
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    date = f"{at.day} {MONTHS_OF[at.month - 1]} {at.year} года"
    return f"{date}, {at.hour}:{at.minute:02}" if ":" in text else date


def _not_understood(of: Mapping[str, Any]) -> str:
    word, near = of.get("word", ""), of.get("near", "")
    what = f"Непонятно: «{word}»." if word else "Время непонятно."
    return f"{what} {f'Может быть, «{near}»? ' if near else ''}{_EXAMPLE}"


def _wrong_weekday(of: Mapping[str, Any]) -> str:
    return f"{_shown(str(of['date']))} — это {WEEKDAYS[int(of['weekday']) - 1]}. Исправьте день недели или число."


MOMENTS: Mapping[MomentCode, Callable[[Mapping[str, Any]], str]] = {
    MomentCode.NOT_UNDERSTOOD: _not_understood,
    MomentCode.NO_TIME: lambda _of: "День понятен, а час нет. Добавьте время, например «завтра в 9:00».",
    MomentCode.NO_DAY: lambda _of: "Время понятно, а день нет. Добавьте день, например «каждый вторник в 10:00».",
    MomentCode.IN_THE_PAST: lambda of: f"{_shown(str(of['moment']))} уже прошло. Назовите время впереди.",
    MomentCode.TOO_FAR: lambda of: (
        f"{_shown(str(of['moment']))} — это больше чем через {of['years']} лет. Проверьте год."
    ),
    MomentCode.NO_SUCH_DATE: lambda of: f"Такого дня нет: {of.get('text', '')}. Проверьте число и месяц.",
    MomentCode.NO_SUCH_HOUR: lambda of: (
        f"Такого времени нет: {_shown(str(of.get('text', '')))}. Возможно, в эту ночь переводят часы. Назовите другое."
    ),
    MomentCode.AMBIGUOUS: lambda of: (
        f"Можно понять двояко: {_shown(str(of['first']))} или {_shown(str(of['second']))}. Уточните."
    ),
    MomentCode.WRONG_WEEKDAY: _wrong_weekday,
    MomentCode.CONTRADICTION: lambda _of: "Названо сразу два разных дня или два разных повтора. Оставьте один.",
    MomentCode.NO_SUCH_REPEAT: lambda _of: (
        "Такой повтор не получится. Можно каждый день, по дням недели, по числам месяца, по дням года."
    ),
    MomentCode.NEVER: lambda _of: "Так это не выйдет ни разу: повтор кончается раньше, чем начинается.",
    MomentCode.BAD_CRON: lambda of: (
        f"Расписание cron непонятно: «{of.get('value', '')}». Нужно пять полей: минута, час, день, месяц, день недели."
    ),
}


def sentence(error: MomentError) -> str:
    """Say what is wrong with words about time, and what to write instead."""
    return MOMENTS[error.code](error.values)
