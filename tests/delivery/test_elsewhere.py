"""Letters are claimed past the destinations that have their share, however many wait there."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import text, update

from delivery.desk import Desk
from delivery.model import Delivery
from delivery.store import queue
from delivery.store.dialect import in_json, statement
from delivery.tables import delivery
from tests.delivery.builders import a_broadcast, a_list

LARGE = [f"a{number:03}@Large.example" for number in range(300)]
SMALL = [f"b@{number:02}.example" for number in range(40)]


async def claimed(desk: Desk, *without: str, limit: int = 200) -> list[Delivery]:
    until = desk.now() + timedelta(minutes=1)
    async with desk.database.writing() as tx:
        return await queue.claim(tx, "mail", limit=limit, lease="w", until=until, now=desk.now(), without=without)


def places(found: Iterable[Delivery]) -> list[str]:
    return sorted(one.destination for one in found)


async def test_a_destination_is_the_domain_of_a_mailbox(desk: Desk) -> None:
    await a_list(desk, "one", "anna@Large.example", "boris@02.example")
    await a_broadcast(desk, targets=["mail:one"])
    assert places(await claimed(desk)) == ["02.example", "large.example"]


async def test_every_letter_to_another_destination_is_found_and_none_to_a_full_one(desk: Desk) -> None:
    await a_list(desk, "one", *LARGE, *SMALL)
    await a_broadcast(desk, targets=["mail:one"])
    assert len(await claimed(desk, "large.example", limit=15)) == 15
    rest = await claimed(desk, "large.example", "07.example", "39.example")
    assert places(rest) == [f"{number:02}.example" for number in range(15, 39)]
    assert places(await claimed(desk, "large.example")) == ["39.example"]
    assert await claimed(desk, "large.example") == []
    assert len(await claimed(desk, limit=500)) == 300


async def test_the_next_broadcast_has_its_turn_when_the_first_waits_for_full_destinations(desk: Desk) -> None:
    await a_list(desk, "one", *LARGE)
    await a_list(desk, "two", *SMALL)
    await a_broadcast(desk, targets=["mail:one"])
    second = await a_broadcast(desk, targets=["mail:two"])
    found = await claimed(desk, "large.example")
    assert {one.announcement_id for one in found} == {second}
    assert len(found) == len(SMALL)


async def test_what_is_not_due_yet_stays(desk: Desk) -> None:
    await a_list(desk, "one", *LARGE, *SMALL)
    await a_broadcast(desk, targets=["mail:one"])
    later = update(delivery).where(delivery.c.destination < "20.example")
    async with desk.database.writing() as tx:
        await tx.execute(later.values(due_at=desk.now() + timedelta(hours=1)))
    assert places(await claimed(desk, "large.example")) == [f"{number}.example" for number in range(20, 40)]


async def test_nobody_walks_through_the_letters_of_a_full_destination(desk: Desk) -> None:
    """Both databases leap from one destination to the next in the index made for that."""
    await a_list(desk, "one", *LARGE, *SMALL)
    await a_broadcast(desk, targets=["mail:one"])
    async with desk.database.writing() as tx:
        if desk.database.dialect == "postgresql":
            await tx.execute(text("ANALYZE delivery"))
            await tx.execute(text("SET LOCAL enable_seqscan = off"))  # three hundred rows are soon read
            await tx.execute(text("SET LOCAL enable_sort = off"))
        elsewhere = queue._CLAIM_ELSEWHERE.replace("{each_place}", queue._EACH_PLACE[desk.database.dialect])
        claim = statement(tx, elsewhere, {"name": "text"})
        explain = "EXPLAIN " if desk.database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
        values = {"broadcast": 1, "channel": "mail", "limit": 9, "lease": "w", "until": desk.now(), "now": desk.now()}
        asked = text(explain + claim.text).bindparams(*claim._bindparams.values())
        plan = "\n".join(str(row) for row in await tx.execute(asked, values | {"rows": in_json(tx, [])}))
    assert plan.count("ix_delivery_elsewhere") >= 2, plan
    assert "ix_delivery_due" not in plan, plan
    assert "Seq Scan on delivery d" not in plan, plan
