"""What is out already: where it stands, for a person to change or remove it there."""

from collections.abc import Mapping, Sequence

from bot.config import Settings
from delivery.model import DeliveryState
from delivery.report import Report

__all__ = ["kinds", "places"]

_OUT = (DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCONFIRMED)

Places = Mapping[str, Sequence[str]]


def places(found: Report) -> dict[str, list[str]]:
    """Return the channels in which an announcement is, or may be, out; with the links that are known."""
    out: dict[str, list[str]] = {}
    for broadcast in found.broadcasts:
        for key, its in broadcast.channels.items():
            if any(its.counts[state] for state in _OUT):
                out.setdefault(key, []).extend(its.links)
    return out


def kinds(settings: Settings) -> dict[str, str]:
    """Return the kind of each channel by its key."""
    return {key: str(getattr(section, "kind", "")) for key, section in settings.channels.items()}
