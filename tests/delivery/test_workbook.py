"""XLSX workbooks are read cell by cell, whatever their shape and whoever made them."""

import contextlib
import zipfile
from collections.abc import Mapping
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.archive import Sheet, WorkbookCode, WorkbookError
from delivery.listfile import Limits, ListFileCode, ListFileError, read
from delivery.listlines import BadLine, BadLineCode
from delivery.listout import HEADER, as_workbook, row
from delivery.member import Member
from delivery.workbook import is_workbook, read_workbook, write_workbook

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/{kind}" Target={quoteattr(target)}/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<?xml version="1.0"?><Relationships>{rows}</Relationships>'


def cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def sheet(*rows: str) -> str:
    return f'<?xml version="1.0"?><worksheet><sheetData>{"".join(rows)}</sheetData></worksheet>'


def filled(*rows: tuple[str, ...]) -> str:
    """A sheet whose rows begin at A1."""
    return sheet(
        *(
            f'<row r="{n}">{"".join(cell(f"{chr(65 + at)}{n}", text) for at, text in enumerate(row))}</row>'
            for n, row in enumerate(rows, 1)
        )
    )


def _state(hidden: bool) -> str:
    return "hidden" if hidden else "visible"


def workbook(
    sheets: Mapping[str, str],
    *,
    strings: str = "",
    hidden: tuple[str, ...] = (),
    parts: Mapping[str, str] | None = None,
) -> bytes:
    """A workbook as a spreadsheet program packs it. Keys are the sheets' names, values their XML."""
    names = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}" state="{_state(name in hidden)}"/>'
        for n, name in enumerate(sheets, 1)
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    files = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<?xml version="1.0"?><workbook xmlns:r="{RELATIONS}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            *targets, *([("sharedStrings", "sharedStrings.xml")] if strings else [])
        ),
        **{f"xl/worksheets/sheet{n}.xml": xml for n, xml in enumerate(sheets.values(), 1)},
        **({"xl/sharedStrings.xml": f"<sst>{strings}</sst>"} if strings else {}),
        **(parts or {}),
    }
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def rows_of(data: bytes) -> tuple[tuple[int, tuple[str, ...]], ...]:
    (only,) = read_workbook(data, max_unpacked=10**6, max_rows=1000)
    return only.rows


def refusal(data: bytes, *, max_unpacked: int = 10**6, max_rows: int = 1000) -> WorkbookCode:
    with pytest.raises(WorkbookError) as caught:
        read_workbook(data, max_unpacked=max_unpacked, max_rows=max_rows)
    return caught.value.code


def test_reads_every_kind_of_cell_as_text() -> None:
    row = (
        '<row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3"><v>79101234567</v></c><c r="C3" t="b"><v>1</v></c>'
        '<c r="D3" t="str"><f>HYPERLINK("http://x")</f><v>a@example.org</v></c><c r="E3" t="e"><v>#N/A</v></c>'
        '<c r="F3" t="inlineStr"><is><r><t>Ан</t></r><r><t xml:space="preserve">на </t></r></is></c><c r="G3"/></row>'
    )
    strings = "<si><t>нет</t></si><si><r><t>ППО «</t></r><r><t>Завод»</t></r><rPh><t>phonetic</t></rPh></si>"
    assert rows_of(workbook({"Лист1": sheet(row)}, strings=strings)) == (
        (3, ("ППО «Завод»", "79101234567", "1", "a@example.org", "#N/A", "Анна ")),
    )


def test_rows_bear_the_numbers_that_people_see_and_gaps_stay_gaps() -> None:
    data = workbook({"Лист1": sheet(f'<row r="2">{cell("B2", "x")}</row>', f'<row r="7">{cell("D7", "y")}</row>')})
    assert rows_of(data) == ((2, ("", "x")), (7, ("", "", "", "y")))


def test_cells_without_references_follow_each_other() -> None:
    row = '<row><c t="inlineStr"><is><t>x</t></is></c><c/><c t="inlineStr"><is><t>y</t></is></c></row>'
    assert rows_of(workbook({"Лист1": sheet(row, row)})) == ((1, ("x", "", "y")), (2, ("x", "", "y")))


def test_how_a_word_is_pronounced_is_no_part_of_it() -> None:
    row = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>ППО</t><rPh><t>пэпэо</t></rPh></is></c>' + cell("B1", "x") + "</row>"
    )
    assert rows_of(workbook({"Лист1": sheet(row)})) == ((1, ("ППО", "x")),)


def test_two_cells_in_opposite_corners_cost_no_more_than_two_cells() -> None:
    corners = sheet(
        f'<row r="1">{cell("A1", "a@example.org")}</row>', f'<row r="1048576">{cell("XFD1048576", "x")}</row>'
    )
    assert rows_of(workbook({"Лист1": corners})) == ((1, ("a@example.org",)),)


def test_control_signs_that_the_format_spells_out_are_read() -> None:
    assert rows_of(workbook({"Лист1": filled(("a_x000D__x000A_b_xD800_",))})) == ((1, ("a\r\nb?",)),)


def test_prefixes_absolute_targets_and_odd_cases_make_no_difference() -> None:
    xml = (
        filled(("a@example.org",))
        .replace("<worksheet>", '<x:worksheet xmlns:x="urn:x">')
        .replace("</worksheet>", "</x:worksheet>")
    )
    for tag in ("sheetData", "row", "c", "is", "t"):
        xml = (
            xml.replace(f"<{tag}>", f"<x:{tag}>").replace(f"<{tag} ", f"<x:{tag} ").replace(f"</{tag}>", f"</x:{tag}>")
        )
    parts = {
        "xl/_rels/workbook.xml.rels": relations(("worksheet", "/XL/Worksheets/Sheet1.xml")),
    }
    assert rows_of(workbook({"Лист1": xml}, parts=parts)) == ((1, ("a@example.org",)),)


