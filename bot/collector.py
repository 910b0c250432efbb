"""Makes drafts of what editors sent, and draws the cards that are wanted. The rows are the queue.

A message is in the database as a piece before anything else happens. Here pieces that belong together become one
draft as soon as nothing more is expected, with the bytes of their files, so that a restart at any moment loses
nothing and makes nothing twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter

from bot import access, cards, showing
from bot.drafting import gather
from bot.face import Face
from bot.rounds import rounds
from bot.talking import GoneError, Screen, remove, say, show
from delivery.store import inbox, media, talks
from delivery.store.inbox import Piece
from delivery.store.talks import Card

__all__ = ["LARGEST_DOWNLOAD", "OUT_OF_REACH", "Collector", "download"]

_log = structlog.get_logger()

LARGEST_DOWNLOAD = 20 * 1024 * 1024
"""In bytes. Source: Bot API, getFile."""

OUT_OF_REACH = (AiogramError, OSError, TimeoutError)
"""What a call raises when Telegram did not answer, or answered with an error."""

_PAUSES: Sequence[float] = (1, 3, 8, 15, 30)
_REST_SECONDS = 1.0
_MARGIN_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class _Patience:
    """How often something failed, and when to try it again (seconds of the loop's clock)."""

    tries: int
    again_at: float


class Collector:
    """Turns pieces into drafts and draws cards. `poke` wakes it; `pauses` are the seconds after each failure.

    A file is asked for as often as there are pauses; then the draft is made without its bytes.
    """

    def __init__(self, bot: Bot, face: Face, *, pauses: Sequence[float] = _PAUSES) -> None:
        self._bot = bot
        self._face = face
        self._desk = face.desk
        self._pauses = pauses
        self._wake = asyncio.Event()
        self._failing: dict[object, _Patience] = {}

    def poke(self) -> None:
        """Look now: something came in."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until `stop`."""
        await rounds("collector", self.step, self._wake, stop, self._rest)

    async def _rest(self) -> float:
        moment, now = self._desk.now(), asyncio.get_running_loop().time()
        async with self._desk.database.reading() as tx:
            ripe = await inbox.next_ripe(tx, moment)
        waits = [patience.again_at - now for patience in self._failing.values() if patience.again_at > now]
        waits += [] if ripe is None else [(ripe - moment).total_seconds()]
        return min([_REST_SECONDS, *waits]) + _MARGIN_SECONDS

    async def step(self) -> bool:
        """Make the drafts and draw the cards that are due. Tells whether there was something to do."""
        async with self._desk.database.reading() as tx:
            ripe = await inbox.ripe(tx, self._desk.now())
        done = [await self._collect(chat_id, bundle) for chat_id, bundle in ripe if self._may_try((chat_id, bundle))]
        async with self._desk.database.reading() as tx:
            wanted = await talks.wanted_cards(tx)
        done += [await self._draw(card) for card in wanted if self._may_try(card.chat_id)]
        return any(done)

    # Patience

    def _may_try(self, what: object) -> bool:
        patience = self._failing.get(what)
        return patience is None or patience.again_at <= asyncio.get_running_loop().time()

    def _failed(self, what: object, least: float = 0) -> int:
        tries = self._failing[what].tries + 1 if what in self._failing else 1
        pause = max(least, self._pauses[min(tries, len(self._pauses)) - 1])
        self._failing[what] = _Patience(tries, asyncio.get_running_loop().time() + pause)
        return tries

    # Drafts

    async def _collect(self, chat_id: int, bundle: str) -> bool:
        async with self._desk.database.reading() as tx:
            pieces = await inbox.pieces(tx, chat_id, bundle)
        missing = [name for one in pieces if one.announcement_id is None for name in await self._fetch(one)]
        if missing and self._failed((chat_id, bundle)) < len(self._pauses):
            return False
        self._failing.pop((chat_id, bundle), None)
        async with self._desk.database.writing() as tx:
            guarded = not access.may_send(self._face.settings, pieces[0].author_id)
            number = await gather(tx, self._desk, chat_id, bundle, missing, guarded=guarded)
        if number is not None:
            _log.info("draft.stored", announcement=number)
        return number is not None

    async def _fetch(self, one: Piece) -> list[str]:
        """Keep the bytes of a piece's files; return the names of those that Telegram does not hand out just now."""
        missing = []
        for attachment in one.post.attachments:
            if attachment.digest is not None or attachment.telegram_file_id is None:
                continue
            try:
                content = await download(self._bot, attachment.telegram_file_id, attachment.size)
            except OUT_OF_REACH as error:
                _log.warning("download.failed", message=one.message_id, error=type(error).__name__)
                missing.append(attachment.name)
                continue
            if content is not None:
                async with self._desk.database.writing() as tx:
                    digest = await media.keep(tx, content, self._desk.now())
                    await inbox.keep_bytes(tx, one, attachment, digest, len(content))
        return missing

    # Cards

    async def _draw(self, card: Card) -> bool:
        screen = await cards.draw(self._face, card.announcement_id, card.chat_id, card.note)
        try:
            await self._put(card, screen)
        except TelegramForbiddenError:
            async with self._desk.database.writing() as tx:
                await talks.forget_card(tx, card.announcement_id, card.chat_id)
        except TelegramRetryAfter as error:
            self._failed(card.chat_id, error.retry_after)
            return False
        except OUT_OF_REACH as error:
            _log.warning("card.not_drawn", announcement=card.announcement_id, error=type(error).__name__)
            self._failed(card.chat_id)
            return False
        self._failing.pop(card.chat_id, None)
        return True

    async def _put(self, card: Card, screen: Screen | None) -> None:
        if screen is None:
            async with self._desk.database.writing() as tx:
                await talks.forget_card(tx, card.announcement_id, card.chat_id)
            return
        message_id = None if card.anew else card.message_id
        if message_id is not None:
            try:
                await show(self._bot, card.chat_id, message_id, screen)
            except GoneError:
                message_id = None
        if message_id is None:
            if card.message_id is None:
                await showing.for_approval(self._bot, self._face, card)
            message_id = await say(self._bot, card.chat_id, screen)
        async with self._desk.database.writing() as tx:
            still = await talks.card_drawn(tx, card, message_id)
        superseded = card.message_id if still else message_id
        if superseded is not None and message_id != card.message_id:
            await remove(self._bot, card.chat_id, superseded)


async def download(bot: Bot, file_id: str, size: int = 0) -> bytes | None:
    """Return a file's bytes, None when Telegram never hands them out. Raises one of OUT_OF_REACH."""
    if size > LARGEST_DOWNLOAD:
        return None
    target = BytesIO()
    try:
        await bot.download(file_id, target)
    except TelegramBadRequest as error:
        _log.info("download.refused", detail=error.message)
        return None
    return target.getvalue()
