"""What config.toml says about a mail relay."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from channels.email.addresses import mailbox
from channels.email.brand import Logo, LogoError, is_colour, read_logo
from channels.email.return_settings import ReturnSettings

if TYPE_CHECKING:
    from channels.email.dkim import Signer

__all__ = ["Settings"]


def _sender(text: str) -> str:
    try:
        mailbox(text)
    except ValueError:
        raise PydanticCustomError("rupor.bad_address", "bad_address") from None
    return text


def _domain(text: str) -> str:
    if text:
        _sender(f"x@{text}")
    return text


def _signing_domain(text: str) -> str:
    return mailbox(f"x@{_domain(text)}")[1].partition("@")[2].lower() if text else text


def _rsa_key(pem: SecretStr) -> SecretStr:
    return _signing_key(pem, "rsa")


def _ed25519_key(pem: SecretStr) -> SecretStr:
    return _signing_key(pem, "ed25519")


def _signing_key(pem: SecretStr, algorithm: Literal["rsa", "ed25519"]) -> SecretStr:
    if pem.get_secret_value():
        from channels.email import dkim_keys  # noqa: PLC0415 - loads `cryptography`, which few need

        try:
            dkim_keys.signer(algorithm, pem.get_secret_value(), domain="", selector="")
        except dkim_keys.KeyRefusedError as error:
            known = {"cause": error.cause, "bits": error.bits, "algorithm": algorithm}
            raise PydanticCustomError("rupor.bad_signing_key", "bad_signing_key", known) from None
    return pem


def _colour(text: str) -> str:
    if not is_colour(text):
        raise PydanticCustomError("rupor.bad_colour", "bad_colour")
    return text


def _logo(path: Path | None) -> Path | None:
    """Read it now: a logo that can't be shown is told with everything else that is wrong in config.toml."""
    if path is not None:
        try:
            read_logo(path)
        except LogoError as error:
            values = {"path": str(path), "cause": error.fault.value, **error.values}
            raise PydanticCustomError("rupor.bad_logo", "bad_logo", values) from None
        except OSError as error:
            cause = _UNREADABLE.get(type(error), "other")
            values = {"path": str(path), "cause": cause}
            raise PydanticCustomError("rupor.file_unreadable", "file_unreadable", values) from None
    return path


_UNREADABLE = {FileNotFoundError: "not_found", PermissionError: "not_permitted", IsADirectoryError: "folder"}


def _templates(folder: Path | None) -> Path | None:
    """Look the folder through now. Each fault is a line: code, file, line, word, nearest, with tabs between them."""
    if folder is not None:
        from channels.email.inspection import TemplatesError, inspect  # noqa: PLC0415 - Jinja, only where it is needed

        try:
            inspect(folder)
        except TemplatesError as error:
            rows = [(each.code, each.file, str(each.line), each.word, each.nearest) for each in error.faults]
            faults = "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in rows)
            raise PydanticCustomError("rupor.bad_templates", "bad_templates", {"faults": faults}) from None
    return folder


def _nothing_when_empty(value: object) -> object:
    return None if value == "" else value


Limit = Annotated[int, Field(ge=0)]
Colour = Annotated[str, AfterValidator(_colour)]
Selector = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$")]  # RFC 6376 §3.1


class Settings(BaseModel):
    """One relay and one sender.

    `per_second`, `per_minute`, `per_hour`, `per_day` and `per_connection` are the relay's limits; 0 means none.
    `per_domain` is on how many connections letters to one mail domain may be, so that a slow one leaves room for the
    others; 0 means three quarters of them. `unconfirmed` says what becomes of a letter whose acceptance was not heard:
    "ask" a person, or "repeat" it with the same Message-ID. `organisation` heads the letter (default: the sender's
    name) beside its `logo`, under a band of its `colour`; links are of `link_colour`; both colours are moved until they
    can be seen (`channels.email.brand`). `footer` is the federation's own last words. `templates` is a folder with a
    letter of the federation's own (`channels.email.templates`). `list_domain` ends every List-Id (default: the
    sender's domain) and must stay the same for ever (RFC 2919 §2). After `stale_hours` a letter is given up.
    `largest_letter` is in bytes as sent, base64 included.

    `dkim_key` (RSA) and `dkim_ed25519_key`, both in PEM, sign letters for `dkim_domain` (default: the sender's domain);
    each is published under its selector. Without a key no letter is signed here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["email"] = "email"
    host: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: Annotated[Path | None, BeforeValidator(_nothing_when_empty)] = None
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: Annotated[str, Field(min_length=1), AfterValidator(_sender)]
    connections: Annotated[int, Field(ge=1, le=100)] = 10
    per_domain: Limit = 0
    per_second: Limit = 0
    per_minute: Limit = 0
    per_hour: Limit = 0
    per_day: Limit = 0
    per_connection: Limit = 0
    unconfirmed: Literal["ask", "repeat"] = "ask"
    organisation: str = ""
    footer: str = ""
    logo: Annotated[Path | None, BeforeValidator(_nothing_when_empty), AfterValidator(_logo)] = None
    colour: Colour = "#c8102e"
    link_colour: Colour = "#1d6fc0"
    templates: Annotated[Path | None, BeforeValidator(_nothing_when_empty), AfterValidator(_templates)] = None
    list_domain: Annotated[str, AfterValidator(_domain)] = ""
    stale_hours: Annotated[int, Field(ge=1)] = 24
    largest_letter: Annotated[int, Field(ge=10_000)] = 20_000_000
    returns: ReturnSettings | None = None

    dkim_key: Annotated[SecretStr, AfterValidator(_rsa_key)] = SecretStr("")
    dkim_selector: Selector = "rupor"
    dkim_ed25519_key: Annotated[SecretStr, AfterValidator(_ed25519_key)] = SecretStr("")
    dkim_ed25519_selector: Selector = "rupor-ed25519"
    dkim_domain: Annotated[str, AfterValidator(_signing_domain)] = ""

    def model_post_init(self, _context: object, /) -> None:
        """Have the logo in hand, so that rendering reads no file."""
        _ = self.brand_logo

    @cached_property
    def sender_name(self) -> str:
        """The name in From; may be empty."""
        return mailbox(self.sender)[0]

    @cached_property
    def sender_address(self) -> str:
        """The address in From and in the envelope."""
        return mailbox(self.sender)[1]

    @cached_property
    def brand_logo(self) -> Logo | None:
        """The logo as every letter carries it."""
        return read_logo(self.logo) if self.logo else None

    @cached_property
    def sender_domain(self) -> str:
        """What stands behind the @."""
        return self.sender_address.rpartition("@")[2]

    @cached_property
    def signers(self) -> "tuple[Signer, ...]":
        """What signs letters: nothing, one key or two."""
        domain = self.dkim_domain or self.sender_domain.lower()
        keys: list[tuple[Literal["rsa", "ed25519"], SecretStr, str]] = [
            ("rsa", self.dkim_key, self.dkim_selector),
            ("ed25519", self.dkim_ed25519_key, self.dkim_ed25519_selector),
        ]
        given = [(algorithm, pem.get_secret_value(), selector) for algorithm, pem, selector in keys]
        if not any(pem for _algorithm, pem, _selector in given):
            return ()
        from channels.email import dkim_keys  # noqa: PLC0415 - see above

        return tuple(dkim_keys.signer(each, pem, domain, selector) for each, pem, selector in given if pem)
