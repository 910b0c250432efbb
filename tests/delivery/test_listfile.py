"""A mailing list file becomes members; what does not is named by its line."""

import codecs
import contextlib
import csv
import socket
import time
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO, StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.address import AddressCode
from delivery.listfile import Limits, ListFile, ListFileCode, ListFileError, read
from delivery.listlines import BadLine, BadLineCode, Duplicate, Note
from delivery.listout import HEADER, as_csv, row
from delivery.member import Member

ANNA = Member("anna@example.org", "anna@example.org", "Анна Ильина", "ППО «Завод»")
BORIS = Member("boris@example.org", "boris@example.org", "Борис Лапин", "ППО «Школа»")


def write(members: Iterable[Member]) -> bytes:
    return as_csv([HEADER, *map(row, members)])


def file(text: str, encoding: str = "utf-8") -> ListFile:
    return read("list.csv", text.encode(encoding))


def addresses(text: str) -> list[str]:
    return [member.address for member in file(text).members]


def complaints(text: str) -> list[tuple[int, str]]:
    return [(bad.line, str(bad.code)) for bad in file(text).bad]


def refusal(data: bytes, limits: Limits | None = None, name: str = "list.csv") -> ListFileError:
    with pytest.raises(ListFileError) as caught:
        read(name, data, limits or Limits())
    return caught.value


