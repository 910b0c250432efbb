"""Mail programs that darken a letter by themselves leave it readable.

How they do it is not published. Two ways of turning colours over cover what is seen (`tests/support/darkening.py`); the
third is what Chromium does by itself, and programs built on it.
"""

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from playwright.async_api import Browser

from channels.email.brand import contrast
from tests.channels.test_email_look import as_received, in_hexadecimal, measured
from tests.support.announcements import sample
from tests.support.browser import opened
from tests.support.darkening import everything, light_grounds_and_dark_words

Turn = Callable[[str, bool], str]


@pytest.mark.parametrize("turn", [everything, light_grounds_and_dark_words])
async def test_words_stay_readable_when_colours_are_turned_over(browser: Browser, turn: Turn) -> None:
    async with opened(browser, width=360) as page:
        found = await measured(page, as_received(sample("release")).html)
    pairs = {(in_hexadecimal(words), in_hexadecimal(ground)) for _, words, ground, _ in found["texts"]}
    assert len(pairs) == 5  # words, links and quiet words on the card, words and quiet words on a block
    weak = [pair for pair in pairs if contrast(turn(pair[0], False), turn(pair[1], True)) < 4.5]
    assert weak == []


async def test_a_browser_that_darkens_by_itself_leaves_light_words_on_dark(browser: Browser) -> None:
    html = as_received(sample("release")).html
    unasked = re.sub(r'<meta name="(?:supported-)?color-schemes?"[^>]*>|color-scheme: light dark;', "", html)
    assert "color-scheme" not in unasked.replace("prefers-color-scheme", "")
    async with opened(browser, width=360) as page:
        session = await page.context.new_cdp_session(page)
        await session.send("Emulation.setAutoDarkModeOverride", {"enabled": True})
        await page.set_content(unasked)
        picture = Image.open(BytesIO(await page.locator("td.quiet").screenshot())).convert("RGB")
    counted = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)
    colours = ["#" + bytes(colour).hex() for _count, colour in counted if isinstance(colour, tuple)]
    ground = colours[0]
    assert contrast(ground, "#000000") < 3
    assert max(contrast(colour, ground) for colour in colours) >= 4.5
