"""The buttons of a correction and of a recall, before they are done."""

from enum import StrEnum

from aiogram.filters.callback_data import CallbackData

from bot.keyboards.base import Rows, button
from bot.texts import corrections as texts


class Fix(StrEnum):
    """What a button does about something that is out."""

    CORRECT = "fix"
    CORRECT_AND_WRITE = "fixw"
    RECALL = "off"
    RECALL_AND_WRITE = "offw"
    KEEP = "keep"


class Mend(CallbackData, prefix="m"):
    """A button of a correction or recall; `broadcast` is the one whose board it came from."""

    fix: Fix
    id: int
    broadcast: int


def correction(number: int, broadcast: int, *, letters: bool) -> Rows:
    """Return the ways to go on with a new text."""
    return _ways(number, broadcast, texts.CORRECT, Fix.CORRECT, texts.CORRECT_AND_WRITE if letters else "")


def recall(number: int, broadcast: int, *, letters: bool) -> Rows:
    """Return the ways to go on with a recall."""
    return _ways(number, broadcast, texts.WITHDRAW, Fix.RECALL, texts.RECALL_AND_WRITE if letters else "")


def keep(number: int, broadcast: int) -> Rows:
    """Return the way back, where a text is asked for."""
    return [[button(texts.KEEP, Mend(fix=Fix.KEEP, id=number, broadcast=broadcast))]]


def _ways(number: int, broadcast: int, word: str, fix: Fix, with_letters: str) -> Rows:
    also = {Fix.CORRECT: Fix.CORRECT_AND_WRITE, Fix.RECALL: Fix.RECALL_AND_WRITE}[fix]
    rows = [[button(word, Mend(fix=fix, id=number, broadcast=broadcast))]]
    if with_letters:
        rows.append([button(with_letters, Mend(fix=also, id=number, broadcast=broadcast))])
    return [*rows, *keep(number, broadcast)]
