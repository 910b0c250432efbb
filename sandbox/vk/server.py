"""The network side: requests in, answers or misbehaviour out."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.web_request import FileField

from sandbox.faults import Fault, Faults, Kind
from sandbox.vk import spec
from sandbox.vk.identity import Grant, VkId
from sandbox.vk.things import Community, Media, Token, Upload, WallPost
from sandbox.vk.world import CHANGING, GuidRepeat, VkError, VkWorld, refused_upload

LARGEST_REQUEST = 256 * 2**20
CALLS_KEPT = 1000
EVERY_USER_RIGHT = ("wall", "photos", "docs", "video", "groups", "stats")
EVERY_COMMUNITY_RIGHT = ("wall", "photos", "docs", "manage")

_UPLOAD_FIELDS = {"photo": "photo", "doc": "file", "video": "video_file"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method as it arrived, without its token. `target` is the wall or community it is about."""

    method: str
    values: Mapping[str, str]
    target: str


class VkStandIn:
    """VK's API and upload servers on a free loopback port.

    Faults are looked up under the method's name ("wall.post") and under "upload.photo", "upload.doc" and
    "upload.video"; their `match` is compared with the owner id of the wall ("-123").
    """

    def __init__(
        self,
        *,
        port: int = 0,
        faults: Faults | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.faults = faults or Faults()
        self.world = VkWorld(now)
        self.identity = VkId(lambda: self.world.tokens, now)
        self.violations: list[str] = []
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.changed: Callable[[], None] = lambda: None
        self._port = port
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.add_routes(
            [
                web.post("/method/{name}", self._method),
                web.get("/method/{name}", self._method_by_get),
                web.post("/upload/{ticket}", self._upload),
                web.get("/media/{name}", self._media),
                web.post("/oauth2/auth", self._oauth2),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.upload_url = lambda ticket: f"{self.url}/upload/{ticket}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address to use for `https://api.vk.ru`."""
        return f"http://127.0.0.1:{self._port}"

    # Furnishing

    def add_community(self, group_id: int, name: str, *, screen_name: str = "", closed: bool = False) -> Community:
        """Open a community with an empty wall."""
        community = Community(id=group_id, name=name, screen_name=screen_name or f"club{group_id}", closed=closed)
        self.world.communities[group_id] = community
        self.changed()
        return community

    def add_community_token(self, text: str, group_id: int, *, rights: Sequence[str] = EVERY_COMMUNITY_RIGHT) -> None:
        """Make `text` a key of a community. `rights` are names from COMMUNITY_RIGHTS."""
        self.world.tokens[text] = Token(kind="group", owner_id=group_id, rights=frozenset(rights))

    def add_user_token(
        self,
        text: str,
        user_id: int,
        *,
        administers: Sequence[int] = (),
        rights: Sequence[str] = EVERY_USER_RIGHT,
        from_vk_id: bool = False,
    ) -> None:
        """Make `text` a token of a person. One from VK ID is of no use for walls: error 1051."""
        self.world.tokens[text] = Token(
            kind="user",
            owner_id=user_id,
            rights=frozenset(rights),
            administers=frozenset(administers),
            from_vk_id=from_vk_id,
        )

    def add_vk_id(
        self,
        refresh_token: str,
        user_id: int,
        *,
        client_id: str,
        device_id: str,
        administers: Sequence[int] = (),
        rights: Sequence[str] = EVERY_USER_RIGHT,
    ) -> None:
        """Let `refresh_token` be exchanged at /oauth2/auth for tokens of a person, good for an hour each."""
        token = Token("user", user_id, frozenset(rights), frozenset(administers))
        self.identity.allow(refresh_token, Grant(client_id, device_id, token))

    def add_service_token(self, text: str) -> None:
        """Make `text` the service key of some application."""
        self.world.tokens[text] = Token(kind="service")

    def revoke(self, text: str) -> None:
        """Delete a key: from now on it gets error 5."""
        self.world.tokens.pop(text, None)

    def pin(self, group_id: int, post_id: int) -> None:
        """Let a post stand above all others of its wall."""
        self.world.communities[group_id].pinned = post_id
        self.changed()

    @property
    def guid_repeat(self) -> GuidRepeat:
        """How a repeated guid is answered: see GuidRepeat."""
        return self.world.guid_repeat

    @guid_repeat.setter
    def guid_repeat(self, value: GuidRepeat) -> None:
        self.world.guid_repeat = value

    # Looking

    def posts(self, group_id: int) -> list[WallPost]:
        """Return a community's wall, oldest post first."""
        return self.world.communities[group_id].posts

    def media(self, name: str) -> Media | None:
        """Return an uploaded file by its attachment name, such as "photo-1_2"."""
        return self.world.media.get(name)

    def snapshot(self) -> Json:
        """Return what a visitor sees, newest post first, as plain JSON data. Addresses lead to this server."""
        return {
            "communities": [
                {
                    "id": community.id,
                    "name": community.name,
                    "screen_name": community.screen_name,
                    "link": f"https://vk.com/{community.screen_name}",
                    "posts": [self._seen(community, post) for post in reversed(community.posts)],
                }
                for community in self.world.communities.values()
            ],
            "violations": list(self.violations),
        }

    def _seen(self, community: Community, post: WallPost) -> Json:
        media = [self.world.media[name] for name in post.attachments if name in self.world.media]
        return {
            "id": post.id,
            "link": f"https://vk.com/wall-{community.id}_{post.id}",
            "date": post.date.isoformat(),
            "edited": post.edited.isoformat() if post.edited else None,
            "text": post.text,
            "photos": [self._address(one) for one in media if one.kind == "photo"],
            "videos": [{"title": one.title, "url": self._address(one)} for one in media if one.kind == "video"],
            "docs": [
                {"title": one.title, "url": self._address(one), "size": len(one.content), "mime_type": one.mime_type}
                for one in media
                if one.kind == "doc"
            ],
        }

    def _address(self, media: Media) -> str:
        return f"{self.url}/media/{media.name}"

    def dump(self) -> Json:
        """Return the whole state as plain JSON data, bytes in base64."""
        return self.world.dump()

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Take over what `dump` returned."""
        self.world.restore(dumped)
        self.changed()

    # Methods

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["name"]
        fields = await _fields(request)
        token = _token_of(request, fields)
        call = self._recorded(method, fields, token)
        fault = self.faults.take(method, call.target)
        return await self._reply(
            request,
            fault,
            act=lambda: self._answer(call, fields, token, from_address="access_token" in request.query),
            refusal=lambda fault: _error(_refusal(fault), call),
        )

    async def _method_by_get(self, request: web.Request) -> web.StreamResponse:
        self.violations.append(f"{request.match_info['name']}: called by GET")
        call = Call(method=request.match_info["name"], values={}, target="")
        return web.json_response(_error(VkError(5, "User authorization failed: no access_token passed."), call))

    def _recorded(self, method: str, fields: Mapping[str, Sequence[str]], token: str) -> Call:
        values = {name: given[-1] for name, given in fields.items() if name != "access_token"}
        known = self.world.tokens.get(token)
        group_id = values.get("group_id") or (known.owner_id if known is not None and known.kind == "group" else 0)
        call = Call(method=method, values=values, target=values.get("owner_id") or f"-{group_id}")
        self.calls.append(call)
        return call

    def _answer(self, call: Call, fields: Mapping[str, Sequence[str]], token: str, *, from_address: bool) -> Json:
        if from_address:
            self.violations.append(f"{call.method}: the token is in the address")
        try:
            self._hold_against_spec(call, fields)
            response = self.world.call(call.method, token, call.values)
        except VkError as error:
            return _error(error, call)
        if call.method in CHANGING:
            self.changed()
        return {"response": response}

    def _hold_against_spec(self, call: Call, fields: Mapping[str, Sequence[str]]) -> None:
        problem: VkError | None = None
        if not spec.knows(call.method):
            problem = VkError(3, "Unknown method passed.")
        elif "v" not in fields:
            problem = VkError(8, "Invalid request: v (version) is required")
        elif call.values["v"] != spec.api_version():
            problem = VkError(8, f"Invalid request: the stand-in speaks version {spec.api_version()} only")
        elif complaints := list(spec.complaints(call.method, fields)):
            problem = VkError(100, f"One of the parameters specified was missing or invalid: {'; '.join(complaints)}")
        if problem is not None:
            self.violations.append(f"{call.method}: {problem.text}")
            raise problem

    # Upload servers

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        upload = self.world.ticket(request.match_info["ticket"])
        if upload is None:
            return web.json_response({"error": "invalid upload address"})
        form = await request.post()
        if "Authorization" in request.headers or "access_token" in {*form, *request.query}:
            self.violations.append(f"upload.{upload.kind}: the token was sent to the upload host")
        file = form.get(_UPLOAD_FIELDS[upload.kind])
        if isinstance(file, FileField):
            with file.file:
                content = file.file.read()
            file_name, mime_type = file.filename, file.content_type
        else:
            self.violations.append(f"upload.{upload.kind}: no file in the field {_UPLOAD_FIELDS[upload.kind]}")
            content, file_name, mime_type = b"", "", ""
        return await self._reply(
            request,
            self.faults.take(f"upload.{upload.kind}", str(upload.owner_id)),
            act=lambda: self.world.put(upload, file_name, mime_type, content),
            refusal=lambda fault: _upload_refusal(fault, upload),
        )

    async def _oauth2(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        self.calls.append(Call(method="oauth2/auth", values=dict.fromkeys(form, ""), target=""))
        fault = self.faults.take("oauth2/auth")
        if fault is None or fault.kind is Kind.DELAYS:
            await self._rest(fault.seconds if fault else 0)
            status, answer = self.identity.exchange(form)
            self.violations += self.identity.violations
            self.identity.violations.clear()
            return web.json_response(answer, status=status)
        return await self._reply(
            request,
            fault,
            act=lambda: self.identity.exchange(form)[1],
            refusal=lambda fault: {"error": fault.text or "invalid_grant", "error_description": "refused"},
        )

    async def _media(self, request: web.Request) -> web.Response:
        media = self.media(request.match_info["name"])
        if media is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": media.mime_type or "application/octet-stream", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=media.content, headers=headers)

    # Misbehaviour

    async def _reply(
        self,
        request: web.Request,
        fault: Fault | None,
        *,
        act: Callable[[], Json],
        refusal: Callable[[Fault], Json],
    ) -> web.StreamResponse:
        if fault is not None and fault.kind is Kind.DELAYS:
            await self._rest(fault.seconds)
            fault = None
        if fault is None:
            return web.json_response(act())
        if fault.kind in (Kind.MAKES_WAIT, Kind.REFUSES, Kind.LOSES_RIGHTS):
            return web.json_response(refusal(fault))
        answer = {} if fault.before or fault.kind is Kind.DROPS_BEFORE else act()
        return await self._useless(request, fault.kind, answer)

    async def _useless(self, request: web.Request, kind: Kind, answer: Json) -> web.StreamResponse:
        match kind:
            case Kind.BAD_GATEWAY:
                page = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case Kind.HALF_ANSWER:
                text = json.dumps(answer)
                return web.Response(text=text[: len(text) // 2], content_type="application/json")
            case Kind.HANGS:
                await self._closing.wait()
        return _cut(request)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


async def _fields(request: web.Request) -> dict[str, list[str]]:
    """Read a form or a multipart body, and the address. VK reads no JSON, so neither do we."""
    fields: dict[str, list[str]] = {}
    for source in (request.query, await request.post()):
        for name, value in source.items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
    return fields


def _token_of(request: web.Request, fields: Mapping[str, Sequence[str]]) -> str:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return bearer if scheme == "Bearer" else fields.get("access_token", [""])[0]


def _error(error: VkError, call: Call) -> Json:
    echoed = {"method": call.method, "oauth": "1", **call.values}
    request_params = [{"key": key, "value": value} for key, value in echoed.items()]
    return {
        "error": {"error_code": error.code, "error_msg": error.text, **error.extra, "request_params": request_params}
    }


def _refusal(fault: Fault) -> VkError:
    match fault.kind:
        case Kind.MAKES_WAIT:
            return VkError(fault.code or 6, fault.text or "Too many requests per second")
        case Kind.LOSES_RIGHTS:
            return VkError(5, fault.text or "User authorization failed: invalid access_token (4).")
        case _:
            code = fault.code or 214
            return VkError(code, fault.text, **_extra(code))


def _extra(code: int) -> dict[str, str]:
    page = "https://id.vk.com/not_robot_captcha?session_token=stand-in"
    match code:
        case 14:
            return {"captcha_sid": "1", "captcha_img": "https://api.vk.ru/captcha.php?sid=1", "redirect_uri": page}
        case 17:
            return {"redirect_uri": page}
        case _:
            return {}


def _upload_refusal(fault: Fault, upload: Upload) -> Json:
    return {"error": fault.text} if fault.text else refused_upload(upload.kind)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
