"""The pictures in docs/images: made by the tests, so that they show what there is."""

import os
from pathlib import Path

from playwright.async_api import Locator, Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 400_000  # bytes


class Camera:
    """Takes pictures for the documentation when RUPOR_SCREENSHOTS=1, else to where nobody has to tidy up."""

    def __init__(self, elsewhere: Path) -> None:
        self._for_keeps = os.environ.get("RUPOR_SCREENSHOTS") == "1"
        self._folder = IMAGES if self._for_keeps else elsewhere

    async def takes(self, name: str, of: Page | Locator) -> None:
        """Take NAME.png. AssertionError when one for the documentation is too heavy for it."""
        picture = await of.screenshot(path=self._folder / f"{name}.png", animations="disabled", caret="hide")
        assert not self._for_keeps or len(picture) <= LARGEST, f"{name}.png has {len(picture)} bytes"
