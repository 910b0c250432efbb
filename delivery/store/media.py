"""The bytes of attachments, kept once by their SHA-256, so that a repeat still has them."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import select

from delivery.database import Database, Tx
from delivery.store.dialect import upsert
from delivery.tables import media


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
        """Return the bytes. Raises KeyError when they are not kept."""
        async with self._database.reading() as tx:
            content = (await tx.execute(select(media.c.content).where(media.c.digest == digest))).scalar_one_or_none()
        if content is None:
            raise KeyError(digest)
        return bytes(content)
