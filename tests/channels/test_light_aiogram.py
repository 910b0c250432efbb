"""aiogram, loaded the light way, is all there: every type and method can be built, and used types work."""

import subprocess
import sys

BUILDS_EVERYTHING = """
from channels.light_aiogram import load
load()
from aiogram import methods, types
for module in (types, methods):
    for name in module.__all__:
        build = getattr(getattr(module, name), "model_rebuild", None)
        if build is not None:
            build()
"""
USES_SOME = """
from channels.light_aiogram import load
load()
from aiogram.types import Update
from aiogram.methods import SendMediaGroup
chat = {"id": 1, "type": "private"}
bold = {"type": "bold", "offset": 0, "length": 1}
message = {"message_id": 1, "date": 1, "chat": chat, "text": "x", "entities": [bold]}
update = Update.model_validate({"update_id": 1, "message": message | {"reply_to_message": message}})
assert update.message.reply_to_message.entities[0].type == "bold"
assert SendMediaGroup(chat_id=1, media=[{"type": "photo", "media": "x"}]).media[0].media == "x"
"""
COMES_TOO_LATE = """
import aiogram.types
from channels.light_aiogram import load
load()
aiogram.types.Chat(id=1, type="private")
"""


def runs(script: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


def test_every_type_and_method_can_be_built() -> None:
    runs(BUILDS_EVERYTHING)


def test_what_is_used_is_built_by_itself() -> None:
    runs(USES_SOME)


def test_loading_a_second_time_changes_nothing() -> None:
    runs(COMES_TOO_LATE)
