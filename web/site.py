"""The HTTP face: health, readiness, and the page that takes an address off a mailing list."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from jinja2 import Environment, PackageLoader

from delivery.database import Database
from delivery.member import SuppressionReason
from delivery.store import erasure, lists
from web import tokens

_log = structlog.get_logger()
_pages = Environment(loader=PackageLoader("web"), autoescape=True)
_SCOPE, _ALL = "scope", "all"  # a field of the form, and its word for every list
_LARGEST_BODY = 1024 * 1024  # an update with its longest text and all its entities is a tenth of this

Check = Callable[[], Awaitable[bool]]
Hook = Callable[[str, bytes], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages need. `ready` names each thing that must hold before the service is of use.

    `hook`, where updates are brought by Telegram, takes (secret, body) and returns the status to answer.
    """

    database: Database
    secret: str = field(repr=False)
    now: Callable[[], datetime]
    ready: Mapping[str, Check] = field(default_factory=dict)
    hook: Hook | None = None


def application(site: Site) -> web.Application:
    """Make the web application."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    app[_SITE] = site
    app.router.add_get("/health", _health)
    app.router.add_get("/ready", _ready)
    app.router.add_get("/u/{token}", _ask)
    app.router.add_post("/u/{token}", _unsubscribe)
    if site.hook is not None:
        app.router.add_post("/telegram/webhook", _webhook)
    return app


_SITE = web.AppKey("site", Site)


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"alive": True})


async def _ready(request: web.Request) -> web.Response:
    found = {name: await check() for name, check in request.app[_SITE].ready.items()}
    return web.json_response(found, status=200 if all(found.values()) else 503)


async def _webhook(request: web.Request) -> web.Response:
    """Hand an update to the bot. Source: Bot API, setWebhook, secret_token."""
    hook = request.app[_SITE].hook
    secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
    status = 404 if hook is None else await hook(secret, await request.read())
    return web.Response(status=status)


async def _ask(request: web.Request) -> web.Response:
    """Show a button. Link scanners open every address in a letter, so GET must change nothing (RFC 8058, 3.2)."""
    named = await _named(request)
    if named is None:
        return _page("unknown.html.jinja", status=404)
    return _page("ask.html.jinja", address=named[0], list_name=named[2], scope=_SCOPE, all=_ALL)


async def _unsubscribe(request: web.Request) -> web.Response:
    """Take the address off at once: this is what a mailbox provider posts too, without cookies (RFC 8058, 3.2).

    Off the list of the letter, unless the page's other button asked for all of them.
    """
    named = await _named(request)
    if named is None:
        return _page("unknown.html.jinja", status=404)
    address, list_key, list_name = named
    everything = await _asks_for_all(request)
    site = request.app[_SITE]
    async with site.database.writing() as tx:
        if await erasure.among(tx, [address]):  # forgotten already: writing it down again would undo that
            fresh = False
        else:
            key = "" if everything else list_key
            fresh = await lists.suppress(tx, address, key, reason=SuppressionReason.UNSUBSCRIBED, now=site.now())
    _log.info("recipient.unsubscribed", list=list_key, everything=everything, fresh=fresh)
    return _page("done.html.jinja", address=address, list_name=list_name, everything=everything)


async def _asks_for_all(request: web.Request) -> bool:
    """Read the form. One that cannot be read stands for the list of the letter: nobody is kept on it by a bad form."""
    try:
        form = await request.post()
    except (ValueError, LookupError, HttpProcessingError, web.HTTPException):
        return False
    return form.get(_SCOPE) == _ALL


async def _named(request: web.Request) -> tuple[str, str, str] | None:
    site = request.app[_SITE]
    named = tokens.read(site.secret, request.match_info["token"])
    if named is None:
        return None
    address, list_key = named
    async with site.database.reading() as tx:
        names = await lists.names(tx, [list_key])
    return address, list_key, names.get(list_key, list_key)


def _page(template: str, status: int = 200, **values: str | bool) -> web.Response:
    text = _pages.get_template(template).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})
