"""`check` says whether receivers would find the key that signs letters: in the DNS, by name and by value."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from bot.texts.findings import finding
from channels.contract import Finding, FindingCode
from channels.email import Settings
from channels.email.channel import connect
from channels.email.published import LookUpError, on_signatures, texts_at
from sandbox.mail import MailStandIn
from tests.support.letters import QUICK, some_settings, some_surroundings

NAME = "rupor-ed25519._domainkey.example.org"


@cache
def a_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signing(**more: Any) -> Settings:
    return some_settings(dkim_ed25519_key=SecretStr(a_key()), **more)


def record() -> str:
    [signer] = signing().signers
    return signer.record[1]


async def said(*published: str, **more: Any) -> list[Finding]:
    async def look_up(name: str) -> Sequence[str]:
        asked.append(name)
        return published

    asked: list[str] = []
    found = await on_signatures(signing(**more), look_up)
    assert asked == [NAME if "dkim_domain" not in more else NAME.replace("example.org", more["dkim_domain"].lower())]
    return list(found)


@pytest.mark.parametrize(
    "shape", ["{whole}", "{whole} ; t=s", "k=ed25519;\tp={key}", "v=DKIM1;k=ed25519;p={one} {two}"]
)
async def test_a_key_in_its_place_is_well(shape: str) -> None:
    key = record().rpartition("p=")[2]
    text = shape.format(whole=record(), key=key, one=key[:9], two=key[9:])
    assert await said(text) == [Finding(FindingCode.LETTERS_SIGNED, values={"name": NAME})]


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        ((), "absent"),
        (("v=DKIM1; k=ed25519; p=AAAA",), "another"),
        (("v=DKIM1; p=",), "another"),
        (("v=spf1 -all",), "another"),
        (("v=DKIM1; k=ed25519; p=AAAA", "own"), "another"),
    ],
)
async def test_a_key_that_receivers_would_not_find_is_told_with_the_record_to_publish(
    published: tuple[str, ...], verdict: str
) -> None:
    [found] = await said(*(record() if text == "own" else text for text in published))
    assert (found.code, found.fatal) == (FindingCode.KEY_NOT_PUBLISHED, False)
    assert found.values == {"name": NAME, "record": record(), "published": verdict}
    assert NAME in finding(found)
    assert record() in finding(found)


async def test_a_dns_that_does_not_answer_is_no_verdict() -> None:
    async def look_up(_name: str) -> Sequence[str]:
        raise LookUpError("timed out")

    [found] = await on_signatures(signing(), look_up)
    assert (found.code, found.detail) == (FindingCode.KEY_NOT_PUBLISHED, "timed out")
    assert found.values["published"] == "unknown"


@pytest.mark.parametrize(
    ("domain", "fits"),
    [
        ("Example.ORG", True),
        ("news.example.org", True),
        ("example.com", False),
        ("ample.org", False),
        ("org.ru", False),
    ],
)
async def test_a_signature_that_nobody_would_count_is_told(domain: str, fits: bool) -> None:
    [_key, *rest] = await said(record(), dkim_domain=domain)
    values: dict[str, int | str] = {"domain": domain.lower(), "sender": "press@example.org"}
    assert rest == ([] if fits else [Finding(FindingCode.SIGNED_FOR_ANOTHER, values=values)])


async def test_check_asks_for_each_key_and_for_nothing_without_one() -> None:
    async def look_up(name: str) -> Sequence[str]:
        asked.append(name)
        return []

    asked: list[str] = []
    async with MailStandIn() as mail:
        for settings in (some_settings(port=mail.port), signing(port=mail.port)):
            channel = await connect("mail", settings, some_surroundings(), timeouts=QUICK, look_up=look_up)
            found = {one.code for one in await channel.check()}
            await channel.close()
    assert asked == [NAME]
    assert FindingCode.KEY_NOT_PUBLISHED in found


# Over the wire


class _Server(asyncio.DatagramProtocol):
    """Answers every question for TXT the same."""

    def __init__(self, texts: Sequence[str], rcode: dns.rcode.Rcode | None) -> None:
        self._texts = texts
        self._rcode = rcode

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = dns.message.make_response(dns.message.from_wire(data))
        answer.flags |= dns.flags.RA
        if self._rcode is not None:
            answer.set_rcode(self._rcode)
        elif self._texts:
            answer.answer.append(dns.rrset.from_text(answer.question[0].name, 60, "IN", "TXT", *self._texts))
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def a_dns(
    monkeypatch: pytest.MonkeyPatch, *texts: str, rcode: dns.rcode.Rcode | None = None
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(texts, rcode), local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    try:
        yield
    finally:
        transport.close()


async def test_reads_a_record_in_one_piece_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_dns(monkeypatch, '"v=DKIM1; k=rsa; " "p=MII"', '"x"'):
        assert sorted(await texts_at(NAME)) == ["v=DKIM1; k=rsa; p=MII", "x"]


@pytest.mark.parametrize("rcode", [None, dns.rcode.NXDOMAIN])
async def test_no_such_name_and_no_such_record_are_nothing(
    monkeypatch: pytest.MonkeyPatch, rcode: dns.rcode.Rcode | None
) -> None:
    async with a_dns(monkeypatch, rcode=rcode):
        assert await texts_at(NAME) == []


async def test_a_server_that_fails_or_is_silent_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.published._PATIENCE", 0.3)
    async with a_dns(monkeypatch, rcode=dns.rcode.SERVFAIL):
        with pytest.raises(LookUpError):
            await texts_at(NAME)
    with pytest.raises(LookUpError):  # nobody listens there any more
        await texts_at(NAME)
