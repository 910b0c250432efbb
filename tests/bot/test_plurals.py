"""Nouns after numbers."""

import pytest

from bot.texts.plurals import counted, plural


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "0 писем"),
        (1, "1 письмо"),
        (2, "2 письма"),
        (5, "5 писем"),
        (11, "11 писем"),
        (12, "12 писем"),
        (14, "14 писем"),
        (21, "21 письмо"),
        (22, "22 письма"),
        (101, "101 письмо"),
        (111, "111 писем"),
        (112, "112 писем"),
        (1002, "1002 письма"),
        (-1, "-1 письмо"),
    ],
)
def test_nouns_follow_their_number(n: int, said: str) -> None:
    assert counted(n, "письмо", "письма", "писем").replace("\u00a0", " ") == said
    assert plural(n, "письмо", "письма", "писем") == said.split()[1]
