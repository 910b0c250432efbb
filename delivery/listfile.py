"""A mailing list file becomes members, and members become a file again. Pure: no database, no network.

Nothing of a file is dropped in silence: what gave no member is in `bad` with its line, what came twice in
`duplicates`, and a cell that a spreadsheet program would run as a formula in `formulas`.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from io import StringIO

from delivery import workbook
from delivery.address import AddressError, check_address
from delivery.csvtext import Row, TextCode, TextError, read_text
from delivery.listcolumns import Columns, find_columns
from delivery.workbook import WorkbookCode, WorkbookError, is_workbook, read_workbook

__all__ = [
    "LIMITS",
    "BadLine",
    "BadLineCode",
    "Changes",
    "Duplicate",
    "Formula",
    "Limits",
    "ListFile",
    "ListFileCode",
    "ListFileError",
    "Member",
    "Update",
    "changes",
    "read",
    "write",
    "write_workbook",
]


# The nouns


@dataclass(frozen=True, slots=True)
class Member:
    """One mailbox of a list. `address` is lower-case ASCII, for envelopes and comparing; `shown` is for people."""

    address: str
    shown: str
    name: str = ""
    organisation: str = ""


class BadLineCode(StrEnum):
    """Why a line, or one address of it, gave no member. The codes of delivery.address are among them."""

    NO_ADDRESS = "no_address"
    NO_AT = "no_at"
    EXTRA_TEXT = "extra_text"  # values: extra
    BAD_LOCAL = "bad_local"  # values: part
    BAD_DOMAIN = "bad_domain"  # values: part
    NOT_LATIN = "not_latin"  # values: letters
    MIXED_LETTERS = "mixed_letters"  # values: letters
    TOO_LONG = "too_long"  # values: length, limit
    FORMULA = "formula"  # where an address should stand
    SHIFTED = "shifted"  # values: expected, found; more cells than columns, an address in the wrong one
    UNCLOSED_QUOTE = "unclosed_quote"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that gave no member. Lines count from 1, as a text editor or a spreadsheet shows them."""

    line: int
    text: str
    code: BadLineCode
    values: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same mailbox once more; it was joined with that of `first_line`."""

    line: int
    first_line: int
    shown: str


@dataclass(frozen=True, slots=True)
class Formula:
    """A name or organisation that looks like a formula. It is kept as the text it is, and written out defused."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class ListFile:
    """What a file holds, and how it was understood.

    `encoding` is a codec's name or "xlsx". `delimiter` is empty where there is one column. `header` is empty when the
    file has none. `sheet` and `other_sheets` name the sheet that was read and those with addresses that were not.
    """

    members: tuple[Member, ...]
    bad: tuple[BadLine, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    formulas: tuple[Formula, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    header: tuple[str, ...] = ()
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()


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
    """Read a CSV or XLSX file. Its bytes decide which; `name` is for the error alone. Raises ListFileError.

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
    found, rows = _from_workbook(data, limits) if is_workbook(data) else _from_text(data, limits)
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


def _from_text(data: bytes, limits: Limits) -> tuple[ListFile, Sequence[Row]]:
    try:
        text = read_text(data, max_lines=limits.lines)
    except TextError as error:
        if error.code is TextCode.TOO_MANY_LINES:
            raise ListFileError(ListFileCode.TOO_MANY_LINES, {"limit": limits.lines}) from error
        raise ListFileError(ListFileCode.NOT_TEXT, {"format": error.format}) from error
    bad = tuple(BadLine(line.line, _excerpt(line.text), BadLineCode.UNCLOSED_QUOTE) for line in text.broken)
    return ListFile((), bad, encoding=text.encoding, delimiter=text.delimiter), text.rows


def _from_workbook(data: bytes, limits: Limits) -> tuple[ListFile, Sequence[Row]]:
    try:
        sheets = read_workbook(data, max_unpacked=limits.unpacked, max_rows=limits.lines)
    except WorkbookError as error:
        raise _workbook_failure(error.code, limits) from error
    with_addresses = [sheet for sheet in sheets if any("@" in cell for _, cells in sheet.rows for cell in cells)]
    if not with_addresses:
        return ListFile((), encoding="xlsx"), [Row(line, cells) for sheet in sheets for line, cells in sheet.rows]
    chosen, *others = with_addresses
    found = ListFile((), encoding="xlsx", sheet=chosen.name, other_sheets=tuple(sheet.name for sheet in others))
    return found, [Row(line, cells) for line, cells in chosen.rows]


def _workbook_failure(code: WorkbookCode, limits: Limits) -> ListFileError:
    match code:
        case WorkbookCode.BROKEN:
            return ListFileError(ListFileCode.NOT_TEXT, {"format": "xlsx"})
        case WorkbookCode.TOO_LARGE:
            return ListFileError(ListFileCode.TOO_LARGE, {"limit": limits.unpacked})
        case WorkbookCode.TOO_MANY_ROWS:
            return ListFileError(ListFileCode.TOO_MANY_LINES, {"limit": limits.lines})


# Members out of rows

_BLANKS = frozenset({"", "-", "–", "—", "нет", "н/д", "n/a", "отсутствует"})  # how people write "none"
_FORMULA = re.compile(r"[=@]|[+-](?![\d\s()-]*$)")  # a telephone number is none
_RISKY_START = ("=", "+", "-", "@", "\t", "\r")  # Source: OWASP, CSV Injection
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_MAILTO = re.compile("mailto:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,;\r\n]+")
_WRAPPING = " \t\"'«»()[]<>"
_EXACT_ADDRESS = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+")
_EXCERPT = 200


class _Found:
    """What the rows gave so far."""

    def __init__(self, bad: Iterable[BadLine]) -> None:
        self.members: dict[str, Member] = {}
        self.bad = list(bad)
        self.duplicates: list[Duplicate] = []
        self.formulas: list[Formula] = []
        self._lines: dict[str, int] = {}

    def add(self, line: int, member: Member) -> None:
        first = self._lines.setdefault(member.address, line)
        if member.address not in self.members:
            self.members[member.address] = member
            return
        self.duplicates.append(Duplicate(line, first, member.shown))
        known = self.members[member.address]
        self.members[member.address] = replace(
            known, name=known.name or member.name, organisation=known.organisation or member.organisation
        )

    def refuse(self, line: int, text: str, code: BadLineCode, values: Mapping[str, int | str] | None = None) -> None:
        self.bad.append(BadLine(line, _excerpt(text), code, dict(values or {})))

    def text(self, row: Row, columns: tuple[int, ...]) -> str:
        """A name or an organisation: the cells' text joined, its formulas noted."""
        texts = [_undefused(_clean(row.cells[column])) for column in columns if column < len(row.cells)]
        self.formulas += [Formula(row.line, _excerpt(text)) for text in texts if _FORMULA.match(text)]
        return " ".join(text for text in texts if text.casefold() not in _BLANKS)


def _with_members(file: ListFile, rows: Sequence[Row]) -> ListFile:
    columns, header, below = find_columns(rows)
    found = _Found(file.bad)
    for row in below:
        _take(found, row, columns)
    return replace(
        file,
        members=tuple(found.members.values()),
        bad=tuple(sorted(found.bad, key=lambda one: one.line)),
        duplicates=tuple(found.duplicates),
        formulas=tuple(found.formulas),
        header=header,
    )


def _take(found: _Found, row: Row, columns: Columns) -> None:
    if _is_shifted(row, columns):
        values = {"expected": columns.width, "found": len(row.cells)}
        return found.refuse(row.line, _whole(row), BadLineCode.SHIFTED, values)
    cells = [row.cells[column].strip() for column in columns.address if column < len(row.cells)]
    filled = [cell for cell in cells if cell.casefold() not in _BLANKS]
    if not filled:
        return found.refuse(row.line, _whole(row), BadLineCode.NO_ADDRESS)
    name = found.text(row, columns.name)
    organisation = found.text(row, columns.organisation)
    for cell in filled:
        _take_cell(found, row.line, cell, name, organisation)
    return None


def _take_cell(found: _Found, line: int, cell: str, name: str, organisation: str) -> None:
    if cell.startswith("="):
        return found.refuse(line, cell, BadLineCode.FORMULA)
    mailboxes = list(_mailboxes(_undefused(cell)))
    if not mailboxes:  # separators and nothing between them
        found.refuse(line, cell, BadLineCode.NO_ADDRESS)
    for own_name, text in mailboxes:
        try:
            address = check_address(text)
        except AddressError as error:
            found.refuse(line, text, BadLineCode(error.code), error.values)
        else:
            found.add(line, Member(address.ascii, address.shown, own_name or name, organisation))
    return None


def _is_shifted(row: Row, columns: Columns) -> bool:
    """More cells than the header has, and an address in the wrong place: a delimiter stood inside a cell unquoted."""
    if not columns.width or not any(cell.strip() for cell in row.cells[columns.width :]):
        return False
    expected = frozenset(columns.address)
    elsewhere = [cell for column, cell in enumerate(row.cells) if column not in expected]
    return any(_EXACT_ADDRESS.fullmatch(cell.strip()) for cell in elsewhere)


def _mailboxes(cell: str) -> Iterator[tuple[str, str]]:
    """Cut an address cell into (name, address): `Имя <a@b.ru>, c@d.ru; e@f.ru g@h.ru`.

    What stands loose beside an address is not taken for a name: «ivan ov@x.ru» is a slip, and ov@x.ru somebody else.
    """
    cell = _MAILTO.sub("", cell)
    rest = 0
    for match in _IN_BRACKETS.finditer(cell):
        parts = [part.strip() for part in _SEPARATORS.split(cell[rest : match.start()])]
        for part in parts:
            if "@" in part:
                yield from _bare(part)
        name = ", ".join(part for part in parts if part and "@" not in part)
        yield _clean(name).strip(_WRAPPING), match[1].strip(_WRAPPING)
        rest = match.end()
    for part in _SEPARATORS.split(cell[rest:]):
        yield from _bare(part.strip())


def _bare(part: str) -> Iterator[tuple[str, str]]:
    words = part.split()
    if any("@" not in word for word in words):
        yield "", part
        return
    for word in words:
        yield "", word.strip(_WRAPPING).rstrip(".,;:").strip(_WRAPPING)


def _clean(text: str) -> str:
    """One line of visible text: composed letters, single spaces, no control or direction signs."""
    if text.isprintable():
        return " ".join(unicodedata.normalize("NFC", text).split())
    visible = (sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign) not in {"Cf", "Cs"})
    spaced = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in visible)
    return " ".join(spaced.split())


