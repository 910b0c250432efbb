"""click speaks Russian, whatever the locale of the shell."""

import sys

import click

from bot.texts.click import RUSSIAN
from bot.texts.plurals import plural

__all__ = ["speak_russian"]


def speak_russian() -> None:
    """Put our catalogue in the place of gettext in click's modules.

    They call gettext under the names `_` and `ngettext`. Left alone, gettext looks for a catalogue of the language
    that the environment asks for, and finds none.
    """
    ours = {"_": _gettext, "ngettext": _ngettext}
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{click.__name__}."):
            vars(module).update({word: function for word, function in ours.items() if hasattr(module, word)})


def _gettext(message: str) -> str:
    words = RUSSIAN.get(message, message)
    return words if isinstance(words, str) else words[0]


def _ngettext(singular: str, plural_form: str, n: int) -> str:
    words = RUSSIAN.get(singular, singular if n == 1 else plural_form)
    return words if isinstance(words, str) else plural(n, *words)
