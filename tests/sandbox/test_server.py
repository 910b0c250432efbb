"""The page's server: shows the town, lets its visitor act, and is of no use to foreign pages."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest

from bot import config
from channels.registry import SETTINGS
from sandbox import federation
from sandbox.configuration import config_toml, is_ours
from sandbox.examples import EXAMPLES
from sandbox.server import PageServer
from sandbox.town import Town
from tests.sandbox.conftest import Table
from tests.sandbox.visiting import ANNA, MAILBOX, PICTURE, Act, Json, letter, watching, write_letter


async def state(http: aiohttp.ClientSession, topic: str) -> Json:
    async with http.get("/state") as answer:
        return Json((await answer.json())[topic])


def file(name: str, mime: str, data: bytes = PICTURE) -> Json:
    return {"name": name, "type": mime, "data": b64encode(data).decode()}


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
        async with PageServer(town, "") as server, asyncio.timeout(20):
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