def test_hidden_sheets_stay_hidden() -> None:
    data = workbook({"Старое": filled(("x",)), "Лист1": filled(("y",))}, hidden=("Старое",))
    assert read_workbook(data, max_unpacked=10**6, max_rows=10) == (Sheet("Лист1", ((1, ("y",)),)),)


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    data = workbook({"Лист1": filled(("x" * 10**6,))})
    assert len(data) < 10_000
    assert refusal(data, max_unpacked=10**5) is WorkbookCode.TOO_LARGE


def test_a_workbook_that_lies_about_its_size_is_not_unpacked_further_than_it_says() -> None:
    honest = workbook({"Лист1": filled(("x" * 10**6,))})
    with zipfile.ZipFile(BytesIO(honest)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    lying = honest.replace(size.to_bytes(4, "little"), (50).to_bytes(4, "little"))
    assert refusal(lying, max_unpacked=10**5) is WorkbookCode.BROKEN


def test_too_many_filled_rows_are_refused_over_all_sheets() -> None:
    data = workbook({"А": filled(("x",), ("y",)), "Б": filled(("z",))})
    assert len(read_workbook(data, max_unpacked=10**6, max_rows=3)) == 2
    assert refusal(data, max_rows=2) is WorkbookCode.TOO_MANY_ROWS


def test_entities_that_grow_are_never_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + filled(("&b;",)).replace("&amp;", "&")
    assert refusal(workbook({"Лист1": bomb.replace('<?xml version="1.0"?>', "")})) is WorkbookCode.BROKEN


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no xml",
        "<worksheet><sheetData><row>",
        sheet('<row r="x"></row>'),
        sheet('<row r="1"><c r="1A"><v>1</v></c></row>'),
        sheet('<row r="1"><c r="A1" t="s"><v>5</v></c></row>'),
    ],
)
def test_what_is_no_sheet_is_broken(xml: str) -> None:
    assert refusal(workbook({"Лист1": xml})) is WorkbookCode.BROKEN


def test_only_an_archive_with_a_workbook_in_it_is_one() -> None:
    other = BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "")
    assert [is_workbook(data) for data in (b"", b"text", b"PK\x03\x04", other.getvalue())] == [False] * 4
    assert is_workbook(workbook({"Лист1": filled(("x",))}))


SAMPLE = workbook({"Лист1": filled(("Почта", "ФИО"), ("a@example.org", "Анна"))}, strings="<si><t>x</t></si>")


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_damaged_workbook_is_read_or_refused(at: int, change: int) -> None:
    damaged = bytearray(SAMPLE)
    damaged[at] ^= change
    with contextlib.suppress(ListFileError):
        read("list.xlsx", bytes(damaged))


# As a list file


def test_a_list_in_a_workbook_is_a_list() -> None:
    data = workbook(
        {
            "Пояснение": filled(("Списки на 2026 год",)),
            "Рассылка": filled(("Организация", "Эл. почта"), ("ППО «Завод»", "a@example.org"), ("ППО «Школа»", "b@")),
            "Прочие": filled(("c@example.org",)),
        }
    )
    found = read("Список.xlsx", data)
    assert found.members == (Member("a@example.org", "a@example.org", "", "ППО «Завод»"),)
    assert found.bad == (BadLine(3, "b@", BadLineCode.BAD_DOMAIN, {"part": ""}),)
    assert (found.encoding, found.sheet, found.other_sheets) == ("xlsx", "Рассылка", ("Прочие",))


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (workbook({"Лист1": filled()}), Limits(), ListFileCode.EMPTY),
        (workbook({"Лист1": filled(("Завод",))}), Limits(), ListFileCode.NO_ADDRESSES),
        (workbook({"Лист1": filled(*[("a@example.org",)] * 3)}), Limits(lines=2), ListFileCode.TOO_MANY_LINES),
        (workbook({"Лист1": filled(("a@example.org",))}), Limits(unpacked=100), ListFileCode.TOO_LARGE),
        (workbook({"Лист1": "<broken"}), Limits(), ListFileCode.NOT_TEXT),
        (workbook({"Лист1": filled(("x",))})[:-30], Limits(), ListFileCode.NOT_TEXT),
    ],
)
def test_a_workbook_that_gives_no_list_is_refused_like_a_file(data: bytes, limits: Limits, code: ListFileCode) -> None:
    with pytest.raises(ListFileError) as caught:
        read("Список.xlsx", data, limits)
    assert caught.value.code is code


# The way out


def test_what_is_written_is_read_back_as_it_was() -> None:
    rows = [("E-mail", "Имя"), ("a@example.org", " Иванов <И> & Ко "), ("=1+1", "a\x0bb\U0001f600"), ("", "")]
    assert rows_of(write_workbook(rows)) == (
        (1, ("E-mail", "Имя")),
        (2, ("a@example.org", " Иванов <И> & Ко ")),
        (3, ("=1+1", "ab\U0001f600")),
    )


def test_a_written_list_is_a_list_again() -> None:
    members = (Member("a@example.org", "a@example.org", "Анна", "Обком"), Member("b@example.org", "b@example.org"))
    assert read("list.xlsx", as_workbook([HEADER, *map(row, members)])).members == members
