"""The page's server: shows the town to a browser on this machine, and lets its visitor act in it.

    GET  /                       the page; /page/NAME its parts
    GET  /config                 the config.toml of the service that lives here
    GET  /events                 server-sent events, each {"topic": …, "state": …}; first every topic, then what changes
    GET  /state                  the same topics as one document
    GET  /files/telegram/ID      a file by its file_id            GET /files/vk/NAME   an upload, such as photo-1_2
    GET  /letters/N              a letter: list entry, text, headers, files
    GET  /letters/N/html         its HTML version, for a frame    GET /letters/N/files/I   GET /letters/N/raw

    POST /api/say       {person, text}                       POST /api/edit     {person, message, text}
    POST /api/send      {person, files, caption?, as_files?} with files [{name, type, data: base64}]
    POST /api/press     {person, message, data}              POST /api/example  {person, name}
    POST /api/trouble   {name, on, address?}                 POST /api/repair   {}
    POST /api/read      {letters: [N, …]}

Topics: town, chat:ID, channel, wall, mail, troubles, deliveries, violations (see sandbox.views).
A POST takes a JSON object and answers one; what can't be done is {"error": CODE} with 400, 404, 409 or 413.

Only for this machine: it listens on 127.0.0.1, answers no other Host (a foreign name that resolves to 127.0.0.1 would
get past the browser's own guard), and takes commands only as application/json from its own origin, which a foreign
web page can't send unasked.
"""

import asyncio
import json
import mimetypes
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from sandbox import federation, views
from sandbox.actions import ACTIONS, ActionError
from sandbox.feed import Feed
from sandbox.mail import StoredLetter
from sandbox.telegram import ApiError
from sandbox.town import Town

__all__ = ["Deliveries", "PageServer"]

