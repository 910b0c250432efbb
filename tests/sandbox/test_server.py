"""The page's server: shows the town, lets its visitor act, and is of no use to foreign pages."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from bot import config
from channels.registry import SETTINGS
from sandbox import federation
from sandbox.configuration import config_toml, is_ours
from sandbox.drawer import Drawer
from sandbox.examples import EXAMPLES
from sandbox.server import PageServer
from sandbox.town import VK_KEY, Town, envelope
from sandbox.troubles import TROUBLES
from tests.sandbox.conftest import Table
from tests.support.pictures import png

ANNA = federation.PRESS_SECRETARY.id
MAILBOX = federation.ORGANISATIONS[4].address
PICTURE = png()

Json = dict[str, Any]
Act = Callable[..., Awaitable[Json]]


@pytest.fixture
async def http(page_server: PageServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=page_server.url) as http:
        yield http


@pytest.fixture
def act(http: aiohttp.ClientSession) -> Act:
    async def act(action: str, **given: Any) -> Json:
        async with http.post(f"/api/{action}", json=given) as answer:
            return Json(await answer.json()) | ({} if answer.ok else {"status": answer.status})

    return act


async def state(http: aiohttp.ClientSession, topic: str) -> Json:
    async with http.get("/state") as answer:
        return Json((await answer.json())[topic])


def file(name: str, mime: str, data: bytes = PICTURE) -> Json:
    return {"name": name, "type": mime, "data": b64encode(data).decode()}


async def write_letter(town: Town, to: str, raw: bytes) -> None:
    sender = "press@fpz.example"
    await aiosmtplib.send(raw, sender=sender, recipients=[to], hostname=town.mail.host, port=town.mail.port)


def letter(to: str, body: str = "<p>Собрание</p>", more: str = "") -> bytes:
    head = (
        f"From: press@fpz.example\r\nTo: {to}\r\nSubject: Meeting\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
        f"Message-ID: <1@fpz.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    )
    html = b64encode(body.encode()).decode()
    part = f"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{html}\r\n"
    return f"{head}{part}{more}--b--\r\n".encode()


# Who may ask


async def test_answers_the_configuration_in_use(
    http: aiohttp.ClientSession, town: Town, page_server: PageServer, tmp_path: Path
) -> None:
    async with http.get("/config") as answer:
        text = await answer.text()
    assert text == config_toml(town, tmp_path / "rupor.db")
    assert is_ours(text)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    settings = config.load(path, {}, SETTINGS, need_bot=True)
    assert list(settings.channels) == ["tg", "vk", "mail"]
    assert settings.bot.editors == federation.EDITORS
    assert settings.database.url.get_secret_value().endswith(str(tmp_path / "rupor.db"))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1"])
@pytest.mark.parametrize("path", ["/", "/config", "/state", "/events"])
async def test_answers_no_foreign_name(http: aiohttp.ClientSession, host: str, path: str) -> None:
    async with http.get(path, headers={"Host": host}) as answer:
        assert answer.status == 421


async def test_answers_localhost_too(http: aiohttp.ClientSession, page_server: PageServer) -> None:
    async with http.get("/config", headers={"Host": f"localhost:{page_server.port}"}) as answer:
        assert answer.status == 200


async def test_takes_no_command_from_a_foreign_page(http: aiohttp.ClientSession, town: Town) -> None:
    order = json.dumps({"person": ANNA, "text": "/start"})
    plain = {"Content-Type": "text/plain"}  # all that a form or a page may send unasked
    async with http.post("/api/say", data=order, headers=plain) as answer:
        assert answer.status == 415
    foreign = {"Content-Type": "application/json", "Origin": "https://evil.example"}
    async with http.post("/api/say", data=order, headers=foreign) as answer:
        assert answer.status == 403
    async with http.options("/api/say", headers={"Origin": "https://evil.example"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert town.telegram.chat(ANNA) == []


async def test_takes_commands_from_its_own_page(http: aiohttp.ClientSession, page_server: PageServer) -> None:
    own = {"Content-Type": "application/json", "Origin": page_server.url}
    async with http.post("/api/say", data=json.dumps({"person": ANNA, "text": "/start"}), headers=own) as answer:
        assert answer.status == 200


async def test_refuses_a_port_that_is_taken(page_server: PageServer, town: Town) -> None:
    with pytest.raises(OSError, match="in use"):
        async with PageServer(town, "", port=page_server.port):
            pass


# News


class Watcher:
    """One browser that listens."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.topics: dict[str, Json] = {}

    async def until(self, fits: Callable[[dict[str, Json]], bool]) -> set[str]:
        """Listen until the topics are as wanted; returns the topics that came meanwhile."""
        came = set()
        async with asyncio.timeout(10):
            while not fits(self.topics):
                line = (await self._response.content.readline()).decode()
                if line.startswith("data: "):
                    news = json.loads(line.removeprefix("data: "))
                    self.topics[news["topic"]] = news["state"]
                    came.add(news["topic"])
        return came


