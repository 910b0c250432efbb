"""XLS workbooks, written here by xlwt, are read as text, and hostile ones refused."""

import contextlib
import resource
import sys
import time
from datetime import date, datetime
from io import BytesIO
from typing import Any

import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.archive import Sheet, WorkbookCode, WorkbookError
from delivery.listfile import Limits, ListFileCode, ListFileError, read
from delivery.member import Consent
from delivery.oldexcel import is_old_excel, read_old_excel

DATE = xlwt.easyxf(num_format_str="DD.MM.YYYY")


def workbook(*rows: tuple[Any, ...], name: str = "Лист1", more: dict[str, tuple[Any, ...]] | None = None) -> bytes:
    book = xlwt.Workbook()
    for title, lines in {name: rows, **(more or {})}.items():
        sheet = book.add_sheet(title)
        for y, line in enumerate(lines):
            for x, value in enumerate(line):
                style = (DATE,) if isinstance(value, date) else ()
                if value != "":
                    sheet.write(y, x, value, *style)
    data = BytesIO()
    book.save(data)
    return data.getvalue()


def rows_of(data: bytes) -> tuple[tuple[int, tuple[str, ...]], ...]:
    (only,) = read_old_excel(data, max_rows=1000)
    return only.rows


def test_a_list_in_an_xls_is_a_list() -> None:
    lines = (
        ("Организация", "Эл. почта", "Согласие", "Дата согласия"),
        ("ППО «Завод»", "a@example.org", "да", date(2026, 3, 12)),
        ("Школа", "b@", "", ""),
    )
    found = read("Список.xls", workbook(("2026 год",), name="Титул", more={"Рассылка": lines}))
    (member,) = found.members
    assert (member.address, member.organisation) == ("a@example.org", "ППО «Завод»")
    assert (member.consent, member.consent_on) == (Consent.YES, "2026-03-12")
    assert [bad.line for bad in found.bad] == [3]
    assert (found.encoding, found.sheet) == ("xls", "Рассылка")


def test_every_kind_of_cell_is_text() -> None:
    line = (79101234567, 1.5, True, date(2026, 3, 1), datetime(2026, 3, 1, 9, 30), "Анна ", xlwt.Formula("1/0"))  # noqa: DTZ001
    ((number, cells),) = rows_of(workbook(line))
    assert number == 1
    assert cells[:6] == ("79101234567", "1.5", "1", "2026-03-01", "2026-03-01 09:30:00", "Анна ")


def test_rows_bear_the_numbers_that_people_see_and_gaps_stay_gaps() -> None:
    assert rows_of(workbook((), ("", "x"), (), ("", "", "", "y"))) == ((2, ("", "x")), (4, ("", "", "", "y")))


def test_hidden_sheets_stay_hidden() -> None:
    book = xlwt.Workbook()
    book.add_sheet("Новое").write(0, 0, "y")
    hidden = book.add_sheet("Старое")
    hidden.write(0, 0, "x")
    hidden.visibility = 1
    data = BytesIO()
    book.save(data)
    assert read_old_excel(data.getvalue(), max_rows=10) == (Sheet("Новое", ((1, ("y",)),)),)


def test_too_many_filled_rows_are_refused_over_all_sheets() -> None:
    data = workbook(("x",), ("y",), more={"Б": (("z",),)})
    assert len(read_old_excel(data, max_rows=3)) == 2
    with pytest.raises(WorkbookError) as caught:
        read_old_excel(data, max_rows=2)
    assert caught.value.code is WorkbookCode.TOO_MANY_ROWS


@pytest.mark.slow
def test_the_farthest_cells_of_every_row_fill_no_memory() -> None:
    """The worst that a short file can ask for: 65,536 rows, each filled in its last column only."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("1")
    for y in range(65_536):
        sheet.write(y, 255, "a@example.org")
    data = BytesIO()
    book.save(data)
    assert len(data.getvalue()) < 3 * 1024 * 1024
    before, begun = _peak(), time.process_time()
    found = read("x.xls", data.getvalue())
    assert len(found.duplicates) == 65_535
    assert _peak() - before < 400 * 1024 * 1024
    assert time.process_time() - begun < 60


def _peak() -> int:
    """Bytes. Source: getrusage(2), kilobytes on Linux, bytes on macOS."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_another_compound_file_is_no_workbook() -> None:
    signature = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    word = signature + bytes(600) + "WordDocument".encode("utf-16-le")
    assert [is_old_excel(data) for data in (b"", signature, word, workbook(("x",)))] == [False, False, False, True]


def test_damage_is_said_and_a_password_told_apart() -> None:
    data = workbook(("a@example.org",))
    with pytest.raises(ListFileError) as caught:
        read("x.xls", data[:512] + bytes(512) + data[1024:])
    assert (caught.value.code, caught.value.values["format"]) == (ListFileCode.NOT_TEXT, "broken")
    # FILEPASS in the place of CODEPAGE, the record that says how the rest is encrypted. Source: MS-XLS §2.4.117
    with pytest.raises(ListFileError) as caught:
        read("x.xls", data.replace(b"\x42\x00\x02\x00\xb0\x04", b"\x2f\x00\x02\x00\x00\x00", 1))
    assert (caught.value.code, caught.value.values["format"]) == (ListFileCode.NOT_TEXT, "protected")


@pytest.mark.parametrize(
    ("rows", "limits", "code"),
    [
        ((), Limits(), ListFileCode.EMPTY),
        ((("Завод",),), Limits(), ListFileCode.NO_ADDRESSES),
        ((("a@example.org",),) * 3, Limits(lines=2), ListFileCode.TOO_MANY_LINES),
    ],
)
def test_an_xls_that_gives_no_list_is_refused_like_a_file(
    rows: tuple[tuple[str, ...], ...], limits: Limits, code: ListFileCode
) -> None:
    with pytest.raises(ListFileError) as caught:
        read("x.xls", workbook(*rows), limits)
    assert caught.value.code is code


SAMPLE = workbook(("Почта", "ФИО"), ("a@example.org", "Анна"))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_xls_is_read_or_refused_in_no_time(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SAMPLE)
    for at, value in changes:
        damaged[at] = value
    begun = time.process_time()
    with contextlib.suppress(ListFileError):
        read("list.xls", bytes(damaged))
    assert time.process_time() - begun < 5