Deliveries = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Answers the delivery table, newest broadcast first. The keys of a row: id, announcement, broadcast, title, channel,
total (rows of the broadcast, should they not all be there), kind ("telegram", "vk", "email"), recipient, organisation,
part, parts, state, held (its channel is), attempts, reason (in words), detail (the other side's), link, due_at (next
attempt) and updated_at (ISO 8601)."""

PARTS = files("sandbox") / "page"
LARGEST_REQUEST = 128 * 2**20  # bytes: a file of 90 MB in base64
TOGETHER = 0.05  # seconds in which changes are gathered
LOOK_AGAIN = 0.5  # seconds between two looks at the delivery table
KEEP_ALIVE = 15.0  # seconds

_OWN_PAGE = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
# A letter comes from somebody else: no scripts, nothing from outside, and only the page itself may frame it.
_LETTER = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
_FOREIGN_FILE = "default-src 'none'; sandbox"
_SHOWN_INSIDE = ("image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/")


async def _no_deliveries() -> list[dict[str, Any]]:
    return []


class PageServer:
    """An async context manager; `url` is the address to open. Raises OSError on entering when the port is taken."""

    def __init__(
        self,
        town: Town,
        config: str,
        deliveries: Deliveries = _no_deliveries,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.town = town
        self.feed = Feed()
        self._config = config
        self._deliveries = deliveries
        self._host, self._port = host, port
        self._mailroom = views.Mailroom(town)
        self._stale: set[str] = set()
        self._changed = asyncio.Event()
        self._stack = AsyncExitStack()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.callback(self.feed.close)
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
        except OSError:
            await self._stack.aclose()
            raise
        self._port = runner.addresses[0][1]
        self.feed.publish("town", views.town(self.town))
        self._refresh({"telegram", "vk", "mail", "troubles"})
        self.town.changed = self.touch
        # Not a TaskGroup: a test's fixture is entered and left by different tasks.
        for loop in (self._keep_fresh(), self._watch_deliveries()):
            self._stack.push_async_callback(_ended, asyncio.get_running_loop().create_task(loop))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.town.changed = lambda _part: None
        await self._stack.aclose()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/page/{name}", self._page),
                web.get("/config", self._show_config),
                web.get("/events", self._events),
                web.get("/state", self._state),
                web.get("/files/telegram/{file_id}", self._telegram_file),
                web.get("/files/vk/{name}", self._vk_file),
                web.get(r"/letters/{number:\d+}", self._letter),
                web.get(r"/letters/{number:\d+}/html", self._letter_html),
                web.get(r"/letters/{number:\d+}/raw", self._letter_raw),
                web.get(r"/letters/{number:\d+}/files/{index:\d+}", self._letter_file),
                web.post("/api/{action}", self._act),
            ]
        )
        return app

    # News

    def touch(self, part: str) -> None:
        """Show a part of the town anew: "telegram", "vk", "mail" or "troubles"."""
        self._stale.add(part)
        self._changed.set()

    async def _keep_fresh(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(TOGETHER)
            self._changed.clear()
            stale, self._stale = self._stale, set()
            self._refresh(stale)

    def _refresh(self, parts: set[str]) -> None:
        town, publish = self.town, self.feed.publish
        if "telegram" in parts:
            for person in federation.PEOPLE:
                publish(f"chat:{person.id}", views.chat(town.telegram, person.id))
            publish("channel", views.channel(town.telegram))
        if "vk" in parts:
            publish("wall", views.wall(town))
        if "mail" in parts:
            publish("mail", self._mailroom.view())
        if "troubles" in parts:
            publish("troubles", {"switches": town.troubles.listing()})
        violations = [*town.telegram.violations, *town.vk.violations, *town.mail.violations]
        publish("violations", {"total": len(violations), "latest": violations[-20:]})

    async def _watch_deliveries(self) -> None:
        while True:
            if self.feed.watchers:
                self.feed.publish("deliveries", {"rows": await self._deliveries()})
            if self.town.troubles.expire():
                self.touch("troubles")
            await asyncio.sleep(LOOK_AGAIN)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        async for news in self.feed.follow(KEEP_ALIVE):
            told = "".join(f'data: {{"topic":{json.dumps(topic)},"state":{state}}}\n\n' for topic, state in news)
            try:
                await response.write(told.encode() or b": still here\n\n")
            except ConnectionError:
                break
        return response

    async def _state(self, _request: web.Request) -> web.Response:
        self._refresh({"telegram", "vk", "mail", "troubles"})
        return web.json_response(self.feed.now() | {"deliveries": {"rows": await self._deliveries()}})

    # Guarding

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return _failed("forbidden", refusal)
        try:
            response = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            response = _failed("too_large", 413)
        except web.HTTPException as error:
            response = _failed("not_found", error.status)
        if not response.prepared:
            response.headers.setdefault("Content-Security-Policy", _OWN_PAGE)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _refusal(self, request: web.Request) -> int | None:
        own = {f"{name}:{self._port}" for name in ("127.0.0.1", "localhost")}
        if request.headers.get("Host", "") not in own:
            return 421
        if request.method != "POST":
            return None
        if request.headers.get("Origin", "http://127.0.0.1:").partition("://")[2] not in own | {"127.0.0.1:"}:
            return 403
        return None if request.content_type == "application/json" else 415

    # Acting

    async def _act(self, request: web.Request) -> web.Response:
        action = ACTIONS.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        try:
            given = json.loads(await request.read())
        except ValueError:
            return _failed("not_json", 400)
        if not isinstance(given, dict):
            return _failed("not_json", 400)
        try:
            answer = await action(self.town, given)
        except ActionError as error:
            return _failed(error.code, error.status)
        for part in ("mail", "troubles"):
            self.touch(part)
        self.town.touch()
        return web.json_response(answer)

    # Showing

    async def _page(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        if name not in {part.name for part in PARTS.iterdir()}:  # not a path: "..%2F" must lead nowhere
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(
            body=(PARTS / name).read_bytes(), content_type=kind, charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

    async def _show_config(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._config)

    async def _telegram_file(self, request: web.Request) -> web.Response:
        try:
            stored = self.town.telegram.file(request.match_info["file_id"])
        except ApiError:
            raise web.HTTPNotFound from None
        return _foreign_file(stored.data, stored.mime_type, stored.name)

    async def _vk_file(self, request: web.Request) -> web.Response:
        media = self.town.vk.media(request.match_info["name"])
        if media is None:
            raise web.HTTPNotFound
        return _foreign_file(media.content, media.mime_type, media.title)

    def _found_letter(self, request: web.Request) -> StoredLetter:
        number = int(request.match_info["number"])
        for letter in self.town.mail.all_letters():
            if letter.number == number:
                return letter
        raise web.HTTPNotFound

    async def _letter(self, request: web.Request) -> web.Response:
        letter = self._found_letter(request)
        more = {
            "sender": letter.sender,
            "recipient": letter.recipient,
            "text": letter.text,
            "has_html": bool(letter.bare_html),
            "size": len(letter.raw),
            "headers": [[name, letter.header(name)] for name in dict.fromkeys(letter.message.keys())],
            "files": [
                {"index": index, "name": file.name, "mime_type": file.mime_type, "size": file.size}
                for index, file in enumerate(letter.attachments)
                if not file.inline
            ],
        }
        return web.json_response(letter.summary() | more)

    async def _letter_html(self, request: web.Request) -> web.Response:
        letter = self._found_letter(request)
        return web.Response(text=letter.html, content_type="text/html", headers={"Content-Security-Policy": _LETTER})

    async def _letter_raw(self, request: web.Request) -> web.Response:
        letter = self._found_letter(request)
        return _foreign_file(letter.raw, "message/rfc822", f"letter-{letter.number}.eml")

    async def _letter_file(self, request: web.Request) -> web.Response:
        letter, index = self._found_letter(request), int(request.match_info["index"])
        if index >= len(letter.attachments):
            raise web.HTTPNotFound
        file = letter.attachments[index]
        return _foreign_file(letter.file(file.name), file.mime_type, file.name)


def _failed(code: str, status: int) -> web.Response:
    return web.json_response({"error": code}, status=status)


def _foreign_file(content: bytes, mime_type: str, name: str) -> web.Response:
    """Hand out what somebody sent: pictures, videos and sounds to look at, everything else only to save."""
    inside = mime_type.startswith(_SHOWN_INSIDE)
    headers = {"Content-Security-Policy": _FOREIGN_FILE, "Cache-Control": "private, max-age=3600"}
    if not inside:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name or 'file', safe='')}"
    return web.Response(
        body=content, headers=headers | {"Content-Type": mime_type if inside else "application/octet-stream"}
    )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
