"""`rupor worker`: delivery alone."""

from bot.commands.frame import ExitCode, Invocation, command
from bot.commands.opened import starting

__all__ = ["worker"]


@command("worker", serves=True)
async def worker(invocation: Invocation) -> ExitCode:
    """Deliver until a signal."""
    from bot.app import stop_on_signals, work  # noqa: PLC0415 - aiogram is heavy, and --help need not wait for it

    settings = invocation.settings()
    with starting():
        await work(settings, stop_on_signals())
    return ExitCode.DONE
