"""Methods that ask about the bot, chats and files, and those that describe the bot."""

from collections.abc import Callable
from typing import Any

from sandbox.telegram.answers import bad_request
from sandbox.telegram.files import DOWNLOAD_LIMIT
from sandbox.telegram.world import Chat, World

__all__ = ["METHODS"]

Values = dict[str, Any]


def _get_me(world: World, _values: Values) -> dict[str, Any]:
    abilities = {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }
    return world.bot | abilities


def _readable(world: World, values: Values) -> Chat:
    chat = world.find(values["chat_id"])
    public_stranger = chat.username and chat.status == "left"
    if not chat.private and not public_stranger and not chat.migrated_to:
        world.accessible(chat)
    return chat


def _get_chat(world: World, values: Values) -> dict[str, Any]:
    gifts = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
    )
    chat = _readable(world, values)
    full = chat.card() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}
    return full | {"active_usernames": [chat.username]} if chat.username else full


def _get_chat_member(world: World, values: Values) -> dict[str, Any]:
    chat = _readable(world, values)
    if values["user_id"] == world.bot["id"]:
        return bot_member(world, chat)
    person = world.chats.get(values["user_id"])
    if person is None or not person.private:
        raise bad_request("user not found")
    return {"status": "member", "user": person.person()}


def bot_member(world: World, chat: Chat) -> dict[str, Any]:
    """Return the bot's own place in a chat as a ChatMember."""
    member: dict[str, Any] = {"user": world.bot, "status": "member" if chat.private else chat.status}
    if member["status"] == "administrator":
        member |= chat.rights
    if member["status"] == "kicked":
        member["until_date"] = 0
    return member


def _get_chat_administrators(world: World, values: Values) -> list[dict[str, Any]]:
    chat = _readable(world, values)
    return [bot_member(world, chat)] if chat.status == "administrator" else []


def _get_file(world: World, values: Values) -> dict[str, Any]:
    stored = world.files.get(values["file_id"])
    if len(stored.data) > DOWNLOAD_LIMIT:
        raise bad_request("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_unique_id,
        "file_size": len(stored.data),
        "file_path": stored.file_path,
    }


def _remembers(name: str, *fields: str) -> Callable[[World, Values], bool]:
    """Make a setMy… method that keeps its parameters per language and scope."""

    def remember(world: World, values: Values) -> bool:
        world.settings[_slot(name, values)] = {key: values.get(key, "") for key in fields}
        world.touched()
        return True

    return remember


def _recalls(name: str, empty: dict[str, Any]) -> Callable[[World, Values], dict[str, Any]]:
    def recall(world: World, values: Values) -> dict[str, Any]:
        return dict(world.settings.get(_slot(name, values), empty))

    return recall


def _get_my_commands(world: World, values: Values) -> list[dict[str, Any]]:
    return list(world.settings.get(_slot("commands", values), {}).get("commands", []))


def _delete_my_commands(world: World, values: Values) -> bool:
    world.settings.pop(_slot("commands", values), None)
    world.touched()
    return True


def _slot(name: str, values: Values) -> str:
    scope = values.get("scope", {})
    where = "/".join(str(scope[key]) for key in sorted(scope, reverse=True)) or "default"
    return f"{name}:{where}:{values.get('language_code', '')}"


METHODS: dict[str, Callable[[World, Values], Any]] = {
    "getMe": _get_me,
    "getChat": _get_chat,
    "getChatMember": _get_chat_member,
    "getChatAdministrators": _get_chat_administrators,
    "getChatMemberCount": lambda world, values: 2 if _readable(world, values).private else 1280,
    "getFile": _get_file,
    "setMyCommands": _remembers("commands", "commands"),
    "getMyCommands": _get_my_commands,
    "deleteMyCommands": _delete_my_commands,
    "setMyName": _remembers("name", "name"),
    "getMyName": _recalls("name", {"name": ""}),
    "setMyDescription": _remembers("description", "description"),
    "getMyDescription": _recalls("description", {"description": ""}),
    "setMyShortDescription": _remembers("short", "short_description"),
    "getMyShortDescription": _recalls("short", {"short_description": ""}),
}
