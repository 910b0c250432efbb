"""`--wait`: take part in the delivery as one more worker until a broadcast has settled."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.config import Settings
from bot.texts.cli import announce as texts
from bot.texts.cli import status
from bot.working import a_worker, attend
from delivery.desk import Desk
from delivery.model import UNFINISHED, BroadcastState, DeliveryState
from delivery.store import broadcasts, holds

__all__ = ["settle"]

_PAUSE = ""  # among the names of channels that were complained of, none is empty
_LOOK_EVERY = 0.5  # seconds; another worker's results come without a word

Counts = Mapping[DeliveryState, int]


async def settle(
    settings: Settings, desk: Desk, broadcast: int, *, patience: float | None, told: asyncio.Event
) -> bool:
    """Deliver until nothing of the broadcast is left to do, at most for `patience` seconds, or until `told` to stop.

    Whatever is on the wire then is waited for. Answers whether the broadcast has settled. Shows a progress bar when
    standard error is a terminal.
    """
    stop, news = asyncio.Event(), asyncio.Event()
    worker = a_worker(settings, desk, on_change=news.set)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        group.create_task(attend(settings, desk, stop, worker.poke))
        try:
            with suppress(TimeoutError), _bar() as bar:
                async with asyncio.timeout(patience):
                    await _watch(desk, broadcast, bar, news, told)
        finally:
            stop.set()
    return await _has_ended(desk, broadcast)


async def _watch(desk: Desk, broadcast: int, bar: Progress | None, news: asyncio.Event, told: asyncio.Event) -> None:
    task = bar.add_task(texts.SENDING, failed="") if bar else None
    complained: set[str] = set()
    while not told.is_set():
        news.clear()
        counts = await _counts(desk, broadcast)
        if bar and task is not None:
            total = sum(counts.values())
            bar.update(task, total=total, completed=total - _left(counts), failed=texts.so_far(counts))
        if await _has_ended(desk, broadcast):
            return
        await _tell_of_holds(desk, broadcast, complained)
        await _tell_of_pause(desk, broadcast, complained)
        await _first(news, told)


async def _tell_of_holds(desk: Desk, broadcast: int, complained: set[str]) -> None:
    """Say once why a channel that this broadcast needs is not getting on."""
    async with desk.database.reading() as tx:
        news = {hold.channel: hold for hold in await holds.holds(tx) if hold.channel not in complained}
        rows = await broadcasts.counts(tx, [broadcast]) if news else []
    for channel in news.keys() & {channel for _id, channel, state, _n in rows if state in UNFINISHED}:
        complained.add(channel)
        click.echo(status.held(news[channel], desk.now(), desk.zone), err=True)


async def _tell_of_pause(desk: Desk, broadcast: int, complained: set[str]) -> None:
    """Say that somebody has paused it, each time anew."""
    async with desk.database.reading() as tx:
        found = await broadcasts.get(tx, broadcast)
    if found is None or found.state is not BroadcastState.PAUSED:
        complained.discard(_PAUSE)
    elif _PAUSE not in complained:
        complained.add(_PAUSE)
        click.echo(status.paused(found.announcement_id), err=True)


async def _first(*events: asyncio.Event) -> None:
    """Wait for one of the events, but not long."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _counts(desk: Desk, broadcast: int) -> Counts:
    found = dict.fromkeys(DeliveryState, 0)
    async with desk.database.reading() as tx:
        for _broadcast, _channel, state, n in await broadcasts.counts(tx, [broadcast]):
            found[state] += n
    return found


async def _has_ended(desk: Desk, broadcast: int) -> bool:
    """Tell whether nothing is left to do, of lists that are still being taken either."""
    async with desk.database.reading() as tx:
        found = await broadcasts.get(tx, broadcast)
    over = found is None or found.state in (BroadcastState.SETTLED, BroadcastState.CANCELLED)
    return over and _left(await _counts(desk, broadcast)) == 0


def _left(counts: Counts) -> int:
    return sum(counts[state] for state in UNFINISHED)


@contextmanager
def _bar() -> Iterator[Progress | None]:
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield bar
