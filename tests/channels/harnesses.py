"""Each kind of channel beside the outside world that it talks to, in one shape, so that one suite asks all of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from channels import email, rehearsal, telegram, vk
from channels.contract import (
    Channel,
    ChannelClosed,
    Deferred,
    Reason,
    Recipient,
    Rejected,
    Surroundings,
    TelegramAccess,
    Unconfirmed,
)
from channels.email.channel import connect as connect_email
from channels.email.connection import Timeouts
from channels.rehearsal import Mishap
from channels.telegram.channel import connect as connect_telegram
from channels.telegram.line import Patience
from channels.vk.channel import connect as connect_vk
from sandbox.faults import Fault, Faults, Kind
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.vk import VkStandIn
from tests.support.letters import Files, some_surroundings

PATIENCE = 2.0  # seconds

BOT_TOKEN = "4200000042:secret-of-the-bot"
KEYS = {"community_token": "vk1.secret-of-the-community", "user_token": "vk1.secret-of-a-person"}
PASSWORD = "secret-of-the-relay"


@dataclass(frozen=True)
class Harness:
    """A channel with its outside. `public` counts what readers see; `secrets` must never be seen by anybody.

    The faults by name are those that a kind can have: "cut_after_acting", "refuses", "loses_rights", "makes_wait",
    "hangs". `switch_off` takes the other side away.
    """

    channel: Channel
    recipient: Recipient
    public: Callable[[], int]
    faults: Mapping[str, Callable[[], None]]
    switch_off: Callable[[], Awaitable[None]] | None
    violations: Callable[[], list[str]]
    secrets: tuple[str, ...] = ()


def _faults(faults: Faults, call: str) -> dict[str, Callable[[], None]]:
    kinds = {
        "cut_after_acting": Kind.DROPS_AFTER_REQUEST,
        "refuses": Kind.REFUSES,
        "loses_rights": Kind.LOSES_RIGHTS,
        "makes_wait": Kind.MAKES_WAIT,
        "hangs": Kind.HANGS,
    }

    def adding(kind: Kind) -> Callable[[], None]:
        code = 100 if kind is Kind.REFUSES and call == "wall.post" else 0
        return lambda: faults.add(call, Fault(kind, code=code))

    return {name: adding(kind) for name, kind in kinds.items()}


@asynccontextmanager
async def _telegram() -> AsyncIterator[Harness]:
    async with TelegramStandIn(BOT_TOKEN) as tg:
        tg.add_channel(-1001000000001, "Профсоюзы", "smolprof")
        surroundings = Surroundings(Files(), TelegramAccess(BOT_TOKEN, tg.url))
        channel = await connect_telegram(
            "tg", telegram.Settings(chat_id="@smolprof"), surroundings, Patience(connection=PATIENCE, answer=PATIENCE)
        )
        yield Harness(
            channel,
            Recipient(channel.address or ""),
            public=lambda: len(tg.channel_posts("@smolprof")),
            faults=_faults(tg.faults, "sendMessage"),
            switch_off=lambda: tg.__aexit__(None, None, None),
            violations=lambda: tg.violations,
            secrets=(BOT_TOKEN,),
        )
        await channel.close()


@asynccontextmanager
async def _vk() -> AsyncIterator[Harness]:
    async with VkStandIn() as wall:
        wall.add_community(101, "Профсоюзы")
        wall.add_community_token(KEYS["community_token"], 101)
        wall.add_user_token(KEYS["user_token"], 1, administers=[101])
        settings = vk.Settings(
            group_id=101,
            **{name: SecretStr(value) for name, value in KEYS.items()},
            api_base=wall.url,
            connect_timeout=PATIENCE,
            read_timeout=PATIENCE,
        )
        channel = await connect_vk("vk", settings, some_surroundings())
        yield Harness(
            channel,
            Recipient(channel.address or ""),
            public=lambda: len(wall.posts(101)),
            faults=_faults(wall.faults, "wall.post"),
            switch_off=lambda: wall.__aexit__(None, None, None),
            violations=lambda: wall.violations,
            secrets=tuple(KEYS.values()),
        )
        await channel.close()


@asynccontextmanager
async def _email() -> AsyncIterator[Harness]:
    async with MailStandIn(users={"press": PASSWORD}) as mail:
        settings = email.Settings(
            host=mail.host,
            port=mail.port,
            tls="none",
            username="press",
            password=SecretStr(PASSWORD),
            sender="press@example.org",
        )
        quick = Timeouts(PATIENCE, PATIENCE, PATIENCE, PATIENCE, PATIENCE, PATIENCE, PATIENCE, PATIENCE)
        channel = await connect_email("mail", settings, some_surroundings(), timeouts=quick)
        faults = _faults(mail.faults, "body")
        faults["loses_rights"] = lambda: mail.faults.add("AUTH", Fault(Kind.LOSES_RIGHTS, times=0))
        faults["makes_wait"] = lambda: mail.faults.add("RCPT", Fault(Kind.MAKES_WAIT))
        faults["refuses"] = lambda: mail.faults.add("RCPT", Fault(Kind.REFUSES))
        yield Harness(
            channel,
            Recipient("a@example.org", list_key="news", list_name="Новости"),
            public=lambda: mail.accepted,
            faults=faults,
            switch_off=lambda: mail.__aexit__(None, None, None),
            violations=lambda: mail.violations,
            secrets=(PASSWORD,),
        )
        await channel.close()


@asynccontextmanager
async def _rehearsal() -> AsyncIterator[Harness]:
    channel = await rehearsal.connect("stage", rehearsal.Settings(), some_surroundings())
    mishaps = {
        "cut_after_acting": Mishap(Unconfirmed("no answer"), after=True),
        "refuses": Mishap(Rejected("never", Reason.REFUSED)),
        "loses_rights": Mishap(ChannelClosed("gone", Reason.TOKEN_REVOKED)),
        "makes_wait": Mishap(Deferred("later", Reason.LIMIT_REACHED, counts=False)),
    }

    def adding(mishap: Mishap) -> Callable[[], None]:
        return lambda: channel.misbehave(mishap)

    yield Harness(
        channel,
        Recipient(channel.address or ""),
        public=lambda: len(channel.sent),
        faults={name: adding(mishap) for name, mishap in mishaps.items()},
        switch_off=None,
        violations=list,
    )
    await channel.close()


HARNESSES: Mapping[str, Callable[[], AbstractAsyncContextManager[Harness]]] = {
    "telegram": _telegram,
    "vk": _vk,
    "email": _email,
    "rehearsal": _rehearsal,
}
