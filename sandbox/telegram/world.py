"""What Telegram remembers: chats, their messages, files, and the updates that wait for the bot.

Messages are kept as the Bot API's Message objects, ready to be answered. Everything here is plain data; the rules of
single methods are in `sending` and `editing`.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.telegram.answers import bad_request, forbidden
from sandbox.telegram.files import FileStore

__all__ = ["ADMINISTRATOR", "Chat", "Message", "World"]

Message = dict[str, Any]

ADMINISTRATOR = {
    "can_be_edited": False, "is_anonymous": False, "can_manage_chat": True, "can_delete_messages": True,
    "can_manage_video_chats": False, "can_restrict_members": False, "can_promote_members": False,
    "can_change_info": False, "can_invite_users": False, "can_post_stories": False, "can_edit_stories": False,
    "can_delete_stories": False, "can_send_welcome_messages": False, "can_post_messages": True,
    "can_edit_messages": True,
}  # fmt: skip
# Kinds of updates that a bot gets only when it asks for them by name. Source: Bot API, getUpdates.
_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(slots=True)
class Chat:
    """A private chat with a person, a group, or a channel.

    `status` and `rights` are the bot's own place in it. `blocked` and `started` tell of a person: whether they blocked
    the bot, and whether they ever pressed Start.
    """

    id: int
    type: str
    title: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    status: str = "administrator"
    rights: dict[str, bool] = field(default_factory=lambda: dict(ADMINISTRATOR))
    blocked: bool = False
    started: bool = True
    deactivated: bool = False
    protected: bool = False
    migrated_to: int = 0
    last_id: int = 0
    topics: list[int] = field(default_factory=list)  # of a forum
    pinned: list[int] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)  # ids of posts that other administrators made
    reactions: dict[int, list[str]] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        """Whether this is a person's chat with the bot."""
        return self.type == "private"

    def card(self) -> dict[str, Any]:
        """Return the chat as messages carry it."""
        names = ("title", "username", "first_name", "last_name")
        card = {"id": self.id, "type": self.type} | {name: getattr(self, name) for name in names if getattr(self, name)}
        return card | {"is_forum": True} if self.topics else card

    def person(self) -> dict[str, Any]:
        """Return the person of a private chat as a User."""
        card = {"id": self.id, "is_bot": False, "first_name": self.first_name, "language_code": "ru"}
        return card | {name: getattr(self, name) for name in ("last_name", "username") if getattr(self, name)}


