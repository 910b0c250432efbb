"""What a list file says of a person beside name and address: tags, and consent with its source and date. Pure."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import NamedTuple

from delivery.member import Consent, tag_of

__all__ = ["CLEARED", "NONE", "Remarks", "read"]

_BETWEEN_TAGS = re.compile(r"[,;|#:\r\n]+")  # the signs that part targets and tags elsewhere
_LONGEST_TAG = 50
CLEARED = frozenset({"-", "–", "—", "нет"})
"""In a column of tags: there are none, and those there were are to go."""
_UNSAID = frozenset({"", "-", "–", "—", "?", "н/д", "n/a", "неизвестно", "не известно", "не знаю", "unknown"})
_YES = frozenset(
    "да yes y true истина 1 + ✓ ✔ есть дано получено подтверждено согласен согласна".split()  # noqa: SIM905
)
_NO = frozenset(("нет", "no", "n", "false", "ложь", "0", "отказ", "отозвано", "не дано", "не согласен", "не согласна"))
_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%d/%m/%Y", "%Y.%m.%d", "%d-%m-%Y")
_TIME_OF_DAY = re.compile(r"[T ]\d{1,2}:\d{2}.*$| ?г\.?$")
# Day 0 of Excel, with its leap day of 1900 that never was. Source: ECMA-376 part 1, §18.17.4.1
_EXCEL_DAY_0 = date(1899, 12, 30)
_EXCEL_DAYS = range(20_000, 80_000)  # 1954 to 2119


class Remarks(NamedTuple):
    """In the order of the fields of a Member. `tags` is None where the file says nothing of them."""

    tags: tuple[str, ...] | None = None
    consent: Consent = Consent.UNKNOWN
    consent_source: str = ""
    consent_on: str = ""


NONE = Remarks()


def read(*, tags: Sequence[str], consent: str, source: str, on: str) -> tuple[Remarks, list[str]]:
    """Return what the cells say, and the texts that say nothing clear."""
    unclear: list[str] = []
    found = _tags(tags, unclear)
    word = consent.casefold().strip(" .")
    answer = Consent.YES if word in _YES else Consent.NO if word in _NO else Consent.UNKNOWN
    if answer is Consent.UNKNOWN and word not in _UNSAID:
        unclear.append(consent)
    return Remarks(found, answer, source, _date(on, unclear)), unclear


def _tags(cells: Sequence[str], unclear: list[str]) -> tuple[str, ...] | None:
    words = [tag_of(word) for cell in cells for word in _BETWEEN_TAGS.split(cell)]
    unclear += [word for word in words if len(word) > _LONGEST_TAG]
    kept = {word for word in words if word and word not in CLEARED and len(word) <= _LONGEST_TAG}
    if not kept and not CLEARED.intersection(words):
        return None
    return tuple(sorted(kept))


def _date(text: str, unclear: list[str]) -> str:
    """Return a date by ISO 8601, empty where there is none."""
    if text.casefold() in _UNSAID | CLEARED:
        return ""
    written = _TIME_OF_DAY.sub("", text.strip()).strip()
    if written.isdecimal() and int(written) in _EXCEL_DAYS:
        return (_EXCEL_DAY_0 + timedelta(days=int(written))).isoformat()
    for form in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(written, form).date().isoformat()  # noqa: DTZ007 - a day has no zone
    unclear.append(text)
    return ""
