"""A day of the press secretary, played on the sandbox's page by somebody who knows nothing but what the page shows."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page

from tests.browser.camera import Camera
from tests.browser.sandbox import running
from tests.browser.visitor import Visitor, expect, visiting

ORGANISATION = "Профсоюз медицинских работников"
ADDRESS = "medik@prof-zdrav.example"
TROUBLE = "Один адрес не существует"
NEWS = "Спартакиада профсоюзов Заречья: 340 участников и новый рекорд на стометровке"
END_OF_NEWS = "Спасибо судьям, врачам, волонтёрам и всем, кто пришёл поболеть!"
SHORT_NEWS = "Приём граждан по трудовым вопросам"
MEETING = "Собрание профактива в среду в 18:00, актовый зал"
EVERYTHING = 28  # two parts for the channel, a post on the wall, 25 letters

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path)


async def test_an_album_reaches_everybody_and_the_one_failure_is_named_and_repaired(
    browser: Browser, tmp_path: Path, camera: Camera
) -> None:
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=1440, height=900) as anna,
    ):
        await anna.breaks(TROUBLE, ORGANISATION)
        await anna.page.get_by_role("button", name="Пример: альбом с длинным текстом").click()
        await anna.is_told("Черновик · №1")
        await anna.presses("Предпросмотр")
        await sees_each_channel_in_advance(anna)

        await anna.presses("Отправить сейчас")
        await anna.is_told("Готово, но дошло не всё.")
        await sees_it_in_the_channel_on_the_wall_and_in_the_mailboxes(anna)
        await shows_the_middle_of_the_story(anna, camera)
        await reads_the_letter(anna, camera)

        await anna.presses("Подробнее")
        await sees_what_failed_and_why(anna)
        await shows_the_report(anna, camera)

        await anna.mends(TROUBLE)
        await anna.presses("Повторить неудачные")
        await sees_it_repaired(anna)

        await plans_another_and_gives_it_up(anna)
        await expect(anna.deliveries.get_by_test_id("delivery")).to_have_count(EVERYTHING)
        await breaks_no_rule(anna)


async def sees_each_channel_in_advance(anna: Visitor) -> None:
    """Four pictures and the words for the channel, the words for the wall, the letter; then the card again."""
    said = anna.chat.get_by_test_id("bot-message")
    for channel in ("Telegram-канал @fpz_news", "ВКонтакте", "Письма"):
        await expect(said.filter(has_text=f"{channel}").filter(has_text="Так будет выглядеть")).to_have_count(1)
    await expect(said.get_by_role("button", name="Фотография: открыть")).to_have_count(4)
    await expect(said.filter(has_text=END_OF_NEWS)).to_have_count(3)
    async with anna.page.expect_download() as download:
        await said.get_by_role("link", name="письмо.html").click()
    letter = await (await download.value).path()
    assert NEWS in await asyncio.to_thread(letter.read_text, encoding="utf-8")
    await expect(said.last).to_contain_text("Черновик · №1")
    card = said.filter(has_text="Черновик · №1")
    await expect(card).to_have_count(1)  # the one above is gone, so that nobody presses it
    await expect(card).to_contain_text("Под фото помещается 1024 знака")
    await expect(card).to_contain_text("25 адресов")


async def sees_it_in_the_channel_on_the_wall_and_in_the_mailboxes(anna: Visitor) -> None:
    album, words = anna.channel.get_by_role("article").nth(0), anna.channel.get_by_role("article").nth(1)
    await expect(album.get_by_role("button", name="Фотография: открыть")).to_have_count(4)
    await expect(words).to_contain_text(NEWS)
    await expect(words).to_contain_text(END_OF_NEWS)
    await expect(anna.channel.get_by_role("article")).to_have_count(2)
    post = anna.wall.get_by_role("article")
    await expect(post).to_have_count(1)
    await expect(post).to_contain_text(NEWS)
    await expect(post.get_by_role("button", name="Фотография: открыть")).to_have_count(4)
    for place in (anna.channel, anna.wall):
        await all_pictures_are_there(place)
    await expect(anna.page.get_by_text("25 ящиков · 24 новых письма")).to_be_visible()
    await expect(anna.mailboxes.get_by_role("button", name=ORGANISATION)).to_contain_text("ящика не существует")


async def all_pictures_are_there(place: Locator) -> None:
    for picture in await place.get_by_role("img").all():
        await picture.scroll_into_view_if_needed()  # they are fetched when they come into sight
        await expect(picture).to_have_js_property("complete", value=True)
        assert await picture.evaluate("image => image.naturalWidth") > 0
    await place.evaluate("place => place.scrollTop = 0")


async def sees_what_failed_and_why(anna: Visitor) -> None:
    details = await anna.is_told("Подробнее · №1")
    await expect(details).to_contain_text(f"{ADDRESS} ({ORGANISATION})")
    await expect(details).to_contain_text("Такого почтового ящика нет. Уточните адрес у организации")
    await expect(details).to_contain_text("550 5.1.1")
    line = anna.delivery(ADDRESS)
    await expect(line.get_by_test_id("state")).to_have_text("не дошло")
    await expect(line).to_contain_text("такого почтового ящика нет")
    await expect(anna.progress).to_have_text(f"Отправлено {EVERYTHING - 1} из {EVERYTHING} · не дошло 1")


async def shows_the_middle_of_the_story(anna: Visitor, camera: Camera) -> None:
    await expect(anna.page.get_by_test_id("toast")).to_have_count(0)
    await camera.takes("sandbox", anna.page)
    await anna.page.emulate_media(color_scheme="dark")
    await camera.takes("sandbox-dark", anna.page)
    await anna.page.emulate_media(color_scheme="light")


async def shows_the_report(anna: Visitor, camera: Camera) -> None:
    await anna.page.set_viewport_size({"width": 1440, "height": 1150})
    await anna.chat.evaluate("chat => chat.scrollTop = chat.scrollHeight")
    await camera.takes("report", anna.page, part=anna.page.get_by_test_id("pane-chat"))
    await anna.page.set_viewport_size({"width": 1440, "height": 900})


async def reads_the_letter(anna: Visitor, camera: Camera) -> None:
    window = await anna.opens_letter("Профком завода «Кристалл»")
    await expect(window.get_by_role("heading", level=2).first).to_have_text(NEWS)
    letter = anna.page.frame_locator("iframe")
    await expect(letter.get_by_role("paragraph").filter(has_text=NEWS)).to_be_visible()
    await expect(letter.get_by_text(END_OF_NEWS)).to_be_visible()
    await expect(letter.get_by_role("img").first).to_have_js_property("complete", value=True)
    assert await letter.get_by_role("img").first.evaluate("image => image.naturalWidth") > 0
    await camera.takes("letter", anna.page, part=window)
    await window.get_by_role("button", name="Закрыть письмо").click()
    await anna.page.get_by_role("button", name="Ко всем ящикам").click()


async def sees_it_repaired(anna: Visitor) -> None:
    await anna.is_told("Готово. Всё вышло.")
    await anna.is_told_no_more("дошло не всё")
    report = await anna.is_told("Готово. Всё вышло.")
    await expect(report).to_contain_text("принято 25 из 25 писем")
    await expect(anna.progress).to_have_text(f"Отправлено {EVERYTHING} из {EVERYTHING}")
    await expect(anna.delivery(ADDRESS).get_by_test_id("state")).to_have_text("отправлено")
    window = await anna.opens_letter(ORGANISATION)
    await expect(window.get_by_role("heading", level=2).first).to_have_text(NEWS)
    await anna.page.keyboard.press("Escape")
    for letters in (anna.channel, anna.wall):
        await expect(letters).not_to_contain_text(re.compile(f"{END_OF_NEWS}.*{END_OF_NEWS}", re.DOTALL))


async def plans_another_and_gives_it_up(anna: Visitor) -> None:
    await anna.says(MEETING)
    await anna.is_told("Черновик · №2")
    await anna.presses("Запланировать")
    await anna.is_told("Когда отправить №2?")
    await anna.says("через час")
    await anna.is_told(f"№2 · {MEETING}")
    await anna.presses("Запланировать")
    await anna.is_told("Запланировано · №2")
    await anna.orders("/schedules")
    planned = await anna.is_told("Запланированное")
    await expect(planned).to_contain_text(f"№2 {MEETING}")
    await anna.presses("Удалить")
    await anna.is_told("Удалить из плана?")
    await anna.presses("Удалить")
    await anna.is_told("Ничего не запланировано.")
    await anna.is_told("Отменено · №2")


async def breaks_no_rule(anna: Visitor) -> None:
    """Say that Rupor asked nothing of Telegram, VK or the mail server that the real ones would refuse to understand."""
    await anna.page.get_by_role("button", name="Неполадки").click()
    await expect(anna.page.get_by_text("Ни одного нарушения правил Telegram, VK и почты")).to_be_visible()


async def test_a_short_announcement_is_sent_from_a_telephone(browser: Browser, tmp_path: Path, camera: Camera) -> None:
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=390, height=844, mobile=True) as anna,
    ):
        tabs = anna.page.get_by_role("navigation", name="Что показать")
        await anna.page.get_by_role("button", name="Пример: короткая новость").tap()
        await anna.is_told("Черновик · №1")
        await camera.takes("sandbox-phone", anna.page)
        await anna.presses("Отправить сейчас")
        await anna.is_told("Готово. Всё вышло.")
        await tabs.get_by_role("button", name="Канал").tap()
        await expect(anna.channel.get_by_role("article")).to_contain_text(SHORT_NEWS)
        await expect(anna.chat).to_be_hidden()
        await tabs.get_by_role("button", name="Доставка").tap()
        await expect(anna.deliveries.get_by_test_id("state")).to_have_text(["отправлено"] * 27)
        assert await anna.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_everything_is_still_there_after_a_restart(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=1440, height=900) as anna,
    ):
        await anna.page.get_by_role("button", name="Пример: короткая новость").click()
        await anna.is_told("Черновик · №1")
        await anna.presses("Отправить сейчас")
        await anna.is_told("Готово. Всё вышло.")
        await expect(anna.progress).to_have_text("Отправлено 27 из 27")
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=1440, height=900) as anna,
    ):
        await expect(anna.chat.get_by_test_id("own-message")).to_contain_text(SHORT_NEWS)
        await anna.is_told("Готово. Всё вышло.")
        for place in (anna.channel, anna.wall):
            await expect(place.get_by_role("article")).to_contain_text(SHORT_NEWS)
        await expect(anna.progress).to_have_text("Отправлено 27 из 27")
        window = await anna.opens_letter(ORGANISATION)
        await expect(window.get_by_role("heading", level=2).first).to_have_text(SHORT_NEWS)
        await window.get_by_role("button", name="Закрыть письмо").click()
        await anna.says(MEETING)
        await anna.is_told("Черновик · №2")


async def test_everything_can_be_done_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data") as address,
        visiting(browser, address, width=1440, height=900) as anna,
    ):
        keys = anna.page.keyboard
        await expect(anna.mailboxes.get_by_role("button")).to_have_count(25)
        await keys.press("Tab")
        await expect(anna.page.get_by_role("link", name="Перейти к сообщению боту")).to_be_focused()
        await keys.press("Enter")
        await expect(anna.page.get_by_role("textbox", name="Сообщение боту")).to_be_focused()
        await keys.insert_text(MEETING)
        await keys.press("Enter")
        await anna.is_told("Черновик · №1")
        await goes_to(anna.page, "Отправить сейчас", by="Shift+Tab")
        await keys.press("Enter")
        await anna.is_told("Готово. Всё вышло.")
        await goes_to(anna.page, ORGANISATION, by="Tab")
        await keys.press("Enter")
        await expect(anna.letters.get_by_role("button")).to_be_focused()
        await keys.press("Enter")
        await expect(anna.page.get_by_role("dialog")).to_contain_text(MEETING)
        await everything_has_a_name(anna.page)
        await keys.press("Escape")
        await expect(anna.letters.get_by_role("button")).to_be_focused()
        await goes_to(anna.page, "Неполадки", by="Shift+Tab")
        await keys.press("Enter")
        await goes_to(anna.page, TROUBLE, by="Tab")
        await keys.press("Space")
        await expect(anna.page.get_by_role("switch", name=TROUBLE)).to_be_checked()
        await everything_has_a_name(anna.page)


FOCUSED = """() => {
  const here = document.activeElement;
  const labels = [...(here.labels ?? [])].map((label) => label.textContent);
  const { outlineStyle, outlineWidth } = getComputedStyle(here);
  const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return [[...labels, here.ariaLabel, here.innerText].join(" ").trim(), ring && here.checkVisibility()];
}"""


async def goes_to(page: Page, words: str, *, by: str) -> None:
    """Press a key until what bears these words has the focus; on the way, whatever has it must show it."""
    passed = []
    for _ in range(90):
        await page.keyboard.press(by)
        here, shows_it = await page.evaluate(FOCUSED)
        assert shows_it or here == "", f"the focus can't be seen on {here!r}"
        if words in here:
            return
        passed.append(here)
    raise AssertionError(f"{words!r} was not reached, only {passed}")


ACTIVE = {"button", "link", "textbox", "combobox", "checkbox", "switch", "tab", "option", "dialog", "Iframe", "image"}


async def everything_has_a_name(page: Page) -> None:
    """Ask the browser what it tells a screen reader: whatever can be used has a name."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    there = [node for node in tree["nodes"] if not node["ignored"] and node["role"]["value"] in ACTIVE]
    assert there
    assert [node for node in there if not node.get("name", {}).get("value", "").strip()] == []
    await session.detach()