@asynccontextmanager
async def watching(http: aiohttp.ClientSession) -> AsyncIterator[Watcher]:
    async with http.get("/events") as response:
        assert response.content_type == "text/event-stream"
        yield Watcher(response)


ALL = {"town", "channel", "wall", "mail", "troubles", "violations", "deliveries"}


async def test_tells_a_newcomer_everything_and_then_only_what_changed(http: aiohttp.ClientSession, act: Act) -> None:
    everything = ALL | {f"chat:{person.id}" for person in federation.PEOPLE}
    async with watching(http) as watcher:
        await watcher.until(lambda topics: topics.keys() == everything)
        assert watcher.topics[f"chat:{ANNA}"]["messages"] == []
        await act("say", person=ANNA, text="Собрание в среду")
        came = await watcher.until(lambda topics: bool(topics[f"chat:{ANNA}"]["messages"]))
    assert came == {f"chat:{ANNA}"}


async def test_shows_the_delivery_table_to_whoever_watches(http: aiohttp.ClientSession, table: Table) -> None:
    async with watching(http) as watcher:
        await watcher.until(lambda topics: topics.get("deliveries") == {"rows": []})
        table.rows.append({"id": 1, "state": "sent"})
        await watcher.until(lambda topics: topics["deliveries"]["rows"] == [{"id": 1, "state": "sent"}])


async def test_shows_letters_as_they_come(http: aiohttp.ClientSession, town: Town) -> None:
    async with watching(http) as watcher:
        await watcher.until(lambda topics: "mail" in topics)
        assert len(watcher.topics["mail"]["mailboxes"]) == 25
        await write_letter(town, MAILBOX, letter(MAILBOX))
        await watcher.until(lambda topics: topics["mail"]["mailboxes"][4]["unread"] == 1)


async def test_ends_with_watchers_still_there(town: Town) -> None:
    async with aiohttp.ClientSession() as http:
        async with PageServer(town, "") as server, asyncio.timeout(5):
            response = await http.get(f"{server.url}/events")
            await response.content.readline()
        response.close()


# Acting


async def test_sends_neighbouring_pictures_as_one_album(act: Act, town: Town) -> None:
    pictures = [file(f"{number}.png", "image/png") for number in range(3)]
    papers = [file("Положение.pdf", "application/pdf", b"%PDF")]
    answer = await act("send", person=ANNA, files=pictures + papers, caption="Итоги")
    assert len(answer["messages"]) == 4
    *album, paper = town.telegram.chat(ANNA)
    assert len({message["media_group_id"] for message in album}) == 1
    assert [message.get("caption") for message in (*album, paper)] == ["Итоги", None, None, None]
    assert "media_group_id" not in paper
    assert paper["document"]["file_name"] == "Положение.pdf"


async def test_sends_eleven_pictures_as_two_messages_worth(act: Act, town: Town) -> None:
    await act("send", person=ANNA, files=[file(f"{number}.png", "image/png") for number in range(11)])
    messages = town.telegram.chat(ANNA)
    assert [message.get("media_group_id") is not None for message in messages] == [True] * 10 + [False]


async def test_sends_pictures_as_files_when_asked(act: Act, town: Town) -> None:
    await act("send", person=ANNA, files=[file("a.png", "image/png")], as_files=True)
    assert "document" in town.telegram.chat(ANNA)[0]


