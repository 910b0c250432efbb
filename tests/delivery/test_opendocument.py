"""ODS workbooks are read cell by cell, and hostile ones refused."""

import contextlib
import zipfile
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.archive import Sheet, WorkbookCode, WorkbookError
from delivery.listfile import Limits, ListFileCode, ListFileError, read
from delivery.member import Consent
from delivery.opendocument import is_opendocument, read_opendocument

NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
)
MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"


def cell(text: str = "", **attributes: str) -> str:
    named = "".join(
        f" {name.replace('__', ':').replace('_', '-')}={quoteattr(value)}" for name, value in attributes.items()
    )
    inner = f"<text:p>{escape(text)}</text:p>" if text else ""
    return f"<table:table-cell{named}>{inner}</table:table-cell>"


def row(*cells: str, times: int = 1) -> str:
    repeated = f' table:number-rows-repeated="{times}"' if times > 1 else ""
    return f"<table:table-row{repeated}>{''.join(cells)}</table:table-row>"


def filled(*rows: tuple[str, ...]) -> str:
    return "".join(row(*map(cell, one)) for one in rows)


def workbook(
    sheets: dict[str, str], *, styles: str = "", style_of: dict[str, str] | None = None, **parts: str
) -> bytes:
    """A workbook as a spreadsheet program packs it. Keys are the sheets' names, values their rows."""
    tables = "".join(
        f"<table:table table:name={quoteattr(name)} table:style-name={quoteattr((style_of or {}).get(name, 'ta1'))}>"
        f"<table:table-column/>{rows}</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {NAMES}>'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", parts.pop("mimetype", MIMETYPE))
        archive.writestr("content.xml", parts.pop("content", content))
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), text)
    return data.getvalue()


def rows_of(data: bytes) -> tuple[tuple[int, tuple[str, ...]], ...]:
    (only,) = read_opendocument(data, max_unpacked=10**6, max_rows=1000)
    return only.rows


def refusal(data: bytes, *, max_unpacked: int = 10**6, max_rows: int = 1000) -> WorkbookCode:
    with pytest.raises(WorkbookError) as caught:
        read_opendocument(data, max_unpacked=max_unpacked, max_rows=max_rows)
    return caught.value.code


def test_a_list_in_an_ods_is_a_list() -> None:
    lines = (("Организация", "Эл. почта", "Метки"), ("ППО «Завод»", "a@example.org", "профком"), ("Школа", "b@", ""))
    found = read("Список.ods", workbook({"Титул": filled(("2026 год",)), "Рассылка": filled(*lines)}))
    assert [(one.address, one.organisation, one.tags) for one in found.members] == [
        ("a@example.org", "ППО «Завод»", ("профком",))
    ]
    assert [bad.line for bad in found.bad] == [3]
    assert (found.encoding, found.sheet) == ("ods", "Рассылка")


def test_a_date_is_read_from_its_value_and_not_from_how_it_is_shown() -> None:
    date = cell("12 мар. 26", office__value_type="date", office__date_value="2026-03-12")
    rows = filled(("Почта", "Согласие", "Дата согласия")) + row(cell("a@example.org"), cell("да"), date)
    (member,) = read("x.ods", workbook({"1": rows})).members
    assert (member.consent, member.consent_on) == (Consent.YES, "2026-03-12")


def test_repeated_empty_cells_and_rows_keep_the_numbers_that_people_see() -> None:
    rows = (
        row(cell(table__number_columns_repeated="2"), cell("x"))
        + row(cell(table__number_columns_repeated="16384"), times=1_000_000)
        + row(cell("y"))
    )
    assert rows_of(workbook({"1": rows})) == ((1, ("", "", "x")), (1_000_002, ("y",)))


def test_repeated_filled_cells_and_rows_stand_there_as_often() -> None:
    rows = row(cell("x", table__number_columns_repeated="3"), times=2)
    assert rows_of(workbook({"1": rows})) == ((1, ("x", "x", "x")), (2, ("x", "x", "x")))


def test_a_filled_row_repeated_a_million_times_is_refused_before_it_grows() -> None:
    assert refusal(workbook({"1": row(cell("a@example.org"), times=1_048_576)})) is WorkbookCode.TOO_MANY_ROWS


def test_a_filled_cell_repeated_without_end_fills_what_is_read_and_no_more() -> None:
    ((_, cells),) = rows_of(workbook({"1": row(cell("x", table__number_columns_repeated="999999999"))}))
    assert len(cells) == 256


