"""What a person does on the sandbox's page: finds things by what they are called, presses, writes, looks."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Expect, Locator, Page

from tests.support.browser import opened

PATIENCE = 25_000  # milliseconds; the machine may be busy with other tests

expect = Expect()
expect.set_options(timeout=PATIENCE)


class Visitor:
    """Somebody before the page; `page` is for what only a test asks."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chat = page.get_by_role("log", name="Сообщения")
        self.channel = page.get_by_role("log", name="Посты канала")
        self.wall = page.get_by_role("log", name="Записи на стене")
        self.mailboxes = page.get_by_role("list", name="Почтовые ящики")
        self.letters = page.get_by_role("list", name="Письма")
        self.deliveries = page.get_by_role("region", name="Таблица доставок")
        self.progress = page.get_by_test_id("progress")

    async def says(self, words: str) -> None:
        """Write to the bot and send it off."""
        await self.page.get_by_role("textbox", name="Сообщение боту").fill(words)
        await self.page.get_by_role("button", name="Отправить", exact=True).click()

    async def orders(self, command: str) -> None:
        """Choose a command from the bot's menu."""
        await self.page.get_by_role("button", name="Команды бота").click()
        await self.page.get_by_test_id("commands").get_by_role("button", name=command).click()

    async def presses(self, words: str) -> None:
        """Press the lowest button of the chat that bears these words."""
        await self.chat.get_by_role("button", name=words).last.click()

    async def is_told(self, words: str) -> Locator:
        """Wait until the bot says these words; return its lowest message that holds them."""
        message = self.chat.get_by_test_id("bot-message").filter(has_text=words).last
        await expect(message).to_be_visible()
        return message

    async def is_told_no_more(self, words: str) -> None:
        """Wait until none of the bot's messages holds these words."""
        await expect(self.chat.get_by_test_id("bot-message").filter(has_text=words)).to_have_count(0)

    async def breaks(self, trouble: str, organisation: str = "") -> None:
        """Switch a trouble on, for one organisation's mailbox where it asks for one."""
        await self._turns(trouble, on=True, organisation=organisation)

    async def mends(self, trouble: str) -> None:
        """Switch a trouble off."""
        await self._turns(trouble, on=False)

    async def _turns(self, trouble: str, *, on: bool, organisation: str = "") -> None:
        await self.page.get_by_role("button", name="Неполадки").click()
        panel = self.page.get_by_role("complementary", name="Неполадки")
        if organisation:
            choice = panel.get_by_role("combobox", name=trouble)
            address = await choice.get_by_role("option", name=re.compile(f"^{organisation} ")).get_attribute("value")
            await choice.select_option(address)
        await panel.get_by_role("switch", name=trouble).set_checked(on)
        await expect(panel.get_by_role("switch", name=trouble)).to_be_checked(checked=on)
        await panel.get_by_role("button", name="Закрыть").click()

    def delivery(self, recipient: str) -> Locator:
        """Return the lines of the delivery table that name a recipient."""
        return self.deliveries.get_by_role("row").filter(has_text=recipient)

    async def opens_letter(self, organisation: str) -> Locator:
        """Open the newest letter of an organisation; return the window that shows it."""
        await self.mailboxes.get_by_role("button", name=organisation).click()
        await self.letters.get_by_role("button").first.click()
        return self.page.get_by_role("dialog")


@asynccontextmanager
async def visiting(browser: Browser, address: str, **window: Any) -> AsyncIterator[Visitor]:
    """Open the page in a window; AssertionError at the end if anything went wrong behind it (see `opened`)."""
    async with opened(browser, **window) as page:
        page.set_default_timeout(PATIENCE)
        await page.goto(address)
        yield Visitor(page)
