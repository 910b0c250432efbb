"""The sandbox as a newcomer starts it: a process of its own."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 60  # seconds; others test at the same time
STOPS_WITHIN = 30
LAST_WORDS = 4000  # characters


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[str]:
    """Run the sandbox for as long as the block lasts; the value is the address that it names.

    At the end it is told to stop as a system would tell it (SIGTERM). AssertionError when it then does not end well.
    """
    command = [sys.executable, "-m", "bot", "sandbox", "--port", "0", "--data", str(data)]
    with data.with_suffix(".log").open("w+b") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=log)
        assert process.stdout is not None
        try:
            yield await _address(process.stdout)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOPS_WITHIN):
                assert await process.wait() == 0
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-LAST_WORDS:])
            raise
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _address(said: asyncio.StreamReader) -> str:
    heard = ""
    async with asyncio.timeout(STARTS_WITHIN):
        while not (found := re.search(r"http://127\.0\.0\.1:\d+(?=\n)", heard)):
            line = (await said.readline()).decode()
            assert line, f"it ended after saying {heard!r}"
            heard += line
    return found[0]
