"""Methods that put messages into chats: send…, copy…, forward…."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.spec import Upload
from sandbox.telegram.answers import ApiError, bad_request
from sandbox.telegram.files import StoredFile, check_upload, message_field
from sandbox.telegram.rich import rich_of
from sandbox.telegram.texts import CAPTION_LIMIT, TEXT_LIMIT, formatted
from sandbox.telegram.world import Chat, Message, World

__all__ = [
    "METHODS",
    "TOGETHER",
    "caption_of",
    "checked_keyboard",
    "file_content",
    "incoming_file",
    "rich_content",
    "text_of",
]

Values = dict[str, Any]

_ALBUM_LIMIT = 10
TOGETHER = ({"photo", "video", "live_photo"}, {"document"}, {"audio"})
"""Which kinds may share an album. Source: Bot API, sendMediaGroup."""
_SERVICE = {"pinned_message", "new_chat_title", "channel_chat_created"}
_CONTENT = {
    "text", "entities", "link_preview_options", "caption", "caption_entities", "show_caption_above_media",
    "has_media_spoiler", "photo", "video", "animation", "document", "audio", "voice", "sticker", "video_note",
    "rich_message",
}  # fmt: skip


# Content


def text_of(world: World, chat: Chat, values: Values) -> dict[str, Any]:
    """Return the text part of a message, cleaned and checked."""
    text, entities = formatted(
        values["text"],
        _own_entities(chat, values.get("entities", [])),
        values.get("parse_mode", ""),
        limit=TEXT_LIMIT,
    )
    content: dict[str, Any] = {"text": text}
    if kept := _with_people(world, entities):
        content["entities"] = kept
    if values.get("link_preview_options"):
        content["link_preview_options"] = values["link_preview_options"]
    return content


def caption_of(world: World, chat: Chat, values: Values) -> dict[str, Any]:
    """Return the caption part of a message, cleaned and checked."""
    text, entities = formatted(
        values.get("caption", ""),
        _own_entities(chat, values.get("caption_entities", [])),
        values.get("parse_mode", ""),
        limit=CAPTION_LIMIT,
        caption=True,
    )
    content: dict[str, Any] = {"caption": text} if text else {}
    if kept := _with_people(world, entities):
        content["caption_entities"] = kept
    for given, shown in (
        ("show_caption_above_media", "show_caption_above_media"),
        ("has_spoiler", "has_media_spoiler"),
    ):
        if values.get(given):
            content[shown] = True
    return content


def _own_entities(chat: Chat, entities: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop custom emoji in channels: a bot without a bought username may not use them there."""
    return [item for item in entities if chat.private or item["type"] != "custom_emoji"]


