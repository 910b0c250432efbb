"""The rows of an ODS workbook (LibreOffice, МойОфис) as text, read cell by cell as those of XLSX are.

Repetitions are a number in the file: of empty cells and rows they cost nothing here, and filled ones count against the
limit of rows, however short they are written. Source of the format: OpenDocument 1.3 part 3, §6.1 and §9.
"""

from collections import Counter

from delivery.archive import (
    COLUMNS_READ,
    Parts,
    Sheet,
    WorkbookCode,
    WorkbookError,
    archive_names,
    first_bytes,
    local,
    opened,
)

__all__ = ["is_opendocument", "read_opendocument"]

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
# What hangs on a cell or a sheet without being its text: remarks, drawings, older states, tables of other files.
_ASIDE = frozenset({"annotation", "dde-links", "frame", "custom-shape", "shapes", "tracked-changes"})
_MOST_BLANKS = 100  # that one sign of a text may stand for


def is_opendocument(data: bytes) -> bool:
    """Tell whether the bytes look like an ODS workbook and not like a text or a presentation of the same family."""
    return _CONTENT in archive_names(data) and first_bytes(data, "mimetype", 100).startswith(_MIMETYPE)


def read_opendocument(data: bytes, *, max_unpacked: int, max_rows: int) -> tuple[Sheet, ...]:
    """Return the visible sheets in their order. Raises WorkbookError.

    `max_unpacked` is in bytes and counts every part that has to be read; `max_rows` counts filled rows of all sheets.
    """
    with opened(data, max_unpacked=max_unpacked) as parts:
        if _is_encrypted(parts):
            raise WorkbookError(WorkbookCode.PROTECTED)
        reader = _Reader(max_rows)
        parts.parse(_CONTENT, reader.start, reader.end, reader.text)
        return tuple(reader.sheets)


def _is_encrypted(parts: Parts) -> bool:
    found: set[str] = set()
    if parts.has(_MANIFEST):
        parts.parse(_MANIFEST, lambda tag, _: found.add(tag))
    return "encryption-data" in found


class _Reader:
    """Collects the filled rows of every visible sheet while the document goes by."""

    def __init__(self, max_rows: int) -> None:
        self.sheets: list[Sheet] = []
        self._left = max_rows
        self._hidden: set[str] = set()  # styles of sheets that are not shown
        self._style = ""
        self._aside = 0  # how deep inside something that is no cell's text
        self._table: dict[str, str] = {}
        self._rows: list[tuple[int, tuple[str, ...]]] = []
        self._row = 0
        self._row_times = 1
        self._cells: dict[int, str] = {}
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._paragraphs: list[list[str]] = []
        self._open = Counter[str]()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._aside or tag in _ASIDE or (tag == "table" and self._cell is not None):
            self._aside += 1
            return
        match tag:
            case "style":
                self._style = _of(attributes).get("name", "")
            case "table-properties" if _of(attributes).get("display") == "false":
                self._hidden.add(self._style)
            case "table":
                self._table, self._rows, self._row = _of(attributes), [], 0
            case "table-row":
                self._row_times = _times(_of(attributes).get("number-rows-repeated"))
                self._cells, self._column = {}, 0
            case "table-cell" | "covered-table-cell":
                self._cell, self._paragraphs = _of(attributes), []
            case _ if self._cell is not None:
                self._inside(tag, attributes)

    def _inside(self, tag: str, attributes: dict[str, str]) -> None:
        self._open[tag] += 1
        if tag == "p":
            self._paragraphs.append([])
        elif tag == "s":
            self._say(" " * min(_times(_of(attributes).get("c")), _MOST_BLANKS))
        elif tag in {"tab", "line-break"}:
            self._say(" ")

    def text(self, data: str) -> None:
        if not self._aside and self._open["p"]:
            self._say(data)

    def _say(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].append(text)

    def end(self, tag: str) -> None:
        if self._aside:
            self._aside -= 1
            return
        match tag:
            case "table":
                if self._table.get("style-name") not in self._hidden:
                    self.sheets.append(Sheet(self._table.get("name", ""), tuple(self._rows)))
            case "table-row":
                self._end_row()
            case "table-cell" | "covered-table-cell":
                self._end_cell()
            case _ if self._cell is not None:
                self._open[tag] -= 1

    def _end_cell(self) -> None:
        cell = self._cell or {}
        # A date is shown in a hundred ways, and stands beside them in one.
        value = cell.get("date-value") or "\n".join("".join(pieces) for pieces in self._paragraphs)
        times = _times(cell.get("number-columns-repeated"))
        if value.strip():
            for column in range(self._column, min(self._column + times, COLUMNS_READ)):
                self._cells[column] = value
        self._column += times
        self._cell = None
        self._open.clear()

    def _end_row(self) -> None:
        if self._cells and self._table.get("style-name") not in self._hidden:
            self._left -= self._row_times
            if self._left < 0:
                raise WorkbookError(WorkbookCode.TOO_MANY_ROWS)
            cells = tuple(self._cells.get(column, "") for column in range(max(self._cells) + 1))
            self._rows += [(self._row + n, cells) for n in range(1, self._row_times + 1)]
        self._row += self._row_times


def _of(attributes: dict[str, str]) -> dict[str, str]:
    return {local(name): value for name, value in attributes.items()}


def _times(written: str | None) -> int:
    return max(1, int(written)) if written else 1