# Encodings and delimiters


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
        (lambda text: text.encode("cp1251"), "cp1251"),
        (lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"), "utf-16"),
        (lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), "utf-16"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_reads_every_encoding_with_every_delimiter(
    delimiter: str, encode: Callable[[str], bytes], encoding: str, ending: str
) -> None:
    rows = [("Организация", "E-mail", "ФИО"), *((one.organisation, one.shown, one.name) for one in (ANNA, BORIS))]
    found = read("list.csv", encode(ending.join(delimiter.join(row) for row in rows)))
    assert found.members == (ANNA, BORIS)
    assert (found.encoding, found.delimiter) == (encoding, delimiter)
    assert found.header == ("Организация", "E-mail", "ФИО")
    assert found.bad == ()


def test_takes_the_delimiter_that_excel_wrote_into_the_first_line() -> None:
    found = file("sep=|\r\nПочта|Имя; должность\r\na@example.org|Анна; мастер\r\n")
    assert found.delimiter == "|"
    assert [member.address for member in found.members] == ["a@example.org"]


@pytest.mark.parametrize(
    "text",
    [
        'Орг,Почта\nА,"a@example.org; b@example.org"\nБ,"c@example.org; d@example.org"\n',
        "Почта;Орг\na@example.org, b@example.org;А\nc@example.org, d@example.org;Б\n",
        "a@example.org, b@example.org, c@example.org\nd@example.org\n",
        "a@example.org;\nb@example.org;\nc@example.org;\nd@example.org",
        "a@example.org\nb@example.org\n\n\nc@example.org\nd@example.org\n",
        "a@example.org b@example.org c@example.org d@example.org",
        "Анна <a@example.org>; Борис <b@example.org>; Вера <c@example.org>; Глеб <d@example.org>",
    ],
)
def test_a_delimiter_inside_cells_is_not_taken_for_that_between_them(text: str) -> None:
    found = file(text)
    assert sorted(member.address for member in found.members) == [f"{name}@example.org" for name in "abcd"]
    assert found.bad == ()


# Columns


@pytest.mark.parametrize(
    "heading",
    [
        "email", "E-mail", "EMAIL:", "E-Mail адрес", "mail", "Почта", "Эл. почта", "Эл.почта", "Электронная почта",
        "Адрес", "Адрес электронной почты", "Адрес эл. почты", "Электронный адрес", "Имейл", "e-mail № 1",
        " Адрес e-mail ", "Контакты",
    ],
)  # fmt: skip
def test_finds_the_address_column_by_its_heading(heading: str) -> None:
    found = file(f"Примечание;{heading}\nсм. also@x;a@example.org\nнет;b@example.org\n")
    assert [member.address for member in found.members] == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize("heading", ["Имя", "ФИО", "Ф. И. О.", "Контактное лицо", "Name", "Председатель"])
def test_finds_the_name_column_by_its_heading(heading: str) -> None:
    (member,) = file(f"№;Почта;{heading}\n1;a@example.org;Анна Ильина\n").members
    assert member.name == "Анна Ильина"


@pytest.mark.parametrize("heading", ["Организация", "Название", "Наименование организации", "ППО", "Organisation"])
def test_finds_the_organisation_column_by_its_heading(heading: str) -> None:
    (member,) = file(f"№;Почта;{heading}\n1;a@example.org;ППО «Завод»\n").members
    assert member.organisation == "ППО «Завод»"


def test_joins_surname_first_name_and_patronymic() -> None:
    (member,) = file("Фамилия;Имя;Отчество;Почта\nИльина;Анна;Петровна;a@example.org\n").members
    assert member.name == "Ильина Анна Петровна"


def test_a_postal_address_is_not_taken_for_that_of_a_mailbox() -> None:
    (member,) = file("Организация;Адрес;Эл. почта\nЗавод;Смоленск, ул. Мира, 1;a@example.org\n").members
    assert member.address == "a@example.org"


def test_a_heading_that_promises_addresses_and_has_none_gives_way_to_the_column_that_has_them() -> None:
    (member,) = file("Организация;Почта;Связь\nЗавод;214000;a@example.org\n").members
    assert member.address == "a@example.org"


def test_reads_all_address_columns() -> None:
    assert addresses("Орг;E-mail 1;E-mail 2\nА;a@example.org;b@example.org\nБ;c@example.org;\n") == [
        "a@example.org",
        "b@example.org",
        "c@example.org",
    ]


def test_looks_past_a_title_above_the_header() -> None:
    found = file("Список рассылки на 2026 год;;\n;;\nОрганизация;Почта;ФИО\nЗавод;a@example.org;Анна Ильина\n")
    assert found.members == (Member("a@example.org", "a@example.org", "Анна Ильина", "Завод"),)
    assert found.bad == ()


def test_without_a_header_people_and_organisations_are_told_apart_by_what_they_look_like() -> None:
    found = file("1;ППО «Завод»;Ильина Анна Петровна;a@example.org\n2;ППО «Школа»;Лапин Б. И.;b@example.org\n")
    assert found.header == ()
    assert [(member.name, member.organisation) for member in found.members] == [
        ("Ильина Анна Петровна", "ППО «Завод»"),
        ("Лапин Б. И.", "ППО «Школа»"),
    ]


def test_a_first_line_that_is_neither_header_nor_member_is_reported() -> None:
    assert complaints("Кому;Куда\nЗавод;a@example.org\n") == [(1, "no_at")]


# Addresses


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a@example.org", [("", "a@example.org")]),
        (" A.B@Example.ORG ", [("", "a.b@example.org")]),
        ("mailto:a@example.org", [("", "a@example.org")]),
        ("'a@example.org'", [("", "a@example.org")]),
        ("(a@example.org).", [("", "a@example.org")]),
        ("<a@example.org>", [("", "a@example.org")]),
        ("Анна Ильина <a@example.org>", [("Анна Ильина", "a@example.org")]),
        ('""Ильина, Анна"" <a@example.org>', [("Ильина, Анна", "a@example.org")]),
        ("b@example.org, Ильина, Анна <a@example.org>", [("", "b@example.org"), ("Ильина, Анна", "a@example.org")]),
        ("a@example.org, b@example.org", [("", "a@example.org"), ("", "b@example.org")]),
        ("a@example.org;b@example.org", [("", "a@example.org"), ("", "b@example.org")]),
        ("a@example.org b@example.org", [("", "a@example.org"), ("", "b@example.org")]),
        ("a@example.org\nb@example.org", [("", "a@example.org"), ("", "b@example.org")]),
        ("a@example.org\r\n\r\nb@example.org\r\n", [("", "a@example.org"), ("", "b@example.org")]),
        ("Анна <a@example.org>, Борис <b@example.org>", [("Анна", "a@example.org"), ("Борис", "b@example.org")]),
        ("a@exam\u00adple.org\u200b", [("", "a@example.org")]),
        ("a\u00a0", []),
        ("o'brien+news@example.org", [("", "o'brien+news@example.org")]),
        ("a@профсоюз.рф", [("", "a@xn--g1anacfhu6f.xn--p1ai")]),
        ("a@ПРОФСОЮЗ.РФ", [("", "a@xn--g1anacfhu6f.xn--p1ai")]),
    ],
)
def test_reads_the_address_cell(cell: str, expected: list[tuple[str, str]]) -> None:
    text = f'Почта;Орг\n"{cell}";А\nx@example.org;Б\n'
    found = [(member.name, member.address) for member in file(text).members if member.organisation == "А"]
    assert found == expected


