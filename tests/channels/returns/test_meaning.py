"""What servers say of an address, in their own words."""

import pytest

from channels.contract import Reason
from channels.email.returns.meaning import meaning, said_in
from channels.returns import ReturnKind

HARD, SOFT, REFUSED = ReturnKind.HARD, ReturnKind.SOFT, ReturnKind.REFUSED

SAYINGS = [
    # nobody there
    ("5.1.1", "", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.1.10", "550 5.1.10 Domain has null MX", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.1.2", "", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.1.3", "501 5.1.3 Bad recipient address syntax", HARD, Reason.ADDRESS_INVALID),
    ("5.1.6", "550 5.1.6 Recipient no longer on server", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is inactive", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.0.0", "554 delivery error: Sorry, your message cannot be delivered. This mailbox is disabled (554.30).", HARD,
     Reason.NO_SUCH_MAILBOX),
    ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable", HARD, Reason.NO_SUCH_MAILBOX),
    ("", "550 Mailbox does not exist", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.0.0", "550 Ящик не найден", HARD, Reason.NO_SUCH_MAILBOX),
    # not now
    ("5.2.2", "552 5.2.2 Over quota", SOFT, Reason.MAILBOX_FULL),
    ("4.2.2", "452 4.2.2 Over quota", SOFT, Reason.MAILBOX_FULL),
    ("4.4.7", "552 5.2.2 Mailbox full", SOFT, Reason.MAILBOX_FULL),
    ("5.0.0", "550 Почтовый ящик переполнен", SOFT, Reason.MAILBOX_FULL),
    ("4.4.7", "", SOFT, Reason.TOO_LATE),
    ("4.4.3", "X-Postfix; Host or domain name not found. Name service error: try again", SOFT, Reason.TOO_LATE),
    ("4.1.1", "450 4.1.1 user unknown", SOFT, None),
    ("5.4.6", "554 5.4.6 Too many hops", SOFT, Reason.REFUSED),
    ("5.0.0", "554 Transaction failed", SOFT, Reason.REFUSED),
    ("", "", SOFT, Reason.REFUSED),
    # the letter, or us
    ("5.7.1", "550 5.7.1 Message rejected due to content restrictions", REFUSED, Reason.REFUSED_AS_SPAM),
    ("5.1.1", "550 5.1.1 blocked using our blacklist", REFUSED, Reason.REFUSED_AS_SPAM),
    ("5.7.23", "550 5.7.23 The message was rejected because of Sender Policy Framework violation", REFUSED,
     Reason.REFUSED_AS_SPAM),
    ("5.7.1", "550 5.7.1 Your account is disabled for sending spam", REFUSED, Reason.REFUSED_AS_SPAM),
    ("5.1.0", "550 5.1.0 Sender denied", REFUSED, Reason.SENDER_REFUSED),
    ("5.1.8", "553 5.1.8 Sender address rejected: Domain not found", REFUSED, Reason.SENDER_REFUSED),
    ("5.0.0", "550 Sender verify failed", REFUSED, Reason.SENDER_REFUSED),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", REFUSED, Reason.LETTER_TOO_LARGE),
    ("5.6.0", "554 5.6.0 Bad message format", REFUSED, Reason.BAD_CONTENT),
    ("4.7.0", "421 4.7.0 IP reputation too low, blocked as spam", REFUSED, Reason.REFUSED_AS_SPAM),
    ("5.7.0", "535 5.7.0 authentication required", REFUSED, Reason.SENDER_REFUSED),
    # names that look like words
    ("5.1.1", "550 5.1.1 <nospam@policy.example>: user unknown", HARD, Reason.NO_SUCH_MAILBOX),
    ("5.2.2", "552 5.2.2 <blacklist@x.example>: mailbox full", SOFT, Reason.MAILBOX_FULL),
]  # fmt: skip


@pytest.mark.parametrize(("status", "diagnostic", "kind", "reason"), SAYINGS, ids=lambda one: str(one)[:40])
def test_words_and_codes(status: str, diagnostic: str, kind: ReturnKind, reason: Reason | None) -> None:
    found = meaning(status, diagnostic)
    assert found[0] is kind
    assert reason is None or found[1] is reason


def test_policy_never_counts_against_an_address() -> None:
    refused = [meaning(f"5.7.{n}", f"550 5.7.{n} no")[0] for n in range(1, 30)]
    assert set(refused) == {REFUSED}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Hello.\nRemote host said: 550 5.1.1 no such user\nBye",
            ("5.1.1", "Remote host said: 550 5.1.1 no such user"),
        ),
        ("Sorry, no mailbox here by that name. (#5.1.1)", ("5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)")),
        ("sent with 250 2.0.0 ok", ("", "")),
        ("Sadly the mailbox is full.", ("", "mailbox is full")),
        ("Nothing of the kind.", ("", "")),
    ],
)
def test_a_servers_answer_is_found_in_a_text(text: str, found: tuple[str, str]) -> None:
    assert said_in(text) == found
