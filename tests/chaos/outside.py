"""The outside world as the stand-ins know it, broadcasts into it, and the judgement over what became of them.

The judgement asks the stand-ins, not the database, what is public: lost, doubled and silent must be nought whatever
happened, and `unconfirmed` no more than what was in flight.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from channels.contract import Attachment, AttachmentKind, Part, Post, Reason
from channels.email.letter import message_id
from delivery import broadcast
from delivery.database import is_away
from delivery.desk import Desk
from delivery.member import Member
from delivery.model import BroadcastState, Delivery, DeliveryState
from delivery.store import broadcasts, lists
from delivery.store import media as media_store
from delivery.store.deliveries import find as find_deliveries
from delivery.tables import attempt
from sandbox.faults import Fault, Kind
from sandbox.mail import MailStandIn
from sandbox.telegram import TelegramStandIn
from sandbox.vk import VkStandIn
from tests.chaos.place import CHAT, COMMUNITY_KEY, GROUP, TOKEN, USER_KEY, Place, SharedClock, email_settings
from tests.chaos.wires import Wires
from tests.support.pictures import png

UNKNOWN = "nobody@refuses.example"
GREY = "grey@waits.example"
LISTS: Mapping[str, tuple[str, ...]] = {
    "one": ("a@one.example", "b@one.example", "both@one.example", GREY, "e@one.example", UNKNOWN),
    "two": ("both@one.example", "f@two.example", "g@two.example", "h@two.example", "i@two.example", "j@two.example"),
}
LETTERS = len({address for members in LISTS.values() for address in members})
_LINE = "Профсоюзы области напоминают о собрании, о взносах и о путёвках. "

Key = tuple[str, str]
"""A channel, and what tells one message of it from all others."""


@dataclass
class Outside:
    """The three stand-ins, and the wires to them when somebody counts."""

    telegram: TelegramStandIn
    vk: VkStandIn
    mail: MailStandIn
    clock: SharedClock
    clock_file: Path
    wires: Wires = field(default_factory=Wires)
    ports: tuple[int, int, int] = (0, 0, 0)

    def place(self, database: str, *channels: str, **options: Any) -> Place:
        """Where a worker works."""
        telegram, vk, mail = self.ports
        chosen: dict[str, Any] = {"channels": channels} if channels else {}
        return Place(
            database,
            str(self.clock_file),
            f"http://127.0.0.1:{telegram}",
            f"http://127.0.0.1:{vk}",
            mail,
            **chosen,
            **options,
        )

    def public(self) -> Counter[Key]:
        """Everything that readers see."""
        posts = self.telegram.channel_posts(CHAT)
        return Counter(
            [("tg", self._telegram_mark(post)) for post in posts]
            + [("vk", post.text) for post in self.vk.posts(GROUP)]
            + [("mail", letter.message_id) for letter in self.mail.all_letters()]
        )

    def _telegram_mark(self, post: Mapping[str, Any]) -> str:
        if "photo" not in post:
            return str(post["text"])
        content = self.telegram.file(post["photo"][-1]["file_id"]).data
        return f"{sha256(content).hexdigest()} {post.get('caption', '')}"

    def violations(self) -> list[str]:
        """What the stand-ins objected to."""
        return [*self.telegram.violations, *self.vk.violations, *self.mail.violations]


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@asynccontextmanager
async def an_outside(folder: Path, *, wired: bool = False, pipelining: bool = True) -> AsyncIterator[Outside]:
    """Open the stand-ins; `wired`: behind proxies that count."""
    clock_file = folder / "clock"
    clock = SharedClock(clock_file)
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(TelegramStandIn(TOKEN))
        telegram.add_channel(-1001000000001, "Профсоюзы", CHAT[1:])
        vk = await stack.enter_async_context(VkStandIn(now=clock))
        vk.add_community(GROUP, "Профсоюзы")
        vk.add_community_token(COMMUNITY_KEY, GROUP)
        vk.add_user_token(USER_KEY, 1, administers=[GROUP])
        mail = await stack.enter_async_context(MailStandIn(pipelining=pipelining))
        mail.unknown_mailboxes.add(UNKNOWN)
        outside = Outside(telegram, vk, mail, clock, clock_file)
        ports = [port_of(telegram.url), port_of(vk.url), mail.port]
        if wired:
            ports = [await stack.enter_async_context(outside.wires.before(port)) for port in ports]
            vk.world.upload_url = lambda ticket: f"http://127.0.0.1:{ports[1]}/upload/{ticket}"
        outside.ports = (ports[0], ports[1], ports[2])
        yield outside


# Broadcasts


async def lists_stored(desk: Desk, members: Mapping[str, Iterable[str]] = LISTS) -> None:
    """Write the mailing lists."""
    async with desk.database.writing() as tx:
        for key, addresses in members.items():
            await lists.create(tx, key, key.title(), desk.now())
            people = [Member(address, address, "", "") for address in addresses]
            await lists.put_members(tx, key, people, source="test", now=desk.now())


def a_post(tag: str, *, length: int = 0, picture: int = 0) -> Post:
    """Something to announce that nobody has announced before: `tag` stands in each of its parts."""
    text = f"{tag}. "
    while len(text) < length:
        text += f"{tag}: {_LINE}\n"
    files = []
    if picture:
        content = a_picture(picture)
        digest = sha256(content).hexdigest()
        files = [
            Attachment(
                AttachmentKind.PHOTO, "lozung.png", "image/png", len(content), digest=digest, width=64, height=picture
            )
        ]
    return Post(text, tag, attachments=tuple(files))


def a_picture(height: int) -> bytes:
    return png(64, height)


async def announced(desk: Desk, post: Post, targets: Iterable[str], *, key: str, patience: int = 5) -> int:
    """Draft and release, and press again when the database was away, as a person would."""
    for _ in range(patience):
        try:
            for each in post.attachments:
                async with desk.database.writing() as tx:
                    await media_store.keep(tx, a_picture(each.height or 0), desk.now())
            number = await broadcast.draft(desk, post, author="editor", targets=list(targets), request_key=key)
            await broadcast.release(desk, number, by="editor", release_key=key)
        except Exception as error:
            if not is_away(error):
                raise
        else:
            return number
    raise AssertionError("the database stayed away")


async def mixed(desk: Desk, outside: Outside, tag: str, number: int, *, small: bool = False) -> dict[int, int]:
    """Announce long words with a picture everywhere, and then short ones; {announcement: deliveries that it makes}.

    In Telegram the first makes a picture and two texts. One mailbox does not exist, another one asks to wait; VK
    refuses its key at first, so that the channel is held and opened again.
    """
    outside.mail.faults.clear()
    outside.mail.faults.add("RCPT", Fault(Kind.MAKES_WAIT, match=GREY))
    outside.vk.faults.clear()
    outside.vk.faults.add("wall.post", Fault(Kind.LOSES_RIGHTS))
    long = a_post(f"Собрание {tag}", length=300 if small else 5000, picture=number + 20)
    first = await announced(desk, long, ("tg", "vk", "mail:one", "mail:two"), key=f"long {tag}")
    found = {first: (1 if small else 3) + 1 + LETTERS}
    if not small:
        short = a_post(f"Поправка {tag}")
        second = await announced(desk, short, ("tg", "vk", "mail:one"), key=f"short {tag}")
        found[second] = 1 + 1 + len(LISTS["one"])
    return found


# Judgement


@dataclass
class Verdict:
    """What became of deliveries; the lists name each that went wrong."""

    deliveries: int = 0
    sent: int = 0
    unconfirmed: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            self.deliveries + other.deliveries,
            self.sent + other.sent,
            self.unconfirmed + other.unconfirmed,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.silent + other.silent,
        )

    @property
    def fault(self) -> list[str]:
        """Everything that must not be."""
        return self.lost + self.doubled + self.silent

    def line(self) -> str:
        """The four numbers in words."""
        return (
            f"{self.deliveries:,} deliveries: lost {len(self.lost)}, doubled {len(self.doubled)}, "
            f"silent {len(self.silent)}, unconfirmed {self.unconfirmed:,}"
        )


_FAIR = {Reason.NO_SUCH_MAILBOX: UNKNOWN, Reason.PREVIOUS_PART_MISSING: CHAT}


async def judged(desk: Desk, outside: Outside, expected: Mapping[int, int]) -> Verdict:
    """Hold what the database says of these announcements against what the stand-ins have.

    Nobody sends any more; but a look may still find out that something is not there, and let it out after all. So the
    rows are read first: what they call sent must be there afterwards.
    """
    groups: dict[Key, list[Delivery]] = {}
    verdict = Verdict()
    for number, count in expected.items():
        async with desk.database.reading() as tx:
            rows = await find_deliveries(tx, number)
            released = await broadcasts.of_announcements(tx, [number])
            counted = await broadcasts.counts(tx, [each.id for each in released])
        verdict.deliveries += count
        if len(rows) != count:
            verdict.lost.append(f"announcement {number}: {len(rows)} deliveries instead of {count}")
        verdict.lost += [f"broadcast {one.id} is {one.state}" for one in released if one.state is not _SETTLED]
        if Counter({state: n for _, _, state, n in counted}) and _sum(counted) != Counter(one.state for one in rows):
            verdict.silent.append(f"announcement {number}: counted {_sum(counted)}")
        groups |= await _grouped(desk, rows)
    _judge(verdict, groups, outside.public())
    return verdict


_SETTLED = BroadcastState.SETTLED


def _sum(counted: Iterable[tuple[int, str, DeliveryState, int]]) -> Counter[DeliveryState]:
    found: Counter[DeliveryState] = Counter()
    for _, _, state, number in counted:
        found[state] += number
    return found


async def _grouped(desk: Desk, rows: Iterable[Delivery]) -> dict[Key, list[Delivery]]:
    marks: dict[Key, list[Delivery]] = defaultdict(list)
    posts: dict[tuple[int, int], Post] = {}
    for one in rows:
        version = (one.announcement_id, one.revision)
        if version not in posts:
            posts[version] = (await broadcast.find(desk, one.announcement_id)).post
        marks[one.channel, _mark(desk, one, posts[version])].append(one)
    return marks


def _mark(desk: Desk, one: Delivery, post: Post) -> str:
    if one.channel == "mail":
        return message_id(one.key, email_settings(1, 1))
    part: Part = desk.channels[one.channel].render(post).parts[one.part - 1]
    if one.channel == "tg" and part.attachments:
        return f"{part.attachments[0].digest} {part.text}"
    return part.text


def _judge(verdict: Verdict, groups: Mapping[Key, list[Delivery]], public: Counter[Key]) -> None:
    for key, group in groups.items():
        states = Counter(one.state for one in group)
        told = (
            f"{[(one.id, one.channel, one.part, one.recipient.address, str(one.state), one.reason) for one in group]}"
        )
        there, sent, doubtful = public[key], states[DeliveryState.SENT], states[DeliveryState.UNCONFIRMED]
        verdict.sent += sent
        verdict.unconfirmed += doubtful
        verdict.lost += [f"never ended: {told}" for one in group if one.state in _UNFINISHED]
        verdict.lost += [
            f"failed, and nobody refused it: {told} {one.detail}"
            for one in group
            if one.state is DeliveryState.FAILED
            and (one.reason is None or _FAIR.get(one.reason) != one.recipient.address)
        ]
        if there > len(group):
            verdict.doubled.append(f"{there} times there: {told}")
        if there < sent or (there > sent + doubtful and there <= len(group)):
            verdict.silent.append(f"{there} times there: {told}")


_UNFINISHED = {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.CANCELLED}


async def in_flight(desk: Desk, name: str | None = None) -> int:
    """Count the attempts that are begun and not ended: those of one worker, or all."""
    chosen = select(func.count()).select_from(attempt).where(attempt.c.ended_at.is_(None))
    if name is not None:
        chosen = chosen.where(attempt.c.actor == name)
    async with desk.database.reading() as tx:
        return int((await tx.execute(chosen)).scalar_one())


async def silence(desk: Desk) -> None:
    """Wait until Postgres has noticed the end of whoever was killed: a COMMIT under way may still happen."""
    while True:
        if not await _under_way(desk, "state <> 'idle'"):
            return
        await asyncio.sleep(_A_BREATH)


async def last_words(desk: Desk) -> None:
    """Wait until the transactions of this moment have ended, those of the dead among them; others may go on."""
    await asyncio.sleep(_A_BREATH)  # what was sent last is read and begun
    begun = await _under_way(desk, "xact_start IS NOT NULL")
    while True:
        if not begun & await _under_way(desk, "xact_start IS NOT NULL"):
            return
        await asyncio.sleep(_A_BREATH)


_A_BREATH = 0.005  # seconds


async def _under_way(desk: Desk, which: str) -> set[tuple[int, datetime | None]]:
    if desk.database.dialect != "postgresql":
        return set()  # what a dead process had begun in SQLite will not happen
    others = text(
        "SELECT pid, xact_start FROM pg_stat_activity WHERE datname = current_database()"
        f" AND pid <> pg_backend_pid() AND {which}"
    )
    async with desk.database.reading() as tx:
        return {(pid, since) for pid, since in await tx.execute(others)}
