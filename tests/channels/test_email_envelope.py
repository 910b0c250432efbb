"""Where letters are marked, the envelope names the delivery: on every line, in every attempt, and nowhere else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from channels.contract import FindingCode
from channels.email.channel import EmailChannel
from channels.email.return_settings import ReturnSettings
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import a_channel, outcome, to

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
BOX = {"host": "imap.example.org", "username": "press", "password": "box-key"}
RETURNS = ReturnSettings.model_validate(BOX | {"return_path": "press+*@example.org", "secret": "a secret of sixteen"})


@pytest.fixture(params=[True, False], ids=["pipelined", "plain"])
async def mail(request: pytest.FixtureRequest) -> AsyncIterator[MailStandIn]:
    async with MailStandIn(pipelining=request.param) as mail:
        yield mail
    assert mail.violations == []


@pytest.fixture
async def channel(mail: MailStandIn) -> AsyncIterator[EmailChannel]:
    async with a_channel(mail, returns=RETURNS, connections=1) as channel:
        yield channel


def numbered(address: str, number: int) -> Any:
    return replace(to(address, key=KEY), number=number)


def marked(number: int) -> str:
    assert RETURNS.marks is not None
    return RETURNS.marks.sender(number, KEY).decode()


async def test_each_delivery_has_an_envelope_of_its_own(mail: MailStandIn, channel: EmailChannel) -> None:
    for number in (31, 32):
        await channel.send(numbered(f"{number}@example.org", number))
    senders = {number: mail.letters(f"{number}@example.org")[0].sender for number in (31, 32)}
    assert senders == {31: marked(31), 32: marked(32)}
    assert "press+b-31-" in senders[31]
    assert mail.letters("31@example.org")[0].from_ == "Пресс-служба <press@example.org>"


async def test_another_attempt_has_the_same_envelope(mail: MailStandIn, channel: EmailChannel) -> None:
    """Greylisting lets through who comes again with the same three: host, sender, recipient (RFC 6647 §2)."""
    for _ in range(2):
        await channel.send(numbered("a@example.org", 31))
    assert [letter.sender for letter in mail.letters("a@example.org")] == [marked(31)] * 2


async def test_a_letter_of_no_delivery_bears_the_plain_address(mail: MailStandIn, channel: EmailChannel) -> None:
    await channel.send(to("a@example.org"))
    assert mail.letters("a@example.org")[0].sender == "press@example.org"


@pytest.mark.parametrize("returns", [None, ReturnSettings.model_validate(BOX)], ids=["no mailbox", "no marks"])
async def test_letters_are_marked_only_where_that_was_asked_for(
    mail: MailStandIn, returns: ReturnSettings | None
) -> None:
    async with a_channel(mail, returns=returns) as channel:
        await channel.send(numbered("a@example.org", 31))
    assert mail.letters("a@example.org")[0].sender == "press@example.org"


async def test_a_correction_is_a_delivery_of_its_own(mail: MailStandIn, channel: EmailChannel) -> None:
    there = await channel.send(numbered("a@example.org", 31))
    await channel.correct(numbered("a@example.org", 44), there)
    assert [letter.sender for letter in mail.letters("a@example.org")] == [marked(31), marked(44)]


async def test_check_offers_an_address_like_those_of_letters(mail: MailStandIn, channel: EmailChannel) -> None:
    """A relay may know the plain address and no other; that must be found out before a broadcast."""
    findings = await channel.check()
    assert FindingCode.REACHED in [one.code for one in findings]
    refusal = Fault(Kind.REFUSES, code=553, text="5.7.1 Sender address rejected: not owned by user", match="press+b-1-")
    mail.faults.add("MAIL", refusal)
    refused = await channel.check()
    assert [(one.code, one.fatal) for one in refused] == [(FindingCode.MAY_NOT_POST, True)]


async def test_what_a_relay_says_of_the_marked_address_closes_the_channel(
    mail: MailStandIn, channel: EmailChannel
) -> None:
    mail.faults.add("MAIL", Fault(Kind.REFUSES, code=553, text="5.7.1 Sender address rejected"))
    assert (await outcome(channel)).reason == "sender_refused"


def test_the_secrets_of_the_mailbox_show_nowhere() -> None:
    assert "box-key" not in repr(RETURNS)
    assert "a secret of sixteen" not in repr(RETURNS) + repr(RETURNS.marks)
