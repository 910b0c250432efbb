"""Keeps a person's token from VK ID alive: it lasts an hour, and is exchanged for a fresh one before it ends.

Each exchange brings a new pair of tokens and ends the old one, so the newest pair must outlive this process. It is kept
in a file that nobody else may read, not in the database. Processes on one machine may share the file.
Source: VK ID, "Справочник методов", POST /oauth2/auth with grant_type=refresh_token.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from channels.vk.client import Exchange, Failure, NoAnswer, NotSent, Refused

__all__ = ["REFRESH_LASTS", "Keeper", "Lost", "Pair"]

_log = structlog.get_logger()

REFRESH_LASTS = timedelta(days=180)
"""How long the longer-lived of the two tokens is good for when it is not used. Source: VK ID, "Refresh token"."""

_MARGIN = timedelta(minutes=5)
_REVOKED = 5
_PASSING = frozenset({"slow_down", "server_error", "temporarily_unavailable", "too_many_requests"})
_PRIVATE = 0o600


class Lost(Refused):
    """There is no token to be had any more: a person must allow it anew."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, _REVOKED, detail)


@dataclass(frozen=True, slots=True)
class Pair:
    """What VK ID gave. `expires_at` is the end of the access token, `renewed_at` the birth of both; None: unknown."""

    client_id: str
    device_id: str
    refresh_token: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    renewed_at: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Tell whether the access token is good for some minutes more."""
        return bool(self.access_token) and self.expires_at is not None and now < self.expires_at - _MARGIN


class Keeper:
    """Hands out a token that works, from a file that it keeps up to date. Used in one client's thread."""

    def __init__(self, path: Path, vk_id_base: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._url = f"{vk_id_base}/oauth2/auth"
        self._now = now
        self._pair: Pair | None = None
        self._bad = ""

    def __repr__(self) -> str:
        return f"Keeper({self._path})"

    @property
    def dies_at(self) -> datetime | None:
        """When a person must allow it anew, should it not be renewed until then. None when that is not known."""
        try:
            born = _read(self._path).renewed_at
        except Lost:
            return None
        return born and born + REFRESH_LASTS

    def token(self, exchange: Exchange) -> str:
        """Return an access token that is good for some minutes. Raises Failure: Lost, or NotSent for the moment."""
        if self._pair is None or not self._works(self._pair):
            with _alone(self._path):
                self._pair = self._fresh(_read(self._path), exchange)
        return self._pair.access_token

    def refused(self, token: str) -> None:
        """Exchange the pair before the next call, or take up a new one that a person has put into the file."""
        self._bad = token

    def _works(self, pair: Pair) -> bool:
        return pair.lasts(self._now()) and pair.access_token != self._bad

    def _fresh(self, pair: Pair, exchange: Exchange) -> Pair:
        if self._works(pair):
            return pair  # another process was quicker
        form = {
            "grant_type": "refresh_token",
            "refresh_token": pair.refresh_token,
            "client_id": pair.client_id,
            "device_id": pair.device_id,
            "state": secrets.token_urlsafe(32),
        }
        # A pair that could not be written down would be lost with this process.
        with _successor(self._path) as put:
            fresh = _renewed(pair, exchange(self._url, form), self._now())
            try:
                put(_document(fresh))
            except OSError as error:
                _log.warning("vk_id.not_written", file=str(self._path), error=error.strerror)
        return fresh


def _renewed(pair: Pair, answer: Mapping[str, Any] | Failure, now: datetime) -> Pair:
    if isinstance(answer, Failure):
        raise NotSent(answer.detail) if isinstance(answer, NoAnswer) else answer
    if "error" in answer:
        code = str(answer["error"])
        words = f"VK ID: {code}: {answer.get('error_description', '')}".rstrip(": ")
        raise (NotSent if code in _PASSING else Lost)(words)
    try:
        lasts = timedelta(seconds=float(answer["expires_in"]))
        access, refresh = str(answer["access_token"]), str(answer["refresh_token"])
    except (KeyError, TypeError, ValueError):
        raise NotSent("VK ID: the answer makes no sense") from None
    return Pair(pair.client_id, pair.device_id, refresh, access, now + lasts, now)


# The file


def _read(path: Path) -> Pair:
    try:
        text, trouble = path.read_text(encoding="utf-8"), ""
    except (OSError, UnicodeDecodeError) as error:
        text, trouble = "", getattr(error, "strerror", None) or type(error).__name__
    if trouble:
        raise Lost(f"vk_id_file can't be read: {trouble}")
    pair = _understood(text)
    if pair is None:
        raise Lost("vk_id_file is not JSON with client_id, device_id and refresh_token")
    return pair


def _understood(text: str) -> Pair | None:
    """Read the file's own form, and what VK ID answered together with the two ids."""
    try:
        known = json.loads(text)
        client_id, device_id, refresh = (str(known[name]) for name in ("client_id", "device_id", "refresh_token"))
        access = str(known.get("access_token", ""))
        ends, born = (_moment(known.get(name)) for name in ("expires_at", "renewed_at"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return Pair(client_id, device_id, refresh, access, ends, born) if client_id and device_id and refresh else None


def _moment(words: object) -> datetime | None:
    if not isinstance(words, str):
        return None
    moment = datetime.fromisoformat(words)
    return moment if moment.tzinfo else None


def _document(pair: Pair) -> dict[str, str]:
    return {
        "client_id": pair.client_id,
        "device_id": pair.device_id,
        "refresh_token": pair.refresh_token,
        "access_token": pair.access_token,
        **{
            name: moment.isoformat()
            for name, moment in (("expires_at", pair.expires_at), ("renewed_at", pair.renewed_at))
            if moment is not None
        },
    }


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time exchange the pair of a file. It takes no longer than an answer of VK ID."""
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, _PRIVATE)
    except OSError as error:
        raise Lost(f"vk_id_file can't be renewed: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _successor(path: Path) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Prepare the file's next version; what is put becomes the file in one step, for its owner alone."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        place = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except OSError as error:
        raise Lost(f"vk_id_file can't be renewed: {error.strerror}") from None
    with os.fdopen(place, "w", encoding="utf-8") as file:
        try:

            def put(document: Mapping[str, str]) -> None:
                json.dump(document, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
                new.replace(path)

            yield put
        finally:
            new.unlink(missing_ok=True)
