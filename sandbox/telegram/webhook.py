"""The other way to get updates: Telegram calls the bot.

As with one's own Bot API server, plain http addresses are allowed. Source: Bot API, setWebhook, "Using a Local Bot API
Server"; telegram-bot-api, WebhookActor.cpp (what is not answered with 2xx is repeated with growing pauses).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from sandbox.telegram.answers import bad_request
from sandbox.telegram.world import World

__all__ = ["METHODS", "address", "carry"]

Values = dict[str, Any]

_SLOT = "webhook"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 60.0  # seconds
_PATIENCE = ClientTimeout(total=60)


def address(world: World) -> str:
    """Return where updates are taken; empty when the bot has to ask for them."""
    return str(world.settings.get(_SLOT, {}).get("url", ""))


def _set(world: World, values: Values) -> bool:
    url = values["url"]
    if url and not url.startswith(("http://", "https://")):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if values.get("drop_pending_updates"):
        world.updates.clear()
    if values.get("allowed_updates") is not None:
        world.allowed_updates = values["allowed_updates"]
    world.settings[_SLOT] = {"url": url, "secret_token": values.get("secret_token", "")}
    world.touched()
    return True


def _delete(world: World, values: Values) -> bool:
    return _set(world, {"url": "", "drop_pending_updates": values.get("drop_pending_updates", False)})


def _info(world: World, _values: Values) -> dict[str, Any]:
    info = {"url": address(world), "has_custom_certificate": False, "pending_update_count": len(world.updates)}
    return info | {"allowed_updates": world.allowed_updates} if world.allowed_updates else info


METHODS: dict[str, Callable[[World, Values], Any]] = {
    "setWebhook": _set,
    "deleteWebhook": _delete,
    "getWebhookInfo": _info,
}


async def carry(
    world: World,
    next_change: Callable[[float], Awaitable[None]],
    act: Callable[[str, dict[str, Any]], Awaitable[object]],
) -> None:
    """Carry updates to the bot, one after the other, until cancelled. A method in the bot's reply is carried out."""
    pause = _FIRST_PAUSE
    async with ClientSession(timeout=_PATIENCE) as session:
        while True:
            if not (address(world) and world.updates):
                await next_change(_LONGEST_PAUSE)
            elif (reply := await _delivered(session, world, world.updates[0])) is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                world.confirm(world.updates[0]["update_id"] + 1)
                world.touched()
                pause = _FIRST_PAUSE
                if "method" in reply:
                    await act(reply.pop("method"), reply)


async def _delivered(session: ClientSession, world: World, update: dict[str, Any]) -> dict[str, Any] | None:
    """Post an update. Returns the bot's reply, or None when it was not taken."""
    hook = world.settings[_SLOT]
    headers = {"X-Telegram-Bot-Api-Secret-Token": hook["secret_token"]} if hook["secret_token"] else {}
    try:
        async with session.post(hook["url"], json=update, headers=headers) as response:
            if not response.ok:
                return None
            reply = await response.json() if response.content_type == "application/json" else None
            return reply if isinstance(reply, dict) else {}
    except (ClientError, TimeoutError, ValueError):
        return None
