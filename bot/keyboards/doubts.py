"""The buttons with which people say whether something doubtful has gone out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from bot.keyboards.base import Rows, button, tag
from bot.texts import bot as texts
from bot.texts.channels import Names
from bot.texts.doubts import surely

__all__ = ["Doubt", "Doubtful", "Word", "doubts", "sure"]


class Word(StrEnum):
    """What a person says, or asks for. SURE follows the question that AGAIN leads to; KEEP takes it back."""

    SENT = "yes"
    AGAIN = "again"
    LOOK = "look"
    SURE = "sure"
    KEEP = "keep"


class Doubt(CallbackData, prefix="q"):
    """A word about all that is in doubt in one channel of a broadcast. `first` is a delivery of it, 0 if unknown."""

    word: Word
    id: int
    broadcast: int
    tag: str
    first: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A channel of a broadcast with something in doubt, whose first delivery has the id `first` (0: not known)."""

    channel: str
    first: int
    can_look: bool


def doubts(number: int, broadcast: int, every: Sequence[Doubtful], names: Names) -> Rows:
    """Return the buttons of every channel in doubt; of several, each says which it is about."""
    return [row for one in every for row in _of_one(number, broadcast, one, names, alone=len(every) == 1)]


def _of_one(number: int, broadcast: int, one: Doubtful, names: Names, *, alone: bool) -> Rows:
    def say(text: str, word: Word) -> InlineKeyboardButton:
        data = Doubt(word=word, id=number, broadcast=broadcast, tag=tag(one.channel), first=one.first)
        return button(text if alone else f"{text} · {names[one.channel]}", data)

    place = names.place(one.channel)
    look = [InlineKeyboardButton(text=f"{texts.LOOK}: {names[one.channel]}", url=place)] if place else []
    check = [say(texts.CHECK, Word.LOOK)] if one.can_look else []
    letters = names.is_letters(one.channel)
    words = [say(texts.COUNT_AS_SENT if letters else texts.WAS_SENT, Word.SENT), say(texts.SEND_AGAIN, Word.AGAIN)]
    return [look, check, words] if alone and not letters else [look, check, *([each] for each in words)]


def sure(number: int, broadcast: int, channel: str, first: int, count: int) -> Rows:
    """Return the buttons under the question whether so many letters are really to go out again."""

    def data(word: Word) -> Doubt:
        return Doubt(word=word, id=number, broadcast=broadcast, tag=tag(channel), first=first)

    return [[button(surely(count), data(Word.SURE))], [button(texts.KEEP, data(Word.KEEP))]]
