"""From the command line to the channel, the wall and the mailboxes, and back as a report."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import Reason
from delivery.model import DeliveryState
from sandbox.faults import Fault, Kind
from tests.journeys.town import CHANNEL, GROUP, Rupor, Town, until
from tests.support.pictures import png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SENT, FAILED, QUEUED = DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.QUEUED


async def test_one_announcement_reaches_everybody(rupor: Rupor, town: Town) -> None:
    await rupor.a_list("all", "a@example.org", "b@example.org")
    media = []
    for name, grey in (("первое.png", 60), ("второе.png", 200)):
        (rupor.folder / name).write_bytes(png(320, 240, grey))
        media += ["--media", name]
    text = "<b>Собрание</b> в среду в 18:00"
    done = await rupor(
        "announce",
        "--text",
        text,
        "--format",
        "html",
        "--title",
        "Собрание",
        *media,
        "--to",
        "tg,vk,mail:all",
        "--wait",
        "--json",
    )
    assert (done.code, done.answer) == (0, {"announcement": 1, "broadcast": 1})

    album = town.telegram.channel_posts(CHANNEL)
    assert len(album) == 2
    assert len({one["media_group_id"] for one in album}) == 1
    assert album[0]["caption"] == "Собрание в среду в 18:00"
    [post] = town.vk.posts(GROUP)
    assert post.text == "Собрание в среду в 18:00"
    assert [name[:5] for name in post.attachments] == ["photo", "photo"]
    for address in ("a@example.org", "b@example.org"):
        [letter] = town.mail.letters(address)
        assert letter.subject == "Собрание"

    found = (await rupor("status", "1", "--json", "--deliveries")).answer
    [broadcast] = found["broadcasts"]
    assert (found["state"], broadcast["state"]) == ("settled", "settled")
    assert broadcast["counts"] == {
        "queued": 0,
        "sending": 0,
        "sent": 4,
        "failed": 0,
        "unconfirmed": 0,
        "cancelled": 0,
        "returned": 0,
    }
    assert broadcast["channels"]["tg"]["links"] == [f"https://t.me/smolprof/{album[0]['message_id']}"]
    assert broadcast["channels"]["vk"]["links"] == [f"https://vk.com/wall-{GROUP}_{post.id}"]
    assert all(one["receipt"] for one in found["deliveries"])


@pytest.mark.one_database
async def test_a_refused_mailbox_is_told_and_repaired(rupor: Rupor, town: Town) -> None:
    rupor.configure("vk", "mail")
    await rupor.a_list("all", "a@example.org", "gone@example.org", "b@example.org")
    town.mail.unknown_mailboxes.add("gone@example.org")
    done = await rupor("announce", "--text", "Собрание", "--to", "vk,mail:all", "--wait")
    assert done.code == 3
    assert "gone@example.org: такого почтового ящика нет (550" in done.out
    failed = [one for one in await rupor.deliveries() if one.state is FAILED]
    assert [(one.recipient.address, one.reason) for one in failed] == [("gone@example.org", Reason.NO_SUCH_MAILBOX)]

    town.mail.unknown_mailboxes.clear()
    worker = await rupor.serving("worker")
    assert (await rupor("retry", "1", "--json")).answer["queued"] == [failed[0].id]
    await until(lambda: town.letters("gone@example.org") == 1)

    async def all_sent() -> bool:
        return set(await rupor.states()) == {SENT}

    await until(all_sent)
    assert (await worker.ended(signal.SIGTERM)).code == 0
    assert [town.letters(f"{name}@example.org") for name in ("a", "b", "gone")] == [1, 1, 1]
    assert town.wall_posts() == 1


async def test_the_same_key_announces_once_even_at_the_same_time(rupor: Rupor, town: Town) -> None:
    args = ("announce", "--text", "Собрание", "--to", "tg,vk", "--key", "2026-11-23", "--wait", "--json")
    both = await asyncio.gather(rupor(*args), rupor(*args))
    again = await rupor(*args)
    assert [one.code for one in (*both, again)] == [0, 0, 0]
    assert [one.answer for one in (*both, again)] == [{"announcement": 1, "broadcast": 1}] * 3
    assert (town.channel_posts(), town.wall_posts()) == (1, 1)


@pytest.mark.one_database
async def test_what_is_planned_goes_out_at_its_moment_and_once(rupor: Rupor, town: Town) -> None:
    begun = datetime.now(UTC)
    service = await rupor.serving("run")
    now = datetime.now(UTC)
    moment = now + timedelta(seconds=2) + 2 * (now - begun)  # so that a slow machine has stored it by then
    done = await rupor("announce", "--text", "Собрание", "--to", "tg,vk", "--at", moment.isoformat(), "--json")
    assert done.answer == {"announcement": 1, "broadcast": None, "schedule": 1}
    await until(lambda: town.channel_posts() + town.wall_posts() == 2)
    assert datetime.now(UTC) >= moment.replace(microsecond=0)

    async def settled() -> bool:
        return await rupor.states() == [SENT, SENT]

    await until(settled)
    assert (await service.ended(signal.SIGTERM)).code == 0
    assert (await rupor("schedules", "--json")).answer == {"schedules": []}
    assert (await rupor("status", "1", "--json")).answer["state"] == "settled"
    assert (town.channel_posts(), town.wall_posts()) == (1, 1)


async def test_two_workers_share_the_work_and_double_nothing(rupor: Rupor, town: Town) -> None:
    rupor.configure("mail", "vk")
    addresses = [f"p{n}@example.org" for n in range(60)]
    await rupor.a_list("all", *addresses)
    workers = await asyncio.gather(rupor.serving("worker"), rupor.serving("worker"))
    assert (await rupor("announce", "--text", "Собрание", "--to", "vk,mail:all", "--wait")).code == 0
    assert Counter(town.letters(address) for address in addresses) == {1: 60}
    assert town.wall_posts() == 1
    for worker in workers:
        assert (await worker.ended(signal.SIGTERM)).code == 0


async def test_a_signal_in_the_middle_of_sending_loses_and_doubles_nothing(rupor: Rupor, town: Town) -> None:
    rupor.configure("mail")
    addresses = [f"p{n}@example.org" for n in range(12)]
    await rupor.a_list("all", *addresses)
    town.mail.faults.add("body", Fault(Kind.DELAYS, seconds=1, times=4))
    assert (await rupor("announce", "--text", "Собрание", "--to", "mail:all")).code == 0
    worker = await rupor.serving("worker")

    async def on_the_wire() -> bool:
        return DeliveryState.SENDING in await rupor.states()

    await until(on_the_wire)
    assert (await worker.ended(signal.SIGTERM, within=30)).code == 0
    states = await rupor.states()
    assert set(states) <= {SENT, QUEUED}
    assert states.count(SENT) == town.mail.accepted
    assert QUEUED in states

    assert (await rupor("announce", "--text", "Второе", "--to", "mail:all", "--wait")).code == 0
    assert Counter(town.letters(address) for address in addresses) == {2: 12}


async def test_an_interrupted_wait_finishes_what_is_on_the_wire(rupor: Rupor, town: Town) -> None:
    town.telegram.faults.add("sendMessage", Fault(Kind.DELAYS, seconds=2))
    waiting = await rupor.start("announce", "--text", "Собрание", "--to", "tg", "--wait")

    async def on_the_wire() -> bool:
        return await rupor.states() == [DeliveryState.SENDING]

    await until(on_the_wire)
    done = await waiting.ended(signal.SIGINT)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert await rupor.states() == [SENT]
    assert town.channel_posts() == 1


@pytest.mark.one_database
async def test_check_tells_what_is_wrong_in_the_real_channels(rupor: Rupor, town: Town) -> None:
    good = await rupor("check", "--json")
    assert (good.code, good.answer.get("ok")) == (0, True), good.err
    town.vk.world.tokens.clear()
    town.mail.users["press"] = "changed"
    bad = await rupor("check", "--json")
    assert bad.code == 3
    assert {key: one["ok"] for key, one in bad.answer["channels"].items()} == {"tg": True, "vk": False, "mail": False}


@pytest.mark.one_database
async def test_secrets_stay_out_of_everything_that_is_said(rupor: Rupor, town: Town) -> None:
    """The fixture looks through all that the program said; here it is made to talk as much as it can."""
    await rupor.a_list("all", "a@example.org")
    town.telegram.faults.add("sendMessage", Fault(Kind.DROPS_AFTER_REQUEST))
    town.vk.faults.add("wall.post", Fault(Kind.BAD_GATEWAY))
    town.mail.faults.add("AUTH", Fault(Kind.LOSES_RIGHTS))
    done = await rupor(
        "--debug", "announce", "--text", "Собрание", "--to", "tg,vk,mail:all", "--wait", "--timeout", "3"
    )
    assert done.code == 3
    assert "delivery.not_sent" in done.err
    await rupor("--debug", "status", "1", "--deliveries")
    await rupor("--debug", "check")
