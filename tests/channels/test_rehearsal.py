"""The channel that leads nowhere: what it remembers, and how it misbehaves."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from channels.contract import (
    Channel,
    Deferred,
    Part,
    Post,
    ProblemCode,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Shipment,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.rehearsal import Mishap, RehearsalChannel, Settings, connect


class NoMedia:
    async def read(self, digest: str) -> bytes:
        raise KeyError(digest)


SURROUNDINGS = Surroundings(NoMedia(), TelegramAccess(""))


def shipment(text: str = "Собрание", *, to: str = "rehearsal", key: str = "k1") -> Shipment:
    return Shipment(Part(text), Recipient(to), key)


async def a_channel(**settings: object) -> RehearsalChannel:
    return await connect("try", Settings.model_validate(settings), SURROUNDINGS)


async def test_remembers_what_it_was_given_and_answers_with_a_receipt() -> None:
    channel = await a_channel()
    receipts = [await channel.send(shipment("a", key="1")), await channel.send(shipment("b", key="2"))]
    assert [each.part.text for each in channel.sent] == ["a", "b"]
    assert receipts == [Receipt(("1",), "rehearsal:try/1"), Receipt(("2",), "rehearsal:try/2")]


async def test_is_a_channel_like_any_other() -> None:
    channel: Channel = await a_channel(concurrency=3, per_minute=60, stale_hours=1)
    assert channel.address == "rehearsal"
    assert (channel.pace.concurrency, channel.pace.per_minute) == (3, 60)
    assert channel.stale_after == timedelta(hours=1)
    assert channel.repeatable_for == timedelta(0)
    assert [finding.fatal for finding in await channel.check()] == [False]


async def test_without_an_address_it_wants_mailing_lists() -> None:
    assert (await a_channel(address="")).address is None


async def test_renders_everything_as_it_was_written() -> None:
    post = Post("Текст", title="Заголовок")
    rendering = (await a_channel()).render(post)
    assert rendering.parts == (Part("Текст", title="Заголовок"),)
    assert not rendering.blocked


@pytest.mark.parametrize(("text", "code"), [("  ", ProblemCode.EMPTY), ("четыре", ProblemCode.TEXT_TOO_LONG)])
async def test_says_what_does_not_fit(text: str, code: ProblemCode) -> None:
    rendering = (await a_channel(text_limit=4)).render(Post(text))
    assert [problem.code for problem in rendering.problems] == [code]
    assert rendering.blocked


async def test_a_repeated_key_shows_once_where_that_was_promised() -> None:
    channel = await a_channel(repeatable_minutes=60)
    first = await channel.send(shipment())
    assert await channel.send(shipment()) == first
    assert len(channel.sent) == 1


async def test_a_repeated_key_shows_twice_where_nothing_was_promised() -> None:
    channel = await a_channel()
    assert await channel.send(shipment()) != await channel.send(shipment())
    assert len(channel.sent) == 2


async def test_misbehaves_before_and_after_it_acted() -> None:
    channel = await a_channel()
    channel.misbehave(Mishap(Deferred("later")), Mishap(Unconfirmed("cut"), after=True))
    with pytest.raises(Deferred):
        await channel.send(shipment("a"))
    assert channel.sent == []
    with pytest.raises(Unconfirmed):
        await channel.send(shipment("b"))
    assert [each.part.text for each in channel.sent] == ["b"]
    await channel.send(shipment("c"))


async def test_misbehaves_towards_one_recipient_only_and_as_often_as_told() -> None:
    channel = await a_channel(address="")
    channel.misbehave(Mishap(Rejected("no", Reason.NO_SUCH_MAILBOX), times=2, address="a@x.ru"))
    for _ in range(2):
        await channel.send(shipment(to="b@x.ru"))
        with pytest.raises(Rejected):
            await channel.send(shipment(to="a@x.ru"))
    await channel.send(shipment(to="a@x.ru"))


async def test_misbehaves_until_told_to_behave() -> None:
    channel = await a_channel()
    channel.misbehave(Mishap(Deferred("later"), times=0))
    for _ in range(3):
        with pytest.raises(Deferred):
            await channel.send(shipment())
    channel.behave()
    await channel.send(shipment())


async def test_keeps_a_journal_that_outlives_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    for text in ("a", "б"):
        channel = await a_channel(journal=journal)
        await channel.send(shipment(text))
        await channel.close()
        assert channel.closed
    written = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert [line["part"]["text"] for line in written] == ["a", "б"]
    assert written[0]["recipient"]["address"] == "rehearsal"
