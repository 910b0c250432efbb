"""What Telegram's server does to a text before it keeps it, done beforehand and for every channel alike.

Source: tdlib, td/telegram/MessageEntity.cpp, clean_input_string_with_entities and fix_formatted_text. Some steps go
further than the server: all control characters become spaces, not only those of ASCII; blanks are cut from the start
even where an entity covers them; a lone surrogate (from a command line in a broken encoding) becomes U+FFFD, because
nothing downstream could encode it.
"""

import unicodedata
from collections.abc import Iterable
from itertools import accumulate

from channels.contract import Entity
from channels.markup.settling import settled
from channels.markup.units import Span, clip, offsets, spans_of, stripped

__all__ = ["normalised"]

# The last three are accents that the server takes for lines drawn through the text.
_DROPPED = frozenset("\r\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u030a\u0333\u033f")


def normalised(text: str, entities: Iterable[Entity] = ()) -> tuple[str, tuple[Entity, ...]]:
    """Return the text without what no reader should meet, and the entities that can stand together, moved along.

    Carriage returns, U+2028 to U+202E and three accents go; other control characters but the newline become spaces;
    blanks at both ends are cut. Entities that lose all of their text go too. Of those that can't stand in one another
    one goes (see `settled`), a style is one entity as far as it reaches, and outer entities come before inner ones.
    """
    clean = [_cleaned(char) for char in text]
    places = list(accumulate((len(char) for char in clean), initial=0))
    spans = (Span(places[span.start], places[span.end], span.entity) for span in spans_of(text, entities))
    whole = "".join(clean)
    start, end = stripped(whole, 0, len(whole))
    if start >= end:
        return "", ()
    kept = whole[start:end]
    # Cut before they are settled: which of two is the outer one is seen only in the text that stays.
    within = (Span(max(span.start - start, 0), min(span.end, end) - start, span.entity) for span in spans)
    return kept, clip(settled(kept, within), offsets(kept), 0, len(kept))


def _cleaned(char: str) -> str:
    if char in _DROPPED:
        return ""
    match unicodedata.category(char):
        case "Cc" if char != "\n":
            return " "
        case "Cs":
            return "\ufffd"
        case _:
            return char
