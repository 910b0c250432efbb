"""What is uncertain, and what people or the channel itself have said about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from bot.texts.measures import clipped, moment, number
from bot.texts.plurals import plural
from bot.texts.reasons import why
from bot.texts.states import OUTCOME
from channels.contract import Reason
from delivery.doubts import Seen, Sight
from delivery.model import Attempt, Outcome

__all__ = [
    "FEW",
    "LOOKED",
    "already",
    "decided",
    "history",
    "last_word",
    "looked",
    "question",
    "surely",
    "together",
    "unclear",
    "unknown_post",
]

FEW = 3
"""So many letters in doubt are named one by one; more are told as a number, and sent again only after a question."""

LOOKED = "look:"
"""Before the name of whoever had the channel looked at: what was seen decided, not that person."""

_BY_CHANNEL = "channel:"
_SHOWN = 6
_DETAIL = 160
_OF_PEOPLE = {Outcome.SETTLED_SENT: "вышло", Outcome.SETTLED_NOT_SENT: "не вышло"}
_OF_LOOKS = {Outcome.SETTLED_SENT: "нашлось", Outcome.SETTLED_NOT_SENT: "не нашлось, отправлено ещё раз"}


def unknown_post(*, can_look: bool) -> str:
    """Say of a post that it may be out."""
    look = "Нажмите «Проверить» или посмотрите" if can_look else "Посмотрите"
    return f"Не знаем, вышел ли пост. {look} сами и скажите, что верно."


def together(n: int) -> str:
    """Say of letters that they may have arrived."""
    head = f"Не знаем, {plural(n, 'дошло', 'дошли', 'дошли')} ли {_letters(n)}"
    return f"{head}: ответ не пришёл. Если отправить ещё раз, кто-то может получить письмо дважды."


def _letters(n: int) -> str:
    return f"{number(n)}\u00a0{plural(n, 'письмо', 'письма', 'писем')}"


def question(n: int, announcement: int) -> Markup:
    """Ask once more before many letters go out again."""
    return Markup("<b>Отправить {} ещё раз?</b> · №{}\nКто письмо уже получил, получит второе такое же.").format(
        _letters(n), announcement
    )


def surely(n: int) -> str:
    """Label the button that means it."""
    return f"Да, отправить {_letters(n)}"


def last_word(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the newest settlement of a delivery's history."""
    return next((one for one in reversed(attempts) if one.outcome in _OF_PEOPLE), None)


def decided(last: Attempt, now: datetime, zone: ZoneInfo) -> str:
    """Say who has decided, and when: «Анна, 14:05»; what a look has shown was nobody's decision."""
    who = clipped(last.actor, 60) if _looked_by(last.actor) is None else "проверка"
    return f"{who}, {moment(last.started_at, now, zone)}"


def already(last: Attempt | None, now: datetime, zone: ZoneInfo) -> str:
    """Say who has decided before, and how."""
    if last is None or last.outcome not in _OF_PEOPLE:
        return "Уже решено."
    table = _OF_PEOPLE if _looked_by(last.actor) is None else _OF_LOOKS
    return f"Уже решено: {table[last.outcome]} ({decided(last, now, zone)})."


# What a look was told, where the words for a send would say that posting has gone wrong.
_IN_A_LOOK: Mapping[Reason, str] = {
    Reason.REFUSED: "канал не дал ясного ответа",
    Reason.NO_ANSWER: "канал не ответил",
    Reason.LIMIT_REACHED: "канал просит спрашивать реже",
    Reason.FLOOD_CONTROL: "ВКонтакте просит спрашивать реже",
    Reason.VK_ID_TOKEN: "ключ от VK ID не даёт читать стену",
    Reason.PROGRAM_ERROR: "внутренняя ошибка Рупора, подробности в журнале",
}
_MENDED_BY_ADMIN = (
    Reason.TOKEN_REVOKED,
    Reason.WRONG_KIND_OF_TOKEN,
    Reason.TLS_FAILED,
    Reason.IP_NOT_ALLOWED,
    Reason.SERVICE_CHAT_READ,
)


def unclear(reason: Reason | None) -> str:
    """Say why a look could not tell, and what the administrator may do about it."""
    known = Reason.REFUSED if reason is None else reason
    what = _IN_A_LOOK.get(known, why(known).what)
    return f"{what}. {why(known).remedy}" if known in _MENDED_BY_ADMIN else f"{what}."


def looked(seen: Seen, link: str | None) -> Markup:
    """Say what a look has shown."""
    match seen.sight:
        case Sight.THERE if link:
            return Markup('Нашёлся: <a href="{}">{}</a>').format(link, link.removeprefix("https://"))
        case Sight.THERE:
            return Markup("Нашёлся: пост вышел.")
        case Sight.NOT_THERE:
            return Markup("Его там нет — отправляю ещё раз.")
        case Sight.UNCERTAIN:
            return Markup("Не удалось проверить: {} Посмотрите сами или проверьте позже.").format(unclear(seen.reason))
        case Sight.NO_WAY:
            return Markup("Не удалось проверить: здесь бот смотреть не может. Посмотрите сами.")
        case Sight.SETTLED:
            return Markup("Уже решено, проверять нечего.")


def history(attempts: Sequence[Attempt], now: datetime, zone: ZoneInfo, *, known: str = "") -> list[Markup]:
    """Tell what was tried and who decided, a line each, the latest last. The detail `known` is said elsewhere."""
    lines = [_line(one, now, zone, known) for one in attempts[-_SHOWN:]]
    return [Markup("…"), *lines] if len(attempts) > _SHOWN else lines


def _line(one: Attempt, now: datetime, zone: ZoneInfo, known: str) -> Markup:
    when = moment(one.started_at, now, zone)
    if one.outcome in _OF_PEOPLE:
        found = _looked_by(one.actor)
        if found is None:
            return Markup("{} · {}: {}").format(when, clipped(one.actor, 60), _OF_PEOPLE[one.outcome])
        who = f" ({found})" if found else ""
        return Markup("{} · проверка{}: {}").format(when, who, _OF_LOOKS[one.outcome])
    what = "ещё отправляется" if one.outcome is None else OUTCOME[one.outcome]
    said = Markup(", «{}»").format(clipped(one.detail, _DETAIL)) if one.detail not in {"", known} else ""
    return Markup("{} · попытка {}: {}{}").format(when, one.number, what, said)


def _looked_by(actor: str) -> str | None:
    """Return who had the channel looked at, empty if it was the service itself; None when a person decided."""
    if actor.startswith(LOOKED):
        return clipped(actor.removeprefix(LOOKED), 60)
    return "" if actor.startswith(_BY_CHANNEL) else None
