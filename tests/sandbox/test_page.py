"""The page in a real browser: a messenger that feels like one, and everything else live beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from sandbox import federation
from sandbox.server import PageServer
from sandbox.town import VK_KEY, Town
from tests.sandbox.conftest import Table
from tests.support.browser import opened
from tests.support.pictures import png

ANNA = federation.PRESS_SECRETARY.id
MAILBOX = federation.ORGANISATIONS[0].address
WIDTHS = {"phone": (390, 800), "middle": (980, 760), "wide": (1440, 900)}
EXAMPLE = "example-album"

Json = dict[str, Any]
Bot = Callable[..., Awaitable[Any]]

expect.set_options(timeout=30_000)


@pytest.fixture
async def bot(town: Town) -> AsyncIterator[Bot]:
    """The bot's side, as a program would call it."""
    async with aiohttp.ClientSession() as http:

        async def call(method: str, **given: Any) -> Any:
            async with http.post(f"{town.telegram.url}/bot{town.telegram.token}/{method}", json=given) as answer:
                body = await answer.json()
            assert body["ok"], body
            return body["result"]

        yield call


@pytest.fixture
async def page(browser: Browser, page_server: PageServer) -> AsyncIterator[Page]:
    async with opened(browser, width=1440, height=900) as page:
        await page.goto(page_server.url)
        await expect(page.get_by_test_id(EXAMPLE)).to_be_visible()
        yield page


