import pytest
from markdown_it import MarkdownIt

from channels.contract import Entity
from channels.markup import MarkupError, MarkupFault, from_html, from_markdown, normalised

HTML = {
    "<b>а</b><strong>б</strong>": ("аб", [Entity("bold", 0, 2)]),
    "<i>а</i><em>б</em>": ("аб", [Entity("italic", 0, 2)]),
    "<u>а</u><ins>б</ins>": ("аб", [Entity("underline", 0, 2)]),
    "<s>а</s><strike>б</strike><del>в</del>": ("абв", [Entity("strikethrough", 0, 3)]),
    '<tg-spoiler>а</tg-spoiler><span class="tg-spoiler">б</span>': (
        "аб",
        [Entity("spoiler", 0, 2)],
    ),
    '<a href="https://fnpr.ru/?a=1&amp;b=2">тут</a>': (
        "тут",
        [Entity("text_link", 0, 3, url="https://fnpr.ru/?a=1&b=2")],
    ),
    '<a href="tg://user?id=42">Имя</a>': ("Имя", [Entity("text_mention", 0, 3, user_id=42)]),
    "<a>без адреса</a>": ("без адреса", []),
    "<code>x &lt; 1</code>": ("x < 1", [Entity("code", 0, 5)]),
    "<pre>\nx\n  y</pre>": ("x\n  y", [Entity("pre", 0, 5)]),
    '<pre><code class="language-python">x</code></pre>': ("x", [Entity("pre", 0, 1, language="python")]),
    '<pre>а <a href="https://fnpr.ru">б</a></pre>': (
        "а б",
        [Entity("pre", 0, 2), Entity("text_link", 2, 1, url="https://fnpr.ru")],
    ),
    "было\n<blockquote>цитата</blockquote>\nстало": ("было\nцитата\nстало", [Entity("blockquote", 5, 6)]),
    "<blockquote expandable>а</blockquote>": ("а", [Entity("expandable_blockquote", 0, 1)]),
    '<tg-emoji emoji-id="53">👍</tg-emoji>': ("👍", [Entity("custom_emoji", 0, 2, custom_emoji_id="53")]),
    '<tg-time unix="1647531900" format="wDT">завтра</tg-time>': (
        "завтра",
        [Entity("date_time", 0, 6, unix_time=1647531900, date_time_format="wDT")],
    ),
    "<b>а<i>б</i></b>": ("аб", [Entity("bold", 0, 2), Entity("italic", 1, 1)]),
    "<b>а<i>б</b>в</i>": ("абв", [Entity("bold", 0, 2), Entity("italic", 1, 2)]),
    "<b>а<b>б</b></b>": ("аб", [Entity("bold", 0, 2)]),
    "👍<b>а</b>": ("👍а", [Entity("bold", 2, 1)]),
    "раз\nдва\n\nтри": ("раз\nдва\n\nтри", []),
    "<p>раз\n  два</p>\n<p>три</p>": ("раз два\n\nтри", []),
    "<p>раз<p>два": ("раз\n\nдва", []),
    "а<br>б<br/>\nв<br><br>г": ("а\nб\nв\n\nг", []),
    "<h1>Заголовок</h1>текст": ("Заголовок\n\nтекст", [Entity("bold", 0, 9)]),
    "Список:<ul>\n <li>раз</li>\n <li><b>два</b></li>\n</ul>конец": (
        "Список:\n• раз\n• два\nконец",
        [Entity("bold", 16, 3)],
    ),
    "<ol start='3'><li>раз<li>два</ol>": ("3. раз\n4. два", []),
    "<ul><li>раз<ol><li>внутри</li></ol></li><li></li><li>три</li></ul>": ("• раз\n  1. внутри\n•\n• три", []),
    "<blockquote><ul><li>раз</ul></blockquote>": ("• раз", [Entity("blockquote", 0, 5)]),
    "<div>раз</div><div>два</div>": ("раз\nдва", []),
    "<table><td>раз</td></table><script>x()</script>": ("раз", []),
    "<b><p>раз</p> </b><p>два</p>": ("раз\n\nдва", [Entity("bold", 0, 3)]),
    "5 < 6 & 7 > 3 &mdash; <3": ("5 < 6 & 7 > 3 — <3", []),
    "": ("", []),
}

