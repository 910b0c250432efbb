"""Opens what every process of the service needs: the database with a current schema, and the channels.

The only file that opens channels; whoever opens a desk here closes it by leaving the block.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum

from bot.config import Settings
from channels import registry
from channels.contract import Channel, ChannelError, Surroundings, TelegramAccess
from channels.returns import Postbox, PostboxError
from delivery import schema
from delivery.clock import DatabaseClock
from delivery.database import Database, is_unreachable
from delivery.desk import Desk
from delivery.schema import Standing
from delivery.store.media import Media
from web import tokens


class StartCode(StrEnum):
    """Why the service cannot start."""

    DATABASE_UNREACHABLE = "database_unreachable"
    POOLER_NOT_NAMED = "pooler_not_named"
    SCHEMA_MISSING = "schema_missing"
    SCHEMA_OLDER = "schema_older"
    SCHEMA_NEWER = "schema_newer"
    CHANNEL_NOT_OPENED = "channel_not_opened"
    PORT_TAKEN = "port_taken"


class StartError(Exception):
    """The service cannot start. `detail` names the channel, the port, or what the database said."""

    def __init__(self, code: StartCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


_STANDINGS = {
    Standing.EMPTY: StartCode.SCHEMA_MISSING,
    Standing.OLDER: StartCode.SCHEMA_OLDER,
    Standing.NEWER: StartCode.SCHEMA_NEWER,
}


_REFUSED_BY_POOLER = "unsupported startup parameter"  # PgBouncer's words, of settings that it does not pass on


def utc_now() -> datetime:
    """The one place that asks the clock of this machine."""
    return datetime.now(UTC)


def _ticks() -> float:
    """Return seconds by a counter that nobody sets, and that goes on while the machine sleeps where that is offered."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def a_database(settings: Settings) -> Database:
    """Make the database of the settings, without a look at it."""
    return Database(settings.database.url.get_secret_value(), pooler=settings.database.pooler)


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database, whatever its schema. Raises StartError when it cannot be reached."""
    database = a_database(settings)
    try:
        await schema.revision(database)
    except Exception as error:
        await database.close()
        if not is_unreachable(error):
            raise
        cause = _cause(error)
        named = settings.database.pooler or _REFUSED_BY_POOLER not in cause
        raise StartError(StartCode.DATABASE_UNREACHABLE if named else StartCode.POOLER_NOT_NAMED, cause) from None
    try:
        yield database
    finally:
        await database.close()


def _cause(error: Exception) -> str:
    """Return the driver's own words, without the statement and the address that SQLAlchemy adds."""
    said = str(getattr(error, "orig", None) or error).splitlines()
    return said[0] if said else type(error).__name__  # a TimeoutError says nothing


async def prepare(database: Database) -> None:
    """Bring an SQLite database up to date; a Postgres one is shared, and must be already. Raises StartError."""
    found = await schema.standing(database)
    if database.dialect == "sqlite" and found in {Standing.EMPTY, Standing.OLDER}:
        await schema.upgrade(database)
    else:
        _require_current(found)


def _require_current(found: Standing) -> None:
    if found is not Standing.CURRENT:
        raise StartError(_STANDINGS[found])


async def a_clock(database: Database) -> Callable[[], datetime]:
    """Return the clock to go by: that of Postgres, which many machines share, or this machine's own."""
    if database.dialect == "postgresql":
        return await DatabaseClock.started(database, _ticks)
    return utc_now


@asynccontextmanager
async def opened_office(
    settings: Settings, now: Callable[[], datetime] | None = None, *, furnish: bool = False
) -> AsyncIterator[Desk]:
    """Open a desk without channels, for what needs only the database. Raises StartError.

    No table is changed; `furnish` makes those of an SQLite database that has none. `now` is `a_clock` by default.
    """
    async with opened_database(settings) as database:
        found = await schema.standing(database)
        if furnish and found is Standing.EMPTY:
            await prepare(database)
        else:
            _require_current(found)
        yield Desk(database, {}, now or await a_clock(database), settings.timezone)


@asynccontextmanager
async def opened_desk(settings: Settings, now: Callable[[], datetime] | None = None) -> AsyncIterator[Desk]:
    """Open the database with a current schema, and every channel. Raises StartError. `now` is `a_clock` by default."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened_database(settings))
        await prepare(database)
        now = now or await a_clock(database)
        channels = {
            key: await stack.enter_async_context(opened_channel(settings, key, database, now))
            for key in settings.channels
        }
        yield Desk(database, channels, now, settings.timezone)


@asynccontextmanager
async def opened_channel(
    settings: Settings, key: str, database: Database, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Channel]:
    """Open one channel. Raises StartError."""
    try:
        channel = await registry.connect(key, settings.channels[key], _surroundings(settings, database, now))
    except (ChannelError, ValueError, OSError) as error:
        raise StartError(StartCode.CHANNEL_NOT_OPENED, f"{key}: {error}") from None
    try:
        yield channel
    finally:
        await channel.close()


def opened_postboxes(settings: Settings, now: Callable[[], datetime]) -> dict[str, Postbox]:
    """Prepare the mailboxes for what comes back, by channel. Raises StartError."""
    found = {}
    for key, section in settings.channels.items():
        try:
            box = registry.postbox(section, now)
        except PostboxError as error:
            raise StartError(StartCode.CHANNEL_NOT_OPENED, f"{key}: {error.detail}") from None
        if box is not None:
            found[key] = box
    return found


def _surroundings(settings: Settings, database: Database, now: Callable[[], datetime]) -> Surroundings:
    public, secret = settings.web.public_url, settings.web.secret.get_secret_value()

    def unsubscribe_url(address: str, list_key: str) -> str | None:
        return f"{public}/u/{tokens.sign(secret, address, list_key)}" if public and secret else None

    telegram = TelegramAccess(
        token=settings.bot.token.get_secret_value(),
        api_base=settings.bot.api_base,
        proxies=tuple(proxy.get_secret_value() for proxy in settings.bot.proxies),
    )
    return Surroundings(Media(database), telegram, unsubscribe_url, now)