def test_a_sign_that_stands_for_a_billion_blanks_stands_for_few() -> None:
    rows = row('<table:table-cell><text:p>a<text:s text:c="1000000000"/>b</text:p></table:table-cell>')
    ((_, (text,)),) = rows_of(workbook({"1": rows}))
    assert len(text) < 200


def test_paragraphs_marks_and_links_are_text_and_remarks_and_drawings_are_not() -> None:
    inner = (
        "<office:annotation><text:p>старый: x@example.org</text:p></office:annotation>"
        '<text:p>a<text:span>@example</text:span>.<text:a href="mailto:z">org</text:a></text:p>'
        "<text:p>b<text:tab/>c<text:line-break/>d</text:p>"
        "<draw:frame><draw:text-box><text:p>рисунок</text:p></draw:text-box></draw:frame>"
        "<table:table><table:table-row><table:table-cell><text:p>внутри</text:p></table:table-cell></table:table-row>"
        "</table:table>"
    )
    rows = row(f"<table:table-cell>{inner}</table:table-cell>", cell("e"))
    assert rows_of(workbook({"1": rows})) == ((1, ("a@example.org\nb c d", "e")),)


def test_hidden_sheets_stay_hidden() -> None:
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table">'
        f'<style:table-properties table:display="{shown}"/></style:style>'
        for name, shown in (("ta2", "false"), ("ta1", "true"))
    )
    data = workbook({"Старое": filled(("x",)), "Новое": filled(("y",))}, styles=styles, style_of={"Старое": "ta2"})
    assert read_opendocument(data, max_unpacked=10**6, max_rows=1) == (Sheet("Новое", ((1, ("y",)),)),)


def test_an_ods_that_unpacks_to_too_much_is_refused() -> None:
    data = workbook({"1": filled(("x" * 10**6,))})
    assert len(data) < 10_000
    assert refusal(data, max_unpacked=10**5) is WorkbookCode.TOO_LARGE


def test_entities_that_grow_are_never_expanded() -> None:
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><office:document-content {NAMES}/>'
    assert refusal(workbook({}, content=bomb)) is WorkbookCode.BROKEN


def test_a_password_is_told_apart_from_damage() -> None:
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    data = workbook({}, content="\x00garbage", META_INF__manifest_xml=manifest)
    data = data.replace(b"META_INF", b"META-INF")
    assert refusal(data) is WorkbookCode.PROTECTED
    with pytest.raises(ListFileError) as caught:
        read("x.ods", data)
    assert (caught.value.code, caught.value.values["format"]) == (ListFileCode.NOT_TEXT, "protected")


@pytest.mark.parametrize("content", ["", "no xml", "<office:document-content>", "<a xmlns:b='c'><b:d></a>"])
def test_what_is_no_document_is_broken(content: str) -> None:
    assert refusal(workbook({}, content=content)) is WorkbookCode.BROKEN


def test_a_text_of_the_same_family_is_no_workbook() -> None:
    text = workbook({}, mimetype="application/vnd.oasis.opendocument.text")
    assert [is_opendocument(data) for data in (b"", text, workbook({}))] == [False, False, True]
    with pytest.raises(ListFileError) as caught:
        read("Письмо.odt", text)
    assert caught.value.code is ListFileCode.NOT_TEXT


@pytest.mark.parametrize(
    ("rows", "limits", "code"),
    [
        ("", Limits(), ListFileCode.EMPTY),
        (filled(("Завод",)), Limits(), ListFileCode.NO_ADDRESSES),
        (row(cell("a@example.org"), times=3), Limits(lines=2), ListFileCode.TOO_MANY_LINES),
        (filled(("a@example.org",)), Limits(unpacked=100), ListFileCode.TOO_LARGE),
    ],
)
def test_an_ods_that_gives_no_list_is_refused_like_a_file(rows: str, limits: Limits, code: ListFileCode) -> None:
    with pytest.raises(ListFileError) as caught:
        read("x.ods", workbook({"1": rows}), limits)
    assert caught.value.code is code


SAMPLE = workbook({"1": filled(("Почта", "ФИО"), ("a@example.org", "Анна"))})


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_damaged_ods_is_read_or_refused(at: int, change: int) -> None:
    damaged = bytearray(SAMPLE)
    damaged[at] ^= change
    with contextlib.suppress(ListFileError):
        read("list.ods", bytes(damaged))
