"""What people call the channels."""

from collections.abc import Mapping

__all__ = ["Names", "place"]

_BY_KIND: Mapping[str, tuple[str, str]] = {  # what? without what?
    "telegram": ("Telegram-канал", "Telegram-канала"),
    "vk": ("ВКонтакте", "ВКонтакте"),
    "email": ("Письма", "писем"),
    "rehearsal": ("Репетиция", "репетиции"),
}


class Names:
    """Names by channel key. Two channels of one kind are told apart by their address, else by their key."""

    def __init__(self, kinds: Mapping[str, str], addresses: Mapping[str, str | None]) -> None:
        self._kinds = kinds
        self._addresses = addresses

    def __getitem__(self, channel: str) -> str:
        return self._name(channel, 0)

    def without(self, channel: str) -> str:
        """Say "without this channel", for the button that leaves it out."""
        return f"Без {self._name(channel, 1)}"

    def is_letters(self, channel: str) -> bool:
        """Tell whether a channel writes to people on mailing lists."""
        return channel in self._addresses and self._addresses[channel] is None

    def kind(self, channel: str) -> str:
        """Return the kind of a channel, empty when unknown."""
        return self._kinds.get(channel, "")

    def place(self, channel: str) -> str | None:
        """Return the address where people can look at the channel, if there is one."""
        return place(self._kinds.get(channel, ""), self._addresses.get(channel))

    def _name(self, channel: str, case: int) -> str:
        kind = self._kinds.get(channel, "")
        if kind not in _BY_KIND:
            return f"«{channel}»" if case == 0 else f"канала «{channel}»"
        name = _BY_KIND[kind][case]
        address = self._addresses.get(channel) or ""
        if address.startswith("@"):
            return f"{name} {address}"
        alone = sum(other == kind for other in self._kinds.values()) == 1
        return name if alone else f"{name} «{channel}»"


def place(kind: str, address: str | None) -> str | None:
    """Return the web address of a chat or wall, None when it has none."""
    if kind == "telegram" and address and address.startswith("@"):
        return f"https://t.me/{address[1:]}"
    if kind == "vk" and address:
        return f"https://vk.com/{address}"
    return None
