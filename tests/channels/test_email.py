"""Letters over a real line: what arrives, and what each mishap means for the delivery."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import trustme

from channels.contract import (
    AttachmentKind,
    ChannelClosed,
    ChannelError,
    Deferred,
    Finding,
    FindingCode,
    Pace,
    Part,
    Post,
    Reason,
    Rejected,
    Unconfirmed,
)
from channels.email import EmailChannel, Timeouts, connect
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import (
    Files,
    a_channel,
    a_part,
    server_tls,
    some_settings,
    some_surroundings,
    to,
)

HUGE = a_part("Слово " * 500_000)  # 14 MB: more than the kernel's buffers on both sides
LARGE = a_part("Слово " * 20_000)  # about 400 KB on the wire: far more than fits into a socket at once


@pytest.fixture
async def mail() -> AsyncIterator[MailStandIn]:
    async with MailStandIn() as mail:
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
        await asyncio.gather(*(channel.send(to(f"a{number}@example.org", part)) for number in range(50)))
    assert mail.accepted == 50
    assert mail.connections == mail.most_at_once == 5
    assert all(letter.header("To") == letter.recipient for letter in mail.all_letters())


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


# What mishaps mean


async def outcome(channel: EmailChannel, address: str = "a@example.org", part: Part | None = None) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(to(address, part))
    return caught.value


async def works(mail: MailStandIn, channel: EmailChannel) -> bool:
    """Whether the letter after a mishap reaches its own recipient, and nobody else."""
    before = mail.accepted
    await channel.send(to("next@example.org"))
    return mail.accepted == before + 1 and len(mail.letters("next@example.org")) == 1


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


# Lines


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "text", "body"])
async def test_after_a_cancelled_letter_the_next_one_is_right(
    mail: MailStandIn, channel: EmailChannel, phase: str
) -> None:
    await channel.send(to("first@example.org"))
    mail.faults.add(phase, Fault(Kind.HANGS, before=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await channel.send(to("cancelled@example.org", LARGE))
    assert await works(mail, channel)
    assert mail.letters("cancelled@example.org") == []
    assert mail.connections == 2


async def test_a_relay_that_ends_idle_lines_is_no_error() -> None:
    async with MailStandIn(idle_seconds=0.05) as mail, a_channel(mail) as channel:
        for number in range(3):
            await channel.send(to(f"a{number}@example.org"))
            await asyncio.sleep(0.1)
    assert (mail.accepted, mail.connections) == (3, 3)
    assert mail.violations == []


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("fault", [Fault(Kind.DROPS_BEFORE), Fault(Kind.MAKES_WAIT, code=421)])
async def test_a_used_line_that_ends_at_the_next_letter_is_replaced(
    mail: MailStandIn, channel: EmailChannel, fault: Fault, refused: bool
) -> None:
    if refused:
        mail.unknown_mailboxes.add("a@example.org")
        await outcome(channel)
    else:
        await channel.send(to("a@example.org"))
    mail.faults.add("MAIL", fault)
    await channel.send(to("b@example.org"))
    assert len(mail.letters("b@example.org")) == 1
    assert mail.connections == 2


async def test_a_relays_restart_costs_nobody_a_letter(mail: MailStandIn) -> None:
    async with a_channel(mail, connections=4) as channel:
        await asyncio.gather(*(channel.send(to(f"a{number}@example.org")) for number in range(4)))
        mail.cut_all()
        await asyncio.gather(*(channel.send(to(f"b{number}@example.org")) for number in range(4)))
    assert mail.accepted == 8


async def test_idle_lines_are_ended_by_us(mail: MailStandIn) -> None:
    async with a_channel(mail, idle_seconds=0.05) as channel:
        await channel.send(to("a@example.org"))
        await mail.wait_for_silence()
        await channel.send(to("b@example.org"))
    assert mail.connections == 2


async def test_no_line_carries_more_letters_than_the_relay_allows() -> None:
    async with MailStandIn(letters_per_connection=3) as mail, a_channel(mail, per_connection=3) as channel:
        for number in range(7):
            await channel.send(to(f"a{number}@example.org"))
        assert (mail.accepted, mail.connections) == (7, 3)


async def test_closing_says_goodbye(mail: MailStandIn) -> None:
    async with a_channel(mail) as channel:
        await channel.send(to("a@example.org"))
    await mail.wait_for_silence()


# Secure lines and logins


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanisms", [("PLAIN", "LOGIN"), ("PLAIN",), ("LOGIN",)])
async def test_sends_over_tls_after_a_login(
    authority: trustme.CA, ca_file: Path, tls: str, mechanisms: tuple[str, ...]
) -> None:
    relay = MailStandIn(
        tls=server_tls(authority, "127.0.0.1"),
        implicit=tls == "implicit",
        users={"press": "пароль"},
        mechanisms=mechanisms,
    )
    async with (
        relay as mail,
        a_channel(mail, tls=tls, ca_file=ca_file, username="press", password="пароль") as channel,
    ):
        await channel.send(to("a@example.org"))
        await channel.send(to("b@example.org", LARGE))
        assert (mail.accepted, mail.failed_logins, mail.connections) == (2, 0, 1)
        assert mail.violations == []


async def closed(channel: EmailChannel) -> ChannelClosed:
    error = await outcome(channel)
    assert type(error) is ChannelClosed
    return error


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_of_another_host_closes_the_channel(authority: trustme.CA, ca_file: Path, tls: str) -> None:
    relay = MailStandIn(tls=server_tls(authority, "mail.example.org"), implicit=tls == "implicit")
    async with relay as mail, a_channel(mail, tls=tls, ca_file=ca_file) as channel:
        error = await closed(channel)
        assert error.reason is Reason.TLS_FAILED
        assert "127.0.0.1" in error.detail
        assert mail.accepted == 0


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_of_an_unknown_authority_closes_the_channel(ca_file: Path, tls: str) -> None:
    relay = MailStandIn(tls=server_tls(trustme.CA(), "127.0.0.1"), implicit=tls == "implicit")
    async with relay as mail, a_channel(mail, tls=tls, ca_file=ca_file) as channel:
        assert (await closed(channel)).reason is Reason.TLS_FAILED


async def test_a_relay_without_tls_where_it_was_asked_for_closes_the_channel(mail: MailStandIn) -> None:
    async with a_channel(mail, tls="starttls", username="press", password="geheim") as channel:
        error = await closed(channel)
        assert (error.reason, error.detail) == (Reason.TLS_FAILED, "STARTTLS is not offered")


async def test_a_relay_that_speaks_plainly_where_tls_was_asked_for_closes_the_channel() -> None:
    async with MailStandIn() as mail, a_channel(mail, tls="implicit") as channel:
        assert (await closed(channel)).reason is Reason.TLS_FAILED


async def test_a_refused_starttls_closes_the_channel(authority: trustme.CA, ca_file: Path) -> None:
    async with (
        MailStandIn(tls=server_tls(authority, "127.0.0.1")) as mail,
        a_channel(mail, tls="starttls", ca_file=ca_file) as channel,
    ):
        mail.faults.add("STARTTLS", Fault(Kind.REFUSES))
        assert (await closed(channel)).reason is Reason.TLS_FAILED
        mail.faults.add("STARTTLS", Fault(Kind.DROPS_BEFORE))
        assert isinstance(await outcome(channel), Deferred)
        assert await works(mail, channel)


@pytest.mark.parametrize("content", ["", "no certificate"])
async def test_a_ca_file_that_is_none_is_said_at_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(ChannelClosed, match="ca_file"):
        await connect("mail", some_settings(tls="implicit", ca_file=path), some_surroundings())


async def test_a_refused_login_is_tried_once_however_many_letters_wait() -> None:
    async with (
        MailStandIn(users={"press": "right"}) as mail,
        a_channel(mail, username="press", password="wrong") as channel,
    ):
        results = await asyncio.gather(
            *(channel.send(to(f"a{number}@example.org")) for number in range(20)), return_exceptions=True
        )
        assert {type(result) for result in results} == {ChannelClosed}
        assert (await closed(channel)).reason is Reason.LOGIN_REFUSED
        assert (mail.failed_logins, mail.connections) == (1, 1)


async def test_a_mended_login_works_after_a_check() -> None:
    async with (
        MailStandIn(users={"press": "right"}) as mail,
        a_channel(mail, username="press", password="wrong") as channel,
    ):
        await closed(channel)
        mail.users["press"] = "wrong"
        await closed(channel)
        assert (await channel.check())[0].code is FindingCode.REACHED
        assert await works(mail, channel)


async def test_a_relay_that_offers_no_login_where_one_is_set_closes_the_channel(mail: MailStandIn) -> None:
    async with a_channel(mail, username="press", password="x") as channel:
        error = await closed(channel)
        assert (error.reason, error.detail) == (Reason.LOGIN_REFUSED, "AUTH offers nothing")


async def test_rights_lost_in_the_middle_close_the_channel() -> None:
    async with (
        MailStandIn(users={"press": "right"}) as mail,
        a_channel(mail, username="press", password="right") as channel,
    ):
        await channel.send(to("a@example.org"))
        mail.faults.add("MAIL", Fault(Kind.LOSES_RIGHTS))
        assert (await closed(channel)).reason is Reason.LOGIN_REFUSED


@pytest.mark.parametrize("shown", ["geheim123", "AHByZXNzAGdlaGVpbTEyMw==", "Z2VoZWltMTIz"])
async def test_the_password_is_shown_nowhere(caplog: pytest.LogCaptureFixture, shown: str) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        MailStandIn(users={"press": "other"}) as mail,
        a_channel(mail, username="press", password="geheim123") as channel,
    ):
        mail.faults.add("AUTH", Fault(Kind.REFUSES, code=535, text=f"5.7.8 No, {shown} is wrong"))
        error = await closed(channel)
        assert error.reason is Reason.LOGIN_REFUSED
        findings = await channel.check()
        everything = f"{error} {error!r} {error.detail} {channel!r} {vars(channel)} {findings} {caplog.text}"
        assert shown not in everything


# Being asked


async def test_tells_the_engine_its_limits(mail: MailStandIn) -> None:
    async with a_channel(mail, connections=3, per_minute=60, per_hour=500, per_day=1000, stale_hours=2) as channel:
        assert channel.pace == Pace(concurrency=3, per_minute=60, per_hour=500, per_day=1000)
        assert channel.address is None
        assert channel.stale_after == timedelta(hours=2)
        assert channel.repeatable_for == timedelta(0)
    async with a_channel(mail, unconfirmed="repeat") as channel:
        assert channel.repeatable_for == timedelta(hours=24)


async def test_check_sends_nothing_and_says_what_is_missing(mail: MailStandIn, channel: EmailChannel) -> None:
    assert await channel.check() == [
        Finding(FindingCode.REACHED, values={"name": "127.0.0.1"}),
        Finding(FindingCode.TLS_OFF),
        Finding(FindingCode.NO_PUBLIC_URL),
    ]
    assert mail.accepted == 0
    await mail.wait_for_silence()


async def test_check_finds_nothing_to_say_where_all_is_well(authority: trustme.CA, ca_file: Path) -> None:
    around = some_surroundings(link=lambda _address, _list_key: "https://example.org/u/x")
    async with (
        MailStandIn(tls=server_tls(authority, "127.0.0.1")) as mail,
        a_channel(mail, tls="starttls", ca_file=ca_file, surroundings=around) as channel,
    ):
        assert [finding.code for finding in await channel.check()] == [FindingCode.REACHED]


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        ("connect", FindingCode.NOT_REACHED),
        ("AUTH", FindingCode.LOGIN_REFUSED),
        ("MAIL", FindingCode.MAY_NOT_POST),
    ],
)
async def test_check_says_why_a_broadcast_would_fail(phase: str, code: FindingCode) -> None:
    async with (
        MailStandIn(users={"press": "right"}) as mail,
        a_channel(mail, username="press", password="right") as channel,
    ):
        mail.faults.add(phase, Fault(Kind.REFUSES))
        finding = (await channel.check())[0]
        assert (finding.code, finding.fatal) == (code, True)
        assert finding.detail


async def test_check_says_that_tls_fails(mail: MailStandIn) -> None:
    async with a_channel(mail, tls="starttls") as channel:
        [finding] = await channel.check()
        assert (finding.code, finding.fatal) == (FindingCode.TLS_FAILED, True)