def test_a_name_beside_the_address_goes_before_that_of_the_column() -> None:
    first, second = file("Почта;ФИО\nАнна <a@example.org>, b@example.org;Секретариат\n").members
    assert (first.name, second.name) == ("Анна", "Секретариат")


def test_shows_people_the_address_as_it_was_written() -> None:
    (member,) = file("Ivan.Petrov@XN--G1ANACFHU6F.XN--P1AI").members
    assert member == Member("ivan.petrov@xn--g1anacfhu6f.xn--p1ai", "Ivan.Petrov@профсоюз.рф")


@pytest.mark.parametrize(
    ("cell", "code", "values"),
    [
        ("ivanov.example.org", "no_at", {}),
        ("позвонить", "no_at", {}),
        ("нет", "no_address", {}),
        ("—", "no_address", {}),
        (" , ; ", "no_address", {}),
        ("ivan ov@example.org", "extra_text", {"extra": "ivan"}),
        ("a@example.org (секретарь)", "extra_text", {"extra": "(секретарь)"}),
        ("Анна <a@exam ple.org>", "extra_text", {"extra": "ple.org"}),
        ("a@b@example.org", "bad_local", {"part": "a@b"}),
        ("a..b@example.org", "bad_local", {"part": "a..b"}),
        (".a@example.org", "bad_local", {"part": ".a"}),
        ("@example.org", "bad_local", {"part": ""}),
        ("a\x01b@example.org", "bad_local", {"part": "a\x01b"}),
        ("a@example", "bad_domain", {"part": "example"}),
        ("a@", "bad_domain", {"part": ""}),
        ("a@localhost", "bad_domain", {"part": "localhost"}),
        ("a@example..org", "bad_domain", {"part": "example..org"}),
        ("a@-example.org", "bad_domain", {"part": "-example.org"}),
        ("a@192.168.1.1", "bad_domain", {"part": "192.168.1.1"}),
        ("иван@example.org", "not_latin", {"letters": "иван"}),
        ("аnna@example.org", "mixed_letters", {"letters": "а"}),
        ("anna@exаmple.org", "mixed_letters", {"letters": "а"}),
        ("a" * 65 + "@example.org", "too_long", {"length": 65, "limit": 64}),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example.org", "too_long", {"length": 255, "limit": 254}),
        ("=cmd|'/c calc'!A0", "formula", {}),
        ('=""a@example.org""', "formula", {}),
    ],
)
def test_says_what_is_wrong_with_a_line(cell: str, code: str, values: dict[str, int | str]) -> None:
    found = file(f'Почта;Орг\nx@example.org;Б\n"{cell}";А\ny@example.org;В\n')
    (bad,) = found.bad
    assert (bad.line, bad.code, bad.values) == (3, BadLineCode(code), values)
    assert [member.organisation for member in found.members] == ["Б", "В"]


def test_every_way_to_be_no_address_is_a_way_to_be_a_bad_line() -> None:
    assert {code.value for code in AddressCode} <= {code.value for code in BadLineCode}


def test_never_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert addresses("a@nowhere-at-all.example\n") == ["a@nowhere-at-all.example"]


def test_the_good_addresses_of_a_cell_are_kept_when_another_is_bad() -> None:
    found = file("Почта;Орг\na@example.org, b@example;А\n")
    assert [member.address for member in found.members] == ["a@example.org"]
    assert [(bad.line, bad.text, bad.code) for bad in found.bad] == [(2, "b@example", BadLineCode.BAD_DOMAIN)]


def test_a_line_without_an_address_is_reported_with_what_else_it_says() -> None:
    assert file("Почта;Орг\n;Завод\na@example.org;Школа\n").bad == (BadLine(2, "Завод", BadLineCode.NO_ADDRESS),)


def test_empty_lines_are_no_mistakes_but_count_as_lines() -> None:
    assert complaints("Почта;Орг\n\n;;\na@example.org;А\n;\n\nнет;Б\n") == [(7, "no_address")]


def test_a_line_number_is_that_of_the_first_line_of_a_cell_with_line_breaks() -> None:
    text = 'Почта;Орг\na@example.org;"ППО\nзавода\n«Луч»"\nb@;Б\n'
    assert file(text).members[0].organisation == "ППО завода «Луч»"
    assert complaints(text) == [(5, "bad_domain")]


