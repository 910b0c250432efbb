"""A dialogue cut at every octet, heard or said: what a letter is told to have become is what the relay made of it.

Accepted means Receipt or doubt. Not accepted means never a Receipt. Deferred or refused means surely not accepted.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest

from channels.contract import ChannelError, Deferred, Unconfirmed
from channels.email.connection import Timeouts, WornOut, open_connection
from channels.email.letter import Letter
from channels.email.pipeline import Pipeline, fastest
from channels.email.pool import Pool
from tests.support.letters import some_settings
from tests.support.scripted_relay import ScriptedRelay

PATIENT = Timeouts(connect=5, hello=5, login=5, command=5, data=5, text=5, final_dot=5, quit=1, behind=5)
ADDRESSES = ["first@example.org", "second@example.org", "third@example.org"]
NEAR = 24  # octets around the ends of a text that are tried one by one


def a_letter(number: int, size: int) -> Letter:
    head = b"Subject: %d\r\n\r\n" % number
    line = b"z" * 60 + b".\r\n"
    return Letter(head, (line * (size // len(line) + 1))[: size - len(head) - 2] + b"\r\n", f"<{number}@example.org>")


async def told(way: Pipeline | Pool, to: str, letter: Letter) -> str | Exception:
    try:
        return await way.deliver(to, letter)
    except (ChannelError, WornOut) as error:
        return error


def judge(relay: ScriptedRelay, results: dict[str, str | Exception], where: str) -> Counter[str]:
    """Compare with what was accepted; return how often each outcome was told."""
    accepted = Counter(relay.recipients())
    assert relay.violations == [], where
    for to, result in results.items():
        if isinstance(result, str):
            assert accepted[to] == 1, f"{where}: {to} was told of as taken, and was taken {accepted[to]} times"
        elif isinstance(result, Unconfirmed):
            assert accepted[to] <= 1, f"{where}: {to} in doubt, taken {accepted[to]} times"
        else:
            assert isinstance(result, Deferred | WornOut), f"{where}: {result!r}"
            assert accepted[to] == 0, f"{where}: {to} was told of as not sent ({result!r}), and was taken"
    return Counter("taken" if isinstance(result, str) else type(result).__name__ for result in results.values())


def positions(heard: int, texts: list[tuple[int, int]]) -> Iterator[int]:
    """Every octet of a dialogue, but of each text (first and last octet) only some between its ends."""
    for place in range(heard + 1):
        inside = next(((start, end) for start, end in texts if start + NEAR < place < end - NEAR), None)
        if inside is None or (place - inside[0]) % max(1, (inside[1] - inside[0]) // 8) == 0:
            yield place


async def both_on_one_line(relay: ScriptedRelay, letters: list[Letter]) -> dict[str, str | Exception]:
    """Two letters at once on a line that was never used before."""
    settings = some_settings(port=relay.port)
    try:
        line = fastest(await open_connection(settings, None, PATIENT))
    except Deferred as error:
        return {to: error for to, _ in zip(ADDRESSES, letters, strict=False)}
    assert isinstance(line, Pipeline)
    results = await asyncio.gather(*(told(line, to, each) for to, each in zip(ADDRESSES, letters, strict=False)))
    line.leave()
    if len(results) > 1 and not isinstance(results[0], str):
        assert isinstance(results[1], WornOut)  # to be sent by another line at once
    return dict(zip(ADDRESSES, results, strict=False))


async def through_a_pool(relay: ScriptedRelay, letters: list[Letter]) -> dict[str, str | Exception]:
    """The first letter shows the line to be quick, then two share it; what was not sent goes again at once."""
    settings = some_settings(port=relay.port)
    pool = Pool(partial(open_connection, settings, None, PATIENT), size=1, share=1, per_connection=0, idle_seconds=30)
    first = await told(pool, ADDRESSES[0], letters[0])
    rest = await asyncio.gather(
        *(told(pool, to, each) for to, each in zip(ADDRESSES[1:], letters[1:], strict=False)),
    )
    await pool.close()
    return dict(zip(ADDRESSES, [first, *rest], strict=False))


Way = Callable[[ScriptedRelay, list[Letter]], Awaitable[dict[str, str | Exception]]]
WAYS: dict[str, tuple[Way, int, bool]] = {
    "two on one line": (both_on_one_line, 2, True),
    "through a pool": (through_a_pool, 3, True),
    "the plain way": (through_a_pool, 3, False),
}


@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("direction", ["hearing", "saying"])
@pytest.mark.parametrize("way", WAYS)
async def test_cut_at_every_octet_nothing_is_told_wrong(way: str, direction: str, abort: bool) -> None:
    send, count, pipelining = WAYS[way]
    letters = [a_letter(number, 17_700) for number in range(count)]
    whole = ScriptedRelay(pipelining=pipelining)
    async with whole:
        assert await judged(whole, send, letters) == {"taken": count}
    if direction == "hearing":
        places = list(positions(whole.octets_read, whole.texts))
        assert len(places) < 1_000
    else:
        places = list(range(whole.octets_said + 1))
    outcomes: Counter[str] = Counter()
    for place in places:
        cut = ScriptedRelay(abort=abort, pipelining=pipelining)
        if direction == "hearing":
            cut.cut_after_reading = place
        else:
            cut.cut_after_saying = place
        async with cut:
            outcomes += await judged(cut, send, letters, f"cut after {direction} {place}")
    assert len(places) > 200
    assert {"taken", "Deferred", "Unconfirmed"} <= set(outcomes)


async def judged(relay: ScriptedRelay, send: Way, letters: list[Letter], where: str = "whole") -> Counter[str]:
    async with asyncio.timeout(4):
        results = await send(relay, letters)
    return judge(relay, results, where)


@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
async def test_a_letter_in_pieces_cut_anywhere_is_told_right(abort: bool) -> None:
    letter = a_letter(1, 300_000)
    whole = ScriptedRelay()
    async with whole:
        assert await judged(whole, both_on_one_line, [letter]) == {"taken": 1}
    [(start, end)] = whole.texts
    borders = [start + piece for piece in range(0, end - start, 65_536)] + [end]
    for place in (border + near for border in borders for near in (-3, -2, -1, 0, 1, 2)):
        cut = ScriptedRelay(abort=abort, cut_after_reading=place)
        async with cut:
            await judged(cut, both_on_one_line, [letter], f"cut at {place}")


@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
async def test_a_letter_larger_than_all_buffers_cut_in_its_text_surely_was_not_sent(abort: bool) -> None:
    letter = a_letter(1, 16_000_000)
    for place in (200, 65_736, 1_000_000):
        cut = ScriptedRelay(abort=abort, cut_after_reading=place)
        async with cut:
            assert await judged(cut, both_on_one_line, [letter], f"cut at {place}") == {"Deferred": 1}
