"""What each of VK's answers means for a delivery: one literal table.

Codes and names are those of VK's JSON schema 5.199; to which kind each belongs is our reading of the documentation
(dev.vk.com, "Ошибки") and of public reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected, Unconfirmed
from channels.vk.client import Distrusted, Failure, Gone, NoAnswer, NotSent, Refused, TurnedAway


@dataclass(frozen=True, slots=True)
class Meaning:
    """The error to raise and its reason. `wait` and `counts` matter to Deferred only."""

    error: type[ChannelError]
    reason: Reason
    wait: timedelta | None = None
    counts: bool = True

    def said_with(self, detail: str) -> ChannelError:
        """Return the error with the provider's own words."""
        if self.error is Deferred:
            return Deferred(detail, self.reason, retry_after=self.wait, counts=self.counts)
        return self.error(detail, self.reason)


_MOMENT, _MINUTES, _HOUR = timedelta(seconds=1), timedelta(minutes=10), timedelta(hours=1)


def _later(wait: timedelta, reason: Reason = Reason.LIMIT_REACHED, *, counts: bool = False) -> Meaning:
    return Meaning(Deferred, reason, wait, counts)


UNKNOWN = Meaning(Unconfirmed, Reason.NO_ANSWER)
"""It may be public: the same guid within the hour, then a person."""

OTHERWISE = Meaning(Rejected, Reason.REFUSED)
"""A clear error that is not in the table: VK refused, and nothing tells that it will not refuse again."""

