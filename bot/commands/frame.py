"""What every command stands in: Russian help, one table of exit codes, one place that writes to standard output.

A command is a function from an Invocation and its options to an Answer. It may be a coroutine function:

    @command("cancel", answers_json=True)
    @click.argument("announcement", type=int)
    async def cancel(invocation: Invocation, announcement: int) -> Answer: ...

Its help is taken from bot.texts.commands. Heavy imports wait until a command runs, so that `rupor --version` is quick.
"""

import asyncio
import functools
import inspect
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from bot.commands.russian import speak_russian
from bot.texts import commands as texts

if TYPE_CHECKING:
    from bot.config import Settings

__all__ = ["Answer", "Command", "ExitCode", "Failure", "Group", "Invocation", "Page", "command", "document", "group"]

AS_JSON = "as_json"

speak_russian()  # before the first click.Path of a command, which keeps its name as it was when it was made

Options = ParamSpec("Options")


class ExitCode(IntEnum):
    """What a script may ask of `$?`."""

    DONE = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    INCOMPLETE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer too long to be held whole: `text` for people, the same as `items` for programs."""

    text: str
    items: list[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say: `text` to people, `document` to programs that asked with --json.

    `pages` follow: their text below, their items as the list `pages_key` at the end of the document.
    """

    text: str
    document: Any = None
    code: ExitCode = ExitCode.DONE
    pages: AsyncIterator[Page] | None = None
    pages_key: str = ""


class Failure(Exception):
    """A command gives up: the exit code, and a sentence for people that says what to do."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was said before the command's name, and the environment around it. `serves`: it runs until told to stop."""

    config: Path | None = None
    debug: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    serves: bool = False

    def settings(self, *, need_bot: bool = False) -> "Settings":
        """Load the settings, and keep their secrets out of the log. Raises Failure with every problem there is."""
        from bot import config  # noqa: PLC0415 - imported when needed, as the module's docstring says
        from bot.texts.config import report  # noqa: PLC0415
        from channels.registry import SETTINGS  # noqa: PLC0415

        try:
            path = config.find(self.config, self.environ, Path.cwd())
            settings = config.load(path, self.environ, SETTINGS, need_bot=need_bot)
        except config.ConfigError as error:
            raise Failure(ExitCode.BAD_INPUT, report(error)) from None
        self.log_to_stderr(secrets=config.secrets_of(settings))
        return settings

    def log_to_stderr(self, secrets: Iterable[str] = ()) -> None:
        """Set the log up: warnings only for a command that answers and ends, everything with --debug."""
        from bot import logs  # noqa: PLC0415

        level = logging.DEBUG if self.debug else logging.INFO if self.serves else logging.WARNING
        form = logs.form_for(sys.stderr, self.environ)
        logs.set_up(sys.stderr, form, level=level, secrets=frozenset(secrets))


# Making commands

Outcome = Answer | ExitCode | None
Body = Callable[Concatenate[Invocation, Options], Outcome | Awaitable[Outcome]]


class Command(click.Command):
    """A command with its words from the table. `answers_json` adds --json, which its function never sees."""

    def __init__(self, *, words: texts.Words, answers_json: bool = False, **rest: Any) -> None:
        rest |= {
            "help": "\n\n".join(filter(None, [words.short, words.more])),
            "short_help": words.short,
            "epilog": f"\b\n{texts.EXAMPLE}\n  {words.example}",
            "options_metavar": texts.OPTIONS,
        }
        super().__init__(**rest)
        if answers_json:
            self.params.append(click.Option(["--json", AS_JSON], is_flag=True))
        for param in self.params:
            _describe(param, words.options[param.name])


class Group(Command, click.Group):
    """A command with commands of its own, shown in the order in which they were added."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(subcommand_metavar=texts.SUBCOMMAND, **rest)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands."""
        return list(self.commands)


def command(
    path: str, *, parent: Group | None = None, answers_json: bool = False, serves: bool = False
) -> Callable[[Body[Options]], Command]:
    """Make a command of a function. `path` is its name as it is called: "status", "lists show".

    `serves` marks one that runs until it is told to stop.
    """

    def decorate(body: Body[Options]) -> Command:
        make = click.command(_name(path), cls=Command, words=texts.COMMANDS[path], answers_json=answers_json)
        made = make(_runner(body, serves=serves))
        if parent:
            parent.add_command(made)
        return made

    return decorate


def group(path: str, *, answers_json: bool = False) -> Callable[[Body[Options]], Group]:
    """Make a command that has commands of its own. The function runs when none of them was named."""

    def decorate(body: Body[Options]) -> Group:
        words = texts.COMMANDS[path]
        make = click.command(
            _name(path), cls=Group, words=words, answers_json=answers_json, invoke_without_command=True
        )
        return make(_runner(body))

    return decorate


def _name(path: str) -> str:
    return path.rpartition(" ")[2]


def _describe(param: click.Parameter, option: texts.Option) -> None:
    if option.value:
        optional = isinstance(param, click.Argument) and not param.required
        param.metavar = f"[{option.value}]" if optional else option.value
    if isinstance(param, click.Option | click.Argument):
        param.help = option.help


# Running them


def _runner(
    body: Callable[..., Outcome | Awaitable[Outcome]], *, serves: bool = False
) -> Callable[..., ExitCode | None]:
    @functools.wraps(body)
    def run_body(**options: Any) -> ExitCode | None:
        context = click.get_current_context()
        if context.invoked_subcommand is not None:
            return None
        invocation = replace(context.find_object(Invocation) or Invocation(), serves=serves)
        invocation.log_to_stderr()
        as_json = options.pop(AS_JSON, False)
        outcome = body(invocation, **options)
        if inspect.isawaitable(outcome):
            return asyncio.run(_awaited(outcome, as_json=as_json))
        return _say(outcome, as_json=as_json)

    return run_body


async def _awaited(waited_for: Awaitable[Outcome], *, as_json: bool) -> ExitCode | None:
    outcome = await waited_for
    if isinstance(outcome, Answer) and outcome.pages is not None:
        return await _say_pages(outcome, outcome.pages, as_json=as_json)
    return _say(outcome, as_json=as_json)


def _say(outcome: Outcome, *, as_json: bool) -> ExitCode | None:
    if not isinstance(outcome, Answer):
        return outcome
    if as_json:
        click.echo(document(outcome.document))
    elif outcome.text:
        click.echo(outcome.text)
    return outcome.code


async def _say_pages(answer: Answer, pages: AsyncIterator[Page], *, as_json: bool) -> ExitCode:
    if not as_json:
        _say(answer, as_json=False)
        async for page in pages:
            click.echo(page.text)
        return answer.code
    click.echo(f"{document(answer.document)[:-1]}, {document(answer.pages_key)}: [", nl=False)
    separator = ""
    async for page in pages:
        for item in page.items:
            click.echo(separator + document(item), nl=False)
            separator = ", "
    click.echo("]}")
    return answer.code


def document(value: Any) -> str:
    """The value as JSON. Moments are written in UTC with a Z; whatever JSON doesn't know becomes its text."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
