"""Fetches what has come back, by IMAP (RFC 3501): a connection for each look, in a thread, each step within its time.

Letters are peeked at, so that whoever reads the same mailbox sees nothing change; what was dealt with is marked or
moved afterwards, when it is on record. Of a letter no more than its beginning is fetched: what tells about a return
stands before the letter that it returns.
"""

import asyncio
import imaplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError
from imap_tools.utils import encode_folder

from channels.email.marks import number_of
from channels.email.return_settings import ReturnSettings
from channels.email.returns.reading import read
from channels.email.settings import Settings
from channels.returns import Batch, Bookmark, PostboxCode, PostboxError, Taken

__all__ = ["ImapPostbox", "connect"]

T = TypeVar("T")

_STEP_SECONDS = 30.0
_CONNECT_SECONDS = 10.0  # a connection that is being made cannot be broken off
_BEGINNING = 256 * 1024
"""Octets of a letter that are fetched; the text and the status of a bounce take a few thousand."""
_AT_ONCE = 50
"""Letters in one batch: so many are read into memory, and recorded in one transaction."""


def connect(settings: Settings, now: Callable[[], datetime], *, step_seconds: float = _STEP_SECONDS) -> "ImapPostbox":
    """Prepare the mailbox; nothing is connected before the first look. `settings.returns` must be there.

    Raises PostboxError when `ca_file` can't be read or is no certificate.
    """
    if settings.returns is None:
        raise ValueError("no mailbox is named")
    return ImapPostbox(settings.returns, settings.sender_domain, now, step_seconds)


