"""A Telegram channel as a way out: takes one part of a post to the chat, and says truly what became of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from aiogram.exceptions import AiogramError, ClientDecodeError, TelegramBadRequest, TelegramMigrateToChat
from aiogram.methods import PinChatMessage
from aiogram.types import BufferedInputFile, Message

from channels.contract import (
    POST_PAUSES,
    Attachment,
    Correction,
    Finding,
    MediaReader,
    Pace,
    Part,
    Post,
    Reason,
    Receipt,
    Rejected,
    Rendering,
    Shipment,
    Surroundings,
    Unconfirmed,
)
from channels.telegram import changing, looking
from channels.telegram.changing import Standing
from channels.telegram.failures import PROXY_ERRORS, failure_of, lost_file_id, while_changing, while_looking, words_of
from channels.telegram.health import findings
from channels.telegram.line import Line, Patience, Spacing
from channels.telegram.looking import counts_its_own_messages
from channels.telegram.messages import Files, call_for, volume_of
from channels.telegram.receipts import receipt_for, receipt_made_out
from channels.telegram.rendering import render
from channels.telegram.settings import Settings

__all__ = ["TelegramChannel", "connect"]

_log = structlog.get_logger()

# One message a second in one chat, twenty a minute in a group. Source: Bots FAQ, "My bot is hitting limits".
_PACE = Pace(concurrency=1, gap=timedelta(seconds=1.1), per_minute=20)


class TelegramChannel:
    """One chat, reached as the bot. Implements channels.contract.Channel; `key` is its name in the configuration."""

    def __init__(self, key: str, settings: Settings, surroundings: Surroundings, patience: Patience) -> None:
        access = surroundings.telegram
        self.key = key
        self._settings = settings
        self._media: MediaReader = surroundings.media
        self._patience = patience
        self._line = Line(access, patience)
        self._spacing = Spacing(patience.between_messages)
        self._secrets = (access.token, *access.proxies)
        self._moved: dict[int | str, int] = {}  # groups that became supergroups

    @property
    def pace(self) -> Pace:
        """One message after the other, as slowly as Telegram asks."""
        return _PACE

    @property
    def address(self) -> str:
        """The chat, as the configuration names it."""
        return str(self._settings.chat_id)

    @property
    def repeatable_for(self) -> timedelta:
        """Never: the Bot API has no key that would keep a repeated call from posting twice."""
        return timedelta(0)

    @property
    def retry_pauses(self) -> Sequence[timedelta]:
        """Soon, and then every few minutes: a post is news."""
        return POST_PAUSES

    @property
    def stale_after(self) -> timedelta:
        """As the configuration says."""
        return timedelta(hours=self._settings.stale_hours)

    @property
    def can_look(self) -> bool:
        """Where there is a chat to forward to, and what stands in this one may be forwarded and follows a count."""
        settings = self._settings
        elsewhere = settings.service_chat not in {"", settings.chat_id}
        return elsewhere and not settings.protect and counts_its_own_messages(_chat(self.address))

    @property
    def corrects(self) -> Correction:
        """Own posts may be edited at any age."""
        return Correction.IN_PLACE

    @property
    def withdraws(self) -> bool:
        """Own posts may be deleted for 48 hours, and then still say that they are withdrawn."""
        return True

    def render(self, post: Post) -> Rendering:
        """Show which messages the post becomes, and what an editor should know before."""
        settings = self._settings
        return render(post, rich=settings.long_text == "rich", text_first=settings.text_first)

    async def send(self, shipment: Shipment) -> Receipt:
        """Post one part. The receipt holds the ids of all its messages, and a link to the first.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else.
        """
        try:
            receipt = receipt_for(await self._deliver(shipment))
        except ClientDecodeError as error:
            receipt_anyhow = receipt_made_out(error.data)
            if receipt_anyhow is None:
                raise failure_of(error, self._secrets) from None
            receipt = receipt_anyhow
        except (AiogramError, *PROXY_ERRORS) as error:
            # Not "from error": the causes know the address of the call, and the token is a part of that.
            raise failure_of(error, self._secrets) from None
        if self._settings.pin and shipment.previous is None:
            return await self._pinned(shipment, receipt)
        return receipt

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:
        """Forward what came after `last` to the service chat, one by one, until the part is found or nothing follows.

        Takes a dozen calls and some seconds where the part is not there. Raises Deferred, and nothing else.
        """
        chat = _chat(shipment.recipient.address)
        try:
            return await looking.find(
                self._line,
                self._patience,
                shipment.part,
                chat=self._moved.get(chat, chat),
                service_chat=_chat(str(self._settings.service_chat)),
                since=since,
                last=last,
            )
        except (AiogramError, *PROXY_ERRORS) as error:
            raise while_looking(error, self._secrets) from None

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Edit what stands there: a text, the words under pictures, or a single medium with its words.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else.
        """
        return await self._change(
            shipment, there, lambda standing: changing.correct(standing, shipment.part, self._files)
        )

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Delete what stands there, or where it is too old make it say what the shipment says.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else.
        """
        pinned = self._settings.pin
        return await self._change(
            shipment, there, lambda standing: changing.withdraw(standing, shipment.part, pinned=pinned)
        )

    async def check(self) -> Sequence[Finding]:
        """Ask for the token, the chat and the bot's rights in it."""
        settings = self._settings
        return await findings(
            self._line,
            _chat(self.address),
            _chat(str(settings.service_chat)),
            self._secrets,
            pin=settings.pin,
            rich=settings.long_text == "rich",
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def _pinned(self, shipment: Shipment, receipt: Receipt) -> Receipt:
        """Pin the first message. It is out in any case, so that a failure to pin is only noted."""
        if not receipt.external_ids:
            return receipt
        chat = _chat(shipment.recipient.address)
        await self._spacing.turn()
        try:
            # Silent: one announcement makes one sound.
            await self._line.call(
                PinChatMessage(
                    chat_id=self._moved.get(chat, chat),
                    message_id=int(receipt.external_ids[0]),
                    disable_notification=True,
                )
            )
        except (AiogramError, *PROXY_ERRORS) as error:
            words = words_of(error, self._secrets)
            _log.warning("telegram.not_pinned", channel=self.key, detail=words)
            return replace(receipt, detail=f"not pinned: {words}")
        return receipt

    async def _change(
        self, shipment: Shipment, there: Receipt, act: Callable[[Standing], Awaitable[Receipt]]
    ) -> Receipt:
        """Act on what stands there. A moved chat is followed once, but not to what was posted before it moved."""
        chat = _chat(shipment.recipient.address)
        counted_anew = there.link is None  # ids of the small group mean other messages in the supergroup
        try:
            try:
                place = chat if counted_anew else self._moved.get(chat, chat)
                return await act(Standing(self._line, self._spacing, place, there))
            except TelegramMigrateToChat as error:
                if counted_anew:
                    raise
                self._moved[chat] = error.migrate_to_chat_id
                return await act(Standing(self._line, self._spacing, error.migrate_to_chat_id, there))
        except (AiogramError, *PROXY_ERRORS) as error:
            raise while_changing(error, self._secrets) from None

    async def _deliver(self, shipment: Shipment) -> list[Message]:
        """Post the part. A moved chat is followed once, and a worthless file_id is replaced by its file once."""
        part, chat = shipment.part, _chat(shipment.recipient.address)
        files = await self._files(part, upload=False)
        moved = uploaded = False
        while True:
            try:
                return await self._post(shipment, self._moved.get(chat, chat), files)
            except TelegramMigrateToChat as error:
                if moved:
                    raise
                moved, self._moved[chat] = True, error.migrate_to_chat_id
            except TelegramBadRequest as error:
                if uploaded or not (lost_file_id(error) and any(isinstance(file, str) for file in files)):
                    raise
                uploaded, files = True, await self._files(part, upload=True)

    async def _post(self, shipment: Shipment, chat: int | str, files: Files) -> list[Message]:
        method = call_for(
            shipment.part,
            files,
            chat,
            topic=self._settings.topic,
            # One announcement makes one sound, however many messages it takes.
            silent=self._settings.silent or shipment.previous is not None,
            protect=self._settings.protect,
            answers=shipment.previous,
        )
        await self._spacing.turn()
        answer = await self._line.call(method, volume_of(files))
        if not answer:
            raise Unconfirmed("an answer without a message")
        return answer if isinstance(answer, list) else [answer]

    async def _files(self, part: Part, *, upload: bool) -> Files:
        """Stand a file_id in for each attachment that has one, the bytes for others; with `upload`, bytes for all."""
        return [
            attachment.telegram_file_id
            if attachment.telegram_file_id and not upload
            else await self._upload(attachment)
            for attachment in part.attachments
        ]

    async def _upload(self, attachment: Attachment) -> BufferedInputFile:
        if attachment.digest is None:
            raise Rejected(f"no copy of {attachment.name} is kept", Reason.FILE_LOST)
        try:
            data = await self._media.read(attachment.digest)
        except KeyError:
            raise Rejected(f"no copy of {attachment.name} is kept", Reason.FILE_LOST) from None
        return BufferedInputFile(data, attachment.name)


async def connect(
    key: str, settings: Settings, surroundings: Surroundings, patience: Patience | None = None
) -> TelegramChannel:
    """Open the channel named `key`. Asks nobody: Telegram may well be out of reach just now.

    Raises ValueError when the token or a proxy's address has not the form of one.
    """
    return TelegramChannel(key, settings, surroundings, patience or Patience())


def _chat(address: str) -> int | str:
    return int(address) if address.removeprefix("-").isdecimal() else address