class World:
    """All of it. `touched` is called after every change."""

    def __init__(self, bot: dict[str, Any], clock: Callable[[], float], touched: Callable[[], None]) -> None:
        self.bot = bot
        self.clock = clock
        self.touched = touched
        self.chats: dict[int, Chat] = {}
        self.files = FileStore()
        self.updates: list[dict[str, Any]] = []
        self.allowed_updates: list[str] = []
        self.settings: dict[str, Any] = {}  # commands, descriptions, the web hook
        self.callbacks: dict[str, int] = {}  # waiting callback queries and who pressed
        self.callback_answers: list[dict[str, Any]] = []
        self.actions: dict[int, str] = {}  # "typing" and the like, until the bot's next message
        self.last_update_id = 100_000
        self._last_private_id = 0
        self._last_group = 13_000_000_000

    # Chats

    def find(self, chat_id: int | str) -> Chat:
        """Return the chat of a number or @username. Raises ApiError when there is none."""
        if isinstance(chat_id, str) and not chat_id.startswith("@"):
            raise bad_request("chat not found")
        for chat in self.chats.values():
            if chat.id == chat_id or (chat.username and f"@{chat.username}".lower() == str(chat_id).lower()):
                if chat.private and isinstance(chat_id, str):
                    break  # people can't be addressed by name
                return chat
        raise bad_request("chat not found")

    def writable(self, chat_id: int | str) -> Chat:
        """Return the chat if the bot may write there. Raises ApiError with Telegram's reason when it may not."""
        chat = self.find(chat_id)
        self.accessible(chat)
        if chat.type == "channel" and not (chat.status == "administrator" and chat.rights.get("can_post_messages")):
            raise bad_request("need administrator rights in the channel chat")
        return chat

    def accessible(self, chat: Chat) -> None:
        """Raise ApiError when the bot may not act in the chat at all."""
        if chat.migrated_to:
            raise bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
        if chat.private:
            for wrong, words in (
                (chat.deactivated, "user is deactivated"),
                (chat.blocked, "bot was blocked by the user"),
                (not chat.started, "bot can't initiate conversation with a user"),
            ):
                if wrong:
                    raise forbidden(words)
        elif chat.status == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        elif chat.status == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")

    # Messages

    def message(self, chat: Chat, message_id: int, what: str) -> Message:
        """Return a message of the chat. Raises ApiError "`what` not found"."""
        if message_id not in chat.messages:
            raise bad_request(f"{what} not found")
        return chat.messages[message_id]

    def next_id(self, chat: Chat) -> int:
        """Give the next message id: counted per chat, except that all private chats of a bot share one count."""
        if chat.private:
            self._last_private_id += 1
            return self._last_private_id
        chat.last_id += 1
        return chat.last_id

    def new_group_id(self) -> str:
        """Give the id of a new album."""
        self._last_group += 1
        return str(self._last_group)

    def post(self, chat: Chat, content: dict[str, Any], *, sender: dict[str, Any] | None = None) -> Message:
        """Put a message into a chat; it comes from the bot unless `sender` is given."""
        message: Message = {"message_id": self.next_id(chat), "date": int(self.clock()), "chat": chat.card()}
        if chat.type == "channel":
            message["sender_chat"] = chat.card()
        else:
            message["from"] = sender or self.bot
        message |= content
        if chat.protected:
            message["has_protected_content"] = True
        chat.messages[message["message_id"]] = message
        self.actions.pop(chat.id, None)
        self.touched()
        return message

    # Updates

    def tell(self, kind: str, content: dict[str, Any]) -> None:
        """Queue an update for the bot, if it wants that kind."""
        wanted = kind in self.allowed_updates if self.allowed_updates else kind not in _ON_REQUEST
        if wanted:
            self.last_update_id += 1
            self.updates.append({"update_id": self.last_update_id, kind: copy.deepcopy(content)})
        self.touched()

    def confirm(self, offset: int) -> None:
        """Forget the updates below `offset`; a negative one keeps only that many of the last."""
        if offset < 0:
            self.updates = self.updates[offset:]
        else:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]

    # Persistence

    def dump(self) -> dict[str, Any]:
        """Return everything as JSON-able data."""
        return {
            "chats": [asdict(chat) | {"messages": list(chat.messages.values())} for chat in self.chats.values()],
            "files": self.files.dump(),
            "counters": [self.last_update_id, self._last_private_id, self._last_group],
            **{name: copy.deepcopy(getattr(self, name)) for name in _PLAIN},
        }

    def restore(self, dumped: dict[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.chats = {
            item["id"]: Chat(
                **{**item, "messages": _by_id(item["messages"]), "reactions": _numbered(item["reactions"])}
            )
            for item in copy.deepcopy(dumped["chats"])
        }
        self.files.restore(dumped["files"])
        self.last_update_id, self._last_private_id, self._last_group = dumped["counters"]
        for name in _PLAIN:
            setattr(self, name, copy.deepcopy(dumped[name]))
        self.touched()


_PLAIN = ("updates", "allowed_updates", "settings", "callbacks", "callback_answers")


def _by_id(messages: Iterable[Message]) -> dict[int, Message]:
    return {message["message_id"]: message for message in messages}


def _numbered(reactions: dict[Any, list[str]]) -> dict[int, list[str]]:
    return {int(message_id): emoji for message_id, emoji in reactions.items()}  # JSON turns the keys into strings
