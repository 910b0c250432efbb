"""What becomes of every kind of entity. Each line has been looked at: it is what people will see."""

import re

import pytest
from aiogram.enums import MessageEntityType

from channels.contract import Entity
from channels.markup import letter_html, letter_text, vk_text

A_RU = "https://a.ru"
B_RU = "https://b.ru"
QUOTE_STYLE = "margin:0 0 16px;padding:2px 0 2px 14px;border-left:3px solid #8a94a6"
PRE_STYLE = (
    "margin:0 0 16px;padding:10px 14px;border:1px solid #8a94a6;"
    "font-family:Consolas,Menlo,monospace;white-space:pre-wrap"
)

# type: text, entities -> VK, letter as text, letter as HTML (without its styles)
BY_TYPE: dict[str, tuple[str, list[Entity], str, str, str]] = {
    "mention": (
        "Пишите @smolprof.",
        [Entity("mention", 7, 9)],
        "Пишите t.me/smolprof.",
        "Пишите @smolprof <https://t.me/smolprof>.",
        '<p>Пишите <a href="https://t.me/smolprof">@smolprof</a>.</p>',
    ),
    "hashtag": (
        "Читайте #профсоюз",
        [Entity("hashtag", 8, 9)],
        "Читайте #профсоюз",
        "Читайте #профсоюз",
        "<p>Читайте #профсоюз</p>",
    ),
    "cashtag": ("Курс $USD", [Entity("cashtag", 5, 4)], "Курс $USD", "Курс $USD", "<p>Курс $USD</p>"),
    "bot_command": (
        "Нажмите /start",
        [Entity("bot_command", 8, 6)],
        "Нажмите /start",
        "Нажмите /start",
        "<p>Нажмите /start</p>",
    ),
    "url": (
        "Сайт fnpr.ru/news.",
        [Entity("url", 5, 12)],
        "Сайт fnpr.ru/news.",
        "Сайт fnpr.ru/news.",
        '<p>Сайт <a href="http://fnpr.ru/news">fnpr.ru/news</a>.</p>',
    ),
    "email": (
        "Почта press@fnpr.ru.",
        [Entity("email", 6, 13)],
        "Почта press@fnpr.ru.",
        "Почта press@fnpr.ru.",
        '<p>Почта <a href="mailto:press@fnpr.ru">press@fnpr.ru</a>.</p>',
    ),
    "phone_number": (
        "Звоните +7 (4812) 38-00-00",
        [Entity("phone_number", 8, 18)],
        "Звоните +7 (4812) 38-00-00",
        "Звоните +7 (4812) 38-00-00",
        '<p>Звоните <a href="tel:+74812380000">+7 (4812) 38-00-00</a></p>',
    ),
    "bold": ("Очень важно", [Entity("bold", 6, 5)], "Очень важно", "Очень важно", "<p>Очень <b>важно</b></p>"),
    "italic": ("Очень важно", [Entity("italic", 6, 5)], "Очень важно", "Очень важно", "<p>Очень <i>важно</i></p>"),
    "underline": (
        "Очень важно",
        [Entity("underline", 6, 5)],
        "Очень важно",
        "Очень важно",
        "<p>Очень <u>важно</u></p>",
    ),
    "strikethrough": (
        "Очень важно",
        [Entity("strikethrough", 6, 5)],
        "Очень важно",
        "Очень важно",
        "<p>Очень <s>важно</s></p>",
    ),
    "spoiler": (
        "Очень важно",
        [Entity("spoiler", 6, 5)],
        "Очень важно",
        "Очень важно",
        "<p>Очень <span>важно</span></p>",
    ),
    "blockquote": (
        "Он сказал:\nДа.\nНет.\nИ ушёл",
        [Entity("blockquote", 11, 8)],
        "Он сказал:\n\nДа.\nНет.\n\nИ ушёл",
        "Он сказал:\n\n> Да.\n> Нет.\n\nИ ушёл",
        "<p>Он сказал:</p>\n<blockquote>\n<p>Да.<br>\nНет.</p>\n</blockquote>\n<p>И ушёл</p>",
    ),
    "expandable_blockquote": (
        "Он сказал:\n\nДа.\n\nНет.",
        [Entity("expandable_blockquote", 12, 9)],
        "Он сказал:\n\nДа.\n\nНет.",
        "Он сказал:\n\n> Да.\n>\n> Нет.",
        "<p>Он сказал:</p>\n<blockquote>\n<p>Да.</p>\n<p>Нет.</p>\n</blockquote>",
    ),
    "code": (
        "Наберите a < b.ru тут",
        [Entity("code", 9, 8)],
        "Наберите a < b.ru тут",
        "Наберите a < b.ru тут",
        "<p>Наберите <code>a &lt; b.ru</code> тут</p>",
    ),
    "pre": (
        "Код:\nif a:\n    b",
        [Entity("pre", 5, 11, language="python")],
        "Код:\nif a:\n    b",
        "Код:\nif a:\n    b",
        "<p>Код:</p>\n<pre>if a:\n    b</pre>",
    ),
    "text_link": (
        "Читайте тут, да",
        [Entity("text_link", 8, 3, url='https://fnpr.ru/?a=1&b="2"')],
        "Читайте тут (https://fnpr.ru/?a=1&b=%222%22), да",
        "Читайте тут <https://fnpr.ru/?a=1&b=%222%22>, да",
        '<p>Читайте <a href="https://fnpr.ru/?a=1&amp;b=%222%22">тут</a>, да</p>',
    ),
    "text_mention": (
        "Спросите Анну",
        [Entity("text_mention", 9, 4, user_id=42)],
        "Спросите Анну",
        "Спросите Анну",
        "<p>Спросите Анну</p>",
    ),
    "custom_emoji": (
        "Ура 👍",
        [Entity("custom_emoji", 4, 2, custom_emoji_id="5")],
        "Ура 👍",
        "Ура 👍",
        "<p>Ура 👍</p>",
    ),
    "date_time": (
        "Ждём завтра в 9",
        [Entity("date_time", 5, 10, unix_time=1, date_time_format="wDT")],
        "Ждём завтра в 9",
        "Ждём завтра в 9",
        "<p>Ждём завтра в 9</p>",
    ),
}

