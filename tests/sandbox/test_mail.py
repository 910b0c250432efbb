"""The mail stand-in speaks like a real server, notices broken letters, and misbehaves only when told."""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib
import pytest
import trustme

from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn

LETTER = (
    b"From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?b?0JTQvtCx0YDRi9C5?=\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n..dot\r\n"
)


class Line:
    """A client that says exactly what a test wants said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> str:
        text = ""
        while True:
            line = (await self.reader.readline()).decode()
            text += line
            if line[3:4] != "-":
                return text

    async def say(self, command: str) -> str:
        self.writer.write(command.encode() + b"\r\n")
        return await self.answer()

    async def letter(self, raw: bytes = LETTER, to: str = "b@example.org", options: str = "") -> str:
        await self.say(f"MAIL FROM:<a@example.org>{options}")
        await self.say(f"RCPT TO:<{to}>")
        await self.say("DATA")
        self.writer.write(raw)
        return await self.say(".")


@asynccontextmanager
async def a_line(mail: MailStandIn, *, greeted: bool = True) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(mail.host, mail.port)
    line = Line(reader, writer)
    try:
        if greeted:
            assert (await line.answer()).startswith("220 ")
            await line.say("EHLO test")
        yield line
    finally:
        writer.close()


@pytest.fixture
async def mail() -> AsyncIterator[MailStandIn]:
    async with MailStandIn() as mail:
        yield mail


async def test_keeps_a_letter_as_it_came(mail: MailStandIn) -> None:
    async with a_line(mail) as line:
        assert (await line.letter()).startswith("250 2.0.0")
    [letter] = mail.letters("B@example.org")
    assert letter.raw == LETTER.replace(b"..dot", b".dot")
    assert letter.subject == "Добрый"
    assert letter.text == "Hello\n.dot\n"
    assert mail.violations == []


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"A\r\n", b"..\r\n"])
async def test_finds_the_end_of_the_oddest_letters(mail: MailStandIn, raw: bytes) -> None:
    async with a_line(mail) as line:
        assert (await line.letter(raw)).startswith("250")
        assert (await line.say("NOOP")).startswith("250")


@pytest.mark.parametrize(
    ("broken", "objection"),
    [
        (LETTER.replace(b"Hello\r\n", b"Hello\n"), "a bare CR or LF"),
        (LETTER + b"x" * 999 + b"\r\n", "a line of 999 octets"),
        (LETTER.replace(b"Date", b"X-Date"), "date stands 0 times"),
        (b"Message-ID: <2@example.org>\r\n" + LETTER, "message-id stands 2 times"),
        (b"Bcc: c@example.org\r\n" + LETTER, "bcc stands 1 times"),
        (b"Content-Type: text/plain\r\n" + LETTER, "Content-* without MIME-Version"),
        (LETTER.replace(b"Hello", "Привет".encode()), "8-bit text without BODY=8BITMIME"),
        (LETTER.replace(b"To: b@", b"To: c@"), "To names ['c@example.org'], the envelope ['b@example.org']"),
        (b"List-Unsubscribe: =?utf-8?q?=3Chttps?=\r\n" + LETTER, "List-Unsubscribe holds an encoded word"),
        (b"List-Unsubscribe-Post: x\r\n" + LETTER, "List-Unsubscribe-Post without an https address"),
        (b"X: =?utf-8?q?" + b"x" * 70 + b"?=\r\n" + LETTER, "an encoded word of 82 octets"),
    ],
)
async def test_objects_to_a_broken_letter(mail: MailStandIn, broken: bytes, objection: str) -> None:
    async with a_line(mail) as line:
        await line.letter(broken)
    assert objection in mail.violations


async def test_takes_8_bit_text_that_was_announced(mail: MailStandIn) -> None:
    async with a_line(mail) as line:
        await line.letter(LETTER.replace(b"Hello", "Привет".encode()), options=" BODY=8BITMIME SIZE=300")
    assert mail.violations == []


async def test_shows_pictures_inside_the_text_and_lists_files(mail: MailStandIn) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "x"
    message["Date"], message["Message-ID"] = "Mon, 23 Nov 2026 09:00:00 +0000", "<1@example.org>"
    message.set_content("text", cte="base64")
    message.add_alternative('<img src="cid:pic@x">', subtype="html")
    parts = message.get_payload()
    assert isinstance(parts, list)
    parts[1].add_related(b"\xff\xd8", "image", "jpeg", cid="<pic@x>", disposition="inline", filename="a.jpg")  # type: ignore[union-attr]
    message.add_attachment(b"%PDF", "application", "pdf", filename="Постановление №15.pdf")
    async with a_line(mail) as line:
        await line.letter(bytes(message))
    [letter] = mail.letters("b@example.org")
    assert f'<img src="data:image/jpeg;base64,{b64encode(bytes([255, 216])).decode()}">' in letter.html
    assert [(file.name, file.size, file.inline) for file in letter.attachments] == [
        ("a.jpg", 2, True),
        ("Постановление №15.pdf", 4, False),
    ]
    assert letter.file("Постановление №15.pdf") == b"%PDF"
    assert mail.violations == []


async def test_refuses_unknown_and_full_mailboxes_only(mail: MailStandIn) -> None:
    mail.unknown_mailboxes.add("no@example.org")
    mail.full_mailboxes.add("full@example.org")
    async with a_line(mail) as line:
        await line.say("MAIL FROM:<a@example.org>")
        assert (await line.say("RCPT TO:<no@example.org>")).startswith("550 5.1.1")
        assert (await line.say("RCPT TO:<Full@example.org>")).startswith("452 4.2.2")
        assert (await line.say("RCPT TO:<yes@example.org>")).startswith("250")


async def test_keeps_the_order_of_commands(mail: MailStandIn) -> None:
    async with a_line(mail) as line:
        assert (await line.say("DATA")).startswith("503")
        assert (await line.say("RCPT TO:<a@example.org>")).startswith("503")
        await line.say("MAIL FROM:<a@example.org>")
        assert (await line.say("MAIL FROM:<a@example.org>")).startswith("503")
        assert (await line.say("MAIL FROM:<a@example.org> NOTIFY=NEVER")).startswith("503")
        assert (await line.say("RSET")).startswith("250")
        assert (await line.say("MAIL FROM:<a@example.org> SIZE=99999999")).startswith("552 5.3.4")
        assert (await line.say("WHAT")).startswith("500")
    assert len(mail.violations) == 5


@pytest.mark.parametrize("phase", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "body"])
async def test_refuses_at_any_phase_with_any_code(mail: MailStandIn, phase: str) -> None:
    mail.faults.add(phase, Fault(Kind.REFUSES, code=599, text="5.9.9 no"))
    commands = ["EHLO test", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", LETTER.decode() + "."]
    async with a_line(mail, greeted=False) as line:
        answer = await line.answer()
        for command in commands:
            if not answer.startswith(("2", "3")):
                break
            answer = await line.say(command)
    assert answer == "599 5.9.9 no\r\n"
    assert mail.accepted == 0
    assert mail.faults.listing() == []


@pytest.mark.parametrize(
    ("call", "kind", "accepted"),
    [
        ("body", Kind.DROPS_BEFORE, 0),
        ("body", Kind.DROPS_AFTER_REQUEST, 1),
        ("body", Kind.HALF_ANSWER, 1),
        ("text", Kind.DROPS_BEFORE, 0),
        ("DATA", Kind.DROPS_AFTER_REQUEST, 0),
    ],
)
async def test_cuts_the_line_before_or_after_taking_a_letter(
    mail: MailStandIn, call: str, kind: Kind, accepted: int
) -> None:
    async with a_line(mail) as line:
        mail.faults.add(call, Fault(kind))
        try:
            answer = await line.letter()
        except ConnectionResetError:
            answer = ""
        assert len(answer) <= 2
        assert mail.accepted == accepted
        assert mail.faults.listing() == []


async def test_takes_a_letter_and_never_answers(mail: MailStandIn) -> None:
    async with a_line(mail) as line:
        mail.faults.add("body", Fault(Kind.HANGS))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.letter(), 0.1)
    assert mail.accepted == 1


async def test_a_fault_can_be_meant_for_one_mailbox(mail: MailStandIn) -> None:
    async with a_line(mail) as line:
        mail.faults.add("body", Fault(Kind.MAKES_WAIT, times=0, match="c@example.org"))
        assert (await line.letter()).startswith("250")
        assert (await line.letter(LETTER.replace(b"b@", b"c@"), to="c@example.org")).startswith("451 4.7.1")


async def test_ends_an_idle_connection_and_a_used_up_one() -> None:
    async with MailStandIn(idle_seconds=0.05, letters_per_connection=1) as mail:
        async with a_line(mail) as line:
            assert (await line.answer()).startswith("421 4.4.2")
            assert await line.reader.read() == b""
        async with a_line(mail) as line:
            await line.letter()
            assert (await line.say("MAIL FROM:<a@example.org>")).startswith("421 4.7.0")


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("mechanism", ["plain", "login"])
async def test_speaks_tls_and_asks_for_a_login(implicit: bool, mechanism: str) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with MailStandIn(tls=server, implicit=implicit, users={"press": "secret"}) as mail:
        client = aiosmtplib.SMTP(
            hostname=mail.host, port=mail.port, use_tls=implicit, start_tls=not implicit, tls_context=trusting
        )
        await client.connect()
        await client.ehlo(hostname="test")
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match="Authentication required"):
            await client.mail("a@example.org")
        log_in = getattr(client, f"auth_{mechanism}")
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await log_in("press", "wrong")
        await log_in("press", "secret")
        errors, _ = await client.sendmail("a@example.org", ["b@example.org"], LETTER)
        assert errors == {}
        large = b"x: " + b"y" * 70 + b"\r\n"
        await client.sendmail("a@example.org", ["b@example.org"], LETTER + large * 20_000)
        await client.quit()
    assert mail.accepted == 2
    assert mail.failed_logins == 1
    assert mail.violations == []


async def test_pipelining_is_answered_in_order() -> None:
    async with MailStandIn(pipelining=True) as mail, a_line(mail) as line:
        line.writer.write(
            b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + LETTER + b".\r\nNOOP\r\n"
        )
        assert [(await line.answer())[:3] for _ in range(5)] == ["250", "250", "354", "250", "250"]
    assert len(mail.letters("b@example.org")) == 1


@pytest.mark.parametrize("refused", ["MAIL", "RCPT"])
async def test_what_was_sent_on_behind_a_refusal_is_answered_without_complaint(refused: str) -> None:
    group = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    async with MailStandIn() as mail, a_line(mail) as line:
        mail.faults.add(refused, Fault(Kind.REFUSES))
        line.writer.write(group + b"RSET\r\n" + group)
        answers = [(await line.answer())[:3] for _ in range(7)]
        assert answers[2:] == ["503", "250", "250", "250", "354"]
        assert mail.violations == []
        await line.say(LETTER.decode() + ".")
        assert (await line.say("DATA")).startswith("503")
        assert mail.violations == ["DATA before RCPT"]


async def test_where_pipelining_is_not_offered_nothing_may_be_sent_on() -> None:
    async with MailStandIn(pipelining=False) as mail, a_line(mail) as line:
        assert "PIPELINING" not in await line.say("EHLO test")
        mail.faults.add("RCPT", Fault(Kind.REFUSES))
        await line.say("MAIL FROM:<a@example.org>")
        await line.say("RCPT TO:<b@example.org>")
        await line.say("DATA")
    assert mail.violations == ["DATA before RCPT"]


async def test_state_survives_a_restart(mail: MailStandIn) -> None:
    told: list[int] = []
    mail.changed = lambda: told.append(1)
    mail.add_mailbox("empty@example.org")
    mail.unknown_mailboxes.add("no@example.org")
    async with a_line(mail) as line:
        await line.letter()
    assert len(told) == 2
    other = MailStandIn(port=mail.port)
    other.restore(json.loads(json.dumps(mail.dump())))
    assert json.loads(json.dumps(other.snapshot())) == json.loads(json.dumps(mail.snapshot()))
    assert [box["address"] for box in other.snapshot()["mailboxes"]] == [
        "b@example.org",
        "empty@example.org",
        "no@example.org",
    ]
    assert other.letter(1)["text"] == "Hello\n.dot\n"


async def test_waits_for_a_letter_and_not_for_ever(mail: MailStandIn) -> None:
    async with a_line(mail) as line, asyncio.TaskGroup() as group:
        group.create_task(line.letter())
        await mail.wait_for(lambda: mail.accepted == 1)
    with pytest.raises(TimeoutError):
        await mail.wait_for(lambda: mail.accepted == 2, within=0.01)


async def test_counts_and_forgets_when_it_is_only_a_sink() -> None:
    async with MailStandIn(sink=True) as mail, a_line(mail) as line:
        await line.letter(b"broken\r\n")
    assert (mail.accepted, mail.all_letters(), mail.violations) == (1, [], [])
