"""Signatures that tell mail services whose letter this is: DKIM, relaxed/relaxed (RFC 6376; Ed25519: RFC 8463).

A relaxed body has no blanks at the ends of lines, no two in a row, no tabs, and ends with exactly one line end. Our
bodies are made so (base64, and headers of parts that are written in this form), so they are hashed as they stand, and
what letters share before the first personal octet is hashed once (BodyHash).
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["BodyHash", "Fields", "Signer", "relaxed", "signatures"]

Fields = Mapping[bytes, bytes]
"""Header fields in relaxed form with their line ends, by name in small letters."""

# Named once more than they occur, so that nobody can add another one to a signed letter (RFC 6376 §8.15).
_ONLY_ONCE = (
    *("from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
# RFC 8058 §4 wants the fields for unsubscribing signed, Gmail its Feedback-ID.
_SIGNED = (*_ONLY_ONCE, "in-reply-to", "references", "list-id", "feedback-id", "auto-submitted")
_NAMES = (*_SIGNED, *_ONLY_ONCE)
_PICKED = tuple(name.encode() for name in _SIGNED)

_FIELD = re.compile(rb"([!-9;-~]+):((?:[^\r]|\r\n[ \t])*)\r\n")
_BLANKS = re.compile(rb"[ \t]+")
_WIDTH = 72  # of a line with a signature; RFC 5322 §2.1.1 asks for 78 at most


@dataclass(frozen=True)
class Signer:
    """One key: how it signs octets, and what the DNS says of it. `algorithm` is as a DNS record names it."""

    algorithm: str
    domain: str
    selector: str
    public_key: str
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @cached_property
    def beginning(self) -> bytes:
        """What a signature says before its time and its hashes."""
        named = f"v=1; a={self.algorithm}-sha256; c=relaxed/relaxed;"
        whose = f" d={self.domain}; s={self.selector};"
        return "\r\n".join([named, whose, *_folded(f"h={':'.join(_NAMES)};")]).encode("ascii")

    @property
    def record(self) -> tuple[str, str]:
        """The name and the text of the TXT record to publish (RFC 6376 §3.6)."""
        return f"{self.selector}._domainkey.{self.domain}", f"v=DKIM1; k={self.algorithm}; p={self.public_key}"


class BodyHash:
    """SHA-256 of bodies that begin alike."""

    def __init__(self, beginning: bytes) -> None:
        self._begun = hashlib.sha256(beginning)

    def of(self, rest: Iterable[bytes]) -> bytes:
        """Return the digest of a whole body."""
        begun = self._begun.copy()
        for piece in rest:
            begun.update(piece)
        return begun.digest()


def relaxed(fields: bytes) -> dict[bytes, bytes]:
    """Bring header fields into the form that is signed (RFC 6376 §3.4.2), by name; each occurs once."""
    return dict(_relaxed(name, value) for name, value in _FIELD.findall(fields))


def _relaxed(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    name = name.lower()
    return name, b"%b:%b\r\n" % (name, _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" "))


def signatures(signers: Sequence[Signer], fields: Fields, body_digest: bytes, moment: int) -> bytes:
    """Return a DKIM-Signature field for each key. `moment` is in seconds since 1970, UTC."""
    covered = b"".join([fields[name] for name in _PICKED if name in fields])
    body = b64encode(body_digest)
    return b"".join([_signature(signer, covered, body, moment) for signer in signers])


def _signature(signer: Signer, covered: bytes, body: bytes, moment: int) -> bytes:
    unsigned = b"DKIM-Signature: %b\r\n t=%d; bh=%b;\r\n b=" % (signer.beginning, moment, body)
    # Itself comes last, without the end of its line (RFC 6376 §3.7).
    itself = b"dkim-signature:" + _BLANKS.sub(b" ", unsigned.partition(b": ")[2].replace(b"\r\n", b""))
    value = b64encode(signer.sign(covered + itself))
    lines = [value[start : start + _WIDTH] for start in range(0, len(value), _WIDTH)]
    return unsigned + b"\r\n ".join(lines) + b"\r\n"


def _folded(names: str) -> list[str]:
    lines = [" "]
    for name in names.split(":"):
        if len(lines[-1]) + len(name) > _WIDTH:
            lines.append(" ")
        lines[-1] += f"{name}:"
    lines[-1] = lines[-1].removesuffix(":")
    return lines
