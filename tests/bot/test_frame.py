"""The frame of the command line: Russian everywhere, one table of exit codes, one document with --json."""

import ast
import asyncio
import inspect
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import structlog

from bot.__main__ import COMMANDS
from bot.commands import root
from bot.commands.frame import Answer, Command, ExitCode, Failure, Group, Invocation, command, group
from bot.texts import commands as texts
from bot.texts.click import RUSSIAN

HERE = "tests.bot.test_frame"


# Commands to try the frame with. They borrow the words of real ones.


@command("status", answers_json=True)
@click.argument("announcement", type=int, required=False)
@click.option("--deliveries", is_flag=True)
@click.option("--state", type=click.Choice(["failed", "sent"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=20)
async def status(invocation: Invocation, /, announcement: int | None, **options: object) -> Answer:
    await asyncio.sleep(0)
    moment = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=3)))
    document = {"announcement": announcement, "title": "Собрание", "at": moment, "path": Path("a"), **options}
    code = ExitCode.INCOMPLETE if options["deliveries"] else ExitCode.DONE
    return Answer(f"Объявление {announcement}", document, code)


@command("cancel", answers_json=True)
@click.argument("announcement", type=int)
def cancel(invocation: Invocation, announcement: int) -> None:
    raise Failure(ExitCode.NOT_FOUND, f"Объявления {announcement} нет.")


@command("check", answers_json=True)
def check(invocation: Invocation) -> None:
    structlog.get_logger().warning("a line of the log", token="bot42:AAAA")
    raise RuntimeError("secret https://api.telegram.org/bot42:AAAA/getMe")


@command("run", serves=True)
def serve(invocation: Invocation) -> ExitCode:
    structlog.get_logger().info("ready", serves=invocation.serves)
    return ExitCode.DONE


@command("worker", serves=True)
async def wait(invocation: Invocation) -> None:
    click.echo("waiting", err=True)
    await asyncio.sleep(30)


@command("recall")
@click.argument("announcement", type=int)
def ask_settings(invocation: Invocation, announcement: int) -> Answer:
    settings = invocation.settings()
    structlog.get_logger().warning("sent", password="hunter2-hunter2-hunter2", port=settings.web.port)
    return Answer(f"{settings.timezone}")


@command("edit")
@click.argument("announcement", type=int)
@click.option("--text-file", type=click.Path(exists=True, dir_okay=False))
@click.option("--text", required=True)
def edit(invocation: Invocation, /, **_options: object) -> None: ...


@command("backup")
@click.argument("file")
def give_up(invocation: Invocation, file: str) -> None:
    click.confirm("?", abort=True)


@group("lists", answers_json=True)
def lists(invocation: Invocation) -> Answer:
    return Answer("Списков нет.", {"lists": []})


@command("lists show", parent=lists, answers_json=True)
@click.argument("list_key")
def show(invocation: Invocation, list_key: str) -> Answer:
    return Answer(list_key, {"list": list_key})


TABLE = {
    "run": f"{HERE}:serve",
    "worker": f"{HERE}:wait",
    "status": f"{HERE}:status",
    "cancel": f"{HERE}:cancel",
    "check": f"{HERE}:check",
    "recall": f"{HERE}:ask_settings",
    "edit": f"{HERE}:edit",
    "backup": f"{HERE}:give_up",
    "lists": f"{HERE}:lists",
    "settle": "nowhere.at.all:settle",
}