class ImapPostbox:
    """One folder of one mailbox. Made by `connect`."""

    def __init__(self, settings: ReturnSettings, domain: str, now: Callable[[], datetime], step_seconds: float) -> None:
        self._settings = settings
        self._domain = domain
        self._now = now
        self._step_seconds = step_seconds
        self._tls = None if settings.tls == "none" else _context(settings)
        self._line: BaseMailBox | None = None
        self._broken_off = False

    def __repr__(self) -> str:
        return f"<ImapPostbox {self._settings.host}:{self._settings.port}>"

    @property
    def every_seconds(self) -> float:
        """As the settings say."""
        return self._settings.every_minutes * 60.0

    async def try_out(self) -> None:
        """Open the folder and leave again. Raises PostboxError."""
        await self._within(self._validity)

    async def read(self, since: Bookmark | None) -> Batch:
        """Read the next letters, oldest first. Raises PostboxError."""
        return await self._within(lambda box: self._read(box, since))

    async def put_away(self, validity: int, uids: frozenset[int]) -> bool:
        """Move or mark letters. Those that are gone already are no trouble. Raises PostboxError."""
        return await self._within(lambda box: self._put_away(box, validity, uids))

    def genuine(self, mark: str, key: str) -> bool:
        """Tell whether a mark was sealed with the secret of the settings."""
        marks = self._settings.marks
        return marks is not None and marks.genuine(mark, key)

    def number(self, mark: str) -> int | None:
        """Return the number that a mark names."""
        return number_of(mark)

    def break_off(self) -> None:
        """Cut the line, so that the thread which waits on it comes back at once."""
        self._broken_off = True
        line = self._line
        if line is not None:
            with suppress(OSError):  # not its file, which the waiting thread has locked
                line.client.socket().shutdown(socket.SHUT_RDWR)

    # In the thread

    async def _within(self, work: Callable[[BaseMailBox], T]) -> T:
        return await asyncio.to_thread(self._in_a_session, work)

    def _in_a_session(self, work: Callable[[BaseMailBox], T]) -> T:
        settings = self._settings
        with _translated(settings):
            if self._broken_off:
                raise OSError("broken off")
            box = self._line = self._dial()
            try:
                box.client.socket().settimeout(self._step_seconds)
                _log_in(box, settings)
                return work(box)
            finally:
                self._line = None
                with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
                    box.logout()
                with suppress(OSError):
                    box.client.shutdown()

    def _dial(self) -> BaseMailBox:
        host, port, limit = self._settings.host, self._settings.port, min(_CONNECT_SECONDS, self._step_seconds)
        match self._settings.tls:
            case "implicit":
                return MailBox(host, port, timeout=limit, ssl_context=self._tls)
            case "starttls":
                return MailBoxStartTls(host, port, timeout=limit, ssl_context=self._tls)
            case "none":
                return MailBoxUnencrypted(host, port, timeout=limit)

    def _read(self, box: BaseMailBox, since: Bookmark | None) -> Batch:
        validity = self._validity(box)
        last = since.uid if since is not None and since.validity == validity else 0
        found = self._uids(box, last)
        chosen = found[:_AT_ONCE]
        letters = tuple(taken for uid in chosen if (taken := self._take(box, uid)) is not None)
        return Batch(Bookmark(validity, chosen[-1] if chosen else last), letters, len(found) > len(chosen))

    def _uids(self, box: BaseMailBox, last: int) -> list[int]:
        """Return the UIDs after `last`, and not of letters from before it makes sense to look."""
        day = (self._now().astimezone(UTC) - timedelta(days=self._settings.days)).date()
        written = f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year}"
        found = box.uids(f"UID {last + 1}:* SINCE {written}", charset=None)
        return sorted(uid for uid in map(int, found) if uid > last)  # "9:*" is the last letter at least (§6.4.8)

    def _take(self, box: BaseMailBox, uid: int) -> Taken | None:
        """Fetch the beginning of one letter and read it; None when somebody has deleted it meanwhile."""
        answer = _ask(box, "FETCH", str(uid), f"(UID BODY.PEEK[]<0.{_BEGINNING}>)")
        octets = next((each[1] for each in answer if isinstance(each, tuple) and b"BODY[" in each[0].upper()), None)
        if octets is None:
            return None
        reading = read(octets, self._domain)
        return Taken(uid, sha256(octets).hexdigest(), reading.sort, reading.returns)

    def _put_away(self, box: BaseMailBox, validity: int, uids: frozenset[int]) -> bool:
        if self._validity(box) != validity:
            return False
        named = ",".join(str(uid) for uid in sorted(uids))
        done = self._settings.done_folder
        if done and not box.folder.exists(done):
            box.folder.create(done)
        # By our own words: imap-tools' `flag` and `move` end in EXPUNGE, which takes away whatever anybody had marked.
        able = _abilities(box)
        if done and "MOVE" in able:  # RFC 6851
            _ask(box, "MOVE", named, encode_folder(done))
            return True
        if done:
            _ask(box, "COPY", named, encode_folder(done))
        _ask(box, "STORE", named, "+FLAGS.SILENT", r"(\Seen \Deleted)" if done else r"(\Seen)")
        if done and "UIDPLUS" in able:  # RFC 4315
            _ask(box, "EXPUNGE", named)
        return True

    def _validity(self, box: BaseMailBox) -> int:
        """Open the folder, and return what its UIDs hold for (RFC 3501 §6.3.1)."""
        box.folder.set(self._settings.folder)
        _word, answer = box.client.response("UIDVALIDITY")
        return int(answer[-1])


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _context(settings: ReturnSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise PostboxError(PostboxCode.TLS_FAILED, f"ca_file: {error}") from None


def _ask(box: BaseMailBox, command: str, *words: str | bytes) -> Sequence[Any]:
    word, answer = box.client.uid(command, *words)  # type: ignore[arg-type]
    if word != "OK":
        raise imaplib.IMAP4.error(f"{command}: {word} {answer!r}")
    return answer


def _abilities(box: BaseMailBox) -> frozenset[str]:
    """Return what the server offers to who has logged in; imaplib remembers what it offered before that."""
    _word, answer = box.client.capability()
    return frozenset(bytes(answer[-1]).decode("ascii", "replace").upper().split()) if answer else frozenset()


def _log_in(box: BaseMailBox, settings: ReturnSettings) -> None:
    password = settings.password.get_secret_value()
    plain = settings.username.isascii() and password.isascii()
    (box.login if plain else box.login_utf8)(settings.username, password, initial_folder=None)


@contextmanager
def _translated(settings: ReturnSettings) -> Iterator[None]:
    """Turn what imap-tools, imaplib and the network raise into what it means. No password leaves here."""
    try:
        yield
    except PostboxError:
        raise
    except ssl.SSLError as error:
        raise _told(PostboxCode.TLS_FAILED, error, settings) from None
    except MailboxLoginError as error:
        raise _told(PostboxCode.LOGIN_REFUSED, error, settings) from None
    except MailboxFolderSelectError as error:
        raise _told(PostboxCode.NO_SUCH_FOLDER, error, settings) from None
    except (imaplib.IMAP4.abort, OSError) as error:
        raise _told(PostboxCode.NOT_REACHED, error, settings) from None
    except (imaplib.IMAP4.error, ImapToolsError, ValueError, LookupError, TypeError) as error:
        raise _told(PostboxCode.REFUSED, error, settings) from None


def _told(code: PostboxCode, error: Exception, settings: ReturnSettings) -> PostboxError:
    words = " ".join(str(error).split()) or type(error).__name__
    secret = settings.password.get_secret_value()
    return PostboxError(code, "the server repeated the password" if secret in words else words[:300])