async def test_corrects_what_was_said(act: Act, town: Town) -> None:
    said = await act("say", person=ANNA, text="В среду")
    await act("edit", person=ANNA, message=said["message"], text="В четверг")
    assert town.telegram.chat(ANNA)[0]["text"] == "В четверг"


@pytest.mark.parametrize("name", EXAMPLES)
async def test_every_example_can_be_sent(act: Act, town: Town, name: str) -> None:
    assert await act("example", person=ANNA, name=name) == {}
    assert town.telegram.chat(ANNA)


@pytest.mark.parametrize(
    ("action", "given", "code", "status"),
    [
        ("say", {"person": 1, "text": "а"}, "unknown_person", 404),
        ("say", {"person": ANNA, "text": " \n"}, "empty", 400),
        ("say", {"person": ANNA, "text": 7}, "bad_text", 400),
        ("say", {"person": ANNA}, "bad_text", 400),
        ("edit", {"person": ANNA, "message": 77, "text": "а"}, "unknown_message", 404),
        ("edit", {"person": ANNA, "message": [], "text": "а"}, "bad_message", 400),
        ("send", {"person": ANNA, "files": []}, "empty", 400),
        ("send", {"person": ANNA, "files": 3}, "bad_file", 400),
        ("send", {"person": ANNA, "files": [{"name": "a", "type": "b", "data": "%"}]}, "bad_file", 400),
        ("send", {"person": ANNA, "files": [{"name": "a", "type": "b", "data": ""}]}, "empty_file", 400),
        ("press", {"person": ANNA, "message": 1, "data": "x"}, "unknown_message", 404),
        ("example", {"person": ANNA, "name": "none"}, "unknown_example", 404),
        ("trouble", {"name": "none", "on": True}, "unknown_trouble", 404),
        ("trouble", {"name": "mail_silent", "on": "yes"}, "bad_on", 400),
        ("trouble", {"name": "mailbox_full", "on": True}, "no_address", 400),
        ("trouble", {"name": "mailbox_full", "on": True, "address": "who@else.example"}, "no_address", 400),
        ("read", {"letters": ["1"]}, "bad_letters", 400),
        ("dance", {}, "not_found", 404),
    ],
)
async def test_says_why_something_cannot_be_done(
    act: Act, town: Town, action: str, given: Json, code: str, status: int
) -> None:
    assert await act(action, **given) == {"error": code, "status": status}
    assert town.telegram.chat(ANNA) == []
    assert town.troubles.dump() == {}


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '"a"', b"\xff"])
async def test_refuses_what_is_no_json_object(http: aiohttp.ClientSession, body: str | bytes) -> None:
    async with http.post("/api/say", data=body, headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, await answer.json()) == (400, {"error": "not_json"})


async def test_an_old_button_is_named_so(act: Act, town: Town) -> None:
    said = await act("say", person=ANNA, text="В среду")
    answer = await act("press", person=ANNA, message=said["message"], data="send:1")
    assert answer == {"error": "no_button", "status": 409}


# Files and letters


async def test_offers_what_people_sent_only_to_save_unless_it_is_harmless(
    http: aiohttp.ClientSession, act: Act, town: Town
) -> None:
    page = b"<script>alert(1)</script>"
    await act("send", person=ANNA, files=[file("a.html", "text/html", page), file("b.svg", "image/svg+xml", page)])
    await act("send", person=ANNA, files=[file("c.png", "image/png")])
    html, svg, picture = town.telegram.chat(ANNA)
    for message in (html, svg):
        async with http.get(f"/files/telegram/{message['document']['file_id']}") as answer:
            assert await answer.read() == page
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
    async with http.get(f"/files/telegram/{picture['photo'][-1]['file_id']}") as answer:
        assert await answer.read() == PICTURE
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_shows_a_letter_without_letting_it_do_anything(http: aiohttp.ClientSession, town: Town) -> None:
    script = "<p>Собрание</p><script>alert(1)</script>"
    paper = b64encode(b"%PDF").decode()
    attached = (
        'Content-Disposition: attachment; filename="plan.pdf"\r\nContent-Type: application/pdf\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{paper}\r\n"
    )
    await write_letter(town, MAILBOX, letter(MAILBOX, script, f"--b\r\n{attached}"))
    async with http.get("/letters/1") as answer:
        shown = await answer.json()
    assert (shown["subject"], shown["has_html"], shown["recipient"]) == ("Meeting", True, MAILBOX)
    assert ["Message-ID", "<1@fpz.example>"] in shown["headers"]
    assert shown["files"] == [{"index": 0, "name": "plan.pdf", "mime_type": "application/pdf", "size": 4}]
    async with http.get("/letters/1/html") as answer:
        assert (await answer.text()).strip() == script
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "allow-scripts" not in policy
    async with http.get("/letters/1/files/0") as answer:
        assert await answer.read() == b"%PDF"
        assert answer.headers["Content-Disposition"].startswith("attachment")
    async with http.get("/letters/1/raw") as answer:
        assert (await answer.read()).startswith(b"From: press@fpz.example\r\n")


