"""Addresses as they may stand on the wire."""

import re

from email_validator import EmailNotValidError, validate_email

__all__ = ["mailbox", "on_the_wire"]

# RFC 5321 §4.1.2, Dot-string "@" Domain, in ASCII; lengths by §4.5.3.1. Quoted local parts are not let through.
_PLAIN = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", re.ASCII)
_LONGEST = 254
_NAMED = re.compile(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<angle>[^<>]*)>|(?P<bare>\S+))\s*")


def on_the_wire(address: str) -> str:
    """Return the address in ASCII, a Cyrillic domain as punycode. Raises ValueError when there is no such form."""
    if _PLAIN.fullmatch(address) and len(address) <= _LONGEST and ".." not in address:
        return address
    if address.isascii():
        raise ValueError("not an address")
    try:
        ascii_form = validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if ascii_form is None or not _PLAIN.fullmatch(ascii_form):
        raise ValueError("the part before @ is not ASCII")
    return ascii_form


def mailbox(text: str) -> tuple[str, str]:
    """Split `Имя <address>` into the name and the address in ASCII; the name may be empty. Raises ValueError."""
    match = _NAMED.fullmatch(text)
    if match is None:
        raise ValueError("not an address")
    name = (match["name"] or "").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, on_the_wire(match["angle"] or match["bare"])
