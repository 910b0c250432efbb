"""The buttons of a broadcast, and of news about channels and moments that went by."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from bot.keyboards.base import Rows, button, tag
from bot.keyboards.card import Act, Do
from bot.keyboards.doubts import Doubtful, doubts
from bot.texts import bot as texts
from bot.texts.channels import Names
from bot.texts.readers import FIGURES


class Turn(StrEnum):
    """What a button of a broadcast does."""

    STOP = "stop"
    PAUSE = "wait"
    RESUME = "go"
    RETRY = "retry"
    COPY = "copy"
    DETAILS = "more"
    PAGE = "page"
    SHOW = "show"
    CORRECT = "fix"
    RECALL = "out"
    FIGURES = "seen"


class On(CallbackData, prefix="b"):
    """A button of a broadcast. `page` counts from 0."""

    turn: Turn
    id: int
    broadcast: int
    page: int = 0


class Ask(CallbackData, prefix="h"):
    """Try a held channel now."""

    tag: str


class Late(CallbackData, prefix="l"):
    """Release what a schedule did not. `at` is the planned moment in seconds since 1970."""

    id: int
    schedule: int
    at: int


def board(
    number: int,
    broadcast: int,
    *,
    stop: str = "",
    turn: Turn | None = None,
    retry: bool = False,
    details: bool = False,
    copy: bool = False,
    out: bool = False,
    counted: bool = False,
    doubtful: Sequence[Doubtful] = (),
    names: Names,
) -> Rows:
    """Return the buttons of a broadcast. `stop` is the word for stopping it, `turn` may pause it or let it go on.

    `out`: readers have something of it; `counted`: and it can be told how many.
    """

    def on(text: str, turn: Turn) -> InlineKeyboardButton:
        return button(text, On(turn=turn, id=number, broadcast=broadcast))

    hold = [on(texts.GO_ON if turn is Turn.RESUME else texts.PAUSE, turn)] if turn else []
    return [
        hold + ([on(stop, Turn.STOP)] if stop else []),
        *doubts(number, broadcast, doubtful, names),
        [on(texts.DETAILS, Turn.DETAILS)] if details else [],
        [on(texts.RETRY, Turn.RETRY)] if retry else [],
        [on(texts.COPY, Turn.COPY)] if copy else [],
        [on(FIGURES, Turn.FIGURES)] if counted else [],
        [on(texts.EDIT, Turn.CORRECT), on(texts.RECALL, Turn.RECALL)] if out else [],
    ]


def pages(number: int, broadcast: int, page: int, *, more: bool) -> Rows:
    """Return the buttons that turn the pages of the details."""

    def to(text: str, which: int) -> InlineKeyboardButton:
        return button(text, On(turn=Turn.PAGE, id=number, broadcast=broadcast, page=which))

    return [
        ([to(f"‹ {texts.EARLIER}", page - 1)] if page else []) + ([to(f"{texts.FURTHER} ›", page + 1)] if more else [])
    ]


def ask_now(channel: str) -> Rows:
    """Return the button that tries a held channel."""
    return [[button(texts.CHECK_NOW, Ask(tag=tag(channel)))]]


def late(number: int, schedule: int, at: datetime) -> Rows:
    """Return the buttons for an announcement whose moment went by."""
    return [
        [button(texts.SEND, Late(id=number, schedule=schedule, at=int(at.timestamp())))],
        [button(texts.OPEN, Do(act=Act.OPEN, id=number))],
    ]
