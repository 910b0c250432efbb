"""`rupor sandbox` as a newcomer starts it: one command, and the real bot answers on the page."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import federation

ROOT = Path(__file__).parents[2]
ANNA = federation.PRESS_SECRETARY.id
WITHIN = 40  # seconds; a second process starts while others test

Json = dict[str, Any]


class Sandbox:
    """A sandbox in a process of its own. `greeting` is what it said before it served."""

    def __init__(self, process: Process, greeting: str, http: aiohttp.ClientSession) -> None:
        self.process = process
        self.greeting = greeting
        self._http = http

    async def until(self, fits: Callable[[Json], bool]) -> Json:
        """Return the topics of the page as soon as they are as wanted."""
        async with asyncio.timeout(WITHIN):
            while True:
                async with self._http.get("/state") as answer:
                    state = Json(await answer.json())
                if fits(state):
                    return state
                await asyncio.sleep(0.1)

    async def act(self, action: str, **given: Any) -> None:
        async with self._http.post(f"/api/{action}", json=given) as answer:
            assert answer.status == 200, await answer.text()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            return await self.process.wait()


async def started(*arguments: str, **environ: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "sandbox", *arguments, cwd=ROOT, env=os.environ | environ, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def running(*arguments: str, **environ: str) -> AsyncIterator[Sandbox]:
    process = await started(*arguments, **environ)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        errors = group.create_task(process.stderr.read())  # or a full pipe would stop it
        try:
            greeting = ""
            async with asyncio.timeout(WITHIN):
                while "Ctrl+C" not in greeting:
                    line = await process.stdout.readline()
                    assert line, (await errors).decode()
                    greeting += line.decode()
            url = re.search(r"http://127\.0\.0\.1:\d+", greeting)
            assert url is not None
            async with aiohttp.ClientSession(base_url=url[0]) as http:
                yield Sandbox(process, greeting, http)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def button(state: Json, words: str) -> Json:
    """Return the message and data of the newest button with these words; an empty object when there is none."""
    for message in reversed(state[f"chat:{ANNA}"]["messages"]):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for one in row:
                if words in one["text"]:
                    return {"message": message["message_id"], "data": one["callback_data"]}
    return {}


def all_sent(state: Json) -> bool:
    rows = state["deliveries"]["rows"]
    return len(rows) == 27 and all(row["state"] == "sent" for row in rows)


async def test_a_newcomer_writes_and_it_arrives_everywhere_and_outlives_a_restart(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data", str(tmp_path / "data"))
    real = {"RUPOR_BOT__TOKEN": "1:real", "RUPOR_CONFIG": str(tmp_path / "real.toml")}
    async with running(*arguments, **real) as sandbox:
        await sandbox.act("example", person=ANNA, name="short")
        state = await sandbox.until(lambda state: bool(button(state, "Отправить сейчас")))
        await sandbox.act("press", person=ANNA, **button(state, "Отправить сейчас"))
        before = await sandbox.until(all_sent)
        assert await sandbox.stop() == 0
    assert "Приём граждан" in before["channel"]["posts"][0]["text"]
    assert "Приём граждан" in before["wall"]["posts"][0]["text"]
    assert [box["total"] for box in before["mail"]["mailboxes"]] == [1] * 25
    assert before["violations"]["total"] == 0
    async with running(*arguments) as sandbox:
        after = await sandbox.until(all_sent)
        for topic in ("channel", "wall", "mail", "deliveries"):
            assert after[topic] == before[topic], topic
        assert await sandbox.stop() == 0


async def test_goes_to_the_next_port_and_says_so_when_the_usual_one_is_taken() -> None:
    with socket.socket() as neighbour:
        with suppress(OSError):  # taken already is as good
            neighbour.bind(("127.0.0.1", 8080))
            neighbour.listen()
        async with running() as sandbox:
            assert "Порт 8080 занят" in sandbox.greeting
            assert "всё забудется" in sandbox.greeting
            assert await sandbox.stop() == 0


async def refusal(*arguments: str) -> tuple[int | None, str]:
    process = await started(*arguments)
    async with asyncio.timeout(WITHIN):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def test_a_port_that_was_asked_for_is_not_exchanged_in_silence(tmp_path: Path) -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()
        port = neighbour.getsockname()[1]
        code, said = await refusal("--port", str(port))
    assert (code, f"Порт {port} занят" in said) == (1, True)


@pytest.mark.parametrize("there", ["config.toml", "file"])
async def test_never_writes_over_what_is_not_its_own(tmp_path: Path, there: str) -> None:
    foreign = tmp_path / there
    foreign.write_text('timezone = "Europe/Moscow"\n', encoding="utf-8")
    folder = tmp_path if there == "config.toml" else foreign / "data"
    code, said = await refusal("--data", str(folder))
    assert code == 2
    assert str(folder) in said
    assert foreign.read_text(encoding="utf-8") == 'timezone = "Europe/Moscow"\n'
