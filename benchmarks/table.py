"""The aims beside the figures of one run, all in one table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.relays import generator_name, sink_name

__all__ = ["AIMS", "Aim", "read", "table"]

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Aim:
    """One line: what we want at least, what then, and the figures that tell, of which the worst counts.

    `smaller`: it is the better the smaller it is. A limit that nobody has set is None.
    """

    title: str
    least: float | None
    then: float | None
    figures: tuple[str, ...]
    shown: str
    smaller: bool = True

    def measured(self, figures: Figures) -> float | None:
        """Return the figure of this run, None when it was not measured."""
        worst = max if self.smaller else min
        return worst((figures[name] for name in self.figures if name in figures), default=None)

    def verdict(self, value: float) -> str:
        """Say how far the figure has come."""
        if self._within(value, self.then):
            return "reached"
        if self.least is None:
            return ""
        return "enough" if self._within(value, self.least) else "missed"

    def _within(self, value: float, limit: float | None) -> bool:
        return limit is not None and (value <= limit if self.smaller else value >= limit)

    def limit(self, limit: float | None) -> str:
        """Write a limit with its direction."""
        return "" if limit is None else f"{'≤' if self.smaller else '≥'} {self.shown.format(limit)}"


_COST = ("million.cost.cpu", "million.cost.wall")
_SIGNED = ("signing.rsa.rate", "signing.both.rate")
AIMS = (
    Aim("letters/s on SQLite ÷ generator", 0.50, 0.80, ("letters.sqlite.ratio",), "{:.2f}", smaller=False),
    Aim("letters/s on Postgres ÷ generator", 0.45, 0.75, ("letters.postgres.ratio",), "{:.2f}", smaller=False),
    Aim("CPU seconds per 1,000 letters", 0.30, 0.20, ("letters.sqlite.cpu", "letters.postgres.cpu"), "{:.2f}"),
    Aim("300 KB letters", 350, 500, ("letters.large.rate",), "{:,.0f}/s", smaller=False),
    Aim("signed letters for each processor", 500, 1000, _SIGNED, "{:,.0f}/s", smaller=False),
    Aim("relay 20 ms away", 400, 1000, ("letters.far.rate",), "{:,.0f}/s", smaller=False),
    Aim("cost per letter of 1,000,000 ÷ of 10,000", 1.2, 1.05, _COST, "{:.2f}"),
    Aim("memory during 1,000,000", 150, 100, ("million.peak",), "{:.0f} MB"),
    Aim("release of 1,000,000 deliveries", 20, 5, ("million.release",), "{:.1f} s"),
    Aim("  a small write of the bot meanwhile, p95", None, None, ("million.write",), "{:.0f} ms"),
    Aim("status of it while it is sent, p95", 100, 20, ("million.status",), "{:.0f} ms"),
    Aim("urgent overtakes it", 2, None, ("million.urgent",), "{:.2f} s"),
    Aim("pause and cancel take effect", 1, None, ("million.pause", "million.cancel"), "{:.2f} s"),
    Aim("confirm to post on the stand-in, p95", 150, 60, ("press.p95",), "{:.0f} ms"),
)


def read(path: Path) -> Figures:
    """Return the figures that the benchmarks of one run have left (`support.note`)."""
    return dict(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def table(figures: Figures) -> str:
    """Write the aims beside the figures."""
    rows = [("aim", "at least", "then", "measured", "")]
    for aim in AIMS:
        value = aim.measured(figures)
        told = ("not measured", "") if value is None else (aim.shown.format(value), aim.verdict(value))
        rows.append((aim.title, aim.limit(aim.least), aim.limit(aim.then), *told))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, f"The generator is {generator_name()}, the sink {sink_name()}."])
