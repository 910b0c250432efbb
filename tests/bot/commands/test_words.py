"""Every code has its sentence here too, and the manual leaves nothing out."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.__main__ import COMMANDS
from bot.commands.frame import ExitCode, Failure, Group
from bot.commands.opened import _EXITS, starting
from bot.opening import StartCode, StartError
from bot.texts.cli import compose, start
from bot.texts.cli.status import held
from channels.contract import Reason
from channels.markup import MarkupFault
from delivery.model import Hold
from tests.support.clock import START

MANUAL = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", StartCode)
def test_each_failure_to_start_has_a_sentence_and_an_exit_code(code: StartCode) -> None:
    with pytest.raises(Failure) as caught, starting():
        raise StartError(code, "подробность.")
    assert caught.value.code is _EXITS[code]
    assert ".." not in caught.value.sentence


def test_no_sentence_is_left_over() -> None:
    assert set(start.START) == {code.value for code in StartCode}


def test_what_can_pass_by_itself_is_worth_another_start() -> None:
    """A supervisor restarts a service that ended with 1, and leaves one alone that ended with 2."""
    again = {code for code, exit_code in _EXITS.items() if exit_code is ExitCode.UNEXPECTED}
    assert again == {StartCode.DATABASE_UNREACHABLE, StartCode.PORT_TAKEN}


@pytest.mark.parametrize("fault", MarkupFault)
def test_each_fault_of_markup_has_a_sentence(fault: MarkupFault) -> None:
    assert "строка 3, знак 5" in compose.bad_markup(fault, "b", 3, 5)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_can_close_a_channel_in_words(reason: Reason) -> None:
    assert "tg" in held(Hold("tg", reason, "", START, START, 1), START, ZoneInfo("Europe/Moscow"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_manual_names_every_command_and_option(name: str) -> None:
    module, _, attribute = COMMANDS[name].partition(":")
    made = getattr(__import__(module, fromlist=[attribute]), attribute)
    family = [made, *(made.commands.values() if isinstance(made, Group) else ())]
    options = {opt for each in family for param in each.params for opt in param.opts if opt.startswith("--")}
    assert re.search(rf"\b{name}\b", MANUAL)
    assert {option for option in options if option not in MANUAL} == set()
    assert {each.name for each in family if f"{each.name}" not in MANUAL} == set()
