"""Russian typography for a text that was typed in a hurry. Pure, and only where the editor asks for it.

Every change puts one sign in the place of one sign, so entities stay where they are. What people copy, press or count
on to the letter is not touched: addresses, code, names, tags, telephone numbers, dates.
Sources: GOST R 7.0.97-2016 and Milchin, Cheltsova, "Справочник издателя и автора", chapters on quotation marks, dashes
and spacing.
"""

import re
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from channels.contract import Entity
from channels.markup.links import found_links
from channels.markup.units import spans_of

__all__ = ["typeset"]

_NBSP = "\u00a0"
_DASH = "—"

_UNTOUCHED = frozenset(
    {
        "bot_command", "cashtag", "code", "custom_emoji", "date_time", "email", "hashtag", "mention", "phone_number",
        "pre", "url",
    }
)  # fmt: skip
_MONTHS = "январ|феврал|март|апрел|ма[йя]|июн|июл|август|сентябр|октябр|ноябр|декабр"
_EXACT = re.compile(
    rf"""
    (?<!\w)[@#][\w.]+
  | (?<![\w+]) \+? \d (?: [\s()-]{{0,2}} \d ){{5,}} (?!\w)                  # telephone and account numbers
  | (?<!\w) \d{{1,4}} (?: [./:-] \d{{1,4}} )+ (?!\w)                        # 12.05.2026, 10:30, 2026-05-12
  | (?<!\w) \d{{1,2}} (?: [\s]?[-–—][\s]?\d{{1,2}} )? \s (?:{_MONTHS})\w* (?: \s \d{{4}} (?:\s?г\.|\s?гг\.)? )?
  | (?<!\w) \d{{4}} (?:[-–—]\d{{4}})? \s гг?\.
    """,
    re.VERBOSE | re.IGNORECASE,
)

_UNITS = (
    "руб|коп|тыс|млн|млрд|трлн|кг|мг|г|т|ц|км|см|мм|м|га|кв|куб|л|мл|мин|сек|ч|шт|экз|чел|стр|кВт|МВт|Вт|Гб|Мб|ГБ|МБ|"
    "КБ|[₽$€%‰]|°[CС]?"
)
_SPACES = (
    re.compile(r"(?<=\S) (?=[—–](?:\s|\Z))"),
    re.compile(r"(?<=[№§]) (?=\w)"),
    re.compile(r"(?:(?<=[^\w][A-ZА-ЯЁ]\.)|(?<=\A[A-ZА-ЯЁ]\.)) (?=[A-ZА-ЯЁ])"),  # И. И. Иванов
    re.compile(rf"(?<=\d) (?=(?:{_UNITS})(?!\w))"),
)
_HYPHEN = re.compile(r"(?<=[ \u00a0])-(?=\s)")
_QUOTE_MARK = re.compile('["«»„“”]')
_PAIRS = frozenset({('"', '"'), ("«", "»"), ("„", "“"), ("„", "”"), ("“", "”")})
_REWRITTEN = frozenset('"«')
_OUTER, _INNER = ("«", "»"), ("„", "“")
_BEFORE_OPENING = frozenset(" \t\n\u00a0\u202f([{«„“")
_JOINTS = frozenset("-–—/")

Changes = dict[int, str]


def typeset(text: str, entities: Iterable[Entity] = ()) -> str:
    """Return `text` with «ёлочки» and „лапки“ for straight quotation marks, dashes for hyphens between words, and
    spaces that do not break before dashes and units, behind initials, № and §.

    The result is as long as `text`, so `entities` hold for it as they are. Doing it twice changes nothing. Quotation
    marks of a paragraph in which they do not pair stay as they are, since nobody can tell what was meant.
    """
    exact = _exact(text, entities)
    signs = list(text)
    for change in (_dashes, _quotation_marks, _spaces):
        for place, sign in change("".join(signs), exact).items():
            signs[place] = sign
    return "".join(signs)


def _exact(text: str, entities: Iterable[Entity]) -> bytes:
    """Mark with 1 what is not to be touched."""
    marks = bytearray(len(text))
    spans = spans_of(text, entities)
    places = [(span.start, span.end) for span in spans if span.entity.type in _UNTOUCHED]
    places += [(span.start, span.end) for span in found_links(text, ())]
    places += [match.span() for match in _EXACT.finditer(text)]
    for start, end in places:
        marks[start:end] = b"\x01" * (end - start)
    return bytes(marks)


def _dashes(text: str, exact: bytes) -> Changes:
    places = (match.start() for match in _HYPHEN.finditer(text))
    return {place: _DASH for place in places if not exact[place] and _is_between_words(text, place)}


def _is_between_words(text: str, place: int) -> bool:
    """At the start of a line a hyphen makes an item of a list; between two numbers it may be a minus or a range."""
    before = text[text.rfind("\n", 0, place) + 1 : place].rstrip()
    after = text[place + 1 :].lstrip()
    return before != "" and not (before[-1].isdigit() and after[:1].isdigit())


def _spaces(text: str, exact: bytes) -> Changes:
    places = (match.start() for pattern in _SPACES for match in pattern.finditer(text))
    return {place: _NBSP for place in places if not exact[place]}


# Quotation marks


class _Opened(NamedTuple):
    place: int
    sign: str


def _quotation_marks(text: str, exact: bytes) -> Changes:
    changes: Changes = {}
    for line in re.finditer(r"[^\n]+", text):
        marks = [mark.start() for mark in _QUOTE_MARK.finditer(text, *line.span()) if not exact[mark.start()]]
        changes |= _paired(text, marks)
    return changes


def _paired(text: str, marks: Iterable[int]) -> Changes:
    """Return what becomes of the marks of one paragraph; nothing when one of them has no partner."""
    changes: Changes = {}
    opened: list[_Opened] = []
    opening: set[int] = set()
    for place in marks:
        sign = text[place]
        if _opens(text, place, opened, opening):
            opening.add(place)
            opened.append(_Opened(place, sign))
        elif opened and (opened[-1].sign, sign) in _PAIRS:
            first = opened.pop()
            if first.sign in _REWRITTEN:
                changes[first.place], changes[place] = _INNER if opened else _OUTER
        else:
            return {}
    return {} if opened else changes


def _opens(text: str, place: int, opened: Sequence[_Opened], opening: Container[int]) -> bool:
    """Tell whether a mark begins a quotation."""
    match text[place]:
        case "«" | "„":
            return True
        case "“":
            return not (opened and opened[-1].sign == "„")
        case '"':
            return _straight_opens(text, place, opening)
        case _:
            return False


def _straight_opens(text: str, place: int, opening: Container[int]) -> bool:
    before, after = text[max(0, place - 1) : place], text[place + 1 : place + 2]
    if not after.strip():
        return False
    if before == '"':
        return place - 1 in opening
    if before in _JOINTS:
        return after.isalnum() or after in '"«„'
    return not before or before in _BEFORE_OPENING
