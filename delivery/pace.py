"""A channel's limits as one list: so many sends in any span of so long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from channels.contract import Pace

__all__ = ["Limit", "limits_of"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` sends begin within any `span`."""

    most: int
    span: timedelta


def limits_of(pace: Pace) -> Sequence[Limit]:
    """Return the limits that a pace sets, the shortest span first. A gap is a limit of one send."""
    table = (
        (1 if pace.gap else 0, pace.gap),
        (pace.per_second, timedelta(seconds=1)),
        (pace.per_minute, timedelta(minutes=1)),
        (pace.per_hour, timedelta(hours=1)),
        (pace.per_day, timedelta(days=1)),
    )
    return tuple(sorted((Limit(most, span) for most, span in table if most), key=lambda limit: limit.span))
