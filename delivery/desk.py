"""What every use case needs at hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from channels.contract import Channel
from delivery.database import Database


@dataclass(frozen=True, slots=True)
class Desk:
    """The database, the ways out, the clock (aware UTC) and the organisation's time zone."""

    database: Database
    channels: Mapping[str, Channel]
    now: Callable[[], datetime]
    zone: ZoneInfo
