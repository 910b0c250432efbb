"""How long from «Отправить сейчас» to the post in the channel?

The whole service against the Telegram stand-in, no grace period. Prints p50 and p95 in milliseconds, and as a ratio to
the time of one bare Bot API call to the same stand-in in the same run.

    python -m benchmarks.press [PRESSES]
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from benchmarks.support import CHANNEL, EDITOR, note, quiet, telegram_and_config
from bot import config
from bot.app import serve
from channels.registry import SETTINGS
from sandbox.telegram import TelegramStandIn

SEND = "Отправить сейчас"
PAUSE_SECONDS = 3.2  # Telegram takes twenty posts a minute; waiting for that turn is not what is asked here


async def one_press(tg: TelegramStandIn, number: int) -> float:
    """Write an announcement, press, and return the seconds until the channel shows it."""
    text = f"Заседание президиума № {number}"
    await tg.say(EDITOR, text)
    card = await tg.wait_for(lambda: _card(tg, text))
    await asyncio.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    await tg.press(EDITOR, card, SEND)
    await tg.wait_for(lambda: any(text == post.get("text") for post in tg.channel_posts(CHANNEL)) or None)
    return time.perf_counter() - began


def _card(tg: TelegramStandIn, text: str) -> int | None:
    for message in reversed(tg.chat(EDITOR)):
        if text in message.get("text", "") and SEND in str(message.get("reply_markup", "")):
            found: int = message["message_id"]
            return found
    return None


async def bare_calls(tg: TelegramStandIn, count: int) -> float:
    """Return the median seconds of one sendMessage and nothing else."""
    bot = Bot(tg.token, session=AiohttpSession(api=TelegramAPIServer.from_base(tg.url)))
    times: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        await bot.send_message(EDITOR, f"просто сообщение {number}")
        times.append(time.perf_counter() - began)
    await bot.session.close()
    return statistics.median(times)


async def main(presses: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        async with telegram_and_config(Path(folder)) as (tg, path):
            settings = config.load(path, {}, SETTINGS, need_bot=True)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(settings, stop))
                times: list[Any] = [await one_press(tg, number) for number in range(presses + 1)][1:]
                stop.set()
            bare = await bare_calls(tg, presses)
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    note("press.p95", p95 * 1000)
    print(f"«{SEND}» to the post, {presses} presses, grace 0:")
    print(
        f"  p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms; a bare call {bare * 1000:.1f} ms, ratio {p50 / bare:.1f}"
    )


if __name__ == "__main__":
    quiet()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
