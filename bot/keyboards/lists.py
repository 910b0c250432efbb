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

    LOOK = "see"
    APPLY = "put"
    TRIM = "trim"
    LEAVE = "no"
    NEW = "new"
    POST = "post"
    READ = "read"


class File(CallbackData, prefix="f"):
    """A file's button. `msg` is the message that brought it, `tag` the list that it is for.

    `seen` is the digest of the changes that were shown: what she saw is what she means.
    """

    act: FileAct
    msg: int
    tag: str = ""
    seen: str = ""


class UndoImport(CallbackData, prefix="fu"):
    """Take back what an import did to a list."""

    number: int


def list_choice(message_id: int, there: Sequence[tuple[str, str, int]], fresh: str) -> Rows:
    """Return a button for each (key, name, members), one for a new list, and one for "no list at all"."""
    rows = [
        [button(f"{name} · {members}", File(act=FileAct.LOOK, msg=message_id, tag=tag(key)))]
        for key, name, members in there[:_MOST_LISTED]
    ]
    rows += [[button(fresh, File(act=FileAct.NEW, msg=message_id))]] if fresh else []
    return [*rows, *not_a_list(message_id)]


def not_a_list(message_id: int, *, again: bool = False) -> Rows:
    """Return the buttons of a file that gave no list."""
    read = [button(lists.READ_AGAIN, File(act=FileAct.READ, msg=message_id))]
    return [read if again else [], [button(texts.NO_LIST, File(act=FileAct.POST, msg=message_id))]]


def decision(message_id: int, key: str, seen: str, *, changes: bool, missing: int) -> Rows:
    """Return the ways on from a preview. `missing`: how many may be taken out of the list."""

    def way(text: str, act: FileAct) -> Rows:
        return [[button(text, File(act=act, msg=message_id, tag=tag(key), seen=seen))]]

    onward = way(lists.APPLY, FileAct.APPLY) if changes else []
    onward += way(lists.apply_and_remove(missing), FileAct.TRIM) if missing else []
    return onward + way(texts.DROP, FileAct.LEAVE)


def undo_import(number: int | None) -> Rows:
    """Return the button that takes an import back; none where nothing was changed."""
    return [[button(lists.UNDO, UndoImport(number=number))]] if number is not None else []
