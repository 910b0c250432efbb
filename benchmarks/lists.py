"""How long does a mailing list file take to become members?

Reads a CSV file and reads it again as a naive program would: one call of email-validator for each line, in the same
run. A fresh domain for each line is the worst case, a few hundred domains the usual one.

    python -m benchmarks.lists [LINES]
"""

import csv
import sys
import time
from collections.abc import Callable
from io import StringIO

from email_validator import validate_email

from delivery.listfile import read


def csv_file(lines: int, domains: int) -> bytes:
    """Return a list of members as a spreadsheet program saves it."""
    rows = (f"ППО «Завод № {n}»;user{n}@firm{n % domains}.ru;Иванов Иван {n}\r\n" for n in range(lines))
    return ("Организация;E-mail;ФИО\r\n" + "".join(rows)).encode("cp1251")


def naively(data: bytes) -> None:
    """Split and check, and nothing else."""
    rows = csv.DictReader(StringIO(data.decode("cp1251"), newline=""), delimiter=";")
    for row in rows:
        validate_email(row["E-mail"], check_deliverability=False)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main(lines: int) -> None:
    """Measure and print."""
    for name, domains in (("300 domains", 300), ("a domain for each line", lines)):
        data = csv_file(lines, domains)
        ours = seconds(lambda data=data: read("list.csv", data))  # type: ignore[misc]
        naive = seconds(lambda data=data: naively(data))  # type: ignore[misc]
        rate = lines / ours
        print(f"{lines} lines, {name}: {ours:.2f} s, {rate:,.0f} lines/s, {naive / ours:.1f} x as fast as naively")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
