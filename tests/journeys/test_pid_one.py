"""How it ends: on a signal, on a second one, and as process 1, to which a system gives no default for either.

A container runs its program as process 1 of a namespace; `unshare` makes one too, where root may.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest

from channels.contract import Reason
from delivery.model import DeliveryState
from sandbox.faults import Fault, Kind
from tests.journeys.town import ROOT, WITHIN, Running, Rupor, Town, until
from tests.support import postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.one_database]

LEASE = 2  # seconds
AT_ONCE = 10  # seconds; a graceful end would wait for twenty
GRACE = 30

NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@cache
def namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


as_process_1 = pytest.mark.skipif(not namespaces(), reason="no right to make a namespace of processes")


class Process1:
    """The program as process 1 of its own namespace."""

    def __init__(self, running: Running) -> None:
        self.running = running

    @classmethod
    async def serving(cls, rupor: Rupor, command: str) -> "Process1":
        process = await asyncio.create_subprocess_exec(
            *(*NAMESPACE, sys.executable, "-m", "bot", "--config", str(rupor.config), command),
            cwd=rupor.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RUPOR_LOG_FORMAT": "json"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running = Running(process)
        rupor._programs.append(running)
        async with asyncio.timeout(WITHIN):
            await running.ready()
        return cls(running)

    def signal(self, number: signal.Signals) -> None:
        """Send it from outside, as a container's engine does."""
        [inside] = psutil.Process(self.running.process.pid).children()
        inside.send_signal(number)


async def hanging(rupor: Rupor, town: Town) -> None:
    """Queue a letter of which the relay will never say that it took it."""
    rupor.configure("mail", lease_seconds=LEASE)
    await rupor.a_list("all", "a@example.org")
    town.mail.faults.add("body", Fault(Kind.HANGS))
    assert (await rupor("announce", "--text", "Собрание", "--to", "mail:all")).code == 0


@as_process_1
@pytest.mark.parametrize("command", ["worker", "run"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_process_1_ends_well_on_a_signal(rupor: Rupor, command: str, number: signal.Signals) -> None:
    program = await Process1.serving(rupor, command)
    program.signal(number)
    assert (await program.running.ended(within=GRACE)).code == 0


@as_process_1
async def test_process_1_waits_for_what_hangs_and_records_the_doubt(rupor: Rupor, town: Town) -> None:
    await hanging(rupor, town)
    program = await Process1.serving(rupor, "worker")
    await until(lambda: town.letters() == 1)
    program.signal(signal.SIGTERM)
    assert (await program.running.ended(within=GRACE)).code == 0
    assert await rupor.states() == [DeliveryState.UNCONFIRMED]
    assert town.letters() == 1


@pytest.mark.parametrize("inside", [pytest.param(True, marks=as_process_1), False])
async def test_a_second_signal_ends_at_once_and_the_next_start_finds_the_doubt(
    rupor: Rupor, town: Town, inside: bool
) -> None:
    await hanging(rupor, town)
    send: Callable[[signal.Signals], object]
    if inside:
        program = await Process1.serving(rupor, "worker")
        running, send = program.running, program.signal
    else:
        running = await rupor.serving("worker")
        send = running.process.send_signal
    await until(lambda: town.letters() == 1)
    send(signal.SIGTERM)
    await asyncio.sleep(1)
    assert running.process.returncode is None  # it waits for the relay
    send(signal.SIGTERM)
    assert (await running.ended(within=AT_ONCE)).code in {128 + signal.SIGTERM, -signal.SIGTERM}
    assert await rupor.states() == [DeliveryState.SENDING]

    again = await rupor.serving("worker")

    async def in_doubt() -> bool:
        return await rupor.states() == [DeliveryState.UNCONFIRMED]

    await until(in_doubt)
    assert (await again.ended(signal.SIGTERM, within=GRACE)).code == 0
    [one] = await rupor.deliveries()
    assert (one.reason, town.letters()) == (Reason.WORKER_DIED, 1)


# The database is away


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of this file's own, which may be stopped."""
    with postgres.Server(postgres.choose()[0], synchronous_commit="on") as server:
        yield server


@pytest.fixture
async def on_postgres(server: postgres.Server, town: Town, tmp_path: Path) -> AsyncIterator[Rupor]:
    """The program on that server."""
    rupor = Rupor(town, tmp_path, server.url(server.create()))
    assert (await rupor("db", "upgrade")).code == 0
    try:
        yield rupor
    finally:
        await rupor.end()
    assert rupor.secrets_told() == []


@pytest.mark.postgres
@pytest.mark.parametrize("at_work", [False, True])
async def test_a_signal_while_the_database_is_away(
    server: postgres.Server, on_postgres: Rupor, town: Town, at_work: bool
) -> None:
    """What cannot be recorded any more is found in doubt by the next start."""
    rupor = on_postgres
    rupor.configure("mail", lease_seconds=LEASE)
    if at_work:
        await rupor.a_list("all", "a@example.org")
        town.mail.faults.add("body", Fault(Kind.DELAYS, seconds=3))
        assert (await rupor("announce", "--text", "Собрание", "--to", "mail:all")).code == 0
    worker = await rupor.serving("worker")
    if at_work:
        await until(lambda: town.mail.faults.listing() == [])  # the letter is on its way
    await asyncio.to_thread(server.stop)
    try:
        await asyncio.sleep(2)
        assert worker.process.returncode is None
        assert (await worker.ended(signal.SIGTERM, within=GRACE)).code == 0
    finally:
        await asyncio.to_thread(server.start)
    if not at_work:
        return
    again = await rupor.serving("worker")

    async def in_doubt() -> bool:
        return await rupor.states() == [DeliveryState.UNCONFIRMED]

    await until(in_doubt)
    assert (await again.ended(signal.SIGTERM, within=GRACE)).code == 0
    assert town.letters() == 1
