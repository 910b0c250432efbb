"""The small VK ID: exchanges a pair of tokens for a fresh one, as OAuth 2.1 at id.vk.com does."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.vk.things import Token

__all__ = ["ACCESS_LASTS", "Grant", "VkId"]

ACCESS_LASTS = timedelta(hours=1)
"""How long an access token is good. Source: VK ID, "Access token"."""

_NEEDED = ("grant_type", "refresh_token", "client_id", "device_id", "state")
_SHORTEST_STATE = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has allowed an application on one device. `access_token` is the one that is good now."""

    client_id: str
    device_id: str
    token: Token
    access_token: str = field(default="", repr=False)


class VkId:
    """Grants by their refresh tokens, each good for one exchange. `tokens` are those that the API knows."""

    def __init__(self, tokens: Callable[[], dict[str, Token]], now: Callable[[], datetime]) -> None:
        self.grants: dict[str, Grant] = {}
        self.violations: list[str] = []
        self._tokens = tokens
        self._now = now

    def allow(self, refresh_token: str, grant: Grant) -> None:
        """Let `refresh_token` be exchanged for a pair that opens what the grant's token opens."""
        self.grants[refresh_token] = grant

    def revoke(self) -> None:
        """Take back everything that people have allowed."""
        for grant in self.grants.values():
            self._tokens().pop(grant.access_token, None)
        self.grants.clear()

    def exchange(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer POST /oauth2/auth: the HTTP status and the JSON."""
        missing = [name for name in _NEEDED if not form.get(name)]
        if missing or form["grant_type"] != "refresh_token" or len(form["state"]) < _SHORTEST_STATE:
            complaint = f"{', '.join(missing)} is missing" if missing else "grant_type or state is wrong"
            self.violations.append(f"oauth2/auth: {complaint}")
            return 400, {"error": "invalid_request", "error_description": complaint, "state": form.get("state", "")}
        grant = self.grants.get(form["refresh_token"])
        if grant is None or (grant.client_id, grant.device_id) != (form["client_id"], form["device_id"]):
            return 401, {
                "error": "invalid_grant",
                "error_description": f"refresh token {form['refresh_token']} is not valid",
                "state": form["state"],
            }
        del self.grants[form["refresh_token"]]
        self._tokens().pop(grant.access_token, None)
        access, refresh = f"vk2.a.{secrets.token_urlsafe(24)}", f"vk2.r.{secrets.token_urlsafe(24)}"
        self._tokens()[access] = replace(grant.token, ends=self._now() + ACCESS_LASTS)
        self.grants[refresh] = replace(grant, access_token=access)
        return 200, {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": int(ACCESS_LASTS.total_seconds()),
            "user_id": grant.token.owner_id,
            "state": form["state"],
            "scope": " ".join(sorted(grant.token.rights)),
        }
