from datetime import datetime
from hashlib import sha256

import pytest

from channels.contract import Deferred
from delivery.database import Database
from delivery.store import media
from delivery.store.media import Media
from tests.support.clock import Clock


async def kept(database: Database, content: bytes, now: datetime) -> str:
    async with database.writing() as tx:
        return await media.keep(tx, content, now)


async def test_the_same_bytes_are_kept_once(database: Database, clock: Clock) -> None:
    digest = await kept(database, b"picture", clock())
    assert digest == sha256(b"picture").hexdigest()
    assert await kept(database, b"picture", clock()) == digest
    assert await Media(database).read(digest) == b"picture"


async def test_bytes_that_nobody_kept_are_missed_by_name(database: Database) -> None:
    with pytest.raises(KeyError, match="f00d"):
        await Media(database).read("f00d")


async def test_a_delivery_waits_for_its_bytes_while_the_database_is_away(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = await kept(database, b"picture", clock())
    with monkeypatch.context() as patched:
        patched.setattr(database, "reading", _raises(ConnectionRefusedError("nobody listens")))
        with pytest.raises(Deferred) as caught:
            await Media(database).read(digest)
        assert not caught.value.counts
        patched.setattr(database, "reading", _raises(ZeroDivisionError("a bug")))
        with pytest.raises(ZeroDivisionError):
            await Media(database).read(digest)
    assert await Media(database).read(digest) == b"picture"


def _raises(error: Exception) -> object:
    def fails() -> None:
        raise error

    return fails
