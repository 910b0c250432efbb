"""Letters over a real line: what arrives, and what the channel says of itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from channels.contract import (
    AttachmentKind,
    Finding,
    FindingCode,
    Pace,
    Post,
    Unconfirmed,
)
from channels.email.channel import EmailChannel
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import (
    Files,
    a_channel,
    a_part,
    some_surroundings,
    to,
)

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


# What arrives


async def test_a_letter_arrives_and_the_receipt_proves_it(mail: MailStandIn, channel: EmailChannel) -> None:
    receipt = await channel.send(to("a@example.org", a_part("Сбор в 10:00", "Митинг"), key="9.31"))
    [letter] = mail.letters("a@example.org")
    assert letter.subject == "Митинг"
    assert letter.from_ == "Пресс-служба <press@example.org>"
    assert letter.sender == "press@example.org"
    assert letter.text.startswith("Сбор в 10:00\n")
    assert receipt.external_ids == ("<9.31@example.org>",) == (letter.message_id,)
    assert receipt.detail == "250 2.0.0 Queued as 000001"


async def test_pictures_and_files_arrive(mail: MailStandIn) -> None:
    files = Files()
    photo = files.attach("Митинг.jpg", b"\xff\xd8\xff" * 100_000, "image/jpeg", AttachmentKind.PHOTO)
    paper = files.attach("Постановление №15.pdf", b"%PDF" * 50_000, "application/pdf")
    async with a_channel(mail, surroundings=some_surroundings(files)) as channel:
        [part] = channel.render(Post("x", attachments=(photo, paper))).parts
        await channel.send(to("a@example.org", part))
    [letter] = mail.letters("a@example.org")
    assert letter.file("Митинг.jpg") == b"\xff\xd8\xff" * 100_000
    assert letter.file("Постановление №15.pdf") == b"%PDF" * 50_000
    assert 'src="data:image/jpeg;base64,' in letter.html
    assert "cid:" not in letter.html


async def test_each_recipient_gets_an_own_unsubscribe_address_and_the_name_of_the_list(mail: MailStandIn) -> None:
    def link(address: str, list_key: str) -> str:
        return f"https://example.org/u/{sha256(f'{address} {list_key}'.encode()).hexdigest()[:22]}"

    part = a_part()
    async with a_channel(mail, surroundings=some_surroundings(link=link)) as channel:
        for name in ("a", "b"):
            await channel.send(to(f"{name}@example.org", part, list_key=f"list-{name}", list_name=f"Список {name}"))
    for name in ("a", "b"):
        [letter] = mail.letters(f"{name}@example.org")
        own = link(f"{name}@example.org", f"list-{name}")
        assert letter.header("List-Unsubscribe") == f"<{own}>, <mailto:press@example.org?subject=unsubscribe>"
        assert letter.header("List-Id") == f"Список {name} <list-{name}.example.org>"
        assert letter.text.endswith(f"«Список {name}».\nОтписаться: {own}")
        assert f'href="{own}"' in letter.html


async def test_a_cyrillic_domain_is_written_in_punycode(mail: MailStandIn, channel: EmailChannel) -> None:
    await channel.send(to("press@профсоюз.рф"))
    [letter] = mail.letters("press@xn--g1anacfhu6f.xn--p1ai")
    assert letter.header("To") == "press@xn--g1anacfhu6f.xn--p1ai"


async def test_fifty_letters_go_over_five_lines_at_once(mail: MailStandIn) -> None:
    part = a_part()
    async with a_channel(mail, connections=5) as channel:
        await asyncio.gather(*(channel.send(to(f"a{number}@d{number % 5}.example", part)) for number in range(50)))
    assert mail.accepted == 50
    assert mail.connections == mail.most_at_once == 5
    assert all(letter.header("To") == letter.recipient for letter in mail.all_letters())


async def test_letters_to_one_domain_leave_lines_to_the_others(mail: MailStandIn) -> None:
    part = a_part()
    async with a_channel(mail, connections=5, per_domain=2) as channel:
        await asyncio.gather(*(channel.send(to(f"a{number}@example.org", part)) for number in range(50)))
        assert mail.connections == 2
        await asyncio.gather(
            *(channel.send(to(f"a{number}@{domain}.example", part)) for number in range(20) for domain in "bcd"),
            *(channel.send(to(f"b{number}@Example.org", part)) for number in range(50)),
        )
    assert mail.accepted == 160
    assert mail.most_at_once == 5


async def test_a_large_letter_arrives_whole(mail: MailStandIn, channel: EmailChannel) -> None:
    await channel.send(to("a@example.org", LARGE))
    [letter] = mail.letters("a@example.org")
    assert letter.text.startswith("Слово " * 19_999)
    assert len(letter.raw) > 300_000


async def test_a_repeat_bears_the_same_message_id(mail: MailStandIn, channel: EmailChannel) -> None:
    mail.faults.add("body", Fault(Kind.DROPS_AFTER_REQUEST))
    with pytest.raises(Unconfirmed):
        await channel.send(to("a@example.org", key="9.31"))
    await channel.send(to("a@example.org", key="9.31"))
    assert [letter.message_id for letter in mail.letters("a@example.org")] == ["<9.31@example.org>"] * 2


# Being asked


async def test_tells_the_engine_its_limits(mail: MailStandIn) -> None:
    limits: dict[str, Any] = {"per_second": 5, "per_minute": 60, "per_hour": 500, "per_day": 1000}
    async with a_channel(mail, connections=3, stale_hours=2, **limits) as channel:
        assert channel.pace == Pace(concurrency=12, per_destination=8, **limits)
        assert channel.address is None
        assert channel.stale_after == timedelta(hours=2)
        assert channel.repeatable_for == timedelta(0)
    async with a_channel(mail, connections=1, per_domain=7, unconfirmed="repeat") as channel:
        assert channel.pace == Pace(concurrency=4, per_destination=28)
        assert channel.repeatable_for == timedelta(hours=24)


async def test_check_sends_nothing_and_says_what_is_missing(mail: MailStandIn, channel: EmailChannel) -> None:
    assert await channel.check() == [
        Finding(FindingCode.REACHED, values={"name": "127.0.0.1"}),
        Finding(FindingCode.TLS_OFF),
        Finding(FindingCode.NO_PUBLIC_URL),
    ]
    assert mail.accepted == 0
    await mail.wait_for_silence()


@pytest.mark.parametrize(
    ("phase", "kind", "code"),
    [
        ("connect", Kind.REFUSES, FindingCode.NOT_REACHED),
        ("AUTH", Kind.REFUSES, FindingCode.LOGIN_REFUSED),
        ("MAIL", Kind.REFUSES, FindingCode.MAY_NOT_POST),
        ("MAIL", Kind.LOSES_RIGHTS, FindingCode.LOGIN_REFUSED),
        ("MAIL", Kind.MAKES_WAIT, FindingCode.NOT_REACHED),
    ],
)
async def test_check_says_why_a_broadcast_would_fail(phase: str, kind: Kind, code: FindingCode) -> None:
    async with (
        MailStandIn(users={"press": "right"}) as mail,
        a_channel(mail, username="press", password="right") as channel,
    ):
        mail.faults.add(phase, Fault(kind))
        [finding] = await channel.check()
        assert (finding.code, finding.fatal) == (code, True)
        assert finding.detail


async def test_check_says_that_tls_fails(mail: MailStandIn) -> None:
    async with a_channel(mail, tls="starttls") as channel:
        [finding] = await channel.check()
        assert (finding.code, finding.fatal) == (FindingCode.TLS_FAILED, True)
