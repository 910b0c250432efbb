"""A letter uses nothing that a mail program could stumble over, and every step that some of them miss is known."""

import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup, Tag

from channels.contract import Entity, Post
from channels.email.rendering import render
from tests.support.announcements import ANNOUNCEMENTS, sample
from tests.support.letters import some_settings
from tests.support.mail_programs import FEATURES, PROGRAMS

SETTINGS = some_settings(organisation="Федерация профсоюзов", footer="ул. Ленина, 1\nтел. 12-34")


def letters() -> Iterator[str]:
    for name in ANNOUNCEMENTS:
        [part] = render(sample(name).post, SETTINGS).parts
        yield part.html
    text = "жирный курсив подчёркнутый зачёркнутый код ссылка скрытый цитата"
    types = ("bold", "italic", "underline", "strikethrough", "code", "text_link", "spoiler", "blockquote")
    entities = [
        Entity(type_, text.index(word), len(word), url="https://example.org" if type_ == "text_link" else None)
        for type_, word in zip(types, text.split(), strict=True)
    ]
    [part] = render(Post(text, "", tuple(entities)), SETTINGS).parts
    yield part.html


@pytest.fixture(scope="module")
def pages() -> list[BeautifulSoup]:
    return [BeautifulSoup(html, "html.parser") for html in letters()]


def elements(pages: list[BeautifulSoup]) -> Iterator[Tag]:
    return (tag for page in pages for tag in page.find_all(True))


def styles(tag: Tag) -> Iterator[tuple[str, str]]:
    for declaration in str(tag.get("style", "")).split(";"):
        name, _, value = declaration.partition(":")
        if name.strip():
            yield name.strip(), value.strip()


def sheets(pages: list[BeautifulSoup]) -> Iterator[str]:
    return (str(tag.string) for tag in elements(pages) if tag.name == "style")


def used(pages: list[BeautifulSoup]) -> Iterator[str]:
    for tag in elements(pages):
        yield tag.name
        yield from tag.attrs
        yield from (name for name, _value in styles(tag))
    for sheet in sheets(pages):
        yield from re.findall(r"@media [^{]+?(?= \{)", sheet)
        yield from re.findall(r"([\w-]+): [^;{]+;", sheet)
        for selectors in re.findall(r"^ *([.:][^{]+?) \{", sheet, re.MULTILINE):
            yield from (re.sub(r"\.[a-z]+", ".class", selector) for selector in selectors.split(", "))
        if "!important" in sheet:
            yield "!important"


def test_everything_that_a_letter_uses_is_known(pages: list[BeautifulSoup]) -> None:
    found = set(used(pages))
    assert found - FEATURES.keys() == set()
    assert FEATURES.keys() - found == set(), "a row that nothing uses any more"


def test_whoever_lacks_something_has_something_else() -> None:
    for feature, (lacking, instead) in FEATURES.items():
        assert set(lacking) <= PROGRAMS, feature
        assert bool(lacking) is bool(instead), feature


def test_padding_stands_on_cells(pages: list[BeautifulSoup]) -> None:
    """Outlook for Windows knows it nowhere else. A quotation and code do without."""
    for tag in elements(pages):
        if any(name.startswith("padding") and value != "0" for name, value in styles(tag)):
            assert tag.name in {"td", "blockquote", "pre"}, tag


def test_no_element_insists(pages: list[BeautifulSoup]) -> None:
    """Outlook for Windows drops a declaration of an element that says `!important`."""
    assert not [tag for tag in elements(pages) for _name, value in styles(tag) if "important" in value]


def test_every_important_has_a_blank_before_it_and_is_in_lower_case(pages: list[BeautifulSoup]) -> None:
    for sheet in sheets(pages):
        assert len(re.findall(r"(?<= )!important;", sheet)) == len(re.findall("!important", sheet, re.IGNORECASE))


def test_sizes_are_in_pixels_or_percent(pages: list[BeautifulSoup]) -> None:
    values = [value for tag in elements(pages) for _name, value in styles(tag)]
    units = {unit for value in values for unit in re.findall(r"(?<![#\w])\d+(?:\.\d+)?([a-z%]+)", value)}
    assert units == {"px", "%"}


def test_every_picture_has_its_width_twice_and_words_instead(pages: list[BeautifulSoup]) -> None:
    pictures = [tag for tag in elements(pages) if tag.name == "img"]
    assert len(pictures) == 10
    for picture in pictures:
        own = dict(styles(picture))
        assert own["max-width"] == f"{picture['width']}px"
        assert str(picture["alt"]).startswith("Фотография")
        assert own["display"] == "block"


def test_style_sheets_stand_in_the_head_and_are_short(pages: list[BeautifulSoup]) -> None:
    """Gmail takes none from the body, and none beyond 8,192 characters."""
    for page in pages:
        assert page.head is not None
        assert page.head.find_all("style") == page.find_all("style")
        assert sum(len(str(tag.string)) for tag in page.find_all("style")) < 8192


def test_outlook_gets_a_table_of_600_pixels(pages: list[BeautifulSoup]) -> None:
    for page in pages:
        html = str(page)
        assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 3
        assert '<!--[if mso]><table role="presentation" width="600"' in html


def test_tables_that_only_arrange_say_so(pages: list[BeautifulSoup]) -> None:
    assert {tag.get("role") for tag in elements(pages) if tag.name == "table"} == {"presentation"}


def test_nothing_comes_from_outside_and_nothing_runs(pages: list[BeautifulSoup]) -> None:
    for tag in elements(pages):
        assert tag.name not in {"script", "link", "iframe", "form", "object", "video", "svg"}
        assert not [name for name in tag.attrs if name.startswith("on")]
        assert str(tag.get("src", "cid:")).startswith("cid:")
        assert "url(" not in str(tag.get("style", ""))
    assert not [sheet for sheet in sheets(pages) if "url(" in sheet or "@import" in sheet]