MEANINGS: Mapping[int, Meaning] = {
    # Not done, try again: soon, or much later
    6: _later(_MOMENT),
    9: _later(_MINUTES, Reason.FLOOD_CONTROL),
    29: _later(_HOUR, Reason.QUOTA_REACHED),
    43: _later(_MINUTES, Reason.SERVICE_DOWN, counts=True),
    219: _later(_HOUR, Reason.AD_LIMIT),
    # Nobody knows
    1: UNKNOWN,
    10: UNKNOWN,
    36: UNKNOWN,
    # A person must act: the token
    5: Meaning(ChannelClosed, Reason.TOKEN_REVOKED),
    1114: Meaning(ChannelClosed, Reason.TOKEN_REVOKED),
    1116: Meaning(ChannelClosed, Reason.TOKEN_REVOKED),
    1117: Meaning(ChannelClosed, Reason.TOKEN_REVOKED),
    3609: Meaning(ChannelClosed, Reason.TOKEN_REVOKED),
    20: Meaning(ChannelClosed, Reason.WRONG_KIND_OF_TOKEN),
    21: Meaning(ChannelClosed, Reason.WRONG_KIND_OF_TOKEN),
    27: Meaning(ChannelClosed, Reason.WRONG_KIND_OF_TOKEN),
    28: Meaning(ChannelClosed, Reason.WRONG_KIND_OF_TOKEN),
    1051: Meaning(ChannelClosed, Reason.VK_ID_TOKEN),
    # A person must act: prove to be one, or confirm something on VK's own page
    14: Meaning(ChannelClosed, Reason.CAPTCHA_NEEDED),
    3300: Meaning(ChannelClosed, Reason.CAPTCHA_NEEDED),
    17: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    24: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    25: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    3301: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    3302: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    3303: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    3304: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    3305: Meaning(ChannelClosed, Reason.CONFIRMATION_NEEDED),
    703: Meaning(ChannelClosed, Reason.TWO_FACTOR_NEEDED),
    # A person must act: rights
    7: Meaning(ChannelClosed, Reason.KEY_LACKS_RIGHT),
    15: Meaning(ChannelClosed, Reason.KEY_OF_ANOTHER),
    30: Meaning(ChannelClosed, Reason.KEY_OF_ANOTHER),
    200: Meaning(ChannelClosed, Reason.KEY_OF_ANOTHER),
    203: Meaning(ChannelClosed, Reason.KEY_OF_ANOTHER),
    210: Meaning(ChannelClosed, Reason.WALL_CLOSED),
    211: Meaning(ChannelClosed, Reason.WALL_CLOSED),
    212: Meaning(ChannelClosed, Reason.WALL_CLOSED),
    213: Meaning(ChannelClosed, Reason.WALL_CLOSED),
    214: Meaning(ChannelClosed, Reason.WALL_CLOSED),
    # A person must act: the account, the community, the application
    16: Meaning(ChannelClosed, Reason.TLS_FAILED),
    18: Meaning(ChannelClosed, Reason.BLOCKED),
    19: Meaning(ChannelClosed, Reason.BLOCKED),
    37: Meaning(ChannelClosed, Reason.BLOCKED),
    3610: Meaning(ChannelClosed, Reason.BLOCKED),
    3611: Meaning(ChannelClosed, Reason.BLOCKED),
    13000: Meaning(ChannelClosed, Reason.STRIKES),
    23: Meaning(ChannelClosed, Reason.METHOD_OFF),
    42: Meaning(ChannelClosed, Reason.IP_NOT_ALLOWED),
    # The announcement is wrong
    100: Meaning(Rejected, Reason.BAD_CONTENT),
    104: Meaning(Rejected, Reason.BAD_CONTENT),
    113: Meaning(Rejected, Reason.BAD_CONTENT),
    114: Meaning(Rejected, Reason.BAD_CONTENT),
    118: Meaning(Rejected, Reason.BAD_CONTENT),
    121: Meaning(Rejected, Reason.BAD_CONTENT),
    129: Meaning(Rejected, Reason.BAD_CONTENT),
    150: Meaning(Rejected, Reason.BAD_CONTENT),
    225: Meaning(Rejected, Reason.BAD_CONTENT),
    125: Meaning(Rejected, Reason.NO_SUCH_COMMUNITY),
    220: Meaning(Rejected, Reason.REFUSED),
    222: Meaning(Rejected, Reason.LINKS_FORBIDDEN),
    224: Meaning(Rejected, Reason.AD_LIMIT),
    # Our program is wrong
    3: Meaning(Rejected, Reason.PROGRAM_ERROR),
    4: Meaning(Rejected, Reason.PROGRAM_ERROR),
    8: Meaning(Rejected, Reason.PROGRAM_ERROR),
    11: Meaning(Rejected, Reason.PROGRAM_ERROR),
    12: Meaning(Rejected, Reason.PROGRAM_ERROR),
    13: Meaning(Rejected, Reason.PROGRAM_ERROR),
    101: Meaning(Rejected, Reason.PROGRAM_ERROR),
    9999: Meaning(Rejected, Reason.PROGRAM_ERROR),
}

_NO_SCOPE = Meaning(ChannelClosed, Reason.KEY_LACKS_RIGHT)
_TOO_OLD = Meaning(Rejected, Reason.TOO_OLD_TO_CHANGE)

TEXTS: Mapping[tuple[int, str], Meaning] = {
    (5, "user is blocked"): Meaning(ChannelClosed, Reason.BLOCKED),
    (15, "current scopes"): _NO_SCOPE,
    (15, "no access to call this method"): _NO_SCOPE,
    (15, "edit time expired"): _TOO_OLD,
    (214, "edit time expired"): _TOO_OLD,
    (214, "posts a day"): _later(_HOUR, Reason.DAILY_LIMIT),
    (214, "can only schedule"): _later(_HOUR, Reason.DAILY_LIMIT),
    (214, "cannot schedule"): _later(_HOUR, Reason.DAILY_LIMIT),
}
"""Codes whose meaning depends on the words. The words are those that public code bases look for."""

UPLOAD_AGAIN = frozenset({22, 100, 105, 118, 121, 129})
"""Said while saving a file, these ask for the upload to be started from its first call."""


