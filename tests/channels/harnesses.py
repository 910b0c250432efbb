"""Each kind of channel beside the outside world that it talks to, in one shape, so that one suite asks all of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field

from pydantic import SecretStr

from channels import email, rehearsal, telegram, vk
from channels.contract import (
    Channel,
    ChannelClosed,
    Deferred,
    Reason,
    Receipt,
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
KEYS = {
    "community_token": "vk1.secret-of-the-community",
    "user_token": "vk1.secret-of-a-person",
    "service_token": "secret-of-an-application",
}
PASSWORD = "secret-of-the-relay"


@dataclass(frozen=True)
class Harness:
    """A channel with its outside. `public` counts what readers see; `secrets` must never be seen by anybody.

    The faults by name are those that a kind can have: "cut_before_acting", "cut_after_acting", "refuses",
    "loses_rights", "makes_wait", "hangs", and, of answers to what was done, "bad_gateway" and "half_answer".
    `switch_off` takes the other side away; after `fall_silent` it is there and answers nothing. Where a channel can
    look, `standing` is everything that anybody could see, and `newest` the true receipt of what went public last. Where
    what is out can be changed, `reads` are the texts that readers see now, and `changing` the faults of "correct" and
    of "withdraw".
    """

    channel: Channel
    recipient: Recipient
    public: Callable[[], int]
    faults: Mapping[str, Callable[[], None]]
    switch_off: Callable[[], Awaitable[None]] | None
    fall_silent: Callable[[], None] | None
    violations: Callable[[], list[str]]
    secrets: tuple[str, ...] = ()
    standing: Callable[[], object] = tuple
    newest: Callable[[], Receipt] = Receipt
    reads: Callable[[], list[str]] = list
    changing: Mapping[str, Mapping[str, Callable[[], None]]] = field(default_factory=dict)


def _faults(faults: Faults, call: str) -> dict[str, Callable[[], None]]:
    kinds = {
        "cut_before_acting": Kind.DROPS_BEFORE,
        "cut_after_acting": Kind.DROPS_AFTER_REQUEST,
        "refuses": Kind.REFUSES,
        "loses_rights": Kind.LOSES_RIGHTS,
        "makes_wait": Kind.MAKES_WAIT,
        "hangs": Kind.HANGS,
        "bad_gateway": Kind.BAD_GATEWAY,
        "half_answer": Kind.HALF_ANSWER,
    }

    def adding(kind: Kind) -> Callable[[], None]:
        code = 100 if kind is Kind.REFUSES and call.startswith("wall.") else 0
        return lambda: faults.add(call, Fault(kind, code=code))

    return {name: adding(kind) for name, kind in kinds.items()}


def _silence(faults: Faults) -> Callable[[], None]:
    return lambda: faults.add("*", Fault(Kind.HANGS, times=0))


@asynccontextmanager
async def _telegram() -> AsyncIterator[Harness]:
    async with TelegramStandIn(BOT_TOKEN) as tg:
        tg.add_channel(-1001000000001, "Профсоюзы", "smolprof")
        tg.add_group(-4001, "Служебный")
        surroundings = Surroundings(Files(), TelegramAccess(BOT_TOKEN, tg.url))
        settings = telegram.Settings(chat_id="@smolprof", service_chat=-4001)
        quick = Patience(connection=PATIENCE, answer=PATIENCE, between_messages=0, landing=0.05)
        channel = await connect_telegram("tg", settings, surroundings, quick)

        def newest() -> Receipt:
            number = tg.channel_posts("@smolprof")[-1]["message_id"]
            return Receipt((str(number),), f"https://t.me/smolprof/{number}")

        yield Harness(
            channel,
            Recipient(channel.address or ""),
            public=lambda: len(tg.channel_posts("@smolprof")),
            faults=_faults(tg.faults, "sendMessage"),
            switch_off=lambda: tg.__aexit__(None, None, None),
            fall_silent=_silence(tg.faults),
            violations=lambda: tg.violations,
            secrets=(BOT_TOKEN,),
            standing=lambda: deepcopy([(chat.id, chat.messages) for chat in tg.world.chats.values()]),
            newest=newest,
            reads=lambda: [post["text"] for post in tg.channel_posts("@smolprof")],
            changing={
                "correct": _faults(tg.faults, "editMessageText"),
                "withdraw": _faults(tg.faults, "deleteMessages"),
            },
        )
        await channel.close()


@asynccontextmanager
async def _vk() -> AsyncIterator[Harness]:
    async with VkStandIn() as wall:
        wall.add_community(101, "Профсоюзы")
        wall.add_community_token(KEYS["community_token"], 101)
        wall.add_user_token(KEYS["user_token"], 1, administers=[101])
        wall.add_service_token(KEYS["service_token"])
        settings = vk.Settings(
            group_id=101,
            **{name: SecretStr(value) for name, value in KEYS.items()},
            api_base=wall.url,
            connect_timeout=PATIENCE,
            read_timeout=PATIENCE,
        )
        channel = await connect_vk("vk", settings, some_surroundings())

        def newest() -> Receipt:
            number = wall.posts(101)[-1].id
            return Receipt((str(number),), f"https://vk.com/wall-101_{number}")

        yield Harness(
            channel,
            Recipient(channel.address or ""),
            public=lambda: len(wall.posts(101)),
            faults=_faults(wall.faults, "wall.post"),
            switch_off=lambda: wall.__aexit__(None, None, None),
            fall_silent=_silence(wall.faults),
            violations=lambda: wall.violations,
            secrets=tuple(KEYS.values()),
            standing=lambda: list(wall.posts(101)),
            newest=newest,
            reads=lambda: [post.text for post in wall.posts(101)],
            changing={"correct": _faults(wall.faults, "wall.edit"), "withdraw": _faults(wall.faults, "wall.delete")},
        )
        await channel.close()


@asynccontextmanager
async def an_email_harness(*, pipelining: bool = True) -> AsyncIterator[Harness]:
    async with MailStandIn(users={"press": PASSWORD}, pipelining=pipelining) as mail:
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
            fall_silent=_silence(mail.faults),
            violations=lambda: mail.violations,
            secrets=(PASSWORD,),
        )
        await channel.close()


@asynccontextmanager
async def _rehearsal() -> AsyncIterator[Harness]:
    channel = await rehearsal.connect("stage", rehearsal.Settings(), some_surroundings())
    mishaps = {
        "cut_before_acting": Mishap(Unconfirmed("no answer")),
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
        fall_silent=None,
        violations=list,
        standing=lambda: list(channel.sent),
        newest=lambda: Receipt((str(len(channel.sent)),), f"rehearsal:stage/{len(channel.sent)}"),
        reads=lambda: [part.text for part in channel.standing.values()],
        changing={act: {name: adding(mishap) for name, mishap in mishaps.items()} for act in ("correct", "withdraw")},
    )
    await channel.close()


HARNESSES: Mapping[str, Callable[[], AbstractAsyncContextManager[Harness]]] = {
    "telegram": _telegram,
    "vk": _vk,
    "email": an_email_harness,
    "rehearsal": _rehearsal,
}
