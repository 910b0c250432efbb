"""What a lane has in hand goes out in turn, and no destination takes more than its share."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Recipient
from delivery.hand import Hand
from delivery.model import Delivery, DeliveryState
from tests.support.clock import START


def letter(number: int, domain: str) -> Delivery:
    return Delivery(
        id=number,
        broadcast_id=1,
        announcement_id=1,
        revision=1,
        channel="mail",
        part=1,
        recipient=Recipient(f"{number}@{domain}"),
        state=DeliveryState.SENDING,
        key="",
        attempts=0,
        due_at=START,
        key_since=None,
        doubtful=False,
        queued_at=START,
        updated_at=START + timedelta(0),
        destination=domain,
    )


def a_hand(*domains: str, share: int = 0) -> Hand:
    hand = Hand(share)
    hand.put([letter(number, domain) for number, domain in enumerate(domains)])
    return hand


def taken(hand: Hand) -> list[int]:
    found = []
    while (one := hand.take()) is not None:
        found.append(one.id)
    return found


def test_without_shares_it_is_first_come_first_served() -> None:
    hand = a_hand("a", "a", "b")
    assert len(hand) == 3
    assert taken(hand) == [0, 1, 2]
    assert (len(hand), hand.under_way, hand.crowded) == (0, 3, [])


def test_a_slow_destination_leaves_the_connections_to_others() -> None:
    hand = a_hand("slow", "slow", "slow", "quick", "slow", "quick", share=2)
    assert taken(hand) == [0, 1, 3, 5]
    assert hand.crowded == ["slow", "quick"]
    assert len(hand) == 2


def test_the_next_one_goes_when_a_place_is_free_again() -> None:
    hand = a_hand("slow", "slow", "quick", share=1)
    assert taken(hand) == [0, 2]
    hand.done(letter(0, "slow"))
    assert hand.crowded == ["quick"]
    assert taken(hand) == [1]


def test_what_has_no_destination_has_no_share() -> None:
    hand = a_hand("", "", "", share=1)
    assert taken(hand) == [0, 1, 2]
    assert hand.crowded == []


def test_draining_returns_what_waits_and_not_what_is_on_the_wire() -> None:
    hand = a_hand("a", "b", "c")
    first = hand.take()
    assert first is not None
    assert [one.id for one in hand.drain()] == [1, 2]
    assert (hand.ended, len(hand), hand.under_way) == (True, 0, 1)
    assert hand.take() is None
    hand.done(first)
    assert hand.under_way == 0


async def test_every_change_wakes_whoever_waits() -> None:
    hand = a_hand("a")
    one = hand.take()
    assert one is not None
    changes: list[Callable[[], None]] = [lambda: hand.put([letter(7, "a")]), lambda: hand.done(one), hand.end]
    for change in changes:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(hand.changed())
            await asyncio.sleep(0)
            assert not waiting.done()
            change()


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 3), st.lists(st.booleans(), max_size=60))
def test_everything_goes_out_once_in_order_of_its_destination(
    domains: list[str], share: int, turns: list[bool]
) -> None:
    hand = a_hand(*domains, share=share)
    out: list[Delivery] = []
    wire: list[Delivery] = []
    for take in [*turns, *[True, False] * len(domains)]:
        if take and (one := hand.take()) is not None:
            out.append(one)
            wire.append(one)
        elif wire:
            hand.done(wire.pop(0))
        counts = [sum(one.destination == domain for one in wire) for domain in "abc"]
        assert max(counts) <= share
        assert hand.under_way == len(wire)
    assert sorted(one.id for one in out) == list(range(len(domains)))
    for domain in "abc":
        its = [one.id for one in out if one.destination == domain]
        assert its == sorted(its)
