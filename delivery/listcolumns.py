"""Which column of a list file holds what: by its heading, or else by what stands in it."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.csvtext import Row

__all__ = ["Columns", "find_columns"]


def _names(text: str) -> frozenset[str]:
    return frozenset(" ".join(name.split()) for name in text.split("|"))


_ADDRESS = _names("""
    email | e mail | emails | mail | email address | e mail address | mail address | email адрес | e mail адрес
    | адрес email | адрес e mail | почта | эл почта | электронная почта | электронный адрес | адрес электронной почты
    | адрес эл почты | адрес почты | почтовый ящик | емейл | имейл | имэйл | мейл | мэйл
""")
_MAYBE_ADDRESS = _names("адрес | адреса | address | addresses | контакт | контакты | contact | contacts")
_NAME = _names("""
    имя | фио | ф и о | имя и фамилия | фамилия и имя | имя фамилия | фамилия имя | фамилия имя отчество
    | контактное лицо | контакт | получатель | сотрудник | председатель | ответственный
    | name | full name | fullname | contact | contact person | person
""")
_NAME_PART = _names("фамилия | имя | отчество | surname | last name | first name | given name | middle name")
_ORGANISATION = _names("""
    организация | орг | название организации | наименование организации | название | наименование | предприятие
    | учреждение | компания | членская организация | первичная организация | первичная профсоюзная организация
    | профсоюзная организация | профсоюз | ппо | место работы
    | organization | organisation | company | employer | institution | union
""")
_TAGS = _names("метки | метка | теги | тег | группы | группа | tags | tag | groups | group")
_CONSENT = _names("""
    согласие | согласие на рассылку | согласие на получение писем | согласие на обработку
    | согласие на обработку персональных данных | согласие на обработку пд | consent | opt in
""")
_CONSENT_SOURCE = _names("""
    источник согласия | основание согласия | основание | источник | откуда согласие | consent source | source
""")
_CONSENT_ON = _names("дата согласия | согласие от | когда согласие | дата | consent date | date")
_HEADER_DEPTH = 10  # filled lines, of which all but the last may be titles above the header
_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)?"
_PERSON = re.compile(rf"{_WORD} {_WORD}( {_WORD})?|{_WORD} [^\W\d_]\. ?([^\W\d_]\.)?")
_LOOKED_AT = 1000  # rows from which the content of a column is guessed


@dataclass(frozen=True, slots=True)
class Columns:
    """Numbers of the columns from 0. `width` is the header's, 0 without one."""

    address: tuple[int, ...]
    name: tuple[int, ...]
    organisation: tuple[int, ...]
    tags: tuple[int, ...] = ()
    consent: tuple[int, ...] = ()
    consent_source: tuple[int, ...] = ()
    consent_on: tuple[int, ...] = ()
    width: int = 0

    @property
    def remarks(self) -> bool:
        """Whether there is a column of tags or consent."""
        return bool(self.tags or self.consent or self.consent_source or self.consent_on)


def find_columns(rows: Sequence[Row]) -> tuple[Columns, tuple[str, ...], Sequence[Row]]:
    """Return the columns, the header as it is written (empty without one), and the rows below it.

    At least one cell of `rows` must hold an @.
    """
    at = _header_at(rows)
    if at is None:
        return _by_content(rows), (), rows
    header = tuple(cell.strip() for cell in rows[at].cells)
    below = rows[at + 1 :]
    return _by_heading([_plain(cell) for cell in header], below), header, below


def _header_at(rows: Sequence[Row]) -> int | None:
    for at, row in enumerate(rows[:_HEADER_DEPTH]):
        if any("@" in cell for cell in row.cells):
            return None if at == 0 else _named_at_all(rows[0])
        if any(_plain(cell) in _ADDRESS | _MAYBE_ADDRESS for cell in row.cells):
            return at
    return _named_at_all(rows[0])


def _named_at_all(first: Row) -> int | None:
    """A first line that names a person's or an organisation's column is a header too: 0; any other is none."""
    return 0 if {_plain(cell) for cell in first.cells} & (_NAME | _ORGANISATION) else None


def _plain(cell: str) -> str:
    """A heading without what people decorate it with: «E-mail № 2:» is `e mail`."""
    return " ".join(re.sub(r"[\W\d_]+", " ", cell.casefold().replace("ё", "е")).split())


def _by_heading(words: Sequence[str], rows: Sequence[Row]) -> Columns:
    with_at = {column for row in rows for column, cell in enumerate(row.cells) if "@" in cell}
    address = [column for column, word in enumerate(words) if word in _ADDRESS and column in with_at]
    maybe = [column for column, word in enumerate(words) if word in _MAYBE_ADDRESS and column in with_at]
    address = address or maybe[:1] or _address_columns(rows)
    name = [column for column, word in enumerate(words) if word in _NAME and column not in address][:1]
    parts = [column for column, word in enumerate(words) if word in _NAME_PART]
    if len(parts) > 1 and set(name) <= set(parts):
        name = parts
    return Columns(
        tuple(address),
        tuple(name),
        organisation=_first(words, _ORGANISATION),
        tags=tuple(column for column, word in enumerate(words) if word in _TAGS),
        consent=_first(words, _CONSENT),
        consent_source=_first(words, _CONSENT_SOURCE),
        consent_on=_first(words, _CONSENT_ON),
        width=len(words),
    )


def _first(words: Sequence[str], wanted: frozenset[str]) -> tuple[int, ...]:
    return tuple(column for column, word in enumerate(words) if word in wanted)[:1]


def _by_content(rows: Sequence[Row]) -> Columns:
    address = dict.fromkeys(_address_columns(rows))  # ordered, and quick to ask: one line may be all the list
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows[:_LOOKED_AT]:
        for column, cell in enumerate(row.cells):
            if column not in address and re.search(r"[^\W\d_]", cell):
                texts[column].append(" ".join(cell.split()))
    people = [column for column in sorted(texts) if 2 * sum(map(_is_person, texts[column])) > len(texts[column])][:1]
    others = [column for column in sorted(texts) if column not in people][:1]
    return Columns(tuple(address), tuple(people), tuple(others))


def _address_columns(rows: Sequence[Row]) -> list[int]:
    """The columns in which at least every second filled cell has an @; failing that, the one with the most."""
    filled: Counter[int] = Counter()
    with_at: Counter[int] = Counter()
    for row in rows:
        filled.update(column for column, cell in enumerate(row.cells) if cell.strip())
        with_at.update(column for column, cell in enumerate(row.cells) if "@" in cell)
    found = sorted(column for column, count in with_at.items() if 2 * count >= filled[column])
    return found or [with_at.most_common(1)[0][0]]


def _is_person(text: str) -> bool:
    return _PERSON.fullmatch(text) is not None and all(word[0].isupper() for word in text.split())
