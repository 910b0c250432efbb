"""The benchmarks measure what they say: sizes as the sink sees them, a distance that keeps order, verdicts that fit."""

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks import letters, support, table
from benchmarks.profile import group_of
from benchmarks.relays import far_away, flood, sink, weigh
from benchmarks.sampling import Call, read, sampled
from benchmarks.support import note


async def test_the_generator_sends_letters_of_the_size_asked_for() -> None:
    size = await weigh(lambda port: flood(port, 10, 17_500, connections=2))
    assert abs(size - 17_500) < 100


async def test_a_scenario_sends_every_letter_and_weighs_one() -> None:
    figures = await letters.measure(letters.SCENARIOS["sqlite"], 60)
    assert figures.letters == 60
    assert 17_000 < figures.size < 18_500
    assert figures.cpu > 0
    assert figures.reference


async def test_a_relay_far_away_is_late_both_ways_and_keeps_the_order() -> None:
    sent = b"".join(b"%d\r\n" % number for number in range(20_000))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0) as server,
        far_away(server.sockets[0].getsockname()[1], there_and_back=0.2) as port,
    ):
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == sent
        assert time.perf_counter() - began >= 0.2
        writer.close()


async def test_a_sink_takes_letters() -> None:
    async with sink() as port:
        assert (await flood(port, 20, 2_000, connections=2)).letters == 20


@pytest.mark.parametrize(
    ("title", "value", "verdict"),
    [
        ("letters/s on SQLite ÷ generator", 0.81, "reached"),
        ("letters/s on SQLite ÷ generator", 0.51, "enough"),
        ("letters/s on SQLite ÷ generator", 0.49, "missed"),
        ("memory during 1,000,000", 99, "reached"),
        ("memory during 1,000,000", 149, "enough"),
        ("memory during 1,000,000", 151, "missed"),
        ("urgent overtakes it", 0.1, "enough"),
    ],
)
def test_a_verdict_knows_the_direction_of_its_aim(title: str, value: float, verdict: str) -> None:
    (aim,) = (one for one in table.AIMS if one.title == title)
    assert aim.verdict(value) == verdict


def test_the_table_takes_the_worst_figure_of_an_aim_and_says_what_was_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    monkeypatch.setenv(support.RESULTS, str(results))
    note("million.pause", 0.2)
    note("million.cancel", 1.4)
    lines = table.table(table.read(results)).splitlines()
    assert [line for line in lines if "pause" in line and "1.40 s" in line and "missed" in line]
    assert [line for line in lines if "300 KB" in line and "not measured" in line]


def test_samples_name_the_function_that_worked(tmp_path: Path) -> None:
    with sampled(tmp_path / "samples"):
        _work_hard(time.process_time() + 0.3)
    spent = read(tmp_path / "samples")
    working = sum(cost for stack, cost in spent.items() if any(call.function == "_work_hard" for call in stack))
    assert working > sum(spent.values()) / 2


def _work_hard(until: float) -> None:
    while time.process_time() < until:
        sum(range(1000))


def test_the_innermost_file_with_a_group_decides() -> None:
    json_of_ours = (Call("/lib/json/encoder.py", "encode", 1), Call("/x/delivery/store/dialect.py", "in_json", 1))
    assert group_of(json_of_ours) == "database: our statements"
    assert group_of((Call("/lib/asyncio/events.py", "_run", 1), *json_of_ours)) == "asyncio"
    assert group_of((Call("/lib/nothing.py", "x", 1),)) == "other"


def test_what_runs_in_a_thread_of_sqlite_is_one_group() -> None:
    inside = (Call("/lib/json/encoder.py", "encode", 1), Call("/lib/concurrent/futures/thread.py", "_worker", 1))
    assert group_of(inside) == "database: whole transactions in SQLite's threads"