class Rupor:
    """Runs the command line in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *args: str) -> tuple[int, str, str]:
        """Return the exit code, what went to standard output, and what went to standard error."""
        self._capfd.readouterr()
        code = root.run(root.assemble(TABLE), args)
        return (code, *self._capfd.readouterr())


@pytest.fixture
def rupor(capfd: pytest.CaptureFixture[str]) -> Iterator[Rupor]:
    before = logging.root.handlers[:], logging.root.level
    yield Rupor(capfd)
    logging.root.handlers, logging.root.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


# Help


ENGLISH = re.compile(
    r"\b(?:usage|options?|commands?|show|exit|error|try|missing|invalid|arguments?|required)\b", re.IGNORECASE
)


def without_names(text: str) -> str:
    """The text without what is rightly Latin: names of commands and options."""
    return re.sub(r"--?[a-z-]+|\brupor[ a-z]*|^  [a-z]+|'[a-z]+'", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("status", "--help"), ("lists", "-h"), ("lists", "show", "-h")])
def test_help_is_russian_and_has_an_example(rupor: Rupor, args: tuple[str, ...]) -> None:
    code, out, err = rupor(*args)
    assert (code, err) == (0, "")
    assert "Вызов: rupor" in out
    assert "Пример:\n    rupor " in out
    assert "Показать эту справку." in out
    assert ENGLISH.findall(without_names(out)) == []


def test_the_list_of_commands_keeps_the_order_of_the_table(rupor: Rupor) -> None:
    _, out, _ = rupor("--help")
    assert re.findall(r"^  ([a-z]+) +[А-Я]", out, flags=re.MULTILINE) == list(TABLE)


def test_each_option_is_explained(rupor: Rupor) -> None:
    _, out, _ = rupor("status", "--help")
    for words in texts.COMMANDS["status"].options.values():
        assert words.help.split(".")[0].split(",")[0] in out
    assert "--limit ЧИСЛО" in out
    assert "[НОМЕР]" in out


def test_without_a_command_shows_help_on_standard_error(rupor: Rupor) -> None:
    code, out, err = rupor()
    assert (code, out) == (2, "")
    assert "Вызов: rupor" in err


def test_the_version_is_one_line(rupor: Rupor) -> None:
    code, out, _ = rupor("--version")
    assert code == 0
    assert re.fullmatch(r"rupor \d+\.\d+\.\d+\n", out)


# What was called wrongly


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["statsu"], ["Команды statsu нет.", "'status'"]),
        (["lists", "shwo", "x"], ["Команды shwo нет.", "'show'"]),
        (["status", "--deliverys"], ["Параметра --deliverys нет.", "'--deliveries'"]),
        (["--confg", "x"], ["Параметра --confg нет.", "'--config'"]),
        (["cancel"], ["Не указано: 'НОМЕР'."]),
        (["cancel", "x"], ["'НОМЕР'", "«x» — не число"]),
        (["cancel", "1", "2", "3"], ["Лишние слова: 2 3"]),
        (["status", "--limit"], ["Параметру --limit нужно значение."]),
        (["status", "--limit", "0"], ["'--limit'", "0 не подходит, нужно 1<=x<=1000"]),
        (["status", "--state", "sended"], ["«sended» не подходит", "'failed'", "'sent'"]),
        (["status", "--deliveries=1"], ["Параметру --deliveries значение не нужно."]),
        (["edit", "1"], ["Не указан параметр '--text'."]),
        (["edit", "1", "--text", "x", "--text-file", "no.txt"], ["Файл «no.txt»: не найдено"]),
        (["--config", "/", "status"], ["«/»: это папка, а нужен файл"]),
    ],
)
def test_a_wrong_call_is_explained_in_russian(rupor: Rupor, args: list[str], words: list[str]) -> None:
    code, out, err = rupor(*args)
    assert (code, out) == (2, "")
    assert [word for word in words if word not in err] == []
    assert ENGLISH.findall(without_names(err)) == []
    assert "Справка: rupor" in err or "нужно значение" in err or "значение не нужно" in err


def test_every_sentence_of_click_has_a_russian_one() -> None:
    """A sentence that click adds shows up here. Those for programmers stay as they are."""
    for_programmers = re.compile(
        r"defined twice|Could not determine name|No options defined|cannot use the|exactly one parameter|"
        r"Choice\(|Unknown|Invalid start character"
    )
    known = set(RUSSIAN)
    for module in (
        click.core,
        click.decorators,
        click.exceptions,
        click.formatting,
        click.parser,
        click.termui,
        click.types,
    ):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            match node:
                case ast.Call(func=ast.Name(id="_" | "ngettext"), args=[ast.Constant(value=str() as said), *_]):
                    assert said in known or for_programmers.search(said), said


# Exit codes and answers


def test_an_answer_is_text_for_people(rupor: Rupor) -> None:
    assert rupor("status", "7") == (0, "Объявление 7\n", "")


def test_an_answer_is_one_document_for_programs(rupor: Rupor) -> None:
    code, out, err = rupor("status", "7", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "announcement": 7,
        "title": "Собрание",
        "at": "2026-11-23T09:00:00Z",
        "path": "a",
        "deliveries": False,
        "state": None,
        "limit": 20,
    }
    assert "Собрание" in out


def test_an_answer_may_be_incomplete(rupor: Rupor) -> None:
    assert rupor("status", "7", "--deliveries")[0] == 3


def test_a_group_answers_by_itself_and_steps_back_for_its_commands(rupor: Rupor) -> None:
    assert rupor("lists", "--json") == (0, '{"lists": []}\n', "")
    assert rupor("lists", "show", "smolensk") == (0, "smolensk\n", "")
    assert rupor("lists", "show", "smolensk", "--json") == (0, '{"list": "smolensk"}\n', "")


def test_a_failure_is_its_sentence_and_its_code(rupor: Rupor) -> None:
    assert rupor("cancel", "5") == (4, "", "Объявления 5 нет.\n")


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["cancel", "5", "--json"], 4, "Объявления 5 нет."),
        (["cancel", "x", "--json"], 2, "'НОМЕР': «x» — не число."),
        (["check", "--json"], 1, "Внутренняя ошибка"),
    ],
)
def test_with_json_a_failure_is_one_document_too(rupor: Rupor, args: list[str], exit_code: int, message: str) -> None:
    code, out, _ = rupor(*args)
    error = json.loads(out)["error"]
    assert (code, error["exit"]) == (exit_code, exit_code)
    assert message in error["message"]


def test_the_text_of_an_announcement_is_no_option(rupor: Rupor) -> None:
    assert rupor("backup", "--", "--json", "extra")[:2] == (2, "")


def test_an_unexpected_error_is_one_sentence_for_people_and_a_line_for_the_log(
    rupor: Rupor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUPOR_LOG_FORMAT", "json")
    code, out, err = rupor("check")
    first, second, sentence = err.splitlines()
    assert (code, out) == (1, "")
    assert json.loads(first)["event"] == "a line of the log"
    logged = json.loads(second)
    assert logged["event"] == "unexpected"
    assert "RuntimeError" in logged["exception"]
    assert "AAAA" not in err
    assert sentence.startswith("Внутренняя ошибка")


def test_on_a_terminal_the_traceback_waits_for_debug(rupor: Rupor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUPOR_LOG_FORMAT", "text")
    _, _, brief = rupor("check")
    assert "Traceback" not in brief
    assert "rupor --debug" in brief
    _, _, whole = rupor("--debug", "check")
    assert "Traceback" in whole
    assert "AAAA" not in whole


def test_a_command_that_does_not_load_is_an_unexpected_error(rupor: Rupor) -> None:
    code, out, err = rupor("settle")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("Внутренняя ошибка")


def test_a_service_logs_what_it_does_and_an_answer_keeps_quiet(rupor: Rupor) -> None:
    assert "ready" in rupor("run")[2]
    assert rupor("status")[2] == ""


def test_a_question_without_an_answer_is_an_interruption(rupor: Rupor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, _, err = rupor("backup", "x")
    assert code == 130
    assert "Traceback" not in err


# Settings


def test_bad_settings_end_with_2_and_all_sentences(rupor: Rupor, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[web]\nprt = 1\nhost = 2\n[bot]\ntoken = "hunter2 hunter2"')
    code, out, err = rupor("--config", str(config), "recall", "1")
    assert (code, out) == (2, "")
    assert [word for word in ("web.prt", "web.host", "bot.token", "3\u00a0ошибки") if word not in err] == []
    assert "hunter2" not in err


def test_no_settings_end_with_2_and_the_remedy(rupor: Rupor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = rupor("recall", "1")
    assert code == 2
    assert "config.example.toml" in err


def test_settings_come_from_the_variable_and_the_log_forgets_their_secrets(
    rupor: Rupor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "my.toml"
    config.write_text('timezone = "Europe/Samara"\n[web]\nport = 7\nsecret = "hunter2-hunter2-hunter2"')
    monkeypatch.setenv("RUPOR_CONFIG", str(config))
    code, out, err = rupor("recall", "1")
    assert (code, out) == (0, "Europe/Samara\n")
    assert json.loads(err)["port"] == 7
    assert "hunter2" not in err


# The whole program


def program(*args: str) -> list[str]:
    return [sys.executable, "-m", "bot", *args]


def test_the_version_comes_without_loading_anything_heavy() -> None:
    heavy = ["aiogram", "pydantic", "structlog", "sqlalchemy", "vk_api"]
    script = (
        "import sys; sys.argv = ['rupor', '--version']; from bot.__main__ import main; main(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "[]"


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    code = f"import sys; from bot.commands.root import assemble, run; sys.exit(run(assemble({TABLE}), ['worker']))"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.strip() == texts.INTERRUPTED


def test_python_m_bot_is_rupor() -> None:
    done = subprocess.run(
        program("--help"), capture_output=True, text=True, check=False, env=os.environ | {"LANG": "C"}
    )
    assert done.returncode == 0
    assert done.stdout.startswith("Вызов: rupor")


def test_a_closed_pipe_is_no_traceback() -> None:
    shell = f"{sys.executable} -m bot --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


# The table and its words


def test_the_table_names_every_command_of_the_contract() -> None:
    contract = "run worker announce status retry settle cancel edit recall schedules lists check db backup sandbox"
    added = {"look", "pause", "resume"}
    assert [name for name in COMMANDS if name not in added] == contract.split()
    assert added < set(COMMANDS)


def test_there_are_words_for_every_command() -> None:
    assert set(COMMANDS) == {path for path in texts.COMMANDS if " " not in path}
    for path, words in texts.COMMANDS.items():
        assert words.example.startswith(f"rupor {path}") or f" {path}" in words.example, path


@pytest.mark.parametrize("name", [name for name, target in COMMANDS.items() if find_spec(target.partition(":")[0])])
def test_every_command_is_wholly_explained(name: str) -> None:
    """Each option has its line of help, and each line of help its option."""
    module, _, attribute = COMMANDS[name].partition(":")
    made = getattr(__import__(module, fromlist=[attribute]), attribute)
    assert isinstance(made, Command)
    family = {name: made} | (
        {f"{name} {key}": each for key, each in made.commands.items()} if isinstance(made, Group) else {}
    )
    assert set(family) == {path for path in texts.COMMANDS if path.partition(" ")[0] == name}
    for path, each in family.items():
        assert {param.name for param in each.params} == set(texts.COMMANDS[path].options), path
