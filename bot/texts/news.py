"""News that editors did not ask for: a channel that refuses, a moment that went by."""

from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.measures import clipped
from bot.texts.plurals import counted
from bot.texts.reasons import while_held, why
from delivery.model import Hold, OccurrenceState
from delivery.store.schedules import RECORDED_AT_MOST, PassedOver

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
        "В это время Рупор не работал или ему перевели часы, прошло больше часа. Сам он не отправит, но вы ещё можете.",
    ),
    OccurrenceState.BLOCKED: (
        "Не вышло в назначенное время",
        "Отправить было нельзя: канал не принимает его в таком виде или в списках нет адресов. Откройте и исправьте.",
    ),
}
_SEVERAL_MISSED = (
    "В это время Рупор не работал или ему перевели часы. Сам он пропущенное уже не отправит. "
    "Не поздно — отправьте один раз сейчас."
)
_MADE_UP = (
    "В это время Рупор не работал или ему перевели часы. "
    "Более поздний выход уже состоялся, пропущенное Рупор повторять не будет."
)


def not_released(passed: PassedOver, title: str, zone: ZoneInfo) -> Markup:
    """Say that planned moments of one schedule went by without a broadcast."""
    head, what = _NOT_RELEASED[passed.state]
    first, last = (f"{at.astimezone(zone):%d.%m.%Y в %H:%M}" for at in (passed.first, passed.last))
    when = f"Должно было выйти {first}."
    if passed.count > 1:
        several = counted(passed.count, "выход", "выхода", "выходов")
        head = f"Пропущено больше {RECORDED_AT_MOST} выходов" if passed.more else f"Пропущено: {several}"
        when = f"С {first} по {last}."
    if passed.state is OccurrenceState.MISSED and (passed.made_up or passed.count > 1):
        what = _MADE_UP if passed.made_up else _SEVERAL_MISSED
    return Markup("<b>{}</b> · №{}\n{}\n{}\n\n{}").format(
        head, passed.announcement_id, clipped(title, _TITLE), when, what
    )
