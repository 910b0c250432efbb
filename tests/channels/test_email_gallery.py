"""Pictures of any number and shape stand in rows of one height, and none is shown larger than it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Attachment, AttachmentKind
from channels.email.gallery import ROOM, arranged

SIDES = st.one_of(st.none(), st.integers(1, 6000))


def pictures(*sizes: tuple[int | None, int | None]) -> dict[str, Attachment]:
    return {
        f"p{number}": Attachment(AttachmentKind.PHOTO, "a.jpg", "image/jpeg", 1, "ab", width=width, height=height)
        for number, (width, height) in enumerate(sizes, 1)
    }


def test_without_pictures_there_is_no_row() -> None:
    assert arranged({}) == ()


@pytest.mark.parametrize(("count", "rows"), [(1, [1]), (2, [1, 1]), (3, [1, 2]), (4, [1, 2, 1]), (8, [1, 2, 2, 2, 1])])
def test_the_first_stands_alone_and_the_others_in_pairs(count: int, rows: list[int]) -> None:
    assert [len(row) for row in arranged(pictures(*[(1280, 960)] * count))] == rows


@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=12))
def test_every_picture_is_shown_once_in_its_order_within_the_room(sizes: list[tuple[int | None, int | None]]) -> None:
    rows = arranged(pictures(*sizes))
    shown = [each for row in rows for each in row]
    assert [each.cid for each in shown] == [f"p{number}" for number in range(1, len(sizes) + 1)]
    assert [(each.number, each.count) for each in shown] == [(n, len(sizes)) for n in range(1, len(sizes) + 1)]
    for row in rows:
        assert sum(each.percent for each in row) == 100
        assert sum(each.width for each in row) <= ROOM
    for each, (width, _height) in zip(shown, sizes, strict=True):
        assert 1 <= each.width <= (width or ROOM)


def test_two_beside_each_other_come_out_equally_high() -> None:
    _, (left, right) = arranged(pictures((100, 100), (1280, 960), (900, 1600)))
    assert left.width / (1280 / 960) == pytest.approx(right.width / (900 / 1600), rel=0.03)


def test_an_upright_picture_is_narrower_than_the_letter() -> None:
    [[alone]] = arranged(pictures((3000, 4000)))
    assert alone.width == 465


def test_a_small_picture_is_not_blown_up() -> None:
    [[alone]] = arranged(pictures((120, 90)))
    assert alone.width == 120
