"""A letter as a reader sees it: on a phone and on a desk, by day and by night, with pictures and without."""

import struct
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from channels.contract import Attachment, AttachmentKind, Entity, Post
from channels.email.letter import finish, list_words, stationery
from channels.email.rendering import render
from sandbox.mail import StoredLetter
from tests.support.browser import opened
from tests.support.letters import NOW, some_settings

SETTINGS = some_settings(organisation="Федерация профсоюзов", footer="ул. Ленина, 1\nтел. 12-34")
LINK = "https://example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
TEXT = (
    "Коллеги!\n\nВ субботу — митинг на площади Ленина. Подробности: "
    "https://example.org/ochen/dlinnyj/adres/kotoryj/nikto/ne/perenosit/sam/po/sebe/no/pochta/dolzhna/umet\n\n"
    "Регламент\n\nТысячеслогодлиннющеесловоизпостановлениякотороенепомещаетсявстрокутелефона"
)
ENTITIES = (Entity("bold", 0, 8), Entity("blockquote", TEXT.index("Регламент"), 9))


def a_picture(width: int, height: int) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def as_received(pictures: int = 3) -> StoredLetter:
    content = a_picture(1280, 853)
    photo = Attachment(AttachmentKind.PHOTO, "a.png", "image/png", len(content), digest="a1", width=1280, height=853)
    paper = Attachment(AttachmentKind.DOCUMENT, "Постановление президиума №15.pdf", "application/pdf", 4, digest="b2")
    post = Post(TEXT, "Всероссийская акция профсоюзов за достойный труд", ENTITIES, (photo,) * pictures + (paper,))
    [part] = render(post, SETTINGS).parts
    words = list_words("news", "Новости", "mail", SETTINGS, with_link=True)
    paper_and_ink = stationery(part, {"a1": content, "b2": b"%PDF"}, SETTINGS)
    letter = finish(paper_and_ink, words, "a@example.org", "1", LINK, NOW, SETTINGS)
    return StoredLetter(1, "", "", letter.head + letter.tail)


async def measured(page: Page, html: str) -> dict[str, Any]:
    await page.set_content(html)
    found = await page.evaluate(
        """() => ({
            wide: document.documentElement.scrollWidth - innerWidth,
            pictures: [...document.images].map(image => [image.getBoundingClientRect().width, image.naturalWidth]),
            texts: [...document.querySelectorAll('h1, p')].filter(each => each.innerText.trim()).map(each => {
                const style = getComputedStyle(each);
                let ground = each;
                while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
                return [each.innerText, style.color, getComputedStyle(ground).backgroundColor, style.fontSize];
            }),
        })"""
    )
    assert isinstance(found, dict)
    return found


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("width", [320, 390, 900])
async def test_fits_the_screen_however_long_its_words(browser: Browser, width: int) -> None:
    async with opened(browser, width=width) as page:
        found = await measured(page, as_received().html)
    assert found["wide"] <= 0
    shown = [picture for picture, _ in found["pictures"]]
    assert [natural for _, natural in found["pictures"]] == [1280] * 3
    room = min(width, 600) - (40 if width <= 620 else 66)
    assert room - 2 <= shown[0] <= room
    assert all(room / 2 - 8 <= small <= room / 2 for small in shown[1:])


@pytest.mark.parametrize("dark", [False, True])
async def test_can_be_read_by_day_and_by_night(browser: Browser, dark: bool) -> None:
    async with opened(browser, width=390, dark=dark) as page:
        found = await measured(page, as_received().html)
    assert len(found["texts"]) >= 8
    weak = [(text, colour, ground) for text, colour, ground, _ in found["texts"] if contrast(colour, ground) < 4.5]
    assert weak == []
    grounds = {luminance(ground) < 0.1 for _, _, ground, _ in found["texts"]}
    assert grounds == {dark}
    assert min(float(size.removesuffix("px")) for *_, size in found["texts"]) >= 13


async def test_says_everything_with_pictures_off(browser: Browser) -> None:
    letter = as_received()
    bare = letter.html.replace(f"data:image/png;base64,{b64encode(letter.file('a.png')).decode()}", "data:,")
    async with opened(browser, width=390) as page:
        found = await measured(page, bare)
        words = await page.inner_text("body")
        alternatives = await page.eval_on_selector_all("img", "images => images.map(image => image.alt)")
    assert found["wide"] <= 0
    assert all(natural == 0 for _, natural in found["pictures"])
    assert alternatives == ["Фотография 1", "Фотография 2", "Фотография 3"]
    for expected in ("Всероссийская акция", "В субботу — митинг", "Постановление президиума №15.pdf", "Отписаться"):
        assert expected in words


async def test_keeps_its_shape_where_a_mail_program_drops_the_style_sheet(browser: Browser) -> None:
    html = as_received().html
    start, end = html.index("<style>"), html.index("</style>") + len("</style>")
    async with opened(browser, width=390) as page:
        found = await measured(page, html[:start] + html[end:])
    assert all(picture < 390 for picture, _ in found["pictures"])
    assert min(contrast(colour, ground) for _, colour, ground, _ in found["texts"]) >= 4.5


async def test_can_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    """Leaves pictures where a person may look at them with --basetemp."""
    for name, width, dark in (("phone", 390, False), ("phone-dark", 390, True), ("desk", 900, False)):
        async with opened(browser, width=width, dark=dark) as page:
            await page.set_content(as_received().html)
            picture = await page.screenshot(path=tmp_path / f"letter-{name}.png", full_page=True)
        assert len(picture) > 10_000
