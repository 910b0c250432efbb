"""News that editors did not ask for: a channel that refuses, a moment that went by."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.findings import finding as sentence
from bot.texts.measures import clipped, moment
from bot.texts.plurals import counted
from bot.texts.reasons import while_held, why
from channels.contract import Finding, FindingCode, Reason
from delivery.model import Hold, OccurrenceState
from delivery.store.schedules import RECORDED_AT_MOST, PassedOver

_TITLE = 120

CONFLICT = Markup(
    "<b>Бот запущен ещё где-то</b>\n"
    "Другая программа забирает сообщения бота с тем же ключом. Отправка здесь продолжается, но ваши сообщения и "
    "нажатия могут не доходить.\n\n"
    "Остановите второй экземпляр. Если его нет, получите новый ключ у @BotFather: старый мог попасть в чужие руки."
)


_SERVERS: Mapping[str, tuple[str, str]] = {  # by kind of channel: who does not answer, and what waits
    "telegram": ("Telegram", "Посты ждут и выйдут сами"),
    "vk": ("ВКонтакте", "Посты ждут и выйдут сами"),
    "email": ("Почтовый сервер", "Письма ждут и уйдут сами"),
}
_ANY_SERVER = ("Сервер", "Объявления ждут и выйдут сами")

_RELAY_BLOCKS_US = (
    "Почтовый сервер отказывает нам целиком, а не одному адресу.",
    "Администратору: позвонить провайдеру почты и узнать причину; проверить IP-адрес сервера в чёрных списках спама.",
)


def held(name: str, kind: str, hold: Hold, now: datetime, zone: ZoneInfo) -> Markup:
    """Say that a channel of this kind refuses everybody, or that nobody answers there."""
    if hold.reason is Reason.NOT_CONNECTED:
        return _silent(name, kind, hold, now, zone)
    what, remedy = f"{why(hold.reason).what}.", while_held(hold.reason)
    if hold.reason is Reason.BLOCKED and kind == "email":
        what, remedy = _RELAY_BLOCKS_US
    text = Markup(
        "<b>{}: отправка приостановлена</b>\n{} {}\n\n"
        "Остальные каналы работают. Что ждёт этого канала, не потеряно и уйдёт само, когда он заработает."
    ).format(name, what[0].upper() + what[1:], remedy)
    return text + (Markup("\nДословный ответ: <i>{}</i>").format(clipped(hold.detail, 300)) if hold.detail else "")


def _silent(name: str, kind: str, hold: Hold, now: datetime, zone: ZoneInfo) -> Markup:
    server, waiting = _SERVERS.get(kind, _ANY_SERVER)
    return Markup(
        "<b>{}: нет связи</b>\n{} не отвечает с {}. {}, когда связь вернётся: Рупор проверяет это сам.\n\n"
        "Остальные каналы работают. Если это надолго, скажите администратору."
    ).format(name, server, moment(hold.since, now, zone), waiting)


def open_again(name: str, since: datetime, now: datetime, zone: ZoneInfo) -> Markup:
    """Say that a channel works again that people had been told of."""
    return Markup(
        "<b>{}: канал снова работает</b>\nОн не работал с {}. Что ждало, уходит само, делать ничего не нужно."
    ).format(name, moment(since, now, zone))


def key_trouble(name: str, finding: Finding) -> Markup:
    """Say that the key of a channel is gone, or will be soon, before anything is to go out."""
    head = "ключ скоро кончится" if finding.code is FindingCode.TOKEN_EXPIRES else "ключ не подходит"
    text = Markup("<b>{}: {}</b>\n{}").format(name, head, sentence(finding))
    return text + (
        Markup("\nДословный ответ: <i>{}</i>").format(clipped(finding.detail, 300)) if finding.detail else ""
    )


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
