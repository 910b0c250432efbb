"""`rupor run`: the whole service."""

from bot.commands.frame import ExitCode, Invocation, command
from bot.commands.opened import starting
from bot.working import stop_on_signals
from channels import light_aiogram

__all__ = ["run"]


@command("run", serves=True)
async def run(invocation: Invocation) -> ExitCode:
    """Serve until a signal."""
    light_aiogram.load()
    from bot.app import serve  # noqa: PLC0415 - aiogram is heavy, and --help need not wait for it

    settings = invocation.settings(need_bot=True)
    with starting():
        await serve(settings, stop_on_signals())
    return ExitCode.DONE
