"""What people do in their Telegram apps: write, send files, press buttons, block the bot, change its rights."""

import asyncio
import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sandbox.telegram.asking import bot_member
from sandbox.telegram.sending import file_content
from sandbox.telegram.texts import CAPTION_LIMIT, cut_like_an_app, formatted, units
from sandbox.telegram.world import ADMINISTRATOR, Chat, Message, World

__all__ = ["AlbumItem", "People"]

AlbumItem = tuple[str, str, bytes, str]  # kind, name, bytes, MIME type
Found = TypeVar("Found")

_ANY_LENGTH = 1 << 15


class People:
    """The person's side of the stand-in."""

    world: World
    _pulse: asyncio.Event

    # Who is there

    def add_person(
        self, user_id: int, first_name: str, last_name: str = "", username: str = "", *, started: bool = True
    ) -> None:
        """Let a person exist; with `started=False` they have not pressed Start yet, and the bot can't write first."""
        self.world.chats[user_id] = Chat(
            user_id, "private", first_name=first_name, last_name=last_name, username=username, started=started
        )
        self.world.touched()

    def add_channel(self, chat_id: int, title: str, username: str = "", *, protected: bool = False) -> int:
        """Open a channel in which the bot is an administrator who may post, edit and delete. Returns its id."""
        self.world.chats[chat_id] = Chat(chat_id, "channel", title=title, username=username, protected=protected)
        self.world.touched()
        return chat_id

    def add_group(self, chat_id: int, title: str, *, supergroup: bool = False, topics: Iterable[int] = ()) -> int:
        """Open a group in which the bot is a member; with topics it is a forum. Returns its id."""
        kind = "supergroup" if supergroup or topics else "group"
        self.world.chats[chat_id] = Chat(chat_id, kind, title=title, status="member", rights={}, topics=list(topics))
        self.world.touched()
        return chat_id

    def migrate(self, group_id: int, supergroup_id: int) -> None:
        """Turn a group into a supergroup: from now on the old id is only good for learning the new one."""
        group = self.world.find(group_id)
        group.migrated_to = self.add_group(supergroup_id, group.title, supergroup=True)

    def set_status(self, chat_id: int | str, status: str, **rights: bool) -> None:
        """Make the bot "administrator" (with these rights changed), "member", "left" or "kicked"; it is told so."""
        chat = self.world.find(chat_id)
        before = bot_member(self.world, chat)
        chat.status = status
        chat.rights = {**(chat.rights or ADMINISTRATOR), **rights}
        self._tell_membership(chat, before, {"id": 777, "is_bot": False, "first_name": "Владелец"})

    def block(self, user_id: int, *, blocked: bool = True) -> None:
        """Let a person block the bot, or unblock it."""
        chat = self.world.find(user_id)
        before = {"status": "kicked" if chat.blocked else "member", "user": self.world.bot}
        chat.blocked = blocked
        self._tell_membership(chat, before, chat.person())

    def _tell_membership(self, chat: Chat, before: dict[str, Any], who: dict[str, Any]) -> None:
        after = bot_member(self.world, chat)
        if chat.private and chat.blocked:
            after = {"status": "kicked", "user": self.world.bot}
        for member in (before, after):
            if member["status"] == "kicked":
                member["until_date"] = 0
        change = {"chat": chat.card(), "from": who, "date": int(self.world.clock())}
        self.world.tell("my_chat_member", change | {"old_chat_member": before, "new_chat_member": after})

    # What they send

    async def say(self, user_id: int, text: str, entities: Iterable[dict[str, Any]] | None = None) -> int:
        """Write to the bot. A text over 4096 goes as several messages. Returns the id of the first."""
        pieces = cut_like_an_app(text, entities or [])
        sent = [self._write(user_id, _text(piece, given)) for piece, given in pieces if piece.strip()]
        return sent[0]

    async def send_media(
        self,
        user_id: int,
        kind: str,
        name: str,
        data: bytes,
        mime: str,
        caption: str = "",
        entities: Iterable[dict[str, Any]] | None = None,
        media_group_id: str | None = None,
    ) -> int:
        """Send one file: "photo", "video", "animation", "document" or "audio". Returns the message id."""
        stored = self.world.files.add(kind, name, mime, data)
        content = file_content(stored) | _caption(caption, entities or [])
        if media_group_id:
            content["media_group_id"] = media_group_id
        return self._write(user_id, content)

    async def send_album(
        self,
        user_id: int,
        items: Sequence[AlbumItem],
        caption: str = "",
        entities: Iterable[dict[str, Any]] | None = None,
        pause: float = 0.0,
    ) -> list[int]:
        """Send several files as one album, `pause` seconds apart. Returns the message ids."""
        group = self.world.new_group_id()
        sent = []
        for number, (kind, name, data, mime) in enumerate(items):
            if number and pause:
                await asyncio.sleep(pause)
            words = (caption, entities) if number == 0 else ("", None)
            sent.append(await self.send_media(user_id, kind, name, data, mime, *words, media_group_id=group))
        return sent

    async def send_voice(self, user_id: int, data: bytes) -> int:
        """Send a voice message. Returns the message id."""
        return self._write(user_id, file_content(self.world.files.add("voice", "voice.ogg", "audio/ogg", data)))

    async def send_sticker(self, user_id: int) -> int:
        """Send a sticker. Returns the message id."""
        return self._write(user_id, file_content(self.world.files.add("sticker", "thumb.webp", "image/webp", b"RIFF")))

    async def forward(self, user_id: int, message: Message | str, from_channel_title: str) -> int:
        """Forward a channel's post to the bot: a text, or a whole message. Returns the message id."""
        content = _text(message, []) if isinstance(message, str) else _carried(message)
        origin = {
            "type": "channel",
            "date": int(self.world.clock()),
            "chat": {"id": -1009999999999, "type": "channel", "title": from_channel_title},
            "message_id": 1,
        }
        return self._write(user_id, content | {"forward_origin": origin})

    async def edit_said(
        self, user_id: int, message_id: int, text: str, entities: Iterable[dict[str, Any]] | None = None
    ) -> None:
        """Change what was written: the text of a message, or the caption of a file."""
        chat = self.world.find(user_id)
        message = chat.messages[message_id]
        for name in ("text", "entities", "caption", "caption_entities"):
            if name in message and name not in {"text", "caption"}:
                del message[name]
        if "text" in message:
            message |= _text(text, entities or [])
        else:
            message.pop("caption", None)
            message |= _caption(text, entities or [])
        message["edit_date"] = int(self.world.clock())
        self.world.tell("edited_message", message)

    async def press(self, user_id: int, message_id: int, label_or_data: str) -> None:
        """Press an inline button, named by its data or by words of its label.

        Raises LookupError when the message has no such button, or the button only opens a link.
        """
        chat = self.world.find(user_id)
        message = chat.messages[message_id]
        data = _button_data(message, label_or_data)
        query_id = str(4_200_000_000_000 + len(self.world.callbacks) + 1)
        self.world.callbacks[query_id] = user_id
        query = {"id": query_id, "from": chat.person(), "message": message, "chat_instance": str(user_id), "data": data}
        self.world.tell("callback_query", query)

    def post_as_administrator(self, chat_id: int | str, text: str) -> int:
        """Let another administrator post in a channel; the bot is told. Returns the message id."""
        chat = self.world.find(chat_id)
        message = self.world.post(chat, _text(text, []))
        chat.foreign.append(message["message_id"])
        self.world.tell("channel_post", message)
        return int(message["message_id"])

    def _write(self, user_id: int, content: dict[str, Any]) -> int:
        chat = self.world.find(user_id)
        chat.started, chat.blocked = True, False
        message = self.world.post(chat, content, sender=chat.person())
        self.world.tell("message", message)
        return int(message["message_id"])

    # What they see

    def chat(self, user_id: int) -> list[Message]:
        """Return the messages of a person's chat with the bot, both ways, oldest first."""
        return list(self.world.find(user_id).messages.values())

    def channel_posts(self, chat_id: int | str) -> list[Message]:
        """Return the posts of a channel or the messages of a group, oldest first."""
        return list(self.world.find(chat_id).messages.values())

    @property
    def callback_answers(self) -> list[dict[str, Any]]:
        """What the bot answered to pressed buttons: `user_id`, `text`, `show_alert`, oldest first."""
        return self.world.callback_answers

    async def wait_for(self, predicate: Callable[[], Found | None], timeout: float = 30.0) -> Found:  # noqa: ASYNC109
        """Wait until `predicate` gives something true, and return that. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not (found := predicate()):
                await self._pulse.wait()
        return found


def _text(text: str, entities: Iterable[dict[str, Any]]) -> dict[str, Any]:
    clean, found = formatted(text, entities, limit=_ANY_LENGTH)
    return {"text": clean} | ({"entities": found} if found else {})


def _caption(caption: str, entities: Iterable[dict[str, Any]]) -> dict[str, Any]:
    limit = max(CAPTION_LIMIT, units(caption))  # people with Premium may write longer captions than bots
    clean, found = formatted(caption, entities, limit=limit, caption=True)
    return ({"caption": clean} if clean else {}) | ({"caption_entities": found} if found else {})


def _carried(message: Message) -> dict[str, Any]:
    own = {"message_id", "date", "chat", "from", "sender_chat", "reply_markup", "reply_to_message", "edit_date"}
    return {name: copy.deepcopy(value) for name, value in message.items() if name not in own}


def _button_data(message: Message, label_or_data: str) -> str:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    matching = [button for button in buttons if button.get("callback_data") == label_or_data]
    matching += [button for button in buttons if label_or_data.lower() in button["text"].lower()]
    if not matching:
        raise LookupError(f"no button {label_or_data!r} among {[button['text'] for button in buttons]}")
    if "callback_data" not in matching[0]:
        raise LookupError(f"button {matching[0]['text']!r} does not call the bot")
    return str(matching[0]["callback_data"])
