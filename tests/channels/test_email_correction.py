"""A letter that corrects an earlier one: named so, in the same thread, under the same promises as any letter."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from channels.contract import (
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Post,
    Reason,
    Receipt,
    Rejected,
    Shipment,
    Unconfirmed,
)
from channels.email.channel import EmailChannel
from channels.email.correcting import correction_subject
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import a_channel, a_part, to


@pytest.fixture(params=[True, False], ids=["pipelined", "plain"])
async def mail(request: pytest.FixtureRequest) -> AsyncIterator[MailStandIn]:
    async with MailStandIn(pipelining=request.param) as mail:
        yield mail
    assert mail.violations == []


@pytest.fixture
async def channel(mail: MailStandIn) -> AsyncIterator[EmailChannel]:
    async with a_channel(mail) as channel:
        yield channel


async def test_a_correction_answers_the_letter_that_it_corrects(mail: MailStandIn, channel: EmailChannel) -> None:
    there = await channel.send(to("a@example.org", a_part("Сбор в 10:00", "Митинг"), key="9.31"))
    receipt = await channel.correct(to("a@example.org", a_part("Сбор в 11:00", "Митинг"), key="9.57"), there)
    first, second = mail.letters("a@example.org")
    assert there.external_ids == (first.message_id,) == ("<9.31@example.org>",)
    assert receipt.external_ids == (second.message_id,) == ("<9.57@example.org>",)
    assert second.header("In-Reply-To") == second.header("References") == first.message_id
    assert (first.header("In-Reply-To"), first.header("References")) == ("", "")
    assert second.subject == "Исправление: Митинг"
    assert second.text.startswith("Сбор в 11:00\n")
    assert receipt.detail.startswith("250 ")


async def test_a_second_correction_answers_the_first_one(mail: MailStandIn, channel: EmailChannel) -> None:
    there = await channel.send(to("a@example.org", key="1"))
    there = await channel.correct(to("a@example.org", key="2"), there)
    await channel.correct(to("a@example.org", key="3"), there)
    assert [each.header("In-Reply-To") for each in mail.letters("a@example.org")] == [
        *("", "<1@example.org>", "<2@example.org>")
    ]


@pytest.mark.parametrize(
    "there",
    [
        Receipt(),
        Receipt(("42",)),
        Receipt(("<a@b>\r\nBcc: x@example.org",)),
        Receipt(("<a b@c>",)),
        Receipt(("<" + "a" * 999 + "@b>",)),
    ],
)
async def test_without_a_message_id_the_correction_stands_alone(
    mail: MailStandIn, channel: EmailChannel, there: Receipt
) -> None:
    await channel.correct(to("a@example.org", a_part("x", "Митинг")), there)
    [letter] = mail.letters("a@example.org")
    assert letter.subject == "Исправление: Митинг"
    assert (letter.header("In-Reply-To"), letter.header("Bcc")) == ("", "")


@pytest.mark.parametrize(
    ("subject", "corrected"),
    [
        ("Митинг", "Исправление: Митинг"),
        ("Исправление: Митинг", "Исправление: Митинг"),
        ("ИСПРАВЛЕНИЕ. Митинг", "ИСПРАВЛЕНИЕ. Митинг"),
        ("Исправленная программа", "Исправление: Исправленная программа"),
        ('<b> & "x"', 'Исправление: <b> & "x"'),
        ("{{name|Коллеги}}, сбор", "Исправление: {{name|Коллеги}}, сбор"),
    ],
)
def test_the_subject_says_that_it_is_a_correction_once(subject: str, corrected: str) -> None:
    assert correction_subject(subject) == corrected


async def test_a_correction_is_personal_too(mail: MailStandIn, channel: EmailChannel) -> None:
    [part] = channel.render(Post("Сбор перенесён", "{{name}}, сбор в 11:00")).parts
    await channel.correct(to("a@example.org", part, key="2", name="Анна"), Receipt(("<1@example.org>",)))
    await channel.correct(to("b@example.org", part, key="3"), Receipt(("<1@example.org>",)))
    assert mail.letters("a@example.org")[0].subject == "Исправление: Анна, сбор в 11:00"
    assert mail.letters("b@example.org")[0].subject == "Исправление: Сбор в 11:00"


# The same promises


@pytest.mark.parametrize(
    ("call", "fault", "error"),
    [
        ("body", Fault(Kind.DROPS_AFTER_REQUEST), Unconfirmed),
        ("body", Fault(Kind.DROPS_BEFORE), Unconfirmed),
        ("RCPT", Fault(Kind.MAKES_WAIT), Deferred),
        ("RCPT", Fault(Kind.REFUSES), Rejected),
        ("MAIL", Fault(Kind.DROPS_BEFORE), Deferred),
    ],
)
async def test_the_outcome_of_a_correction_means_what_that_of_a_letter_means(
    mail: MailStandIn, channel: EmailChannel, call: str, fault: Fault, error: type[ChannelError]
) -> None:
    outcomes = []
    for act in (channel.send, _correcting(channel)):
        mail.faults.add(call, fault)
        with pytest.raises(ChannelError) as caught:
            await act(to("a@example.org", key="9.57"))
        outcomes.append((type(caught.value), caught.value.reason))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] is error
    await channel.correct(to("a@example.org", key="9.57"), Receipt())
    assert mail.letters("a@example.org")[-1].message_id == "<9.57@example.org>"


async def test_a_refused_login_closes_the_channel_for_corrections(mail: MailStandIn) -> None:
    async with a_channel(mail, username="press", password="wrong") as channel:
        mail.users["press"] = "right"
        with pytest.raises(ChannelClosed) as caught:
            await channel.correct(to("a@example.org"), Receipt())
    assert caught.value.reason is Reason.LOGIN_REFUSED


async def test_a_repeated_correction_bears_the_same_message_id(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.faults.add("body", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(Unconfirmed):
        await channel.correct(to("a@example.org", key="9.57"), Receipt())
    await channel.correct(to("a@example.org", key="9.57"), Receipt())
    assert [letter.message_id for letter in mail.letters("a@example.org")] == ["<9.57@example.org>"] * 2


async def test_letters_are_corrected_by_another_and_never_taken_away(mail: MailStandIn, channel: EmailChannel) -> None:
    assert channel.corrects is Correction.ANOTHER
    assert channel.withdraws is False


def _correcting(channel: EmailChannel) -> Callable[[Shipment], Awaitable[Receipt]]:
    return lambda shipment: channel.correct(shipment, Receipt(("<9.31@example.org>",)))
