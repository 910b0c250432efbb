"""What comes back changes what is known of its delivery and of its address, once, and only with a proof."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from channels.contract import Deferred, Reason, Rejected, Unconfirmed
from channels.returns import Bookmark, PostboxCode, PostboxError, Return, ReturnKind, Sort, Taken
from delivery import broadcast, report
from delivery.broadcast import settle
from delivery.desk import Desk
from delivery.model import BroadcastState, Delivery, DeliveryState, Outcome
from delivery.returns import ENOUGH, Returns
from delivery.store import deliveries as store
from delivery.store import erasure, lists, returns
from delivery.tables import attempt, delivery, returned
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says, states
from tests.delivery.mailbox import Box, marked
from tests.support.clock import Clock
from tests.support.waiting import eventually

TO = "ivanov@zavod.example"
HARD, SOFT, REFUSED, COMPLAINT = ReturnKind.HARD, ReturnKind.SOFT, ReturnKind.REFUSED, ReturnKind.COMPLAINT
S = DeliveryState


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def reader(desk: Desk, box: Box) -> Returns:
    return Returns(desk, {"mail": box})


async def a_letter(desk: Desk, *errors: Exception, to: Sequence[str] = (TO,)) -> Delivery:
    """One letter, tried once; it was accepted unless an error says otherwise."""
    await a_list(desk, "zavod", *to)
    number = await a_broadcast(desk, targets=("mail:zavod",))
    mail = desk.channels["mail"]
    assert isinstance(mail, Scripted)
    says(mail, *errors)
    await a_worker(desk).step("mail")
    return (await deliveries(desk, number))[0]


async def again(desk: Desk, one: Delivery) -> Delivery:
    async with desk.database.reading() as tx:
        found = await store.get(tx, one.id)
    assert found is not None
    return found


async def suppressed(desk: Desk) -> dict[tuple[str, str], str]:
    async with desk.database.reading() as tx:
        return await lists.suppressed(tx, ["zavod"])


async def history(desk: Desk, one: Delivery) -> list[Outcome | None]:
    async with desk.database.reading() as tx:
        return [each.outcome for each in await store.attempts_of(tx, one.id)]


# What it says


async def test_a_letter_to_nobody_comes_back_and_the_address_is_left_alone(
    desk: Desk, box: Box, reader: Returns
) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one))
    assert await reader.step("mail") is False
    now = await again(desk, one)
    assert (now.state, now.reason, now.detail) == (S.RETURNED, Reason.NO_SUCH_MAILBOX, "550 5.1.1 no such user")
    assert now.receipt is not None
    assert await suppressed(desk) == {(TO, ""): "bounced"}
    assert await history(desk, one) == [Outcome.SENT, Outcome.RETURNED]


async def test_a_full_mailbox_is_left_alone_after_five_letters_in_thirty_days(
    desk: Desk, box: Box, reader: Returns, clock: Clock
) -> None:
    for n in range(1, ENOUGH + 1):
        one = await a_letter(desk)
        box.arrives(marked(one, SOFT, Reason.MAILBOX_FULL))
        box.arrives(marked(one, SOFT, Reason.MAILBOX_FULL))  # two reports of one letter are one letter
        await reader.step("mail")
        assert (await again(desk, one)).state is S.RETURNED
        assert await suppressed(desk) == ({(TO, ""): "bounced"} if n == ENOUGH else {})
        clock.advance(days=6)


async def test_five_letters_in_more_than_thirty_days_are_not_enough(
    desk: Desk, box: Box, reader: Returns, clock: Clock
) -> None:
    for _ in range(ENOUGH + 2):
        box.arrives(marked(await a_letter(desk), SOFT, Reason.MAILBOX_FULL))
        await reader.step("mail")
        clock.advance(days=8)
    assert await suppressed(desk) == {}


async def test_whoever_takes_an_address_back_gives_it_five_letters_again(
    desk: Desk, box: Box, reader: Returns, clock: Clock
) -> None:
    for _ in range(ENOUGH):
        box.arrives(marked(await a_letter(desk), SOFT, Reason.MAILBOX_FULL))
        await reader.step("mail")
    async with desk.database.writing() as tx:
        assert await returns.count(tx, TO, since=clock() - timedelta(days=30)) == 0


async def test_a_refused_letter_says_nothing_of_its_address(desk: Desk, box: Box, reader: Returns) -> None:
    for _ in range(ENOUGH + 1):
        one = await a_letter(desk)
        box.arrives(marked(one, REFUSED, Reason.REFUSED_AS_SPAM))
        await reader.step("mail")
        assert (await again(desk, one)).state is S.RETURNED
    assert await suppressed(desk) == {}


async def test_who_complains_hears_no_more_though_the_letter_arrived(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one, COMPLAINT, Reason.REFUSED_AS_SPAM), sort=Sort.COMPLAINT)
    await reader.step("mail")
    assert (await again(desk, one)).state is S.SENT
    assert await suppressed(desk) == {(TO, ""): "complained"}
    assert await history(desk, one) == [Outcome.SENT, Outcome.COMPLAINED]


async def test_mail_that_is_passed_on_to_nobody_does_not_take_the_address_off(
    desk: Desk, box: Box, reader: Returns
) -> None:
    one = await a_letter(desk)
    box.arrives(replace(marked(one), about="petrov@elsewhere.example"))
    await reader.step("mail")
    now = await again(desk, one)
    assert (now.state, now.reason) == (S.RETURNED, Reason.REFUSED)
    assert now.detail == "petrov@elsewhere.example: 550 5.1.1 no such user"
    assert await suppressed(desk) == {}


# Whose it is


async def test_without_a_mark_the_key_and_the_address_tell(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(Return(HARD, Reason.NO_SUCH_MAILBOX, "550", key=one.key, to=TO))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.RETURNED


async def test_a_key_is_found_by_the_reported_address_too(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(Return(HARD, Reason.NO_SUCH_MAILBOX, "550", key=one.key, about=TO))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.RETURNED


@pytest.mark.parametrize("mark", ["{id}/another key", "999999/{key}", "9223372036854775807/{key}"])
async def test_a_forged_mark_does_nothing_and_is_counted(desk: Desk, box: Box, reader: Returns, mark: str) -> None:
    one = await a_letter(desk)
    forged = Return(HARD, Reason.NO_SUCH_MAILBOX, "550", mark=mark.format(id=one.id, key=one.key), to=TO, about=TO)
    box.arrives(forged)
    await reader.step("mail")
    await _nothing_happened(desk, one)
    async with desk.database.reading() as tx:
        tally = await returns.tally(tx, "mail")
    assert tally is not None
    assert (tally.forged, tally.strange) == (1, 0)


async def test_an_address_alone_proves_nothing(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(Return(HARD, Reason.NO_SUCH_MAILBOX, "550", to=TO, about=TO))
    box.arrives(Return(HARD, Reason.NO_SUCH_MAILBOX, "550", key="0" * 32, to=TO, about=TO))
    await reader.step("mail")
    await _nothing_happened(desk, one)
    async with desk.database.reading() as tx:
        tally = await returns.tally(tx, "mail")
    assert tally is not None
    assert (tally.forged, tally.strange) == (0, 2)


async def test_a_mark_of_another_channel_is_no_proof(desk: Desk, box: Box) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one))
    await Returns(desk, {"wall": box}).step("wall")
    await _nothing_happened(desk, one)


async def _nothing_happened(desk: Desk, one: Delivery) -> None:
    assert (await again(desk, one)).state is S.SENT
    assert await suppressed(desk) == {}
    assert await history(desk, one) == [Outcome.SENT]


# Where it may meet its delivery


async def test_a_letter_in_doubt_that_comes_back_was_out(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, Unconfirmed("cut"))
    assert one.state is S.UNCONFIRMED
    box.arrives(marked(one))
    await reader.step("mail")
    now = await again(desk, one)
    assert (now.state, now.doubtful) == (S.RETURNED, False)


async def test_a_persons_word_that_it_arrived_stands(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, Unconfirmed("cut"))
    await settle(desk, one.id, sent=True, by="anna")
    box.arrives(marked(one))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.SENT
    assert await history(desk, one) == [Outcome.UNCONFIRMED, Outcome.SETTLED_SENT, Outcome.RETURNED]
    assert await suppressed(desk) == {(TO, ""): "bounced"}


async def test_a_persons_word_that_it_did_not_stands(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, Unconfirmed("cut"))
    await settle(desk, one.id, sent=False, by="anna")
    box.arrives(marked(one))
    await reader.step("mail")
    now = await again(desk, one)
    assert (now.state, now.reason) == (S.FAILED, Reason.SETTLED_BY_PERSON)


async def test_a_return_of_an_older_attempt_does_not_undo_the_newer_one(
    desk: Desk, box: Box, reader: Returns, clock: Clock
) -> None:
    one = await a_letter(desk, Unconfirmed("cut"))
    first = clock()
    await broadcast.retry(desk, one.announcement_id, states=(S.UNCONFIRMED,))
    clock.advance(minutes=10)
    await a_worker(desk).step("mail")
    assert (await again(desk, one)).state is S.SENT
    box.arrives(replace(marked(one, SOFT, Reason.MAILBOX_FULL), written_at=first))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.SENT
    box.arrives(replace(marked(one, SOFT, Reason.MAILBOX_FULL), written_at=clock()))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.RETURNED


async def test_what_is_in_the_queue_again_stays_there(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, Deferred("451", Reason.REFUSED))
    assert one.state is S.QUEUED
    box.arrives(marked(one))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.QUEUED


async def test_what_was_refused_at_once_stays_refused(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, Rejected("552", Reason.LETTER_TOO_LARGE))
    box.arrives(marked(one))
    await reader.step("mail")
    now = await again(desk, one)
    assert (now.state, now.reason) == (S.FAILED, Reason.LETTER_TOO_LARGE)


async def test_a_letter_that_is_back_before_its_receipt_is_written_waits_for_it(
    desk: Desk, box: Box, reader: Returns
) -> None:
    await a_list(desk, "zavod", TO)
    number = await a_broadcast(desk, targets=("mail:zavod",))
    (one,) = await deliveries(desk, number)
    async with desk.database.writing() as tx:
        await tx.exec_driver_sql(f"UPDATE delivery SET state = 'sending', lease = 'x' WHERE id = {one.id}")
    box.arrives(marked(one))
    await reader.step("mail")
    assert (await again(desk, one)).state is S.SENDING
    async with desk.database.writing() as tx:
        await tx.exec_driver_sql(f"UPDATE delivery SET state = 'sent', lease = NULL WHERE id = {one.id}")
    await reader.step("mail")
    assert (await again(desk, one)).state is S.RETURNED


async def test_what_came_back_comes_back_once(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one, SOFT, Reason.MAILBOX_FULL))
    await reader.step("mail")
    box.arrives(marked(one))
    await reader.step("mail")
    now = await again(desk, one)
    assert (now.state, now.reason) == (S.RETURNED, Reason.MAILBOX_FULL)  # the first word stands
    assert await suppressed(desk) == {(TO, ""): "bounced"}  # and the second one is heeded


async def test_a_person_may_send_again_what_came_back(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one, SOFT, Reason.MAILBOX_FULL))
    await reader.step("mail")
    assert await broadcast.retry(desk, one.announcement_id) == []  # unless that was said, nothing goes out again
    assert await broadcast.retry(desk, one.announcement_id, states=(S.RETURNED,)) == [one.id]
    await a_worker(desk).step("mail")
    assert await states(desk, one.announcement_id) == [S.SENT]


async def test_a_settled_broadcast_stays_settled_and_its_report_tells(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk, to=(TO, "petrov@zavod.example"))
    box.arrives(marked(one))
    await reader.step("mail")
    async with desk.database.reading() as tx:
        whole = await report.of(tx, one.announcement_id)
    assert whole is not None
    (its,) = whole.broadcasts
    assert its.broadcast.state is BroadcastState.SETTLED
    assert (its.counts[S.SENT], its.counts[S.RETURNED]) == (1, 1)
    assert [each.id for each in whole.troubles] == [one.id]


# Once


async def test_a_letter_is_dealt_with_once_whatever_its_number(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one), digest="the same")
    await reader.step("mail")
    box.validity = 8  # the mailbox was rebuilt: everything has another number, and is read from the start
    box.letters = [replace(box.letters[0], uid=9)]
    await reader.step("mail")
    assert await history(desk, one) == [Outcome.SENT, Outcome.RETURNED]
    assert box.put == [1, 9]


async def test_what_was_recorded_is_put_away_after_a_crash(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one))
    box.put_away = _dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await reader.step("mail")
    del box.put_away
    assert (await again(desk, one)).state is S.RETURNED
    await Returns(desk, {"mail": box}).step("mail")
    assert box.put == [1]
    assert await history(desk, one) == [Outcome.SENT, Outcome.RETURNED]


async def _dies(validity: int, uids: frozenset[int]) -> bool:
    raise KeyboardInterrupt


async def test_nothing_is_put_away_before_it_is_on_record(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one))
    box.letters.append(Taken(5, "z", Sort.BOUNCE, ("not a return",)))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        await reader.step("mail")
    assert box.put == []
    assert await history(desk, one) == [Outcome.SENT]
    async with desk.database.reading() as tx:
        assert await returns.bookmark(tx, "mail") is None


async def test_letters_of_people_are_passed_by_and_left_where_they_are(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    for sort in (Sort.OTHER, Sort.AUTOMATIC, Sort.DELAY):
        box.arrives(sort=sort)
    box.arrives(marked(one))
    await reader.step("mail")
    assert box.put == [4]
    async with desk.database.reading() as tx:
        assert await returns.bookmark(tx, "mail") == Bookmark(7, 4)
        kept = await tx.execute(select(func.count()).select_from(returned))
        assert kept.scalar_one() == 1


async def test_a_large_mailbox_is_read_bit_by_bit(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.at_once = 2
    for _ in range(4):
        box.arrives(sort=Sort.OTHER)
    box.arrives(marked(one))
    assert [await reader.step("mail") for _ in range(3)] == [True, True, False]
    assert (await again(desk, one)).state is S.RETURNED


async def test_editors_are_told_when_something_came_back_and_not_otherwise(desk: Desk, box: Box) -> None:
    told: list[int] = []
    reader = Returns(desk, {"mail": box}, on_change=lambda: told.append(1))
    one = await a_letter(desk)
    box.arrives(sort=Sort.OTHER)
    await reader.step("mail")
    assert told == []
    box.arrives(marked(one))
    await reader.step("mail")
    assert told == [1]


async def test_attempts_of_returns_count_for_no_limit(desk: Desk, box: Box, reader: Returns) -> None:
    one = await a_letter(desk)
    box.arrives(marked(one))
    await reader.step("mail")
    async with desk.database.reading() as tx:
        asked = await tx.execute(select(func.count()).where(attempt.c.channel == "mail"))
        assert asked.scalar_one() == 1


async def test_an_erased_address_leaves_no_trace_whenever_it_comes_back(
    desk: Desk, box: Box, reader: Returns, clock: Clock
) -> None:
    one = await a_letter(desk)
    box.arrives(replace(marked(one), detail=f"550 <{TO}> unknown"))
    await reader.step("mail")
    async with desk.database.writing() as tx:
        await erasure.erase(tx, TO, clock())
    box.arrives(replace(marked(one), detail=f"550 <{TO}> still unknown"))
    await reader.step("mail")
    async with desk.database.reading() as tx:
        said = list((await tx.execute(select(returned.c.address, returned.c.detail))).all())
        said += list((await tx.execute(select(attempt.c.detail))).all())
        said += list((await tx.execute(select(delivery.c.address, delivery.c.detail))).all())
    assert TO not in repr(said)
    assert await suppressed(desk) == {}


# By itself


async def test_it_reads_on_after_every_fault_until_it_is_told_to_stop(
    desk: Desk, box: Box, reader: Returns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.returns._FIRST_PAUSE", 0.01)
    monkeypatch.setattr(box, "every_seconds", 0.01)
    one = await a_letter(desk)
    box.arrives(marked(one))
    box.fails += [PostboxError(PostboxCode.NOT_REACHED, "away"), RuntimeError("a bug"), OSError("the database is away")]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(reader.run(stop))
        await eventually(lambda: box.put)
        stop.set()
        async with asyncio.timeout(5):
            await running
    assert (await again(desk, one)).state is S.RETURNED
