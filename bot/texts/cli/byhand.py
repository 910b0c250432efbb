"""What becomes of a post that is out and has a mistake in it, and what a person can do where Rupor cannot."""

from collections.abc import Mapping, Sequence

from bot.texts.cli.amounts import deliveries, recipients
from bot.texts.measures import listed

__all__ = [
    "begun",
    "cancelled_before",
    "comes_new",
    "corrected",
    "edit",
    "letters_keep",
    "nothing_out",
    "recall",
    "recalled",
    "revised",
    "watch",
]

_LINKS = 3

_EDIT: Mapping[str, str] = {
    "telegram": "откройте пост в Telegram под своим именем администратора и выберите «Изменить»",
    "vk": "откройте запись во ВКонтакте и выберите «Редактировать»",
    "email": "отправленное письмо изменить нельзя: отправьте уточнение новым объявлением",
}
_RECALL: Mapping[str, str] = {
    "telegram": "откройте пост в Telegram под своим именем администратора и выберите «Удалить»",
    "vk": "откройте запись во ВКонтакте и выберите «Удалить запись»",
    "email": "отправленное письмо отозвать нельзя: отправьте извинение или уточнение новым объявлением",
}
_OTHERWISE = "это можно сделать только в самом канале"


def edit(channel: str, kind: str, links: Sequence[str]) -> str:
    """Say how a post is changed by hand."""
    return _line(channel, _EDIT.get(kind, _OTHERWISE), links)


def recall(channel: str, kind: str, links: Sequence[str]) -> str:
    """Say how a post is removed by hand."""
    return _line(channel, _RECALL.get(kind, _OTHERWISE), links)


def _line(channel: str, what: str, links: Sequence[str]) -> str:
    shown = f" ({listed(links, most=_LINKS)})" if links else ""
    return f"  {channel}: {what}{shown}."


def corrected(announcement: int, revision: int) -> str:
    """Begin the answer of edit about something that is out."""
    return f"Объявление {announcement}: редакция {revision}."


def recalled(announcement: int) -> str:
    """Begin the answer of recall."""
    return f"Объявление {announcement} отзывается."


def begun(channel: str, n: int, *, recall: bool, letters: bool) -> str:
    """Say that a channel is being put right."""
    if letters:
        return f"  {channel}: получателям уйдёт письмо вслед, их {recipients(n)}."
    doing = "убираем" if recall else "исправляем на месте"
    return f"  {channel}: {doing}."


def comes_new(channel: str, n: int) -> str:
    """Say that what has not gone out yet carries the new text."""
    return f"  {channel}: ещё не ушло: {deliveries(n)}, выйдет с новым текстом."


def letters_keep(announcement: int, *, recall: bool) -> str:
    """Say how letters are followed by another one."""
    again = f"rupor recall {announcement} --letters" if recall else f"rupor edit {announcement} … --letters"
    return f"Послать вслед письмо тем, кто получил прежнее: {again}"


def watch(announcement: int) -> str:
    """Say where to see how it goes."""
    return f"Как идёт: rupor status {announcement}"


def nothing_out(announcement: int) -> str:
    """Say that there is nothing to recall."""
    return f"Объявление {announcement} нигде не вышло, отзывать нечего. Остановить: rupor cancel {announcement}"


def revised(announcement: int, revision: int) -> str:
    """Say that the text was changed in time."""
    return f"Объявление {announcement}: текст заменён, теперь редакция {revision}. Выйдет уже с новым текстом."


def cancelled_before(announcement: int) -> str:
    """Say that a cancelled announcement is not edited."""
    return f"Объявление {announcement} отменено, исправлять нечего."