@pytest.mark.parametrize(
    "path",
    [
        "/letters/9",
        "/letters/9/html",
        "/letters/9/files/0",
        "/files/telegram/none",
        "/files/vk/none",
        "/page/none.js",
        "/page/..%2Fserver.py",
        "/page/..%2F..%2Fpyproject.toml",
        "/none",
    ],
)
async def test_what_is_not_there_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404


async def test_remembers_which_letters_were_opened(http: aiohttp.ClientSession, act: Act, town: Town) -> None:
    await write_letter(town, MAILBOX, letter(MAILBOX))
    assert (await state(http, "mail"))["mailboxes"][4]["unread"] == 1
    await act("read", letters=[1])
    box = (await state(http, "mail"))["mailboxes"][4]
    assert (box["unread"], box["total"], box["letters"][0]["unread"]) == (0, 1, False)


async def test_shows_a_mailbox_that_is_on_no_list_once_it_gets_mail(http: aiohttp.ClientSession, town: Town) -> None:
    await write_letter(town, "guest@xn--e1aybc.example", letter("guest@xn--e1aybc.example"))
    boxes = (await state(http, "mail"))["mailboxes"]
    assert (len(boxes), boxes[-1]["shown"], boxes[-1]["organisation"]) == (26, "guest@тест.example", "")


# Troubles


async def send_mail(town: Town, address: str) -> str:
    """Return the server's answer to a letter, or the name of what went wrong with the line."""
    try:
        await write_letter(town, address, letter(address))
    except aiosmtplib.SMTPRecipientsRefused as error:
        return str(error.recipients[0].code)
    except (aiosmtplib.SMTPException, OSError):
        return "no line"
    return "taken"


async def call_telegram(town: Town, method: str = "sendMessage") -> Json:
    url = f"{town.telegram.url}/bot{town.telegram.token}/{method}"
    given: Json = {"chat_id": federation.CHANNEL_ID}
    if method == "sendMessage":
        given["text"] = "Новость"
    async with aiohttp.ClientSession() as http:
        try:
            async with http.post(url, json=given) as answer:
                return Json(await answer.json())
        except aiohttp.ClientError:
            return {"ok": None}


async def post_on_wall(town: Town) -> Json:
    form = {"access_token": VK_KEY, "v": "5.199", "owner_id": f"-{federation.GROUP_ID}", "message": "Новость"}
    async with aiohttp.ClientSession() as http:
        try:
            async with http.post(f"{town.vk.url}/method/wall.post", data=form) as answer:
                return Json(await answer.json())
        except aiohttp.ClientError:
            return {"dropped": True}


async def test_a_silent_mail_server_takes_letters_again_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="mail_silent", on=True)
    assert await send_mail(town, MAILBOX) == "no line"
    await act("repair")
    assert await send_mail(town, MAILBOX) == "taken"


@pytest.mark.parametrize(("name", "code"), [("mailbox_unknown", "550"), ("mailbox_full", "452")])
async def test_one_mailbox_refuses_and_the_others_do_not(act: Act, town: Town, name: str, code: str) -> None:
    await act("trouble", name=name, on=True, address=MAILBOX)
    other = federation.ORGANISATIONS[0].address
    assert [await send_mail(town, address) for address in (MAILBOX, other)] == [code, "taken"]
    await act("trouble", name=name, on=True, address=other)
    assert [await send_mail(town, address) for address in (MAILBOX, other)] == ["taken", code]
    await act("trouble", name=name, on=False)
    assert await send_mail(town, other) == "taken"


