"""The buttons of a broadcast, and of news about channels and moments that went by."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from bot.keyboards.base import Rows, button, tag
from bot.keyboards.card import Act, Do
from bot.texts import bot as texts
from bot.texts.channels import Names


class Turn(StrEnum):
    """What a button of a broadcast does."""

    STOP = "stop"
    RETRY = "retry"
    COPY = "copy"
    DETAILS = "more"
    PAGE = "page"
    SHOW = "show"
    RECALL = "out"


class On(CallbackData, prefix="b"):
    """A button of a broadcast. `page` counts from 0."""

    turn: Turn
    id: int
    broadcast: int
    page: int = 0


class Doubt(CallbackData, prefix="q"):
    """A person's word about all doubtful deliveries of one channel of a broadcast."""

    id: int
    broadcast: int
    tag: str
    sent: bool


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
    retry: bool = False,
    details: bool = False,
    copy: bool = False,
    recall: bool = False,
    doubtful: Sequence[str] = (),
    names: Names,
) -> Rows:
    """Return the buttons of a broadcast. `stop` is the word for stopping it, `doubtful` the channels in doubt."""

    def on(text: str, turn: Turn) -> InlineKeyboardButton:
        return button(text, On(turn=turn, id=number, broadcast=broadcast))

    rows: Rows = [[on(stop, Turn.STOP)] if stop else []]
    for channel in doubtful:
        rows += _doubt(number, broadcast, channel, names, alone=len(doubtful) == 1)
    rows.append([on(texts.DETAILS, Turn.DETAILS)] if details else [])
    rows.append([on(texts.RETRY, Turn.RETRY)] if retry else [])
    rows.append([on(texts.COPY, Turn.COPY)] if copy else [])
    rows.append([on(texts.RECALL, Turn.RECALL)] if recall else [])
    return rows


def _doubt(number: int, broadcast: int, channel: str, names: Names, *, alone: bool) -> Rows:
    def word(text: str, *, sent: bool) -> InlineKeyboardButton:
        label = text if alone else f"{text} · {names[channel]}"
        return button(label, Doubt(id=number, broadcast=broadcast, tag=tag(channel), sent=sent))

    place = names.place(channel)
    look = [[InlineKeyboardButton(text=f"{texts.LOOK}: {names[channel]}", url=place)]] if place else []
    words = [word(texts.WAS_SENT, sent=True), word(texts.SEND_AGAIN, sent=False)]
    return [*look, words] if alone else [*look, *([each] for each in words)]


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


def links(places: Sequence[tuple[str, str]]) -> Rows:
    """Return a button that opens a page for each (label, address)."""
    return [[InlineKeyboardButton(text=label, url=address)] for label, address in places]