# entities that meet: text, entities -> letter as text, letter as HTML (without its styles)
MEETING: dict[str, tuple[str, list[Entity], str, str]] = {
    "nested": (
        "Жирный курсив тут",
        [Entity("bold", 0, 17), Entity("italic", 7, 10), Entity("text_link", 14, 3, url=A_RU)],
        "Жирный курсив тут <https://a.ru>",
        '<p><b>Жирный <i>курсив </i></b><a href="https://a.ru"><b><i>тут</i></b></a></p>',
    ),
    "crossing": (
        "абвгдежз",
        [Entity("bold", 0, 5), Entity("italic", 3, 5)],
        "абвгдежз",
        "<p><b>абв<i>гд</i></b><i>ежз</i></p>",
    ),
    "inner listed first": (
        "абвгд",
        [Entity("italic", 0, 2), Entity("bold", 0, 5)],
        "абвгд",
        "<p><b><i>аб</i>вгд</b></p>",
    ),
    "the same twice": ("раз", [Entity("bold", 0, 3), Entity("bold", 0, 3)], "раз", "<p><b>раз</b></p>"),
    "link across bold": (
        "абвгде",
        [Entity("bold", 0, 4), Entity("text_link", 2, 4, url=A_RU)],
        "абвгде <https://a.ru>",
        '<p><b>аб</b><a href="https://a.ru"><b>вг</b>де</a></p>',
    ),
    "crossing links": (
        "абвгде",
        [Entity("text_link", 0, 4, url=A_RU), Entity("text_link", 2, 4, url=B_RU)],
        "абвгде <https://a.ru> <https://b.ru>",
        '<p><a href="https://a.ru">абвг</a><a href="https://b.ru">де</a></p>',
    ),
    "link over the edge of a quotation": (
        "раз\nдва",
        [Entity("text_link", 0, 7, url=A_RU), Entity("blockquote", 4, 3)],
        "раз\n\n> два <https://a.ru>",
        '<p><a href="https://a.ru">раз</a></p>\n<blockquote>\n<p><a href="https://a.ru">два</a></p>\n</blockquote>',
    ),
    "bold over paragraphs": (
        "раз\n\nдва",
        [Entity("bold", 0, 8)],
        "раз\n\nдва",
        "<p><b>раз</b></p>\n<p><b>два</b></p>",
    ),
    "quotations side by side": (
        "раз\nдва",
        [Entity("blockquote", 0, 4), Entity("blockquote", 4, 3)],
        "> раз\n\n> два",
        "<blockquote>\n<p>раз</p>\n</blockquote>\n<blockquote>\n<p>два</p>\n</blockquote>",
    ),
    "quotations that cross": (
        "раздва",
        [Entity("blockquote", 0, 4), Entity("expandable_blockquote", 2, 4)],
        "> разд\n\n> ва",
        "<blockquote>\n<p>разд</p>\n</blockquote>\n<blockquote>\n<p>ва</p>\n</blockquote>",
    ),
    "code in a block of code": ("раз", [Entity("pre", 0, 3), Entity("code", 0, 3)], "раз", "<pre>раз</pre>"),
    "a block of code in a quotation": (
        "раз\nдва",
        [Entity("blockquote", 0, 7), Entity("pre", 4, 3)],
        "> раз\n> два",
        "<blockquote>\n<p>раз</p>\n<pre>два</pre>\n</blockquote>",
    ),
    "behind a family": (
        "👩‍👩‍👧‍👦 да",
        [Entity("bold", 12, 2)],
        "👩‍👩‍👧‍👦 да",
        "<p>👩‍👩‍👧‍👦 <b>да</b></p>",
    ),
    "beyond the end": ("раз", [Entity("bold", 2, 9), Entity("italic", 7, 1)], "раз", "<p>ра<b>з</b></p>"),
}


def unstyled(html: str) -> str:
    return re.sub(r' style="[^"]*"', "", html)


def a_link(text: str, url: str) -> tuple[str, list[Entity]]:
    return text, [Entity("text_link", 0, len(text), url=url)]


def test_the_table_knows_every_type() -> None:
    assert set(BY_TYPE) == {type_.value for type_ in MessageEntityType}


@pytest.mark.parametrize("type_", BY_TYPE)
def test_writes_for_vk(type_: str) -> None:
    text, entities, expected, _, _ = BY_TYPE[type_]
    assert vk_text(text, entities) == expected


@pytest.mark.parametrize("type_", BY_TYPE)
def test_writes_a_letter_as_text(type_: str) -> None:
    text, entities, _, expected, _ = BY_TYPE[type_]
    assert letter_text(text, entities) == expected


@pytest.mark.parametrize("type_", BY_TYPE)
def test_writes_a_letter_as_html(type_: str) -> None:
    text, entities, _, _, expected = BY_TYPE[type_]
    assert unstyled(letter_html(text, entities)) == expected


@pytest.mark.parametrize("case", MEETING)
def test_neither_doubles_nor_loses_where_entities_meet(case: str) -> None:
    text, entities, plain, html = MEETING[case]
    assert letter_text(text, entities) == plain
    assert vk_text(text, entities) == re.sub(r"<(.*?)>", r"(\1)", plain.replace("> ", "") if "quot" in case else plain)
    assert unstyled(letter_html(text, entities)) == html


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
