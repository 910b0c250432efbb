"""A Telegram with a channel, a group and a person, and our channels opened there: for the tests of one subject each."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from channels.contract import (
    Attachment,
    AttachmentKind,
    Entity,
    Part,
    Receipt,
    Recipient,
    Shipment,
    Surroundings,
    TelegramAccess,
)
from channels.telegram import Settings
from channels.telegram.channel import TelegramChannel, connect
from channels.telegram.line import Patience
from sandbox.telegram import TelegramStandIn
from tests.support.pictures import png

__all__ = [
    "ANIMATION",
    "ANNA",
    "AUDIO",
    "CHANNEL",
    "DOCUMENT",
    "GROUP",
    "PHOTO",
    "VIDEO",
    "Place",
    "a_place",
    "album",
    "bold",
    "pictures",
    "shipment",
    "standing",
]

ANNA, CHANNEL, GROUP = 1001, -1001000000001, -4001
PHOTO, VIDEO, ANIMATION = AttachmentKind.PHOTO, AttachmentKind.VIDEO, AttachmentKind.ANIMATION
DOCUMENT, AUDIO = AttachmentKind.DOCUMENT, AttachmentKind.AUDIO
QUICK = Patience(connection=0.5, answer=0.5, between_messages=0, landing=0.05)


@dataclass
class Place:
    """Telegram, the bytes that are kept of attachments, and how far its clock is ahead of ours, in seconds."""

    telegram: TelegramStandIn
    kept: dict[str, bytes] = field(default_factory=dict)
    ahead: float = 0
    opened: list[TelegramChannel] = field(default_factory=list)

    async def read(self, digest: str) -> bytes:
        return self.kept[digest]

    def keep(self, kind: AttachmentKind, data: bytes, name: str = "файл", **more: Any) -> Attachment:
        """Return an attachment whose bytes are kept."""
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return Attachment(kind, name, "a/b", len(data), digest, **more)

    async def known(self, kind: AttachmentKind, data: bytes, *, kept: bool = False) -> Attachment:
        """Return an attachment that a person sent to the bot, so that it is known by its file_id."""
        number = await self.telegram.send_media(ANNA, kind, "файл", data, "a/b")
        file = self.telegram.world.chats[ANNA].messages[number][kind]
        file_id = (file[-1] if kind is PHOTO else file)["file_id"]
        if kept:
            return self.keep(kind, data, telegram_file_id=file_id)
        return Attachment(kind, "файл", "a/b", len(data), telegram_file_id=file_id)

    async def open(
        self, chat_id: int | str = "@smolprof", patience: Patience = QUICK, **configured: Any
    ) -> TelegramChannel:
        access = TelegramAccess(self.telegram.token, self.telegram.url)
        settings = Settings(chat_id=chat_id, **configured)
        self.opened.append(await connect("tg", settings, Surroundings(self, access), patience))
        return self.opened[-1]

    def posts(self, chat: int | str = CHANNEL) -> list[dict[str, Any]]:
        return self.telegram.channel_posts(chat)

    def called(self) -> list[str]:
        """Return the methods that were called since this was last asked."""
        methods = [call.method for call in self.telegram.calls]
        self.telegram.calls.clear()
        return methods


@asynccontextmanager
async def a_place() -> AsyncIterator[Place]:
    place: Place
    async with TelegramStandIn(clock=lambda: time.time() + place.ahead) as telegram:
        place = Place(telegram)
        telegram.add_person(ANNA, "Анна")
        telegram.add_channel(CHANNEL, "Профсоюзы Смоленска", "smolprof")
        telegram.add_group(GROUP, "Пресс-служба")
        yield place
        for channel in place.opened:
            await channel.close()
        assert telegram.violations == []


def shipment(part: Part, chat: int | str = "@smolprof", previous: Receipt | None = None) -> Shipment:
    return Shipment(part, Recipient(str(chat)), key="d31", previous=previous)


def bold(length: int) -> tuple[Entity, ...]:
    return (Entity("bold", 0, length),)


def pictures() -> Iterator[bytes]:
    """Draw pictures, each unlike the others."""
    return (png(grey=grey) for grey in range(256))


async def standing(place: Place, channel: TelegramChannel, part: Part) -> Receipt:
    """Let a part stand in the channel, and forget the calls that brought it there."""
    receipt = await channel.send(shipment(part, channel.address))
    place.called()
    return receipt


async def album(place: Place, kind: AttachmentKind, text: str = "", *, size: int = 3) -> Part:
    """Return a part of files that Telegram knows already."""
    drawn = pictures()
    return Part(text, attachments=tuple([await place.known(kind, next(drawn)) for _ in range(size)]))