def test_what_is_shown_of_a_bad_cell_is_short_and_has_no_control_signs() -> None:
    (bad,) = file("Почта;Орг\na@example.org;А\n" + "\x1b[31m" + "ж\u202e" * 300 + ";Б\n").bad
    assert len(bad.text) == 200
    assert bad.text.isprintable()


# Broken lines


def test_an_unclosed_quote_costs_one_line_and_not_the_rest() -> None:
    text = 'Орг;Почта\n"Завод;a@example.org\nШкола;b@example.org\nЛуч;c@example.org\n'
    assert addresses(text) == ["b@example.org", "c@example.org"]
    assert complaints(text) == [(2, "unclosed_quote")]


def test_an_unclosed_quote_is_seen_even_when_a_later_line_closes_it() -> None:
    text = 'Орг;Почта;ФИО\n"Завод;a@example.org;А\nШкола;b@example.org;Б\n"Луч";c@example.org;В\n'
    assert addresses(text) == ["b@example.org", "c@example.org"]
    assert complaints(text) == [(2, "unclosed_quote")]


def test_a_quote_that_opens_a_hundred_thousand_lines_is_found_quickly() -> None:
    text = "Орг;Почта\n" + '"Завод;a@example.org\n' * 3 + "".join(f"О{n};a{n}@example.org\n" for n in range(5000))
    assert len(addresses(text)) == 5000


def test_quotes_in_the_middle_of_a_cell_are_just_signs() -> None:
    (member,) = file('Орг;Почта\nООО "Луч";a@example.org\n').members
    assert member.organisation == 'ООО "Луч"'


def test_a_line_moved_by_an_unquoted_delimiter_is_reported_and_not_guessed_at() -> None:
    text = "ФИО,Почта\nАнна Ильина,a@example.org\nЛапин, Борис,b@example.org\n"
    assert addresses(text) == ["a@example.org"]
    assert file(text).bad == (
        BadLine(3, "Лапин; Борис; b@example.org", BadLineCode.SHIFTED, {"expected": 2, "found": 3}),
    )


# Duplicates and formulas


def test_duplicates_become_one_member_that_knows_all_that_was_said() -> None:
    found = file(
        "Почта;ФИО;Орг\na@профсоюз.рф;;Завод\nA@xn--g1anacfhu6f.xn--p1ai;Анна;Школа\nb@example.org;Борис;\n"
        "a@Профсоюз.рф;Аня;\n"
    )
    assert found.members == (
        Member("a@xn--g1anacfhu6f.xn--p1ai", "a@профсоюз.рф", "Анна", "Завод"),
        Member("b@example.org", "b@example.org", "Борис", ""),
    )
    assert found.duplicates == (Duplicate(3, 2, "A@профсоюз.рф"), Duplicate(5, 2, "a@профсоюз.рф"))
    assert found.bad == ()


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+x", "@SUM(A1)", '=HYPERLINK("x")'])
def test_a_formula_in_a_name_stays_text_and_is_pointed_out(text: str) -> None:
    found = file("Почта;ФИО\na@example.org;" + '"{}"\n'.format(text.replace('"', '""')))
    assert found.members[0].name == text
    assert found.formulas == (Note(2, text),)
    line = write(found.members).decode("utf-8-sig").splitlines()[1]
    assert next(csv.reader([line], delimiter=";"))[1] == f"'{text}"
    assert read("again.csv", write(found.members)).members == found.members


@pytest.mark.parametrize("text", ["+7 (4812) 12-34-56", "-", "Анна-Мария", "A=B"])
def test_telephones_and_dashes_are_no_formulas(text: str) -> None:
    assert file(f"Почта;ФИО\na@example.org;{text}\n").formulas == ()


# The whole file refused


def test_an_empty_file_is_refused() -> None:
    assert [refusal(data).code for data in (b"", b"\n \r\n", codecs.BOM_UTF8)] == [ListFileCode.EMPTY] * 3


def test_a_file_without_addresses_is_refused() -> None:
    assert refusal("Организация;Телефон\nЗавод;123\n".encode()).code is ListFileCode.NO_ADDRESSES


def test_a_file_whose_addresses_are_all_bad_is_a_report_and_no_refusal() -> None:
    found = file("Почта\na@\nb@c\n")
    assert (found.members, [bad.line for bad in found.bad]) == ((), [2, 3])


