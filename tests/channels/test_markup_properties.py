"""Promises that hold for every text, however odd: accents in heaps, emoji families, entities that cross."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.contract import Entity
from channels.markup import (
    MarkupError,
    from_html,
    from_markdown,
    letter_html,
    letter_text,
    normalised,
    split,
    utf16_length,
    vk_text,
)
from channels.markup.settling import QUOTES, STYLES
from tests.support.effort import examples, patient

PROFILE = examples(250)
pytestmark = patient

TYPES = [
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline",
    "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention",
    "custom_emoji", "date_time",
]  # fmt: skip
SHOWN_IN_LETTERS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "spoiler": "span",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
    "pre": "pre",
}
CLUSTERS = [
    *("а", "Я", "ё", "й", "e\u0301", "г\u0323\u0301", "각", "𝒳", "!", ".", "—", "№", "<", "&"),
    *("👍", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇷🇺", "1️⃣", "❤️"),
]
BLANKS = [" ", " ", " ", "\n", "\n\n", "\u00a0", "\t"]
PIECES = [
    "@club1 (x)",
    "*id1 (y)",
    "[club1|z]",
    "fnpr.ru",
    "https://a.ru/?b=1&c=2",
    "p@a.ru",
    "@name",
    "г. Смоленск",
    "\u200b",
]

clusters = st.lists(st.sampled_from(CLUSTERS + BLANKS), max_size=60)
texts = st.one_of(
    st.lists(st.sampled_from(CLUSTERS + BLANKS + PIECES), max_size=60).map("".join),
    st.text(max_size=60),
)


clean_texts = st.lists(st.sampled_from(CLUSTERS + BLANKS), max_size=40).map("".join)


@st.composite
def posts(
    draw: st.DrawFn, source: st.SearchStrategy[str] = texts, types: Sequence[str] = TYPES
) -> tuple[str, tuple[Entity, ...]]:
    """A text and entities whose ends lie between code points, as Telegram's do, inside the text or a little beyond."""
    text = draw(source)
    places = [utf16_length(text[:index]) for index in range(len(text) + 1)]
    places.append(places[-1] + 5)
    ends = st.sampled_from(places)
    entities = []
    for type_ in draw(st.lists(st.sampled_from(types), max_size=8)):
        start, end = sorted((draw(ends), draw(ends)))
        entities.append(Entity(type_, start, end - start, url="https://fnpr.ru" if type_ == "text_link" else None))
    return text, tuple(entities)


def formatting(text: str, entities: Iterable[Entity]) -> list[tuple[str, frozenset[str]]]:
    """Every character that is not blank, with the types of the entities that hold it."""
    held: list[set[str]] = [set() for _ in range(utf16_length(text))]
    for entity in entities:
        for place in held[max(0, entity.offset) : max(0, entity.offset + entity.length)]:
            place.add(entity.type)
    found, unit = [], 0
    for char in text:
        if not char.isspace():
            found.append((char, frozenset(held[unit])))
        unit += utf16_length(char)
    return found


def visible(text: str) -> str:
    return "".join(text.split())


def in_order(needle: str, hay: str) -> bool:
    signs = iter(hay)
    return all(char in signs for char in needle)


