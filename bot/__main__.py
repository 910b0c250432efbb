"""The `rupor` command line: which command lives where."""

import sys
from collections.abc import Mapping

from bot.commands.root import assemble, run

COMMANDS: Mapping[str, str] = {
    "run": "bot.commands.run:run",
    "worker": "bot.commands.worker:worker",
    "announce": "bot.commands.announce:announce",
    "status": "bot.commands.status:status",
    "retry": "bot.commands.retry:retry",
    "settle": "bot.commands.settle:settle",
    "look": "bot.commands.look:look",
    "pause": "bot.commands.pause:pause",
    "resume": "bot.commands.pause:resume",
    "cancel": "bot.commands.cancel:cancel",
    "edit": "bot.commands.edit:edit",
    "recall": "bot.commands.recall:recall",
    "schedules": "bot.commands.schedules:schedules",
    "lists": "bot.commands.addresses:lists",
    "check": "bot.commands.check:check",
    "db": "bot.commands.db:db",
    "backup": "bot.commands.backup:backup",
    "sandbox": "bot.commands.sandbox:sandbox",
}


def main() -> int:
    """Run what the command line says, and answer the exit code."""
    return run(assemble(COMMANDS), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
