"""The messages that live while a broadcast runs, and news that editors must hear. The database is the truth.

A board is edited when what it should show has changed, never faster than Telegram likes, and ends as the report. What
is to be told waits in the database until it was told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter

from bot import access, cards, keyboards
from bot.config import BotSettings
from bot.rounds import rounds
from bot.talking import GoneError, Screen, say, show
from bot.texts import news as texts
from bot.texts.channels import Names
from channels.contract import Finding, FindingCode
from delivery import report
from delivery.database import Tx
from delivery.desk import Desk
from delivery.model import UNFINISHED, BroadcastState, Hold, OccurrenceState
from delivery.report import TROUBLE, BroadcastReport, Report
from delivery.store import holds, schedules, talks
from delivery.store.talks import Board, News, Unreported

__all__ = ["Boards", "tell_conflict"]

_log = structlog.get_logger()

EDIT_PAUSE = 2.5
"""Seconds between two edits in one chat. Source: Bots FAQ, "My bot is hitting limits": one message a second."""

_REST_SECONDS = 1.0
_SHORTEST_REST = 0.1
_TROUBLE_PAUSE = 5.0
_REPORTED_FOR = timedelta(days=1)
_TOLD_HOLDS = "told:holds"
_BY_SCHEDULE = "schedule:"
_ENDED = (BroadcastState.SETTLED, BroadcastState.CANCELLED)
_OUT_OF_REACH = (AiogramError, OSError, TimeoutError)


class Boards:
    """Draws boards and tells news. `poke` wakes it; `pause` is the least time between two edits in a chat."""

    def __init__(
        self,
        bot: Bot,
        desk: Desk,
        settings: BotSettings,
        kinds: Mapping[str, str] | None = None,
        *,
        pause: float = EDIT_PAUSE,
    ) -> None:
        self._bot = bot
        self._desk = desk
        self._settings = settings
        self._names = Names(kinds or {}, {key: channel.address for key, channel in desk.channels.items()})
        self._pause = pause
        self._ready_at: dict[int, float] = defaultdict(float)
        self._unremarkable: set[int] = set()
        self._wake = asyncio.Event()

    def poke(self) -> None:
        """Look now: something has changed."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Draw and tell until `stop`; then once more, so that the last word is not left out."""
        await rounds("boards", self.step, self._wake, stop, self._rest)

    async def _rest(self) -> float:
        now = asyncio.get_running_loop().time()
        waits = [moment - now for moment in self._ready_at.values() if moment > now]
        return max(_SHORTEST_REST, min([_REST_SECONDS, *waits]))

    async def step(self) -> bool:
        """Bring every board up to date and tell what is untold. Tells whether something was sent."""
        await self._gather()
        async with self._desk.database.reading() as tx:
            boards = await talks.boards(tx)
            untold = await talks.untold(tx)
        done = [await self._draw(board) for board in boards]
        done += [await self._tell(one) for one in untold]
        return any(done)

    def _is_ready(self, chat_id: int) -> bool:
        return self._ready_at[chat_id] <= asyncio.get_running_loop().time()

    async def _speak(self, chat_id: int, words: Callable[[], Awaitable[Any]]) -> Any:
        """Send or edit in a chat, and note when the next may follow. None when Telegram is out of reach."""
        loop = asyncio.get_running_loop()
        self._ready_at[chat_id] = loop.time() + self._pause
        try:
            return await words()
        except (TelegramForbiddenError, TelegramBadRequest, GoneError):
            raise
        except TelegramRetryAfter as error:
            self._ready_at[chat_id] = loop.time() + error.retry_after
        except _OUT_OF_REACH as error:
            _log.warning("board.not_drawn", error=type(error).__name__)
            self._ready_at[chat_id] = loop.time() + max(self._pause, _TROUBLE_PAUSE)
        return None

    # Boards

    async def _draw(self, one: Board) -> bool:
        async with self._desk.database.reading() as tx:
            found = await self._screen(tx, one.announcement_id, one.broadcast_id)
        if found is None:
            return False
        screen, last, fresh = found
        if screen.digest == one.shown:
            if last:
                await self._mark(one, screen)
            return False
        if not self._is_ready(one.chat_id):
            return False
        if fresh:  # before they can be seen: once they are, somebody may settle them at once
            async with self._desk.database.writing() as tx:
                await cards.remember_doubts(tx, one.broadcast_id, fresh)
        try:
            message_id = await self._speak(one.chat_id, lambda: self._put(one, screen))
        except (GoneError, TelegramForbiddenError):
            async with self._desk.database.writing() as tx:
                await talks.forget_board(tx, one.broadcast_id, one.chat_id)
            return True
        if message_id is None:
            return False
        if one.message_id != message_id:
            async with self._desk.database.writing() as tx:
                await talks.put_board(tx, one.broadcast_id, one.chat_id, message_id)
        await self._mark(one, screen)
        return True

    async def _put(self, one: Board, screen: Screen) -> int:
        """Show it where it stands, or send it as a new message. Returns the message."""
        if one.message_id == talks.NO_MESSAGE:
            return await say(self._bot, one.chat_id, screen)
        await show(self._bot, one.chat_id, one.message_id, screen)
        return one.message_id

    async def _mark(self, one: Board, screen: Screen) -> None:
        """Remember what stands there; it is the last word only if nothing has changed meanwhile."""
        async with self._desk.database.writing() as tx:
            found = await self._screen(tx, one.announcement_id, one.broadcast_id)
            last = found is not None and found[1] and found[0].digest == screen.digest
            await talks.mark_shown(tx, one, shown=screen.digest, done=last)

    async def _screen(self, tx: Tx, announcement_id: int, broadcast_id: int) -> tuple[Screen, bool, list[int]] | None:
        """Return what a board should show, whether it is the last word, and the doubts on it that none has shown."""
        whole = await report.of(tx, announcement_id)
        its = None if whole is None else one_of(whole, broadcast_id)
        if whole is None or its is None:
            return None
        screen = await cards.board_screen(tx, self._desk, whole, its, self._names, self._settings.grace_seconds)
        waiting = any(its.counts[state] for state in UNFINISHED)
        fresh = await cards.fresh_doubts(tx, its, whole.troubles)
        return screen, its.broadcast.state in _ENDED and not waiting, fresh

    async def _adopt(self, one: Unreported) -> None:
        """Give a settled broadcast that no message shows its boards: a schedule's, or the command line's.

        Its author hears of it in any case. What nobody in particular started is reported when something went wrong.
        """
        async with self._desk.database.reading() as tx:
            whole = await report.of(tx, one.announcement_id)
        its = None if whole is None else one_of(whole, one.broadcast_id)
        if its is None:
            return
        chats: list[int] = []
        if one.author_id is not None and access.admitted(self._settings, one.author_id):
            chats = [one.author_id]
        elif one.released_by.startswith(_BY_SCHEDULE) or any(its.counts[state] for state in TROUBLE):
            chats = access.wardens(self._settings)
        if not chats:
            self._unremarkable.add(one.broadcast_id)
            return
        async with self._desk.database.writing() as tx:
            for chat_id in chats:
                await talks.put_board(tx, one.broadcast_id, chat_id, talks.NO_MESSAGE)

    # News

    async def _gather(self) -> None:
        """Write down whom to tell what: the mark that it is told and the message to come are one transaction."""
        now = self._desk.now()
        async with self._desk.database.reading() as tx:
            unreported = await talks.unreported(tx, now - _REPORTED_FOR)
            happened = await talks.something_happened(tx) or bool(await _ended_holds(tx))
        for one in unreported:
            if one.broadcast_id not in self._unremarkable:
                await self._adopt(one)
        if not happened:
            return
        async with self._desk.database.writing() as tx:
            await self._gather_holds(tx, now)
            for passed in await schedules.untold(tx):
                payload = {
                    "code": str(passed.state),
                    "schedule": passed.schedule_id,
                    "announcement": passed.announcement_id,
                    "first": passed.first.isoformat(),
                    "at": passed.last.isoformat(),
                    "count": passed.count,
                    "made_up": passed.made_up,
                }
                await talks.tell(tx, access.staff(self._settings), payload, now)

    async def _gather_holds(self, tx: Tx, now: datetime) -> None:
        """Tell of channels that refuse everybody; and, to whoever has heard of that, when they work again."""
        staff = access.staff(self._settings)
        in_force = {hold.channel: hold for hold in await holds.holds(tx)}
        ended = await _ended_holds(tx)
        _state, told = await talks.read(tx, _TOLD_HOLDS)
        for channel in await holds.untold(tx):
            await talks.tell(tx, staff, {"code": "held", "channel": channel}, now)
            told[channel] = in_force[channel].since.isoformat()
        waiting = await talks.untold(tx)
        for channel, since in ended.items():
            del told[channel]
            unaware = {one.chat_id for one in waiting if one.payload == {"code": "held", "channel": channel}}
            chats = [chat_id for chat_id in staff if chat_id not in unaware]
            await talks.tell(tx, chats, {"code": "open_again", "channel": channel, "since": since}, now)
        await talks.write(tx, _TOLD_HOLDS, data=told)

    async def _tell(self, one: News) -> bool:
        if not self._is_ready(one.chat_id):
            return False
        screen = await self._news(one)
        if screen is not None:
            try:
                if await self._speak(one.chat_id, lambda: say(self._bot, one.chat_id, screen)) is None:
                    return False
            except (TelegramForbiddenError, TelegramBadRequest) as error:
                _log.warning("news.not_told", error=error.message)
        async with self._desk.database.writing() as tx:
            await talks.told(tx, one.id)
        return True

    async def _news(self, one: News) -> Screen | None:
        """Return the words for a piece of news, None when it is no longer true."""
        of = one.payload
        if of["code"] == "key":
            finding = Finding(FindingCode(of["finding"]), detail=of["detail"], values=of["values"])
            return Screen(texts.key_trouble(self._names[of["channel"]], finding))
        async with self._desk.database.reading() as tx:
            if of["code"] in {"held", "open_again"}:
                return self._about_channel(of, await holds.hold_of(tx, of["channel"]))
            whole = await report.of(tx, of["announcement"])
        if whole is None:
            return None
        passed = _passed_over(of)
        send, *others = keyboards.late(passed.announcement_id, passed.schedule_id, passed.last)
        rows = others if passed.made_up else [send, *others]
        return Screen(texts.not_released(passed, whole.title, self._desk.zone), keyboards.keyboard(rows))

    def _about_channel(self, of: Mapping[str, Any], hold: Hold | None) -> Screen | None:
        name, kind, now, zone = (
            self._names[of["channel"]],
            self._names.kind(of["channel"]),
            self._desk.now(),
            self._desk.zone,
        )
        if of["code"] == "open_again":
            since = datetime.fromisoformat(of["since"])
            return None if hold else Screen(texts.open_again(name, since, now, zone))
        if hold is None:
            return None
        rows = keyboards.ask_now(hold.channel)
        return Screen(texts.held(name, kind, hold, now, zone), keyboards.keyboard(rows))


