"""Methods that change or remove what is already there: edit…, delete…, pin…, reactions."""

import copy
from collections.abc import Callable
from typing import Any

from sandbox.telegram.answers import bad_request
from sandbox.telegram.sending import (
    TOGETHER,
    caption_of,
    checked_keyboard,
    file_content,
    incoming_file,
    rich_content,
    text_of,
)
from sandbox.telegram.world import Chat, Message, World

__all__ = ["METHODS"]

Values = dict[str, Any]

_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
_DELETABLE_FOR = 48 * 3600  # seconds. Source: Bot API, deleteMessage
_MEDIA = {"photo", "video", "animation", "document", "audio"}
_TEXT = {"text", "entities", "link_preview_options", "rich_message"}
_CAPTION = {"caption", "caption_entities", "show_caption_above_media"}


def _editable(world: World, values: Values) -> tuple[Chat, Message]:
    if "chat_id" not in values or "message_id" not in values:
        raise bad_request("message identifier is not specified")
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    message = world.message(chat, values["message_id"], "message to edit")
    if not _may_edit(world, chat, message):
        raise bad_request("message can't be edited")
    return chat, message


def _may_edit(world: World, chat: Chat, message: Message) -> bool:
    if "forward_origin" in message or "pinned_message" in message:
        return False
    if chat.type != "channel":
        return bool(message["from"]["id"] == world.bot["id"])
    right = "can_edit_messages" if message["message_id"] in chat.foreign else "can_post_messages"
    return chat.status == "administrator" and bool(chat.rights.get(right))


def _change(world: World, message: Message, replaced: set[str], content: dict[str, Any], values: Values) -> Message:
    """Put `content` in place of the fields `replaced`; an edit without a keyboard removes the keyboard."""
    new = {name: value for name, value in message.items() if name not in replaced | {"reply_markup", "edit_date"}}
    new |= content | checked_keyboard(values)
    if new == {name: value for name, value in message.items() if name != "edit_date"}:
        raise bad_request(_NOT_MODIFIED)
    message.clear()
    message |= new | {"edit_date": int(world.clock())}
    world.touched()
    return message


def _edit_text(world: World, values: Values) -> Message:
    chat, message = _editable(world, values)
    if not _TEXT & message.keys():
        raise bad_request("there is no text in the message to edit")
    content = rich_content(world, values) if "rich_message" in values else text_of(world, chat, values)
    return _change(world, message, _TEXT, content, values)


def _edit_caption(world: World, values: Values) -> Message:
    chat, message = _editable(world, values)
    if not _MEDIA & message.keys():
        raise bad_request("there is no caption in the message to edit")
    return _change(world, message, _CAPTION, caption_of(world, chat, values), values)


def _edit_media(world: World, values: Values) -> Message:
    chat, message = _editable(world, values)
    media = values["media"]
    if "media_group_id" in message and not _may_stand_beside(media["type"], message):
        raise bad_request("can't use the media of the specified type in the album")
    content = file_content(incoming_file(world, media["type"], media["media"], media)) | caption_of(world, chat, media)
    return _change(world, message, _TEXT | _CAPTION | _MEDIA, content, values)


def _may_stand_beside(kind: str, message: Message) -> bool:
    """Whether an item of an album may become one of that kind. Source: Bot API, editMessageMedia."""
    return any(kind in kinds and kinds & message.keys() for kinds in TOGETHER)


def _edit_reply_markup(world: World, values: Values) -> Message:
    _, message = _editable(world, values)
    return _change(world, message, set(), {}, values)


def _delete_message(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    message = world.message(chat, values["message_id"], "message to delete")
    _refuse_undeletable(world, chat, message)
    del chat.messages[message["message_id"]]
    world.touched()
    return True


def _refuse_undeletable(world: World, chat: Chat, message: Message) -> None:
    if world.clock() - message["date"] > _DELETABLE_FOR:
        raise bad_request("message can't be deleted for everyone")
    if chat.type != "channel":
        return
    allowed = chat.status == "administrator" and (
        chat.rights.get("can_delete_messages")
        or (chat.rights.get("can_post_messages") and message["message_id"] not in chat.foreign)
    )
    if not allowed:
        raise bad_request("message can't be deleted")


def _delete_messages(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    if not 1 <= len(values["message_ids"]) <= 100:
        raise bad_request("too many message identifiers specified")
    present = [message_id for message_id in values["message_ids"] if message_id in chat.messages]
    for message_id in present:
        _refuse_undeletable(world, chat, chat.messages[message_id])
    for message_id in present:
        _delete_message(world, {"chat_id": chat.id, "message_id": message_id})
    return True


def _pin(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    message = world.message(chat, values["message_id"], "message to pin")
    right = {"channel": "can_edit_messages", "private": ""}.get(chat.type, "can_pin_messages")
    if right and not (chat.status == "administrator" and chat.rights.get(right)):
        raise bad_request("not enough rights to manage pinned messages in the chat")
    if message["message_id"] not in chat.pinned:
        chat.pinned.append(message["message_id"])
        world.post(chat, {"pinned_message": copy.deepcopy(message)})
    return True


def _unpin(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    unpinned = values.get("message_id") or (chat.pinned[-1] if chat.pinned else 0)
    if unpinned not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned.remove(unpinned)
    world.touched()
    return True


def _react(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    world.message(chat, values["message_id"], "message to react")
    chat.reactions[values["message_id"]] = [item.get("emoji", "") for item in values.get("reaction", [])]
    world.touched()
    return True


def _answer_callback(world: World, values: Values) -> bool:
    pressed_by = world.callbacks.get(values["callback_query_id"])
    if pressed_by is None:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if len(values.get("text", "")) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    world.callback_answers.append({"user_id": pressed_by, "text": "", "show_alert": False, **values})
    world.touched()
    return True


METHODS: dict[str, Callable[[World, Values], Any]] = {
    "editMessageText": _edit_text,
    "editMessageCaption": _edit_caption,
    "editMessageMedia": _edit_media,
    "editMessageReplyMarkup": _edit_reply_markup,
    "deleteMessage": _delete_message,
    "deleteMessages": _delete_messages,
    "pinChatMessage": _pin,
    "unpinChatMessage": _unpin,
    "setMessageReaction": _react,
    "answerCallbackQuery": _answer_callback,
}
