"""A target may be what a tag selects of a list; whom it counts is whom it writes to."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.contract import Post
from delivery import audience, broadcast
from delivery.audience import UnknownTargetError
from delivery.desk import Desk
from delivery.member import Consent, Member
from delivery.store import filling, lists
from tests.delivery.builders import a_broadcast, a_worker, deliveries


async def put(desk: Desk, key: str, *people: Member) -> None:
    async with desk.database.writing() as tx:
        await lists.create(tx, key, key.title(), desk.now())
        await lists.put_members(tx, key, people, source="test", now=desk.now())


def one(name: str, *tags: str, consent: Consent = Consent.UNKNOWN) -> Member:
    return Member(f"{name}@example.org", f"{name}@example.org", tags=tuple(sorted(tags)), consent=consent)


async def reached(desk: Desk, *targets: str) -> list[str]:
    number = await a_broadcast(desk, targets=targets)
    return sorted(one.recipient.address.partition("@")[0] for one in await deliveries(desk, number))


async def test_a_tag_narrows_a_list(desk: Desk) -> None:
    await put(desk, "all", one("a", "профком"), one("b", "профком завода"), one("c", "молодёжь", "профком"), one("d"))
    assert await reached(desk, "mail:all#профком") == ["a", "c"]
    assert await reached(desk, "mail:all#ПРОФКОМ  завода") == ["b"]


@pytest.mark.parametrize("tag", ["100%", "a_b", "a/b", "%", "_"])
async def test_signs_that_stand_for_others_stand_for_themselves_in_a_tag(desk: Desk, tag: str) -> None:
    await put(desk, "all", one("a", tag), one("b", "100x"), one("c", "axb"), one("d", "x"))
    assert await reached(desk, f"mail:all#{tag}") == ["a"]


async def test_several_selections_and_lists_bring_one_letter_each(desk: Desk) -> None:
    await put(desk, "all", one("a", "x"), one("b", "y"), one("c", "x", "y"), one("d"))
    await put(desk, "press", one("a"), one("e"))
    targets = ["mail:all#x", "mail:all#y", "mail:press"]
    async with desk.database.reading() as tx:
        seen = await audience.expand(tx, desk.channels, targets)
    assert (seen.size, seen.reaches["mail"].lists) == (
        4,
        {"all#x": "All · x", "all#y": "All · y", "press": "Press"},
    )
    assert await reached(desk, *targets) == ["a", "b", "c", "e"]


async def test_whoever_said_no_gets_no_letter_and_is_counted(desk: Desk) -> None:
    await put(desk, "all", one("a", consent=Consent.NO), one("b", consent=Consent.YES), one("c"), one("d"))
    async with desk.database.writing() as tx:
        await lists.suppress(tx, "d@example.org", "", reason="complained", now=desk.now())
    number = await broadcast.draft(desk, Post("текст"), author="editor", targets=["mail:all"])
    seen = (await broadcast.preview(desk, number)).audience
    assert list(seen.left_out["mail"]) == [("All", {"complained": 1, "no_consent": 1})]
    assert [(each.recipient.address, each.reason) for each in seen.suppressed] == [
        ("a@example.org", "no_consent"),
        ("d@example.org", "complained"),
    ]
    assert await reached(desk, "mail:all") == ["b", "c"]


async def test_who_says_no_on_one_list_may_say_yes_on_another(desk: Desk) -> None:
    await put(desk, "all", one("a", consent=Consent.NO))
    await put(desk, "press", one("a", consent=Consent.YES))
    assert await reached(desk, "mail:all", "mail:press") == ["a"]


@pytest.mark.parametrize(
    ("target", "nearest"),
    [("mail:all#профкм", "mail:all#профком"), ("mail:al#профком", "mail:all"), ("wall#профком", "wall")],
)
async def test_a_tag_that_nobody_bears_is_refused_with_the_nearest(desk: Desk, target: str, nearest: str) -> None:
    await put(desk, "all", one("a", "профком"))
    with pytest.raises(UnknownTargetError) as caught:
        await broadcast.draft(desk, Post("текст"), author="cli", targets=[target])
    assert (caught.value.target, caught.value.nearest) == (target, nearest)


_PEOPLE = st.dictionaries(
    st.sampled_from("abcdefg"), st.tuples(st.sets(st.sampled_from("xy")), st.sampled_from(list(Consent))), min_size=1
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.tuples(_PEOPLE, _PEOPLE),
    silent=st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from(["", "l0", "l1"])), max_size=3),
    chosen=st.sets(st.sampled_from(["l0", "l1", "l0#x", "l0#y", "l1#x"]), min_size=1),
)
async def test_whoever_is_counted_is_written_to(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    people: tuple[dict[str, tuple[set[str], Consent]], ...],
    silent: set[tuple[str, str]],
    chosen: set[str],
) -> None:
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    async with desk.database.writing() as tx:
        for key in ("l0", "l1"):
            for each in await lists.members(tx, key):
                await lists.remove_member(tx, key, each.address)
        for name in "abcdefg":
            await lists.unsuppress(tx, f"{name}@example.org", None)
    expected: set[str] = set()
    for n, members in enumerate(people):
        await put(desk, f"l{n}", *(one(name, *tags, consent=consent) for name, (tags, consent) in members.items()))
        for name, (tags, consent) in members.items():
            meant = f"l{n}" in chosen or any(f"l{n}#{tag}" in chosen for tag in tags)
            if meant and consent is not Consent.NO and not {(name, ""), (name, f"l{n}")} & silent:
                expected.add(name)
    async with desk.database.writing() as tx:
        for name, key in silent:
            await lists.suppress(tx, f"{name}@example.org", key, reason="by_hand", now=desk.now())
    async with desk.database.reading() as tx:
        assert await lists.count(tx, sorted(chosen)) == len(expected)
    targets = [f"mail:{each}" for each in sorted(chosen)]
    try:
        number = await a_broadcast(desk, targets=targets)
    except (broadcast.NobodyError, UnknownTargetError):
        assert not expected or any("#" in each for each in chosen)
        return
    while await a_worker(desk).fill():
        pass
    found = [each.recipient.address[0] for each in await deliveries(desk, number)]
    assert sorted(found) == sorted(expected)
