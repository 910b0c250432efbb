"""What tests do in a town: write letters, post, call, and watch the page's news."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiosmtplib

from sandbox import federation
from sandbox.town import VK_KEY, Town
from tests.support.pictures import png

ANNA = federation.PRESS_SECRETARY.id
MAILBOX = federation.ORGANISATIONS[4].address
PICTURE = png()

Json = dict[str, Any]
Act = Callable[..., Awaitable[Json]]


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


class Watcher:
    """One browser that listens."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.topics: dict[str, Json] = {}

    async def until(self, fits: Callable[[dict[str, Json]], bool]) -> set[str]:
        """Listen until the topics are as wanted; returns the topics that came meanwhile."""
        came = set()
        async with asyncio.timeout(30):
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
