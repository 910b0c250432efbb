"""What is out is corrected or taken away where that can be done, and what is to come carries the new text."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import (
    ChannelClosed,
    Correction,
    Deferred,
    Pace,
    Post,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Shipment,
    Unconfirmed,
)
from delivery import broadcast, corrections, report
from delivery.broadcast import StageError
from delivery.corrections import steps
from delivery.desk import Desk
from delivery.model import Act, AnnouncementState, BroadcastKind, BroadcastState, Delivery, DeliveryState
from delivery.store import announcements, attempts, broadcasts, queue
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, deliveries, says
from tests.support.clock import Clock
from tests.support.waiting import eventually

SENT, FAILED, QUEUED, CANCELLED = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.QUEUED,
    DeliveryState.CANCELLED,
)
GONE = Post("Объявление отозвано", title="Заседание")


async def sent(desk: Desk, text: str, targets: tuple[str, ...] = ("wall",)) -> int:
    number = await a_broadcast(desk, text, targets=targets)
    await deliver(desk)
    return number


async def deliver(desk: Desk) -> None:
    worker = a_worker(desk)
    for channel in desk.channels:
        while await worker.step(channel):
            pass


async def acts(desk: Desk, number: int) -> list[tuple[Act, int, DeliveryState]]:
    return [(one.act, one.part, one.state) for one in await deliveries(desk, number)]


def standing(wall: Scripted) -> list[str]:
    return list(wall.standing.values())


# In place


async def test_a_post_is_changed_where_it_stands(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Собрание 14 мая")
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая"]
    assert (followed.fresh, followed.revision, followed.untouched) == (True, 2, [])
    assert await acts(desk, number) == [(Act.SEND, 1, SENT), (Act.CORRECT, 1, SENT)]
    first, second = await deliveries(desk, number)
    assert second.about == first.id
    assert second.receipt == first.receipt


async def test_pressing_twice_makes_one_correction(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Собрание 14 мая")
    first = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    again = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="other")
    await deliver(desk)
    after = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await deliver(desk)
    assert first.broadcasts == again.broadcasts == after.broadcasts
    assert (again.fresh, after.fresh) == (False, False)
    assert wall.calls == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [("один|два|три", "раз|два"), ("один", "раз|два|три"), ("один|два", "раз|два"), ("один|два|три", "раз")],
)
async def test_a_longer_or_shorter_text_has_its_own_number_of_parts(
    desk: Desk, wall: Scripted, before: str, after: str
) -> None:
    number = await sent(desk, before)
    await corrections.correct(desk, number, Post(after), by="editor")
    await deliver(desk)
    assert standing(wall) == after.split("|")
    newest = wall.sent[-1]
    if len(after) > len(before):
        assert newest.previous is not None, "a new part answers to the one before it"


@pytest.mark.parametrize(
    "texts", [("а", "б|в|г", "д"), ("а|б", "в|г|д", "е|ж|з|и", "к|л"), ("а|б|в", "г", "д|е|ж", "з|и")]
)
async def test_parts_that_a_correction_has_added_or_taken_are_followed_as_well(
    desk: Desk, wall: Scripted, texts: tuple[str, ...]
) -> None:
    number = await sent(desk, texts[0])
    for text in texts[1:]:
        await corrections.correct(desk, number, Post(text), by="editor")
        await deliver(desk)
        assert standing(wall) == text.split("|")
    await corrections.recall(desk, number, GONE, by="editor")
    await deliver(desk)
    assert standing(wall) == []


async def test_words_stand_where_something_was_recalled_and_none_where_a_part_is_too_many(
    desk: Desk, wall: Scripted
) -> None:
    number = await sent(desk, "раз|два|три")
    given: list[tuple[int, str]] = []
    real = wall.withdraw

    async def noted(shipment: Shipment, there: Receipt) -> Receipt:
        given.append((int(there.external_ids[0]), shipment.part.text))
        return await real(shipment, there)

    wall.withdraw = noted  # type: ignore[method-assign]
    await corrections.correct(desk, number, Post("раз|два"), by="editor")
    await deliver(desk)
    assert given == [(3, "")]
    await corrections.recall(desk, number, GONE, by="editor")
    await deliver(desk)
    assert sorted(given[1:]) == [(1, GONE.text), (2, GONE.text)]


async def test_a_second_correction_stands_although_the_first_comes_late(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Собрание 14 мая")
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await corrections.correct(desk, number, Post("Собрание 16 мая"), by="editor")
    await deliver(desk)
    assert standing(wall) == ["Собрание 16 мая"]
    assert [state for act, _part, state in await acts(desk, number) if act is Act.CORRECT] == [CANCELLED, SENT]


async def test_what_is_repeated_is_corrected_wherever_it_stands(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Приём 14 мая")
    async with desk.database.reading() as tx:
        assert await broadcasts.by_release_key(tx, f"announcement:{number}")
    await broadcast.release(desk, number, by="editor", release_key="again")
    await deliver(desk)
    followed = await corrections.correct(desk, number, Post("Приём 15 мая"), by="editor")
    await deliver(desk)
    assert standing(wall) == ["Приём 15 мая"] * 2
    assert len(followed.broadcasts) == 2


async def test_what_cannot_be_changed_is_named(desk: Desk, wall: Scripted) -> None:
    wall.corrects = Correction.NONE
    number = await sent(desk, "Собрание 14 мая")
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await deliver(desk)
    assert (followed.untouched, followed.broadcasts) == (["wall"], [])
    assert standing(wall) == ["Собрание 14 мая"]


async def test_a_correction_that_is_refused_is_tracked_and_told(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Собрание 14 мая")
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    says(wall, Rejected("too old", Reason.TOO_OLD_TO_CHANGE))
    await deliver(desk)
    assert await acts(desk, number) == [(Act.SEND, 1, SENT), (Act.CORRECT, 1, FAILED)]
    assert await broadcast.retry(desk, number)
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая"]


async def test_a_refused_key_for_changing_closes_no_channel(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Собрание 14 мая")
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    says(wall, ChannelClosed("a person's key", Reason.TOKEN_REVOKED))
    await deliver(desk)
    assert (await deliveries(desk, number))[1].reason is Reason.TOKEN_REVOKED
    await sent(desk, "Другое объявление")
    assert standing(wall) == ["Собрание 14 мая", "Другое объявление"]


async def test_a_lost_answer_is_no_doubt(desk: Desk, wall: Scripted, clock: Clock) -> None:
    """To change something twice is to change it once."""
    number = await sent(desk, "Собрание 14 мая")
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    says(wall, Unconfirmed("cut off"))
    await deliver(desk)
    assert (await acts(desk, number))[1] == (Act.CORRECT, 1, QUEUED)
    clock.advance(minutes=1)
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая"]
    assert (await acts(desk, number))[1] == (Act.CORRECT, 1, SENT)


# While it is still going out


async def test_what_waits_goes_out_with_the_new_text(desk: Desk, wall: Scripted, clock: Clock) -> None:
    number = await a_broadcast(desk, "Собрание 14 мая|в клубе|в 18:00")
    says(wall, Deferred("later", Reason.REFUSED))
    await deliver(desk)
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая|в клубе"), by="editor")
    clock.advance(hours=1)
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая", "в клубе"]
    assert followed.broadcasts == []
    assert await acts(desk, number) == [(Act.SEND, 1, SENT), (Act.SEND, 2, SENT), (Act.SEND, 3, CANCELLED)]


async def test_half_of_it_is_out(desk: Desk, wall: Scripted, clock: Clock) -> None:
    number = await a_broadcast(desk, "Собрание 14 мая|в клубе")
    wall.pace, unhindered = Pace(concurrency=1, per_minute=1), wall.pace
    await a_worker(desk).step("wall")
    assert standing(wall) == ["Собрание 14 мая"]
    wall.pace = unhindered
    await corrections.correct(desk, number, Post("Собрание 15 мая|в клубе|в 18:00"), by="editor")
    clock.advance(hours=1)
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая", "в клубе", "в 18:00"]


class Patient(Scripted):
    """Every letter takes a moment, so that there is a middle of a broadcast."""

    def __init__(self) -> None:
        super().__init__(address=None)
        self.pace = Pace(concurrency=2)

    async def send(self, shipment: Shipment) -> Receipt:
        await asyncio.sleep(0.002)
        return await super().send(shipment)


async def test_an_edit_reaches_what_is_in_hand(desk: Desk) -> None:
    mail, people = Patient(), [f"a{number:04}@example.org" for number in range(400)]
    desk = Desk(desk.database, {"mail": mail}, desk.now, desk.zone)
    await a_list(desk, "one", *people)
    number = await a_broadcast(desk, "14 мая", targets=["mail:one"])
    worker = a_worker(desk)
    step = asyncio.ensure_future(worker.step("mail"))
    await eventually(lambda: len(mail.sent) > 60, within=30)
    await corrections.correct(desk, number, Post("15 мая"), by="editor", letters=True)
    edited_at = len(mail.sent)
    await step
    late = [one.part.text for one in mail.sent[edited_at:]].count("14 мая")
    assert late <= mail.pace.concurrency, "what was on the wire in that moment, and no more"
    while await worker.step("mail"):
        pass
    got = Counter((one.recipient.address, one.part.text) for one in mail.sent)
    assert set(got.values()) == {1}
    old = {address for address, text in got if text == "14 мая"}
    corrected = {
        one.recipient.address
        for one in await deliveries(desk, number)
        if one.act is Act.CORRECT and one.recipient is not None
    }
    assert corrected == old, "who got the old text is written to, and nobody else"
    assert {address for address, text in got if text == "15 мая"} == set(people) - old


async def test_an_edit_reaches_what_is_about_to_begin(desk: Desk) -> None:
    """Between the claim and the start nothing is out yet; the worker learns of the edit when it would begin."""
    number = await a_broadcast(desk, "Собрание 14 мая")
    now = desk.now()
    async with desk.database.writing() as tx:
        held = await queue.claim(tx, "wall", limit=1, lease="w", until=now + timedelta(minutes=1), now=now)
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    assert followed.broadcasts == [], "there is nothing to correct"
    async with desk.database.writing() as tx:  # the same worker claims it anew, and still holds the older copy
        again = await queue.claim(tx, "wall", limit=1, lease="w", until=now + timedelta(minutes=1), now=now)
        assert await attempts.start(tx, held, lease="w", actor="w", windows={}, now=now) == {}
    assert [one.revision for one in held + again] == [1, 2]
    await deliver(desk)
    assert [one.state for one in await deliveries(desk, number)] == [SENT]


async def test_what_may_be_out_is_repeated_as_it_was_and_then_changed(desk: Desk, wall: Scripted, clock: Clock) -> None:
    """Under the same key another text would be taken for the first one, and be told as shown."""
    wall.repeatable_for = timedelta(minutes=55)
    number = await a_broadcast(desk, "Собрание 14 мая")
    says(wall, Unconfirmed("cut off"))
    await deliver(desk)
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    for _ in range(3):
        clock.advance(minutes=2)
        await deliver(desk)
    assert [one.part.text for one in wall.sent] == ["Собрание 14 мая"]
    assert standing(wall) == ["Собрание 15 мая"]
    assert await acts(desk, number) == [(Act.SEND, 1, SENT), (Act.CORRECT, 1, SENT)]


async def test_a_failed_delivery_repeats_with_the_newest_text(desk: Desk, wall: Scripted) -> None:
    number = await a_broadcast(desk, "Собрание 14 мая")
    says(wall, Rejected("no right", Reason.NO_RIGHT_TO_POST))
    await deliver(desk)
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await broadcast.retry(desk, number)
    await deliver(desk)
    assert standing(wall) == ["Собрание 15 мая"]


async def test_a_correction_waits_for_what_is_in_doubt(desk: Desk, wall: Scripted, clock: Clock) -> None:
    number = await a_broadcast(desk, "Собрание 14 мая")
    says(wall, Unconfirmed("cut off"))
    await deliver(desk)
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await deliver(desk)
    one, two = await deliveries(desk, number)
    assert (two.state, two.reason, two.attempts) == (QUEUED, Reason.NOT_SENT_YET, 0)
    await broadcast.settle(desk, one.id, sent=False, by="editor")
    clock.advance(minutes=2)
    await deliver(desk)
    assert (await acts(desk, number))[1] == (Act.CORRECT, 1, FAILED), "there is nothing to correct"


async def test_where_nobody_knows_the_number_a_person_must_do_it(desk: Desk, wall: Scripted, clock: Clock) -> None:
    number = await a_broadcast(desk, "Собрание 14 мая")
    says(wall, Unconfirmed("cut off"))
    await deliver(desk)
    [one] = await deliveries(desk, number)
    await broadcast.settle(desk, one.id, sent=True, by="editor")
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    await deliver(desk)
    assert (await deliveries(desk, number))[1].reason is Reason.PLACE_UNKNOWN


# Letters


async def test_letters_are_followed_only_when_the_editor_wants_it(desk: Desk, mail: Scripted, clock: Clock) -> None:
    await a_list(desk, "all", "a@example.org", "b@example.org")
    number = await sent(desk, "Собрание 14 мая", targets=("mail:all",))
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    assert (followed.broadcasts, followed.untouched) == ([], ["mail"])
    followed = await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor", letters=True)
    assert (followed.fresh, followed.untouched) == (True, [])
    clock.advance(minutes=2)
    await deliver(desk)
    letters = [(one.recipient.address, one.part.text) for one in mail.sent[2:]]
    assert sorted(letters) == [("a@example.org", "Собрание 15 мая"), ("b@example.org", "Собрание 15 мая")]


async def test_only_who_got_the_error_is_written_to(desk: Desk, mail: Scripted, clock: Clock) -> None:
    await a_list(desk, "all", "a@example.org", "b@example.org", "c@example.org")
    number = await a_broadcast(desk, "Собрание 14 мая", targets=("mail:all",))
    says(mail, Deferred("451", Reason.REFUSED), Rejected("550", Reason.NO_SUCH_MAILBOX))
    await deliver(desk)
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor", letters=True)
    clock.advance(hours=1)
    await deliver(desk)
    got = [one.part.text for one in mail.sent]
    assert sorted(got) == ["Собрание 14 мая", "Собрание 15 мая", "Собрание 15 мая"]
    assert len({one.recipient.address for one in mail.sent}) == 2, "one was corrected, one waited, one has no mailbox"


@pytest.mark.parametrize("settled", [True, False])
async def test_what_was_in_doubt_is_sent_again_with_the_newer_text(
    desk: Desk, mail: Scripted, clock: Clock, settled: bool
) -> None:
    await a_list(desk, "all", "a@example.org")
    number = await a_broadcast(desk, "Собрание 14 мая", targets=("mail:all",))
    says(mail, Unconfirmed("cut off"))
    await deliver(desk)
    await corrections.correct(desk, number, Post("Собрание 15 мая"), by="editor")
    [one] = await deliveries(desk, number)
    if settled:
        await broadcast.settle(desk, one.id, sent=False, by="editor")
    await broadcast.retry(desk, number, states=(FAILED, DeliveryState.UNCONFIRMED))
    await deliver(desk)
    assert [one.part.text for one in mail.sent] == ["Собрание 15 мая"]


async def test_what_failed_is_not_sent_again_with_the_text_of_the_next_repeat(desk: Desk, mail: Scripted) -> None:
    await a_list(desk, "all", "a@example.org")
    number = await a_broadcast(desk, "Консультация в мае", targets=("mail:all",))
    says(mail, Unconfirmed("cut off"))
    await deliver(desk)
    async with desk.database.writing() as tx:
        await announcements.revise(tx, number, Post("Консультация в июне"), author="editor", now=desk.now())
    await broadcast.retry(desk, number, states=(DeliveryState.UNCONFIRMED,))
    await deliver(desk)
    assert [one.part.text for one in mail.sent] == ["Консультация в мае"]


# Recall


async def test_a_recall_takes_everything_away_and_stops_the_rest(desk: Desk, wall: Scripted, clock: Clock) -> None:
    await a_list(desk, "all", "a@example.org")
    number = await sent(desk, "Заседание|завтра", targets=("wall", "mail:all"))
    followed = await corrections.recall(desk, number, GONE, by="editor")
    await deliver(desk)
    assert standing(wall) == []
    assert followed.untouched == ["mail"]
    again = await corrections.recall(desk, number, GONE, by="editor")
    assert (again.fresh, again.broadcasts) == (False, []), "nothing is left to take away"
    assert len(followed.broadcasts) == 1
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    assert found.state is AnnouncementState.CANCELLED
    assert [one.broadcast.kind for one in found.broadcasts] == [BroadcastKind.ANNOUNCEMENT, BroadcastKind.RECALL]
    assert {one.broadcast.state for one in found.broadcasts} == {BroadcastState.SETTLED}
    with pytest.raises(StageError):
        await corrections.correct(desk, number, Post("снова"), by="editor")


async def test_a_recall_in_the_middle_lets_nothing_more_out(desk: Desk, wall: Scripted, clock: Clock) -> None:
    await a_list(desk, "all", *(f"a{n}@example.org" for n in range(3)))
    number = await a_broadcast(desk, "Заседание", targets=("wall", "mail:all"))
    await a_worker(desk).step("wall")
    await corrections.recall(desk, number, GONE, by="editor")
    clock.advance(minutes=5)
    await deliver(desk)
    assert standing(wall) == []
    assert [one.state for one in await deliveries(desk, number) if one.channel == "mail"] == [CANCELLED] * 3


async def test_a_recall_overtakes_a_correction(desk: Desk, wall: Scripted) -> None:
    number = await sent(desk, "Заседание")
    await corrections.correct(desk, number, Post("Собрание"), by="editor")
    await corrections.recall(desk, number, GONE, by="editor")
    await deliver(desk)
    assert standing(wall) == []


async def test_nothing_is_followed_that_has_not_gone_out(desk: Desk) -> None:
    number = await broadcast.draft(desk, Post("Заседание"), author="editor", targets=["wall"])
    with pytest.raises(StageError):
        await corrections.correct(desk, number, Post("Собрание"), by="editor")
    with pytest.raises(StageError):
        await corrections.recall(desk, number, GONE, by="editor")


# The plan


def a_part(number: int, state: DeliveryState) -> Delivery:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return Delivery(
        id=number, broadcast_id=1, announcement_id=1, revision=1, channel="wall", part=number,
        recipient=Recipient("@wall"), state=state, key="k", attempts=1, due_at=now, key_since=None, doubtful=False,
        queued_at=now, updated_at=now + timedelta(0),
    )  # fmt: skip


def test_what_cannot_be_removed_is_left_as_it_is() -> None:
    way = Scripted("@wall")
    way.withdraws = False
    found = steps([a_part(1, SENT), a_part(2, SENT)], 1, BroadcastKind.CORRECTION, way)
    assert list(found.acts) == [(1, Act.CORRECT)]
    assert steps([a_part(1, SENT)], 1, BroadcastKind.RECALL, way).acts == ()
