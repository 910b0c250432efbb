"""What each of Telegram's refusals means for a delivery: literal tables.

The first goes by the kind of error, the second by Telegram's own words, which alone tell the many 400 and 403 apart.
The third adds the words about what stands in a chat already.
Sources: telegram-bot-api, Client.cpp; TDLib; both classes and causes were also produced with aiogram itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ssl import SSLCertVerificationError

from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ConnectionTimeoutError
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected, Unconfirmed

__all__ = [
    "PROXY_ERRORS",
    "failure_of",
    "lost_file_id",
    "never_left",
    "says",
    "while_changing",
    "while_looking",
    "words_of",
]

PROXY_ERRORS = (ProxyConnectionError, ProxyError, ProxyTimeoutError)
"""What aiogram lets through as it is: the proxy made no connection."""

_NO_CONNECTION = (ClientConnectorError, ConnectionTimeoutError, SSLCertVerificationError, *PROXY_ERRORS)
_BAD_CERTIFICATE = (ClientConnectorCertificateError, SSLCertVerificationError)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The error to raise and its reason."""

    error: type[Deferred | Rejected | Unconfirmed | ChannelClosed]
    reason: Reason


# By kind; the first that fits counts, so children stand before their parents.
KINDS: tuple[tuple[type[Exception], Meaning], ...] = (
    (TelegramRetryAfter, Meaning(Deferred, Reason.LIMIT_REACHED)),
    (TelegramMigrateToChat, Meaning(Rejected, Reason.NO_SUCH_CHAT)),  # only when following it led nowhere
    (TelegramUnauthorizedError, Meaning(ChannelClosed, Reason.TOKEN_REVOKED)),
    (TelegramForbiddenError, Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    (TelegramNotFound, Meaning(ChannelClosed, Reason.TOKEN_REVOKED)),  # a token of the wrong form
    (TelegramConflictError, Meaning(ChannelClosed, Reason.REFUSED)),
    (TelegramBadRequest, Meaning(Rejected, Reason.BAD_CONTENT)),
    (TelegramEntityTooLarge, Meaning(Rejected, Reason.FILE_TOO_LARGE)),
    (TelegramServerError, Meaning(Unconfirmed, Reason.NO_ANSWER)),
    (ClientDecodeError, Meaning(Unconfirmed, Reason.NO_ANSWER)),
    (TelegramNetworkError, Meaning(Unconfirmed, Reason.NO_ANSWER)),
    (TelegramAPIError, Meaning(Unconfirmed, Reason.NO_ANSWER)),
)

# By words, for 400, 403 and 404. All are looked for in lower case; the first that is found counts.
WORDINGS: tuple[tuple[str, Meaning], ...] = (
    # The target
    ("chat not found", Meaning(Rejected, Reason.NO_SUCH_CHAT)),
    ("peer_id_invalid", Meaning(Rejected, Reason.NO_SUCH_CHAT)),
    ("chat was deleted", Meaning(Rejected, Reason.NO_SUCH_CHAT)),
    ("message thread not found", Meaning(Rejected, Reason.NO_SUCH_CHAT)),
    ("blocked by the user", Meaning(Rejected, Reason.BLOCKED)),
    ("user is deactivated", Meaning(Rejected, Reason.BLOCKED)),
    ("can't initiate conversation", Meaning(Rejected, Reason.BLOCKED)),
    ("bot was kicked", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("bot is not a member", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("need administrator rights", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("not enough rights", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("have no rights", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("chat_write_forbidden", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    ("chat_admin_required", Meaning(ChannelClosed, Reason.NO_RIGHT_TO_POST)),
    # The files
    ("too big", Meaning(Rejected, Reason.FILE_TOO_LARGE)),
    ("file identifier", Meaning(Rejected, Reason.FILE_LOST)),
    ("file_reference_", Meaning(Rejected, Reason.FILE_LOST)),
    ("can't use file of type", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("can't use the media of the specified type", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("image_process_failed", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("photo_invalid_dimensions", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("photo_ext_invalid", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("file must be non-empty", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("failed to send message #", Meaning(Rejected, Reason.FILE_REFUSED)),
    ("group send failed", Meaning(Rejected, Reason.FILE_REFUSED)),
    # The text
    ("is too long", Meaning(Rejected, Reason.TOO_LONG)),
    # The server, when it is one's own and old
    ("method not found", Meaning(Rejected, Reason.SERVER_TOO_OLD)),
    # Ourselves
    ("too many requests", Meaning(Deferred, Reason.LIMIT_REACHED)),  # a 429 that doesn't say how long to wait
)
_TELL_BY_WORDS = (TelegramBadRequest, TelegramForbiddenError, TelegramNotFound)
_LOST_FILE_IDS = ("file identifier", "file_reference_", "can't use file of type")


def failure_of(error: Exception, secrets: tuple[str, ...] = ()) -> ChannelError:
    """Return what the delivery engine should know of an error; its detail holds none of `secrets`."""
    detail = words_of(error, secrets)
    meaning = _meaning(error, detail.lower())
    if meaning.error is Deferred:
        if isinstance(error, TelegramRetryAfter):
            wait = timedelta(seconds=error.retry_after)
            return Deferred(detail, meaning.reason, retry_after=wait, counts=False)
        return Deferred(detail, meaning.reason)
    return meaning.error(detail, meaning.reason)


_TOLD_OF_A_LOOK = frozenset(
    {Reason.LIMIT_REACHED, Reason.NOT_CONNECTED, Reason.NO_ANSWER, Reason.TLS_FAILED, Reason.TOKEN_REVOKED}
)
"""Reasons as true of reading as of posting; the others would tell people that posting has gone wrong."""


def while_looking(error: Exception, secrets: tuple[str, ...] = ()) -> Deferred:
    """Return what an error of a look means: that it can't be told now."""
    failure = failure_of(error, secrets)
    if isinstance(failure, Deferred):
        return failure
    return Deferred(failure.detail, failure.reason if failure.reason in _TOLD_OF_A_LOOK else Reason.REFUSED)


# By words, for what stands in a chat already; what is not here means what it means for a send.
CHANGES: tuple[tuple[str, Reason], ...] = (
    ("message to edit not found", Reason.GONE),
    ("message to delete not found", Reason.GONE),
    ("message_id_invalid", Reason.GONE),
    ("can't be deleted for everyone", Reason.TOO_OLD_TO_CHANGE),
    ("message_edit_time_expired", Reason.TOO_OLD_TO_CHANGE),
    ("message can't be deleted", Reason.NO_RIGHT_TO_CHANGE),
    ("message_delete_forbidden", Reason.NO_RIGHT_TO_CHANGE),
    ("message can't be edited", Reason.NO_RIGHT_TO_CHANGE),
    ("message_author_required", Reason.NO_RIGHT_TO_CHANGE),
    ("need administrator rights", Reason.NO_RIGHT_TO_CHANGE),
    ("not enough rights", Reason.NO_RIGHT_TO_CHANGE),
    ("have no rights", Reason.NO_RIGHT_TO_CHANGE),
    ("chat_admin_required", Reason.NO_RIGHT_TO_CHANGE),
    ("chat_write_forbidden", Reason.NO_RIGHT_TO_CHANGE),
    ("there is no text in the message", Reason.OTHER_SHAPE),
    ("there is no caption in the message", Reason.OTHER_SHAPE),
    ("there is no media in the message", Reason.OTHER_SHAPE),
    ("message media can't be edited", Reason.OTHER_SHAPE),
    ("can't use the media of the specified type", Reason.OTHER_SHAPE),
)


def while_changing(error: Exception, secrets: tuple[str, ...] = ()) -> ChannelError:
    """Return what an error means for something that stands in the chat already.

    A missing right is no reason to close the channel: own posts may be forbidden to change while new ones are welcome.
    """
    if isinstance(error, TelegramMigrateToChat):
        # Messages of the small group have no ids in the supergroup that a bot could name.
        return Rejected(words_of(error, secrets), Reason.PLACE_UNKNOWN)
    if isinstance(error, TelegramBadRequest):
        for phrase, reason in CHANGES:
            if says(error, phrase):
                return Rejected(words_of(error, secrets), reason)
    return failure_of(error, secrets)


def says(error: TelegramBadRequest, *phrases: str) -> bool:
    """Whether Telegram's words hold one of these, given in lower case."""
    return any(phrase in error.message.lower() for phrase in phrases)


def _meaning(error: Exception, words: str) -> Meaning:
    if never_left(error):
        bad_certificate = any(isinstance(cause, _BAD_CERTIFICATE) for cause in _causes(error))
        return Meaning(Deferred, Reason.TLS_FAILED if bad_certificate else Reason.NOT_CONNECTED)
    if isinstance(error, _TELL_BY_WORDS) or type(error) is TelegramAPIError:
        for phrase, meaning in WORDINGS:
            if phrase in words:
                return meaning
    return next((meaning for kind, meaning in KINDS if isinstance(error, kind)), _UNKNOWN)


_UNKNOWN = Meaning(Unconfirmed, Reason.NO_ANSWER)


def never_left(error: BaseException) -> bool:
    """Whether no connection was made, so that surely nothing was sent."""
    return any(isinstance(cause, _NO_CONNECTION) for cause in _causes(error))


def lost_file_id(error: TelegramBadRequest) -> bool:
    """Whether Telegram does not take a file_id, and the file itself has to be sent."""
    return says(error, *_LOST_FILE_IDS)


def words_of(error: Exception, secrets: tuple[str, ...] = ()) -> str:
    """Return the provider's own words, short and without any of `secrets`."""
    match error:
        case TelegramRetryAfter():
            words = f"Too Many Requests: retry after {error.retry_after}"
        case TelegramMigrateToChat():
            words = f"the group has become the supergroup {error.migrate_to_chat_id}"
        case TelegramAPIError():
            words = error.message
        case ClientDecodeError():
            words = f"an answer that is not the Bot API's: {str(error.data)[:200]}"
        case AiogramError():
            words = str(error)
        case _:
            words = f"{type(error).__name__}: {error}"
    for secret in secrets:
        words = words.replace(secret, "…")
    return " ".join(words.split())


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__
