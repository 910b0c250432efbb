"""The texts of a letter as octets: what everybody reads, with places for what each recipient reads differently."""

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass

from channels.markup.personal import split_at_words

__all__ = ["Body", "Gapped", "base64_lines", "gapped", "octets", "opened"]

_LINE = 57  # octets in a base64 line of 76 (RFC 2045 §6.8)


@dataclass(frozen=True, slots=True)
class Gapped:
    """Octets with gaps: each is filled with what the recipient calls that field, else with its spare octets."""

    start: bytes
    gaps: tuple[tuple[str, bytes, bytes], ...] = ()  # the field, its spare, and what follows

    def filled(self, called: Mapping[str, bytes]) -> bytes:
        """Return the octets for one recipient."""
        if not self.gaps:
            return self.start
        rest = [piece for field, spare, after in self.gaps for piece in (called.get(field, spare), after)]
        return b"".join([self.start, *rest])


@dataclass(frozen=True, slots=True)
class Body:
    """A base64 body of which the end is still to come: whole lines that all have in common, and octets behind them."""

    lines: bytes
    rest: Gapped

    def closed(self, end: bytes, called: Mapping[str, bytes]) -> bytes:
        """Return the lines behind the common ones, for one recipient."""
        return base64_lines(self.rest.filled(called) + end)


def gapped(text: str) -> Gapped:
    """Encode a text that may have personal words in it."""
    start, words = split_at_words(text)
    return Gapped(octets(start), tuple((word.field, octets(word.spare or ""), octets(after)) for word, after in words))


def opened(text: str) -> Body:
    """Encode as much of a text as all recipients have in common."""
    whole = gapped(text)
    border = len(whole.start) - len(whole.start) % _LINE
    return Body(base64_lines(whole.start[:border]), Gapped(whole.start[border:], whole.gaps))


def octets(text: str) -> bytes:
    """Encode text with the line ends that it has inside base64 (RFC 2046 §4.1.1)."""
    return text.replace("\n", "\r\n").encode("utf-8", "replace")


def base64_lines(content: bytes) -> bytes:
    """Encode as a body of its own, in lines (RFC 2045 §6.8)."""
    encoded = b2a_base64(content, newline=False)
    return b"".join([encoded[start : start + 76] + b"\r\n" for start in range(0, len(encoded), 76)])
