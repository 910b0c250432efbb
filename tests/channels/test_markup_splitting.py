from channels.contract import Entity
from channels.markup import split, utf16_length


def test_counts_units_as_telegram_does() -> None:
    assert utf16_length("да") == 2
    assert utf16_length("👍🏽") == 4


def test_prefers_a_blank_line_to_anything_else() -> None:
    text = "Первый абзац.\n\nВторой абзац. Ещё предложение и слова"
    assert [piece for piece, _ in split(text, (), 28)] == ["Первый абзац.", "Второй абзац.", "Ещё предложение и слова"]


def test_shifts_entities_into_their_pieces() -> None:
    text = "👍 начало\nконец"
    pieces = split(text, [Entity("bold", 3, 12)], 9)
    assert pieces == [("👍 начало", (Entity("bold", 3, 6),)), ("конец", (Entity("bold", 0, 5),))]
