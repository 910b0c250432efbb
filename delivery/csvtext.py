"""Bytes of a CSV file become rows: the encoding found, the delimiter found, broken quoting kept to its own line."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from itertools import islice

from delivery.archive import archive_names

__all__ = ["BrokenLine", "CsvText", "Row", "TextCode", "TextError", "read_text"]

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_WITHOUT_BOM = ("utf-8", "cp1251")
_SIGNATURES = (
    (b"%PDF", "pdf"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"PK\x03\x04", "zip"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
)
_ZIP_FOLDERS = (("word/", "docx"), ("ppt/", "pptx"), ("content.xml", "ods"), ("xl/", "xlsx"))
# How a workbook with a password says so in its table of streams. Source: MS-OFFCRYPTO §2.3.4.4
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(r"\s*<(!doctype|html|head|table|\?xml)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f]")

_DELIMITERS = (";", "\t", ",", "|")
_ONE_COLUMN = "\x1f"  # a delimiter that no text has
_EXCEL_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[^\s@<>\"]+@[^\s@<>\"]+\s*")
_SAMPLE = 200  # lines looked at for the delimiter
_CELL_HEIGHT = 100  # lines that one quoted cell may hold; more is a quote that nobody closed


class TextCode(StrEnum):
    """Why bytes are no text, or too much of it."""

    NOT_TEXT = "not_text"
    TOO_MANY_LINES = "too_many_lines"


class TextError(Exception):
    """Not a text file. `format` names what it is instead, where that can be seen."""

    def __init__(self, code: TextCode, form: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.format = form


@dataclass(frozen=True, slots=True)
class Row:
    """A row with something in it. `line` counts from 1 and is the first of the `height` lines that it stands on."""

    line: int
    cells: tuple[str, ...]
    height: int = 1


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line whose quote is never closed."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class CsvText:
    """What a text file holds. `delimiter` is empty where there is one column."""

    rows: tuple[Row, ...]
    broken: tuple[BrokenLine, ...]
    encoding: str
    delimiter: str


def read_text(data: bytes, *, max_lines: int) -> CsvText:
    """Split a text file into rows. `max_lines` counts filled lines. Raises TextError."""
    encoding, text = _decode(data)
    hint = _EXCEL_HINT.match(text)
    lines = list(StringIO(text, newline=""))  # ends lines as csv does, unlike splitlines()
    if sum(1 for line in lines if line.strip()) > max_lines:
        raise TextError(TextCode.TOO_MANY_LINES)
    delimiter, width = (hint[1], 0) if hint else _delimiter(lines)
    rows, broken = _split(lines, delimiter, width, start=1 if hint else 0)
    return CsvText(tuple(rows), tuple(broken), encoding, "" if delimiter == _ONE_COLUMN else delimiter)


# Bytes to text


def _decode(data: bytes) -> tuple[str, str]:
    if form := _binary_format(data):
        raise TextError(TextCode.NOT_TEXT, form)
    encodings = next(((name,) for bom, name in _BOMS if data.startswith(bom)), _WITHOUT_BOM)
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.rstrip("\x1a")  # how DOS programs end a file
        if "\0" in text or len(_CONTROLS.findall(text)) > 3 + len(text) // 1000:
            raise TextError(TextCode.NOT_TEXT)
        if _HTML.match(text):
            raise TextError(TextCode.NOT_TEXT, "html")  # what some programs save under the name of .xls
        return encoding, text
    raise TextError(TextCode.NOT_TEXT)


def _binary_format(data: bytes) -> str:
    form = next((name for signature, name in _SIGNATURES if data.startswith(signature)), "")
    if form == "xls" and _ENCRYPTED in data:
        return "protected"
    if form == "zip":
        return _zip_format(data)
    return form


def _zip_format(data: bytes) -> str:
    names = archive_names(data)
    return next((form for start, form in _ZIP_FOLDERS if any(name.startswith(start) for name in names)), "zip")


# Text to rows


def _delimiter(lines: list[str]) -> tuple[str, int]:
    """Find the delimiter that cuts the most lines into the same number of cells, more than one; and that number.

    Between equals wins the one that leaves no half of a quoted cell behind, then the one that lays more addresses bare.
    """
    sample = list(islice((line for line in lines if line.strip()), _SAMPLE))
    best = (0.0, False, 0)
    found = (_ONE_COLUMN, 1)
    for delimiter in _DELIMITERS:
        rows, _ = _split(sample, delimiter, 0)
        if not rows:
            continue
        width, times = Counter(len(row.cells) for row in rows).most_common(1)[0]
        cells = [cell for row in rows for cell in row.cells]
        whole = not any(cell.count('"') % 2 for cell in cells)
        score = (times / len(rows), whole, sum(1 for cell in cells if _ADDRESS.fullmatch(cell)))
        if width > 1 and score > best:
            best, found = score, (delimiter, width)
    return found


def _split(lines: list[str], delimiter: str, width: int, start: int = 0) -> tuple[list[Row], list[BrokenLine]]:
    """Cut lines into rows. A row that swallows whole rows of `width` cells began with a quote that nobody closed."""
    rows: list[Row] = []
    broken: list[BrokenLine] = []
    at = start
    while at < len(lines):
        row = _row(lines, at, delimiter)
        if row is None or _swallowed_rows(row, delimiter, width):
            broken.append(BrokenLine(at + 1, lines[at].strip()))
            at += 1
            continue
        if any(cell.strip() for cell in row.cells):
            rows.append(row)
        at += row.height
    return rows, broken


def _row(lines: list[str], at: int, delimiter: str) -> Row | None:
    """Read the row that begins at a line; None when its quote stays open."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        for line in lines[at : at + _CELL_HEIGHT]:
            taken += 1
            yield line
        taken += 1  # the reader wanted more

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter))
    except csv.Error:  # a cell beyond csv.field_size_limit
        return None
    if taken > min(_CELL_HEIGHT, len(lines) - at):
        return None
    return Row(at + 1, tuple(cells), taken)


def _swallowed_rows(row: Row, delimiter: str, width: int) -> bool:
    """Tell whether a cell with line breaks holds what should have been rows of the table."""
    if row.height == 1 or width == 1:
        return False
    for line in (line for cell in row.cells if "\n" in cell or "\r" in cell for line in cell.splitlines()):
        cells = line.split(delimiter)
        addresses = sum(1 for cell in cells if _ADDRESS.fullmatch(cell))
        if len(cells) == width and 0 < addresses < sum(1 for cell in cells if cell.strip()):
            return True
    return False
