"""News that editors did not ask for: a channel that refuses, a moment that went by."""

from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.measures import clipped
from bot.texts.reasons import while_held, why
from delivery.model import Hold, OccurrenceState

_TITLE = 120

CONFLICT = Markup(
    "<b>Бот запущен ещё где-то</b>\n"
    "Другая программа забирает сообщения бота с тем же ключом. Отправка здесь продолжается, но ваши сообщения и "
    "нажатия могут не доходить.\n\n"
    "Остановите второй экземпляр. Если его нет, получите новый ключ у @BotFather: старый мог попасть в чужие руки."
)


def held(name: str, hold: Hold) -> Markup:
    """Say that a channel refuses everybody."""
    what = why(hold.reason).what
    text = Markup(
        "<b>{}: отправка приостановлена</b>\n{}. {}\n\n"
        "Остальные каналы работают. Что ждёт этого канала, не потеряно и уйдёт само, когда он заработает."
    ).format(name, what[0].upper() + what[1:], while_held(hold.reason))
    return text + (Markup("\nДословный ответ: <i>{}</i>").format(clipped(hold.detail, 300)) if hold.detail else "")


_NOT_RELEASED = {
    OccurrenceState.RELEASED: ("Вышло по расписанию", "Всё в порядке, делать ничего не нужно."),
    OccurrenceState.MISSED: (
        "Не вышло в назначенное время",
        "В это время Рупор не работал, прошло больше часа: сам он его уже не отправит. Не поздно — отправьте сейчас.",
    ),
    OccurrenceState.BLOCKED: (
        "Не вышло в назначенное время",
        "Отправить было нельзя: канал не принимает его в таком виде или в списках нет адресов. Откройте и исправьте.",
    ),
}


def not_released(state: OccurrenceState, number: int, title: str, at: datetime, zone: ZoneInfo) -> Markup:
    """Say that a planned moment went by without a broadcast."""
    head, what = _NOT_RELEASED[state]
    return Markup("<b>{}</b> · №{}\n{}\nДолжно было выйти {:%d.%m.%Y в %H:%M}.\n\n{}").format(
        head, number, clipped(title, _TITLE), at.astimezone(zone), what
    )
