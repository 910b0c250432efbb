"""States of the database that commands meet, each made through the engine itself."""

from datetime import timedelta

from channels.contract import ChannelClosed, Post, Reason, Rejected, Unconfirmed
from delivery import broadcast
from delivery.desk import Desk
from delivery.planning import plan
from tests.bot.commands.conftest import Rupor
from tests.delivery.builders import Scripted, a_broadcast, a_list, a_worker, says


def one_failed(rupor: Rupor) -> int:
    """A post on the wall and two letters, of which the first is refused."""
    mail = Scripted(None)
    says(mail, Rejected("550 5.1.1 \x1b[31mno such user", Reason.NO_SUCH_MAILBOX))

    async def work(desk: Desk) -> int:
        await a_list(desk, "all", "a@example.org", "b@example.org")
        number = await a_broadcast(desk, "Заседание президиума\nво вторник", ["wall", "mail:all"])
        worker = a_worker(desk)
        await worker.step("wall")
        await worker.step("mail")
        return number

    return rupor.with_desk(work, mail=mail)


def one_in_doubt(rupor: Rupor) -> int:
    """A post of which nobody knows whether it is on the wall. Its delivery has the number 1."""
    wall = Scripted("@wall")
    says(wall, Unconfirmed("no answer"))

    async def work(desk: Desk) -> int:
        number = await a_broadcast(desk)
        await a_worker(desk).step("wall")
        return number

    return rupor.with_desk(work, wall=wall)


def letters_in_doubt(rupor: Rupor, count: int = 3) -> int:
    """A post that is out, and letters of which nobody knows whether they arrived: deliveries 2 and on."""
    mail = Scripted(None)
    says(mail, *(Unconfirmed("cut after the final dot") for _ in range(count)))

    async def work(desk: Desk) -> int:
        await a_list(desk, "all", *(f"a{n}@example.org" for n in range(count)))
        number = await a_broadcast(desk, targets=["wall", "mail:all"])
        worker = a_worker(desk)
        await worker.step("wall")
        await worker.step("mail")
        return number

    return rupor.with_desk(work, mail=mail)


def wall_closed(rupor: Rupor) -> int:
    """A post that waits, since the wall refuses everybody."""
    wall = Scripted("@wall")
    says(wall, ChannelClosed("401", Reason.TOKEN_REVOKED))

    async def work(desk: Desk) -> int:
        number = await a_broadcast(desk)
        await a_worker(desk).step("wall")
        return number

    return rupor.with_desk(work, wall=wall)


def all_sent(rupor: Rupor, wall: Scripted | None = None) -> int:
    """A post that is out."""

    async def work(desk: Desk) -> int:
        number = await a_broadcast(desk)
        await a_worker(desk).step("wall")
        return number

    return rupor.with_desk(work, wall=wall)


def letters_sent(rupor: Rupor, mail: Scripted) -> int:
    """Two letters that are out."""

    async def work(desk: Desk) -> int:
        await a_list(desk, "all", "a@example.org", "b@example.org")
        number = await a_broadcast(desk, targets=["mail:all"])
        await a_worker(desk).step("mail")
        return number

    return rupor.with_desk(work, mail=mail)


def queued(rupor: Rupor) -> int:
    """A post that nobody has sent yet."""
    return rupor.with_desk(a_broadcast)


def a_draft(rupor: Rupor) -> int:
    """A draft for the wall."""
    return rupor.with_desk(lambda desk: broadcast.draft(desk, Post("Черновик"), author="a", targets=["wall"]))


def planned(rupor: Rupor, *, cron: str = "") -> int:
    """An announcement that goes out in an hour, or by cron text. Its schedule has the number 1."""

    async def work(desk: Desk) -> int:
        number = await broadcast.draft(desk, Post("Собрание"), author="a", targets=["wall"])
        at = None if cron else desk.now() + timedelta(hours=1)
        await plan(desk, number, at=at, cron=cron, by="a")
        return number

    return rupor.with_desk(work)
