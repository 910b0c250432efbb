"""What each mishap on the line means for the delivery, and that the next letter is right all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from channels.contract import (
    ChannelClosed,
    Deferred,
    Post,
    Reason,
    Rejected,
    Unconfirmed,
)
from channels.email.channel import EmailChannel
from channels.email.connection import Timeouts
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import Files, a_channel, a_part, outcome, to, works

HUGE = a_part("Слово " * 500_000)  # 14 MB: more than the kernel's buffers on both sides
LARGE = a_part("Слово " * 20_000)  # about 400 KB on the wire: far more than fits into a socket at once


@pytest.fixture(params=[True, False], ids=["pipelined", "plain"])
async def mail(request: pytest.FixtureRequest) -> AsyncIterator[MailStandIn]:
    async with MailStandIn(pipelining=request.param) as mail:
        yield mail
    assert mail.violations == []


@pytest.fixture
async def channel(mail: MailStandIn) -> AsyncIterator[EmailChannel]:
    async with a_channel(mail) as channel:
        yield channel


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize("kind", [Kind.DROPS_BEFORE, Kind.DROPS_AFTER_REQUEST, Kind.HALF_ANSWER, Kind.BAD_GATEWAY])
@pytest.mark.parametrize("phase", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_line_cut_before_the_text_surely_sent_nothing(
    mail: MailStandIn, channel: EmailChannel, phase: str, kind: Kind, used_before: bool
) -> None:
    if used_before:
        await channel.send(to("before@example.org"))
        mail.cut_all()
        await asyncio.sleep(0)
    mail.faults.add(phase, Fault(kind))
    error = await outcome(channel)
    assert isinstance(error, Deferred)
    assert (error.reason, error.counts) == (Reason.NOT_CONNECTED, False)
    assert mail.letters("a@example.org") == []
    assert await works(mail, channel)


async def test_a_large_letter_cut_in_its_text_surely_was_not_sent(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.faults.add("text", Fault(Kind.DROPS_BEFORE))
    error = await outcome(channel, part=HUGE)
    assert isinstance(error, Deferred)
    assert error.detail.startswith("text: ")
    assert mail.accepted == 0
    assert await works(mail, channel)


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [
        (Kind.DROPS_BEFORE, 0),
        (Kind.DROPS_AFTER_REQUEST, 1),
        (Kind.HALF_ANSWER, 1),
        (Kind.BAD_GATEWAY, 1),
    ],
)
async def test_a_line_cut_after_the_final_dot_leaves_a_doubt(
    mail: MailStandIn, channel: EmailChannel, kind: Kind, arrived: int
) -> None:
    mail.faults.add("body", Fault(kind))
    error = await outcome(channel)
    assert type(error) is Unconfirmed
    assert error.reason is Reason.NO_ANSWER
    assert error.detail.startswith("final dot: ")
    assert len(mail.letters("a@example.org")) == arrived
    assert await works(mail, channel)


@pytest.mark.parametrize("phase", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_silence_before_the_text_surely_sent_nothing(mail: MailStandIn, phase: str) -> None:
    short = Timeouts(connect=0.1, hello=0.1, login=0.1, command=0.1, data=0.1, text=0.1, final_dot=2, quit=0.1)
    async with a_channel(mail, timeouts=short) as channel:
        mail.faults.add(phase, Fault(Kind.HANGS))
        error = await outcome(channel)
        assert isinstance(error, Deferred)
        assert (error.reason, error.counts) == (Reason.NOT_CONNECTED, False)
        assert await works(mail, channel)


async def test_silence_in_a_large_text_surely_sent_nothing(mail: MailStandIn) -> None:
    async with a_channel(mail, timeouts=Timeouts(text=0.1)) as channel:
        mail.faults.add("text", Fault(Kind.HANGS))
        assert isinstance(await outcome(channel, part=HUGE), Deferred)
        assert await works(mail, channel)


async def test_silence_after_the_final_dot_leaves_a_doubt(mail: MailStandIn) -> None:
    async with a_channel(mail, timeouts=Timeouts(final_dot=0.1)) as channel:
        mail.faults.add("body", Fault(Kind.HANGS))
        assert type(await outcome(channel)) is Unconfirmed
        assert await works(mail, channel)


async def test_a_slow_answer_is_waited_for(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.faults.add("body", Fault(Kind.DELAYS, seconds=0.1))
    receipt = await channel.send(to("a@example.org"))
    assert receipt.detail.startswith("250 ")


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "body"])
@pytest.mark.parametrize("code", [450, 451, 452])
async def test_a_temporary_refusal_is_tried_later_on_the_same_line(
    mail: MailStandIn, channel: EmailChannel, phase: str, code: int
) -> None:
    mail.faults.add(phase, Fault(Kind.MAKES_WAIT, code=code, text="4.7.1 Greylisted"))
    error = await outcome(channel)
    assert isinstance(error, Deferred)
    assert (error.reason, error.counts) == (Reason.REFUSED, True)
    assert error.detail == f"{code} 4.7.1 Greylisted"
    assert await works(mail, channel)
    assert mail.connections == 1


@pytest.mark.parametrize("phase", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "body"])
async def test_a_closing_relay_says_nothing_about_the_address(
    mail: MailStandIn, channel: EmailChannel, phase: str
) -> None:
    mail.faults.add(phase, Fault(Kind.MAKES_WAIT, code=421, text="4.3.2 Closing"))
    error = await outcome(channel)
    assert isinstance(error, Deferred)
    assert (error.reason, error.counts) == (Reason.LIMIT_REACHED, False)
    assert await works(mail, channel)
    assert mail.connections == 2


@pytest.mark.parametrize(
    ("phase", "answer", "reason"),
    [
        ("RCPT", "550 5.1.1 No such user", Reason.NO_SUCH_MAILBOX),
        ("RCPT", "550 User unknown", Reason.NO_SUCH_MAILBOX),
        ("RCPT", "552 5.2.2 Mailbox full", Reason.MAILBOX_FULL),
        ("DATA", "554 5.7.1 Blocked", Reason.REFUSED_AS_SPAM),
        ("body", "554 5.7.1 Spam", Reason.REFUSED_AS_SPAM),
        ("body", "552 5.3.4 Too big", Reason.LETTER_TOO_LARGE),
        ("MAIL", "552 5.3.4 Too big", Reason.LETTER_TOO_LARGE),
    ],
)
async def test_a_final_refusal_fails_this_letter_alone(
    mail: MailStandIn, channel: EmailChannel, phase: str, answer: str, reason: Reason
) -> None:
    mail.faults.add(phase, Fault(Kind.REFUSES, code=int(answer[:3]), text=answer[4:]))
    error = await outcome(channel)
    assert (type(error), error.reason, error.detail) == (Rejected, reason, answer)
    assert await works(mail, channel)
    assert mail.connections == 1


async def test_refused_recipients_do_not_hurt_the_others(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.unknown_mailboxes |= {"a3@example.org", "a7@example.org"}
    mail.full_mailboxes.add("a5@example.org")
    results = await asyncio.gather(
        *(channel.send(to(f"a{number}@example.org")) for number in range(10)), return_exceptions=True
    )
    kinds = {number: result for number, result in enumerate(results) if isinstance(result, BaseException)}
    assert {number: type(error) for number, error in kinds.items()} == {3: Rejected, 5: Deferred, 7: Rejected}
    assert isinstance(kinds[5], Deferred)
    assert kinds[5].reason is Reason.MAILBOX_FULL
    assert mail.accepted == 7


async def test_a_refused_sender_closes_the_channel(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.faults.add("MAIL", Fault(Kind.REFUSES))
    error = await outcome(channel)
    assert (type(error), error.reason) == (ChannelClosed, Reason.SENDER_REFUSED)
    assert await works(mail, channel)


async def test_a_letter_above_the_relays_announced_size_is_not_begun() -> None:
    async with MailStandIn(size_limit=100_000) as mail, a_channel(mail) as channel:
        await channel.send(to("a@example.org"))
        error = await outcome(channel, part=LARGE)
        assert (type(error), error.reason) == (Rejected, Reason.LETTER_TOO_LARGE)
        assert error.detail.startswith("SIZE 100000 is less than ")
        assert await works(mail, channel)
        assert mail.connections == 1


@pytest.mark.parametrize(
    "address", ["иван@example.org", "a@example.org\r\nRSET", "a@example.org> SIZE=1", "a b@example.org", "x", ""]
)
async def test_a_bad_address_is_refused_before_anything_is_written(
    mail: MailStandIn, channel: EmailChannel, address: str
) -> None:
    error = await outcome(channel, address)
    assert (type(error), error.reason) == (Rejected, Reason.ADDRESS_INVALID)
    assert mail.connections == 0


async def test_a_lost_file_fails_the_letter(mail: MailStandIn, channel: EmailChannel) -> None:
    file = Files().attach("a.pdf", b"x", "application/pdf")
    [part] = channel.render(Post("x", attachments=(file,))).parts
    error = await outcome(channel, part=part)
    assert (type(error), error.reason) == (Rejected, Reason.FILE_LOST)
    assert mail.connections == 0


async def test_a_relay_that_is_down_is_tried_later() -> None:
    async with MailStandIn() as mail:
        pass
    async with a_channel(mail) as channel:
        error = await outcome(channel)
        assert isinstance(error, Deferred)
        assert (error.reason, error.counts) == (Reason.NOT_CONNECTED, False)
