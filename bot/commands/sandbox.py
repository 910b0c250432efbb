"""`rupor sandbox`: the service among stand-ins, and a page to play with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from bot.commands.frame import ExitCode, Failure, Invocation, command
from bot.commands.opened import starting
from bot.config import Settings
from bot.config.sources import PREFIX
from bot.logs import FORMAT_VARIABLE
from bot.opening import opened_database, prepare, utc_now
from bot.texts.cli import sandbox as texts
from bot.texts.reasons import why
from bot.working import stop_on_signals
from channels import light_aiogram
from delivery import report
from delivery.address import check_address
from delivery.database import Database
from delivery.member import Member
from delivery.model import UNFINISHED, Delivery, Hold
from delivery.report import BroadcastReport
from delivery.store import deliveries, holds, lists
from sandbox.configuration import config_toml, is_ours
from sandbox.federation import LISTS
from sandbox.server import PageServer
from sandbox.town import Town

__all__ = ["sandbox"]

PORT = 8080
TRIES = 20  # ports from PORT upwards, when nobody asked for one
DATABASE, CONFIG = "rupor.db", "config.toml"
LATEST = 20  # announcements on the page
ROWS = 500  # deliveries of one announcement


@command("sandbox", serves=True)
@click.option("--port", type=click.IntRange(0, 65535))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path))
async def sandbox(invocation: Invocation, port: int | None, data: Path | None) -> ExitCode:
    """Serve until a signal."""
    light_aiogram.load()
    from bot.app import serve  # noqa: PLC0415 - aiogram is heavy, and --help need not wait for it

    async with AsyncExitStack() as stack:
        stop = stop_on_signals()
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="rupor-")))
        await asyncio.to_thread(_claim, folder)
        town = await stack.enter_async_context(Town(folder if data else None))
        config = config_toml(town, folder / DATABASE)
        await asyncio.to_thread((folder / CONFIG).write_text, config, encoding="utf-8")
        settings = _among_stand_ins(invocation, folder / CONFIG).settings(need_bot=True)
        with starting():
            database = await stack.enter_async_context(opened_database(settings))
            await prepare(database)
            await _fill_lists(database)
            page = await stack.enter_async_context(_opened_page(town, config, DeliveryTable(database, settings), port))
            wanted = PORT if port is None else port or page.port
            click.echo(texts.opened(page.url, data, wanted=wanted, found=page.port))
            await serve(settings, stop)
    return ExitCode.DONE


def _claim(folder: Path) -> None:
    """Make the folder, and make sure that no real configuration lies there. Raises Failure."""
    path = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = path.exists() and not is_ours(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise Failure(ExitCode.BAD_INPUT, texts.bad_folder(folder, error.strerror or str(error))) from None
    if foreign:
        raise Failure(ExitCode.BAD_INPUT, texts.foreign_config(path))


def _among_stand_ins(invocation: Invocation, config: Path) -> Invocation:
    """Take the sandbox's own settings, whatever the environment says of the real ones."""
    environ = {
        name: value
        for name, value in invocation.environ.items()
        if not name.startswith(PREFIX) or name == FORMAT_VARIABLE
    }
    return replace(invocation, config=config, environ=environ)


@asynccontextmanager
async def _opened_page(
    town: Town, config: str, deliveries: "DeliveryTable", port: int | None
) -> AsyncIterator[PageServer]:
    """Open the page at the port that was asked for, or else at the first free one from 8080. Raises Failure."""
    candidates = [port] if port is not None else [*range(PORT, PORT + TRIES), 0]
    async with AsyncExitStack() as stack:
        for candidate in candidates:
            try:
                page = await stack.enter_async_context(PageServer(town, config, deliveries, port=candidate))
            except OSError:
                continue
            yield page
            return
    raise Failure(ExitCode.UNEXPECTED, texts.port_taken(candidates[0]))


async def _fill_lists(database: Database) -> None:
    """Put the sample mailing lists where there are none yet; what somebody made of them stays."""
    now = utc_now()
    async with database.writing() as tx:
        if await lists.overview(tx):
            return
        for key, (name, organisations) in LISTS.items():
            members = [_member(one.address, one.reader, one.name) for one in organisations]
            await lists.create(tx, key, name, now)
            await lists.put_members(tx, key, members, source="sandbox", now=now)


def _member(address: str, reader: str, organisation: str) -> Member:
    checked = check_address(address)
    return Member(checked.ascii, checked.shown, reader, organisation)


class DeliveryTable:
    """The rows that the page shows. Asked twice a second, so what has settled is read only once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._kinds = {key: str(getattr(section, "kind", "")) for key, section in settings.channels.items()}
        self._settled: dict[int, tuple[Sequence[BroadcastReport], list[Delivery]]] = {}

    async def __call__(self) -> list[dict[str, Any]]:
        """Return the deliveries of the latest announcements: newest broadcast first, in the order of their ids."""
        rows: list[dict[str, Any]] = []
        async with self._database.reading() as tx:
            held = {hold.channel: hold for hold in await holds.holds(tx)}
            for one in await report.latest(tx, LATEST):
                known, found = self._settled.get(one.announcement.id, ([], []))
                if known != one.broadcasts or _unfinished(one.broadcasts):
                    found = await deliveries.find(tx, one.announcement.id, limit=ROWS)
                    self._settled[one.announcement.id] = (one.broadcasts, found)
                totals = {sent.broadcast.id: sum(sent.counts.values()) for sent in one.broadcasts}
                rows += [
                    row | {"kind": self._kinds.get(row["channel"], ""), "total": totals[row["broadcast"]]}
                    for row in _rows(found, one.title, held)
                ]
        return sorted(rows, key=lambda row: (-row["broadcast"], row["id"]))


def _unfinished(sent: Sequence[BroadcastReport]) -> bool:
    return any(one.counts[state] for one in sent for state in UNFINISHED)


def _rows(found: Sequence[Delivery], title: str, held: dict[str, Hold]) -> Iterator[dict[str, Any]]:
    parts: dict[tuple[int, str, str], int] = {}
    for one in found:
        place = (one.broadcast_id, one.channel, one.recipient.address)
        parts[place] = max(parts.get(place, 0), one.part)
    for one in found:
        hold = held.get(one.channel) if one.state in UNFINISHED else None
        reason = hold.reason if hold else one.reason
        yield {
            "id": one.id,
            "announcement": one.announcement_id,
            "broadcast": one.broadcast_id,
            "title": title,
            "channel": one.channel,
            "recipient": one.recipient.address,
            "organisation": one.recipient.organisation,
            "part": one.part,
            "parts": parts[one.broadcast_id, one.channel, one.recipient.address],
            "state": one.state,
            "held": hold is not None,
            "attempts": one.attempts,
            "reason": why(reason).what if reason else "",
            "detail": hold.detail if hold else one.detail,
            "link": one.receipt.link if one.receipt else None,
            "due_at": (hold.retry_at if hold else one.due_at).isoformat() if one.state in UNFINISHED else None,
            "updated_at": one.updated_at.isoformat(),
        }
