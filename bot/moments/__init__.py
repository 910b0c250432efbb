"""Words about time: what editors write becomes moments and repeats, and these become words again."""

from bot.moments.errors import MomentCode, MomentError
from bot.moments.moment import parse_moment, parse_until
from bot.moments.repeat import Repeat, parse_repeat
from bot.moments.saying import in_words, repeat_in_words

__all__ = [
    "MomentCode",
    "MomentError",
    "Repeat",
    "in_words",
    "parse_moment",
    "parse_repeat",
    "parse_until",
    "repeat_in_words",
]
