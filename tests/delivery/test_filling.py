"""Lists become deliveries in slices: each address once, nobody who is suppressed, whoever dies or writes in between."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select, text

from channels.contract import Post, Reason, Rejected
from delivery import broadcast as use
from delivery import report
from delivery.desk import Desk
from delivery.model import BroadcastState, DeliveryState
from delivery.store import broadcasts, filling, lists
from delivery.store.filling import Filling
from delivery.tables import delivery
from tests.delivery.builders import (
    Scripted,
    a_broadcast,
    a_list,
    a_worker,
    deliveries,
    says,
    states,
    until_somebody_waits,
)

QUEUED, CANCELLED, SENT, FAILED = (
    DeliveryState.QUEUED,
    DeliveryState.CANCELLED,
    DeliveryState.SENT,
    DeliveryState.FAILED,
)


def addresses(count: int, domain: str = "x.ru") -> list[str]:
    return [f"{number:04}@{domain}" for number in range(count)]


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lists of more than three are taken in slices of three."""
    for size in ("SLICE", "AT_ONCE"):
        monkeypatch.setattr(filling, size, 3, raising=False)
    monkeypatch.setattr(filling.take_slice, "__kwdefaults__", {"most": 3})
    return 3


async def left(desk: Desk, number: int) -> list[Filling]:
    async with desk.database.reading() as tx:
        (its,) = await broadcasts.of_announcements(tx, [number])
        return await filling.of_broadcast(tx, its.id)


async def reached(desk: Desk, number: int) -> list[tuple[str, int, str]]:
    found = [(one.recipient.address, one.part, one.recipient.list_key) for one in await deliveries(desk, number)]
    return sorted(found)


async def broadcast_state(desk: Desk, number: int) -> BroadcastState:
    async with desk.database.reading() as tx:
        (its,) = await broadcasts.of_announcements(tx, [number])
    return its.state


async def test_a_small_list_is_there_at_once(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(small_slices))
    number = await a_broadcast(desk, targets=("mail:l",))
    assert len(await states(desk, number)) == small_slices
    assert await left(desk, number) == []


async def test_a_large_list_comes_in_slices_and_the_mark_moves_with_them(desk: Desk, small_slices: int) -> None:
    everybody = addresses(7)
    await a_list(desk, "l", *everybody)
    number = await a_broadcast(desk, targets=("mail:l",))
    worker = a_worker(desk)
    seen = []
    while marks := [one.after_address for one in await left(desk, number)]:
        seen.append((len(await states(desk, number)), *marks))
        assert await worker.fill()
    assert seen == [(0, ""), (3, everybody[2]), (6, everybody[5]), (7, everybody[6])]
    assert not await worker.fill()
    assert [address for address, _part, _list in await reached(desk, number)] == everybody


async def counted(desk: Desk, number: int) -> list[tuple[str, DeliveryState, int]]:
    async with desk.database.reading() as tx:
        (its,) = await broadcasts.of_announcements(tx, [number])
        return [found[1:] for found in await broadcasts.counts(tx, [its.id])]


async def unwritten(desk: Desk, number: int) -> dict[str, int]:
    async with desk.database.reading() as tx:
        found = await report.of(tx, number)
    assert found is not None
    (its,) = found.broadcasts
    return {channel: one.unwritten for channel, one in its.channels.items() if one.unwritten}


async def test_what_is_still_to_be_written_is_counted_from_the_start(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "a", *addresses(5))
    await a_list(desk, "b", *addresses(8)[3:])
    number = await a_broadcast(desk, "один|два", targets=("mail:a", "mail:b"))
    seen = [await counted(desk, number)]
    while await a_worker(desk).fill():
        seen.append(await counted(desk, number))
    assert len(seen) == 1 + 2 + 1 + 2 + 1  # slices of three and two each, and a last look at each list
    assert {tuple(one) for one in seen} == {(("mail", QUEUED, 16),)}
    async with desk.database.reading() as tx:
        assert await broadcasts.waiting(tx, "mail") == 16


async def test_an_urgent_list_is_taken_before_what_is_left_of_another(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(9))
    await a_list(desk, "m", *addresses(5))
    slow = await a_broadcast(desk, targets=("mail:l",))
    worker = a_worker(desk)
    await worker.fill()
    quick = await use.draft(desk, Post("Эвакуация"), author="e", targets=["mail:m"], urgent=True)
    await use.release(desk, quick, by="e")
    for _ in range(2):
        await worker.fill()
    assert (len(await states(desk, slow)), len(await states(desk, quick))) == (3, 5)


async def test_letters_leave_while_the_list_is_still_being_taken(desk: Desk, mail: Scripted, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(7))
    number = await a_broadcast(desk, targets=("mail:l",))
    worker = a_worker(desk)
    await worker.fill()
    assert await worker._lanes["mail"].step()
    assert len(mail.sent) == small_slices
    assert await broadcast_state(desk, number) is BroadcastState.RUNNING
    await worker.step("mail")
    assert len(mail.sent) == 7
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


