"""What a person can do about a post that is out, and that Rupor cannot take back or change."""

from collections.abc import Mapping, Sequence

from bot.texts.cli.amounts import deliveries
from bot.texts.measures import listed

__all__ = [
    "cancelled_before",
    "edit",
    "edit_heading",
    "nothing_out",
    "recall",
    "recall_heading",
    "revised",
    "still_waiting",
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


def edit_heading(announcement: int) -> str:
    """Begin the answer of edit."""
    return f"Объявление {announcement} уже вышло. Сам Рупор вышедшее пока не исправляет, ничего не изменено:"


def recall_heading(announcement: int) -> str:
    """Begin the answer of recall."""
    return f"Сам Рупор вышедшее пока не удаляет. Где объявление {announcement} могло выйти и что сделать:"


def still_waiting(announcement: int, n: int) -> str:
    """Say that something can still be stopped."""
    return f"Ещё не ушло: {deliveries(n)}. Остановить: rupor cancel {announcement}"


def nothing_out(announcement: int) -> str:
    """Say that there is nothing to recall."""
    return f"Объявление {announcement} нигде не вышло, отзывать нечего."


def revised(announcement: int, revision: int) -> str:
    """Say that the text was changed in time."""
    return f"Объявление {announcement}: текст заменён, теперь редакция {revision}. Выйдет уже с новым текстом."


def cancelled_before(announcement: int) -> str:
    """Say that a cancelled announcement is not edited."""
    return f"Объявление {announcement} отменено, исправлять нечего."
