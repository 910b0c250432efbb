"""A letter as a reader sees it: on a phone and on a desk, by day and by night, with pictures and without."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from channels.contract import Attachment, AttachmentKind, Entity, Post
from channels.email.brand import contrast
from channels.email.letter import finish, list_words, stationery
from channels.email.packing import packed
from channels.email.rendering import render
from channels.email.settings import Settings
from sandbox.mail import StoredLetter
from tests.support.announcements import ANNOUNCEMENTS, Sample, sample
from tests.support.browser import opened
from tests.support.letters import NOW, some_settings
from tests.support.pictures import png

SETTINGS = some_settings(organisation="Федерация профсоюзов", footer="ул. Ленина, 1\nтел. 12-34")
LINK = "https://example.org/u/AAAAAAAAAAAAAAAAAAAAAA"
TEXT = (
    "Коллеги!\n\nВ субботу — митинг на площади Ленина. Подробности: "
    "https://example.org/ochen/dlinnyj/adres/kotoryj/nikto/ne/perenosit/sam/po/sebe/no/pochta/dolzhna/umet\n\n"
    "Регламент\n\nТысячеслогодлиннющеесловоизпостановлениякотороенепомещаетсявстрокутелефона"
)
ENTITIES = (Entity("bold", 0, 8), Entity("blockquote", TEXT.index("Регламент"), 9))


def hard_to_show() -> Sample:
    """Words that no line holds, three pictures, a file with a long name."""
    content = png(1180, 786)
    photo = Attachment(AttachmentKind.PHOTO, "a.png", "image/png", len(content), digest="a1", width=1180, height=786)
    paper = Attachment(AttachmentKind.DOCUMENT, "Постановление президиума №15.pdf", "application/pdf", 4, digest="b2")
    post = Post(TEXT, "Всероссийская акция профсоюзов за достойный труд", ENTITIES, (photo,) * 3 + (paper,))
    return Sample(post, {"a1": content, "b2": b"%PDF"})


def as_received(one: Sample | None = None, settings: Settings = SETTINGS) -> StoredLetter:
    one = one or hard_to_show()
    [part] = render(one.post, settings).parts
    carried, files = packed(part, one.files, settings)
    words = list_words("news", "Новости", "mail", settings, with_link=True)
    letter = finish(stationery(carried, files, settings), words, "a@example.org", "1", LINK, NOW, settings)
    return StoredLetter(1, "", "", letter.head + letter.tail)


def without_pictures(html: str) -> str:
    return re.sub(r'src="data:[^"]*"', 'src="data:,"', html)


async def measured(page: Page, html: str) -> dict[str, Any]:
    """Every text that is seen, with its colour, what is behind it, and its size; every picture; what sticks out."""
    await page.set_content(html)
    found = await page.evaluate(
        """() => {
            const texts = [];
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const parent = walker.currentNode.parentElement;
                if (!walker.currentNode.data.trim() || !parent.getClientRects().length) continue;
                const style = getComputedStyle(parent);
                let ground = parent;
                while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
                texts.push([walker.currentNode.data.trim(), style.color, getComputedStyle(ground).backgroundColor,
                            style.fontSize]);
            }
            return {
                wide: document.documentElement.scrollWidth - innerWidth,
                pictures: [...document.images].map(
                    image => [image.getBoundingClientRect().width, image.getBoundingClientRect().height,
                              image.naturalWidth]),
                texts,
            };
        }"""
    )
    assert isinstance(found, dict)
    return found


def in_hexadecimal(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def contrast_of(one: str, other: str) -> float:
    return contrast(in_hexadecimal(one), in_hexadecimal(other))


def weak(found: dict[str, Any]) -> list[object]:
    return [each for each in found["texts"] if contrast_of(each[1], each[2]) < 4.5]


def is_dark(colour: str) -> bool:
    return contrast(in_hexadecimal(colour), "#000000") < 3


@pytest.mark.parametrize("width", [320, 360, 390, 1000])
async def test_fits_the_screen_however_long_its_words(browser: Browser, width: int) -> None:
    async with opened(browser, width=width) as page:
        found = await measured(page, as_received().html)
    assert found["wide"] <= 0
    shown = [picture for picture, _height, _natural in found["pictures"]]
    assert [natural for _, _, natural in found["pictures"]] == [1180] * 3
    room = min(width, 600) - (40 if width <= 620 else 66)
    assert room - 2 <= shown[0] <= room
    assert all(room / 2 - 8 <= small <= room / 2 for small in shown[1:])


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1000, False), (360, True)])
async def test_every_announcement_fits_and_can_be_read(browser: Browser, width: int, dark: bool) -> None:
    async with opened(browser, width=width, dark=dark) as page:
        for name in ANNOUNCEMENTS:
            found = await measured(page, as_received(sample(name)).html)
            assert found["wide"] <= 0, name
            assert all(natural > 0 for _, _, natural in found["pictures"]), name
            assert weak(found) == [], name
            assert {is_dark(ground) for _, _, ground, _ in found["texts"]} == {dark}, name
            assert min(float(size.removesuffix("px")) for *_, size in found["texts"]) >= 12, name


async def test_pictures_side_by_side_are_equally_high(browser: Browser) -> None:
    for width in (360, 1000):
        async with opened(browser, width=width) as page:
            found = await measured(page, as_received(sample("congratulation")).html)
        heights = [height for _, height, _ in found["pictures"]]
        assert len(heights) == 8
        for left, right in zip(heights[1:7:2], heights[2:7:2], strict=True):
            assert abs(left - right) <= 0.02 * left


async def test_an_upright_picture_does_not_push_the_text_off_the_screen(browser: Browser) -> None:
    async with opened(browser, width=1000) as page:
        found = await measured(page, as_received(sample("obituary")).html)
    [(width, height, _)] = found["pictures"]
    assert height <= 620
    assert width / height == pytest.approx(3 / 4, abs=0.01)


async def test_says_everything_with_pictures_off(browser: Browser) -> None:
    async with opened(browser, width=390) as page:
        found = await measured(page, without_pictures(as_received().html))
        words = await page.inner_text("body")
        alternatives = await page.eval_on_selector_all("img", "images => images.map(image => image.alt)")
    assert found["wide"] <= 0
    assert all(natural == 0 for _, _, natural in found["pictures"])
    assert alternatives == ["Фотография 1 из 3", "Фотография 2 из 3", "Фотография 3 из 3"]
    for expected in ("Всероссийская акция", "В субботу — митинг", "Постановление президиума №15.pdf", "Отписаться"):
        assert expected in words


@pytest.mark.parametrize("name", ["congratulation", "release"])
async def test_keeps_its_shape_where_a_mail_program_drops_the_style_sheet(browser: Browser, name: str) -> None:
    html = re.sub(r"<style.*?</style>", "", as_received(sample(name)).html, flags=re.DOTALL)
    async with opened(browser, width=390) as page:
        found = await measured(page, html)
    assert found["wide"] <= 0
    assert all(width < 390 for width, _, _ in found["pictures"])
    assert weak(found) == []


async def test_the_line_for_the_list_of_letters_is_not_seen_in_the_letter(browser: Browser) -> None:
    async with opened(browser, width=390) as page:
        await page.set_content(as_received(sample("seminar")).html)
        assert (await page.inner_text("body")).count("17 декабря, четверг") == 1


async def test_can_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    """Leaves pictures where a person may look at them with --basetemp; of every announcement with RUPOR_SCREENSHOTS."""
    every = os.environ.get("RUPOR_SCREENSHOTS") == "1"
    for name in ANNOUNCEMENTS if every else ("seminar",):
        html = as_received(sample(name)).html
        for label, width, dark, shown in (
            ("phone", 360, False, html),
            ("phone-dark", 360, True, html),
            ("desk", 1000, False, html),
            ("desk-bare", 1000, False, without_pictures(html)),
        ):
            async with opened(browser, width=width, dark=dark) as page:
                await page.set_content(shown)
                picture = await page.screenshot(path=tmp_path / f"{name}-{label}.png", full_page=True)
            assert len(picture) > 10_000