async def test_an_address_on_several_lists_gets_one_letter_of_each_part(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "a", *addresses(5))
    await a_list(desk, "b", *addresses(8)[3:])
    number = await a_broadcast(desk, "один|два", targets=("mail:b", "mail:a"))
    while await a_worker(desk).fill():
        pass
    found = await reached(desk, number)
    assert [(address, part) for address, part, _list in found] == [(a, p) for a in addresses(8) for p in (1, 2)]
    # Of two lists the first one asked for speaks for the address, in all its parts.
    assert {address for address, _part, key in found if key == "b"} == set(addresses(8)[3:])


async def test_nobody_suppressed_is_written_to(desk: Desk, small_slices: int) -> None:
    everywhere, here, both, free = addresses(4)
    await a_list(desk, "a", everywhere, here, both, free)
    await a_list(desk, "b", everywhere, here, both)
    async with desk.database.writing() as tx:
        for address, key in ((everywhere, ""), (here, "a"), (both, "a"), (both, "b")):
            await lists.suppress(tx, address, key, reason="asked", now=desk.now())
    number = await a_broadcast(desk, targets=("mail:a", "mail:b"))
    while await a_worker(desk).fill():
        pass
    assert await reached(desk, number) == [(here, 1, "b"), (free, 1, "a")]


async def test_who_leaves_between_two_slices_gets_no_letter(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(7))
    number = await a_broadcast(desk, targets=("mail:l",))
    await a_worker(desk).fill()
    async with desk.database.writing() as tx:
        await lists.suppress(tx, addresses(7)[4], "", reason="asked", now=desk.now())
        await lists.remove_member(tx, "l", addresses(7)[5])
    while await a_worker(desk).fill():
        pass
    assert [address for address, *_ in await reached(desk, number)] == [*addresses(4), addresses(7)[6]]


async def test_a_list_of_nobody_settles_at_once(desk: Desk, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(7))
    number = await a_broadcast(desk, targets=("mail:l",))
    async with desk.database.writing() as tx:
        for address in addresses(7):
            await lists.suppress(tx, address, "", reason="asked", now=desk.now())
    while await a_worker(desk).fill():
        pass
    assert await states(desk, number) == []
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED


async def test_a_cancellation_between_slices_stops_the_rest(desk: Desk, mail: Scripted, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(7))
    number = await a_broadcast(desk, targets=("mail:l",))
    worker = a_worker(desk)
    await worker.fill()
    assert (await use.cancel(desk, number)).deliveries == 7  # those that were never written too
    assert not await worker.fill()
    while await worker.tidy():
        pass
    assert await states(desk, number) == [CANCELLED] * small_slices
    assert not await worker.step("mail")
    assert mail.sent == []


async def test_what_was_cancelled_before_it_was_written_stays_counted(
    desk: Desk, mail: Scripted, small_slices: int
) -> None:
    await a_list(desk, "a", *addresses(7))
    await a_list(desk, "b", *addresses(9)[5:])
    says(mail, Rejected("full", Reason.MAILBOX_FULL))
    number = await a_broadcast(desk, targets=("wall", "mail:a", "mail:b"))
    worker = a_worker(desk)
    await worker.fill()
    assert await unwritten(desk, number) == {"mail": 6}
    await worker._lanes["mail"].step()
    assert (await use.cancel(desk, number)).deliveries == 1 + 6
    both = [("mail", SENT, 2), ("mail", FAILED, 1), ("mail", CANCELLED, 6), ("wall", CANCELLED, 1)]
    assert await counted(desk, number) == both  # at once …
    while await worker.tidy():
        pass
    assert await counted(desk, number) == both  # … and when the rows say so as well
    assert await unwritten(desk, number) == {"mail": 6}
    assert (await use.cancel(desk, number)).deliveries == 0
    assert await counted(desk, number) == both


async def test_who_was_never_begun_stays_so_when_a_failure_is_repeated(
    desk: Desk, mail: Scripted, small_slices: int
) -> None:
    await a_list(desk, "l", *addresses(7))
    says(mail, Rejected("full", Reason.MAILBOX_FULL))
    number = await a_broadcast(desk, targets=("mail:l",))
    worker = a_worker(desk)
    await worker.fill()
    await worker._lanes["mail"].step()
    await use.cancel(desk, number)
    assert len(await use.retry(desk, number)) == 1
    await worker.step("mail")
    assert await broadcast_state(desk, number) is BroadcastState.SETTLED
    assert await counted(desk, number) == [("mail", SENT, 3), ("mail", CANCELLED, 4)]
    assert await unwritten(desk, number) == {"mail": 4}
    assert len(mail.sent) == 3


async def test_a_slice_that_comes_while_somebody_cancels_is_counted_once(desk: Desk, small_slices: int) -> None:
    if desk.database.dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    await a_list(desk, "l", *addresses(7))
    number = await a_broadcast(desk, targets=("mail:l",))
    async with asyncio.TaskGroup() as group, desk.database.writing() as tx:
        one = await filling.unfinished(tx)
        assert one is not None
        await filling.take_slice(tx, one, desk.now())
        cancelling = group.create_task(use.cancel(desk, number))
        await until_somebody_waits(desk)
    assert cancelling.result().deliveries == 7
    assert await counted(desk, number) == [("mail", CANCELLED, 7)]
    assert await unwritten(desk, number) == {"mail": 4}


