"""The envelope sender that tells which letter has come back: `press+b-31-7c0e…@example.org`.

It is the same for every attempt of a delivery, as greylisting asks for (RFC 6647 §2), and sealed, since anybody may
write to it: without the seal, who guesses numbers could take other people off the lists.
"""

import hmac
import re

from channels.email.addresses import on_the_wire

__all__ = ["LONGEST_MARK", "PLACE", "Marks", "first_in", "number_of", "parted"]

PLACE = "*"
"""Stands in a pattern where the mark comes: `press+*@example.org`, or `*@returns.example.org` with a catch-all."""

_NO_NUMBER = 1 << 63  # rows are numbered below it
_SEAL_DIGITS = 16  # 64 bits: each guess is a letter to send
_NUMBER = re.compile(r"b-([0-9]{1,19})-[0-9a-f]{16}")
_MARK = re.compile(rf"(?<![a-z0-9]){_NUMBER.pattern}(?![a-z0-9])", re.IGNORECASE)

LONGEST_MARK = 38
"""b-, nineteen digits, -, sixteen digits."""


class Marks:
    """Writes and recognises marks. `pattern` must have passed `parted`."""

    def __init__(self, pattern: str, secret: str) -> None:
        before, after = parted(pattern)
        self._before, self._after = before.encode(), after.encode()
        self._secret = secret.encode()

    def __repr__(self) -> str:
        return f"<Marks {self._before.decode()}{PLACE}{self._after.decode()}>"

    def sender(self, number: int, key: str) -> bytes:
        """Return the envelope sender of the delivery with this number and key."""
        return b"%bb-%d-%b%b" % (self._before, number, self._seal(number, key), self._after)

    def genuine(self, mark: str, key: str) -> bool:
        """Tell whether the mark was made here for the delivery with this key. Case does not count: relays change it."""
        number = number_of(mark)
        if number is None:
            return False
        wanted = b"b-%d-%b" % (number, self._seal(number, key))
        return hmac.compare_digest(wanted, mark.lower().encode("ascii", "replace"))

    def _seal(self, number: int, key: str) -> bytes:
        digest = hmac.digest(self._secret, b"return:%d:%b" % (number, key.encode()), "sha256")
        return digest.hex()[:_SEAL_DIGITS].encode()


def number_of(mark: str) -> int | None:
    """Return the number that a mark names; None when it is no mark."""
    match = _NUMBER.fullmatch(mark.lower())
    number = int(match[1]) if match else _NO_NUMBER
    return number if number < _NO_NUMBER else None


def first_in(text: str) -> str:
    """Return the first thing that looks like a mark, in lower case; empty when there is none."""
    match = _MARK.search(text)
    return match[0].lower() if match else ""


def parted(pattern: str) -> tuple[str, str]:
    """Split a pattern at its one PLACE, its domain in ASCII.

    Raises ValueError where marks would not make addresses of it, or none that fit (RFC 5321 §4.5.3.1.1).
    """
    before, place, after = pattern.strip().partition(PLACE)
    longest = "b" * LONGEST_MARK
    if not place or PLACE in after or "@" in before or "@" not in after:
        raise ValueError(f"one {PLACE} before the @ is needed")
    domain = on_the_wire(before + longest + after).rpartition("@")[2]
    return before, f"{after.partition('@')[0]}@{domain}"
