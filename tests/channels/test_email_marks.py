"""The mark in the envelope sender: short, the same for each attempt, and nobody's invention."""

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.marks import LONGEST_MARK, Marks, first_in, number_of, parted

SECRET = "a secret of sixteen"
KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
MARKS = Marks("press+*@prof.example", SECRET)


@given(st.integers(1, 2**63 - 1), st.text(alphabet="0123456789abcdef", min_size=32, max_size=32))
def test_a_mark_leads_back_to_its_delivery(number: int, key: str) -> None:
    sender = MARKS.sender(number, key).decode()
    assert sender == MARKS.sender(number, key).decode()
    local_part, _, domain = sender.partition("@")
    assert domain == "prof.example"
    assert len(local_part) <= 64
    mark = first_in(f"<{sender}>")
    assert local_part == f"press+{mark}"
    assert len(mark) <= LONGEST_MARK
    assert number_of(mark) == number
    assert MARKS.genuine(mark, key)
    assert MARKS.genuine(mark.upper(), key)


def test_nobody_else_can_make_one() -> None:
    mark = first_in(MARKS.sender(31, KEY).decode())
    assert not MARKS.genuine(mark.replace("b-31-", "b-32-"), KEY)
    assert not MARKS.genuine(mark, "f" * 32)  # another database, with another delivery of this number
    assert not MARKS.genuine(mark[:-1] + ("a" if mark[-1] != "a" else "b"), KEY)
    assert not MARKS.genuine("", KEY)
    assert not MARKS.genuine("b-31-", KEY)
    assert not Marks("press+*@prof.example", SECRET + "!").genuine(mark, KEY)


@pytest.mark.parametrize("text", ["", "b-31", "b-x-aaaaaaaaaaaaaaaa", "b-99999999999999999999-aaaaaaaaaaaaaaaa"])
def test_what_is_no_mark_has_no_number(text: str) -> None:
    assert number_of(text) is None


def test_a_number_beyond_what_rows_have_is_none() -> None:
    assert number_of(f"b-{2**63 - 1}-aaaaaaaaaaaaaaaa") == 2**63 - 1
    assert number_of(f"b-{2**63}-aaaaaaaaaaaaaaaa") is None


def test_a_mark_is_found_among_other_words() -> None:
    mark = "b-31-0123456789abcdef"
    assert first_in(f"for <press+{mark}@prof.example>; Mon") == mark
    assert first_in(f"<press-{mark.upper()}@prof.example>") == mark
    assert first_in(f"nob-31-0123456789abcdef x{mark}") == ""
    assert first_in(f"{mark}7@prof.example") == ""


@pytest.mark.parametrize(
    ("pattern", "halves"),
    [
        ("press+*@prof.example", ("press+", "@prof.example")),
        ("*@returns.prof.example", ("", "@returns.prof.example")),
        ("press-*-x@prof.example", ("press-", "-x@prof.example")),
        ("press+*@профсоюз.рф", ("press+", "@xn--g1alecbx5a8b.xn--p1ai")),
    ],
)
def test_patterns(pattern: str, halves: tuple[str, str]) -> None:
    before, after = parted(pattern)
    assert before == halves[0]
    assert after.partition("@")[0] == halves[1].partition("@")[0]
    assert after.isascii()


@pytest.mark.parametrize(
    "pattern",
    [
        "press@prof.example",
        "press+**@prof.example",
        "press@*.prof.example",
        "*",
        f"{'p' * 27}*@prof.example",
        "a b*@x.ru",
    ],
)
def test_a_pattern_that_makes_no_addresses_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parted(pattern)


def test_the_secret_shows_nowhere() -> None:
    assert SECRET not in repr(MARKS)


def test_a_mark_costs_microseconds() -> None:
    took = min(timeit.repeat(lambda: MARKS.sender(1_234_567, KEY), number=1_000, repeat=5)) / 1_000
    assert took < 50e-6