async def test_vk_posts_and_then_cuts_the_line(act: Act, town: Town) -> None:
    await act("trouble", name="vk_cuts", on=True)
    assert await post_on_wall(town) == {"dropped": True}
    assert len(town.vk.posts(federation.GROUP_ID)) == 1


async def test_a_revoked_vk_key_works_again_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="vk_key_revoked", on=True)
    assert (await post_on_wall(town))["error"]["error_code"] == 5
    await act("trouble", name="vk_key_revoked", on=False)
    assert (await post_on_wall(town))["response"]["post_id"] == 1


async def test_telegram_posts_and_never_answers(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_silent", on=True)
    assert await call_telegram(town) == {"ok": None}
    assert len(town.telegram.channel_posts(federation.CHANNEL_ID)) == 1
    assert (await call_telegram(town, "getChat"))["ok"]  # only posting is in doubt


async def test_telegram_asks_to_wait_once_and_the_switch_turns_itself_off(
    http: aiohttp.ClientSession, act: Act, town: Town
) -> None:
    await act("trouble", name="telegram_wait", on=True)
    async with watching(http) as watcher:
        await watcher.until(lambda topics: "troubles" in topics)
        assert (await call_telegram(town))["parameters"] == {"retry_after": 20}
        await watcher.until(lambda topics: not any(one["on"] for one in topics["troubles"]["switches"]))
    assert (await call_telegram(town))["ok"]


async def test_a_bot_without_rights_gets_them_back_once_repaired(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_rights", on=True)
    assert (await call_telegram(town))["error_code"] == 403
    await act("repair")
    assert (await call_telegram(town))["ok"]


async def test_two_troubles_do_not_undo_each_other(act: Act, town: Town) -> None:
    await act("trouble", name="telegram_silent", on=True)
    await act("trouble", name="telegram_wait", on=True)
    await act("trouble", name="telegram_wait", on=False)
    assert await call_telegram(town) == {"ok": None}


def test_every_trouble_is_named_and_explained() -> None:
    for trouble in TROUBLES.values():
        assert trouble.label
        assert trouble.hint.endswith(".")


# Over a restart


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.telegram.send_media(ANNA, "photo", "a.png", PICTURE, "image/png", "Итоги")
        await call_telegram(town)
        await post_on_wall(town)
        await write_letter(town, MAILBOX, letter(MAILBOX, "<p>" + "а" * 2000))
        town.read.add(1)
        town.troubles.switch("mailbox_full", on=True, address=MAILBOX)
        before, ports = town.dump(), config_toml(town, tmp_path)
    async with Town(tmp_path) as town:
        assert town.dump() == before
        assert config_toml(town, tmp_path) == ports
        photo = town.telegram.chat(ANNA)[0]["photo"][-1]["file_id"]
        assert town.telegram.file(photo).data == PICTURE
        assert await send_mail(town, MAILBOX) == "452"


async def test_saves_soon_after_a_change_and_not_only_at_the_end(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.telegram.say(ANNA, "Собрание в среду")
        async with asyncio.timeout(5):
            while "Собрание" not in json.dumps(Drawer(tmp_path).load(), ensure_ascii=False):  # noqa: ASYNC110 - files have no events
                await asyncio.sleep(0.02)


def test_long_bytes_lie_beside_the_document_until_nothing_names_them(tmp_path: Path) -> None:
    drawer, content = Drawer(tmp_path), b64encode(b"\0" * 5000).decode()
    state = {"letters": [{"raw": content}, {"raw": "short"}], "data": {"raw": 1}}
    drawer.save(state)
    assert (tmp_path / "state.json").stat().st_size < 1000
    assert drawer.load() == state
    drawer.save({})
    assert list((tmp_path / "files").iterdir()) == []


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert Drawer(tmp_path).load() is None


# The federation


def test_the_federation_is_invented_and_complete() -> None:
    assert len(federation.ORGANISATIONS) == 25
    addresses = [one.address for one in federation.ORGANISATIONS]
    assert len(set(addresses)) == 25
    assert all(address.endswith(".example") for address in addresses)
    assert envelope("profkom@фабрика-лён.example").isascii()
