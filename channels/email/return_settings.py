"""What config.toml says about the mailbox where letters come back."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from channels.email.marks import Marks, parted

__all__ = ["ReturnSettings"]

_SHORTEST_SECRET = 16


def _pattern(text: str) -> str:
    if text:
        try:
            parted(text)
        except ValueError:
            raise PydanticCustomError("rupor.bad_return_path", "bad_return_path") from None
    return text


def _seal(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    length = len(secret.get_secret_value())
    if info.data.get("return_path") and not length:
        raise PydanticCustomError("rupor.missing_secret", "missing_secret")
    if 0 < length < _SHORTEST_SECRET:
        raise PydanticCustomError("rupor.too_short", "too_short", {"least": _SHORTEST_SECRET})
    return secret


def _uncovered(value: object) -> object:
    """Let the default pass where only text is awaited."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _nothing_when_empty(value: object) -> object:
    return None if value == "" else value


class ReturnSettings(BaseModel):
    """A mailbox read by IMAP, and how letters are marked so that what comes back to it is known again.

    `folder` is looked into every `every_minutes`; what was dealt with is moved to `done_folder`, or marked as read
    where there is none. `return_path` is the envelope sender with * where the mark comes; empty: it stays `sender`, and
    returns are known by their Message-ID alone. `secret` seals the marks: change it, and marks of letters that are out
    no longer count. `days` is how far back a mailbox is read that was never read before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    ca_file: Annotated[Path | None, BeforeValidator(_nothing_when_empty)] = None
    username: Annotated[str, Field(min_length=1)]
    password: Annotated[SecretStr, Field(min_length=1)]
    folder: Annotated[str, Field(min_length=1)] = "INBOX"
    done_folder: str = ""
    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    days: Annotated[int, Field(ge=1, le=90)] = 30
    return_path: Annotated[str, AfterValidator(_pattern)] = ""
    secret: Annotated[SecretStr, BeforeValidator(_uncovered), AfterValidator(_seal), Field(validate_default=True)] = (
        SecretStr("")
    )

    @cached_property
    def marks(self) -> Marks | None:
        """What writes and recognises marks; None where letters are not marked."""
        return Marks(self.return_path, self.secret.get_secret_value()) if self.return_path else None
