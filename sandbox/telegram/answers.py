"""How the Bot API says no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ApiError", "bad_request", "forbidden"]


@dataclass
class ApiError(Exception):
    """An answer with `ok: false`. `parameters` may carry retry_after (seconds) or migrate_to_chat_id."""

    code: int
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {self.description}"

    def body(self) -> dict[str, Any]:
        """Return the JSON document of the answer."""
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = dict(self.parameters)
        return body


def bad_request(description: str, **parameters: Any) -> ApiError:
    """Make a 400 in Telegram's wording."""
    return ApiError(400, f"Bad Request: {description}", parameters)


def forbidden(description: str) -> ApiError:
    """Make a 403 in Telegram's wording."""
    return ApiError(403, f"Forbidden: {description}")
