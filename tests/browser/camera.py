"""The pictures in docs/images: made by the tests, so that they show what there is."""

import os
from pathlib import Path

from playwright.async_api import FloatRect, Locator, Page

from tests.browser.packing import packed

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 400_000  # bytes
AROUND = 8  # CSS pixels


class Camera:
    """Takes pictures for the documentation when RUPOR_SCREENSHOTS=1, else to where nobody has to tidy up."""

    def __init__(self, elsewhere: Path, *, folder: Path = IMAGES) -> None:
        self._for_keeps = os.environ.get("RUPOR_SCREENSHOTS") == "1"
        self._folder = folder if self._for_keeps else elsewhere
        self._folder.mkdir(parents=True, exist_ok=True)

    async def takes(self, name: str, page: Page, part: Locator | None = None) -> None:
        """Take NAME.png: of the page, or of a part with a little around it.

        AssertionError when a picture for the documentation is too heavy for it.
        """
        await page.mouse.move(0, 0)  # so that nothing looks touched
        box = await part.bounding_box() if part else None
        clip = _around(box) if box else None
        picture = await page.screenshot(clip=clip, animations="disabled", caret="hide")
        if self._for_keeps:
            picture = min(picture, packed(picture), key=len)
            assert len(picture) <= LARGEST, f"{name}.png has {len(picture)} bytes"
        (self._folder / f"{name}.png").write_bytes(picture)


def _around(box: FloatRect) -> FloatRect:
    return {
        "x": box["x"] - AROUND,
        "y": box["y"] - AROUND,
        "width": box["width"] + 2 * AROUND,
        "height": box["height"] + 2 * AROUND,
    }
