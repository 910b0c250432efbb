"""What typography changes, what it never touches, and that doing it twice is doing it once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Entity
from channels.markup import typeset
from channels.markup.links import found_links
from tests.support.effort import examples, patient

pytestmark = patient

# "_" stands for a space that does not break
CHANGED = {
    'Газета "Солидарность"': "Газета «Солидарность»",
    'Газета "Профсоюз "Единство"" и "Труд"': "Газета «Профсоюз „Единство“» и «Труд»",
    "ООО «Завод «Прогресс»»": "ООО «Завод „Прогресс“»",
    '("в скобках")': "(«в скобках»)",
    '"А"/"Б" и пресс-"центр"': "«А»/«Б» и пресс-«центр»",
    '"Да!" - сказал он. - "Нет?.."': "«Да!»_— сказал он._— «Нет?..»",
    '"...и так далее"': "«...и так далее»",
    '„Так", "эдак"\n"и так"': '„Так", "эдак"\n«и так»',
    "слово - слово": "слово_— слово",
    "слово — слово – слово": "слово_— слово_– слово",
    "слово -\nслово": "слово_—\nслово",
    "И. И. Иванов и П.П. Петров": "И._И._Иванов и П.П._Петров",
    "Дж. Ё. Ёлкин": "Дж. Ё._Ёлкин",
    "приказ № 5, § 7, №8": "приказ №_5, §_7, №8",
    "10 кг, 5 %, 100 000 руб., 15 °C": "10_кг, 5_%, 100 000_руб., 15_°C",
    "1 мая - праздник": "1 мая_— праздник",
}
LEFT = [
    "- пункт\n  - ещё пункт",
    "- Да, - нет".replace(", - ", ", – ").replace(" – ", "\u00a0– "),
    "экран 5\" и 'так'",
    'открыл " и забыл',
    '"Раз\nдва"',
    'а"б',
    "1 - 5",
    "8 - 800 - 200 - 00 - 00",
    "что-то кое-где",
    "10 котов",
    "г. Смоленск",
    "США. Он",
    "",
]
EXACT = [
    "https://fnpr.ru/?a=1&b=2",
    "fnpr.ru/a-b",
    "press@fnpr.ru",
    "@smolprof",
    "#первое_мая",
    "+7 (4812) 38 - 00 - 00",
    "8 800 200-00-00",
    "12.05.2026",
    "2026-12-01",
    "10:30",
    "12 - 15 мая 2026 г.",
    "2025 г.",
]


def shown(text: str) -> str:
    return text.replace("\u00a0", "_")


@pytest.mark.parametrize("text", CHANGED)
def test_puts_in_order(text: str) -> None:
    assert shown(typeset(text)) == CHANGED[text]


@pytest.mark.parametrize("text", LEFT)
def test_leaves_alone_what_may_be_meant_so(text: str) -> None:
    assert typeset(text) == text


@pytest.mark.parametrize("text", EXACT)
def test_never_touches_what_people_copy_or_count_on(text: str) -> None:
    assert typeset(text) == text
    assert text in typeset(f'Смотрите "тут" - {text} - или "там"')


@pytest.mark.parametrize(
    "type_",
    ["code", "pre", "url", "email", "mention", "hashtag", "cashtag", "bot_command", "phone_number", "date_time"],
)
def test_never_touches_what_is_marked_so(type_: str) -> None:
    text = 'до "а" - б № 5 после - "в"'
    out = typeset(text, [Entity(type_, 3, 11)])
    assert out[3:14] == text[3:14]
    assert shown(out[14:]) == " после_— «в»"


def test_words_of_a_link_are_words_and_its_address_is_not() -> None:
    text = 'Газета "Солидарность" и fnpr.ru'
    link = Entity("text_link", 7, 14, url='https://fnpr.ru/"a"')
    assert typeset(text, [link]) == "Газета «Солидарность» и fnpr.ru"


def test_quotation_marks_in_code_pair_with_nothing_outside() -> None:
    text = '"до `"` после"'
    assert typeset(text, [Entity("code", 5, 1)]) == '«до `"` после»'


PIECES = [
    *('"', '"', "«", "»", "„", "“", "”", " - ", " -", "- ", "—", " – ", " ", " ", "\n", "\u00a0", ",", ".", "("),
    *(
        "И.",
        " И. И. Иванов",
        "№ ",
        "§ 5",
        "5 ",
        "10 кг",
        " руб.",
        "слово",
        "Ё",
        "👍🏽",
        "(",
        "/",
        "г.",
        "мая",
        "12 - 15 мая",
    ),
    *("https://a.ru/", "a.ru", "p@a.ru", "@name", "#тег", "+7 (48) 38-00-00", "12.05.2026", "2026 г.", "10:30"),
]
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.text(max_size=40))
KINDS = ["code", "bold", "text_link", "url", "blockquote"]


@st.composite
def posts(draw: st.DrawFn) -> tuple[str, tuple[Entity, ...]]:
    text = draw(texts)
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    ends = st.integers(0, length)
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=3))
    places = [sorted((draw(ends), draw(ends))) for _ in kinds]
    return text, tuple(Entity(kind, a, b - a) for kind, (a, b) in zip(kinds, places, strict=True))


@examples(400)
@given(posts())
def test_twice_is_once(post: tuple[str, tuple[Entity, ...]]) -> None:
    text, entities = post
    once = typeset(text, entities)
    assert typeset(once, entities) == once


@examples(400)
@given(posts())
def test_only_marks_dashes_and_spaces_change_one_for_one(post: tuple[str, tuple[Entity, ...]]) -> None:
    text, entities = post
    out = typeset(text, entities)
    allowed = {" ": "\u00a0", "-": "—", '"': "«»„“", "«": "„", "»": "“"}
    for before, after in zip(text, out, strict=True):
        assert after == before or after in allowed[before]


@examples(400)
@given(posts())
def test_addresses_stay(post: tuple[str, tuple[Entity, ...]]) -> None:
    text, entities = post
    out = typeset(text, entities)
    for span in found_links(text, ()):
        assert out[span.start : span.end] == text[span.start : span.end]
    assert [span[:2] for span in found_links(out, ())] == [span[:2] for span in found_links(text, ())]
