"""What all workbooks have in common: an archive of XML parts read within a purse of bytes, sheets, and what goes wrong.

Hostile files are refused by what they declare (their size once unpacked) or by what no workbook has (a document type,
which growing entities need), before anything of theirs can grow.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from xml.parsers import expat

__all__ = [
    "COLUMNS_READ",
    "Parts",
    "Sheet",
    "WorkbookCode",
    "WorkbookError",
    "archive_names",
    "first_bytes",
    "local",
    "opened",
]

COLUMNS_READ = 256
"""Nobody keeps addresses further right, and a row must stay small."""

_CHUNK = 1 << 16
# What zipfile and its unpackers raise at damage, and what XML that is not a workbook's brings about in its reader.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    expat.ExpatError,
    EOFError,
    OSError,
    RuntimeError,
    StopIteration,
    LookupError,
    ValueError,
)


class WorkbookCode(StrEnum):
    """Why a workbook cannot be read."""

    BROKEN = "broken"
    PROTECTED = "protected"  # by a password
    TOO_LARGE = "too_large"  # once unpacked
    TOO_MANY_ROWS = "too_many_rows"


class WorkbookError(Exception):
    """Not a workbook that can be read."""

    def __init__(self, code: WorkbookCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visible sheet: its filled rows with the numbers they bear on the screen."""

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def archive_names(data: bytes) -> tuple[str, ...]:
    """Return the names of a ZIP archive's parts in lower case; none when it is no such archive, or a damaged one."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return tuple(_key(name) for name in archive.namelist())
    except _DAMAGE:
        return ()


def first_bytes(data: bytes, name: str, most: int) -> bytes:
    """Return how a part of a ZIP archive begins; nothing when it has none of that name, or is damaged."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, archive.open(name) as part:
            return part.read(most)
    except _DAMAGE:
        return b""


@contextmanager
def opened(data: bytes, *, max_unpacked: int) -> Iterator["Parts"]:
    """Lend the parts of an archive. What damage brings about inside becomes a WorkbookError.

    `max_unpacked` is in bytes and counts every part that has to be read.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            yield Parts(archive, max_unpacked)
    except _DAMAGE as error:
        raise WorkbookError(WorkbookCode.BROKEN) from error


_Start = Callable[[str, dict[str, str]], None]
_Text = Callable[[str], None]


class Parts:
    """The archive's parts, with one purse of bytes for all of them.

    zipfile never hands out more than a part's declared size, so it is enough to add up what is declared.
    """

    def __init__(self, archive: zipfile.ZipFile, purse: int) -> None:
        self._archive = archive
        self._purse = purse
        self._infos = {_key(info.filename): info for info in archive.infolist()}

    def has(self, name: str) -> bool:
        """Tell whether there is such a part."""
        return _key(name) in self._infos

    def parse(self, name: str, start: _Start, end: _Text = lambda _: None, text: _Text = lambda _: None) -> None:
        """Walk through an XML part. Names of elements come without their prefix."""
        info = self._infos[_key(name)]
        self._purse -= info.file_size
        if self._purse < 0:
            raise WorkbookError(WorkbookCode.TOO_LARGE)
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, attributes: start(local(tag), attributes)
        parser.EndElementHandler = lambda tag: end(local(tag))
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        with self._archive.open(info) as part:
            while chunk := part.read(_CHUNK):
                parser.Parse(chunk)
        parser.Parse(b"", True)


def _refuse_doctype(*_: object) -> None:
    """No workbook has one; entities that grow while they are read need one."""
    raise WorkbookError(WorkbookCode.BROKEN)


def _key(name: str) -> str:
    """Names of parts differ in case between those who point and those who pack. Source: ECMA-376 part 2, §6.2.2.3."""
    return name.replace("\\", "/").lower()


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]
