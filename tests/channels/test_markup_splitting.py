import pytest

from channels.contract import Entity
from channels.markup import split, utf16_length
from channels.markup.graphemes import is_border

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇷🇺"


def texts(pieces: list[tuple[str, tuple[Entity, ...]]]) -> list[str]:
    return [text for text, _ in pieces]


def test_counts_units_as_telegram_does() -> None:
    assert utf16_length("да") == 2
    assert utf16_length("👍🏽") == 4


def test_leaves_a_short_text_alone() -> None:
    assert split("  Всё влезло\n", [Entity("bold", 2, 3)], 4096) == [("Всё влезло", (Entity("bold", 0, 3),))]


@pytest.mark.parametrize("blank", ["", " \n\t", "\u00a0"])
def test_makes_nothing_of_a_blank_text(blank: str) -> None:
    assert split(blank, (), 10) == []


def test_refuses_a_limit_that_an_emoji_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        split("👍", (), 1)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Первый абзац.\n\nВторой. Ещё\nслова и слова", "Первый абзац."),
        ("Первая строка\nвторая. Ещё слова и слова", "Первая строка"),
        ("Предложение одно. Второе длиннее и слова", "Предложение одно."),
        ("«Предложение.» Второе длиннее первого и слова", "«Предложение.»"),
        ("Несколько слов подряд без всяких знаков тут", "Несколько слов подряд без"),
        ("Ждём вас по адресу: г. Смоленск, ул. Ленина", "Ждём вас по адресу:"),
        ("СловоБезВсякихПромежутковДлиннееПредела", "СловоБезВсякихПромежутковД"),
    ],
)
def test_prefers_better_places(text: str, first: str) -> None:
    assert texts(split(text, (), 26))[0] == first


def test_does_not_take_an_abbreviation_for_the_end_of_a_sentence() -> None:
    text = "Собрание пройдёт. Адрес: г. Смоленск и далее"
    assert texts(split(text, (), 30))[0] == "Собрание пройдёт."


def test_does_not_leave_a_short_form_at_the_end() -> None:
    assert texts(split("Встреча в среду, ул. Ленина", (), 21)) == ["Встреча в среду,", "ул. Ленина"]


def test_does_not_part_what_a_non_breaking_space_holds_together() -> None:
    assert texts(split("Нам нужно уже 100\u00a0000 рублей", (), 19)) == ["Нам нужно уже", "100\u00a0000 рублей"]


def test_does_not_leave_a_heading_alone_when_a_sentence_ends_later() -> None:
    text = "Важно\n\n" + "Предложение. " * 10
    assert texts(split(text, (), 100))[0].startswith("Важно\n\nПредложение.")


def test_does_not_leave_two_words_for_the_last_piece() -> None:
    pieces = texts(split("слово " * 17, (), 100))
    assert [len(piece) for piece in pieces] == [89, 11]


def test_shifts_and_clips_entities_into_their_pieces() -> None:
    pieces = split("👍 начало\nконец", [Entity("bold", 3, 12)], 9)
    assert pieces == [("👍 начало", (Entity("bold", 3, 6),)), ("конец", (Entity("bold", 0, 5),))]


@pytest.mark.parametrize(
    "type_",
    ["url", "text_link", "mention", "text_mention", "hashtag", "custom_emoji", "date_time", "email", "phone_number"],
)
def test_keeps_whole_what_is_worth_nothing_in_halves(type_: str) -> None:
    text = "Начало и ссылка из слов конец"
    pieces = split(text, [Entity(type_, 9, 14)], 18)
    assert pieces == [("Начало и", ()), ("ссылка из слов", (Entity(type_, 0, 14),)), ("конец", ())]


def test_cuts_a_link_that_is_longer_than_the_limit() -> None:
    pieces = split("ссылка из многих слов", [Entity("text_link", 0, 21, url="https://fnpr.ru")], 12)
    assert pieces == [
        ("ссылка из", (Entity("text_link", 0, 9, url="https://fnpr.ru"),)),
        ("многих слов", (Entity("text_link", 0, 11, url="https://fnpr.ru"),)),
    ]


def test_never_cuts_inside_what_looks_like_one_character() -> None:
    assert texts(split(FAMILY * 3, (), 15)) == [FAMILY] * 3
    assert texts(split(FLAG * 3, (), 6)) == [FLAG] * 3
    assert texts(split("й́" * 3, (), 3)) == ["й́"] * 3


def test_cuts_a_character_that_alone_passes_the_limit() -> None:
    assert "".join(texts(split("я" + "\u0301" * 9, (), 4))) == "я" + "\u0301" * 9


def test_ignores_entities_that_point_nowhere() -> None:
    wrong = [Entity("bold", 40, 2), Entity("bold", 1, 0), Entity("bold", 2, -1)]
    assert split("текст", [*wrong, Entity("italic", 3, 40)], 10) == [("текст", (Entity("italic", 3, 2),))]


@pytest.mark.parametrize(
    "whole",
    [
        *(FAMILY, FLAG, "👍🏽", "❤️", "1️⃣", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        *("и\u0306", "e\u0301\u0323", "각", "\u1100\u1161\u11a8", "नि", "\r\n"),
    ],
)
def test_knows_clusters(whole: str) -> None:
    assert not any(is_border(whole, index) for index in range(1, len(whole)))
    assert is_border(whole + "a", len(whole))


def test_knows_where_flags_end() -> None:
    text = FLAG * 2
    assert [is_border(text, index) for index in range(5)] == [True, False, True, False, True]


FLAWLESS = "Профсоюз — это сила. 👩‍👩‍👧‍👦 Приходите 🇷🇺! 1️⃣ пункт, 👍🏽 пункт й\u0301.\n\n"


@pytest.mark.parametrize("limit", [1024, 4096])
def test_long_texts_fill_telegrams_messages_and_lose_nothing(limit: int) -> None:
    text = FLAWLESS * 400
    pieces = split(text, [Entity("bold", 0, utf16_length(text))], limit)
    assert all(limit * 2 // 3 < utf16_length(piece) <= limit for piece in texts(pieces)[:-1])
    assert all(entities == (Entity("bold", 0, utf16_length(piece)),) for piece, entities in pieces)
    assert "\n\n".join(texts(pieces)) == text.rstrip()