async def test_a_pause_does_not_stop_the_taking_but_the_sending(desk: Desk, mail: Scripted, small_slices: int) -> None:
    await a_list(desk, "l", *addresses(5))
    number = await a_broadcast(desk, targets=("mail:l",))
    await use.pause(desk, number)
    assert not await a_worker(desk).step("mail")
    assert await states(desk, number) == [QUEUED] * 5
    assert await broadcast_state(desk, number) is BroadcastState.PAUSED
    await use.resume(desk, number)
    await a_worker(desk).step("mail")
    assert len(mail.sent) == 5


async def test_two_that_take_at_once_take_everything_once(desk: Desk, small_slices: int) -> None:
    for key, first in (("a", 0), ("b", 20), ("c", 10)):
        await a_list(desk, key, *addresses(60)[first : first + 25])
    number = await a_broadcast(desk, targets=("mail:a", "mail:b", "mail:c"))

    async def take(name: str) -> None:
        worker = a_worker(desk, name)
        while await worker.fill() or await left(desk, number):
            pass

    async with asyncio.TaskGroup() as group:
        for name in ("one", "two", "three"):
            group.create_task(take(name))
    assert [address for address, *_ in await reached(desk, number)] == addresses(45)
    assert await left(desk, number) == []


_TAKES = """
    import asyncio, os, signal, sys
    from datetime import datetime
    from delivery.database import Database
    from delivery.store import filling

    async def main(url, now, slices):
        database = Database(url)
        for _ in range(slices):
            async with database.writing() as tx:
                await filling.take_slice(tx, await filling.unfinished(tx), now)
        async with database.writing() as tx:  # killed with a slice in hand that is not committed
            await filling.take_slice(tx, await filling.unfinished(tx), now, most=3)
            os.kill(os.getpid(), signal.SIGKILL)

    filling.take_slice.__kwdefaults__["most"] = 3
    asyncio.run(main(sys.argv[1], datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])))
"""


def killed(url: str, arguments: Sequence[str]) -> int:
    script = textwrap.dedent(_TAKES)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", script, url, *arguments], env=environment, check=False).returncode


async def test_a_process_killed_between_and_within_slices_is_followed_by_one_that_goes_on(
    desk: Desk, migrated_url: str, small_slices: int
) -> None:
    await a_list(desk, "a", *addresses(10))
    await a_list(desk, "b", *addresses(14)[8:])
    number = await a_broadcast(desk, targets=("mail:a", "mail:b"))
    for slices in (1, 0, 2):
        died = await asyncio.to_thread(killed, migrated_url, (desk.now().isoformat(), str(slices)))
        assert died == -signal.SIGKILL
    assert len(await states(desk, number)) == 9
    while await a_worker(desk).fill():
        pass
    assert [address for address, *_ in await reached(desk, number)] == addresses(14)


async def test_every_delivery_has_a_key_of_its_own(desk: Desk) -> None:
    await a_list(desk, "l", *addresses(50))
    await a_broadcast(desk, targets=("mail:l", "wall"))
    async with desk.database.reading() as tx:
        keys = await tx.execute(select(func.count(delivery.c.key.distinct()), func.min(func.length(delivery.c.key))))
        assert tuple(keys.one()) == (51, 32)


_MANY_FAILED = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {many})
INSERT INTO delivery ({columns})
SELECT {values} FROM delivery CROSS JOIN numbers
"""


async def test_tens_of_thousands_are_sent_again_at_one_word(desk: Desk) -> None:
    """More than either database takes as single values in one statement."""
    many = 33_000
    await a_list(desk, "l", *addresses(1))
    number = await a_broadcast(desk, targets=("mail:l",))
    columns = [column.name for column in delivery.c if column.name != "id"]
    changed = {"address": "n || '@y.ru'", "state": "'failed'"}
    values = [changed.get(column, column) for column in columns]
    copied = _MANY_FAILED.format(many=many, columns=", ".join(columns), values=", ".join(values))
    async with desk.database.writing() as tx:
        await tx.execute(text(copied))
        await filling.look_over(tx)
    assert len(await use.retry(desk, number)) == many
    async with desk.database.reading() as tx:
        assert await broadcasts.counts(tx, [1]) == [(1, "mail", QUEUED, many + 1)]


async def test_postgres_knows_at_once_how_many_have_come(desk: Desk) -> None:
    if desk.database.dialect != "postgresql":
        pytest.skip("SQLite keeps no such count")
    await a_list(desk, "l", *addresses(1_500))
    await a_broadcast(desk, targets=("mail:l",))
    async with desk.database.reading() as tx:
        known = (await tx.execute(text("SELECT reltuples FROM pg_class WHERE relname = 'delivery'"))).scalar_one()
    assert known == 1_500