async def _ended_holds(tx: Tx) -> dict[str, str]:
    """Return the channels that people were told of and that are held no more, with the moment when it began."""
    _state, told = await talks.read(tx, _TOLD_HOLDS)
    in_force = {hold.channel for hold in await holds.holds(tx)} if told else set()
    return {channel: since for channel, since in told.items() if channel not in in_force}


def _passed_over(of: Mapping[str, Any]) -> schedules.PassedOver:
    """Read a piece of news; one that was written by an older version tells of a single moment."""
    return schedules.PassedOver(
        schedule_id=of["schedule"],
        announcement_id=of["announcement"],
        state=OccurrenceState(of["code"]),
        first=datetime.fromisoformat(of.get("first", of["at"])),
        last=datetime.fromisoformat(of["at"]),
        count=of.get("count", 1),
        made_up=of.get("made_up", False),
    )


def one_of(whole: Report, broadcast_id: int) -> BroadcastReport | None:
    """Return one broadcast's part of a report."""
    return next((each for each in whole.broadcasts if each.broadcast.id == broadcast_id), None)


async def tell_conflict(bot: Bot, settings: BotSettings) -> None:
    """Tell the administrators that another program asks Telegram with the same token."""
    for user_id in access.wardens(settings):
        try:
            await say(bot, user_id, Screen(texts.CONFLICT))
        except _OUT_OF_REACH as error:
            _log.warning("conflict.not_told", error=type(error).__name__)
