"""Pictures become smaller and stay the same."""

from playwright.async_api import Browser

from tests.browser.packing import packed
from tests.support.browser import opened

PIXELS = """async (png) => {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(png)]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  canvas.drawImage(bitmap, 0, 0);
  return [...canvas.getImageData(0, 0, bitmap.width, bitmap.height).data];
}"""
COLOURFUL = """<body style="background: conic-gradient(red, gold, lime, teal, blue, red)">
<p style="font: 30px serif; text-shadow: 2px 3px 4px">Рупор"""


async def test_a_packed_picture_has_the_same_pixels(browser: Browser) -> None:
    async with opened(browser, width=150, height=90) as page:
        await page.set_content(COLOURFUL)
        before = await page.screenshot()
        after = packed(before)
        assert after != before
        assert await page.evaluate(PIXELS, list(after)) == await page.evaluate(PIXELS, list(before))
