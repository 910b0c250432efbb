"""What aiogram remembers of a talk, kept in the database, so that a restart forgets nothing."""

from collections.abc import Mapping
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey

from delivery.database import Database
from delivery.store import talks

__all__ = ["Memory"]


class Memory(BaseStorage):
    """aiogram's storage over `delivery.store.talks`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = DefaultKeyBuilder(with_bot_id=True, with_destiny=True)

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """Set where the talk stands."""
        word = state.state if isinstance(state, State) else state
        async with self._database.writing() as tx:
            await talks.write(tx, self._keys.build(key), state=word)

    async def get_state(self, key: StorageKey) -> str | None:
        """Return where the talk stands."""
        async with self._database.reading() as tx:
            return (await talks.read(tx, self._keys.build(key)))[0]

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """Replace what the talk is about."""
        async with self._database.writing() as tx:
            await talks.write(tx, self._keys.build(key), data=dict(data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """Return what the talk is about."""
        async with self._database.reading() as tx:
            return (await talks.read(tx, self._keys.build(key)))[1]

    async def close(self) -> None:
        """Nothing: the database is somebody else's."""
