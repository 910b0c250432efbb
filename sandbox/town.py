"""The sample federation's whole outside world: three stand-ins, furnished, kept in a folder if one is given."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import federation
from sandbox.drawer import Drawer
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.troubles import StandIns, Troubles
from sandbox.vk import VkStandIn

__all__ = ["USER_KEY", "VK_KEY", "VK_SERVICE_KEY", "Town", "free_port"]

VK_KEY = "vk1.a.sandbox-community-key"
VK_SERVICE_KEY = "sandbox-service-key"
USER_KEY = "vk1.a.sandbox-administrator-key"

SAVE_AFTER = 1.0  # seconds of rest between two savings


class Town:
    """An async context manager. `changed(part)` is called with "telegram", "vk" or "mail" after every change there.

    Ports are remembered with the rest, so that a configuration and the links in old letters outlive a restart.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.changed: Callable[[str], None] = lambda _part: None
        self.read: set[int] = set()  # letters that somebody opened
        self._drawer = Drawer(folder) if folder else None
        self._kept: Mapping[str, Any] = {}
        self._unsaved = asyncio.Event()
        self._leaving = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._drawer:
            self._kept = self._drawer.load() or {}
        ports = self._kept.get("ports", {})
        self.web_port = free_port(ports.get("web", 0))
        try:
            self.telegram = await self._stack.enter_async_context(
                TelegramStandIn(port=free_port(ports.get("telegram")))
            )
            self.vk = await self._stack.enter_async_context(VkStandIn(port=free_port(ports.get("vk"))))
            self.mail = await self._stack.enter_async_context(MailStandIn(port=free_port(ports.get("mail"))))
            self._move_in()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        if self._drawer:
            self._drawer.save(self.dump())

    def _move_in(self) -> None:
        self.troubles = Troubles(StandIns(self.telegram, self.vk, self.mail, VK_KEY))
        if self._kept:
            self.telegram.restore(self._kept["telegram"])
            self.vk.restore(self._kept["vk"])
            self.mail.restore(self._kept["mail"])
            self.read = set(self._kept["read"])
        self._furnish()
        self.troubles.restore(self._kept.get("troubles", {}))
        self.telegram.changed = lambda: self._touched("telegram")
        self.vk.changed = lambda: self._touched("vk")
        self.mail.changed = lambda: self._touched("mail")
        if self._drawer:
            # Not a TaskGroup: a test's fixture is entered and left by different tasks.
            saving = asyncio.get_running_loop().create_task(self._keep_saving(self._drawer))
            self._stack.push_async_callback(self._stop_saving, saving)

    def _furnish(self) -> None:
        """Put there what is not there yet."""
        for person in federation.PEOPLE:
            if person.id not in self.telegram.world.chats:
                self.telegram.add_person(
                    person.id, person.first_name, person.last_name, person.username, started=person.started
                )
        if federation.CHANNEL_ID not in self.telegram.world.chats:
            self.telegram.add_channel(federation.CHANNEL_ID, federation.CHANNEL_TITLE, federation.CHANNEL_NAME)
        group = federation.GROUP_ID
        if group not in self.vk.world.communities:
            self.vk.add_community(group, federation.GROUP_TITLE, screen_name=federation.GROUP_NAME)
        self.vk.add_community_token(VK_KEY, group)
        self.vk.add_service_token(VK_SERVICE_KEY)
        self.vk.add_user_token(USER_KEY, federation.GROUP_ADMINISTRATOR, administers=[group])
        for organisation in federation.ORGANISATIONS:
            self.mail.add_mailbox(envelope(organisation.address))

    def addresses(self) -> list[str]:
        """Return every mailbox: those of the members in their order, then whoever else got mail."""
        members = (envelope(one.address) for one in federation.ORGANISATIONS)
        others = (letter.recipient.lower() for letter in self.mail.all_letters())
        return list(dict.fromkeys([*members, *others]))

    # Keeping

    def touch(self) -> None:
        """Have everything saved soon: something changed that no stand-in knows of."""
        self._unsaved.set()

    def _touched(self, part: str) -> None:
        self.touch()
        self.changed(part)

    def dump(self) -> dict[str, Any]:
        """Return all there is as JSON-able data."""
        return {
            "telegram": self.telegram.dump(),
            "vk": self.vk.dump(),
            "mail": self.mail.dump(),
            "read": sorted(self.read),
            "troubles": self.troubles.dump(),
            "ports": {
                "telegram": _port_of(self.telegram.url),
                "vk": _port_of(self.vk.url),
                "mail": self.mail.port,
                "web": self.web_port,
            },
        }

    async def _keep_saving(self, drawer: Drawer) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            if self._leaving.is_set():
                return
            await asyncio.to_thread(drawer.save, self.dump())
            with suppress(TimeoutError):
                async with asyncio.timeout(SAVE_AFTER):
                    await self._leaving.wait()

    async def _stop_saving(self, saving: asyncio.Task[None]) -> None:
        """Let a saving that is under way end: it must not overwrite the last one."""
        self._leaving.set()
        self._unsaved.set()
        await saving


def envelope(address: str) -> str:
    """Return an address as it travels: a Cyrillic domain in its ASCII form (RFC 5891)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def free_port(wanted: int | None = 0) -> int:
    """Return `wanted` if a server may listen on it, otherwise any free port of 127.0.0.1."""
    for port in (wanted or 0, 0):
        with socket.socket() as trial, suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
    return 0


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
