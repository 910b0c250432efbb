"""Members become a file that any spreadsheet program opens, and that `delivery.listfile` reads again. Pure."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from delivery.listlines import defused
from delivery.member import Consent, Member
from delivery.workbook import write_workbook

__all__ = ["HEADER", "as_csv", "as_workbook", "row"]

HEADER = ("E-mail", "Имя", "Организация", "Метки", "Согласие", "Источник согласия", "Дата согласия")
"""The columns of a member, by headings and words that an import reads again."""

_CONSENT = {Consent.YES: "да", Consent.NO: "нет", Consent.UNKNOWN: ""}


def row(member: Member, remarks: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a member's line below HEADER, and what stands in columns that follow, which an import passes by."""
    consent = (_CONSENT[member.consent], member.consent_source, member.consent_on)
    return (member.shown, member.name, member.organisation, ", ".join(member.tags or ()), *consent, *remarks)


def as_csv(rows: Iterable[Sequence[str]], *, first: bool = True) -> bytes:
    """Return lines of a CSV file that Excel opens by a double click: semicolons, formulas defused.

    The `first` lines of a file begin with the mark by which Excel knows UTF-8.
    """
    text = StringIO(newline="")
    lines = csv.writer(text, delimiter=";", lineterminator="\r\n")
    lines.writerows([defused(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig" if first else "utf-8")


def as_workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """Return an XLSX file. Its cells are texts, so that formulas need no defusing."""
    return write_workbook(rows)
