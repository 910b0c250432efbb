"""SIGKILL between "sent" and "recorded": nothing is lost, nothing doubled, nothing silent."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from channels.contract import Reason
from delivery.model import DeliveryState
from sandbox.faults import Fault, Faults, Kind
from tests.journeys.town import Rupor, Town, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LEASE = 2  # seconds


@dataclass(frozen=True)
class Way:
    """A channel: the call after which it never answers, and how many posts or letters readers see."""

    target: str
    call: str
    faults: Callable[[Town], Faults]
    public: Callable[[Town], int]


TELEGRAM = Way("tg", "sendMessage", lambda town: town.telegram.faults, Town.channel_posts)
VK = Way("vk", "wall.post", lambda town: town.vk.faults, Town.wall_posts)
MAIL = Way("mail:all", "body", lambda town: town.mail.faults, Town.letters)


async def killed_after_acting(rupor: Rupor, town: Town, way: Way) -> None:
    """Announce, and kill the sender when the other side has taken it and before anybody has written that down."""
    rupor.configure(way.target.partition(":")[0], lease_seconds=LEASE)
    await rupor.a_list("all", "a@example.org")
    way.faults(town).add(way.call, Fault(Kind.HANGS))
    sender = await rupor.start("announce", "--text", "Собрание", "--to", way.target, "--wait")
    await until(lambda: way.public(town) == 1)
    sender.process.send_signal(signal.SIGKILL)
    await sender.process.communicate()
    assert await rupor.states() == [DeliveryState.SENDING]


@pytest.mark.one_database
@pytest.mark.parametrize("way", [pytest.param(TELEGRAM, id="telegram"), pytest.param(MAIL, id="mail")])
async def test_what_may_be_out_is_put_to_a_person_and_never_repeated(rupor: Rupor, town: Town, way: Way) -> None:
    await killed_after_acting(rupor, town, way)
    worker = await rupor.serving("worker")

    async def in_doubt() -> bool:
        return await rupor.states() == [DeliveryState.UNCONFIRMED]

    await until(in_doubt)
    await asyncio.sleep(LEASE)  # time enough to do the wrong thing
    assert (await worker.ended(signal.SIGTERM)).code == 0
    [one] = await rupor.deliveries()
    assert (one.state, one.reason, way.public(town)) == (DeliveryState.UNCONFIRMED, Reason.WORKER_DIED, 1)
    assert "rupor settle 1 " in (await rupor("status", "1")).out.replace("ДОСТАВКА", str(one.id))
    assert (await rupor("settle", str(one.id), "sent")).code == 0
    assert (await rupor("status", "1", "--json")).answer["broadcasts"][0]["counts"]["sent"] == 1
    assert way.public(town) == 1


async def test_where_one_key_shows_once_it_is_repeated_and_shows_once(rupor: Rupor, town: Town) -> None:
    await killed_after_acting(rupor, town, VK)
    worker = await rupor.serving("worker")

    async def sent() -> bool:
        return await rupor.states() == [DeliveryState.SENT]

    await until(sent)
    assert (await worker.ended(signal.SIGTERM)).code == 0
    guids = [call.values["guid"] for call in town.vk.calls if call.method == "wall.post"]
    assert len(guids) == 2
    assert len(set(guids)) == 1
    assert town.wall_posts() == 1
