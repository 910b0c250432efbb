"""From the letter to its return: a real relay's envelope, a real mailbox, and the database that puts both together."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from channels.email.channel import EmailChannel
from channels.email.returns.postbox import ImapPostbox, connect
from channels.email.settings import Settings
from delivery.database import Database
from delivery.desk import Desk
from delivery.model import Delivery, DeliveryState
from delivery.returns import Returns
from delivery.store import lists, returns
from sandbox.mail import MailStandIn
from tests.channels.returns import making, others
from tests.delivery.builders import a_broadcast, a_list, a_worker, deliveries
from tests.support import dovecot
from tests.support.clock import Clock
from tests.support.dovecot import PASSWORD, USER, Mailserver, NoDovecotError
from tests.support.letters import a_channel, some_surroundings

TO = "ivanov@zavod.example"
S = DeliveryState


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailserver]:
    try:
        dovecot.find()
    except NoDovecotError as error:
        pytest.skip(str(error))
    async with dovecot.running() as server:
        yield server


class Office:
    """The service, as far as letters go out and come back."""

    def __init__(self, database: Database, channel: EmailChannel, box: ImapPostbox, clock: Clock) -> None:
        self.desk = Desk(database, {"mail": channel}, clock, ZoneInfo("Europe/Moscow"))
        self.reader = Returns(self.desk, {"mail": box})

    async def sends(self, *to: str) -> list[Delivery]:
        await a_list(self.desk, "zavod", *to)
        number = await a_broadcast(self.desk, targets=("mail:zavod",))
        worker = a_worker(self.desk)
        while await worker.step("mail"):
            pass
        return await deliveries(self.desk, number)

    async def now(self, one: Delivery) -> Delivery:
        return next(each for each in await deliveries(self.desk, one.announcement_id) if each.id == one.id)

    async def suppressed(self) -> dict[tuple[str, str], str]:
        async with self.desk.database.reading() as tx:
            return dict(await lists.suppressed(tx, ["zavod"]))


@pytest.fixture
async def relay() -> AsyncIterator[MailStandIn]:
    async with MailStandIn() as relay:
        yield relay


@pytest.fixture
async def office(migrated_url: str, mailbox: Mailserver, relay: MailStandIn, clock: Clock) -> AsyncIterator[Office]:
    of_returns = {"host": "127.0.0.1", "port": mailbox.port, "tls": "none", "username": USER, "password": PASSWORD}
    of_returns |= {"return_path": "press+*@prof.example", "secret": "a secret of sixteen", "done_folder": "done"}
    values: dict[str, Any] = {"host": "127.0.0.1", "port": relay.port, "tls": "none", "sender": "press@prof.example"}
    chosen = Settings.model_validate(values | {"returns": of_returns})
    box = connect(chosen, lambda: datetime.now(UTC))
    database = Database(migrated_url)
    async with a_channel(relay, surroundings=some_surroundings(), sender=chosen.sender, returns=chosen.returns) as ours:
        yield Office(database, ours, box, clock)
    await database.close()


def bounce_of(relay: MailStandIn, to: str, *, status: str = "5.1.1") -> bytes:
    """What the other side writes to the envelope sender of the letter that it got."""
    (letter,) = relay.letters(to)
    said = f"Final-Recipient: rfc822; {to}\nAction: failed\nStatus: {status}"
    return making.report(said, to=letter.sender, original="")


async def test_a_letter_goes_out_and_comes_back(office: Office, relay: MailStandIn, mailbox: Mailserver) -> None:
    one, other = await office.sends(TO, "petrov@zavod.example")
    assert (one.state, other.state) == (S.SENT, S.SENT)
    mailbox.arrives(others.PERSON)
    mailbox.arrives(bounce_of(relay, TO))
    assert await office.reader.step("mail") is False
    assert [(await office.now(each)).state for each in (one, other)] == [S.RETURNED, S.SENT]
    assert await office.suppressed() == {(TO, ""): "bounced"}
    assert (mailbox.lies_in(), len(mailbox.lies_in("done"))) == ([""], 1)
    await office.sends(TO, "petrov@zavod.example")
    assert (len(relay.letters(TO)), len(relay.letters("petrov@zavod.example"))) == (1, 2)


async def test_a_letter_without_a_mark_is_known_by_its_message_id(
    office: Office, relay: MailStandIn, mailbox: Mailserver
) -> None:
    (one,) = await office.sends(TO)
    said = f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.2.2"
    mailbox.arrives(making.report(said, original=making.letter(TO, one.key)))
    await office.reader.step("mail")
    now = await office.now(one)
    assert (now.state, now.reason) == (S.RETURNED, "mailbox_full")
    assert await office.suppressed() == {}


async def test_a_forger_changes_nothing(office: Office, relay: MailStandIn, mailbox: Mailserver) -> None:
    one, other = await office.sends(TO, "petrov@zavod.example")
    forged = bounce_of(relay, TO).replace(f"+b-{one.id}-".encode(), f"+b-{other.id}-".encode())
    mailbox.arrives(forged)
    await office.reader.step("mail")
    assert [(await office.now(each)).state for each in (one, other)] == [S.SENT, S.SENT]
    assert await office.suppressed() == {}
    async with office.desk.database.reading() as tx:
        tally = await returns.tally(tx, "mail")
    assert tally is not None
    assert tally.forged == 1


async def test_a_mailbox_that_is_restored_is_read_again_without_effect(
    office: Office, relay: MailStandIn, mailbox: Mailserver
) -> None:
    (one,) = await office.sends(TO)
    mailbox.arrives(bounce_of(relay, TO, status="5.2.2"))
    await office.reader.step("mail")
    mailbox.arrives(bounce_of(relay, TO, status="5.2.2"))  # the same octets, under another number
    await office.reader.step("mail")
    async with office.desk.database.reading() as tx:
        assert await returns.count(tx, TO, since=datetime(2026, 1, 1, tzinfo=UTC)) == 1
    assert (mailbox.lies_in(), len(mailbox.lies_in("done"))) == ([], 2)
    assert (await office.now(one)).state is S.RETURNED
