"""`rupor run` and `worker` before they serve, and the progress bar of `announce --wait`."""

import json
import os
import pty
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.bot.commands.conftest import CHANNELS, Rupor

ROOT = Path(__file__).parents[3]
BOT = '[bot]\ntoken = "42:AAH-secret-of-the-bot"\napi_base = "http://127.0.0.1:9"\nadmins = [1]\n'


def test_the_service_needs_a_bot(fresh: Rupor) -> None:
    code, _, err = fresh("run")
    assert (code, "bot.token" in err) == (2, True)


def test_a_taken_port_is_named(fresh: Rupor) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        fresh.configure(f"{BOT}{CHANNELS}[web]\nport = {port}\n")
        code, _, err = fresh("run")
    assert (code, f"127.0.0.1:{port}" in err) == (1, True)
    assert "AAH" not in err


@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_database_that_is_away_is_one_sentence(fresh: Rupor, command: str) -> None:
    fresh.configure(BOT + CHANNELS, url="postgresql+asyncpg://rupor@127.0.0.1:9/rupor")
    code, _, err = fresh(command)
    assert (code, "База данных недоступна" in err) == (1, True)


@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_channel_that_does_not_open_is_named(fresh: Rupor, command: str) -> None:
    mail = '[channels.letters]\nkind = "email"\nhost = "x"\nsender = "p@example.org"\nca_file = "нет.pem"\n'
    fresh.configure(BOT + mail)
    code, _, err = fresh(command)
    assert (code, "letters" in err) == (2, True)


def test_a_terminal_sees_a_bar_and_standard_output_only_the_answer(fresh: Rupor) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "bot", "--config", str(fresh.config), "announce", "--text", "x", "--to", "wall"]
    with subprocess.Popen(
        [*command, "--wait", "--json"],
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # how Linux says that nobody holds the other end any more
            pass
        answer = process.communicate()[0]
    os.close(master)
    assert process.returncode == 0
    assert json.loads(answer) == {"announcement": 1, "broadcast": 1}
    assert "Отправляется" in shown.decode()
    assert "1/1" in shown.decode()