MARKDOWN = {
    "**а** *б* ~~в~~ `г`": (
        "а б в г",
        [Entity("bold", 0, 1), Entity("italic", 2, 1), Entity("strikethrough", 4, 1), Entity("code", 6, 1)],
    ),
    "***а***": ("а", [Entity("bold", 0, 1), Entity("italic", 0, 1)]),
    "[слово](https://пример.рф/путь)": ("слово", [Entity("text_link", 0, 5, url="https://пример.рф/путь")]),
    "<https://fnpr.ru>": ("https://fnpr.ru", [Entity("text_link", 0, 15, url="https://fnpr.ru")]),
    "![афиша](https://fnpr.ru/a.jpg)": ("афиша", [Entity("text_link", 0, 5, url="https://fnpr.ru/a.jpg")]),
    "# Заголовок\nтекст": ("Заголовок\n\nтекст", [Entity("bold", 0, 9)]),
    "раз\nдва\\\nтри\n\nчетыре": ("раз\nдва\nтри\n\nчетыре", []),
    "до\n\n> раз\n> > два\n\nпосле": ("до\n\nраз\n\nдва\n\nпосле", [Entity("blockquote", 4, 8)]),
    "- раз\n- два\n  1. три": ("• раз\n• два\n  1. три", []),
    "4. раз\n5. два": ("4. раз\n5. два", []),
    "- раз\n\n- два": ("• раз\n• два", []),
    "```python\nx = 1\n\n  y\n```": ("x = 1\n\n  y", [Entity("pre", 0, 10, language="python")]),
    "    код": ("код", [Entity("pre", 0, 3)]),
    "раз\n\n---\n\nдва": ("раз\n\nдва", []),
    "<b>не HTML</b> &amp;": ("<b>не HTML</b> &", []),
    "[зло](javascript:alert)": ("[зло](javascript:alert)", []),
}


@pytest.mark.parametrize("source", HTML, ids=lambda source: ascii(source)[:40])
def test_reads_html(source: str) -> None:
    text, entities = HTML[source]
    assert from_html(source) == (text, tuple(entities))


@pytest.mark.parametrize("source", MARKDOWN, ids=lambda source: ascii(source)[:40])
def test_reads_markdown(source: str) -> None:
    text, entities = MARKDOWN[source]
    assert from_markdown(source) == (text, tuple(entities))


def test_markdown_settings_stay_with_their_parser() -> None:
    from_markdown("[а](https://пример.рф)")
    assert "xn--" in MarkdownIt().render("[а](https://пример.рф)")


@pytest.mark.parametrize(
    ("source", "fault", "tag", "line", "column"),
    [
        ("<b>жирный", MarkupFault.UNCLOSED, "b", 1, 1),
        ("раз\n два <i>три <b>да</b>", MarkupFault.UNCLOSED, "i", 2, 6),
        ("<b>раз</i>", MarkupFault.UNOPENED, "i", 1, 7),
        ("раз\n</blockquote>", MarkupFault.UNOPENED, "blockquote", 2, 1),
        ("<h1>раз", MarkupFault.UNCLOSED, "h1", 1, 1),
        ('раз <a href="https://fnpr.ru', MarkupFault.UNFINISHED, "a", 1, 5),
        ("раз <!-- два", MarkupFault.UNFINISHED, "!--", 1, 5),
    ],
)
def test_says_where_a_tag_is_wrong(source: str, fault: MarkupFault, tag: str, line: int, column: int) -> None:
    with pytest.raises(MarkupError) as caught:
        from_html(source)
    error = caught.value
    assert (error.fault, error.tag, error.line, error.column) == (fault, tag, line, column)
    assert f"line {line}, column {column}" in str(error)


@pytest.mark.parametrize("source", ["</p>раз", "раз</span>", "<span>раз", "<ul><li>раз", "</td>раз"])
def test_forgives_tags_that_mean_nothing(source: str) -> None:
    assert from_html(source)[0].removeprefix("• ") == "раз"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("раз\r\nдва", "раз\nдва"),
        ("раз\tдва\x00три\x1b\x7f\x85.", "раз два три   ."),
        ("раз\u2028д\u202eва", "раздва"),
        ("\n \u00a0раз \n", "раз"),
        ("\udcd0", "\ufffd"),
        (" \r\n", ""),
        ("👩‍👩‍👧‍👦\u200bй", "👩‍👩‍👧‍👦\u200bй"),
    ],
)
def test_cleans_as_the_server_does(raw: str, clean: str) -> None:
    assert normalised(raw) == (clean, ())


def test_moves_entities_along_with_the_text() -> None:
    text, entities = normalised(
        "\n👍\r\n\rраз\u2028 \n", [Entity("bold", 0, 4), Entity("italic", 4, 30), Entity("code", 5, 1)]
    )
    assert text == "👍\nраз"
    assert entities == (Entity("bold", 0, 2), Entity("italic", 2, 4))
