"""What watchers are told: the latest state of every topic, and again only when it changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Feed"]


class Feed:
    """Topics as JSON texts. A watcher who comes late or again gets all of them first, so nothing can be missed."""

    def __init__(self) -> None:
        self.watchers = 0
        self._latest: dict[str, tuple[int, str]] = {}
        self._version = 0
        self._news = asyncio.Event()
        self._closed = False

    def publish(self, topic: str, state: Any) -> None:
        """Make this the state of a topic."""
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        if self._latest.get(topic, (0, ""))[1] != text:
            self._version += 1
            self._latest[topic] = (self._version, text)
            self._wake()

    def close(self) -> None:
        """Let every watcher go."""
        self._closed = True
        self._wake()

    def now(self) -> dict[str, Any]:
        """Return all topics as they stand."""
        return {topic: json.loads(text) for topic, (_, text) in self._latest.items()}

    async def follow(self, patience: float) -> AsyncIterator[list[tuple[str, str]]]:
        """Yield what is new as (topic, JSON text); an empty list after `patience` seconds without news."""
        seen = 0
        self.watchers += 1
        try:
            while not self._closed:
                news = self._news
                fresh = [(topic, text) for topic, (version, text) in self._latest.items() if version > seen]
                seen = self._version
                yield fresh
                if seen == self._version:
                    await _happened(news, patience)
        finally:
            self.watchers -= 1

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _happened(news: asyncio.Event, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await news.wait()
    except TimeoutError:
        return
