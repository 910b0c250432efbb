"""What a mail server keeps and allows; nothing here knows the protocol."""

import asyncio
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Faults
from sandbox.mail.letters import StoredLetter, broken_rules

__all__ = ["Envelope", "Relay"]


@dataclass
class Envelope:
    """Who writes to whom, as the commands before the letter said."""

    sender: str
    eight_bit: bool
    recipients: list[str] = field(default_factory=list)


class Relay:
    """What a mail server is apart from its line: settings, mailboxes, counters. It takes letters for any address.

    `tls` makes it offer STARTTLS, or speak TLS from the first byte with `implicit`. With `users` (name to password) it
    asks for a login. `pipelining` makes it offer that (RFC 2920). `sink` counts letters and throws them away, for
    measuring. `letters_per_connection` and `idle_seconds` end a connection with 421 as relays do.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
        size_limit: int = 25_000_000,
        pipelining: bool = True,
        letters_per_connection: int = 0,
        idle_seconds: float = 300,
        sink: bool = False,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.tls = tls
        self.implicit = implicit
        self.users = dict(users or {})
        self.mechanisms = mechanisms
        self.size_limit = size_limit
        self.pipelining = pipelining
        self.letters_per_connection = letters_per_connection
        self.idle_seconds = idle_seconds
        self.sink = sink

        self.faults = Faults()
        self.violations: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        self.unknown_mailboxes: set[str] = set()
        self.full_mailboxes: set[str] = set()

        self.accepted = 0  # letters taken, per recipient
        self.connections = 0  # opened since the start
        self.most_at_once = 0
        self.failed_logins = 0

        self._mailboxes: dict[str, list[StoredLetter]] = {}
        self._last_number = 0
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'smtps' if self.implicit else 'smtp'}://{self.host}:{self.port}"

    # Letters

    def add_mailbox(self, address: str) -> None:
        """Show a mailbox before its first letter."""
        self._mailboxes.setdefault(address.lower(), [])
        self.tell()

    def letters(self, address: str) -> list[StoredLetter]:
        """The letters of one mailbox, oldest first."""
        return list(self._mailboxes.get(address.lower(), ()))

    def all_letters(self) -> list[StoredLetter]:
        """Every letter, oldest first."""
        kept = [letter for letters in self._mailboxes.values() for letter in letters]
        return sorted(kept, key=lambda letter: letter.number)

    def letter(self, number: int) -> dict[str, object]:
        """One letter whole, for the page. Raises KeyError."""
        for letter in self.all_letters():
            if letter.number == number:
                return letter.summary() | {"html": letter.html, "text": letter.text}
        raise KeyError(number)

    def forget_letters(self) -> None:
        """Empty all mailboxes."""
        for letters in self._mailboxes.values():
            letters.clear()
        self.tell()

    async def wait_for(self, predicate: Callable[[], bool], within: float = 20) -> None:
        """Return as soon as `predicate` is true. Raises TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            while not predicate():
                self._news.clear()
                await self._news.wait()

    def accept(self, envelope: Envelope, raw: bytes) -> None:
        """Put a letter into the mailboxes of its recipients."""
        self.accepted += len(envelope.recipients)
        if not self.sink:
            self.violations += broken_rules(raw, envelope.recipients, eight_bit=envelope.eight_bit)
            for recipient in envelope.recipients:
                self._last_number += 1
                letter = StoredLetter(self._last_number, envelope.sender, recipient, raw)
                self._mailboxes.setdefault(recipient.lower(), []).append(letter)
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits for a change, and the page."""
        self._news.set()
        self.changed()

    # State

    def snapshot(self) -> dict[str, Any]:
        """What the page shows; `letter(number)` has the rest of one letter."""
        addresses = sorted({*self._mailboxes, *self.unknown_mailboxes, *self.full_mailboxes})
        return {
            "url": self.url,
            "mailboxes": [
                {
                    "address": address,
                    "unknown": address in self.unknown_mailboxes,
                    "full": address in self.full_mailboxes,
                    "letters": [letter.summary() for letter in self._mailboxes.get(address, ())],
                }
                for address in addresses
            ],
            "violations": list(self.violations),
        }

    def dump(self) -> dict[str, Any]:
        """Everything worth keeping over a restart; JSON-able."""
        return {
            "mailboxes": sorted(self._mailboxes),
            "unknown": sorted(self.unknown_mailboxes),
            "full": sorted(self.full_mailboxes),
            "letters": [
                {
                    "number": letter.number,
                    "sender": letter.sender,
                    "recipient": letter.recipient,
                    "raw": b64encode(letter.raw).decode(),
                }
                for letter in self.all_letters()
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._mailboxes = {address: [] for address in state["mailboxes"]}
        self.unknown_mailboxes = set(state["unknown"])
        self.full_mailboxes = set(state["full"])
        for kept in state["letters"]:
            letter = StoredLetter(kept["number"], kept["sender"], kept["recipient"], b64decode(kept["raw"]))
            self._mailboxes.setdefault(letter.recipient.lower(), []).append(letter)
            self._last_number = max(self._last_number, letter.number)
        self.tell()
