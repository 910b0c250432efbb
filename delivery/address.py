"""One e-mail address: from what a person typed to what goes on the envelope. Never asks the DNS."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

__all__ = ["Address", "AddressCode", "AddressError", "check_address"]

# RFC 5321 §4.5.3.1.1 and §4.5.3.1.3 (a path of 256 octets holds two angle brackets)
_LOCAL_LIMIT = 64
_ADDRESS_LIMIT = 254
_TEXT_LIMIT = 1000  # beyond it nothing is looked at
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")  # RFC 5322 §3.2.3
_LATIN = re.compile("[a-z]", re.IGNORECASE)
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


class AddressCode(StrEnum):
    """Why a text is no address that mail can be sent to."""

    NO_AT = "no_at"
    EXTRA_TEXT = "extra_text"  # values: extra
    BAD_LOCAL = "bad_local"  # values: part; what stands before the @
    BAD_DOMAIN = "bad_domain"  # values: part; what stands after the @
    NOT_LATIN = "not_latin"  # values: letters; before the @, and relays carry only ASCII there
    MIXED_LETTERS = "mixed_letters"  # values: letters; Cyrillic look-alikes among Latin letters
    TOO_LONG = "too_long"  # values: length, limit


class AddressError(ValueError):
    """Not an address. `values` are what the code's sentence needs."""

    def __init__(self, code: AddressCode, values: Mapping[str, int | str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.values = dict(values or {})


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `ascii` is lower-cased, for envelopes, headers and comparing; `shown` is as people wrote it."""

    ascii: str
    shown: str = field(compare=False)

    def __str__(self) -> str:
        return self.shown


def check_address(text: str) -> Address:
    """Return the address that `text` holds and nothing else. Raises AddressError.

    Upper and lower case before the @ make no difference: RFC 5321 §2.4 lets a host tell them apart, none of the
    providers does, and a person who unsubscribed as Ivan@ must not hear from us as ivan@.
    """
    _check_length(text, _TEXT_LIMIT)
    text = _without_invisible(text)
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressError(AddressCode.NO_AT)
    if len(text.split()) > 1:
        raise AddressError(
            AddressCode.EXTRA_TEXT, {"extra": " ".join(word for word in text.split() if "@" not in word)}
        )
    _check_local(local)
    names = _domain(domain) if len(domain) <= _ADDRESS_LIMIT else None
    if names is None:
        raise AddressError(AddressCode.BAD_DOMAIN, {"part": domain[:_ADDRESS_LIMIT]})
    ascii_domain, shown_domain = names
    for label in shown_domain.split("."):
        if _LATIN.search(label) and _CYRILLIC.search(label):
            raise AddressError(AddressCode.MIXED_LETTERS, {"letters": _letters(_CYRILLIC, label)})
    address = f"{local}@{ascii_domain}"
    _check_length(address, _ADDRESS_LIMIT)
    return Address(ascii=address.lower(), shown=f"{local}@{shown_domain}")


def _check_local(local: str) -> None:
    if not local.isascii():
        code = AddressCode.MIXED_LETTERS if _LATIN.search(local) else AddressCode.NOT_LATIN
        raise AddressError(code, {"letters": _letters(re.compile(r"[^\x00-\x7f]"), local)})
    _check_length(local, _LOCAL_LIMIT)
    if not _DOT_ATOM.fullmatch(local):
        raise AddressError(AddressCode.BAD_LOCAL, {"part": local})


def _check_length(text: str, limit: int) -> None:
    if len(text) > limit:
        raise AddressError(AddressCode.TOO_LONG, {"length": len(text), "limit": limit})


def _letters(wanted: re.Pattern[str], text: str) -> str:
    return "".join(dict.fromkeys(wanted.findall(text)))[:20]


def _without_invisible(text: str) -> str:
    """Drop what copying from web pages and word processors leaves behind: soft hyphens, zero-width signs, marks."""
    if text.isascii():
        return text.strip()
    return "".join(sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign) != "Cf").strip()


# A list of thousands has a few hundred domains, and an IDN costs ten times as much to check as all the rest of a line.
@lru_cache(maxsize=4096)
def _domain(domain: str) -> tuple[str, str] | None:
    try:
        checked = validate_email(f"a@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return checked.ascii_domain.lower(), checked.domain