def while_posting(failure: Failure) -> ChannelError:
    """Say what a failed `wall.post` means."""
    match failure:
        case Refused():
            return _meaning(failure).said_with(failure.detail)
        case NoAnswer():
            return UNKNOWN.said_with(failure.detail)
        case _:
            return _not_done(failure)


def while_uploading(failure: Failure) -> ChannelError:
    """Say what a failed step before `wall.post` means. Nothing is public, so nothing is unknown."""
    if isinstance(failure, Refused) and failure.code in UPLOAD_AGAIN:
        return Deferred(failure.detail, Reason.FILE_REFUSED)
    if isinstance(failure, Refused) and _meaning(failure).error is not Unconfirmed:
        return _meaning(failure).said_with(failure.detail)
    return _not_done(failure)


_UNFIT_TO_CHANGE = frozenset(
    {
        Reason.KEY_LACKS_RIGHT,
        Reason.KEY_OF_ANOTHER,
        Reason.WALL_CLOSED,
        Reason.WRONG_KIND_OF_TOKEN,
        Reason.VK_ID_TOKEN,
        Reason.METHOD_OFF,
    }
)
_LACKING = frozenset({Reason.KEY_LACKS_RIGHT, Reason.WRONG_KIND_OF_TOKEN, Reason.VK_ID_TOKEN})


def while_changing(failure: Failure) -> ChannelError:
    """Say what a failed `wall.edit` or `wall.delete` means. Without the right to change, one may post all the same."""
    match failure:
        case Gone():
            return Rejected(failure.detail, Reason.GONE)
        case Refused():
            meaning = _meaning(failure)
            if meaning.reason in _UNFIT_TO_CHANGE:
                return Rejected(failure.detail, Reason.NO_RIGHT_TO_CHANGE)
            if meaning.reason is Reason.TWO_FACTOR_NEEDED:
                return Rejected(failure.detail, meaning.reason)
            return meaning.said_with(failure.detail)
        case NoAnswer():
            return UNKNOWN.said_with(failure.detail)
        case _:
            return _not_done(failure)


def lacks_right(failure: Failure) -> bool:
    """Tell whether a token can never do this: it was made without the right, and rights of a token don't change."""
    return isinstance(failure, Refused) and _meaning(failure).reason in _LACKING


_TOLD_OF_A_LOOK = frozenset(
    {
        Reason.LIMIT_REACHED,
        Reason.FLOOD_CONTROL,
        Reason.QUOTA_REACHED,
        Reason.SERVICE_DOWN,
        Reason.NOT_CONNECTED,
        Reason.NO_ANSWER,
        Reason.CAPTCHA_NEEDED,
        Reason.CONFIRMATION_NEEDED,
        Reason.TOKEN_REVOKED,
        Reason.WRONG_KIND_OF_TOKEN,
        Reason.VK_ID_TOKEN,
        Reason.IP_NOT_ALLOWED,
    }
)
"""Reasons as true of reading as of posting; the others would tell people that posting has gone wrong."""


def while_looking(failure: Failure) -> Deferred:
    """Say what a failed `wall.get` means: that it can't be told now. The key that posts is another one."""
    if not isinstance(failure, Refused):
        return _not_done(failure)
    meaning = _meaning(failure)
    reason = meaning.reason if meaning.reason in _TOLD_OF_A_LOOK else Reason.REFUSED
    return Deferred(failure.detail, reason, retry_after=meaning.wait, counts=meaning.counts)


def _meaning(failure: Refused) -> Meaning:
    for (code, words), meaning in TEXTS.items():
        if failure.code == code and words in failure.text:
            return meaning
    return MEANINGS.get(failure.code, OTHERWISE)


def _not_done(failure: Failure) -> Deferred:
    match failure:
        case Distrusted():
            return Deferred(failure.detail, Reason.TLS_FAILED)
        case NotSent() | TurnedAway():
            return Deferred(failure.detail, Reason.NOT_CONNECTED)
        case _:
            return Deferred(failure.detail, Reason.NO_ANSWER)
