"""Where a text may be cut without breaking what a reader takes for one character.

A short form of UAX #29 (Unicode Text Segmentation), grapheme clusters, rules GB3 to GB13, over what `unicodedata`
knows. Left out: GB9b (prepended marks) and GB9c (Indic conjuncts), which need tables that Python does not carry.
"""

import unicodedata

__all__ = ["is_border"]

_ZWJ = "\u200d"
_ZWNJ = "\u200c"
_MARKS = frozenset({"Mn", "Me", "Mc"})
_BREAKERS = frozenset({"Cc", "Zl", "Zp"})


def is_border(text: str, index: int) -> bool:
    """Tell whether `text` may be cut before `text[index]`."""
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if unicodedata.category(before) in _BREAKERS or unicodedata.category(after) in _BREAKERS:  # GB3, GB4, GB5
        return before + after != "\r\n"
    if _is_regional(before) and _is_regional(after):  # GB12, GB13
        return _regionals_before(text, index) % 2 == 0
    return not (_extends(after) or _joins_emoji(before, after) or _joins_syllable(before, after))


def _extends(char: str) -> bool:
    """GB9, GB9a: accents, joiners, skin tones and whatever else only changes the character before it."""
    return (
        unicodedata.category(char) in _MARKS
        or char in (_ZWJ, _ZWNJ)
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags: flags of regions
        or char in "\uff9e\uff9f"  # half-width sound marks
    )


def _joins_emoji(before: str, after: str) -> bool:
    """GB11, without asking what stands on either side of the joiner: gluing too much does no harm."""
    return before == _ZWJ and not after.isspace()


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _regionals_before(text: str, index: int) -> int:
    first = index
    while first > 0 and _is_regional(text[first - 1]):
        first -= 1
    return index - first


def _joins_syllable(before: str, after: str) -> bool:
    """Hangul, GB6 to GB8: leading consonants, vowels and trailing consonants that make one syllable."""
    left, right = _hangul(before), _hangul(after)
    return (left, right) in {
        ("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"),
        ("LV", "V"), ("LV", "T"), ("V", "V"), ("V", "T"),
        ("LVT", "T"), ("T", "T"),
    }  # fmt: skip


def _hangul(char: str) -> str:
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    if "\uac00" <= char <= "\ud7a3":
        return "LV" if (ord(char) - 0xAC00) % 28 == 0 else "LVT"
    return ""
