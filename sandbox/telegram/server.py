"""The Bot API over HTTP: tokens, validation, long polling, downloads, and faults on request."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

from aiohttp import web

from sandbox.faults import Fault, Faults, Kind
from sandbox.spec import Upload, bot_api
from sandbox.telegram import asking, editing, sending, webhook
from sandbox.telegram.answers import ApiError, bad_request
from sandbox.telegram.files import StoredFile
from sandbox.telegram.person import People
from sandbox.telegram.reading import read_call
from sandbox.telegram.world import World

__all__ = ["Call", "TelegramStandIn"]

_METHODS = sending.METHODS | editing.METHODS | asking.METHODS | webhook.METHODS
_LONGEST_POLL = 50  # seconds. Source: telegram-bot-api, LONG_POLL_MAX_TIMEOUT
_BROKEN_PROXY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that arrived, as plain values; of a file only its name and size are kept."""

    method: str
    values: dict[str, Any]


class TelegramStandIn(People):
    """Telegram on a loopback port, with one bot. `url` is what a program takes for https://api.telegram.org."""

    def __init__(
        self,
        token: str = "4200000042:AAH-stand-in-of-the-sandbox-no-secret",  # noqa: S107 - good for nothing else
        *,
        name: str = "Рупор",
        username: str = "rupor_bot",
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.url = ""
        self.faults = Faults()
        self.violations: list[str] = []
        self.calls: deque[Call] = deque(maxlen=2000)
        self.changed: Callable[[], None] = lambda: None
        bot = {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": name, "username": username}
        self.world = World(bot, clock, self._touch)
        self._host, self._port = host, port
        self._pulse = asyncio.Event()
        self._closing = asyncio.Event()
        self._poll = 0
        self._revoked = False
        self._stack = AsyncExitStack()

    # Lifetime

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/bot{token:[^/]+}/{method}", self._call)
        app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self._download)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.callback(self._let_go)
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self.url = f"http://{self._host}:{self._port}"
        # Not a TaskGroup: a test's fixture is entered and left by different tasks.
        courier = asyncio.get_running_loop().create_task(self._carry())
        self._stack.push_async_callback(_ended, courier)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _carry(self) -> None:
        async def act(method: str, given: dict[str, Any]) -> None:
            if name := bot_api().method(method):
                await self._act(name, given, {})

        await webhook.carry(self.world, self._next_change, act)

    def _touch(self) -> None:
        self._wake()
        self.changed()

    def _let_go(self) -> None:
        """End every call that waits, so that the server can stop at once."""
        self._closing.set()
        self._wake()

    def _wake(self) -> None:
        """Let everything that waits look again."""
        self._pulse.set()
        self._pulse = asyncio.Event()

    # State

    def snapshot(self) -> dict[str, Any]:
        """Return what a page shows: every chat with its messages, what the bot answered, what went wrong."""
        chats = [
            chat.card()
            | {
                "status": chat.status,
                "messages": list(chat.messages.values()),
                "pinned": list(chat.pinned),
                "reactions": {str(number): emoji for number, emoji in chat.reactions.items()},
                "action": self.world.actions.get(chat.id, ""),
            }
            for chat in self.world.chats.values()
        ]
        return {
            "bot": self.world.bot,
            "commands": asking.METHODS["getMyCommands"](self.world, {}),
            "people": [chat for chat in chats if chat["type"] == "private"],
            "channels": [chat for chat in chats if chat["type"] != "private"],
            "callback_answers": self.callback_answers[-20:],
            "violations": list(self.violations),
            "faults": [{"call": call, **asdict(fault)} for call, fault in self.faults.listing()],
        }

    def dump(self) -> dict[str, Any]:
        """Return everything worth keeping over a restart as JSON-able data."""
        return self.world.dump()

    def restore(self, dumped: dict[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.world.restore(dumped)

    def file(self, file_id: str) -> StoredFile:
        """Return a file with its bytes. Raises ApiError when there is none of that id."""
        return self.world.files.get(file_id)

    def revoke_token(self, *, revoked: bool = True) -> None:
        """Let every call be refused with 401, as after a token was revoked; or let it work again."""
        self._revoked = revoked

    # Serving

    async def _call(self, request: web.Request) -> web.StreamResponse:
        try:
            method = self._addressed(request)
            given, uploads = await read_call(request)
        except ApiError as error:
            return _answer(error.body(), error.code)
        fault = self.faults.take(method, self._target(given))
        if fault and (early := await self._before(request, fault)):
            return early
        body, status = await self._act(method, given, uploads)
        return await self._after(request, fault, body, status)

    def _addressed(self, request: web.Request) -> str:
        token = request.match_info["token"]
        number, colon, _ = token.partition(":")
        if not colon or not number.isdecimal():
            raise ApiError(404, "Not Found")
        if token != self.token or self._revoked:
            raise ApiError(401, "Unauthorized")
        method = bot_api().method(request.match_info["method"])
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        return method

    def _target(self, given: dict[str, Any]) -> str:
        target = str(given.get("chat_id", ""))
        chat = next((c for c in self.world.chats.values() if target in {str(c.id), f"@{c.username}"}), None)
        return f"{chat.id} @{chat.username}" if chat else target

    async def _act(self, method: str, given: dict[str, Any], uploads: dict[str, Upload]) -> tuple[dict[str, Any], int]:
        try:
            result = await self._result(method, given, uploads)
        except ApiError as error:
            return error.body(), error.code
        return {"ok": True, "result": result}, 200

    async def _result(self, method: str, given: dict[str, Any], uploads: dict[str, Upload]) -> Any:
        checked = bot_api().check(method, given, uploads)
        if method != "getUpdates":
            self.calls.append(Call(method, _without_bytes(checked.values)))
        if checked.violations:
            self.violations.extend(checked.violations)
            raise bad_request(checked.violations[0])
        if method == "getUpdates":
            return await self._get_updates(checked.values)
        act = _METHODS.get(method)
        return act(self.world, checked.values) if act else True

    # Polling

    async def _get_updates(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer with waiting updates, or wait for the first. A newer poll ends an older one with 409."""
        if webhook.address(self.world):
            words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise ApiError(409, f"Conflict: {words}")
        self._poll += 1
        mine = self._poll
        self._wake()
        if values.get("allowed_updates") is not None:
            self.world.allowed_updates = values["allowed_updates"]
        self.world.confirm(values.get("offset", 0))
        until = time.monotonic() + min(values.get("timeout", 0), _LONGEST_POLL)
        while not self.world.updates and (left := until - time.monotonic()) > 0:
            await self._next_change(left)
            if self._closing.is_set():
                return []
            if webhook.address(self.world):
                raise ApiError(409, "Conflict: terminated by setWebhook request")
            if mine != self._poll:
                words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise ApiError(409, f"Conflict: {words}")
        return self.world.updates[: values.get("limit") or 100]

    async def _next_change(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._pulse.wait()
        except TimeoutError:
            return

    # Downloads

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token or self._revoked:
            return _answer(ApiError(401, "Unauthorized").body(), 401)
        stored = self.world.files.at_path(request.match_info["path"])
        if stored is None:
            return _answer(ApiError(404, "Not Found").body(), 404)
        return web.Response(body=stored.data, content_type="application/octet-stream")

    # Faults

    async def _before(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        """Misbehave before acting; None when the call is to be carried out."""
        match fault.kind:
            case Kind.MAKES_WAIT:
                seconds = max(1, round(fault.seconds))
                error = ApiError(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
                return _answer(error.body(), 429)
            case Kind.REFUSES:
                error = ApiError(fault.code or 400, fault.text or "Bad Request: refused by the stand-in")
                return _answer(error.body(), error.code)
            case Kind.LOSES_RIGHTS:
                error = ApiError(fault.code or 401, fault.text or "Unauthorized")
                return _answer(error.body(), error.code)
            case Kind.DROPS_BEFORE:
                return _hang_up(request)
            case Kind.HANGS if fault.before:
                await self._closing.wait()
                return _hang_up(request)
            case Kind.DELAYS:
                await self._pause(fault.seconds)
        return None

    async def _after(
        self, request: web.Request, fault: Fault | None, body: dict[str, Any], status: int
    ) -> web.StreamResponse:
        """Answer, or misbehave after having acted."""
        answer = _answer(body, status)
        match fault.kind if fault else None:
            case Kind.HANGS:
                await self._closing.wait()
                return _hang_up(request)
            case Kind.DROPS_AFTER_REQUEST:
                return _hang_up(request)
            case Kind.BAD_GATEWAY:
                return web.Response(text=_BROKEN_PROXY, status=502, content_type="text/html")
            case Kind.HALF_ANSWER:
                text = answer.text or ""
                return web.Response(text=text[: len(text) // 2], content_type="application/json")
        return answer

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _answer(body: dict[str, Any], status: int) -> web.Response:
    return web.json_response(body, status=status)


def _hang_up(request: web.Request) -> web.Response:
    """Cut the line. The response that aiohttp wants in return reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _without_bytes(value: Any) -> Any:
    match value:
        case Upload():
            return {"file": value.name, "size": len(value.data)}
        case dict():
            return {name: _without_bytes(item) for name, item in value.items()}
        case list():
            return [_without_bytes(item) for item in value]
    return value
