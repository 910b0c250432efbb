"""Hears at once when the bot loses its place in a chat that it posts to, or gains it again.

Without this the first delivery would find out. So nothing is stored beforehand: news that a crash swallows costs only
that. Source: Bot API, Update.my_chat_member, ChatMember.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import Chat, ChatMemberUpdated, TelegramObject, Update

from bot.face import Face
from channels.contract import Reason
from delivery import retry
from delivery.store import holds

__all__ = ["Membership"]

_log = structlog.get_logger()
_KIND = "telegram"
_AWAY = {ChatMemberStatus.LEFT, ChatMemberStatus.KICKED}

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Membership(BaseMiddleware):
    """Stands before the door: whoever changes the bot's rights need not be known to it."""

    def __init__(self, face: Face) -> None:
        self._face = face

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Heed what is about the bot's own place, pass everything else on."""
        if isinstance(event, Update) and event.my_chat_member is not None:
            await _heed(self._face, event.my_chat_member)
            return None
        return await handler(event, data)


async def _heed(face: Face, change: ChatMemberUpdated) -> None:
    """Hold the channels of a chat where the bot may no longer post, or let them go on."""
    may = _may_post(change.chat, change.new_chat_member)
    for channel in _channels_of(face, change.chat):
        async with face.desk.database.writing() as tx:
            held = await holds.hold_of(tx, channel)
            ours = held is not None and held.reason is Reason.NO_RIGHT_TO_POST
            if may and ours:
                await holds.open_again(tx, channel)
            elif not may and not ours:
                now = face.desk.now()
                await holds.close(
                    tx,
                    channel,
                    reason=Reason.NO_RIGHT_TO_POST,
                    detail=f"{change.old_chat_member.status} → {change.new_chat_member.status}",
                    retry_at=now + retry.hold_pause(Reason.NO_RIGHT_TO_POST, 1),
                    tell=True,
                    now=now,
                )
        _log.info("bot.place_changed", channel=channel, may_post=may)
        face.poke()


def _channels_of(face: Face, chat: Chat) -> list[str]:
    """Return the keys of the channels that post to a chat. In a person's chat a block concerns that person alone."""
    if chat.type == ChatType.PRIVATE:
        return []
    names = {str(chat.id), f"@{chat.username}".lower()}
    return [
        key
        for key, channel in face.desk.channels.items()
        if face.kinds.get(key) == _KIND and (channel.address or "").lower() in names
    ]


def _may_post(chat: Chat, member: Any) -> bool:
    """Tell whether that place allows posting: a channel's administrators may with the right, a group's members may."""
    if member.status == ChatMemberStatus.CREATOR:
        return True
    if chat.type == ChatType.CHANNEL:
        return bool(getattr(member, "can_post_messages", False))
    return member.status not in _AWAY and getattr(member, "can_send_messages", True) is not False