def _zipped(*names: str) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "a@example.org")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected"),
        (b"{\\rtf1\\ansi a@example.org}", "rtf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "png"),
        (b"\xff\xd8\xff\xe0 JFIF", "jpeg"),
        (b"Rar!\x1a\x07", "rar"),
        (_zipped("word/document.xml"), "docx"),
        (_zipped("mimetype", "content.xml"), "ods"),
        (_zipped("list.csv"), "zip"),
        (b"PK\x03\x04 cut short", "zip"),
        (b"<html><table><tr><td>a@example.org</td></tr></table></html>", "html"),
        (b"a@example.org\0\0\0", ""),
        (bytes(range(1, 32)) * 10, ""),
        (codecs.BOM_UTF8 + b"\xff\xff a@example.org", ""),
        (codecs.BOM_UTF16_LE + b"a", ""),
        (b"a@example.org \x98", ""),
        (_zipped("xl/nothing.xml"), "broken"),
    ],
)
def test_what_is_no_text_is_refused_by_its_kind(data: bytes, form: str) -> None:
    error = refusal(data, name="отчёт.bin")
    assert (error.code, error.values) == (ListFileCode.NOT_TEXT, {"format": form, "name": "отчёт.bin"})


def test_a_file_too_large_is_refused_unread() -> None:
    error = refusal(bytes(101), Limits(size=100))
    assert (error.code, error.values["limit"]) == (ListFileCode.TOO_LARGE, 100)


def test_too_many_lines_are_refused_and_empty_ones_do_not_count() -> None:
    limits = Limits(lines=3)
    assert len(read("list.csv", b"a@example.org\n\n\nb@example.org\n\nc@example.org\n", limits).members) == 3
    error = refusal(b"a@example.org\n" * 4, limits)
    assert (error.code, error.values["limit"]) == (ListFileCode.TOO_MANY_LINES, 3)


def test_a_single_line_with_too_many_addresses_is_refused_too() -> None:
    assert refusal(b"a@example.org," * 7, Limits(lines=3)).code is ListFileCode.TOO_MANY_LINES


@pytest.mark.parametrize("cell", ["a" * 100_000, "a@" + "." * 100_000 + " ", "<" * 100_000, "А-" * 50_000])
def test_an_odd_cell_takes_no_odd_time(cell: str) -> None:
    begun = time.process_time()
    found = file("Почта;ФИО\na@example.org;Анна\n" + f"{cell};{cell}\n" * 20)
    assert len(found.bad) == 20
    assert time.process_time() - begun < 5


def test_a_file_lost_to_broken_quotes_is_reported_line_by_line() -> None:
    text = '"Завод;a@example.org\n' * 3 + '"'
    assert complaints(text) == [(line, "unclosed_quote") for line in (1, 2, 3, 4)]


def test_two_hundred_thousand_lines_are_refused() -> None:
    assert refusal(b"a@example.org\n" * 200_000).code is ListFileCode.TOO_MANY_LINES


# Writing


def test_what_is_written_opens_in_excel_and_reads_back() -> None:
    data = write([ANNA, BORIS])
    assert data.startswith(codecs.BOM_UTF8)
    assert data.decode("utf-8-sig").splitlines()[0] == ";".join(HEADER)
    assert read("list.csv", data).members == (ANNA, BORIS)


def test_an_address_that_begins_like_a_formula_reads_back() -> None:
    found = file("+info@example.org\n-news@example.org\n")
    assert b"'+info@" in write(found.members)
    assert read("list.csv", write(found.members)).members == found.members


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n\r\t;,'\"=+-@"), max_size=40
)


def _members(pairs: list[tuple[str, str]]) -> list[Member]:
    """Members as the reader itself makes them: texts cleaned once."""
    text = StringIO(newline="")
    rows = csv.writer(text, delimiter=";")
    rows.writerow(("Почта", "ФИО", "Организация"))
    rows.writerows((f"a{n}@example.org", name, organisation) for n, (name, organisation) in enumerate(pairs))
    return list(read("list.csv", text.getvalue().encode("utf-8-sig")).members)


@given(st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=5))
def test_whatever_names_there_are_what_is_written_reads_back(pairs: list[tuple[str, str]]) -> None:
    members = _members(pairs)
    assert read("list.csv", write(members)).members == tuple(members)


@given(st.binary(max_size=300))
def test_no_bytes_bring_anything_but_a_list_or_a_refusal(data: bytes) -> None:
    for prefix in (b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"PK\x03\x04", b"a@example.org;"):
        with contextlib.suppress(ListFileError):
            read("list.csv", prefix + data)
