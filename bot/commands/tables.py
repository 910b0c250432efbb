"""Tables for people: aligned, readable without colour, whole when they go into a file or another program."""

import re
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["one_line", "table"]

_UNLIMITED = 100_000  # columns; a pipe has no edge
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e]+")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()) -> str:
    """Draw a table; columns named in `right` hold numbers. Columns in which nothing stands are left out."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    kept = [index for index in range(len(headings)) if any(row[index] for row in cells)]
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index in kept:
        drawn.add_column(headings[index], justify="right" if index in right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(row[index]) for index in kept))
    return _printed(drawn)


def one_line(text: str) -> str:
    """Return the text on one line, without signs that a terminal would obey."""
    return re.sub(" {2,}", " ", _INVISIBLE.sub(" ", text)).strip()


def _printed(drawn: Table) -> str:
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else _UNLIMITED
    paper = StringIO()
    Console(file=paper, width=width, force_terminal=on_terminal, highlight=False, markup=False, emoji=False).print(
        drawn
    )
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines()).strip("\n")
