"""What every test of the VK channel needs: keys of a small community, files, and ways to send."""

import hashlib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from channels.contract import (
    Attachment,
    AttachmentKind,
    ChannelError,
    Part,
    Post,
    Receipt,
    Recipient,
    Shipment,
)
from channels.vk.channel import VkChannel
from sandbox.vk import VkStandIn

Opener = Callable[..., Awaitable[VkChannel]]

GROUP = 101
COMMUNITY_TOKEN = "vk1.a.community-secret"
USER_TOKEN = "vk1.a.user-secret"
SERVICE_TOKEN = "service-secret"
PNG = b"\x89PNG\r\n\x1a\n picture "


@dataclass
class Shelf:
    """A MediaReader over a dictionary."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def read(self, digest: str) -> bytes:
        return self.kept[digest]

    def put(self, name: str, kind: AttachmentKind, mime_type: str, content: bytes) -> Attachment:
        digest = hashlib.sha256(content).hexdigest()
        self.kept[digest] = content
        return Attachment(kind, name, mime_type, len(content), digest)

    def picture(self, name: str = "photo.png", content: bytes = PNG) -> Attachment:
        return self.put(name, AttachmentKind.PHOTO, "image/png", content)

    def document(self, name: str = "приказ.pdf") -> Attachment:
        return self.put(name, AttachmentKind.DOCUMENT, "application/pdf", b"%PDF " + name.encode())


def shipment(text: str = "Собрание в среду", *attachments: Attachment, key: str = "key-1") -> Shipment:
    return Shipment(Part(text=text, attachments=attachments), Recipient(f"club{GROUP}"), key)


async def send(channel: VkChannel, post: Post, key: str = "key-1") -> Receipt:
    (part,) = channel.render(post).parts
    return await channel.send(Shipment(part, Recipient(f"club{GROUP}"), key))


async def failure(channel: VkChannel, what: Shipment | None = None) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(what or shipment())
    return caught.value


def calls(vk: VkStandIn, method: str) -> list[dict[str, str]]:
    return [dict(call.values) for call in vk.calls if call.method == method]


@asynccontextmanager
async def answering(answer: Callable[[web.Request], web.StreamResponse], tls: ssl.SSLContext | None = None) -> Any:
    """A server that gives one answer to everything; yields its address and the paths it was asked for."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        asked.append(request.path)
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", asked
    finally:
        await runner.cleanup()
