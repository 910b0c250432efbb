"""A VK community's wall as a way out: uploads what a post carries, posts it, and says truly what became of it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import SecretStr

from channels.contract import (
    POST_PAUSES,
    Attachment,
    AttachmentKind,
    ChannelClosed,
    Correction,
    Deferred,
    Finding,
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
from channels.readers import Figures
from channels.vk import changing, failures, looking, uploads
from channels.vk.client import Client, Failure, Limits, NoAnswer, Refused, TokenKeeper
from channels.vk.figures import figures
from channels.vk.health import Ability, examine, expiring
from channels.vk.linking import outward_link
from channels.vk.receipts import kept, post_of, receipt_for
from channels.vk.rendering import render
from channels.vk.settings import Settings
from channels.vk.vkid import Keeper

__all__ = ["VkChannel", "connect"]

_T = TypeVar("_T")

CONSIGNMENTS_KEPT = 200
_GUID_LASTS = timedelta(minutes=55)  # VK says one hour; the rest is for clocks and for the way there
_NEEDS_A_PERSON = frozenset({AttachmentKind.PHOTO, AttachmentKind.VIDEO})


@dataclass(slots=True)
class _Consignment:
    """What is known of one key: the attachments uploaded under it by position, and since when it may be public."""

    uploaded: dict[int, str] = field(default_factory=dict)
    in_doubt_since: datetime | None = None

    def names(self) -> list[str]:
        """Return what was uploaded, in order."""
        return [name for _, name in sorted(self.uploaded.items())]


async def connect(key: str, settings: Settings, surroundings: Surroundings) -> "VkChannel":
    """Open the channel named `key`. Asks nobody: VK may well be out of reach just now."""
    return VkChannel(key, settings, surroundings)


class VkChannel:
    """One community's wall. Implements channels.contract.Channel.

    A key is VK's guid: sent twice within an hour, it shows once (dev.vk.com, wall.post). That is only known of repeats
    that are the same to the byte, so what was uploaded under a key is remembered. Words alone stay the same after a
    restart too; attachments do not: uploaded again, they would carry new ids under the old guid, so that such a repeat
    is refused as Unconfirmed, for a look or a person to settle.
    """

    def __init__(self, key: str, settings: Settings, surroundings: Surroundings) -> None:
        self._key = key
        self._settings = settings
        self._media = surroundings.media
        self._now = surroundings.now
        limits = Limits(settings.connect_timeout, settings.read_timeout, settings.upload_timeout)

        def client(name: str, token: SecretStr | TokenKeeper) -> Client | None:
            given = not isinstance(token, SecretStr) or token.get_secret_value()
            return Client(name, token, api_base=settings.api_base, limits=limits) if given else None

        self._community = Client(
            "community_token", settings.community_token, api_base=settings.api_base, limits=limits, calls_per_second=20
        )
        self._service = client("service_token", settings.service_token)
        path = settings.vk_id_file
        self._keeper = None if path is None else Keeper(path, settings.vk_id_base, surroundings.now)
        self._user = (
            client("user_token", settings.user_token) if self._keeper is None else client("vk_id_file", self._keeper)
        )
        self._may_change = self._user is not None
        self._consignments: OrderedDict[str, _Consignment] = OrderedDict()

    def __repr__(self) -> str:
        return f"VkChannel({self._key}: {self.address})"

    @property
    def pace(self) -> Pace:
        """One post after another: a wall is one place, and the order is what readers see."""
        return Pace(concurrency=1)

    @property
    def address(self) -> str:
        """The community, as VK's own short address."""
        return f"club{self._settings.group_id}"

    @property
    def repeatable_for(self) -> timedelta:
        """A little less than the hour that a guid lasts. Source: dev.vk.com, wall.post."""
        return _GUID_LASTS

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
        """With a key that may read the wall; the community's own may not."""
        return bool(self._readers())

    @property
    def corrects(self) -> Correction:
        """In place, with a person's token; not once VK has said that it was made without the right to the wall."""
        return Correction.IN_PLACE if self._may_change else Correction.NONE

    @property
    def withdraws(self) -> bool:
        """With the same token."""
        return self._may_change

    def render(self, post: Post) -> Rendering:
        """Show the one part that the post becomes, and what an editor should know before."""
        return render(post, pictures=self._user is not None)

    async def send(self, shipment: Shipment) -> Receipt:
        """Upload what the part carries, then post it. The receipt holds the post's id and its link.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else. Cancelled before `wall.post`, it
        leaves nothing but unattached uploads; cancelled during it, the call goes on in its thread and the key stays in
        doubt.
        """
        self._require_own_wall(shipment)
        consignment = self._consignment(shipment.key)
        if shipment.unheard and shipment.part.attachments and consignment.in_doubt_since is None:
            # Another process made that attempt: what it uploaded is forgotten, and a repeat would not be the same.
            raise Unconfirmed("what was uploaded for an earlier attempt is not known here", Reason.FILE_LOST)
        await self._bring(shipment, consignment)
        return await self._post(shipment, consignment)

    async def look(self, shipment: Shipment, *, since: datetime, last: Receipt | None) -> Receipt | None:
        """Read the wall with the service key; a person's token is asked where that one is refused.

        Raises Deferred, and nothing else.
        """
        return await self._read(
            lambda reader: looking.find(reader, self._settings.group_id, shipment.part, since, last)
        )

    @property
    def can_count(self) -> bool:
        """With a key that may read the wall."""
        return bool(self._readers())

    async def figures(self, receipts: Sequence[Receipt]) -> Sequence[Figures | None]:
        """Return what VK counts of the posts of these receipts, None for those that are gone.

        Raises Deferred, and nothing else.
        """
        group_id = self._settings.group_id
        posts = [post_of(receipt, group_id) for receipt in receipts]
        known = [post for post in posts if post is not None]
        found = await self._read(lambda reader: figures(reader, group_id, known))
        return [None if post is None else found.get(post) for post in posts]

    async def _read(self, asking: Callable[[Client], Awaitable[_T]]) -> _T:
        """Ask with each key that may read the wall, until one is not refused."""
        refusal = Deferred("no key to read the wall with", Reason.WRONG_KIND_OF_TOKEN)
        for reader in self._readers():
            try:
                return await asking(reader)
            except Failure as failure:
                refusal = failures.while_looking(failure)
                if not isinstance(failure, Refused):
                    break
        raise refusal

    async def correct(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Edit the post, as a person. Files that it carries already are kept, others are uploaded.

        Raises Deferred, Rejected, Unconfirmed or ChannelClosed, and nothing else. Safe to repeat.
        """
        client, post_id = self._what_to_change(shipment, there)
        consignment = self._consignment(shipment.key)
        for position, name in kept(there, shipment.part.attachments).items():
            consignment.uploaded.setdefault(position, name)
        await self._bring(shipment, consignment)
        content = self._saying(shipment.part, consignment)
        await self._changed(changing.edit(client, self._settings.group_id, post_id, content))
        return self._receipt(post_id, shipment, consignment)

    async def withdraw(self, shipment: Shipment, there: Receipt) -> Receipt:
        """Delete the post, as a person. Raises as `correct` does."""
        client, post_id = self._what_to_change(shipment, there)
        await self._changed(changing.remove(client, self._settings.group_id, post_id))
        return Receipt()

    async def check(self) -> Sequence[Finding]:
        """Ask for the community, the rights of its key, and what the optional tokens can do."""
        health = await examine(self._settings.group_id, self._community, service=self._service, user=self._user)
        if Ability.PICTURES in health.abilities:
            self._may_change = Ability.CHANGE in health.abilities
        dies_at = self._keeper.dies_at if self._keeper else None
        return [*health.findings, *expiring(dies_at, self._now())]

    async def close(self) -> None:
        """Wait for calls under way, as long as one call may take, and give back the threads."""
        clients = (self._community, self._service, self._user)
        await asyncio.gather(*(client.close() for client in clients if client is not None))

    def _require_own_wall(self, shipment: Shipment) -> None:
        if shipment.recipient.address != self.address:
            words = f"this channel posts to {self.address}, not to {shipment.recipient.address}"
            raise Rejected(words, Reason.NO_SUCH_CHAT)

    def _what_to_change(self, shipment: Shipment, there: Receipt) -> tuple[Client, int]:
        self._require_own_wall(shipment)
        if self._user is None:
            raise Rejected("no user_token to change a post with", Reason.NO_RIGHT_TO_CHANGE)
        post_id = post_of(there, self._settings.group_id)
        if post_id is None:
            raise Rejected("nobody knows the number of the post", Reason.PLACE_UNKNOWN)
        return self._user, post_id

    async def _changed(self, change: Awaitable[None]) -> None:
        try:
            await change
        except Failure as failure:
            if failures.lacks_right(failure):
                self._may_change = False
            raise failures.while_changing(failure) from failure

    def _readers(self) -> Sequence[Client]:
        return [client for client in (self._service, self._user) if client is not None]

    def _consignment(self, key: str) -> _Consignment:
        consignment = self._consignments.setdefault(key, _Consignment())
        self._consignments.move_to_end(key)
        if len(self._consignments) > CONSIGNMENTS_KEPT:
            self._consignments.popitem(last=False)
        return consignment

    async def _bring(self, shipment: Shipment, consignment: _Consignment) -> None:
        """Upload what the part carries and this key has not brought yet."""
        for position, attachment in enumerate(shipment.part.attachments):
            if position not in consignment.uploaded:
                consignment.uploaded[position] = await self._upload(attachment)

    async def _upload(self, attachment: Attachment) -> str:
        """Upload one attachment and return its name for the post. Nothing is public yet, whatever happens here."""
        client = self._user if attachment.kind in _NEEDS_A_PERSON else self._community
        if client is None:
            raise ChannelClosed(f"no user_token to upload {attachment.name} with", Reason.WRONG_KIND_OF_TOKEN)
        content = await self._content(attachment)
        upload = {AttachmentKind.PHOTO: uploads.photo, AttachmentKind.VIDEO: uploads.video}
        try:
            way = upload.get(attachment.kind, uploads.document)
            return await way(client, self._settings.group_id, attachment, content)
        except Failure as failure:
            raise failures.while_uploading(failure) from failure

    async def _content(self, attachment: Attachment) -> bytes:
        try:
            return await self._media.read(attachment.digest or "")
        except KeyError:
            raise Rejected(f"no copy of {attachment.name} is kept", Reason.FILE_LOST) from None

    async def _post(self, shipment: Shipment, consignment: _Consignment) -> Receipt:
        group_id = self._settings.group_id
        values: dict[str, str | int] = {"owner_id": -group_id, "from_group": 1, "guid": shipment.key}
        values |= {name: value for name, value in self._saying(shipment.part, consignment).items() if value}
        # Until VK says a clear word, a cancelled or unanswered call leaves this key in doubt.
        now = self._now()
        since = consignment.in_doubt_since
        if since is not None and now - since >= _GUID_LASTS:
            since = None  # by now only a person's word can have sent it here again
        consignment.in_doubt_since = since or now
        try:
            post_id = _post_id(await self._community.call("wall.post", **values))
        except Failure as failure:
            error = failures.while_posting(failure)
            if since is not None or isinstance(error, Unconfirmed):
                # A refusal of the repeat does not tell what became of the first.
                raise Unconfirmed(error.detail) from failure
            consignment.in_doubt_since = None
            raise error from failure
        consignment.in_doubt_since = None
        return self._receipt(post_id, shipment, consignment)

    def _receipt(self, post_id: int, shipment: Shipment, consignment: _Consignment) -> Receipt:
        digests = (attachment.digest or "" for attachment in shipment.part.attachments)
        return receipt_for(self._settings.group_id, post_id, zip(consignment.names(), digests, strict=True))

    def _saying(self, part: Part, consignment: _Consignment) -> dict[str, str]:
        """Return what a post says and carries, as VK wants it."""
        link = None if self._settings.link == "text" else outward_link(part.text)
        card = [link] if link and self._settings.link == "card" else []
        content = {"message": part.text, "attachments": ",".join([*consignment.names(), *card])}
        return content | ({"copyright": link} if link and self._settings.link == "source" else {})


def _post_id(answer: object) -> int:
    match answer:
        case {"post_id": int(number)} if number > 0:
            return number
    raise NoAnswer("wall.post: VK named no post")
