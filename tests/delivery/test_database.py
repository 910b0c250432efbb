"""The database as a place to connect to."""

import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from delivery.database import Database, is_unreachable


async def test_a_failed_connection_leaves_no_thread_that_outlives_the_loop(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/nowhere/rupor.db")
    before = set(threading.enumerate())
    with pytest.raises(OperationalError) as caught:
        async with database.reading():
            pass
    assert is_unreachable(caught.value)
    assert [thread for thread in set(threading.enumerate()) - before if "asyncio" not in thread.name] == []
    await database.close()
