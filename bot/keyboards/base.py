"""What every keyboard is made of. Callback data holds at most 64 bytes: ids, and short stand-ins for names."""

from collections.abc import Iterable
from hashlib import sha256

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

Rows = list[list[InlineKeyboardButton]]


def tag(name: str) -> str:
    """Return a short stand-in for a name that may be too long for a button."""
    return sha256(name.encode()).hexdigest()[:10]


def named(tag_: str, names: Iterable[str]) -> str | None:
    """Return the name of a tag, None when it is not among them."""
    return next((name for name in names if tag(name) == tag_), None)


def button(text: str, data: CallbackData) -> InlineKeyboardButton:
    """Return a button that calls the bot."""
    return InlineKeyboardButton(text=text, callback_data=data.pack())


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """Return the rows that are not empty as a keyboard; None when there is none."""
    kept = [row for row in rows if row]
    return InlineKeyboardMarkup(inline_keyboard=kept) if kept else None
