"""The buttons of an announcement that has not gone out."""

from collections.abc import Sequence
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from bot.keyboards.base import Rows, button, tag
from bot.texts import bot as texts
from bot.texts.channels import Names

TARGETS_PER_PAGE = 20


class Act(StrEnum):
    """What a button of an announcement's card does."""

    SEND = "send"
    PLAN = "plan"
    REPEAT = "rep"
    TARGETS = "tgt"
    PREVIEW = "see"
    EDIT = "edit"
    TYPESET = "typo"
    DROP = "drop"
    RESTORE = "back"
    SUBMIT = "sub"
    REMIND = "call"
    APPROVE = "yes"
    DECLINE = "no"
    CARD = "card"
    OPEN = "open"


class Do(CallbackData, prefix="d"):
    """A card's button. `rev` is the revision that stood on the card: what she saw is what she means."""

    act: Act
    id: int
    rev: int = 0


class Leave(CallbackData, prefix="x"):
    """Leave out a channel in which sending would certainly fail."""

    id: int
    rev: int
    tag: str


class Toggle(CallbackData, prefix="t"):
    """Switch one target of a draft on or off, or (without `tag`) turn to a page of them, counted from 0."""

    id: int
    tag: str
    page: int = 0


def draft(
    number: int,
    revision: int,
    *,
    blocked: Sequence[str],
    may_send: bool,
    names: Names,
    typography: bool | None = None,
) -> Rows:
    """Return the buttons of a draft: the way on, or the ways out of what blocks it.

    `typography` tells whether its switch is on; None: there is nothing to put in order, and no switch.
    """

    def do(text: str, act: Act) -> InlineKeyboardButton:
        return button(text, Do(act=act, id=number, rev=revision))

    if blocked:
        onward = [[button(names.without(name), Leave(id=number, rev=revision, tag=tag(name)))] for name in blocked]
    elif may_send:
        onward = [[do(f"🚀 {texts.SEND}", Act.SEND)], [do(texts.PLAN, Act.PLAN), do(texts.REPEAT, Act.REPEAT)]]
    else:
        onward = [[do(texts.SUBMIT, Act.SUBMIT)]]
    return [
        *onward,
        [do(texts.TARGETS, Act.TARGETS), do(texts.PREVIEW, Act.PREVIEW)],
        [] if typography is None else [do(f"{'✅' if typography else '⬜'} {texts.TYPOGRAPHY}", Act.TYPESET)],
        [do(texts.EDIT, Act.EDIT), do(texts.DROP, Act.DROP)],
    ]


def awaiting(number: int, revision: int, *, author: bool, approver: bool) -> Rows:
    """Return the buttons of an announcement that waits for consent."""

    def do(text: str, act: Act) -> InlineKeyboardButton:
        return button(text, Do(act=act, id=number, rev=revision))

    return [
        [do(f"✅ {texts.APPROVE}", Act.APPROVE), do(texts.DECLINE, Act.DECLINE)] if approver else [],
        [do(texts.PREVIEW, Act.PREVIEW)] + ([do(texts.REMIND, Act.REMIND)] if author else []),
        [do(texts.EDIT, Act.EDIT), do(texts.DROP, Act.DROP)] if author else [],
    ]


def dropped(number: int) -> Rows:
    """Return the button of a draft that was dropped."""
    return [[button(texts.RESTORE, Do(act=Act.RESTORE, id=number))]]


def back_to_card(number: int) -> Rows:
    """Return the button that leads back to the card."""
    return [[button(f"‹ {texts.BACK}", Do(act=Act.CARD, id=number))]]


def opening(number: int, text: str = texts.OPEN) -> Rows:
    """Return the button that shows an announcement as a new message."""
    return [[button(text, Do(act=Act.OPEN, id=number))]]


def listing(numbers: Sequence[int]) -> Rows:
    """Return a button for each announcement, four to a row."""
    every = [button(f"№{number}", Do(act=Act.OPEN, id=number)) for number in numbers]
    return [every[start : start + 4] for start in range(0, len(every), 4)]


def targets(number: int, rows: Sequence[tuple[str, str, bool]], page: int) -> Rows:
    """Return a switch for each (target, label, on) of a page. A keyboard holds at most 100 buttons."""
    shown = rows[page * TARGETS_PER_PAGE : (page + 1) * TARGETS_PER_PAGE]
    switches = [
        [button(f"{'✅' if on else '⬜'} {label}", Toggle(id=number, tag=tag(target), page=page))]
        for target, label, on in shown
    ]
    earlier = [button(f"‹ {texts.EARLIER}", Toggle(id=number, tag="", page=page - 1))] if page else []
    more = len(rows) > (page + 1) * TARGETS_PER_PAGE
    further = [button(f"{texts.FURTHER} ›", Toggle(id=number, tag="", page=page + 1))] if more else []
    return [*switches, earlier + further, [button(texts.DONE, Do(act=Act.CARD, id=number))]]
