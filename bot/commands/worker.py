"""`rupor worker`: delivery alone."""

from bot.commands.frame import ExitCode, Invocation, command
from bot.commands.opened import starting
from bot.working import stop_on_signals, work

__all__ = ["worker"]


@command("worker", serves=True)
async def worker(invocation: Invocation) -> ExitCode:
    """Deliver until a signal."""
    settings = invocation.settings()
    with starting():
        await work(settings, stop_on_signals())
    return ExitCode.DONE