class LetterReader(HTMLParser):
    """Reads a letter back and insists on tags that close before their parents."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, frozenset[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            assert tag not in self.open
            self.open.append(tag)
        if tag == "a":
            assert re.match(r"(?:https?://|mailto:|tel:)\S+$", dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        shown = frozenset(self.open) & frozenset(SHOWN_IN_LETTERS.values())
        self.found += [(char, shown) for char in data if not char.isspace()]


@PROFILE
@given(posts(), st.integers(2, 40))
def test_pieces_keep_to_the_limit(post: tuple[str, tuple[Entity, ...]], limit: int) -> None:
    for text, entities in split(*post, limit):
        assert 0 < utf16_length(text) <= limit
        assert text == text.strip()
        for entity in entities:
            assert entity.length > 0
            assert 0 <= entity.offset <= entity.offset + entity.length <= utf16_length(text)


@PROFILE
@given(posts(), st.integers(2, 40))
def test_pieces_together_say_and_look_the_same(post: tuple[str, tuple[Entity, ...]], limit: int) -> None:
    pieces = [char for piece in split(*post, limit) for char in formatting(*piece)]
    assert pieces == formatting(*post)


@PROFILE
@given(texts, st.integers(2, 40))
def test_between_two_pieces_only_blanks_are_left_out(text: str, limit: int) -> None:
    rest = text
    for piece, _ in split(text, (), limit):
        blanks, _, rest = rest.partition(piece)
        assert not blanks.strip()
    assert not rest.strip()


@examples(30)
@given(posts(), st.integers(30, 200), st.sampled_from([1024, 4096]))
def test_long_posts_keep_to_telegrams_limits(post: tuple[str, tuple[Entity, ...]], times: int, limit: int) -> None:
    text, entities = post
    unit = utf16_length(text)
    every = [replace(one, offset=one.offset + turn * unit) for turn in range(times) for one in entities]
    pieces = split(text * times, every, limit)
    assert all(0 < utf16_length(piece) <= limit for piece, _ in pieces)
    assert [char for piece in pieces for char in formatting(*piece)] == formatting(text * times, every)


@PROFILE
@given(posts(), st.integers(2, 40))
def test_splitting_a_piece_again_changes_nothing(post: tuple[str, tuple[Entity, ...]], limit: int) -> None:
    for piece in split(*post, limit):
        assert split(*piece, limit) == [piece]


@PROFILE
@given(clusters, st.integers(11, 30))
def test_no_cut_goes_through_a_cluster(parts: list[str], limit: int) -> None:
    borders, length = {0}, 0
    for part in parts:
        length += len(visible(part))
        borders.add(length)
    done = 0
    for piece, _ in split("".join(parts), (), limit):
        done += len(visible(piece))
        assert done in borders


words = st.lists(st.text("абв", min_size=1, max_size=12), max_size=12).map(" ".join)
labels = st.lists(st.text("где", min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join)


@PROFILE
@given(words, labels, words, st.sampled_from([" ", "\n", ""]))
def test_a_link_that_fits_stays_in_one_piece(before: str, label: str, after: str, gap: str) -> None:
    text = f"{before}{gap}{label}{gap}{after}"
    link = Entity("text_link", len(before) + len(gap), len(label), url="https://fnpr.ru")
    found = [
        piece[entity.offset : entity.offset + entity.length]
        for piece, entities in split(text, [link], 20)
        for entity in entities
    ]
    assert found == [label]


@PROFILE
@given(posts())
def test_a_letter_reads_and_looks_the_same(post: tuple[str, tuple[Entity, ...]]) -> None:
    text, entities = normalised(post[0])[0], post[1]
    reader = LetterReader()
    reader.feed(letter_html(text, entities))
    reader.close()
    assert reader.open == []
    assert reader.found == [
        (char, frozenset(SHOWN_IN_LETTERS[type_] for type_ in held if type_ in SHOWN_IN_LETTERS))
        for char, held in formatting(text, entities)
    ]


@PROFILE
@given(posts())
def test_plain_texts_only_add(post: tuple[str, tuple[Entity, ...]]) -> None:
    text, _ = post
    assert in_order(visible(text), letter_text(*post))
    assert in_order(visible(text).replace("@", ""), vk_text(*post))


@PROFILE
@given(
    posts(
        st.lists(st.sampled_from([*CLUSTERS, *BLANKS, *PIECES, "@", "*", "[", "club1", "|x]"]), max_size=30).map(
            "".join
        )
    )
)
def test_nothing_on_the_wall_is_a_mention(post: tuple[str, tuple[Entity, ...]]) -> None:
    wall = re.sub(r"https?://\S+", "x", vk_text(*post))
    assert not re.search(r"(?<!\w)[@*](?:club|id)\d+ \(|\[(?:club|id)\d+\|", wall)


@PROFILE
@given(posts())
@example((" а", (Entity("mention", 1, 1), Entity("bold", 0, 2))))  # alike once the blank is gone
def test_normalising_twice_changes_nothing(post: tuple[str, tuple[Entity, ...]]) -> None:
    once = normalised(*post)
    assert normalised(*once) == once
    assert once[0] == once[0].strip()
    once[0].encode()  # no surrogate is left


@PROFILE
@given(posts(source=clean_texts, types=STYLES))
def test_normalising_keeps_words_and_styles(post: tuple[str, tuple[Entity, ...]]) -> None:
    assert formatting(*normalised(*post)) == formatting(*post)


@PROFILE
@given(posts(source=clean_texts))
def test_normalising_adds_no_looks_and_keeps_words(post: tuple[str, tuple[Entity, ...]]) -> None:
    before, after = formatting(*post), formatting(*normalised(*post))
    assert [char for char, _ in before] == [char for char, _ in after]
    assert all(shown <= given for (_, given), (_, shown) in zip(before, after, strict=True))


@PROFILE
@given(posts())
def test_what_is_settled_can_stand_together(post: tuple[str, tuple[Entity, ...]]) -> None:
    _, entities = normalised(*post)
    for one, other in combinations(entities, 2):
        meet = one.offset < other.offset + other.length and other.offset < one.offset + one.length
        if meet and not {one.type, other.type} & set(STYLES):
            assert one.type in QUOTES  # the outer one, listed first
            assert other.type not in QUOTES
            assert one.offset <= other.offset <= other.offset + other.length <= one.offset + one.length
        if meet and one.type == other.type:
            pytest.fail(f"two of {one.type} share a letter")


@PROFILE
@given(posts(source=clean_texts, types=["text_link", *STYLES, "code", *QUOTES]))
def test_no_linked_letter_loses_its_link(post: tuple[str, tuple[Entity, ...]]) -> None:
    def linked(text: str, entities: Iterable[Entity]) -> list[bool]:
        return ["text_link" in held for _, held in formatting(text, entities)]

    assert linked(*normalised(*post)) == linked(*post)


TAGS = ["b", "i", "a", "p", "br", "ul", "ol", "li", "h1", "pre", "code", "blockquote", "span", "tg-emoji", "x"]
html_bits = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    st.sampled_from([*CLUSTERS, *BLANKS, "&amp;", "<", "<b", "<!--", '<a href="https://fnpr.ru">']),
)


@PROFILE
@given(st.lists(html_bits, max_size=25).map("".join))
def test_html_is_read_or_refused_with_a_place(source: str) -> None:
    try:
        text, entities = from_html(source)
    except MarkupError as error:
        place = (error.line, error.column)
        assert (1, 1) <= place <= (source.count("\n") + 1, len(source) + 1)
    else:
        assert all(entity.offset + entity.length <= utf16_length(text) for entity in entities)


@PROFILE
@given(
    st.lists(
        st.sampled_from([*CLUSTERS, *BLANKS, "**", "*", "~~", "`", "```", "\n> ", "\n- ", "\n1. ", "# ", "[а](b.ru)"])
    ).map("".join)
)
def test_any_markdown_can_be_read(source: str) -> None:
    text, entities = from_markdown(source)
    assert all(entity.offset + entity.length <= utf16_length(text) for entity in entities)


@PROFILE
@given(
    st.lists(st.sampled_from([cluster for cluster in CLUSTERS if cluster not in "<&"]), min_size=1, max_size=20).map(
        "".join
    ),
    st.sampled_from(["b", "i", "u", "s", "code"]),
)
def test_a_tag_formats_exactly_its_text(text: str, tag: str) -> None:
    read, entities = from_html(f"до <{tag}>{text}</{tag}> после")
    assert read == f"до {text} после"
    assert [(entity.offset, entity.length) for entity in entities] == [(3, utf16_length(text))]
