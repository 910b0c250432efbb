"""What config.toml says about a mail relay."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from channels.email.addresses import mailbox

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


def _nothing_when_empty(value: object) -> object:
    return None if value == "" else value


Limit = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """One relay and one sender.

    `per_second`, `per_minute`, `per_hour`, `per_day` and `per_connection` are the relay's limits; 0 means none.
    `per_domain` is on how many connections letters to one mail domain may be, so that a slow one leaves room for the
    others; 0 means three quarters of them. `unconfirmed` says what becomes of a letter whose acceptance was not heard:
    "ask" a person, or "repeat" it with the same Message-ID. `organisation` heads the letter (default: the sender's
    name), `footer` is the federation's own last words, `list_domain` ends every List-Id (default: the sender's domain)
    and must stay the same for ever (RFC 2919 §2). After `stale_hours` a letter is given up. `largest_letter` is in
    bytes as sent, base64 included.
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
    list_domain: Annotated[str, AfterValidator(_domain)] = ""
    stale_hours: Annotated[int, Field(ge=1)] = 24
    largest_letter: Annotated[int, Field(ge=10_000)] = 20_000_000

    @cached_property
    def sender_name(self) -> str:
        """The name in From; may be empty."""
        return mailbox(self.sender)[0]

    @cached_property
    def sender_address(self) -> str:
        """The address in From and in the envelope."""
        return mailbox(self.sender)[1]

    @cached_property
    def sender_domain(self) -> str:
        """What stands behind the @."""
        return self.sender_address.rpartition("@")[2]
