"""The buttons of a file that may be a mailing list."""

from collections.abc import Sequence
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData

from bot.keyboards.base import Rows, button, tag
from bot.texts import bot as texts
from bot.texts import lists

_MOST_LISTED = 30


class FileAct(StrEnum):
    """What to do with a file that may be a mailing list."""

    APPLY = "put"
    NEW = "new"
    POST = "post"
    READ = "read"


class File(CallbackData, prefix="f"):
    """A file's button. `msg` is the message that brought it, `tag` the list that it is for."""

    act: FileAct
    msg: int
    tag: str = ""


def list_choice(message_id: int, there: Sequence[tuple[str, str, int]], fresh: str) -> Rows:
    """Return a button for each (key, name, members), one for a new list, and one for "no list at all"."""
    rows = [
        [button(f"{name} · {members}", File(act=FileAct.APPLY, msg=message_id, tag=tag(key)))]
        for key, name, members in there[:_MOST_LISTED]
    ]
    rows += [[button(fresh, File(act=FileAct.NEW, msg=message_id))]] if fresh else []
    return [*rows, *not_a_list(message_id)]


def not_a_list(message_id: int, *, again: bool = False) -> Rows:
    """Return the buttons of a file that gave no list."""
    read = [button(lists.READ_AGAIN, File(act=FileAct.READ, msg=message_id))]
    return [read if again else [], [button(texts.NO_LIST, File(act=FileAct.POST, msg=message_id))]]
