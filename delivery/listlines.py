"""Rows of a list file become members, and what gave none is kept with its line. Pure.

Nothing is dropped in silence: what gave no member is in `bad` with its line, what came twice in `duplicates`, a cell
that a spreadsheet program would run as a formula in `formulas`, and a remark that says nothing certain in `unclear`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from delivery import listremarks
from delivery.address import AddressError, check_address
from delivery.csvtext import Row
from delivery.listcolumns import Columns
from delivery.listremarks import Remarks
from delivery.member import Consent, Member

__all__ = [
    "BadLine",
    "BadLineCode",
    "Duplicate",
    "Found",
    "Note",
    "defused",
    "excerpt",
]


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
    ERASED = "erased"  # its owner has asked us to forget it


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
class Note:
    """A cell worth a word: one that looks like a formula, kept as the text it is; a remark that says nothing clear."""

    line: int
    text: str


_BLANKS = frozenset({"", "-", "–", "—", "нет", "н/д", "n/a", "отсутствует"})  # how people write "none"
_FORMULA = re.compile(r"[=@]|[+-](?![\d\s()-]*$)")  # a telephone number is none
_RISKY_START = ("=", "+", "-", "@", "\t", "\r")  # Source: OWASP, CSV Injection
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_MAILTO = re.compile("mailto:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,;\r\n]+")
_WRAPPING = " \t\"'«»()[]<>"
_EXACT_ADDRESS = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+")
_EXCERPT = 200


class Found:
    """What the rows gave so far. `lines` tells on which line each address of `members` stood first."""

    def __init__(self, bad: Iterable[BadLine]) -> None:
        self.members: dict[str, Member] = {}
        self.lines: dict[str, int] = {}
        self.bad = list(bad)
        self.duplicates: list[Duplicate] = []
        self.formulas: list[Note] = []
        self.unclear: list[Note] = []

    def take(self, rows: Sequence[Row], columns: Columns) -> None:
        """Read the rows below the header."""
        for row in rows:
            _take(self, row, columns)

    def add(self, line: int, member: Member) -> None:
        """Keep a member, or join it with what is known of the same address."""
        first = self.lines.setdefault(member.address, line)
        if member.address not in self.members:
            self.members[member.address] = member
            return
        self.duplicates.append(Duplicate(line, first, member.shown))
        self.members[member.address] = _together(self.members[member.address], member)

    def refuse(self, line: int, text: str, code: BadLineCode, values: Mapping[str, int | str] | None = None) -> None:
        """Keep a line that gives no member."""
        self.bad.append(BadLine(line, excerpt(text), code, dict(values or {})))

    def text(self, row: Row, columns: tuple[int, ...]) -> str:
        """Return the cells' text joined, its formulas noted."""
        texts = [_undefused(_clean(row.cells[column])) for column in columns if column < len(row.cells)]
        self.formulas += [Note(row.line, excerpt(text)) for text in texts if _FORMULA.match(text)]
        return " ".join(text for text in texts if text.casefold() not in _BLANKS)

    def remarks(self, row: Row, columns: Columns) -> Remarks:
        """Return tags and consent, what is not understood of them noted."""

        def cells(numbers: tuple[int, ...]) -> list[str]:
            return [_undefused(_clean(row.cells[number])) for number in numbers if number < len(row.cells)]

        found, unclear = listremarks.read(
            tags=cells(columns.tags),
            consent="".join(cells(columns.consent)),
            source=self.text(row, columns.consent_source),
            on="".join(cells(columns.consent_on)),
        )
        self.unclear += [Note(row.line, excerpt(text)) for text in unclear]
        return found


def _together(known: Member, more: Member) -> Member:
    """Join what two lines say of one mailbox: the first word counts, but a refusal counts wherever it stands."""
    tags = (
        None if known.tags is None and more.tags is None else tuple(sorted({*(known.tags or ()), *(more.tags or ())}))
    )
    later = more.consent is Consent.NO or known.consent is Consent.UNKNOWN
    consent = more if later and more.consent is not Consent.UNKNOWN else known
    return replace(
        known,
        name=known.name or more.name,
        organisation=known.organisation or more.organisation,
        tags=tags,
        consent=consent.consent,
        consent_source=consent.consent_source or known.consent_source or more.consent_source,
        consent_on=consent.consent_on or known.consent_on or more.consent_on,
    )


def _take(found: Found, row: Row, columns: Columns) -> None:
    if _is_shifted(row, columns):
        values = {"expected": columns.width, "found": len(row.cells)}
        return found.refuse(row.line, _whole(row), BadLineCode.SHIFTED, values)
    cells = [row.cells[column].strip() for column in columns.address if column < len(row.cells)]
    filled = [cell for cell in cells if cell.casefold() not in _BLANKS]
    if not filled:
        return found.refuse(row.line, _whole(row), BadLineCode.NO_ADDRESS)
    name = found.text(row, columns.name)
    organisation = found.text(row, columns.organisation)
    remarks = found.remarks(row, columns) if columns.remarks else listremarks.NONE
    for cell in filled:
        _take_cell(found, row.line, cell, name, organisation, remarks)
    return None


def _take_cell(found: Found, line: int, cell: str, name: str, organisation: str, remarks: Remarks) -> None:
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
            found.add(line, Member(address.ascii, address.shown, own_name or name, organisation, *remarks))
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


def excerpt(text: str) -> str:
    """Return a cell's text short enough to be shown."""
    text = _clean(text)
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _whole(row: Row) -> str:
    return "; ".join(cell.strip() for cell in row.cells if cell.strip())


def defused(text: str) -> str:
    """Write a text so that no spreadsheet program runs it."""
    return f"'{text}" if text.startswith(_RISKY_START) else text


def _undefused(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_RISKY_START) else text
