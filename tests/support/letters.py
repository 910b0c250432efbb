"""What tests of the e-mail channel share: a relay to talk to, files in memory, and letters with only what matters."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from channels.contract import (
    Attachment,
    AttachmentKind,
    ChannelError,
    Part,
    Post,
    Recipient,
    Shipment,
    Surroundings,
    TelegramAccess,
)
from channels.email import Settings
from channels.email.channel import EmailChannel, connect
from channels.email.connection import Timeouts
from channels.email.rendering import render
from sandbox.mail import MailStandIn

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
QUICK = Timeouts(connect=2, hello=2, login=2, command=2, data=2, text=2, final_dot=2, quit=1)


class Files:
    """Bytes by digest."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def attach(
        self, name: str, content: bytes, mime_type: str, kind: AttachmentKind = AttachmentKind.DOCUMENT
    ) -> Attachment:
        digest = sha256(content).hexdigest()
        self._kept[digest] = content
        return Attachment(kind, name, mime_type, len(content), digest=digest)

    async def read(self, digest: str) -> bytes:
        return self._kept[digest]


def some_settings(**values: Any) -> Settings:
    return Settings(**({"host": "127.0.0.1", "sender": "Пресс-служба <press@example.org>", "tls": "none"} | values))


def some_surroundings(
    files: Files | None = None, link: Callable[[str, str], str | None] = lambda _address, _list_key: None
) -> Surroundings:
    return Surroundings(files or Files(), TelegramAccess("1:x"), link, lambda: NOW)


def a_part(text: str = "Привет", title: str = "Тема", *attachments: Attachment) -> Part:
    [part] = render(Post(text, title, attachments=attachments), some_settings()).parts
    return part


def to(address: str, part: Part | None = None, key: str = "", **recipient: str) -> Shipment:
    return Shipment(part or a_part(), Recipient(address, **recipient), key or f"key.{address.partition('@')[0]}")


@asynccontextmanager
async def a_channel(
    mail: MailStandIn,
    *,
    surroundings: Surroundings | None = None,
    timeouts: Timeouts = QUICK,
    idle_seconds: float = 30,
    **settings: Any,
) -> AsyncIterator[EmailChannel]:
    chosen = some_settings(**({"port": mail.port} | settings))
    around = surroundings or some_surroundings()
    channel = await connect("mail", chosen, around, timeouts=timeouts, idle_seconds=idle_seconds)
    try:
        yield channel
    finally:
        await channel.close()


def server_tls(authority: Any, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def outcome(channel: EmailChannel, address: str = "a@example.org", part: Part | None = None) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(to(address, part))
    return caught.value


async def works(mail: MailStandIn, channel: EmailChannel) -> bool:
    """Whether the letter after a mishap reaches its own recipient, and nobody else."""
    before = mail.accepted
    await channel.send(to("next@example.org"))
    return mail.accepted == before + 1 and len(mail.letters("next@example.org")) == 1