def _with_people(world: World, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep mentions of people whom the bot knows; the others fall away silently."""
    kept = []
    for item in entities:
        if item["type"] == "text_mention":
            person = world.chats.get(item.get("user", {}).get("id", 0))
            if person and person.private:
                kept.append({**item, "user": person.person()})
        else:
            kept.append(item)
    return kept


def rich_content(world: World, values: Values) -> dict[str, Any]:
    """Return the rich part of a message, checked."""
    return rich_of(values["rich_message"], lambda kind, given, shape: incoming_file(world, kind, given, shape))


def incoming_file(world: World, kind: str, given: Upload | str, values: Values) -> StoredFile:
    """Return the file that a parameter means: uploaded now, or known by its file_id."""
    if isinstance(given, Upload):
        width, height = check_upload(kind, given.data)
        return world.files.add(
            kind,
            given.name,
            given.mime_type,
            given.data,
            width=width or values.get("width", 0),
            height=height or values.get("height", 0),
            duration=values.get("duration", 0),
        )
    if given.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    return world.files.as_kind(given, kind)


def file_content(stored: StoredFile) -> dict[str, Any]:
    """Return the fields by which a message carries a file."""
    content = {stored.kind: message_field(stored)}
    if stored.kind == "animation":  # the Bot API repeats it for old programs
        content["document"] = {
            name: value for name, value in content["animation"].items() if name not in {"width", "height", "duration"}
        }
    return content


def checked_keyboard(values: Values) -> dict[str, Any]:
    """Return `reply_markup` as a message carries it: only an inline keyboard stays visible to the bot."""
    markup = values.get("reply_markup") or {}
    if "inline_keyboard" not in markup:
        return {}
    for button in (button for row in markup["inline_keyboard"] for button in row):
        data = button.get("callback_data")
        if data is not None and not 1 <= len(data.encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
        if len(button.keys() - {"text", "style", "icon_custom_emoji_id"}) != 1:
            raise bad_request("can't parse inline keyboard button: text buttons are unallowed in the inline keyboard")
    return {"reply_markup": markup} if any(markup["inline_keyboard"]) else {}


def _options(chat: Chat, values: Values, *, keyboard: bool = True) -> dict[str, Any]:
    content = checked_keyboard(values) if keyboard else {}
    if values.get("protect_content"):
        content["has_protected_content"] = True
    if chat.topics and values.get("message_thread_id"):  # passed over where there are no topics
        if values["message_thread_id"] not in chat.topics:
            raise bad_request("message thread not found")
        content |= {"message_thread_id": values["message_thread_id"], "is_topic_message": True}
    reply = values.get("reply_parameters") or {}
    if reply.get("message_id"):
        answered = chat.messages.get(reply["message_id"])
        if answered:
            content["reply_to_message"] = _quoted(answered)
        elif not reply.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
    return content


def _quoted(message: Message) -> Message:
    return {name: copy.deepcopy(value) for name, value in message.items() if name != "reply_to_message"}


# Methods


def _send_message(world: World, values: Values) -> Message:
    chat = world.writable(values["chat_id"])
    return world.post(chat, text_of(world, chat, values) | _options(chat, values))


def _send_rich_message(world: World, values: Values) -> Message:
    chat = world.writable(values["chat_id"])
    return world.post(chat, rich_content(world, values) | _options(chat, values))


def _sends(kind: str) -> Callable[[World, Values], Message]:
    def send(world: World, values: Values) -> Message:
        chat = world.writable(values["chat_id"])
        content = caption_of(world, chat, values) | _options(chat, values)
        return world.post(chat, file_content(incoming_file(world, kind, values[kind], values)) | content)

    return send


def _send_media_group(world: World, values: Values) -> list[Message]:
    chat = world.writable(values["chat_id"])
    media = values["media"]
    _check_album(media)
    options = _options(chat, values, keyboard=False) | {"media_group_id": world.new_group_id()}
    contents = []
    for number, item in enumerate(media, 1):
        caption = caption_of(world, chat, item)
        try:
            stored = incoming_file(world, item["type"], item["media"], item)
        except ApiError as error:
            raise _of_item(number, error) from error
        contents.append(file_content(stored) | caption | options)
    return [world.post(chat, content) for content in contents]


def _check_album(media: list[dict[str, Any]]) -> None:
    if not 2 <= len(media) <= _ALBUM_LIMIT:
        raise bad_request("too many messages to send as an album" if len(media) > 1 else "group send failed")
    kinds = {item["type"] for item in media}
    if not any(kinds <= allowed for allowed in TOGETHER):
        raise bad_request("can't use the media of the specified type in the album")
    if len({bool(item.get("show_caption_above_media")) for item in media}) > 1:
        raise bad_request("all messages in an album must have the same value of show_caption_above_media")


def _of_item(number: int, error: ApiError) -> ApiError:
    """Name the item of an album that failed, where the server finds out only while sending."""
    words = error.description.removeprefix("Bad Request: ")
    if error.code != 400 or not words.isupper():
        return error
    return bad_request(f'failed to send message #{number} with the error message "{words}"')


def _source(world: World, values: Values, message_id: int, verb: str, done: str) -> Message:
    chat = world.find(values["from_chat_id"])
    if not chat.private:
        world.accessible(chat)
    message = world.message(chat, message_id, f"message to {verb}")
    if message.get("has_protected_content"):
        raise bad_request(f"message has protected content and can't be {done}")
    if _SERVICE & message.keys():
        raise bad_request(f"message can't be {done}")
    return message


def _content(message: Message) -> dict[str, Any]:
    return {name: copy.deepcopy(value) for name, value in message.items() if name in _CONTENT}


def _copy_message(world: World, values: Values) -> dict[str, Any]:
    chat = world.writable(values["chat_id"])
    content = _content(_source(world, values, values["message_id"], "copy", "copied"))
    if "caption" in values and "text" not in content:
        for name in ("caption", "caption_entities", "show_caption_above_media"):
            content.pop(name, None)
        content |= caption_of(world, chat, values)
    return {"message_id": world.post(chat, content | _options(chat, values))["message_id"]}


def _forward_message(world: World, values: Values) -> Message:
    chat = world.writable(values["chat_id"])
    source = _source(world, values, values["message_id"], "forward", "forwarded")
    return world.post(chat, _content(source) | {"forward_origin": _origin(source)} | _options(chat, values))


def _origin(source: Message) -> dict[str, Any]:
    if "forward_origin" in source:
        return dict(source["forward_origin"])
    if source["chat"]["type"] == "channel":
        return {"type": "channel", "date": source["date"], "chat": source["chat"], "message_id": source["message_id"]}
    return {"type": "user", "date": source["date"], "sender_user": source["from"]}


def _several(one: Callable[[World, Values], dict[str, Any]]) -> Callable[[World, Values], list[dict[str, Any]]]:
    """Make the plural of a copying method: albums stay albums, and what is missing is skipped."""

    def many(world: World, values: Values) -> list[dict[str, Any]]:
        source = world.find(values["from_chat_id"])
        ids = values["message_ids"]
        if not 1 <= len(ids) <= 100:
            raise bad_request("too many message identifiers specified" if ids else "there are no messages to forward")
        if ids != sorted(set(ids)):
            raise bad_request("message identifiers must be in a strictly increasing order")
        chat = world.writable(values["chat_id"])
        groups: dict[str, str] = {}
        done = []
        for message_id in ids:
            if message_id not in source.messages:
                continue
            sent = one(world, {**values, "message_id": message_id})
            if group := source.messages[message_id].get("media_group_id"):
                new = groups.setdefault(group, "") or world.new_group_id()
                groups[group] = chat.messages[sent["message_id"]]["media_group_id"] = new
            done.append({"message_id": sent["message_id"]})
        if not done:
            raise bad_request("there are no messages to forward")
        return done

    return many


def _send_chat_action(world: World, values: Values) -> bool:
    chat = world.find(values["chat_id"])
    world.accessible(chat)
    world.actions[chat.id] = values["action"]
    world.touched()
    return True


METHODS: dict[str, Callable[[World, Values], Any]] = {
    "sendMessage": _send_message,
    "sendRichMessage": _send_rich_message,
    "sendMediaGroup": _send_media_group,
    "copyMessage": _copy_message,
    "copyMessages": _several(_copy_message),
    "forwardMessage": _forward_message,
    "forwardMessages": _several(_forward_message),
    "sendChatAction": _send_chat_action,
    **{
        f"send{name}": _sends(kind)
        for name, kind in (
            ("Photo", "photo"),
            ("Video", "video"),
            ("Animation", "animation"),
            ("Document", "document"),
            ("Audio", "audio"),
            ("Voice", "voice"),
            ("Sticker", "sticker"),
        )
    },
}
