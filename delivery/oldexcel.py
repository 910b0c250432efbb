"""The rows of an XLS workbook (Excel 97 to 2003) as text. Read by xlrd, which evaluates no formulas.

Such a workbook has at most 65,536 rows of 256 columns, which is what a hostile one can make of its bytes; sheets are
loaded one at a time and let go.
"""

from datetime import datetime, time
from io import StringIO
from typing import Any

import xlrd

from delivery.archive import COLUMNS_READ, Sheet, WorkbookCode, WorkbookError

__all__ = ["is_old_excel", "read_old_excel"]

_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # a compound file. Source: MS-CFB §2.2
# The streams of a workbook. Older Word and PowerPoint files are compound files too. Source: MS-XLS §2.1.2
_STREAMS = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))


def is_old_excel(data: bytes) -> bool:
    """Tell whether the bytes look like an XLS workbook and not like another compound file."""
    return data.startswith(_SIGNATURE) and any(name in data for name in _STREAMS)


def read_old_excel(data: bytes, *, max_rows: int) -> tuple[Sheet, ...]:
    """Return the visible sheets in their order. `max_rows` counts filled rows of all sheets. Raises WorkbookError."""
    try:
        with xlrd.open_workbook(file_contents=data, logfile=StringIO(), on_demand=True, ragged_rows=True) as book:
            return _sheets(book, max_rows)
    except WorkbookError:
        raise
    except xlrd.XLRDError as error:
        protected = "encrypted" in str(error)
        raise WorkbookError(WorkbookCode.PROTECTED if protected else WorkbookCode.BROKEN) from error
    except Exception as error:
        raise WorkbookError(WorkbookCode.BROKEN) from error


def _sheets(book: Any, max_rows: int) -> tuple[Sheet, ...]:
    found: list[Sheet] = []
    for number in range(book.nsheets):
        sheet = book.sheet_by_index(number)
        if not sheet.visibility:
            found.append(Sheet(sheet.name, _rows(sheet, book.datemode, max_rows)))
            max_rows -= len(found[-1].rows)
        book.unload_sheet(number)
    return tuple(found)


def _rows(sheet: Any, datemode: int, max_rows: int) -> tuple[tuple[int, tuple[str, ...]], ...]:
    rows: list[tuple[int, tuple[str, ...]]] = []
    for number in range(sheet.nrows):
        kinds, values = sheet.row_types(number, 0, COLUMNS_READ), sheet.row_values(number, 0, COLUMNS_READ)
        cells = [_text(kind, value, datemode) if kind else "" for kind, value in zip(kinds, values, strict=True)]
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            continue
        if len(rows) >= max_rows:
            raise WorkbookError(WorkbookCode.TOO_MANY_ROWS)
        rows.append((number + 1, tuple(cells)))
    return tuple(rows)


def _text(kind: int, value: Any, datemode: int) -> str:
    match kind:
        case xlrd.XL_CELL_TEXT | xlrd.XL_CELL_BOOLEAN:
            return str(value)
        case xlrd.XL_CELL_NUMBER:
            return str(int(value)) if float(value).is_integer() else str(value)
        case xlrd.XL_CELL_DATE:
            return _moment(value, datemode)
        case xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(value, ""))
        case _:
            return ""


def _moment(value: float, datemode: int) -> str:
    """Write a date as ISO 8601 does; a number that is none stays the number it is."""
    try:
        moment: datetime = xlrd.xldate_as_datetime(value, datemode)
    except (ValueError, OverflowError, xlrd.xldate.XLDateError):
        return str(value)
    return moment.date().isoformat() if moment.time() == time.min else moment.isoformat(" ")
