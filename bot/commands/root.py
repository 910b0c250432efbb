"""The program itself: its own options, a table of commands loaded when they are called, and how everything ends."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bot.commands.frame import ExitCode, Failure, Group, Invocation, document
from bot.texts import commands as texts

__all__ = ["assemble", "run"]

PROGRAM = "rupor"
DEBUG = "--debug"


class _Later(click.Command):
    """A command's name and one line of help; its module is imported when it is called."""

    def __init__(self, name: str, target: str) -> None:
        super().__init__(name, short_help=texts.COMMANDS[name].short)
        self._target = target

    def make_context(self, *args: Any, **rest: Any) -> click.Context:
        """The context of the real command, which click goes on with."""
        module, _, name = self._target.partition(":")
        made: click.Command = getattr(importlib.import_module(module), name)
        return made.make_context(*args, **rest)


def assemble(table: Mapping[str, str]) -> Group:
    """Make the program of a table: a command's name -> "module:name" of its click command."""
    root = Group(
        name=PROGRAM,
        words=texts.ROOT,
        callback=_remember,
        params=[
            click.Option(["--config"], type=click.Path(dir_okay=False, path_type=Path)),
            click.Option([DEBUG], is_flag=True),
            click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version),
        ],
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, target in table.items():
        root.add_command(_Later(name, target))
    return root


@click.pass_context
def _remember(context: click.Context, config: Path | None, debug: bool) -> None:
    context.obj = Invocation(config, debug, os.environ)


def _version(context: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and needed here only

        click.echo(f"{PROGRAM} {version(PROGRAM)}")
        context.exit()


def run(program: Group, args: Sequence[str]) -> ExitCode:
    """Run the program to its end and answer its exit code.

    What went wrong is said on standard error; with --json also as {"error": {"exit": …, "message": …}} on standard
    output, where otherwise nothing would be.
    """
    try:
        code = program.main(args, prog_name=PROGRAM, standalone_mode=False)
    except Failure as failure:
        click.echo(failure.sentence, err=True)
        return _failed(args, failure.code, failure.sentence)
    except click.ClickException as error:
        error.show()
        return _failed(args, ExitCode.BAD_INPUT, error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo(texts.INTERRUPTED, err=True)
        return _failed(args, ExitCode.INTERRUPTED, texts.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, the log gets the rest
        sentence = texts.unexpected(logged=_log(error, debug=DEBUG in args))
        click.echo(sentence, err=True)
        return _failed(args, ExitCode.UNEXPECTED, sentence)
    return ExitCode(code or ExitCode.DONE)


def _failed(args: Sequence[str], code: ExitCode, sentence: str) -> ExitCode:
    options = args[: args.index("--")] if "--" in args else args
    if "--json" in options:
        click.echo(document({"error": {"exit": code, "message": sentence}}))
    return code


def _log(error: Exception, *, debug: bool) -> bool:
    """Log the traceback where a log is kept, and on a terminal if it was asked for. Answers whether it was."""
    import structlog  # noqa: PLC0415 - slow, and needed here only

    from bot import logs  # noqa: PLC0415

    kept = debug or logs.form_for(sys.stderr, os.environ) is logs.Form.JSON
    if kept:
        if not structlog.is_configured():
            logs.set_up(sys.stderr, logs.form_for(sys.stderr, os.environ))
        structlog.get_logger(__name__).error("unexpected", exc_info=error)
    return kept
