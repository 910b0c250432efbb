"""The way out by letters, as the delivery engine sees it."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from channels.contract import (
    LETTER_PAUSES,
    ChannelClosed,
    ChannelError,
    Correction,
    Deferred,
    Finding,
    FindingCode,
    Pace,
    Part,
    Post,
    Reason,
    Receipt,
    Recipient,
    Rejected,
    Rendering,
    Shipment,
    Surroundings,
)
from channels.email.addresses import on_the_wire
from channels.email.answers import Phase
from channels.email.connection import Timeouts, open_connection
from channels.email.correcting import correction_subject
from channels.email.letter import Letter, ListWords, Stationery, finish, list_words, stationery
from channels.email.packing import packed
from channels.email.personal import render_for_each
from channels.email.pool import Pool
from channels.email.published import LookUp, on_signatures, texts_at
from channels.email.settings import Settings
from channels.markup.personal import called

__all__ = ["EmailChannel", "connect"]

_REPEAT_FOR = timedelta(hours=24)
_IN_HAND = 4  # letters for each connection: one on the wire, one behind it, two being written down
# A part may weigh 20 MB; a broadcast uses one, and several may run at once.
_PARTS_KEPT = 4
_LISTS_KEPT = 1000

_FINDINGS = {
    Reason.TLS_FAILED: FindingCode.TLS_FAILED,
    Reason.LOGIN_REFUSED: FindingCode.LOGIN_REFUSED,
    Reason.SENDER_REFUSED: FindingCode.MAY_NOT_POST,
}


async def connect(
    key: str,
    settings: Settings,
    surroundings: Surroundings,
    *,
    timeouts: Timeouts | None = None,
    idle_seconds: float = 30,
    look_up: LookUp = texts_at,
) -> "EmailChannel":
    """Prepare the channel; no connection is made before the first letter. `look_up` asks the DNS.

    Raises ChannelClosed when `ca_file` can't be read or is no certificate.
    """
    tls = None if settings.tls == "none" else await asyncio.to_thread(_context, settings)
    dial = partial(open_connection, settings, tls, timeouts or Timeouts())
    pool = Pool(
        dial,
        size=settings.connections,
        share=_share(settings),
        per_connection=settings.per_connection,
        idle_seconds=idle_seconds,
    )
    return EmailChannel(key, settings, surroundings, pool, look_up)


def _share(settings: Settings) -> int:
    """How many connections one domain may be on: not all, but one that hangs must not stop its domain either."""
    return settings.per_domain or max(2, settings.connections * 3 // 4)


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ChannelClosed(f"ca_file: {error}", Reason.TLS_FAILED) from None


class EmailChannel:
    """Letters to mailing lists through one relay. Made by `connect`."""

    def __init__(self, key: str, settings: Settings, surroundings: Surroundings, pool: Pool, look_up: LookUp) -> None:
        self._key = key
        self._settings = settings
        self._surroundings = surroundings
        self._pool = pool
        self._look_up = look_up
        self._marks = settings.returns.marks if settings.returns is not None else None
        self._papers: dict[Part, Stationery] = {}
        self._building = asyncio.Lock()
        self._words: dict[tuple[str, str, bool], ListWords] = {}

    def __repr__(self) -> str:
        return f"<EmailChannel {self._key} {self._settings.host}:{self._settings.port}>"

    @property
    def pace(self) -> Pace:
        """A few letters for each connection, within the relay's own limits.

        The second one's envelope travels behind the first one's text; the others wait in the pool, which never opens
        more than `connections`, until a place is free: so no connection has to wait for a record to be written.
        """
        limits = self._settings
        concurrency = _IN_HAND * limits.connections
        return Pace(
            concurrency=concurrency,
            per_destination=_IN_HAND * _share(limits),
            per_second=limits.per_second,
            per_minute=limits.per_minute,
            per_hour=limits.per_hour,
            per_day=limits.per_day,
        )

    @property
    def address(self) -> None:
        """Recipients come from mailing lists."""
        return

    @property
    def repeatable_for(self) -> timedelta:
        """Zero, unless the administrator prefers a letter twice to a letter lost; the Message-ID stays the same."""
        return _REPEAT_FOR if self._settings.unconfirmed == "repeat" else timedelta(0)

    @property
    def retry_pauses(self) -> Sequence[timedelta]:
        """Greylisting passes after minutes, a full mailbox after hours."""
        return LETTER_PAUSES

    @property
    def stale_after(self) -> timedelta:
        """An announcement with a date in it is of no use afterwards."""
        return timedelta(hours=self._settings.stale_hours)

    @property
    def can_look(self) -> bool:
        """A relay does not show what it has taken."""
        return False

    @property
    def corrects(self) -> Correction:
        """What lies in a mailbox stays there; a second letter follows it."""
        return Correction.ANOTHER

    @property
    def withdraws(self) -> bool:
        """Nobody can call a letter back."""
        return False

    def render(self, post: Post) -> Rendering:
        """Show the letter: one part, with `title` (the subject), `text`, `html` and attachments."""
        return render_for_each(post, self._settings)

    async def send(self, shipment: Shipment) -> Receipt:
        """Send one letter to one address. A Receipt means that the relay took it, not that it arrived.

        Its id is the letter's Message-ID. Raises Deferred, Rejected, Unconfirmed or ChannelClosed.
        """
        return await self._send(shipment, shipment.part)

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Send a letter that corrects the one which `there` names, in the same thread where its Message-ID is known.

        Promises and raises what `send` does.
        """
        part = replace(shipment.part, title=correction_subject(shipment.part.title))
        return await self._send(shipment, part, answers="".join(there.external_ids[:1]))

    async def _send(self, shipment: Shipment, part: Part, answers: str = "") -> Receipt:
        recipient = shipment.recipient
        try:
            to = on_the_wire(recipient.address)
        except ValueError as error:
            raise Rejected(str(error), Reason.ADDRESS_INVALID) from None
        paper = await self._paper(part)
        link = self._surroundings.unsubscribe_url(recipient.address, recipient.list_key) or ""
        words = self._list_words(recipient, with_link=bool(link))
        date = self._surroundings.now()
        try:
            letter = finish(
                paper,
                words,
                to,
                shipment.key,
                link,
                date,
                self._settings,
                called=called(recipient) if paper.personal else None,
                answers=answers,
            )
        except ValueError as error:
            raise Rejected(str(error), Reason.PROGRAM_ERROR) from None
        answer = await self._pool.deliver(to, self._marked(letter, shipment))
        return Receipt(external_ids=(letter.message_id,), detail=answer)

    def _marked(self, letter: Letter, shipment: Shipment) -> Letter:
        """Let the envelope name the delivery, where there is a mailbox that knows such names again."""
        if self._marks is None or not shipment.number:
            return letter
        return replace(letter, return_path=self._marks.sender(shipment.number, shipment.key))

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:  # noqa: ARG002
        """Never: see `can_look`."""
        raise Deferred("a relay can't be asked")

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:  # noqa: ARG002
        """Never: see `withdraws`."""
        raise Rejected("nothing is taken away here", Reason.NO_RIGHT_TO_CHANGE)

    async def check(self) -> Sequence[Finding]:
        """Connect, secure, log in, offer the sender, and leave again."""
        try:
            await self._try_out()
        except ChannelError as error:
            code = _FINDINGS.get(error.reason, FindingCode.NOT_REACHED)
            values = {"chat": self._envelope_sender().decode()} if code is FindingCode.MAY_NOT_POST else {}
            return [Finding(code, fatal=True, detail=error.detail, values=values)]
        findings = [Finding(FindingCode.REACHED, values={"name": self._settings.host})]
        if self._settings.tls == "none":
            findings.append(Finding(FindingCode.TLS_OFF))
        if not self._surroundings.unsubscribe_url(self._settings.sender_address, ""):
            findings.append(Finding(FindingCode.NO_PUBLIC_URL))
        return [
            *findings,
            *await on_signatures(self._settings, self._look_up),
            *await self._on_returns(),
        ]

    async def _on_returns(self) -> Sequence[Finding]:
        if self._settings.returns is None:
            return ()
        from channels.email.returns.health import on_returns  # noqa: PLC0415 - who sends letters need not read any

        return await on_returns(self._settings, self._surroundings.now)

    async def _try_out(self) -> None:
        connection = await self._pool.try_out()
        try:
            await connection.ask(Phase.MAIL, b"MAIL", b"FROM:<%b>" % self._envelope_sender())
        finally:
            await connection.quit()

    def _envelope_sender(self) -> bytes:
        """One like those that letters will bear: a relay may know the plain address and no other."""
        return self._marks.sender(1, "") if self._marks else self._settings.sender_address.encode()

    async def close(self) -> None:
        """End the connections."""
        await self._pool.close()

    # What letters share

    async def _paper(self, part: Part) -> Stationery:
        paper = self._papers.get(part)
        if paper is None:
            async with self._building:
                paper = self._papers.get(part) or await self._new_paper(part)
        return paper

    async def _new_paper(self, part: Part) -> Stationery:
        files = {each.digest: await self._read(each.digest) for each in part.attachments if each.digest}
        if not files:
            paper = self._packed_paper(part, files)
        else:  # pictures take their time
            paper = await asyncio.to_thread(self._packed_paper, part, files)
        while len(self._papers) >= _PARTS_KEPT:
            del self._papers[next(iter(self._papers))]
        self._papers[part] = paper
        return paper

    def _packed_paper(self, part: Part, files: Mapping[str, bytes]) -> Stationery:
        carried, travelling = packed(part, files, self._settings)
        return stationery(carried, travelling, self._settings)

    async def _read(self, digest: str) -> bytes:
        try:
            return await self._surroundings.media.read(digest)
        except KeyError:
            raise Rejected(f"no bytes for {digest[:12]}", Reason.FILE_LOST) from None

    def _list_words(self, recipient: Recipient, *, with_link: bool) -> ListWords:
        known = (recipient.list_key, recipient.list_name, with_link)
        words = self._words.get(known)
        if words is None:
            if len(self._words) >= _LISTS_KEPT:
                self._words.clear()
            words = self._words[known] = list_words(
                recipient.list_key, recipient.list_name, self._key, self._settings, with_link=with_link
            )
        return words
