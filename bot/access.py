"""Who may do what, by Telegram's user id."""

from collections import OrderedDict
from collections.abc import Iterable

from bot.config import BotSettings

_REFUSE_EVERY_SECONDS = 3600.0
_REMEMBERED = 1000


def admitted(settings: BotSettings, user_id: int) -> bool:
    """Tell whether this person may speak with the bot at all."""
    return user_id in {*settings.admins, *settings.editors, *settings.approvers}


def may_compose(settings: BotSettings, user_id: int) -> bool:
    """Tell whether this person may write announcements, schedule, retry and change lists."""
    return user_id in {*settings.admins, *settings.editors}


def may_send(settings: BotSettings, user_id: int) -> bool:
    """Tell whether this person's announcements go out without somebody's consent."""
    return user_id in settings.admins or (user_id in settings.editors and not settings.approvers)


def may_approve(settings: BotSettings, user_id: int, author_id: int | None) -> bool:
    """Tell whether this person may consent to an announcement. Nobody but an administrator approves their own."""
    if user_id in settings.admins:
        return True
    return user_id in settings.approvers and user_id != author_id


def approvers_of(settings: BotSettings, author_id: int | None) -> list[int]:
    """Return who is asked for consent: the approvers, or the administrators when the only approver is the author."""
    others = [user_id for user_id in settings.approvers if user_id != author_id]
    return others or list(settings.admins)


def staff(settings: BotSettings) -> list[int]:
    """Return who hears of trouble: administrators and editors, each once."""
    return list(dict.fromkeys((*settings.admins, *settings.editors)))


def wardens(settings: BotSettings) -> list[int]:
    """Return who hears of what nobody in particular started: the administrators, or else the editors."""
    return list(settings.admins) or list(dict.fromkeys(settings.editors))


class Refusals:
    """Remembers which strangers were refused within the last hour, at most so many."""

    def __init__(self, every: float = _REFUSE_EVERY_SECONDS, remembered: int = _REMEMBERED) -> None:
        self._every = every
        self._remembered = remembered
        self._refused: OrderedDict[int, float] = OrderedDict()

    def due(self, user_id: int, now: float) -> bool:
        """Tell whether to answer this stranger at a moment (seconds of any clock), and take it that it is done.

        Beyond the memory's size new strangers get no answer, so that a crowd can't make the bot write without end.
        """
        self._forget(now)
        if user_id in self._refused or len(self._refused) >= self._remembered:
            return False
        self._refused[user_id] = now
        return True

    def _forget(self, now: float) -> None:
        old: Iterable[int] = [who for who, when in self._refused.items() if now - when >= self._every]
        for who in old:
            del self._refused[who]
