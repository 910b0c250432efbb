"""A mailing list file becomes members. Pure: no database, no network.

Nothing of a file is dropped in silence: see `delivery.listlines`. How members become a file again: `delivery.listout`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from delivery.archive import Sheet, WorkbookCode, WorkbookError
from delivery.csvtext import Row, TextCode, TextError, read_text
from delivery.listcolumns import find_columns
from delivery.listlines import BadLine, BadLineCode, Duplicate, Found, Note, excerpt
from delivery.member import Member
from delivery.oldexcel import is_old_excel, read_old_excel
from delivery.opendocument import is_opendocument, read_opendocument
from delivery.workbook import is_workbook, read_workbook

__all__ = ["LIMITS", "Limits", "ListFile", "ListFileCode", "ListFileError", "read", "without"]


# The nouns


@dataclass(frozen=True, slots=True)
class ListFile:
    """What a file holds, and how it was understood.

    `encoding` is a codec's name, or "xlsx", "ods", "xls". `delimiter` is empty where there is one column. `header` is
    empty when the file has none. `sheet` and `other_sheets` name the sheet that was read and those with addresses that
    were not. `lines` has the line on which each member stood first.
    """

    members: tuple[Member, ...]
    bad: tuple[BadLine, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    formulas: tuple[Note, ...] = ()
    unclear: tuple[Note, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    header: tuple[str, ...] = ()
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)


class ListFileCode(StrEnum):
    """Why a whole file was refused."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"  # values: limit, in bytes
    TOO_MANY_LINES = "too_many_lines"  # values: limit
    NOT_TEXT = "not_text"  # values: format, where it was recognised: pdf, xls, protected, …; else empty
    NO_ADDRESSES = "no_addresses"


class ListFileError(Exception):
    """A file that gives no list. `values` always has the file's name, and what the code's sentence needs."""

    def __init__(self, code: ListFileCode, values: Mapping[str, int | str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.values = dict(values or {})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read: bytes of the file, bytes of a workbook once unpacked, filled lines."""

    size: int = 20 * 1024 * 1024
    unpacked: int = 100 * 1024 * 1024
    lines: int = 100_000


LIMITS = Limits()
_PER_LINE = 2  # addresses that a full-sized file may have on each of its lines


# The way in


def read(name: str, data: bytes, limits: Limits = LIMITS) -> ListFile:
    """Read a CSV, XLSX, ODS or XLS file. Its bytes decide which; `name` is for the error alone. Raises ListFileError.

    Takes about a second for 50,000 lines: call it in a thread.
    """
    try:
        return _read(data, limits)
    except ListFileError as error:
        error.values["name"] = name
        raise


def _read(data: bytes, limits: Limits) -> ListFile:
    if len(data) > limits.size:
        raise ListFileError(ListFileCode.TOO_LARGE, {"limit": limits.size})
    found, rows = _rows(data, limits)
    if not rows and not found.bad:
        raise ListFileError(ListFileCode.EMPTY)
    addresses = sum(cell.count("@") for row in rows for cell in row.cells)
    if addresses > _PER_LINE * limits.lines:  # all of them on one line, for example
        raise ListFileError(ListFileCode.TOO_MANY_LINES, {"limit": limits.lines})
    if addresses:
        return _with_members(found, rows)
    if any("@" in bad.text for bad in found.bad):
        return found  # lost to broken quotes, every one of them
    raise ListFileError(ListFileCode.NO_ADDRESSES)


def _rows(data: bytes, limits: Limits) -> tuple[ListFile, Sequence[Row]]:
    try:
        if is_workbook(data):
            return _from_sheets("xlsx", read_workbook(data, max_unpacked=limits.unpacked, max_rows=limits.lines))
        if is_opendocument(data):
            return _from_sheets("ods", read_opendocument(data, max_unpacked=limits.unpacked, max_rows=limits.lines))
        if is_old_excel(data):
            return _from_sheets("xls", read_old_excel(data, max_rows=limits.lines))
    except WorkbookError as error:
        raise _workbook_failure(error.code, limits) from error
    return _from_text(data, limits)


def _from_text(data: bytes, limits: Limits) -> tuple[ListFile, Sequence[Row]]:
    try:
        text = read_text(data, max_lines=limits.lines)
    except TextError as error:
        if error.code is TextCode.TOO_MANY_LINES:
            raise ListFileError(ListFileCode.TOO_MANY_LINES, {"limit": limits.lines}) from error
        raise ListFileError(ListFileCode.NOT_TEXT, {"format": error.format}) from error
    bad = tuple(BadLine(line.line, excerpt(line.text), BadLineCode.UNCLOSED_QUOTE) for line in text.broken)
    return ListFile((), bad, encoding=text.encoding, delimiter=text.delimiter), text.rows


def _from_sheets(encoding: str, sheets: Sequence[Sheet]) -> tuple[ListFile, Sequence[Row]]:
    with_addresses = [sheet for sheet in sheets if any("@" in cell for _, cells in sheet.rows for cell in cells)]
    if not with_addresses:
        return ListFile((), encoding=encoding), [Row(line, cells) for sheet in sheets for line, cells in sheet.rows]
    chosen, *others = with_addresses
    found = ListFile((), encoding=encoding, sheet=chosen.name, other_sheets=tuple(sheet.name for sheet in others))
    return found, [Row(line, cells) for line, cells in chosen.rows]


def _workbook_failure(code: WorkbookCode, limits: Limits) -> ListFileError:
    match code:
        case WorkbookCode.BROKEN:
            return ListFileError(ListFileCode.NOT_TEXT, {"format": "broken"})
        case WorkbookCode.PROTECTED:
            return ListFileError(ListFileCode.NOT_TEXT, {"format": "protected"})
        case WorkbookCode.TOO_LARGE:
            return ListFileError(ListFileCode.TOO_LARGE, {"limit": limits.unpacked})
        case WorkbookCode.TOO_MANY_ROWS:
            return ListFileError(ListFileCode.TOO_MANY_LINES, {"limit": limits.lines})


def _with_members(file: ListFile, rows: Sequence[Row]) -> ListFile:
    columns, header, below = find_columns(rows)
    found = Found(file.bad)
    found.take(below, columns)
    return replace(
        file,
        members=tuple(found.members.values()),
        bad=tuple(sorted(found.bad, key=lambda one: one.line)),
        duplicates=tuple(found.duplicates),
        formulas=tuple(found.formulas),
        unclear=tuple(found.unclear),
        header=header,
        lines=found.lines,
    )


def without(file: ListFile, addresses: frozenset[str], code: BadLineCode) -> ListFile:
    """Return the file with these addresses among its bad lines and not among its members."""
    if not addresses:
        return file
    refused = [
        BadLine(file.lines.get(one.address, 0), one.shown, code) for one in file.members if one.address in addresses
    ]
    return replace(
        file,
        members=tuple(one for one in file.members if one.address not in addresses),
        bad=tuple(sorted([*file.bad, *refused], key=lambda one: one.line)),
    )
