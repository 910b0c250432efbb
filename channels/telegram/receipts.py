"""What Telegram's answer proves: the ids of the messages it took, and a link for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiogram.types import Chat, ChatFullInfo, Message

from channels.contract import Receipt

__all__ = ["link_to", "receipt_at", "receipt_for", "receipt_made_out"]

_SUPERGROUP = "-100"


@dataclass(frozen=True, slots=True)
class _Taken:
    message_id: int
    chat_id: int
    username: str | None


def receipt_for(messages: Sequence[Message]) -> Receipt:
    """Return the proof for one message, or for those of an album."""
    return _receipt([_Taken(message.message_id, message.chat.id, message.chat.username) for message in messages])


def receipt_at(chat: Chat | ChatFullInfo, message_ids: Sequence[int]) -> Receipt:
    """Return the same proof for messages that were found in a chat."""
    return _receipt([_Taken(message_id, chat.id, chat.username) for message_id in message_ids])


def receipt_made_out(answer: Any) -> Receipt | None:
    """Read the proof out of an answer that is newer than the library and was not understood as a whole."""
    try:
        result = answer["result"] if answer["ok"] is True else []
        messages = result if isinstance(result, list) else [result]
        taken = [
            _Taken(int(message["message_id"]), int(message["chat"]["id"]), message["chat"].get("username"))
            for message in messages
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return _receipt(taken) if taken else None


def _receipt(taken: Sequence[_Taken]) -> Receipt:
    """Build the receipt. A message id of 0 means: taken, but its id is not known yet. Source: Bot API, Message."""
    known = [message for message in taken if message.message_id]
    if not known:
        return Receipt(detail="accepted, id unknown")
    first = known[0]
    ids = tuple(str(message.message_id) for message in known)
    return Receipt(ids, link_to(first.chat_id, first.username, first.message_id))


def link_to(chat_id: int, username: str | None, message_id: int) -> str | None:
    """Return the address under which people open a post; None for chats that have no such addresses."""
    if username:
        return f"https://t.me/{username}/{message_id}"
    number = str(chat_id)
    return f"https://t.me/c/{number.removeprefix(_SUPERGROUP)}/{message_id}" if number.startswith(_SUPERGROUP) else None
