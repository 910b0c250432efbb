"""Tags and consent in a file of addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts.cli.lists import REMARK_COLUMNS
from delivery.listfile import ListFile, read
from delivery.listlines import Note
from delivery.listout import HEADER, as_csv, as_workbook, row
from delivery.member import Consent, Member, joined, parted, selection


def file(text: str) -> ListFile:
    return read("list.csv", text.encode())


@pytest.mark.parametrize("heading", ["Метки", "метка", "Теги", "Группы", "Tags"])
@pytest.mark.parametrize("cell", ["Профком, молодёжь", "молодёжь|ПРОФКОМ", " профком,, молодёжь,профком"])
def test_tags_are_read_lower_case_sorted_and_once(heading: str, cell: str) -> None:
    (member,) = file(f"Почта;{heading}\na@example.org;{cell}\n").members
    assert member.tags == ("молодёжь", "профком")


def test_an_empty_cell_says_nothing_of_tags_and_a_dash_says_that_there_are_none() -> None:
    assert [one.tags for one in file("Почта;Метки\na@example.org;\nb@example.org;—\nc@example.org;нет\n").members] == [
        None,
        (),
        (),
    ]


@pytest.mark.parametrize(
    ("word", "consent"),
    [
        *((word, Consent.YES) for word in ("да", "Да.", "yes", "+", "Получено")),
        *((word, Consent.NO) for word in ("нет", "no", "отозвано", "0")),
        *((word, Consent.UNKNOWN) for word in ("", "—", "неизвестно")),
    ],
)
def test_consent_is_yes_no_or_not_known(word: str, consent: Consent) -> None:
    found = file(f"Почта;Согласие\na@example.org;{word}\nb@example.org;да\n")
    assert (found.members[0].consent, found.unclear) == (consent, ())


@pytest.mark.parametrize(
    "written",
    [
        "12.03.2026",
        "2026-03-12",
        "12.3.26",
        "12/03/2026",
        "46093",
        "2026-03-12 10:15:00",
        "12.03.2026 г.",
        "12-03-2026",
    ],
)
def test_a_date_is_read_as_people_and_programs_write_it(written: str) -> None:
    (member,) = file(f"Почта;Согласие;Источник;Дата\na@example.org;да;анкета;{written}\n").members
    assert (member.consent_source, member.consent_on) == ("анкета", "2026-03-12")


def test_what_is_not_understood_is_told_by_its_line_and_the_address_is_kept() -> None:
    found = file("Почта;Согласие;Дата согласия\na@example.org;может быть;да\nb@example.org;да;31.02.2026\n")
    assert [(one.address, one.consent, one.consent_on) for one in found.members] == [
        ("a@example.org", Consent.UNKNOWN, ""),
        ("b@example.org", Consent.YES, ""),
    ]
    assert found.unclear == (Note(2, "может быть"), Note(2, "да"), Note(3, "31.02.2026"))


def test_a_tag_as_long_as_a_sentence_is_none() -> None:
    found = file(f"Почта;Метки\na@example.org;{'длинно' * 20}\n")
    assert (found.members[0].tags, len(found.unclear)) == (None, 1)


def test_of_two_lines_tags_add_up_and_a_refusal_outweighs() -> None:
    found = file("Почта;Метки;Согласие\na@example.org;б;да\na@example.org;а;нет\na@example.org;;да\n")
    assert [(one.tags, one.consent) for one in found.members] == [(("а", "б"), Consent.NO)]


def test_a_file_without_such_columns_says_nothing_of_them() -> None:
    assert file("Почта;ФИО\na@example.org;Анна\n").members == (Member("a@example.org", "a@example.org", "Анна"),)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("all", ("all", "")), ("all#профком", ("all", "профком")), ("all# Проф  КОМ ", ("all", "проф ком"))],
)
def test_a_target_may_name_a_tag(text: str, parts: tuple[str, str]) -> None:
    assert selection(text) == parts


# Out and in again

_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n;,'\"=+-@|#:"), max_size=30
)
_CELLS = st.tuples(
    _WORDS,
    _WORDS,
    _WORDS,
    st.sampled_from(["да", "нет", "", "?"]),
    _WORDS,
    st.sampled_from(["", "1.5.2026", "2020-02-29"]),
)


def _as_read(rows: list[tuple[str, ...]]) -> tuple[Member, ...]:
    """Members as the reader itself makes them: their texts are cleaned once."""
    lines = [(f"a{n}@example.org", *cells) for n, cells in enumerate(rows)]
    return read("list.csv", as_csv([HEADER, *lines])).members


@given(st.lists(_CELLS, min_size=1, max_size=5))
def test_whatever_is_known_of_members_what_is_written_reads_back(rows: list[tuple[str, ...]]) -> None:
    members = _as_read(rows)
    for write in (as_csv, as_workbook):
        head = [(*HEADER, *REMARK_COLUMNS)]
        written = write([*head, *(row(one, ("отписался", "cli:anna", "2026-11-24 12:00")) for one in members)])
        found = read("list", written)
        assert found.members == members
        assert (found.bad, found.duplicates, found.unclear) == ((), (), ())


@given(st.lists(_WORDS))
def test_tags_are_kept_as_they_are(words: list[str]) -> None:
    tags = tuple(sorted({" ".join(word.replace("|", " ").split()) for word in words} - {""}))
    assert parted(joined(tags)) == tags
