"""Connections: when they are kept, when they end, and that they are as secure as the settings ask for."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from channels.contract import (
    ChannelClosed,
    Deferred,
    FindingCode,
    Reason,
)
from channels.email.channel import EmailChannel, connect
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import a_channel, a_part, outcome, server_tls, some_settings, some_surroundings, to, works

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


# Lines


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "text", "body"])
async def test_after_a_cancelled_letter_the_next_one_is_right(
    mail: MailStandIn, channel: EmailChannel, phase: str
) -> None:
    await channel.send(to("first@example.org"))
    mail.faults.add(phase, Fault(Kind.HANGS, before=True))
    async with asyncio.TaskGroup() as group:
        letter = group.create_task(channel.send(to("cancelled@example.org", LARGE)))
        await mail.wait_for(lambda: not mail.faults.listing())
        letter.cancel()
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


async def test_no_line_carries_more_letters_than_the_relay_allows(mail: MailStandIn) -> None:
    async with a_channel(mail, per_connection=3) as channel:
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


async def test_check_finds_nothing_to_say_where_all_is_well(authority: trustme.CA, ca_file: Path) -> None:
    around = some_surroundings(link=lambda _address, _list_key: "https://example.org/u/x")
    async with (
        MailStandIn(tls=server_tls(authority, "127.0.0.1")) as mail,
        a_channel(mail, tls="starttls", ca_file=ca_file, surroundings=around) as channel,
    ):
        assert [finding.code for finding in await channel.check()] == [FindingCode.REACHED]
