"""Rules of writing. What becomes of every kind of entity stands in `snapshots/`."""

import pytest

from channels.contract import Entity
from channels.markup import letter_html, letter_text, vk_text
from tests.channels.appearances import unstyled

A_RU = "https://a.ru"
QUOTE_STYLE = "margin:0 0 16px;padding:2px 0 2px 14px;border-left:3px solid #8a94a6"
PRE_STYLE = (
    "margin:0 0 16px;padding:10px 14px;border:1px solid #8a94a6;"
    "font-family:Consolas,Menlo,monospace;white-space:pre-wrap"
)


def a_link(text: str, url: str) -> tuple[str, list[Entity]]:
    return text, [Entity("text_link", 0, len(text), url=url)]


@pytest.mark.parametrize(
    ("type_", "tag"),
    [
        ("bold", '<p style="margin:0 0 16px"><b>'),
        ("text_link", '<p style="margin:0 0 16px"><a href="https://a.ru" style="color:#1d6fc0">'),
        ("spoiler", '<p style="margin:0 0 16px"><span style="border-bottom:1px dashed #8a94a6">'),
        ("code", '<p style="margin:0 0 16px"><code style="font-family:Consolas,Menlo,monospace">'),
        ("blockquote", f'<blockquote style="{QUOTE_STYLE}">\n<p style="margin:0">'),
        ("pre", f'<pre style="{PRE_STYLE}">'),
    ],
)
def test_letter_styles(type_: str, tag: str) -> None:
    assert letter_html("слово", [Entity(type_, 0, 5, url=A_RU)]).startswith(f"{tag}слово<")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "tg://user?id=1",
        "//",
        "",
    ],
)
def test_leads_to_no_place_that_is_unsafe_or_telegrams_own(url: str) -> None:
    post = a_link("тут", url)
    assert unstyled(letter_html(*post)) == "<p>тут</p>"
    assert letter_text(*post) == vk_text(*post) == "тут"


@pytest.mark.parametrize(
    ("label", "url"),
    [
        ("fnpr.ru", "https://fnpr.ru/"),
        ("https://fnpr.ru/a", "https://fnpr.ru/a"),
        ("на сайте (www.FNPR.ru).", "http://fnpr.ru"),
        ("press@fnpr.ru", "mailto:press@fnpr.ru?subject=x"),
        ("+7 (4812) 38-00-00", "tel:+74812380000"),
    ],
)
def test_names_no_address_that_the_text_shows_already(label: str, url: str) -> None:
    post = a_link(label, url)
    assert letter_text(*post) == vk_text(*post) == label


@pytest.mark.parametrize(
    ("label", "url", "shown"),
    [
        ("fnpr.ru", "https://evil.ru", "fnpr.ru (https://evil.ru)"),
        ("fnpr.ru", "https://fnpr.ru/news", "fnpr.ru (https://fnpr.ru/news)"),
        ("почта", "mailto:press@fnpr.ru?subject=x", "почта (press@fnpr.ru)"),
        ("звоните", "tel:+74812380000", "звоните (+74812380000)"),
        ("сайт", "fnpr.ru", "сайт (http://fnpr.ru)"),
        ("слово \n", A_RU, "слово (https://a.ru) \n"),
    ],
)
def test_names_the_address_behind_a_word(label: str, url: str, shown: str) -> None:
    assert vk_text(*a_link(label, url)) == shown


def test_names_the_address_behind_the_whole_word() -> None:
    assert vk_text("встречами тут", [Entity("text_link", 0, 7, url=A_RU)]) == "встречами (https://a.ru) тут"


def test_passes_over_a_link_that_only_picks_the_preview_picture() -> None:
    text, entities = "\u200bтекст", [Entity("text_link", 0, 1, url="https://fnpr.ru/a.jpg")]
    assert vk_text(text, entities) == letter_text(text, entities) == text
    assert "<a" not in letter_html(text, entities)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("[club1|имя]", "[\u200bclub1|имя]"),
        ("[id1|имя]", "[\u200bid1|имя]"),
        ("[https://vk.com/x|имя]", "[\u200bhttps://vk.com/x|имя]"),
        ("@club1 (имя)", "@\u200bclub1 (имя)"),
        ("*id1 (имя)", "*\u200bid1 (имя)"),
        ("(@durov)", "(@\u200bdurov)"),
        ("[@club1|имя]", "[\u200b@\u200bclub1|имя]"),
    ],
)
def test_defuses_what_vk_would_take_for_a_mention(text: str, safe: str) -> None:
    assert vk_text(text) == safe


def test_defuses_a_sign_that_stands_in_bold() -> None:
    assert vk_text("@club1 (имя)", [Entity("bold", 0, 1)]) == "@\u200bclub1 (имя)"


@pytest.mark.parametrize(
    "text",
    [
        "press@fnpr.ru",
        "https://vk.com/@fnpr-novosti",
        "* Подробности ниже",
        "[важно] да | нет",
        "2*x",
        "#тег@fnpr",
        "[ a | b ]",
    ],
)
def test_leaves_to_vk_what_is_no_mention(text: str) -> None:
    assert vk_text(text) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("см. https://fnpr.ru/a_(b).", 'см. <a href="https://fnpr.ru/a_(b)">https://fnpr.ru/a_(b)</a>.'),
        ("(www.fnpr.ru)", '(<a href="http://www.fnpr.ru">www.fnpr.ru</a>)'),
        ("профсоюз.рф, да", '<a href="http://профсоюз.рф">профсоюз.рф</a>, да'),
        ("press@fnpr.ru", '<a href="mailto:press@fnpr.ru">press@fnpr.ru</a>'),
        ("«https://fnpr.ru»", '«<a href="https://fnpr.ru">https://fnpr.ru</a>»'),
        ("https://x.ru/?a=1&b=2", '<a href="https://x.ru/?a=1&amp;b=2">https://x.ru/?a=1&amp;b=2</a>'),
        ("т.е. в 9.00 по ул.Ленина", "т.е. в 9.00 по ул.Ленина"),
        ("fnpr.ru:8080/a", '<a href="http://fnpr.ru:8080/a">fnpr.ru:8080/a</a>'),
        ("приказ.docx", "приказ.docx"),
        ("https://", "https://"),
    ],
)
def test_makes_bare_addresses_clickable_in_letters(text: str, html: str) -> None:
    assert unstyled(letter_html(text)) == f"<p>{html}</p>"


def test_escapes_all_that_the_editor_wrote() -> None:
    assert unstyled(letter_html("<b>&amp;</b>")) == "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"


def test_keeps_spaces_that_a_browser_would_swallow() -> None:
    assert unstyled(letter_html("раз\n  два   три")) == "<p>раз<br>\n\u00a0\u00a0два\u00a0\u00a0 три</p>"


@pytest.mark.parametrize("text", ["", " \n\n "])
def test_makes_nothing_of_a_blank_text(text: str) -> None:
    entities = [Entity("blockquote", 0, 4), Entity("pre", 1, 1)]
    assert letter_html(text, entities) == ""
    assert not letter_text(text, entities).strip()
    assert not vk_text(text, entities).strip()


def test_marks_what_is_struck_out_line_by_line_in_plain_letters() -> None:
    text = "Сбор в 10:00 \nу входа\n\nТочка"
    entities = [Entity("strikethrough", 7, 15), Entity("text_link", 15, 6, url=A_RU), Entity("blockquote", 14, 7)]
    assert letter_text(text, entities) == "Сбор в ~~10:00~~ \n\n> ~~у входа~~ <https://a.ru>\n\nТочка"
