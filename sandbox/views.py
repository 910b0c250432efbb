"""What the page sees of the town, topic by topic, as plain data.

Messages stay as the Bot API has them: the page draws them as a messenger's app would.
"""

from typing import Any

from sandbox import federation
from sandbox.examples import EXAMPLES
from sandbox.mail import StoredLetter
from sandbox.telegram import TelegramStandIn, asking
from sandbox.town import Town, envelope

__all__ = ["Mailroom", "channel", "chat", "town", "wall"]

LATEST = 300  # messages of a chat, posts of a wall
LATEST_LETTERS = 50  # of one mailbox

Json = dict[str, Any]


def town(place: Town) -> Json:
    """Who and what there is; never changes while the sandbox runs."""
    bot = place.telegram.world.bot
    return {
        "federation": federation.NAME,
        "bot": {"name": bot["first_name"], "username": bot["username"]},
        "people": [
            {"id": one.id, "first_name": one.first_name, "last_name": one.last_name, "role": one.role}
            for one in federation.PEOPLE
        ],
        "examples": [{"name": name, "label": label} for name, (label, _) in EXAMPLES.items()],
        "mailboxes": [
            {"address": envelope(one.address), "shown": one.address, "organisation": one.name}
            for one in federation.ORGANISATIONS
        ],
    }


def chat(telegram: TelegramStandIn, person: int) -> Json:
    """One person's chat with the bot, and what the bot answered to this person's buttons."""
    found = telegram.world.chats[person]
    return {
        "messages": list(found.messages.values())[-LATEST:],
        "action": telegram.world.actions.get(person, ""),
        "commands": _commands(telegram, person),
        "answers": [answer for answer in telegram.callback_answers[-40:] if answer["user_id"] == person],
    }


def _commands(telegram: TelegramStandIn, person: int) -> list[Json]:
    """The commands that the app offers: the narrowest scope that has any. Source: Bot API, BotCommandScope."""
    scopes: list[Json] = [{"type": "chat", "chat_id": person}, {"type": "all_private_chats"}, {}]
    for scope in scopes:
        for language in ("ru", ""):
            asked = ({"scope": scope} if scope else {}) | {"language_code": language}
            if found := asking.METHODS["getMyCommands"](telegram.world, asked):
                return list(found)
    return []


def channel(telegram: TelegramStandIn) -> Json:
    """The Telegram channel as a subscriber sees it."""
    found = telegram.world.chats[federation.CHANNEL_ID]
    return {
        "title": found.title,
        "username": found.username,
        "pinned": list(found.pinned),
        "posts": list(found.messages.values())[-LATEST:],
    }


def wall(place: Town) -> Json:
    """The wall of the VK community; pictures and files lead to the page's own server."""
    vk = place.vk
    seen = next(one for one in vk.snapshot()["communities"] if one["id"] == federation.GROUP_ID)
    media = f"{vk.url}/media/"
    posts = [
        post
        | {
            "photos": [_own_address(url, media) for url in post["photos"]],
            "videos": [video | {"url": _own_address(video["url"], media)} for video in post["videos"]],
            "docs": [doc | {"url": _own_address(doc["url"], media)} for doc in post["docs"]],
        }
        for post in seen["posts"][:LATEST]
    ]
    return {"name": seen["name"], "screen_name": seen["screen_name"], "posts": posts}


def _own_address(url: str, media: str) -> str:
    return f"/files/vk/{url.removeprefix(media)}"


class Mailroom:
    """The mailboxes. Letters never change, so each is read once."""

    def __init__(self, place: Town) -> None:
        self._place = place
        self._summaries: dict[int, dict[str, object]] = {}
        self._known = {envelope(one.address): one for one in federation.ORGANISATIONS}

    def view(self) -> Json:
        """Every mailbox with its latest letters, newest first: members in their order, then whoever else got mail."""
        return {"mailboxes": [self._mailbox(address) for address in self._place.addresses()]}

    def _mailbox(self, address: str) -> Json:
        mail = self._place.mail
        letters = mail.letters(address)
        known = self._known.get(address)
        return {
            "address": address,
            "shown": known.address if known else _readable(address),
            "organisation": known.name if known else "",
            "reader": known.reader if known else "",
            "unknown": address in mail.unknown_mailboxes,
            "full": address in mail.full_mailboxes,
            "total": len(letters),
            "unread": sum(letter.number not in self._place.read for letter in letters),
            "letters": [self._letter(letter) for letter in letters[: -LATEST_LETTERS - 1 : -1]],
        }

    def _letter(self, letter: StoredLetter) -> dict[str, object]:
        if letter.number not in self._summaries:
            self._summaries[letter.number] = letter.summary()
        return self._summaries[letter.number] | {"unread": letter.number not in self._place.read}


def _readable(address: str) -> str:
    """Show a Cyrillic domain as people write it."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode().decode('idna')}"
    except UnicodeError:
        return address
