"""Each answer of a relay becomes the outcome that the table of the standards gives it."""

import pytest

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected, Unconfirmed
from channels.email.answers import Phase, lost, refusal

NEVER = [
    (Phase.RCPT, 550, "5.1.1 No such user", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 550, "5.1.2 Bad destination system", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 556, "5.1.10 Recipient address has null MX", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 553, "5.1.3 Bad address syntax", Reason.ADDRESS_INVALID),
    (Phase.RCPT, 550, "5.2.1 The account is disabled", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 552, "5.2.2 Mailbox full", Reason.MAILBOX_FULL),
    (Phase.RCPT, 552, "5.2.3 Message exceeds local limit", Reason.LETTER_TOO_LARGE),
    (Phase.MAIL, 552, "5.3.4 Message size exceeds fixed limit", Reason.LETTER_TOO_LARGE),
    (Phase.MAIL, 552, "Too big", Reason.LETTER_TOO_LARGE),
    (Phase.FINAL_DOT, 554, "5.7.1 Message looks like spam", Reason.REFUSED_AS_SPAM),
    (Phase.FINAL_DOT, 550, "5.7.26 Unauthenticated email is not accepted", Reason.REFUSED_AS_SPAM),
    (Phase.RCPT, 550, "5.7.1 User unknown or policy", Reason.REFUSED_AS_SPAM),
    (Phase.FINAL_DOT, 550, "5.1.1 No such user", Reason.NO_SUCH_MAILBOX),
    (Phase.FINAL_DOT, 550, "5.6.0 Malformed", Reason.BAD_CONTENT),
    (Phase.RCPT, 550, "5.1.8 Sender's domain is not known", Reason.SENDER_REFUSED),
    (Phase.RCPT, 550, "User unknown", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 550, "5.0.0 mailbox unavailable", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 550, "Blocked by policy: mailbox unavailable", Reason.REFUSED_AS_SPAM),
    (Phase.RCPT, 554, "5.7.1 Client host [192.0.2.1] blocked using bl.example.org", Reason.REFUSED_AS_SPAM),
    (Phase.RCPT, 551, "moved", Reason.NO_SUCH_MAILBOX),
    (Phase.RCPT, 553, "sorry", Reason.ADDRESS_INVALID),
    (Phase.DATA, 554, "No valid recipients", Reason.REFUSED),
    (Phase.RCPT, 550, "no", Reason.REFUSED),
]
LATER = [
    (Phase.RCPT, 450, "4.7.1 Greylisted", Reason.REFUSED, True),
    (Phase.RCPT, 451, "try later", Reason.REFUSED, True),
    (Phase.RCPT, 452, "4.2.2 Mailbox is full", Reason.MAILBOX_FULL, True),
    (Phase.RCPT, 452, "over quota", Reason.MAILBOX_FULL, True),
    (Phase.RCPT, 452, "4.5.3 Too many recipients", Reason.LIMIT_REACHED, False),
    (Phase.RCPT, 450, "4.7.28 Unusual rate of mail", Reason.LIMIT_REACHED, False),
    (Phase.MAIL, 451, "4.3.0 Temporary failure", Reason.REFUSED, True),
    (Phase.FINAL_DOT, 451, "4.3.0 Queue file write error", Reason.REFUSED, True),
    (Phase.CONNECT, 450, "4.7.1 Not now", Reason.NOT_CONNECTED, False),
    (Phase.HELLO, 451, "Local error", Reason.NOT_CONNECTED, False),
    (Phase.LOGIN, 432, "4.7.12 A password transition is needed", Reason.NOT_CONNECTED, False),
    *[
        (phase, 421, "4.3.2 Closing", Reason.LIMIT_REACHED, False)
        for phase in (Phase.CONNECT, Phase.LOGIN, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.FINAL_DOT)
    ],
]
CLOSED = [
    (Phase.LOGIN, 535, "5.7.8 Authentication credentials invalid", Reason.LOGIN_REFUSED),
    (Phase.LOGIN, 534, "5.7.9 Mechanism too weak", Reason.LOGIN_REFUSED),
    (Phase.LOGIN, 454, "4.7.0 Temporary authentication failure", Reason.LOGIN_REFUSED),
    (Phase.MAIL, 530, "5.7.0 Authentication required", Reason.LOGIN_REFUSED),
    (Phase.MAIL, 530, "5.7.0 Must issue a STARTTLS command first", Reason.TLS_FAILED),
    (Phase.TLS, 454, "TLS not available", Reason.TLS_FAILED),
    (Phase.MAIL, 550, "5.7.1 Sender rejected", Reason.SENDER_REFUSED),
    (Phase.MAIL, 553, "not your address", Reason.SENDER_REFUSED),
    (Phase.MAIL, 550, "5.1.8 Domain of [192.0.2.1] not found", Reason.SENDER_REFUSED),
    (Phase.CONNECT, 554, "No service", Reason.BLOCKED),
    (Phase.CONNECT, 550, "5.7.1 Client host rejected", Reason.BLOCKED),
    (Phase.HELLO, 550, "Go away", Reason.BLOCKED),
    (
        Phase.MAIL,
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.org",
        Reason.BLOCKED,
    ),
    (Phase.MAIL, 550, "5.7.1 192.0.2.1 is on our list", Reason.BLOCKED),
    (Phase.MAIL, 550, "5.7.1 [2001:db8::1] is not welcome", Reason.BLOCKED),
    (Phase.MAIL, 554, "Your IP is blacklisted", Reason.BLOCKED),
]


@pytest.mark.parametrize(("phase", "code", "message", "reason"), NEVER)
def test_refused_for_ever(phase: Phase, code: int, message: str, reason: Reason) -> None:
    error = refusal(phase, code, message)
    assert (type(error), error.reason) == (Rejected, reason)


@pytest.mark.parametrize(("phase", "code", "message", "reason", "counts"), LATER)
def test_refused_for_now(phase: Phase, code: int, message: str, reason: Reason, counts: bool) -> None:
    error = refusal(phase, code, message)
    assert isinstance(error, Deferred)
    assert (error.reason, error.counts) == (reason, counts)


@pytest.mark.parametrize(("phase", "code", "message", "reason"), CLOSED)
def test_the_channel_is_at_fault(phase: Phase, code: int, message: str, reason: Reason) -> None:
    error = refusal(phase, code, message)
    assert (type(error), error.reason) == (ChannelClosed, reason)


@pytest.mark.parametrize("phase", Phase)
def test_only_a_line_lost_after_the_final_dot_leaves_a_doubt(phase: Phase) -> None:
    expected: type[ChannelError] = Unconfirmed if phase is Phase.FINAL_DOT else Deferred
    error = lost(phase, "cut")
    assert type(error) is expected
    assert error.detail == f"{phase}: cut"


def test_an_answer_is_kept_on_one_line_and_short() -> None:
    error = refusal(Phase.RCPT, 550, "5.1.1 No\n5.1.1 such\x1b[31m\tuser " + "x" * 1000)
    assert error.detail.startswith("550 5.1.1 No 5.1.1 such [31m user xxx")
    assert len(error.detail) == 500