def _excerpt(text: str) -> str:
    text = _clean(text)
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _whole(row: Row) -> str:
    return "; ".join(cell.strip() for cell in row.cells if cell.strip())


# The way out

_HEADER = ("E-mail", "Имя", "Организация")


def write(members: Iterable[Member]) -> bytes:
    """Return a CSV file that Excel opens by a double click: UTF-8 with a mark, semicolons, formulas defused."""
    text = StringIO(newline="")
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(_HEADER)
    rows.writerows((_defused(member.shown), _defused(member.name), _defused(member.organisation)) for member in members)
    return text.getvalue().encode("utf-8-sig")


def write_workbook(members: Iterable[Member]) -> bytes:
    """Return an XLSX file. Its cells are texts, so that formulas need no defusing."""
    return workbook.write_workbook([_HEADER, *((member.shown, member.name, member.organisation) for member in members)])


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith(_RISKY_START) else text


def _undefused(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_RISKY_START) else text


# What an import would change


@dataclass(frozen=True, slots=True)
class Update:
    """A member whose name or organisation a new file changes."""

    before: Member
    after: Member


@dataclass(frozen=True, slots=True)
class Changes:
    """What tells an old list from a new file. `missing` members are in the old list only."""

    added: tuple[Member, ...]
    updated: tuple[Update, ...]
    unchanged: tuple[Member, ...]
    missing: tuple[Member, ...]


def changes(old: Iterable[Member], new: Iterable[Member]) -> Changes:
    """Compare a list with a file. An empty name or organisation in the file says nothing and changes nothing."""
    known = {member.address: member for member in old}
    added: list[Member] = []
    updated: list[Update] = []
    unchanged: list[Member] = []
    for member in new:
        before = known.pop(member.address, None)
        if before is None:
            added.append(member)
            continue
        after = replace(
            before, name=member.name or before.name, organisation=member.organisation or before.organisation
        )
        if after == before:
            unchanged.append(before)
        else:
            updated.append(Update(before, after))
    return Changes(tuple(added), tuple(updated), tuple(unchanged), tuple(known.values()))
