"""The bytes of attachments, kept once by their SHA-256, so that a repeat still has them."""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select

from channels.contract import Deferred, Reason
from delivery.database import Database, Tx, is_away
from delivery.store.dialect import upsert
from delivery.tables import media

_AWAY = "the database was away"


async def keep(tx: Tx, content: bytes, now: datetime) -> str:
    """Store the bytes unless they are there, and return their digest."""
    digest = sha256(content).hexdigest()
    row = {"digest": digest, "size": len(content), "content": content, "created_at": now}
    await tx.execute(upsert(tx, media).values(row).on_conflict_do_nothing())
    return digest


class Media:
    """What channels read attachments with (`channels.contract.MediaReader`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, digest: str) -> bytes:
        """Return the bytes. Raises KeyError when they are not kept; Deferred while the database is away.

        Channels read before they write, so such a delivery surely has not gone out.
        """
        try:
            content = await self._content(digest)
        except Exception as error:
            if not is_away(error):
                raise
            raise Deferred(_AWAY, Reason.PROGRAM_ERROR, retry_after=timedelta(seconds=5), counts=False) from error
        if content is None:
            raise KeyError(digest)
        return bytes(content)

    async def _content(self, digest: str) -> bytes | None:
        async with self._database.reading() as tx:
            found = await tx.execute(select(media.c.content).where(media.c.digest == digest))
            return found.scalar_one_or_none()
