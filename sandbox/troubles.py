"""The misfortunes that a visitor of the page may switch on, each one a row of a table.

The stand-ins know single faults; a trouble is what an administrator would call it: «почта не отвечает». Whatever
changes, the stand-ins are set up anew from all that is on, so that two troubles never undo each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sandbox import federation
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.vk import VkStandIn

__all__ = ["TROUBLES", "StandIns", "Trouble", "Troubles"]

WAIT = 20  # seconds
UNTIL_CLEARED = 0

# What puts something into a chat. Questions about the chat stay answered, as they would be.
_POSTING = (
    "sendMessage", "sendPhoto", "sendVideo", "sendAnimation", "sendDocument", "sendAudio", "sendMediaGroup",
    "copyMessage", "copyMessages", "forwardMessage", "forwardMessages",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StandIns:
    """The three of them, and the VK key that can be lost."""

    telegram: TelegramStandIn
    vk: VkStandIn
    mail: MailStandIn
    vk_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One switch. `needs_address`: it is about one mailbox. `happened` tells of a passing trouble that it is over."""

    label: str
    hint: str
    begin: Callable[[StandIns, str], None]
    needs_address: bool = False
    happened: Callable[[StandIns], bool] | None = None


def _silent_mail(town: StandIns, _address: str) -> None:
    for call in ("connect", "MAIL"):
        town.mail.faults.add(call, Fault(Kind.DROPS_BEFORE, times=UNTIL_CLEARED))
    town.mail.cut_all()


def _unknown_mailbox(town: StandIns, address: str) -> None:
    town.mail.unknown_mailboxes.add(address)


def _full_mailbox(town: StandIns, address: str) -> None:
    town.mail.full_mailboxes.add(address)


def _vk_cuts_after_posting(town: StandIns, _address: str) -> None:
    town.vk.faults.add("wall.post", Fault(Kind.DROPS_AFTER_REQUEST, times=UNTIL_CLEARED))


def _lost_vk_key(town: StandIns, _address: str) -> None:
    town.vk.revoke(town.vk_key)


def _in_channel(town: StandIns, kind: Kind, *, times: int, seconds: float = 0) -> None:
    for call in _POSTING:
        fault = Fault(kind, times=times, seconds=seconds, match=str(federation.CHANNEL_ID))
        town.telegram.faults.add(call, fault)


def _telegram_silent_after_posting(town: StandIns, _address: str) -> None:
    _in_channel(town, Kind.DROPS_AFTER_REQUEST, times=UNTIL_CLEARED)


def _telegram_makes_wait(town: StandIns, _address: str) -> None:
    _in_channel(town, Kind.MAKES_WAIT, times=1, seconds=WAIT)


def _telegram_made_wait(town: StandIns) -> bool:
    waiting = [fault for _, fault in town.telegram.faults.listing() if fault.kind is Kind.MAKES_WAIT]
    return len(waiting) < len(_POSTING)


def _lost_channel_rights(town: StandIns, _address: str) -> None:
    if _bot_is_administrator(town):
        town.telegram.set_status(federation.CHANNEL_ID, "left")


TROUBLES: Mapping[str, Trouble] = MappingProxyType(
    {
        "mail_silent": Trouble(
            "Почта не отвечает",
            "Сервер рвёт каждое соединение. Письма ждут в очереди; когда Рупор попробует снова, видно в таблице.",
            _silent_mail,
        ),
        "mailbox_unknown": Trouble(
            "Один адрес не существует",
            "Остальные письма дойдут, а это Рупор назовёт в отчёте.",
            _unknown_mailbox,
            needs_address=True,
        ),
        "mailbox_full": Trouble(
            "Почтовый ящик переполнен",
            "Сервер просит зайти позже. Рупор повторит сам.",
            _full_mailbox,
            needs_address=True,
        ),
        "vk_cuts": Trouble(
            "VK обрывает связь после публикации",
            "Запись на стене есть, а ответа нет. Второй записи появиться не должно.",
            _vk_cuts_after_posting,
        ),
        "vk_key_revoked": Trouble(
            "Ключ VK отозван",
            "Рупор придержит очередь на стену и скажет, что делать.",
            _lost_vk_key,
        ),
        "telegram_silent": Trouble(
            "Telegram принял, но не ответил",
            "Пост в канале есть, а Рупор этого не знает. Он спросит вас, а не отправит второй раз.",
            _telegram_silent_after_posting,
        ),
        "telegram_wait": Trouble(
            f"Telegram просит подождать {WAIT} с",
            "Случится один раз: Рупор подождёт, сколько просят, и отправит.",
            _telegram_makes_wait,
            happened=_telegram_made_wait,
        ),
        "telegram_rights": Trouble(
            "Бота лишили прав в канале",
            "Как будто кто-то убрал бота из администраторов.",
            _lost_channel_rights,
        ),
    }
)


class Troubles:
    """Which troubles are on, with their mailboxes."""

    def __init__(self, town: StandIns) -> None:
        self._town = town
        self._on: dict[str, str] = {}

    def switch(self, name: str, *, on: bool, address: str = "") -> None:
        """Switch one trouble. Raises KeyError for an unknown name, ValueError when it needs an address."""
        trouble = TROUBLES[name]
        if on and trouble.needs_address and not address:
            raise ValueError(name)
        self.expire()
        if on:
            self._on[name] = address.lower() if trouble.needs_address else ""
        else:
            self._on.pop(name, None)
        self._set_up()

    def repair(self) -> None:
        """Switch everything off."""
        self._on.clear()
        self._set_up()

    def expire(self) -> bool:
        """Switch off what was to happen once and has. Returns whether there was such a one."""
        over = [name for name in self._on if (happened := TROUBLES[name].happened) and happened(self._town)]
        for name in over:
            del self._on[name]
        if over:
            self._set_up()
        return bool(over)

    def _set_up(self) -> None:
        _heal(self._town, keep_rights="telegram_rights" in self._on)
        for name, address in self._on.items():
            TROUBLES[name].begin(self._town, address)

    def listing(self) -> list[dict[str, object]]:
        """Every switch, for the page."""
        return [
            {
                "name": name,
                "label": trouble.label,
                "hint": trouble.hint,
                "needs_address": trouble.needs_address,
                "on": name in self._on,
                "address": self._on.get(name, ""),
            }
            for name, trouble in TROUBLES.items()
        ]

    def dump(self) -> dict[str, str]:
        """What is on, and its mailbox."""
        return dict(self._on)

    def restore(self, dumped: Mapping[str, str]) -> None:
        """Take back what `dump` gave."""
        self._on = {name: address for name, address in dumped.items() if name in TROUBLES}
        self._set_up()


def _heal(town: StandIns, *, keep_rights: bool) -> None:
    for faults in (town.telegram.faults, town.vk.faults, town.mail.faults):
        faults.clear()
    town.mail.unknown_mailboxes.clear()
    town.mail.full_mailboxes.clear()
    town.vk.add_community_token(town.vk_key, federation.GROUP_ID)
    if not keep_rights and not _bot_is_administrator(town):
        town.telegram.set_status(federation.CHANNEL_ID, "administrator")


def _bot_is_administrator(town: StandIns) -> bool:
    return town.telegram.world.find(federation.CHANNEL_ID).status == "administrator"
