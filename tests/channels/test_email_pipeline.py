"""The fast way over a connection ends as the plain one does, whatever the relay says, and no letter is held up."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import pytest

from channels.contract import ChannelClosed, ChannelError, Deferred, Reason, Rejected, Unconfirmed
from channels.email.connection import Timeouts, WornOut, open_connection
from channels.email.letter import Letter
from channels.email.pipeline import Pipeline, fastest
from channels.email.pool import Pool
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from tests.support.letters import some_settings
from tests.support.scripted_relay import (
    ABORT,
    ANSWER_HALF,
    CUT,
    HOLD,
    SILENCE,
    TAKE_AND_CUT,
    Accepted,
    ScriptedRelay,
)

PATIENT = Timeouts(connect=5, hello=5, login=5, command=5, data=5, text=5, final_dot=5, quit=1, behind=5)
# Short where a script says silence; nobody tires of being second.
QUICK = replace(PATIENT, command=0.1, data=0.1, text=0.1, final_dot=0.1)
Script = dict[tuple[str, str | int], str]
BRISK_LINE = "brisk@example.org"


def a_letter(number: int = 1, size: int = 300) -> Letter:
    head = b"Subject: %d\r\n\r\n" % number
    return Letter(
        head, b"x" * 70 + b".\r\n" + b"y" * max(0, size - len(head) - 75) + b"\r\n", f"<{number}@example.org>"
    )


def address(number: int) -> str:
    return f"a{number}@example.org"


@asynccontextmanager
async def a_pool(
    relay: ScriptedRelay, connections: int = 1, timeouts: Timeouts = PATIENT, per_connection: int = 0
) -> AsyncIterator[Pool]:
    settings = some_settings(port=relay.port)
    dial = partial(open_connection, settings, None, timeouts)
    pool = Pool(dial, size=connections, share=connections, per_connection=per_connection, idle_seconds=30)
    try:
        yield pool
    finally:
        await pool.close()


async def a_line(relay: ScriptedRelay, timeouts: Timeouts = PATIENT) -> Pipeline:
    line = fastest(await open_connection(some_settings(port=relay.port), None, timeouts))
    assert isinstance(line, Pipeline)
    return line


async def outcome(pool: Pool | Pipeline, to: str, letter: Letter) -> str | Exception:
    try:
        return await pool.deliver(to, letter)
    except (ChannelError, WornOut) as error:
        return error


# The plain way as reference


@dataclass(frozen=True)
class Ending:
    """What became of the letters of one run."""

    outcomes: Sequence[object]
    accepted: Sequence[Accepted]


def shown(result: str | Exception) -> object:
    if isinstance(result, ChannelClosed | Rejected):
        return type(result), result.reason, result.detail
    if isinstance(result, ChannelError):
        # The words about a lost line are ours, and may differ; a relay's may not.
        words = result.detail if result.detail[:1].isdigit() else ""
        return type(result), result.reason, getattr(result, "counts", None), words
    assert isinstance(result, str), result
    return result


async def run(relay: ScriptedRelay, letters: Sequence[Letter], timeouts: Timeouts = PATIENT) -> Ending:
    async with relay, a_pool(relay, timeouts=timeouts) as pool:
        results = await asyncio.gather(
            *(outcome(pool, address(number), letter) for number, letter in enumerate(letters, 1))
        )
        await pool.close()
    assert relay.violations == []
    assert len(set(relay.recipients())) == len(relay.recipients()), "sent twice"
    # The order among letters that had to go again is no promise.
    return Ending([shown(result) for result in results], sorted(relay.accepted, key=lambda each: each.recipient))


def drawn(seed: int) -> list[Letter]:
    """Some letters of all sizes, more of them at the border where a text no longer leaves in one piece."""
    dice = random.Random(seed)
    sizes = [
        dice.choice([100, 300, 17_700, 65_534, 65_535, 65_536, 65_537, 65_538, 131_072, 300_000]) for _ in range(6)
    ]
    letters = []
    for number, size in enumerate(sizes):
        lines = b"".join(b"%x.\r\n" % dice.getrandbits(8 * dice.randint(1, 35)) for _ in range(size // 60 + 1))
        text = lines[: size - 2] + b"\r\n"
        border = dice.choice([0, size // 3, size])
        letters.append(Letter(text[:border], text[border:], f"<{number}@example.org>"))
    return letters


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("pieces", [(), (1,), (7, 2, 30, 1)], ids=["whole", "byte by byte", "odd pieces"])
async def test_the_same_letters_arrive_byte_by_byte_on_both_ways(seed: int, pieces: Sequence[int]) -> None:
    letters = drawn(seed)
    plain = await run(ScriptedRelay(pipelining=False, pieces=pieces), letters)
    fast = await run(ScriptedRelay(pieces=pieces), letters)
    assert fast == plain
    expected = [letter.head + letter.tail for letter in letters]
    assert [each.text for each in fast.accepted] == expected
    assert all(isinstance(each, str) for each in fast.outcomes)


PHASES = ["MAIL", "RCPT", "DATA", "body"]
BEHAVIOURS = {
    "later": "450 4.7.1 Greylisted",
    "limit": "452 4.5.3 Too many",
    "never": "550 5.1.1 No such user",
    "spam": "554 5.7.1 Spam",
    "closing": "421 4.3.2 Closing",
    "in three lines": "550-5.1.1 No\r\n550-5.1.1 such\r\n550 5.1.1 user",
    "no text": "550",
    "login": "530 5.7.0 Authentication required",
    "cut": CUT,
    "takes and cuts": TAKE_AND_CUT,
    "half an answer": ANSWER_HALF,
    "nonsense": "HTTP/1.1 502 Bad Gateway",
    "wrong kind": "299 What",
    "other wrong kind": "354 Go on",
    "no such kind": "999 What",
    "empty line": "",
}


# There these are what the relay should say.
RIGHT = {("MAIL", "wrong kind"), ("RCPT", "wrong kind"), ("DATA", "other wrong kind"), ("body", "wrong kind")}
CASES = [(phase, behaviour) for phase in PHASES for behaviour in BEHAVIOURS if (phase, behaviour) not in RIGHT]


@pytest.mark.parametrize("which", [1, 3], ids=["first on its line", "behind another"])
@pytest.mark.parametrize(("phase", "behaviour"), CASES)
@pytest.mark.parametrize("pieces", [(), (1,), (3, 1, 11)], ids=["whole", "byte by byte", "odd pieces"])
async def test_both_ways_end_the_same_whatever_the_relay_does(
    phase: str, behaviour: str, which: int, pieces: Sequence[int]
) -> None:
    script: Script = {(phase, which if phase == "MAIL" else address(which)): BEHAVIOURS[behaviour]}
    letters = [a_letter(number, size=400) for number in range(1, 6)]
    plain = await run(ScriptedRelay(dict(script), pipelining=False, pieces=pieces), letters)
    fast = await run(ScriptedRelay(dict(script), pieces=pieces), letters)
    assert fast == plain


@pytest.mark.parametrize("which", [1, 3], ids=["first on its line", "behind another"])
@pytest.mark.parametrize("phase", PHASES)
async def test_both_ways_end_the_same_when_the_relay_falls_silent(phase: str, which: int) -> None:
    script: Script = {(phase, which if phase == "MAIL" else address(which)): SILENCE}
    letters = [a_letter(number) for number in range(1, 6)]
    plain = await run(ScriptedRelay(dict(script), pipelining=False), letters, QUICK)
    fast = await run(ScriptedRelay(dict(script)), letters, QUICK)
    assert fast == plain


@pytest.mark.parametrize("answer", ["550 5.1.1 No such user", "450 4.7.1 Greylisted"])
async def test_a_call_for_a_text_without_recipients_gets_a_lone_dot_and_nothing_arrives(answer: str) -> None:
    script: Script = {("RCPT", address(which)): answer for which in (1, 3)}
    letters = [a_letter(number) for number in range(1, 6)]
    plain = await run(ScriptedRelay(dict(script), pipelining=False, calls_anyway=True), letters)
    relay = ScriptedRelay(dict(script), calls_anyway=True)
    fast = await run(relay, letters)
    assert fast == plain
    assert relay.recipients() == [address(2), address(4), address(5)]
    assert relay.connections == 1


# Speed


async def test_a_letter_costs_one_round_trip() -> None:
    turns = {}
    for pipelining in (False, True):
        relay = ScriptedRelay(pipelining=pipelining, far_away=True)
        async with relay, a_pool(relay) as pool:
            await asyncio.gather(*(pool.deliver(address(number), a_letter(number, 17_700)) for number in range(40)))
            turns[pipelining] = relay.bursts
        assert len(relay.accepted) == 40
    assert turns[False] >= 4 * 40
    assert turns[True] <= 1.25 * 40


async def test_a_large_letter_is_not_piled_up_before_a_relay_that_does_not_read() -> None:
    async with MailStandIn() as mail, asyncio.TaskGroup() as group:
        mail.faults.add("text", Fault(Kind.HANGS))
        line = fastest(await open_connection(some_settings(port=mail.port), None, PATIENT))
        assert isinstance(line, Pipeline)
        letter = group.create_task(outcome(line, address(1), a_letter(1, 20_000_000)))
        await mail.wait_for(lambda: not mail.faults.listing())
        await asyncio.sleep(0.02)
        assert 0 < line._transport.get_write_buffer_size() <= 3 * 65_536
        letter.cancel()


# The pool


async def test_lends_a_second_place_only_when_all_lines_are_open_and_busy() -> None:
    relay = ScriptedRelay({("body", address(number)): HOLD for number in (1, 2, 3)})
    async with relay, a_pool(relay, connections=2) as pool, asyncio.TaskGroup() as group:
        await pool.deliver(BRISK_LINE, a_letter())
        group.create_task(pool.deliver(address(1), a_letter(1)))
        await relay.wait_until_held()
        group.create_task(pool.deliver(address(2), a_letter(2)))
        await relay.wait_until(lambda: relay.connections == 2 and len(relay.accepted) == 3)
        group.create_task(pool.deliver(address(3), a_letter(3)))
        await asyncio.sleep(0.02)
        assert (relay.connections, relay.open, relay.mails) == (2, 2, 3)  # only the first line has shown to be brisk
        relay.release()
        await relay.wait_until(lambda: address(3) in relay.recipients())
        relay.release()
    assert relay.connections == 2


async def test_no_line_takes_more_letters_than_the_relay_allows_the_waiting_ones_included() -> None:
    relay = ScriptedRelay()
    async with relay, a_pool(relay, connections=2, per_connection=3) as pool:
        await asyncio.gather(*(pool.deliver(address(number), a_letter(number)) for number in range(20)))
        assert relay.connections <= 8
    assert relay.most_on_a_line == 3
    assert (len(relay.accepted), relay.mails, relay.violations) == (20, 20, [])


async def test_behind_a_relay_that_is_always_slow_no_letter_stands_second() -> None:
    relay = ScriptedRelay({("body", address(number)): HOLD for number in range(4)})
    async with relay, a_pool(relay, timeouts=replace(PATIENT, behind=0.02)) as pool, asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(pool.deliver(address(number), a_letter(number)))
        for number in range(4):
            await relay.wait_until_held()
            await asyncio.sleep(0.03)
            assert relay.mails == number + 1
            relay.release()
    assert relay.connections == 1


# Two on a line


@asynccontextmanager
async def two_on_a_line(
    relay: ScriptedRelay, connections: int = 2, timeouts: Timeouts = PATIENT
) -> AsyncIterator[tuple[Pool, "asyncio.Task[str | Exception]", "asyncio.Task[str | Exception]"]]:
    """The first letter's text is out and its answer is held back; the second's envelope is out behind it."""
    relay.script[("body", address(1))] = HOLD
    async with relay, a_pool(relay, timeouts=timeouts) as pool, asyncio.TaskGroup() as group:
        await pool.deliver(BRISK_LINE, a_letter())
        first = group.create_task(outcome(pool, address(1), a_letter(1)))
        await relay.wait_until_held()
        second = group.create_task(outcome(pool, address(2), a_letter(2)))
        await asyncio.sleep(0.01)
        pool._size = pool._share = connections
        yield pool, first, second
        relay.release()
    assert relay.violations == []


async def test_who_waits_behind_a_slow_letter_leaves_by_another_line() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay, timeouts=replace(PATIENT, behind=0.05)) as (pool, first, second):
        assert str(await second).startswith("250")
        assert relay.recipients() == [BRISK_LINE, address(1), address(2)]
        assert not first.done()
        relay.release()
        assert str(await first).startswith("250")
        await relay.wait_until(lambda: relay.open == 1)  # the slow line has ended: the relay waits for a text there
        await pool.deliver(address(3), a_letter(3))
    assert relay.recipients() == [BRISK_LINE, address(1), address(2), address(3)]
    assert relay.connections == 2


async def test_a_cancelled_second_letter_does_no_harm_to_the_first() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay) as (pool, first, second):
        second.cancel()
        await asyncio.wait([second])
        relay.release()
        assert str(await first).startswith("250")
        await pool.deliver(address(3), a_letter(3))
    assert relay.recipients() == [BRISK_LINE, address(1), address(3)]
    assert relay.connections == 2


async def test_behind_a_cancelled_first_letter_the_second_takes_another_line() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay, connections=1) as (_pool, first, second):
        first.cancel()
        assert str(await second).startswith("250")
    assert relay.recipients() == [BRISK_LINE, address(1), address(2)]
    assert relay.connections == 2


async def test_of_two_letters_on_a_lost_line_one_is_in_doubt_and_the_other_goes_again() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay, connections=1) as (_pool, first, second):
        relay._held[0].end(abort=True)
        relay._held.clear()
        assert isinstance(await first, Unconfirmed)
        assert str(await second).startswith("250")
    assert relay.recipients() == [BRISK_LINE, address(1), address(2)]


async def test_both_on_a_line_cancelled_leave_it_fit_for_the_next() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay, connections=1) as (pool, first, second):
        second.cancel()
        first.cancel()
        await asyncio.wait([first, second])
        await pool.deliver(address(3), a_letter(3))
    assert relay.recipients() == [BRISK_LINE, address(1), address(3)]


async def test_a_letter_that_waits_for_a_place_can_be_cancelled() -> None:
    relay = ScriptedRelay()
    async with two_on_a_line(relay, connections=1) as (pool, first, second), asyncio.TaskGroup() as group:
        waiting = [group.create_task(outcome(pool, address(number), a_letter(number))) for number in (3, 4)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        relay.release()
        assert str(await waiting[1]).startswith("250")
        assert str(await first).startswith("250")
        assert str(await second).startswith("250")
    assert relay.recipients() == [BRISK_LINE, address(1), address(2), address(4)]
    assert relay.connections == 1


# Words that nobody asked for


@pytest.mark.parametrize("words", [b"250 2.0.0 Taken\r\n", b"421 4.4.2 Idle\r\n", b"250 cut in the mid"])
async def test_a_word_between_two_letters_ends_the_line(words: bytes) -> None:
    relay = ScriptedRelay()
    async with relay, a_pool(relay) as pool:
        await pool.deliver(address(1), a_letter(1))
        relay.say(words)
        await asyncio.sleep(0.01)
        assert str(await pool.deliver(address(2), a_letter(2))).startswith("250")
        assert relay.connections == 2
    assert relay.recipients() == [address(1), address(2)]


@pytest.mark.parametrize("more", ["250 2.0.0 Taken", "250-2.0.0 Tak"])
async def test_a_word_behind_the_call_for_the_text_is_not_taken_for_its_acceptance(more: str) -> None:
    relay = ScriptedRelay({("DATA", address(1)): f"354 Go on\r\n{more}"})
    async with relay, a_pool(relay) as pool:
        result = await outcome(pool, address(1), a_letter(1))
    assert isinstance(result, Deferred)
    assert relay.accepted == []


async def test_one_answer_too_many_in_the_envelope_is_noticed_before_the_text() -> None:
    relay = ScriptedRelay({("RCPT", address(1)): "250 2.1.5 Ok\r\n250 2.1.5 Ok"})
    async with relay, a_pool(relay) as pool:
        assert isinstance(await outcome(pool, address(1), a_letter(1)), Deferred)
    assert relay.accepted == []


@pytest.mark.parametrize("words", ["250-" + "x" * 100_000, "250-x\r\n" * 20_000])
async def test_an_answer_without_end_is_not_listened_to(words: str) -> None:
    relay = ScriptedRelay({("RCPT", address(1)): words})
    async with relay, a_pool(relay) as pool:
        result = await outcome(pool, address(1), a_letter(1))
        assert isinstance(result, Deferred)
        assert result.reason is Reason.NOT_CONNECTED
        assert "without end" in result.detail


async def test_a_mail_refused_and_its_text_called_for_ends_the_line_without_a_letter() -> None:
    refusal = "550 5.7.1 Sender rejected"
    relay = ScriptedRelay({("MAIL", 1): f"{refusal}\r\n250 2.1.5 Ok\r\n354 Go on"})
    async with relay, a_pool(relay) as pool:
        result = await outcome(pool, address(1), a_letter(1))
        assert isinstance(result, ChannelClosed)
        assert result.detail == refusal
        await pool.deliver(address(2), a_letter(2))
    assert relay.recipients() == [address(2)]
    assert relay.connections == 2


async def test_a_relay_that_answers_drop_by_drop_does_not_prolong_its_time() -> None:
    relay = ScriptedRelay({("body", address(1)): SILENCE})
    async with relay, a_pool(relay, timeouts=replace(PATIENT, final_dot=0.2)) as pool, asyncio.TaskGroup() as group:
        letter = group.create_task(outcome(pool, address(1), a_letter(1)))
        async with asyncio.timeout(5):
            while not letter.done():
                relay.say(b"2")
                await asyncio.sleep(0.05)
        assert isinstance(await letter, Unconfirmed)


async def test_a_line_that_was_taken_over_dead_is_no_line() -> None:
    relay = ScriptedRelay()
    async with relay:
        connection = await open_connection(some_settings(port=relay.port), None, PATIENT)
        connection.cut()
        with pytest.raises(Deferred):
            Pipeline(connection)


@pytest.mark.parametrize("waits", [True, False])
async def test_goodbye_is_said_and_waited_for(waits: bool) -> None:
    relay = ScriptedRelay()
    async with relay:
        line = await a_line(relay)
        await line.deliver(address(1), a_letter(1))
        if waits:
            await line.quit()
        else:
            line.leave()
        await relay.wait_until(lambda: relay.open == 0)
        assert not line.usable
    assert relay.violations == []


async def test_a_cut_relay_leaves_no_goodbye_hanging() -> None:
    relay = ScriptedRelay()
    async with relay:
        line = await a_line(relay, replace(PATIENT, quit=0.05))
        relay.script[("body", address(1))] = ABORT
        assert isinstance(await outcome(line, address(1), a_letter(1)), Unconfirmed)
        await line.quit()
