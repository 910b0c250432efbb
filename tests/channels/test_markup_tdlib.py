"""Telegram's own parser agrees with us, but for the differences that docs/markup.md names and explains.

Compared is what people see: every sign that is not blank, with all that holds there.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from channels.contract import Entity
from channels.markup import from_html, from_markdown, letter_html, normalised, utf16_length
from channels.markup.links import found_links
from channels.markup.settling import QUOTES, STYLES
from tests.channels.samples import MEETINGS, TYPES
from tests.support import tdlib
from tests.support.effort import examples, patient

pytestmark = patient

Text = tuple[str, tuple[Entity, ...]]
LINK = "https://fnpr.ru/otchet"


def seen(post: Text) -> list[tuple[str, frozenset[Entity]]]:
    """Every sign that is not blank, with the entities that hold it, wherever they begin and end."""
    text, entities = post
    signs, unit = [], 0
    for char in text:
        if not char.isspace():
            held = (one for one in entities if one.offset <= unit < one.offset + one.length)
            signs.append((char, frozenset(replace(one, offset=0, length=0) for one in held)))
        unit += utf16_length(char)
    return signs


# Reading

ALIKE = [
    "<b>а</b><strong>б</strong> <i>в</i><em>г</em> <u>д</u><ins>е</ins> <s>ж</s><strike>з</strike><del>и</del>",
    '<tg-spoiler>а</tg-spoiler> <span class="tg-spoiler">б</span>',
    f"<a href=\"{LINK}?a=1&amp;b=%20\">тут</a> <a href='{LINK}'>там</a>",
    '<a href="tg://user?id=42">Имя</a>',
    "<code>x &lt; 1 &amp;&quot;&#39;&#x41;&gt;</code>",
    "<pre>x\n  y</pre>",
    '<pre><code class="language-python">x</code></pre>',
    "<blockquote>цитата</blockquote>\nстало",
    "<blockquote expandable>а\n\nб</blockquote>",
    '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
    '<tg-time unix="1647531900" format="wDT">завтра</tg-time> <tg-time unix="1647531900">в среду</tg-time>',
    '<tg-time unix="1647531900" format="r">скоро</tg-time> <tg-time unix="1647531900" format="t">днём</tg-time>',
    "<b>а<i>б<u>в</u></i>г</b>",
    "<b>а<b>б</b></b>",
    "<b>до <code>код</code> после</b>",
    "👩‍👩‍👧‍👦<b>а</b>🇷🇺<i>б👍🏽</i>",
    "<B>а</B> <bR></bR>".replace("<bR></bR>", "б"),
    "а<b></b>б<i> </i>в",
    "<blockquote>до <b>раз</b> <code>два</code>\n<pre>три</pre></blockquote>",
]


@pytest.mark.parametrize("source", ALIKE, ids=lambda source: ascii(source)[:40])
def test_reads_html_as_telegram_does(source: str) -> None:
    assert seen(from_html(source)) == seen(normalised(*tdlib.read_html(source)))


REFUSED = {
    "<p>а</p>": "а",
    "а<br>б": "а\nб",
    "<ul><li>а</li></ul>": "• а",
    "<font>а</font>": "а",
    "<b>а<i>б</b>в</i>": "абв",
    "5 < 6": "5 < 6",
    "<!-- нет -->да": "да",
}


@pytest.mark.parametrize("source", REFUSED)
def test_reads_html_that_telegram_refuses(source: str) -> None:
    with pytest.raises(tdlib.Refusal):
        tdlib.read_html(source)
    assert from_html(source)[0] == REFUSED[source]


OTHERWISE = {
    "а&nbsp;б&mdash;в": ("а&nbsp;б&mdash;в", "а\u00a0б—в"),
    "<pre>\nx</pre>": ("\nx", "x"),
    "раз<blockquote>два</blockquote>три": ("раздватри", "раз\nдва\nтри"),
}


@pytest.mark.parametrize("source", OTHERWISE)
def test_reads_some_html_otherwise_on_purpose(source: str) -> None:
    theirs, ours = OTHERWISE[source]
    assert tdlib.read_html(source)[0] == theirs
    assert from_html(source)[0] == ours


INLINE = [
    ("<b>", "</b>"), ("<i>", "</i>"), ("<u>", "</u>"), ("<s>", "</s>"), ("<tg-spoiler>", "</tg-spoiler>"),
    ("<code>", "</code>"), (f'<a href="{LINK}">', "</a>"), ('<tg-time unix="1" format="wDT">', "</tg-time>"),
]  # fmt: skip
BLOCKS = [
    ("\n<blockquote>", "</blockquote>\n"),
    ("\n<blockquote expandable>", "</blockquote>\n"),
    ("\n<pre>", "</pre>\n"),
]
words = st.sampled_from(["а", "Яё ", " b", "👍🏽", "👩‍👩‍👧‍👦", "\n", "&amp;", "&lt;b&gt;", "й\u0301", "—", "1."])
inline = st.recursive(
    words, lambda inner: st.tuples(st.sampled_from(INLINE), st.lists(inner, max_size=4)).map(
        lambda tag: f"{tag[0][0]}{''.join(tag[1])}{tag[0][1]}"
    ), max_leaves=12
)  # fmt: skip
blocks = st.tuples(st.sampled_from(BLOCKS), st.lists(inline, max_size=4)).map(
    lambda tag: f"{tag[0][0]}x{''.join(tag[1])}x{tag[0][1]}"
)


@examples(300)
@given(st.lists(st.one_of(inline, blocks), max_size=6).map("".join))
def test_reads_random_html_as_telegram_does(source: str) -> None:
    assert seen(from_html(source)) == seen(normalised(*tdlib.read_html(source)))


MARKDOWN = [
    "**жирно** и ~~зачёркнуто~~ и `код`",
    f"[слово]({LINK}) рядом",
    "**жирно и ~~зачёркнуто~~**",
    f"**жирно и [слово]({LINK})**",
    "```python\nx = 1\n```",
    "👍🏽 **👩‍👩‍👧‍👦** да",
    "`a ** b` и **c**",
    "2 * 3 и 4 * 5",
    "** не жирно",
]


@pytest.mark.parametrize("source", MARKDOWN)
def test_reads_the_markdown_that_both_speak_alike(source: str) -> None:
    assert seen(from_markdown(source)) == seen(tdlib.read_markdown(source))


@pytest.mark.parametrize("source", ["__подчёркнуто__", "||скрыто||", "*курсив*"])
def test_markdown_is_another_dialect(source: str) -> None:
    assert seen(from_markdown(source)) != seen(tdlib.read_markdown(source))


russian = st.text("абвгдеёжз", min_size=1, max_size=8)
sayings = st.lists(
    st.tuples(russian, st.sampled_from(["", "", "bold", "strikethrough", "code", "text_link"])), max_size=8
)


@examples(300)
@given(sayings)
def test_reads_the_markdown_that_telegram_writes(said: list[tuple[str, str]]) -> None:
    text, entities = "", []
    for word, type_ in said:
        text += " " if text else ""
        if type_:
            url = LINK if type_ == "text_link" else None
            entities.append(Entity(type_, len(text), len(word), url=url))
        text += word
    written, left = tdlib.as_markdown(text, entities)
    assert left == ()
    assert seen(from_markdown(written)) == seen((text, tuple(entities)))


# What may stand together


def fix(post: Text) -> Text:
    return tdlib.fixed(*post)


@pytest.mark.parametrize("name", [*TYPES, *MEETINGS])
def test_telegram_changes_nothing_in_what_we_send(name: str) -> None:
    sample = TYPES.get(name) or MEETINGS[name]
    ours = normalised(sample.text, tuple(replace(one, url=LINK if one.url else None) for one in sample.entities))
    assert seen(fix(ours)) == seen(ours)


SHARED = [
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline",
    "strikethrough", "spoiler", "custom_emoji", "date_time", "blockquote", "expandable_blockquote",
]  # fmt: skip
REST = {
    "text_link": {"url": LINK},
    "text_mention": {"user_id": 42},
    "custom_emoji": {"custom_emoji_id": "5368324170671202286"},
    "date_time": {"unix_time": 1, "date_time_format": "wDT"},
}
DROPPED = ["\r", "\u2028", "\u0333"]
KEPT = ["а", "б", "Ё", " ", "\n", "👍🏽", "🇷🇺", "👩‍👩‍👧‍👦", "й\u0301", "\t", "."]


@st.composite
def posts(draw: st.DrawFn, types: Sequence[str], signs: Sequence[str] = (*KEPT, *DROPPED)) -> Text:
    text = "x" + "".join(draw(st.lists(st.sampled_from(signs), max_size=14))) + "x"
    places = st.sampled_from([utf16_length(text[:index]) for index in range(len(text) + 1)])
    entities = []
    for type_ in draw(st.lists(st.sampled_from(types), max_size=6)):
        start, end = sorted((draw(places), draw(places)))
        entities.append(Entity(type_, start, end - start, **REST.get(type_, {})))  # type: ignore[arg-type]
    return text, tuple(entities)


@examples(500)
@given(posts([*SHARED, "text_link", "text_mention", "code", "pre"]))
def test_telegram_changes_nothing_in_any_post_of_ours(post: Text) -> None:
    ours = normalised(*post)
    theirs = fix(ours)
    assert theirs[0] == ours[0]
    assert seen(theirs) == seen(ours)


def held_by(text: str, entity: Entity) -> str:
    units = text.encode("utf-16-le")
    return units[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le")


def crowded(post: Text) -> bool:
    """Whether there is what no real text has, and what the server settles by the order of its own steps.

    Names or dates that share letters where there are quotations: it drops the second of two, and then the first if it
    crosses a quotation. Names and quotations of blanks: they go last, after what could not stand beside them.
    """
    if any(one.type not in STYLES and not held_by(post[0], one).strip() for one in post[1]):
        return True
    names = [one for one in post[1] if one.type not in (*STYLES, *QUOTES)]
    share = any(
        one.offset < other.offset + other.length and other.offset < one.offset + one.length
        for one, other in combinations(names, 2)
    )
    return share and any(one.type in QUOTES for one in post[1])


@examples(500)
@given(posts(SHARED, KEPT))
def test_settles_as_telegram_does(post: Text) -> None:
    assume(not crowded(post))
    assert seen(normalised(*post)) == seen(fix(post))


@pytest.mark.parametrize(
    ("entities", "theirs", "ours"),
    [
        ([("text_link", 0, 5), ("text_link", 3, 5)], [("text_link", 0, 5)], [("text_link", 0, 5), ("text_link", 5, 3)]),
        ([("text_link", 0, 8), ("blockquote", 4, 4)], [("blockquote", 4, 4)],
         [("text_link", 0, 4), ("blockquote", 4, 4), ("text_link", 4, 4)]),
        ([("code", 0, 4), ("text_link", 0, 4)], [("code", 0, 4)], [("text_link", 0, 4)]),
        ([("code", 0, 8), ("blockquote", 4, 4)], [("blockquote", 4, 4)],
         [("code", 0, 4), ("blockquote", 4, 4), ("code", 4, 4)]),
    ],
)  # fmt: skip
def test_keeps_what_telegram_would_drop(
    entities: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]], ours: list[tuple[str, int, int]]
) -> None:
    given = [Entity(*one, **REST.get(one[0], {})) for one in entities]  # type: ignore[arg-type]

    def places(post: Text) -> list[tuple[str, int, int]]:
        return [(one.type, one.offset, one.length) for one in post[1]]

    assert places(fix(("abcdefgh", tuple(given)))) == theirs
    assert places(normalised("abcdefgh", given)) == ours


@pytest.mark.parametrize(
    ("text", "given", "ours"),
    [("abc", Entity("bold", 1, 9), Entity("bold", 1, 2)), ("👍a", Entity("bold", 0, 1), Entity("bold", 0, 2))],
)
def test_mends_the_places_for_which_telegram_refuses_a_text(text: str, given: Entity, ours: Entity) -> None:
    with pytest.raises(tdlib.Refusal):
        fix((text, (given,)))
    assert normalised(text, [given]) == (text, (ours,))


@pytest.mark.parametrize(("text", "theirs", "ours"), [("a\x85b", "a\x85b", "a b"), ("  a", "  a", "a")])
def test_cleans_otherwise_on_purpose(text: str, theirs: str, ours: str) -> None:
    assert tdlib.read_html(text)[0] == theirs
    assert normalised(text)[0] == ours


def test_a_tag_without_an_address_is_no_link() -> None:
    source = "<a>https://fnpr.ru/</a>"
    assert tdlib.read_html(source)[1] == (Entity("text_link", 0, 16, url="https://fnpr.ru/"),)
    assert from_html(source) == ("https://fnpr.ru/", ())
    assert letter_html("https://fnpr.ru/").count("<a ") == 1  # it is an address all the same


# Finding addresses

ADDRESSES = [
    "Сайт fnpr.ru/news, почта press@fnpr.ru.",
    "см. https://fnpr.ru/a_(b).",
    "(www.fnpr.ru) и «https://fnpr.ru»",
    "профсоюз.рф, да",
    "https://x.ru/?a=1&b=2#c",
    "т.е. в 9.00 по ул.Ленина",
    "http://127.0.0.1 и fnpr.ru:8080/a",
    "a@b.ru, press-center@f-g.com",
    "https://fnpr.ru/„x“ и https://fnpr.ru…",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_finds_no_address_that_telegram_does_not_find(text: str) -> None:
    theirs = {(one.type, one.offset, one.length) for one in tdlib.found(text)[1]}
    ours = {(span.entity.type, span.start, span.end - span.start) for span in found_links(text, ())}
    assert ours <= theirs
    assert letter_html(text).count("<a ") == len(ours)


def test_finds_a_mail_address_of_which_telegram_finds_the_end() -> None:
    text = "c.d+e@f-g.com"
    assert [(one.type, one.offset) for one in tdlib.found(text)[1]] == [("email", 3)]
    assert [(span.entity.type, span.start) for span in found_links(text, ())] == [("email", 0)]
