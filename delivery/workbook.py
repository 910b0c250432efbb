"""The rows of an XLSX workbook as text, read cell by cell.

A reader that lays a sheet out as a full grid needs half a terabyte for two cells in opposite corners; here memory
follows the number of filled cells, so a stray or hostile one costs nothing. Formulas are never evaluated: what the
spreadsheet program last computed stands in the file beside them. Source of the format: ECMA-376 part 1, §12 and §18.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from xml.sax.saxutils import escape

from delivery.archive import COLUMNS_READ, Parts, Sheet, WorkbookCode, WorkbookError, archive_names, opened

__all__ = ["is_workbook", "read_workbook", "write_workbook"]

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # ECMA-376 part 1, §22.4.2.4: how control signs are written
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def is_workbook(data: bytes) -> bool:
    """Tell whether the bytes look like an XLSX workbook and not like another kind of ZIP archive."""
    return any(name.startswith("xl/") for name in archive_names(data))


def read_workbook(data: bytes, *, max_unpacked: int, max_rows: int) -> tuple[Sheet, ...]:
    """Return the visible sheets in their order. Raises WorkbookError.

    `max_unpacked` is in bytes and counts every part that has to be read; `max_rows` counts filled rows of all sheets.
    """
    with opened(data, max_unpacked=max_unpacked) as parts:
        return _sheets(parts, max_rows)


def _sheets(parts: Parts, max_rows: int) -> tuple[Sheet, ...]:
    main = next(iter(_related(parts, "").get("officeDocument", {}).values()), "xl/workbook.xml")
    related = _related(parts, main)
    strings = [text for name in related.get("sharedStrings", {}).values() for text in _strings(parts, name)]
    found: list[Sheet] = []
    for name, relation in _visible(parts, main):
        if relation in related.get("worksheet", {}):
            rows = _SheetReader(strings, max_rows - sum(len(sheet.rows) for sheet in found))
            parts.parse(related["worksheet"][relation], rows.start, rows.end, rows.text)
            found.append(Sheet(name, tuple(rows.rows)))
    return tuple(found)


def _related(parts: Parts, source: str) -> dict[str, dict[str, str]]:
    """What a part points to: kind -> relation id -> name of the other part."""
    folder, name = posixpath.split(source)
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, dict[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"])).lstrip("/")
            found.setdefault(attributes["Type"].rpartition("/")[2], {})[attributes["Id"]] = target

    if parts.has(relations):
        parts.parse(relations, start)
    return found


def _visible(parts: Parts, main: str) -> Iterator[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet" and attributes.get("state", "visible") == "visible":
            relation = next(value for key, value in attributes.items() if key.endswith(":id"))
            found.append((attributes["name"], relation))

    parts.parse(main, start)
    yield from found


def _strings(parts: Parts, name: str) -> list[str]:
    """The table of texts that cells point into. Readings of Japanese words (rPh) are not part of a text."""
    texts: list[str] = []
    pieces: list[str] = []
    open_tags: list[str] = []

    def start(tag: str, _: dict[str, str]) -> None:
        open_tags.append(tag)

    def end(tag: str) -> None:
        open_tags.pop()
        if tag == "si":
            texts.append(_unescaped("".join(pieces)))
            pieces.clear()

    def text(data: str) -> None:
        if open_tags[-1] == "t" and "rPh" not in open_tags:
            pieces.append(data)

    parts.parse(name, start, end, text)
    return texts


class _SheetReader:
    """Collects the filled rows of one sheet while its XML goes by."""

    def __init__(self, strings: list[str], max_rows: int) -> None:
        self.rows: list[tuple[int, tuple[str, ...]]] = []
        self._strings = strings
        self._max_rows = max_rows
        self._cells: dict[int, str] = {}
        self._row = 0
        self._column = -1
        self._kind = ""
        self._pieces: list[str] = []
        self._listening = False
        self._phonetic = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = -1
            self._cells = {}
        elif tag == "c":
            self._column = _column(attributes["r"]) if "r" in attributes else self._column + 1
            self._kind = attributes.get("t", "n")
            self._pieces = []
        elif tag == "rPh":
            self._phonetic = True
        self._listening = tag == ("t" if self._kind == "inlineStr" else "v") and not self._phonetic

    def text(self, data: str) -> None:
        if self._listening:
            self._pieces.append(data)

    def end(self, tag: str) -> None:
        self._listening = False
        if tag == "rPh":
            self._phonetic = False
        elif tag == "c":
            value = self._value()
            if value.strip() and self._column < COLUMNS_READ:
                self._cells[self._column] = value
        elif tag == "row" and self._cells:
            if len(self.rows) >= self._max_rows:
                raise WorkbookError(WorkbookCode.TOO_MANY_ROWS)
            width = max(self._cells) + 1
            self.rows.append((self._row, tuple(self._cells.get(column, "") for column in range(width))))

    def _value(self) -> str:
        text = "".join(self._pieces)
        if self._kind == "s" and text:
            return self._strings[int(text)]
        return _unescaped(text)


def _column(reference: str) -> int:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise WorkbookError(WorkbookCode.BROKEN)
    number = 0
    for letter in match[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).encode("utf-8", "replace").decode()


# The way out. What is left out of a part, the format gives a default. Source: ECMA-376 part 1, §12.3.

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RELATIONS = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_DOCUMENT}/%s" Target="%s"/></Relationships>'
)
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sheet.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": _RELATIONS % ("officeDocument", "xl/workbook.xml"),
    "xl/_rels/workbook.xml.rels": _RELATIONS % ("worksheet", "sheet.xml"),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>"
    ),
}


def write_workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """Return an XLSX workbook of one sheet. Every cell is a text, also one that looks like a formula."""
    body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**_PARTS, "xl/sheet.xml": sheet}.items():
            archive.writestr(name, _HEAD + part)
    return packed.getvalue()


def _cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(_NOT_XML.sub("", text))}</t></is></c>'
