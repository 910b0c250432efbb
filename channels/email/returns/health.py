"""Whether the mailbox for returns would be read now."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from channels.contract import Finding, FindingCode
from channels.email.returns.postbox import connect
from channels.email.settings import Settings
from channels.returns import PostboxCode, PostboxError

__all__ = ["on_returns"]

_STEP_SECONDS = 5.0
_WITHIN_SECONDS = 12.0


async def on_returns(settings: Settings, now: Callable[[], datetime]) -> Sequence[Finding]:
    """Open the mailbox and its folder, and read nothing. Letters go out whatever comes of it. Raises nothing."""
    its = settings.returns
    if its is None:
        return []
    values: dict[str, int | str] = {"name": its.host, "folder": its.folder}
    try:
        box = connect(settings, now, step_seconds=_STEP_SECONDS)
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                await box.try_out()
        finally:
            box.break_off()
    except PostboxError as error:
        return [Finding(FindingCode.RETURNS_NOT_READ, detail=error.detail, values=values | {"why": error.code})]
    except TimeoutError:
        return [Finding(FindingCode.RETURNS_NOT_READ, values=values | {"why": PostboxCode.NOT_REACHED})]
    return [Finding(FindingCode.RETURNS_READ, values=values)]