@pytest.fixture
async def rough_page(browser: Browser, page_server: PageServer) -> AsyncIterator[Page]:
    """A page whose console may complain."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="ru-RU")
    page = await context.new_page()
    await page.goto(page_server.url)
    await expect(page.get_by_test_id(EXAMPLE)).to_be_visible()
    yield page
    await context.close()


def delivery(number: int, kind: str, state: str, **more: Any) -> Json:
    """A row of the delivery table."""
    row = {
        "id": number,
        "announcement": 7,
        "broadcast": 9,
        "total": 0,
        "title": "Собрание в среду",
        "channel": {"telegram": "tg", "vk": "vk", "email": "mail"}[kind],
        "kind": kind,
        "recipient": "@fpz_news",
        "organisation": "",
        "part": 1,
        "parts": 1,
        "state": state,
        "held": False,
        "attempts": 1,
        "reason": "",
        "detail": "",
        "link": None,
        "due_at": None,
        "updated_at": datetime(2026, 11, 24, 9, tzinfo=UTC).isoformat(),
    }
    return row | more


KEYS = {
    "inline_keyboard": [
        [{"text": "Отправить сейчас", "callback_data": "send"}, {"text": "Сайт", "url": "https://fpz.example/"}]
    ]
}


# The chat


async def test_a_newcomer_is_told_what_to_do_first(page: Page) -> None:
    await expect(page.locator("#chat-empty")).to_contain_text("Напишите боту новость")
    await expect(page.locator("#channel-empty")).to_contain_text("Отправить сейчас")
    await expect(page.get_by_test_id("boxes").locator("li")).to_have_count(25)
    await page.get_by_test_id("chat-start").click()
    await expect(page.get_by_test_id("own-message")).to_contain_text("/start")
    await expect(page.locator("#chat-empty")).to_be_hidden()


@pytest.mark.parametrize("keys", ["Enter", "Control+Enter"])
async def test_sends_what_was_written(page: Page, town: Town, keys: str) -> None:
    box = page.get_by_test_id("say")
    await expect(page.get_by_test_id("send")).to_be_disabled()
    await box.fill("Собрание")
    await box.press("End")
    await box.press("Shift+Enter")
    await box.press_sequentially("в среду")
    await box.press(keys)
    await expect(page.get_by_test_id("own-message")).to_contain_text("Собрание\nв среду")
    await expect(box).to_have_value("")
    assert town.telegram.chat(ANNA)[0]["text"] == "Собрание\nв среду"


async def test_keeps_what_could_not_be_sent(rough_page: Page) -> None:
    page = rough_page
    await page.route("**/api/say", lambda route: route.abort())
    await page.get_by_test_id("say").fill("Собрание в среду")
    await page.get_by_test_id("say").press("Enter")
    await expect(page.get_by_test_id("toast")).to_contain_text("не отвечает")
    await expect(page.get_by_test_id("say")).to_have_value("Собрание в среду")


async def test_draws_formatting_and_never_markup(page: Page, bot: Bot) -> None:
    text = "<b>не тег</b> жирно 🎉 курсив ссылка"
    at = len("<b>не тег</b> ")
    entities = [
        {"type": "bold", "offset": at, "length": 5},
        {"type": "italic", "offset": at + 9, "length": 6},
        {"type": "text_link", "offset": at + 16, "length": 6, "url": "https://fpz.example/"},
    ]
    await bot("sendMessage", chat_id=ANNA, text=text, entities=entities)
    message = page.get_by_test_id("bot-message")
    await expect(message.get_by_test_id("text")).to_have_text(text)
    await expect(message.locator("b")).to_have_text("жирно")
    await expect(message.locator("i")).to_have_text("курсив")
    await expect(message.locator("a")).to_have_attribute("href", "https://fpz.example/")


async def test_a_button_calls_the_bot_and_the_answer_is_shown(page: Page, bot: Bot) -> None:
    await bot("sendMessage", chat_id=ANNA, text="Готово?", reply_markup=KEYS)
    button = page.get_by_test_id("button:Отправить сейчас")
    await button.click()
    await expect(button).to_have_attribute("aria-busy", "true")
    query = (await bot("getUpdates"))[0]["callback_query"]
    assert query["data"] == "send"
    await bot("answerCallbackQuery", callback_query_id=query["id"], text="Отправляю")
    await expect(page.get_by_test_id("chat-toasts")).to_contain_text("Отправляю")
    await expect(button).not_to_have_attribute("aria-busy", "true")


async def test_old_answers_are_not_shown_again(page: Page, bot: Bot) -> None:
    await bot("sendMessage", chat_id=ANNA, text="Готово?", reply_markup=KEYS)
    await page.get_by_test_id("button:Отправить сейчас").click()
    query = (await bot("getUpdates", timeout=5))[0]["callback_query"]
    await bot("answerCallbackQuery", callback_query_id=query["id"], text="Отправляю", show_alert=True)
    await page.get_by_test_id("toast-close").click()
    await page.reload()
    await expect(page.get_by_test_id("bot-message")).to_be_visible()
    await expect(page.get_by_test_id("toast")).to_have_count(0)


async def test_messages_change_in_place_and_the_focus_stays(page: Page, bot: Bot) -> None:
    sent = await bot("sendMessage", chat_id=ANNA, text="Отправляю… 3 из 27", reply_markup=KEYS)
    button = page.get_by_test_id("button:Отправить сейчас")
    await button.focus()
    await bot(
        "editMessageText", chat_id=ANNA, message_id=sent["message_id"], text="Готово: 27 из 27", reply_markup=KEYS
    )
    await expect(page.get_by_test_id("bot-message")).to_contain_text("Готово: 27 из 27")
    await expect(page.get_by_test_id("bot-message")).to_have_count(1)
    await expect(button).to_be_focused()


async def test_says_when_the_bot_is_typing(page: Page, bot: Bot) -> None:
    await bot("sendChatAction", chat_id=ANNA, action="typing")
    await expect(page.get_by_test_id("bot-status")).to_have_text("печатает…")
    await bot("sendMessage", chat_id=ANNA, text="Здравствуйте")
    await expect(page.get_by_test_id("bot-status")).to_have_text("бот")


async def test_offers_the_commands_that_the_bot_has(page: Page, bot: Bot, town: Town) -> None:
    await expect(page.get_by_test_id("commands-open")).to_be_hidden()
    await bot("setMyCommands", commands=[{"command": "status", "description": "Что доставлено"}])
    await page.get_by_test_id("commands-open").click()
    await page.get_by_test_id("menu:/status").click()
    await expect(page.get_by_test_id("own-message")).to_contain_text("/status")
    assert town.telegram.chat(ANNA)[0]["entities"][0]["type"] == "bot_command"


async def test_several_files_go_as_an_album(page: Page, town: Town) -> None:
    files: list[FilePayload] = [
        {"name": f"{number}.png", "mimeType": "image/png", "buffer": png(grey=90 + 40 * number)} for number in range(3)
    ]
    await page.get_by_test_id("files").set_input_files(files)
    await expect(page.get_by_test_id("tray-file")).to_have_count(3)
    await page.get_by_label("Убрать 1.png").click()
    await page.get_by_test_id("say").fill("Итоги")
    await page.get_by_test_id("send").click()
    album = page.get_by_test_id("own-message")
    await expect(album).to_have_count(1)
    await expect(album.get_by_test_id("photo")).to_have_count(2)
    await expect(album).to_contain_text("Итоги")
    await expect(page.get_by_test_id("tray")).to_be_hidden()
    assert len({message["media_group_id"] for message in town.telegram.chat(ANNA)}) == 1


async def test_the_prepared_album_is_seen_as_an_album(page: Page) -> None:
    await page.get_by_test_id(EXAMPLE).click()
    photos = page.get_by_test_id("own-message").get_by_test_id("photo")
    await expect(photos).to_have_count(4)
    for index in range(4):
        shown = photos.nth(index).locator("img")
        await shown.scroll_into_view_if_needed()
        await expect(shown).to_have_js_property("naturalWidth", 810)
    await photos.first.click()
    await expect(page.locator("#picture-image")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#picture-image")).to_be_hidden()


async def test_a_message_can_be_corrected(page: Page, town: Town) -> None:
    await page.get_by_test_id("say").fill("В среду")
    await page.get_by_test_id("say").press("Enter")
    await page.get_by_test_id("own-message").hover()
    await page.get_by_test_id("amend").click()
    await expect(page.get_by_test_id("say")).to_have_value("В среду")
    await page.get_by_test_id("say").fill("В четверг")
    await page.get_by_test_id("say").press("Enter")
    await expect(page.get_by_test_id("own-message")).to_contain_text("В четверг")
    assert len(town.telegram.chat(ANNA)) == 1


async def test_writes_on_behalf_of_whoever_was_chosen(page: Page, bot: Bot, town: Town) -> None:
    stranger = federation.STRANGER.id
    await page.get_by_test_id("person").select_option(str(stranger))
    await page.get_by_test_id("say").fill("Что здесь?")
    await page.get_by_test_id("say").press("Enter")
    await expect(page.get_by_test_id("own-message")).to_contain_text("Что здесь?")
    assert town.telegram.chat(ANNA) == []
    await bot("sendMessage", chat_id=ANNA, text="Для Анны")
    await expect(page.locator("#person-news")).to_be_visible()
    await page.get_by_test_id("person").select_option(str(ANNA))
    await expect(page.get_by_test_id("bot-message")).to_contain_text("Для Анны")
    await expect(page.locator("#person-news")).to_be_hidden()


# The channels


async def post_on_wall(town: Town, words: str) -> None:
    form = {"access_token": VK_KEY, "v": "5.199", "owner_id": f"-{federation.GROUP_ID}", "message": words}
    async with aiohttp.ClientSession() as http, http.post(f"{town.vk.url}/method/wall.post", data=form) as answer:
        assert "response" in await answer.json()


async def test_channel_and_wall_show_posts_as_they_come(page: Page, bot: Bot, town: Town) -> None:
    await bot("sendMessage", chat_id=federation.CHANNEL_ID, text="Собрание в среду")
    await expect(page.get_by_test_id("channel-post")).to_contain_text("Собрание в среду")
    await post_on_wall(town, "Собрание в среду https://fpz.example/a. [club1|Профсоюз] #собрание")
    post = page.get_by_test_id("wall-post")
    await expect(post.locator("a").first).to_have_attribute("href", "https://fpz.example/a")
    await expect(post.locator("a").nth(1)).to_have_text("Профсоюз")
    await expect(page.locator("#channel-empty")).to_be_hidden()
    await expect(page.locator("#wall-empty")).to_be_hidden()


async def test_a_long_text_on_the_wall_is_folded_until_asked_for(page: Page, town: Town) -> None:
    await post_on_wall(town, "Собрание в среду")
    await post_on_wall(town, "Строка\n" * 100)
    post = page.get_by_test_id("wall-post").filter(has_text="Строка")
    folded = await post.evaluate("post => post.offsetHeight")
    await page.get_by_test_id("more").click()
    assert await post.evaluate("post => post.offsetHeight") > 5 * folded
    await expect(page.get_by_test_id("more")).to_have_count(0)
    await expect(post).to_be_focused()


async def write_letter(town: Town, html: str) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Пресс-служба <press@fpz.example>", MAILBOX, "Собрание в среду"
    letter["Date"], letter["Message-ID"] = "Mon, 23 Nov 2026 09:00:00 +0000", "<1@fpz.example>"
    letter.set_content("Собрание в среду")
    letter.add_alternative(html, subtype="html")
    parts = letter.get_payload()
    assert isinstance(parts, list)
    body = parts[1]
    assert isinstance(body, EmailMessage)
    body.add_related(png(), "image", "png", cid="<picture@fpz>")
    letter.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="План.pdf")
    await aiosmtplib.send(letter, hostname=town.mail.host, port=town.mail.port)


async def test_a_letter_is_seen_as_its_reader_sees_it(page: Page, town: Town) -> None:
    picture = "<img src='cid:picture@fpz' id='p' alt=''>"
    await write_letter(town, f"<h1>Собрание</h1><p><a href='https://fpz.example/'>подробнее</a></p>{picture}")
    mailbox = page.get_by_test_id(f"mailbox:{MAILBOX}")
    await expect(mailbox.get_by_test_id("unread")).to_have_text("1")
    await mailbox.click()
    await page.get_by_test_id("letter-row").click()
    await expect(page.get_by_test_id("letter-subject")).to_have_text("Собрание в среду")
    letter = page.frame_locator("[data-testid=letter-frame]")
    await expect(letter.locator("h1")).to_have_text("Собрание")
    await expect(letter.locator("#p")).to_have_js_property("naturalWidth", 64)
    await expect(letter.locator("a")).to_have_attribute("target", "_blank")
    await page.get_by_test_id("as-phone").check()
    assert await page.get_by_test_id("letter-frame").evaluate("frame => frame.clientWidth") == 375
    await page.get_by_test_id("letter-html").press("ArrowRight")
    await expect(page.get_by_test_id("letter-text")).to_be_focused()
    await expect(page.get_by_test_id("letter-plain")).to_contain_text("Собрание в среду")
    await page.get_by_test_id("letter-headers").click()
    await expect(page.get_by_test_id("letter-header-list")).to_contain_text("<1@fpz.example>")
    await expect(page.get_by_test_id("letter-files")).to_contain_text("План.pdf")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("letter-row")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(mailbox).to_be_focused()
    await expect(mailbox.get_by_test_id("unread")).to_have_count(0)


async def test_no_script_of_a_letter_runs(rough_page: Page, town: Town) -> None:
    page = rough_page
    change = "document.title = parent.document.title = 'broken'"
    await write_letter(town, f'<h1>Да</h1><script>{change}</script><img src="data:," onerror="{change}">')
    await page.get_by_test_id(f"mailbox:{MAILBOX}").click()
    await page.get_by_test_id("letter-row").click()
    await expect(page.frame_locator("[data-testid=letter-frame]").locator("h1")).to_have_text("Да")
    assert await page.title() == "Рупор — песочница"


# The delivery table


async def test_the_table_tells_state_reason_and_where_to_look(page: Page, table: Table, bot: Bot, town: Town) -> None:
    await bot("sendMessage", chat_id=federation.CHANNEL_ID, text="Собрание в среду")
    table.rows = [
        delivery(1, "telegram", "sent", link="https://t.me/fpz_news/1"),
        delivery(2, "vk", "queued", recipient="club217000001", held=True, reason="ключ доступа больше не действует"),
        delivery(3, "email", "failed", recipient=MAILBOX, reason="такого почтового ящика нет", detail="550 5.1.1"),
        delivery(4, "email", "unconfirmed", recipient=MAILBOX),
    ]
    rows = page.get_by_test_id("delivery")
    await expect(rows).to_have_count(4)
    words = ["отправлено", "канал недоступен", "не дошло", "неизвестно"]
    await expect(page.get_by_test_id("state")).to_have_text(words)
    for index in range(4):
        await expect(rows.nth(index).get_by_test_id("state").locator("svg")).to_be_visible()
    await expect(rows.nth(2)).to_contain_text("такого почтового ящика нет")
    await expect(page.get_by_test_id("progress")).to_have_text(
        "Отправлено 1 из 4 · в работе 1 · не дошло 1 · неизвестно 1"
    )
    await page.get_by_test_id("filter-trouble").click()
    await expect(rows).to_have_count(2)
    await page.get_by_test_id("filter-all").click()
    await rows.nth(0).get_by_test_id("link").click()
    await expect(page.get_by_test_id("channel-post")).to_be_focused()


async def test_a_row_changes_where_it_stands(page: Page, table: Table) -> None:
    table.rows = [delivery(1, "telegram", "sending"), delivery(2, "vk", "queued", attempts=0)]
    states = page.get_by_test_id("state")
    await expect(states).to_have_text(["отправляется", "в очереди"])
    due = datetime(2026, 11, 24, 9, 5, tzinfo=UTC).isoformat()
    table.rows = [delivery(1, "telegram", "sent"), delivery(2, "vk", "queued", due_at=due)]
    await expect(states).to_have_text(["отправлено", "ждёт повтора"])
    await expect(page.get_by_test_id("delivery").nth(1)).to_contain_text("попробует в 12:05:00")


async def test_links_to_posts_stay_on_the_page(page: Page, bot: Bot) -> None:
    await bot("sendMessage", chat_id=federation.CHANNEL_ID, text="Собрание в среду")
    await bot("sendMessage", chat_id=ANNA, text="Вышло: https://t.me/fpz_news/1")
    await page.get_by_test_id("bot-message").locator("a").click()
    await expect(page.get_by_test_id("channel-post")).to_be_focused()


# Troubles


async def test_troubles_are_switched_on_and_all_repaired(page: Page, town: Town) -> None:
    await page.get_by_test_id("troubles-open").click()
    address = federation.ORGANISATIONS[2].address
    await page.get_by_test_id("trouble-mailbox_unknown-address").select_option(address)
    await page.get_by_test_id("trouble-mailbox_unknown").check()
    await expect(page.get_by_test_id("trouble-mailbox_unknown")).to_be_checked()
    await page.get_by_test_id("trouble-vk_cuts").check()
    await expect(page.locator("#troubles-count")).to_have_text("2")
    assert town.troubles.dump() == {"mailbox_unknown": address, "vk_cuts": ""}
    await expect(page.get_by_test_id(f"mailbox:{address}")).to_contain_text("ящика не существует")
    await page.get_by_test_id("repair").click()
    await expect(page.get_by_test_id("trouble-vk_cuts")).not_to_be_checked()
    await expect(page.get_by_test_id("repair")).to_be_disabled()
    assert town.troubles.dump() == {}
    await page.get_by_test_id("troubles-close").press("Escape")
    await expect(page.get_by_test_id("troubles-open")).to_be_focused()


async def test_names_what_the_stand_ins_object_to(page: Page, town: Town) -> None:
    await page.get_by_test_id("troubles-open").click()
    await expect(page.get_by_test_id("violations")).to_contain_text("Ни одного нарушения")
    town.mail.violations.append("a bare LF")
    town.mail.changed()
    await expect(page.get_by_test_id("violations")).to_contain_text("1 нарушение")


# The page itself


async def test_comes_alive_again_when_the_sandbox_does(browser: Browser, town: Town) -> None:
    async with PageServer(town, "") as server:
        port = server.port
    context = await browser.new_context()
    page = await context.new_page()
    try:
        async with PageServer(town, "", port=port) as server:
            await page.goto(server.url)
            await expect(page.get_by_test_id(EXAMPLE)).to_be_visible()
        await expect(page.get_by_test_id("offline")).to_be_visible()
        async with PageServer(town, "", port=port):
            await expect(page.get_by_test_id("offline")).to_be_hidden()
            await town.telegram.say(ANNA, "Снова здесь")
            await expect(page.get_by_test_id("own-message")).to_contain_text("Снова здесь")
    finally:
        await context.close()


async def test_the_chosen_theme_is_remembered(page: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)
    await page.get_by_test_id("theme").click()
    await page.get_by_test_id("theme").click()
    dark = await page.evaluate(background)
    assert dark != light
    await page.reload()
    assert await page.evaluate(background) == dark
    await expect(page.get_by_test_id("theme")).to_have_attribute("title", "Тема: тёмная")


async def test_a_telephone_shows_one_thing_at_a_time(browser: Browser, page_server: PageServer, bot: Bot) -> None:
    async with opened(browser, width=390, height=800, mobile=True) as page:
        await page.goto(page_server.url)
        await expect(page.get_by_test_id("pane-chat")).to_be_visible()
        await expect(page.get_by_test_id("pane-channel")).to_be_hidden()
        await bot("sendMessage", chat_id=federation.CHANNEL_ID, text="Собрание в среду")
        await expect(page.get_by_test_id("tab-channel").locator(".dot")).to_be_visible()
        await page.get_by_test_id("tab-channel").click()
        await expect(page.get_by_test_id("channel-post")).to_be_visible()
        await expect(page.get_by_test_id("pane-chat")).to_be_hidden()
        await expect(page.get_by_test_id("tab-channel").locator(".dot")).to_be_hidden()


STICKING_OUT = """[...document.querySelectorAll(".body, .log")]
  .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.id)"""


@pytest.mark.parametrize("width", [320, 390, 420, 760, 1200, 1920])
async def test_nothing_sticks_out_at_any_width(
    browser: Browser, page_server: PageServer, table: Table, town: Town, width: int
) -> None:
    long = "оченьдлинноеслово" * 12
    await town.telegram.say(ANNA, long)
    town.telegram.post_as_administrator(federation.CHANNEL_ID, long)
    table.rows = [
        delivery(1, "email", "failed", recipient=f"{'a' * 60}@b.example", reason=long, detail=long, title=long)
    ]
    async with opened(browser, width=width, height=760) as page:
        await page.goto(page_server.url)
        await expect(page.get_by_test_id(EXAMPLE)).to_be_attached()
        for pane in ("chat", "channel", "wall", "mail", "deliveries"):
            if await page.get_by_test_id(f"tab-{pane}").is_visible():
                await page.get_by_test_id(f"tab-{pane}").click()
            wide = "document.documentElement.scrollWidth > innerWidth || document.body.scrollWidth > innerWidth"
            assert not await page.evaluate(wide), pane
            assert await page.evaluate(STICKING_OUT) == []


@pytest.mark.parametrize("width", [390, 1200])
async def test_where_deliveries_are_cards_their_heading_has_all_the_room(
    browser: Browser, page_server: PageServer, table: Table, width: int
) -> None:
    table.rows = [delivery(1, "email", "sent")]
    async with opened(browser, width=width, height=760) as page:
        await page.goto(page_server.url)
        if await page.get_by_test_id("tab-deliveries").is_visible():
            await page.get_by_test_id("tab-deliveries").click()
        heading = page.get_by_test_id("broadcast")
        room = await heading.evaluate("row => row.offsetWidth")
        assert await heading.locator("th").evaluate("cell => cell.offsetWidth") == room
        assert room > width / 2


async def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    reached = set()
    for _ in range(70):
        await page.keyboard.press("Tab")
        here = await page.evaluate("document.activeElement.dataset.testid ?? document.activeElement.id")
        reached.add(here)
        ring = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none" or here == "", here
    wanted = {"troubles-open", "about-open", "theme", "person", "chat", "say", "attach", EXAMPLE, "channel", "wall"}
    assert wanted <= reached
    assert f"mailbox:{federation.ORGANISATIONS[-1].address}" in reached


CONTRAST = """async () => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => { for (let n = node; n; n = n.parentElement) {
    const style = getComputedStyle(n);
    if (style.backgroundImage.includes("gradient")) return null;
    const c = rgba(style.backgroundColor); if (c[3] > 250) return c; if (c[3] > 0) return null; } return null; };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(":disabled, .unseen, .skip, option")) continue;
    const [under, over] = [ground(node), rgba(getComputedStyle(node).color)];
    if (!under) continue;
    const [a, b] = [light(under), light(over)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) weak.push(`${node.tagName} ${node.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


@pytest.mark.parametrize("dark", [False, True])
async def test_every_word_stands_out_from_its_ground(
    browser: Browser, page_server: PageServer, table: Table, bot: Bot, *, dark: bool
) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5 to 1."""
    states = ["queued", "sending", "sent", "failed", "unconfirmed", "cancelled"]
    table.rows = [delivery(number, "vk", state, reason="нет связи") for number, state in enumerate(states, 1)]
    await bot("sendMessage", chat_id=ANNA, text="Готово? /status #тег", reply_markup=KEYS)
    await bot("sendMessage", chat_id=federation.CHANNEL_ID, text="Собрание в среду")
    async with opened(browser, width=1440, height=900, dark=dark) as page:
        await page.goto(page_server.url)
        await expect(page.get_by_test_id("delivery")).to_have_count(6)
        await page.get_by_test_id("example-short").click()
        await page.get_by_test_id("troubles-open").click()
        await page.get_by_test_id("trouble-vk_cuts").check()
        await expect(page.get_by_test_id("repair")).to_be_enabled()
        assert await page.evaluate(CONTRAST) == []


async def test_says_how_to_use_the_command_line_beside_it(page: Page, page_server: PageServer) -> None:
    await page.get_by_test_id("about-open").click()
    await expect(page.get_by_test_id("cli")).to_contain_text(f"curl -s {page_server.url}/config > sandbox.toml")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("about-open")).to_be_focused()


def test_the_page_asks_nothing_of_the_outside() -> None:
    """No fonts, scripts or pictures from elsewhere; only names of XML and places that people may go to."""
    allowed = ("http://www.w3.org/", "https://vk.com/", "https://t", "https://${text}")
    for part in (Path(federation.__file__).parent / "page").iterdir():
        text = part.read_text(encoding="utf-8")
        for start in (i for scheme in ("http://", "https://") for i in range(len(text)) if text.startswith(scheme, i)):
            assert text[start:].startswith(allowed) or "\\" in text[start - 2 : start + 10], text[start : start + 60]
