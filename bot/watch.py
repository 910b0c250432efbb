"""Looks after the keys of the channels: who is about to lose one hears of it before, and who has lost one at once.

A channel that refuses everybody is told of when something is to go out (`delivery.lane`). Here it is asked although
nothing is: a key may be revoked on any day, and some live only as long as they are renewed, which the asking does.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from bot import access
from bot.config import BotSettings
from bot.rounds import rounds
from channels.contract import Channel, Finding, FindingCode
from delivery.desk import Desk
from delivery.store import holds, talks

__all__ = ["Watch"]

_log = structlog.get_logger()

_FIRST_LOOK = 300.0  # seconds; what is wrong at a start is the business of `rupor check`
_EVERY = 3600.0
_PATIENCE = 60.0

_TOLD = "told:keys"
_LOST = frozenset({FindingCode.TOKEN_REFUSED, FindingCode.TOKEN_UNFIT, FindingCode.LOGIN_REFUSED})
_STAGES = (3, 1, 0)
"""So many days before a key ends it is told of, and when it has ended."""


class Watch:
    """Asks every channel once an hour. What was told is remembered until it is over."""

    def __init__(self, desk: Desk, settings: BotSettings) -> None:
        self._desk = desk
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK):
                await stop.wait()
        await rounds("watch", self.step, asyncio.Event(), stop, _hour)

    async def step(self) -> bool:
        """Ask each channel and write down what people are to be told. Returns False: the next look is not urgent."""
        for key, channel in self._desk.channels.items():
            findings = await _asked(key, channel)
            if findings is not None:
                await self._note(key, findings, self._desk.now())
        return False

    async def _note(self, channel: str, findings: Sequence[Finding], now: datetime) -> None:
        async with self._desk.database.writing() as tx:
            _state, told = await talks.read(tx, _TOLD)
            before = set(told.get(channel, ()))
            found = {mark: one for one in findings for mark in _marks(one)}
            if before == set(found):
                return
            held = await holds.hold_of(tx, channel)
            fresh = {one.code: one for mark, one in found.items() if mark not in before}
            for one in fresh.values():
                if held is None or one.code not in _LOST:  # else the hold was told of
                    await talks.tell(tx, access.wardens(self._settings), _payload(channel, one), now)
            await talks.write(tx, _TOLD, data={**told, channel: sorted(found)})


async def _hour() -> float:
    return _EVERY


async def _asked(key: str, channel: Channel) -> Sequence[Finding] | None:
    """Return what a channel says of itself, None when it can't be told."""
    try:
        async with asyncio.timeout(_PATIENCE):
            findings = await channel.check()
    except TimeoutError:
        return None
    except Exception:  # noqa: BLE001 - the other channels are looked after all the same
        _log.exception("watch.failed", channel=key)
        return None
    # Where nobody answers nothing is known of the key; an end that comes nearer is.
    away = any(one.code is FindingCode.NOT_REACHED for one in findings)
    return None if away and not any(one.code is FindingCode.TOKEN_EXPIRES for one in findings) else findings


def _marks(one: Finding) -> Iterator[str]:
    """Name what is told once: a lost key, or the stages that the end of one has passed."""
    of = f"{one.code}:{one.values.get('token', '')}"
    if one.code in _LOST:
        yield of
    if one.code is FindingCode.TOKEN_EXPIRES:
        yield from (f"{of}:{stage}" for stage in _STAGES if int(one.values["days"]) <= stage)


def _payload(channel: str, one: Finding) -> dict[str, Any]:
    return {
        "code": "key",
        "channel": channel,
        "finding": str(one.code),
        "values": dict(one.values),
        "detail": one.detail,
    }
